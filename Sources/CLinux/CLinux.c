#define _GNU_SOURCE
#include "CLinux.h"
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

int linux_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int linux_ignore_newcomers(int listener) {
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &nothing};
    return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

const char *linux_error_text(int code) {
    return strerrordesc_np(code);
}
