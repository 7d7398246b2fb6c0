#pragma once

#include <stdint.h>

/// How often this process has called `epoll_wait` through the guard. 0 after libdispatch has delivered an event means that the
/// guard is not linked in, see epoll_guard.c.
uint64_t epoll_guard_calls(void);

/// Records that libdispatch works in this process. Before that, the guard ends a process that cannot create threads, with a
/// message.
void epoll_guard_set_up(void);

/// Takes a descriptor that libdispatch could not watch because epoll_ctl(2) failed, with the `errno` in `error`; -1 if there is
/// none.
int epoll_guard_take_failure(int *error);

/// Puts back a failure: the descriptor belongs to another server in this process.
void epoll_guard_keep_failure(int descriptor, int error);

/// Removes the failure of a descriptor that is about to be closed: the next socket may get its number.
void epoll_guard_forget(int descriptor);
