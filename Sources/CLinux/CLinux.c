#define _GNU_SOURCE
#include "CLinux.h"
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

int linux_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int linux_ignore_newcomers(int listener) {
    int no_interface = INT_MAX;
    return setsockopt(listener, SOL_SOCKET, SO_BINDTOIFINDEX, &no_interface, sizeof no_interface);
}

const char *linux_error_text(int code) {
    return strerrordesc_np(code);
}
