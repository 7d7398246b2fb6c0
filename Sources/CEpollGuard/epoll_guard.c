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
            events[i].events |= EPOLLIN;
        }
    }
    return count;
}
