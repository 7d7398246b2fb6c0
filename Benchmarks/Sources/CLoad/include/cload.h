// Linux calls for the load generator that the Glibc module of Swift lacks.
#pragma once

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

/// epoll_pwait2(2) without a signal mask: waits at most `nanoseconds`, without a limit if that is negative.
int cload_wait(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds);

/// Connects a new TCP socket to `port` on 127.0.0.1 from the loopback address `source` (host byte order; the kernel
/// picks the port when it connects), with TCP_NODELAY and timeouts of ten seconds. The descriptor, or -1 with errno.
int cload_connect(uint32_t source, uint16_t port);

/// Makes timers of the calling thread fire at their exact time (PR_SET_TIMERSLACK).
void cload_exact_timers(void);

/// How many bytes must have arrived before a socket counts as readable (SO_RCVLOWAT, socket(7)).
void cload_readable_from(int socket, int bytes);

/// The CPU time that all threads of a process have used until now, in nanoseconds; -1 if there is no such process.
int64_t cload_cpu_time(pid_t process);
