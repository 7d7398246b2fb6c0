// What Swift's Glibc overlay lacks on Linux: epoll, timerfd, accept4 and the text of an errno.
//
// No _GNU_SOURCE here: it would change types that the Glibc overlay has imported already. What needs it stands in
// CLinux.c behind a name of its own.
#pragma once

#include <sys/epoll.h>
#include <sys/timerfd.h>

/// accept4(2) for a caller that does not ask for the address: the new descriptor, non-blocking and close-on-exec, or
/// -1 with errno set.
int linux_accept(int listener);

/// Makes a TCP listener drop every SYN that comes in for it (socket(7), SO_ATTACH_FILTER), -1 with errno set if the
/// system refuses. Who has connected, or is about to, can still be accepted.
int linux_ignore_newcomers(int listener);

/// The system's words for an errno in static storage, or NULL for a number that is none (strerrordesc_np(3)).
const char *linux_error_text(int code);
