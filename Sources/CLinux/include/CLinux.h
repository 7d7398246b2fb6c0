// What Swift's Glibc overlay lacks on Linux: epoll, timerfd, eventfd, accept4, the text of an errno, and what a process
// was started with.
//
// No _GNU_SOURCE here: it would change types that the Glibc overlay has imported already. What needs it stands in
// CLinux.c behind a name of its own.
#pragma once

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/// accept4(2): the new descriptor, non-blocking and close-on-exec, or -1 with errno set. The client's address is written
/// to `address`, its length to `length`.
int linux_accept(int listener, struct sockaddr_storage *address, socklen_t *length);

/// Ties a TCP listener to an interface that does not exist (socket(7), SO_BINDTOIFINDEX), so that nobody finds it any
/// more, -1 with errno set if the system refuses. A handshake that has begun is completed, and its client accepted.
int linux_ignore_newcomers(int listener);

/// epoll_create1(2), timerfd_create(2), eventfd(2) and epoll_ctl(2) themselves. In a program with CEpollGuard, the functions
/// of libc's names are those that it gives to libdispatch.
int linux_epoll_create(void);
int linux_timerfd_create(void);
int linux_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event);

/// An eventfd(2) that is readable at once, non-blocking and close-on-exec, or -1 with errno set.
int linux_ready_descriptor(void);

/// The number of processors in the affinity mask (sched_getaffinity(2)); 1 if it cannot be read.
int linux_processor_count(void);

/// Starts so many threads (64 at most), which exist at the same time and end at once. 0, or the error of pthread_create(3)
/// when there cannot be so many.
int linux_try_threads(int count);

/// Sets malloc(3) so that memory that is free goes back to the system: large blocks are mapped one by one, and few heaps
/// are used (mallopt(3)). To be called before there are threads.
void linux_keep_little_free_memory(void);

/// Gives free memory of malloc(3) back to the system, wherever in its heaps it is (malloc_trim(3)).
void linux_return_free_memory(void);

/// The system's words for an errno in static storage, or NULL for a number that is none (strerrordesc_np(3)).
const char *linux_error_text(int code);

/// How many arguments `main` got, the program's name included. Swift's own `CommandLine` reads /proc/self/cmdline and
/// sees none where /proc is not mounted.
int linux_argument_count(void);

/// The argument at `index` as `main` got it, NULL beyond the last.
const char *linux_argument(int index);

/// Whether the descriptor 0, 1 or 2 was closed when the process started. It is open on /dev/null since, so that no
/// socket of ours gets a number that others take for standard input, output or error.
bool linux_was_closed_at_start(int descriptor);
