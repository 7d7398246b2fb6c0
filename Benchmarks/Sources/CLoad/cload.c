#define _GNU_SOURCE
#include "cload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int cload_wait(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return epoll_pwait2(epoll, events, capacity, nanoseconds < 0 ? NULL : &timeout, NULL);
}

int cload_connect(uint32_t source, uint16_t port) {
    int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return -1;
    const int yes = 1;
    const struct timeval timeout = {.tv_sec = 10};
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) == 0
        && setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0
        && setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0
        && bind(socket_, (const struct sockaddr *)&from, sizeof from) == 0
        && connect(socket_, (const struct sockaddr *)&to, sizeof to) == 0)
        return socket_;
    const int failure = errno;
    close(socket_);
    errno = failure;
    return -1;
}

void cload_readable_from(int socket, int bytes) {
    setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

void cload_exact_timers(void) { prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); }

int64_t cload_cpu_time(pid_t process) {
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return -1;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}
