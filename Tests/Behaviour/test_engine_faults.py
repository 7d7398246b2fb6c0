"""A hostile environment: sockets that another process holds too, inherited descriptors, a resolver that never answers."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

from clients import ask, ask_once, connect, receive
from daemon import environment, eventually

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def listening():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


# Sockets that another process holds too.

def test_a_dead_listener_ends_the_daemon_and_does_not_spin(activate):
    with listening() as listener:
        daemon = activate([listener])
        assert ask_once(listener.getsockname(), b"hello\n") == b"olleh\n"
        before = daemon.processor_seconds()
        listener.shutdown(socket.SHUT_RDWR)
        daemon.wait_for_log("critical: cannot accept clients on .*: Invalid argument")
        assert daemon.wait(10) == 71
        assert before < 5
        assert len(daemon.logged("cannot accept")) == 1


def test_one_dead_listener_of_two_leaves_the_other(activate):
    with listening() as dead, listening() as alive:
        daemon = activate([dead, alive])
        dead.shutdown(socket.SHUT_RDWR)
        daemon.wait_for_log("critical: cannot accept clients on")
        before = daemon.processor_seconds()
        time.sleep(0.5)
        assert daemon.processor_seconds() - before < 0.1
        assert ask_once(alive.getsockname(), b"hello\n") == b"olleh\n"


def test_a_listener_that_was_made_blocking_delays_neither_clients_nor_the_stop(activate):
    with listening() as listener, listening() as other:
        daemon = activate([listener, other], "port = 1\n[limits]\ndrain_timeout = '2s'\n")
        listener.setblocking(True)
        for _ in range(5):
            assert ask_once(listener.getsockname(), b"blocking\n") == b"gnikcolb\n"
            assert ask_once(other.getsockname(), b"other\n") == b"rehto\n"
        listener.setblocking(True)
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
        assert time.monotonic() - began < 4


def duplicate(daemon, number):
    """Duplicates a descriptor of the daemon into this process (pidfd_getfd(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(daemon.pid)
    copy = libc.syscall(438, pidfd, number, 0)
    os.close(pidfd)
    assert copy >= 0, os.strerror(ctypes.get_errno())
    return copy


@needs_root
def test_a_duplicate_of_a_closed_socket_in_another_process_does_no_harm(serve):
    daemon = serve()
    before = set(os.listdir(f"/proc/{daemon.pid}/fd"))
    clients = [connect(daemon.port) for _ in range(20)]
    for _ in range(20):  # often enough to be moved to a hot loop
        for client in clients:
            assert ask(client, b"busy\n") == b"ysub\n"
    copies = []
    for number in set(os.listdir(f"/proc/{daemon.pid}/fd")) - before:
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{daemon.pid}/fd/{number}").startswith("socket:"):
                copies.append(duplicate(daemon, int(number)))
    assert len(copies) >= 20
    for client in clients:
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
        # The daemon has closed the connection, but the duplicate still reports events.
        with contextlib.suppress(OSError):
            client.sendall(b"after the end\n")
        client.close()
    for _ in range(20):
        assert ask_once(daemon.port, b"alive\n") == b"evila\n"
    for copy in copies:
        os.close(copy)


# Descriptors that are open at the start.

LEAK = "import os, sys; [os.dup2(0, 100 + i) for i in range(int(sys.argv[1]))]; os.execv(sys.argv[2], sys.argv[2:])"


def crowd(address, count):
    """Connects more clients than can be served at once; each is answered in the end."""
    clients = [connect(address) for _ in range(count)]
    for client in clients:
        client.sendall(b"hello\n")
    deadline = time.monotonic() + 10
    for client in clients:
        client.settimeout(max(0.1, deadline - time.monotonic()))
        assert receive(client, 6) == b"olleh\n"
        client.close()
    time.sleep(1.5)  # libdispatch looks at its workers once a second; a full table would kill it then


def test_descriptors_that_a_parent_left_are_counted(serve):
    daemon = serve(files=400, prefix=(sys.executable, "-c", LEAK, "150"))
    line = daemon.wait_for_log("max_connections is 10000, but only")
    slots = int(re.search(r"but only (\d+) clients", line)[1])
    assert 100 <= slots <= 400 - 150 - 32, line
    crowd(daemon.port, 300)


def test_many_sockets_that_were_handed_in_are_counted(serve, activate):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(listening()) for _ in range(300)]
        import resource
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        daemon = activate(sockets, "port = 1\n[limits]\nmax_connections = 200\nmax_connections_per_client = 0\n[log]\nconnections = false\n")
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
        crowd(sockets[0].getsockname(), 300)


def test_a_limit_too_low_for_any_client_is_an_error_at_the_start(start):
    for files in (8, 10, 12, 16, 20):
        daemon = start(files=files, awaited=False)
        assert daemon.wait(20) in (69, 71)
        assert daemon.lines and any("open files" in line for line in daemon.lines), (files, daemon.lines)


# A resolver that does not answer.

@contextlib.contextmanager
def silent_resolver(tmp_path):
    """A command prefix: in its mount namespace the name server never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.9.9.9", 53))
        (tmp_path / "resolv.conf").write_text("nameserver 127.9.9.9\noptions timeout:30 attempts:3\n")
        (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
        yield ("unshare", "--mount", "sh", "-c",
               f"touch /etc/resolv.conf /etc/nsswitch.conf; mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && "
               f"mount --bind {tmp_path}/nsswitch.conf /etc/nsswitch.conf && exec \"$@\"", "sh")


@needs_root
def test_a_stop_does_not_wait_for_the_resolver(start, tmp_path):
    with silent_resolver(tmp_path) as prefix:
        daemon = start("host = 'nowhere.example'\nport = 0\n", prefix=prefix, awaited=False)
        assert eventually(lambda: "reversed" in open(f"/proc/{daemon.pid}/comm").read())
        time.sleep(0.5)
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
        assert time.monotonic() - began < 2


@needs_root
def test_clients_and_a_stop_do_not_wait_for_a_reload_that_resolves(start, tmp_path):
    with silent_resolver(tmp_path) as prefix:
        daemon = start("host = '127.0.0.1'\nport = 0\n", prefix=prefix)
        daemon.configure("host = 'nowhere.example'\nport = 0\n")
        daemon.signal(signal.SIGHUP)
        time.sleep(0.3)
        for _ in range(20):
            assert ask_once(daemon.port, b"meanwhile\n") == b"elihwnaem\n"
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
        assert time.monotonic() - began < 2
        assert not daemon.logged("reload failed")


# Calls that fail (strace's injection).

def injecting(rule):
    # Only the daemon's own start is of interest: strace itself execs it.
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={rule}")


SETUP = ["epoll_create1:error=EMFILE", "eventfd2:error=EMFILE", "timerfd_create:error=EMFILE", "signalfd4:error=EMFILE",
         "epoll_ctl:error=ENOSPC", "epoll_ctl:error=ENOMEM", "clone3:error=EAGAIN"]


@pytest.mark.parametrize("rule", SETUP)
def test_a_call_that_fails_at_the_start_ends_it_with_a_message(start, rule):
    daemon = start(prefix=injecting(rule), awaited=False)
    assert daemon.wait(30) in (69, 71), daemon.tail()
    assert any("cannot" in line or "delivers no events" in line for line in daemon.lines), daemon.lines


@pytest.mark.parametrize("rule", ["epoll_ctl:error=ENOSPC:when=12+", "epoll_ctl:error=ENOMEM:when=15+", "epoll_ctl:error=ENOSPC:when=20..60"])
def test_after_a_failure_of_epoll_ctl_no_client_waits(start, rule):
    daemon = start("port = 0\n[log]\nconnections = false\n", prefix=injecting(rule), awaited=False)
    with contextlib.suppress(AssertionError, OSError):
        daemon.wait_for_log("listening on ", seconds=20)
        for _ in range(40):
            with contextlib.suppress(OSError, AssertionError):
                with connect(daemon.port) as client:
                    client.settimeout(3)
                    client.sendall(b"hello\n")
                    client.recv(6)
    if daemon.process.poll() is None:
        daemon.signal(signal.SIGTERM)
    assert daemon.wait(20) in (0, 71), daemon.tail()


# Errors that persist.

@contextlib.contextmanager
def attached(daemon, call, error, log):
    """Makes each of these system calls of the running daemon fail."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", f"inject={call}:error={error}",
                               "-p", str(daemon.pid)], stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: tracers(daemon) or daemon.process.poll() is not None)
        yield lambda: len(log.read_text().splitlines()) if log.exists() else 0
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()


def tracers(daemon):
    """Whether every thread is traced."""
    with contextlib.suppress(OSError):
        statuses = [entry.read_text() for entry in pathlib.Path(f"/proc/{daemon.pid}/task").glob("*/status")]
        return all(int(re.search(r"TracerPid:\s+(\d+)", status)[1]) for status in statuses)
    return False


LASTING = [("accept4", "EPERM"), ("accept4", "EPROTO"), ("accept4", "ECONNABORTED"), ("accept4", "EINVAL"), ("recvfrom", "EAGAIN"), ("recvfrom", "EINTR"),
           ("recvfrom", "EIO"), ("sendto", "EAGAIN"), ("sendto", "EIO"), ("write", "EAGAIN")]


@pytest.mark.parametrize("call,error", LASTING)
def test_a_lasting_error_does_not_end_it_or_keep_a_processor_busy(start, tmp_path, call, error):
    daemon = start("port = 0\n")
    clients = [connect(daemon.port) for _ in range(3)]
    for client in clients:
        assert ask(client, b"in\n") == b"ni\n"
    logged = len(daemon.lines)
    with attached(daemon, call, error, tmp_path / "strace") as calls:
        clients.append(connect(daemon.port))
        for client in clients:
            with contextlib.suppress(OSError):
                client.sendall(b"hello\n")
        time.sleep(0.3)
        before = calls()
        time.sleep(1)
        assert calls() - before < 700
        assert len(daemon.lines) - logged < 20
    assert eventually(lambda: can_ask(daemon.port))
    for client in clients:
        client.close()


@pytest.mark.parametrize("call,error", [("epoll_pwait", "EINVAL"), ("epoll_pwait", "EBADF"), ("timerfd_settime", "EINVAL"), ("read", "EIO"),
                                        ("epoll_ctl", "ENOMEM"), ("write", "EIO")])
def test_a_lasting_error_without_any_listener_ends_it_with_a_message(start, tmp_path, call, error):
    daemon = start("port = 0\n")
    with connect(daemon.port) as client:
        assert ask(client, b"in\n") == b"ni\n"
        with attached(daemon, call, error, tmp_path / "strace") as calls:
            with contextlib.suppress(OSError):
                client.sendall(b"hello\n")
                connect(daemon.port).close()
            assert daemon.wait(10) == 71, daemon.tail()
            assert calls() < 500
    # libdispatch wakes its threads with write, and the message needs it to reach the log.
    if call != "write":
        assert any("cannot" in line for line in daemon.lines[-3:]), daemon.tail()


@pytest.mark.parametrize("call,error", [("epoll_pwait", "EINVAL"), ("timerfd_settime", "EINVAL"), ("read", "EIO"), ("recvfrom", "EAGAIN"),
                                        ("sendto", "EAGAIN"), ("accept4", "EPROTO")])
def test_a_single_error_does_no_harm(start, tmp_path, call, error):
    daemon = start("port = 0\n")
    with connect(daemon.port) as client:
        with attached(daemon, call, f"{error}:when=2", tmp_path / "strace"):
            for number in range(10):
                assert ask(client, b"%d\n" % number) == b"%d\n" % number
                assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
                time.sleep(0.02)
    assert len(daemon.logged("cannot")) <= 1


def can_ask(port):
    try:
        return ask_once(port, b"hello\n") == b"olleh\n"
    except (OSError, AssertionError):
        return False
