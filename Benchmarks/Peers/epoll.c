// The limit: a bare epoll loop that reverses in place, one loop or one per core.
//
//     epoll PORT LOOPS [COST]
//
// COST is a number of dependent table look-ups for each byte. Two cost about as much as finding the grapheme clusters of
// Devanagari, so that scaling over cores can be compared.
//
// Level-triggered, one recv and one send per event. All loops accept; a new connection
// goes to the next loop in turn. While a client does not read its answers, it is not read from. A connection owns
// memory only while it has half a line or an unsent answer.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024, EVENTS = 256, MOST_LOOPS = 64 };

struct connection {
    int socket;
    int loop;
    size_t kept;    // bytes in `bytes`: half a line, or an answer when `sending`
    size_t sent;    // of the answer
    size_t answer;  // where the answer in `bytes` ends and half a line begins
    int sending;
    char *bytes;
};

static int listener;
static int loops;
static int cost;
static uint8_t classes[256];
static int epolls[MOST_LOOPS];
static atomic_uint turn;

typedef uint8_t block __attribute__((vector_size(32)));

/// Blocks of 32 bytes, the front against the back; returns how many bytes are left between them, from `*first` on.
__attribute__((target("avx2"))) static size_t reverse_blocks(char **first, size_t count) {
    const block reversed = {31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                          15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  3,  2,  1,  0};
    char *low = *first, *high = *first + count;
    while (high - low >= 64) {
        block front, back;
        high -= 32;
        memcpy(&front, low, 32);
        memcpy(&back, high, 32);
        front = __builtin_shuffle(front, reversed);
        back = __builtin_shuffle(back, reversed);
        memcpy(low, &back, 32);
        memcpy(high, &front, 32);
        low += 32;
    }
    *first = low;
    return (size_t)(high - low);
}

static void reverse(char *first, size_t count) {
    if (count >= 64 && __builtin_cpu_supports("avx2")) count = reverse_blocks(&first, count);
    char *last = first + count;
    while (last - first >= 16) {
        uint64_t front, back;
        last -= 8;
        memcpy(&front, first, 8);
        memcpy(&back, last, 8);
        front = __builtin_bswap64(front);
        back = __builtin_bswap64(back);
        memcpy(first, &back, 8);
        memcpy(last, &front, 8);
        first += 8;
    }
    while (last - first >= 2) {
        const char byte = *first;
        *first++ = *--last;
        *last = byte;
    }
}

/// Takes about the time of segmentation. The result is not used, but the compiler must compute it.
static void work(const char *bytes, size_t count) {
    uint8_t state = 0;
    for (int pass = 0; pass < cost; pass++)
        for (size_t i = 0; i < count; i++) state = classes[state ^ (uint8_t)bytes[i]];
    __asm__ volatile("" : : "r"(state));
}

/// Reverses every whole line; returns how many bytes they are.
static size_t answer(char *bytes, size_t count, size_t scanned) {
    char *line = bytes;
    char *from = bytes + scanned;
    char *const end = bytes + count;
    char *terminator;
    while (from < end && (terminator = memchr(from, '\n', (size_t)(end - from)))) {
        size_t length = (size_t)(terminator - line);
        if (length && line[length - 1] == '\r') length--;
        work(line, length);
        reverse(line, length);
        from = line = terminator + 1;
    }
    return (size_t)(line - bytes);
}

static void control(struct connection *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epolls[c->loop], operation, c->socket, &event);
}

static void end(struct connection *c) {
    close(c->socket);
    free(c->bytes);
    free(c);
}

static void keep(struct connection *c, const char *bytes, size_t count) {
    if (count == 0) {
        free(c->bytes);
        c->bytes = NULL;
    } else {
        char *const kept = malloc(count);
        memcpy(kept, bytes, count);
        free(c->bytes);
        c->bytes = kept;
    }
    c->kept = count;
}

static void readable(struct connection *c, char *buffer) {
    const size_t before = c->kept;
    if (before) memcpy(buffer, c->bytes, before);
    const ssize_t received = recv(c->socket, buffer + before, BUFFER_SIZE - before, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received <= 0) {
        if (received == 0 && before) {
            reverse(buffer, before);
            send(c->socket, buffer, before, MSG_NOSIGNAL);
        }
        return end(c);
    }
    const size_t count = before + (size_t)received;
    const size_t answered = answer(buffer, count, before);
    if (!answered && count == BUFFER_SIZE) return end(c);
    ssize_t sent = answered ? send(c->socket, buffer, answered, MSG_NOSIGNAL) : 0;
    if (sent < 0) {
        if (errno != EAGAIN) return end(c);
        sent = 0;
    }
    if ((size_t)sent < answered) {
        keep(c, buffer + sent, count - (size_t)sent);
        c->sending = 1;
        c->sent = 0;
        c->answer = answered - (size_t)sent;
        control(c, EPOLL_CTL_MOD, EPOLLOUT);
    } else if (before || count > answered) {
        keep(c, buffer + answered, count - answered);
    }
}

static void writable(struct connection *c) {
    const ssize_t sent = send(c->socket, c->bytes + c->sent, c->answer - c->sent, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) end(c);
        return;
    }
    c->sent += (size_t)sent;
    if (c->sent < c->answer) return;
    c->sending = 0;
    keep(c, c->bytes + c->answer, c->kept - c->answer);
    control(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void accept_clients(void) {
    for (int count = 0; count < 64; count++) {
        const int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) return;
        const int yes = 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct connection *c = calloc(1, sizeof *c);
        c->socket = socket;
        c->loop = (int)(atomic_fetch_add(&turn, 1) % (unsigned)loops);
        control(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void *run(void *argument) {
    const int mine = epolls[(intptr_t)argument];
    char *const buffer = malloc(BUFFER_SIZE);
    struct epoll_event events[EVENTS];
    for (;;) {
        const int count = epoll_wait(mine, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) accept_clients();
            else if (c->sending) writable(c);
            else readable(c, buffer);
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 3 && count != 4) return fprintf(stderr, "usage: epoll PORT LOOPS [COST]\n"), 64;
    loops = atoi(arguments[2]);
    if (loops < 1 || loops > MOST_LOOPS) return fprintf(stderr, "LOOPS is 1 to %d\n", MOST_LOOPS), 64;
    if (count == 4) cost = atoi(arguments[3]);
    for (int i = 0; i < 256; i++) classes[i] = (uint8_t)(i * 167 + 13);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const int yes = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(arguments[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        return perror("listen"), 69;
    for (intptr_t loop = 0; loop < loops; loop++) {
        epolls[loop] = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL};
        epoll_ctl(epolls[loop], EPOLL_CTL_ADD, listener, &event);
        pthread_t thread;
        if (loop) pthread_create(&thread, NULL, run, (void *)loop);
    }
    run((void *)0);
}
