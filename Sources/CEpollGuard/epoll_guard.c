#define _GNU_SOURCE
#include "CEpollGuard.h"
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>

static _Atomic uint64_t calls;

uint64_t epoll_guard_calls(void) {
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

int epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout) {
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    int count = epoll_pwait(epoll, events, capacity, timeout, NULL);
    for (int i = 0; i < count; i++) {
        if (events[i].events & (EPOLLHUP | EPOLLERR)) {
            events[i].events &= ~(uint32_t)(EPOLLHUP | EPOLLERR);
            // Output too: with only EPOLLIN a source that waits to write would never hear of it, and libdispatch would
            // arm the descriptor again at once, and again. A bit that nobody waits for is ignored.
            events[i].events |= EPOLLIN | EPOLLOUT;
        }
    }
    return count;
}
