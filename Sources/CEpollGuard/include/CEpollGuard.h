#pragma once

#include <stdint.h>

/// How many times this process has called `epoll_wait` through the guard. Zero after libdispatch has delivered an
/// event means that the guard is not linked in, see epoll_guard.c.
uint64_t epoll_guard_calls(void);
