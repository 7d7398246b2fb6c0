#pragma once

#include <stdint.h>

/// How many times this process has called `epoll_wait` through the guard. Zero after libdispatch has delivered an event
/// means that the guard is not linked in, see epoll_guard.c.
uint64_t epoll_guard_calls(void);

/// Says that libdispatch works in this process. Until then, a process that may make no thread is ended with a sentence.
void epoll_guard_set_up(void);

/// A descriptor that libdispatch could not watch because epoll_ctl(2) failed, with its `errno` in `error`; -1 when there is
/// none that was not taken before.
int epoll_guard_take_failure(int *error);

/// Puts back a failure that was taken: the descriptor is that of another server in this process.
void epoll_guard_keep_failure(int descriptor, int error);

/// Forgets a failure of a descriptor that is about to be closed: the next socket may get its number.
void epoll_guard_forget(int descriptor);
