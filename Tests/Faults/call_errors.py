"""The errors that each system call can return, from section 2 of the manual, and those that must end a program.

Left out: errors that only a bug in the program can cause (EFAULT), and those of arguments that the programs never use.
EAFNOSUPPORT is kept, because a kernel may lack IPv6.
"""

SOCKET = "EBADF ENOTSOCK"
MEMORY = "ENOMEM ENOBUFS"
FILES = "EMFILE ENFILE"
PATHS = "EACCES ELOOP ENOENT ENOTDIR ENOMEM EIO"

# call: errors.
ERRORS = {
    # Sockets.
    "accept4": f"EAGAIN EINTR ECONNABORTED EPROTO EPERM EINVAL EOPNOTSUPP ENETDOWN EHOSTUNREACH {SOCKET} {MEMORY} {FILES}",
    "bind": f"EACCES EADDRINUSE EADDRNOTAVAIL EINVAL ENOENT EROFS {SOCKET} ENOMEM",
    "connect": f"EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY ECONNREFUSED EINTR EISCONN ENETUNREACH ETIMEDOUT {SOCKET}",
    "getpeername": f"EINVAL ENOTCONN ENOBUFS {SOCKET}",
    "getsockname": f"EINVAL ENOBUFS {SOCKET}",
    "getsockopt": f"EINVAL ENOPROTOOPT {SOCKET}",
    "listen": f"EADDRINUSE EOPNOTSUPP {SOCKET}",
    "recvfrom": f"EAGAIN EINTR ECONNREFUSED ECONNRESET ENOTCONN ETIMEDOUT EINVAL {SOCKET} {MEMORY}",
    "recvmsg": f"EAGAIN EINTR ECONNREFUSED ENOTCONN EINVAL {SOCKET} ENOMEM",
    "sendmmsg": f"EAGAIN EINTR EPIPE ECONNREFUSED {SOCKET} {MEMORY}",
    "sendmsg": f"EAGAIN EINTR EPIPE ECONNRESET EMSGSIZE ENOTCONN EACCES {SOCKET} {MEMORY}",
    "sendto": f"EAGAIN EINTR EPIPE ECONNRESET EMSGSIZE ENOTCONN EACCES {SOCKET} {MEMORY}",
    "setsockopt": f"EINVAL ENOPROTOOPT EDOM EPERM {SOCKET} {MEMORY}",
    "shutdown": f"EINVAL ENOTCONN {SOCKET}",
    "socket": f"EACCES EAFNOSUPPORT EINVAL EPROTONOSUPPORT {FILES} {MEMORY}",
    # Events, timers, threads.
    "clone": "EAGAIN ENOMEM EPERM ENOSPC",
    "clone3": "EAGAIN ENOMEM EPERM ENOSPC",
    "clock_gettime": "EINVAL",
    "clock_nanosleep": "EINTR EINVAL",
    "epoll_create1": f"EINVAL {FILES} ENOMEM",
    "epoll_ctl": "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM",
    "epoll_pwait": "EBADF EINTR EINVAL",
    "epoll_wait": "EBADF EINTR EINVAL",
    "eventfd2": f"EINVAL ENODEV {FILES} ENOMEM",
    "futex": "EAGAIN EINTR ETIMEDOUT ENOMEM EINVAL ENOSYS",
    "poll": "EINTR EINVAL ENOMEM",
    "ppoll": "EINTR EINVAL ENOMEM",
    "pselect6": "EINTR EBADF EINVAL ENOMEM",
    "sched_yield": "EPERM",
    "signalfd4": f"EBADF EINVAL ENODEV {FILES} ENOMEM",
    "timerfd_create": f"EINVAL ENODEV EPERM {FILES} ENOMEM",
    "timerfd_settime": "EBADF ECANCELED EINVAL",
    # Memory.
    "madvise": "EACCES EAGAIN EBADF EINVAL EIO ENOMEM EPERM",
    "mmap": "EACCES EAGAIN EBADF EINVAL ENFILE ENODEV ENOMEM EOVERFLOW EPERM",
    "mprotect": "EACCES EINVAL ENOMEM",
    "mremap": "EAGAIN EINVAL ENOMEM",
    "munmap": "EINVAL ENOMEM",
    # Files.
    "access": PATHS + " EROFS",
    "chmod": PATHS + " EPERM EROFS",
    "close": "EBADF EINTR EIO ENOSPC EDQUOT",
    "dup": "EBADF EMFILE",
    "dup2": "EBADF EBUSY EINTR EMFILE",
    "dup3": "EBADF EBUSY EINTR EINVAL EMFILE",
    "faccessat": PATHS + " EINVAL EROFS",
    "faccessat2": PATHS + " EINVAL EROFS",
    "fchmod": "EBADF EPERM EROFS EIO",
    "fchmodat": PATHS + " EPERM EROFS",
    "fcntl": "EACCES EAGAIN EBADF EINTR EINVAL EMFILE EPERM",
    "flock": "EBADF EINTR EINVAL ENOLCK EAGAIN",
    "fstat": "EBADF ENOMEM EOVERFLOW",
    "fsync": "EBADF EIO ENOSPC EINVAL",
    "ftruncate": "EBADF EINVAL EPERM EIO",
    "getcwd": "EACCES ENOENT ENOMEM ERANGE",
    "getdents64": "EBADF EINVAL ENOENT ENOTDIR",
    "ioctl": "EBADF EINVAL ENOTTY",
    "lseek": "EBADF EINVAL ESPIPE",
    "lstat": PATHS + " EOVERFLOW",
    "mkdir": PATHS + " EEXIST ENOSPC EROFS",
    "newfstatat": PATHS + " EBADF EOVERFLOW",
    "open": PATHS + f" EINTR EPERM {FILES}",
    "openat": PATHS + f" EINTR EPERM ENXIO EOVERFLOW EROFS ENOSPC {FILES}",
    "pipe2": f"EINVAL {FILES}",
    "pread64": "EAGAIN EBADF EINTR EINVAL EIO EISDIR ENXIO",
    "read": "EAGAIN EBADF EINTR EINVAL EIO EISDIR",
    "readlink": PATHS + " EINVAL",
    "readlinkat": PATHS + " EINVAL EBADF",
    "readv": "EAGAIN EBADF EINTR EINVAL EIO",
    "rename": PATHS + " EPERM EROFS ENOSPC EBUSY",
    "renameat2": PATHS + " EPERM EROFS ENOSPC EINVAL",
    "stat": PATHS + " EOVERFLOW",
    "statfs": PATHS + " ENOSYS EINTR",
    "statx": PATHS + " EBADF",
    "unlink": PATHS + " EBUSY EPERM EROFS",
    "unlinkat": PATHS + " EBUSY EPERM EROFS",
    "write": "EAGAIN EBADF EDQUOT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE",
    "writev": "EAGAIN EBADF EDQUOT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE",
    # The process.
    "getpriority": "EINVAL ESRCH",
    "getrandom": "EAGAIN EINTR ENOSYS",
    "getrlimit": "EINVAL EPERM",
    "membarrier": "EINVAL ENOSYS EPERM",
    "prctl": "EACCES EINVAL EPERM",
    "prlimit64": "EINVAL EPERM ESRCH",
    "pidfd_open": f"EINVAL ESRCH {FILES} ENOMEM",
    "rseq": "EBUSY EINVAL EPERM ENOSYS",
    "rt_sigaction": "EINVAL",
    "rt_sigtimedwait": "EAGAIN EINTR EINVAL",
    "sched_getaffinity": "EINVAL EPERM ESRCH",
    "sched_setscheduler": "EINVAL EPERM ESRCH",
    "set_robust_list": "EINVAL ENOSYS",
    "setpriority": "EACCES EINVAL EPERM ESRCH",
    "setrlimit": "EINVAL EPERM",
    "sigaltstack": "EINVAL ENOMEM EPERM",
    "sysinfo": "EPERM",
    "uname": "EPERM",
}

# Calls that cannot fail, or whose failure says nothing about the program.
NOT_INJECTED = {
    "brk": "answers with the old break and never with an error; the tests with RLIMIT_AS and RLIMIT_DATA make it fail",
    "arch_prctl": "sets up the thread's memory before the program begins",
    "execve": "starts the program",
    "exit": "ends a thread",
    "exit_group": "ends the program",
    "getegid": "cannot fail",
    "geteuid": "cannot fail",
    "getgid": "cannot fail",
    "getpid": "cannot fail",
    "getppid": "cannot fail",
    "gettid": "cannot fail",
    "getuid": "cannot fail",
    "kill": "raises the signal that ends the program",
    "pause": "always gives EINTR",
    "restart_syscall": "the kernel's own",
    "rt_sigprocmask": "cannot fail with the arguments that the C library gives it",
    "rt_sigreturn": "ends a signal handler",
    "rt_sigsuspend": "parks the main thread; always gives EINTR",
    "set_tid_address": "cannot fail",
    "tgkill": "raises the signal that ends the program",
    "umask": "cannot fail",
}


def errors(call):
    return ERRORS[call].split()


# Failures that the program cannot survive: (program, call, error) and the reason. "*" is any. strace makes the call fail in
# each thread, and does not perform it.
UNAVOIDABLE = {
    ("*", "futex", "*"): "glibc aborts when futex returns an error that the kernel never returns; libdispatch traps",
    ("*", "munmap", "*"): "glibc aborts when it cannot unmap the stack of a thread that has ended",
    ("daemon", "rt_sigaction", "*"): "libdispatch installs its handlers unchecked; Linux refuses none for a signal that exists",
    ("prompt", "read", "EIO"): "a terminal that has hung up is the end of the input",
    ("plain", "read", "EIO"): "the same",
}


def unavoidable(program, call, error):
    for key in [(program, call, error), (program, call, "*"), ("*", call, error), ("*", call, "*")]:
        if key in UNAVOIDABLE:
            return UNAVOIDABLE[key]
    return None
