#define _GNU_SOURCE
#include "CLinux.h"
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

int linux_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int linux_ignore_newcomers(int listener) {
    int no_interface = INT_MAX;
    return setsockopt(listener, SOL_SOCKET, SO_BINDTOIFINDEX, &no_interface, sizeof no_interface);
}

int linux_epoll_create(void) {
    return (int)syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
}

int linux_timerfd_create(void) {
    return (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

int linux_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    return (int)syscall(SYS_epoll_ctl, epoll, operation, descriptor, event);
}

int linux_ready_descriptor(void) {
    return (int)syscall(SYS_eventfd2, 1, EFD_NONBLOCK | EFD_CLOEXEC);
}

int linux_processor_count(void) {
    // More than 1,024 processors need a larger mask; the call says so with EINVAL.
    for (int processors = 1024; processors <= 1 << 16; processors *= 2) {
        cpu_set_t *set = CPU_ALLOC(processors);
        if (set == NULL) return 1;
        size_t size = CPU_ALLOC_SIZE(processors);
        int result = sched_getaffinity(0, size, set);
        int count = result == 0 ? CPU_COUNT_S(size, set) : 1;
        CPU_FREE(set);
        if (result == 0) return count;
    }
    return 1;
}

static void *pass(void *argument) {
    pthread_mutex_t *gate = argument;
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

int linux_try_threads(int count) {
    enum { most = 64 };
    pthread_t threads[most];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int error = 0, started = 0;
    pthread_mutex_lock(&gate);
    while (error == 0 && started < count && started < most) {
        error = pthread_create(&threads[started], NULL, pass, &gate);
        if (error == 0) started++;
    }
    pthread_mutex_unlock(&gate);
    while (started > 0) pthread_join(threads[--started], NULL);
    return error;
}

void linux_keep_little_free_memory(void) {
    // A fixed threshold: by default it grows with what was freed, up to 32 MiB, and large blocks then come from heaps that
    // one small block keeps from shrinking.
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    // Each heap of its own reserves 64 MiB of address space, and keeps free memory from the others.
    mallopt(M_ARENA_MAX, 2);
}

void linux_return_free_memory(void) {
    malloc_trim(0);
}

const char *linux_error_text(int code) {
    return strerrordesc_np(code);
}
