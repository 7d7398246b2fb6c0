#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int linux_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int linux_ignore_newcomers(int listener) {
    int no_interface = INT_MAX;
    return setsockopt(listener, SOL_SOCKET, SO_BINDTOIFINDEX, &no_interface, sizeof no_interface);
}

bool linux_ignores_newcomers(int listener) {
    int interface = 0;
    socklen_t length = sizeof interface;
    return getsockopt(listener, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, &length) == 0 && interface == INT_MAX;
}

// Large enough for the maximum number of descriptors, and aligned for the header.
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(linux_most_descriptors * sizeof(int))];
};

ssize_t linux_send_descriptors(int socket, const void *bytes, size_t length, const int *descriptors, int count) {
    if (count < 0 || count > linux_most_descriptors) {
        errno = EINVAL;
        return -1;
    }
    union control control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t linux_receive_descriptors(
    int socket, void *bytes, size_t length, int *descriptors, int *count, bool *truncated) {
    int most = *count < 0 ? 0 : *count > linux_most_descriptors ? linux_most_descriptors : *count;
    union control control = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    // CMSG_LEN instead of CMSG_SPACE: the padding after an odd number of descriptors has space for another one.
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(most * sizeof(int))};
    *count = 0;
    *truncated = false;
    ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    *truncated = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int found = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        // A message has one such header, with at most the requested number of descriptors.
        if (found > most - *count) found = most - *count;
        memcpy(descriptors + *count, CMSG_DATA(header), found * sizeof(int));
        *count += found;
    }
    return received;
}

int linux_memory_file(const char *name) {
    // MFD_NOEXEC_SEAL (Linux 6.3): the file can never be executed. Older kernels do not know the flag.
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | 8U);
    return file >= 0 || errno != EINVAL ? file : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static const int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

int linux_seal(int file) {
    return fcntl(file, F_ADD_SEALS, all_seals | F_SEAL_SEAL) < 0 ? -1 : 0;
}

bool linux_is_sealed(int file) {
    int seals = fcntl(file, F_GET_SEALS);
    return seals >= 0 && (seals & all_seals) == all_seals;
}

bool linux_write_all(int descriptor, const void *bytes, size_t length) {
    int failures = 0;
    for (size_t done = 0; done < length;) {
        ssize_t count = write(descriptor, (const char *)bytes + done, length - done);
        if (count > 0) {
            done += count;
            failures = 0;
            continue;
        }
        if (count < 0 && errno == EAGAIN) poll(&(struct pollfd){.fd = descriptor, .events = POLLOUT}, 1, -1);
        else if (count < 0 && errno != EINTR) return false;
        // A descriptor that polls as writable but takes nothing must not keep a processor busy.
        if (++failures > 8) usleep(20000);
    }
    return true;
}

ssize_t linux_read_all(int file, void *bytes, size_t length, off_t offset) {
    size_t done = 0;
    while (done < length) {
        ssize_t count = pread(file, (char *)bytes + done, length - done, offset + done);
        if (count > 0) done += count;
        else if (count == 0) break;
        else if (errno != EINTR) return -1;
    }
    return done;
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
    // More than 1,024 processors need a larger mask; then the call fails with EINVAL.
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
    // A fixed threshold. By default it grows with freed blocks, up to 32 MiB; then large blocks are in heaps, which a single small
    // block keeps from shrinking.
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    // Each heap reserves 64 MiB of address space, and its free memory is not available to the others.
    mallopt(M_ARENA_MAX, 2);
}

void linux_return_free_memory(void) {
    malloc_trim(0);
}

const char *linux_error_text(int code) {
    return strerrordesc_np(code);
}
