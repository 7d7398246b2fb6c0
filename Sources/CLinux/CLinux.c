#define _GNU_SOURCE
#include "CLinux.h"
#include <string.h>
#include <sys/socket.h>

int linux_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

const char *linux_error_text(int code) {
    return strerrordesc_np(code);
}
