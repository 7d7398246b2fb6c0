// The guard between libdispatch and a client's RST.
//
// libdispatch waits for its descriptors with epoll_wait(2) on one manager thread. Of an EPOLLHUP it concludes that the
// descriptor is dead, marks its note "needs delete", and lets the worker thread that runs the source's handler do the
// deleting: that thread unlinks the note from a list and frees it, without a lock, while the manager walks the same
// list. Two clients that reset their connections at the wrong moment are enough for a SIGSEGV in
// _dispatch_unote_register_muxed. With epoll, EPOLLHUP and EPOLLERR are reported whether asked for or not, so a server
// cannot avoid them by what it registers. (libdispatch issues #949 and #833, swift-corelibs-foundation #3276; read in
// src/event/event_epoll.c of the release that comes with Swift 6.3.)
//
// So this target defines epoll_wait itself, for the whole program. The linker takes it for libdispatch's call: with
// --static-swift-stdlib because it comes before libc, with the shared libdispatch because the linker exports a symbol
// that a shared library on its command line lacks. It calls epoll_pwait(2) without a mask, which is the same system
// call in all but name, and turns HUP and ERR into IN and OUT. The handler then does what it always does: recv(2) says
// end-of-file or ECONNRESET, send(2) EPIPE, and the source is cancelled the ordinary way, which makes the manager delete
// the note.
//
// Both bits, because a source that waits to write would not hear of an EPOLLIN, and libdispatch would arm the descriptor
// again at once, and again. A bit that no source waits for is handed to nobody.
//
// It may go when libdispatch deletes notes on the manager only. Tests/Behaviour/test_epoll_guard.py counts the EPOLL_CTL_DELs
// of other threads under a storm of RSTs, and fails when this file is not linked in.

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
            events[i].events |= EPOLLIN | EPOLLOUT;
        }
    }
    return count;
}
