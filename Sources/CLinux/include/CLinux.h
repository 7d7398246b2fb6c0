// Functions that Swift's Glibc overlay lacks on Linux: epoll, timerfd, eventfd, accept4, descriptors in messages, memfd, the
// text of an errno, and the arguments and descriptors at the start of the process.
//
// Without _GNU_SOURCE, which would change types that the Glibc overlay has imported already. Functions that need it are in
// CLinux.c, with their own names.
#pragma once

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/// accept4(2): the new descriptor, non-blocking and close-on-exec, or -1 with errno set. The client's address is written
/// to `address`, its length to `length`.
int linux_accept(int listener, struct sockaddr_storage *address, socklen_t *length);

/// Binds a TCP listener to an interface that does not exist (socket(7), SO_BINDTOIFINDEX), so that new clients do not reach it;
/// -1 with errno set if the system refuses. Handshakes that have begun complete, and their clients can be accepted.
int linux_ignore_newcomers(int listener);

/// Whether `linux_ignore_newcomers` was called on the listener, in any process.
bool linux_ignores_newcomers(int listener);

/// The maximum number of descriptors in a message (SCM_MAX_FD of the kernel, unix(7)).
enum { linux_most_descriptors = 253 };

/// Sends `length` bytes, at least one, and duplicates of `count` descriptors as one message (SCM_RIGHTS, unix(7)). Does not
/// wait. Returns how many bytes were sent, or -1 with errno set. ETOOMANYREFS: this user has more descriptors in flight than
/// its soft RLIMIT_NOFILE.
ssize_t linux_send_descriptors(int socket, const void *bytes, size_t length, const int *descriptors, int count);

/// Receives one message and at most `*count` descriptors with it, close-on-exec. Does not wait. Returns how many bytes were received,
/// 0 at the end, or -1 with errno set. `*count` becomes the number of descriptors received; `*truncated` says whether there were
/// more, which the kernel has closed.
ssize_t linux_receive_descriptors(
    int socket, void *bytes, size_t length, int *descriptors, int *count, bool *truncated);

/// A file in memory, close-on-exec, that can be sealed (memfd_create(2)), or -1 with errno set.
int linux_memory_file(const char *name);
/// Seals a file in memory: its contents and size can no longer be changed (F_ADD_SEALS, fcntl(2)). 0, or -1 with errno.
int linux_seal(int file);
/// Whether the file is sealed: its contents and size can no longer be changed.
bool linux_is_sealed(int file);

/// Writes all bytes (write(2)). Continues after a short write or a signal, and waits if the descriptor is non-blocking and takes
/// nothing. False with errno set if the system refuses.
bool linux_write_all(int descriptor, const void *bytes, size_t length);
/// Reads `length` bytes of a file from `offset` on (pread(2)). Returns how many were read, fewer only at the end of the file, or -1 with
/// errno set.
ssize_t linux_read_all(int file, void *bytes, size_t length, off_t offset);

/// The system calls epoll_create1(2), timerfd_create(2), eventfd(2) and epoll_ctl(2). In a program with CEpollGuard, the functions
/// with these names are the guarded ones for libdispatch.
int linux_epoll_create(void);
int linux_timerfd_create(void);
int linux_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event);

/// An eventfd(2) that is readable at once, non-blocking and close-on-exec, or -1 with errno set.
int linux_ready_descriptor(void);

/// The number of processors in the affinity mask (sched_getaffinity(2)); 1 if it cannot be read.
int linux_processor_count(void);

/// Starts this many threads (at most 64) at the same time, and ends them. Returns 0, or the error of pthread_create(3).
int linux_try_threads(int count);

/// Makes malloc(3) return free memory to the system: large blocks are mapped separately, and there are few heaps (mallopt(3)).
/// Call it before there are threads.
void linux_keep_little_free_memory(void);

/// Returns the free memory in all heaps of malloc(3) to the system (malloc_trim(3)).
void linux_return_free_memory(void);

/// The system's text for an errno, in static storage, or NULL for an unknown number (strerrordesc_np(3)).
const char *linux_error_text(int code);

/// The number of arguments of `main`, including the program's name. Swift's `CommandLine` reads /proc/self/cmdline, and has none if
/// /proc is not mounted.
int linux_argument_count(void);

/// The argument of `main` at `index`, NULL beyond the last.
const char *linux_argument(int index);

/// Whether the descriptor 0, 1 or 2 was closed when the process started. If so, it was opened on
/// /dev/null, so that no socket gets a number that other code uses as standard input, output or error.
bool linux_was_closed_at_start(int descriptor);
