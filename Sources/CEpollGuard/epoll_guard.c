// The epoll guard: functions that replace system calls of libdispatch in this program.
//
// 1. A client's RST. libdispatch waits for its descriptors with epoll_wait(2) on one manager thread. On EPOLLHUP it
// concludes that the descriptor is dead, marks its note "needs delete", and lets the worker thread that runs the source's
// handler delete it: that thread unlinks the note from a list and frees it, without a lock, while the manager walks the
// same list. Two clients that reset their connections at the wrong moment are enough for a SIGSEGV in
// _dispatch_unote_register_muxed. epoll reports EPOLLHUP and EPOLLERR whether asked for or not, so a server cannot avoid
// them by what it registers. (libdispatch issues #949 and #833, swift-corelibs-foundation #3276; read in
// src/event/event_epoll.c of the release that comes with Swift 6.3.)
//
// So epoll_wait calls epoll_pwait(2) without a mask, which is the same system call under another name, and replaces HUP and ERR
// by IN and OUT. Then the handler runs as usual: recv(2) returns end of file or ECONNRESET, send(2) returns EPIPE, and the
// source is cancelled normally, so the manager deletes the note. Both bits are needed: a source that waits for output does not
// get EPOLLIN, and libdispatch would re-arm the descriptor in a loop. A bit that no source waits for is ignored.
//
// 2. Failed calls. If libdispatch cannot create its epoll instance, eventfd or timerfd, it ends the process without a message.
// Without a signalfd it runs without signals. Without a thread it retries endlessly. If epoll_ctl(2) fails, the source gets no
// events, and the program does not learn it. If reading the eventfd, setting the timerfd or waiting fails, it retries at once,
// endlessly. So the guard ends the process with a message. Calls after the start are first retried for a quarter of a second. A
// failed epoll_ctl for a descriptor of the program is recorded. The server gets it from epoll_guard_take_failure, and closes the
// descriptor.
//
// The linker resolves the calls of libdispatch to these functions: with --static-swift-stdlib because they come before libc, with
// the shared libdispatch because the linker exports symbols that a shared library on its command line needs.
//
// Part 1 can be removed when libdispatch deletes notes only on the manager thread, part 2 when it reports errors.
// Tests/Behaviour/test_epoll_guard.py counts the EPOLL_CTL_DEL calls of other threads during many RSTs, and fails if this file is
// not linked in; Tests/Faults/torture.py makes each call fail.

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

// Waits, longer each time, and returns whether to retry a call that has failed this often.
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

// The descriptors that libdispatch needs for the life of the process: one eventfd, one signalfd for each signal, and one timerfd
// for each clock.
static _Atomic int vital[32];

static int keep(int descriptor) {
    for (int i = 0; i < 32; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&vital[i], &none, descriptor + 1)) break;
    }
    return descriptor;
}

static int is_vital(int descriptor) {
    // Check that the number is not of another file by now, and not of a connection that was closed since: these descriptors are
    // anonymous inodes, without a type, and some of libdispatch's are closed after the start.
    struct stat status;
    if (fstat(descriptor, &status) != 0 || (status.st_mode & S_IFMT) != 0) return 0;
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
        // libdispatch reads it only after an event.
    } while (result < 0 && must_retry(++failures));
    return required(result == sizeof *value ? 0 : -1, "read");
}

int signalfd(int descriptor, const sigset_t *mask, int flags) {
    // The kernel's signal set has 64 bits, glibc's has more.
    return keep(required((int)syscall(SYS_signalfd4, descriptor, mask, (size_t)8, flags), "signalfd"));
}

// Failures that the server has not taken yet: one word each, 0 for a free entry. If all are in use, further failures are lost; if
// more than 256 calls fail within one sweep, later ones will fail, too.
static _Atomic uint64_t failures[256];
// Whether there was any failure, to avoid searching all entries.
static _Atomic int has_failed;

// If an added descriptor is already there, change it; if a changed one is missing, add it: in both cases libdispatch wants it
// watched. Calls for libdispatch's own descriptors are retried for longer.
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

// If no thread can be created, libdispatch retries every second within the caller. Before the program is set up, nothing else can
// end that. With a sanitizer this is left out: the sanitizer replaces pthread_create itself.
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

// Wakes the thread in epoll_wait. libdispatch ignores a failure, and the thread would not wake.
int eventfd_write(int descriptor, eventfd_t value) {
    ssize_t result;
    int failures = 0;
    do {
        result = write(descriptor, &value, sizeof value);
        // EAGAIN: the counter is at its maximum, so the descriptor is readable.
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
    // libdispatch treats any other error as an internal bug, and traps.
    if (count < 0 && errno != EINTR) required(count, "epoll_wait");
    for (int i = 0; i < count; i++) {
        if (events[i].events & (EPOLLHUP | EPOLLERR)) {
            events[i].events &= ~(uint32_t)(EPOLLHUP | EPOLLERR);
            events[i].events |= EPOLLIN | EPOLLOUT;
        }
    }
    return count;
}
