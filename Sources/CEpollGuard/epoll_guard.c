// The guard between libdispatch and the kernel: system calls of libdispatch that this program makes itself.
//
// 1. A client's RST. libdispatch waits for its descriptors with epoll_wait(2) on one manager thread. On EPOLLHUP it
// concludes that the descriptor is dead, marks its note "needs delete", and lets the worker thread that runs the source's
// handler delete it: that thread unlinks the note from a list and frees it, without a lock, while the manager walks the
// same list. Two clients that reset their connections at the wrong moment are enough for a SIGSEGV in
// _dispatch_unote_register_muxed. epoll reports EPOLLHUP and EPOLLERR whether asked for or not, so a server cannot avoid
// them by what it registers. (libdispatch issues #949 and #833, swift-corelibs-foundation #3276; read in
// src/event/event_epoll.c of the release that comes with Swift 6.3.)
//
// So epoll_wait calls epoll_pwait(2) without a mask, which is the same system call in all but name, and turns HUP and ERR
// into IN and OUT. The handler then does what it always does: recv(2) says end of file or ECONNRESET, send(2) EPIPE, and the
// source is cancelled the ordinary way, which makes the manager delete the note. Both bits, because a source that waits to
// write would not see an EPOLLIN, and libdispatch would arm the descriptor again at once, and again. A bit that no source
// waits for is delivered to nobody.
//
// 2. A call that fails. libdispatch ends the process without a word when it cannot make its epoll instance, eventfd or
// timerfd; without a signalfd it serves without signals; without a thread it tries again endlessly; and when epoll_ctl(2) fails
// the source is deaf and nobody knows.
// And where it reads its eventfd, sets its timerfd or waits in vain, it does so again at once, for good.
// So these end the process with a sentence; those that are made while it runs are tried again for a quarter of a second
// before. A failed epoll_ctl for a descriptor of the program's is kept for the server,
// which asks for it with epoll_guard_take_failure and closes the descriptor.
//
// The linker takes these functions for libdispatch's calls: with --static-swift-stdlib because they come before libc, with
// the shared libdispatch because the linker exports a symbol that a shared library on its command line lacks.
//
// Part 1 may go when libdispatch deletes notes on the manager only, part 2 when it reports errors.
// Tests/Behaviour/test_epoll_guard.py counts the EPOLL_CTL_DELs of other threads under a storm of RSTs, and fails when this
// file is not linked in; Tests/Faults/torture.py makes each call fail.

#define _GNU_SOURCE
#include "CEpollGuard.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t calls;

uint64_t epoll_guard_calls(void) {
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

static _Atomic int is_set_up;

// Ends the process with EX_OSERR of sysexits.h.
static int required(int result, const char *call) {
    if (result < 0) {
        char text[200];
        const char *action = atomic_load(&is_set_up) ? "cannot serve any more" : "cannot set up libdispatch";
        int length = snprintf(text, sizeof text, "%s: %s: %s; check the limits on open files, processes and memory\n", action,
                              call, strerrordesc_np(errno));
        if (length > 0) (void)!write(STDERR_FILENO, text, (size_t)length);
        _exit(71);
    }
    return result;
}

// Whether to make a call again that has failed so often: it waits a little longer each time.
static int must_retry(int failures) {
    if (failures > 8) return 0;
    int error = errno;
    nanosleep(&(struct timespec){.tv_nsec = 1000000L << (failures - 1)}, NULL);
    errno = error;
    return 1;
}

int epoll_create1(int flags) {
    return required((int)syscall(SYS_epoll_create1, flags), "epoll_create1");
}

// The descriptors that libdispatch cannot do without; it keeps them for the life of the process. It makes one eventfd, one
// signalfd for each signal, and a timerfd for each clock.
static _Atomic int vital[32];

static int keep(int descriptor) {
    for (int i = 0; i < 32; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&vital[i], &none, descriptor + 1)) break;
    }
    return descriptor;
}

static int is_vital(int descriptor) {
    // Not one that has got the number since: these are anonymous inodes, without a type.
    struct stat status;
    if (fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) != 0) return 0;
    for (int i = 0; i < 32; i++) {
        if (atomic_load_explicit(&vital[i], memory_order_relaxed) == descriptor + 1) return 1;
    }
    return 0;
}

int eventfd(unsigned count, int flags) {
    return keep(required((int)syscall(SYS_eventfd2, count, flags), "eventfd"));
}

int timerfd_create(clockid_t clock, int flags) {
    return keep(required((int)syscall(SYS_timerfd_create, clock, flags), "timerfd_create"));
}

int timerfd_settime(int descriptor, int flags, const struct itimerspec *new, struct itimerspec *old) {
    int result;
    int failures = 0;
    do {
        result = (int)syscall(SYS_timerfd_settime, descriptor, flags, new, old);
    } while (result < 0 && must_retry(++failures));
    return required(result, "timerfd_settime");
}

int eventfd_read(int descriptor, eventfd_t *value) {
    ssize_t result;
    int failures = 0;
    do {
        result = read(descriptor, value, sizeof *value);
        // It is only read when epoll says that it can be.
    } while (result < 0 && must_retry(++failures));
    return required(result == sizeof *value ? 0 : -1, "read");
}

int signalfd(int descriptor, const sigset_t *mask, int flags) {
    // The kernel's signal set has 64 bits, glibc's has more.
    return keep(required((int)syscall(SYS_signalfd4, descriptor, mask, (size_t)8, flags), "signalfd"));
}

// Failures that the server has not asked for yet: one word each, 0 for a free place. When all are taken, further ones are
// lost; a system on which more than 256 calls fail within one sweep fails the next ones too.
static _Atomic uint64_t failures[256];
// Whether there ever was one: looking through all of them costs time.
static _Atomic int has_failed;

// Adding what is there already and changing what is not are each other's remedy: either way libdispatch wants the
// descriptor to be watched. What libdispatch needs for itself is tried for longer.
static int control(int epoll, int operation, int descriptor, struct epoll_event *event) {
    for (int failures = 1; failures < 20; failures++) {
        if (syscall(SYS_epoll_ctl, epoll, operation, descriptor, event) == 0) return 0;
        int error = errno;
        if (operation == EPOLL_CTL_DEL && (error == ENOENT || error == EBADF)) break;
        int is_enough = failures > 2 && !is_vital(descriptor);
        errno = error;
        if (is_enough) break;
        if (operation == EPOLL_CTL_ADD && error == EEXIST) operation = EPOLL_CTL_MOD;
        else if (operation == EPOLL_CTL_MOD && error == ENOENT) operation = EPOLL_CTL_ADD;
        else if (!must_retry(failures)) break;
    }
    return -1;
}

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    int result = control(epoll, operation, descriptor, event);
    if (result < 0 && operation != EPOLL_CTL_DEL) {
        int error = errno;
        if (is_vital(descriptor)) required(result, "epoll_ctl");
        epoll_guard_keep_failure(descriptor, error);
        errno = error;
    }
    return result;
}

void epoll_guard_keep_failure(int descriptor, int error) {
    atomic_store(&has_failed, 1);
    uint64_t failure = (uint64_t)(uint32_t)error << 32 | (uint32_t)descriptor;
    for (int i = 0; i < 256; i++) {
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(&failures[i], &none, failure)) break;
    }
}

int epoll_guard_take_failure(int *error) {
    for (int i = 0; i < 256; i++) {
        if (atomic_load_explicit(&failures[i], memory_order_relaxed) == 0) continue;
        uint64_t failure = atomic_exchange(&failures[i], 0);
        if (failure == 0) continue;
        *error = (int)(failure >> 32);
        return (int)(failure & 0xFFFFFFFF);
    }
    return -1;
}

void epoll_guard_forget(int descriptor) {
    if (!atomic_load_explicit(&has_failed, memory_order_relaxed)) return;
    for (int i = 0; i < 256; i++) {
        uint64_t failure = atomic_load_explicit(&failures[i], memory_order_relaxed);
        if (failure != 0 && (uint32_t)failure == (uint32_t)descriptor) atomic_compare_exchange_strong(&failures[i], &failure, 0);
    }
}

static _Atomic int refused_threads;

void epoll_guard_set_up(void) {
    atomic_store(&is_set_up, 1);
}

// Where no thread can be made libdispatch tries again every second, in the midst of whatever called it. Before the program
// is set up nothing else can end that.
// A sanitizer has a pthread_create of its own, which sees every thread.
#if !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    if (create == NULL) return ENOSYS;
    int result = create(thread, attributes, start, argument);
    if (result == EAGAIN && !atomic_load(&is_set_up) && atomic_fetch_add(&refused_threads, 1) >= 4) {
        errno = result;
        required(-1, "pthread_create");
    }
    return result;
}
#endif

// Wakes the thread that waits in epoll_wait. libdispatch would go on without waking it.
int eventfd_write(int descriptor, eventfd_t value) {
    ssize_t result;
    int failures = 0;
    do {
        result = write(descriptor, &value, sizeof value);
        // EAGAIN: it has been written to so often that it is readable in any case.
        if (result < 0 && errno == EAGAIN) return 0;
    } while (result < 0 && must_retry(++failures));
    return required(result == sizeof value ? 0 : -1, "eventfd_write");
}

int epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout) {
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    int count;
    int failures = 0;
    do {
        count = epoll_pwait(epoll, events, capacity, timeout, NULL);
    } while (count < 0 && errno != EINTR && must_retry(++failures));
    // libdispatch takes any other error for a bug of its own and traps.
    if (count < 0 && errno != EINTR) required(count, "epoll_wait");
    for (int i = 0; i < count; i++) {
        if (events[i].events & (EPOLLHUP | EPOLLERR)) {
            events[i].events &= ~(uint32_t)(EPOLLHUP | EPOLLERR);
            events[i].events |= EPOLLIN | EPOLLOUT;
        }
    }
    return count;
}
