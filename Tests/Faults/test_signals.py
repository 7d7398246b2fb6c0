"""Many signals at once, and a daemon that is stopped and continued."""

import signal
import socket
import time

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask, ask_once, connect, receive, receive_to_end, reset
from daemon import eventually


def test_a_storm_of_reloads_during_a_drain(start):
    daemon = start("port = 0\n[limits]\ndrain_timeout = '5s'\n")
    with connect(daemon.port) as client:
        assert ask(client, b"first\n") == b"tsrif\n"
        client.sendall(b"x" * 999_999 + b"\n")
        first = client.recv(1)  # so all of it has arrived
        daemon.signal(signal.SIGTERM)
        for _ in range(300):
            daemon.signal(signal.SIGHUP)
            time.sleep(0.001)
        assert len(first + receive_to_end(client)) == 1_000_000
    assert daemon.wait(10) == 0
    assert not daemon.logged("reload"), daemon.tail()
    assert len(daemon.lines) < 20


def test_a_stop_in_a_storm_of_reloads(start):
    daemon = start()
    for _ in range(100):
        daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGTERM)
    for _ in range(100):
        daemon.signal(signal.SIGHUP)
    assert daemon.wait(10) == 0


def test_many_signals_to_stop_end_it_once_and_disconnect_nobody(start):
    daemon = start("port = 0\n[limits]\ndrain_timeout = '8s'\n")
    with connect(daemon.port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        line = b"y" * 999_999 + b"\n"
        client.sendall(line)
        first = client.recv(1)  # so all of it has arrived
        for _ in range(50):
            daemon.signal(signal.SIGTERM)
            time.sleep(0.002)
        assert first + receive_to_end(client) == line
    assert daemon.wait(15) == 0
    assert len(daemon.logged("already stopping")) < 60


def test_signals_that_mean_nothing(start):
    daemon = start()
    for number in (signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT, signal.SIGPIPE):
        for _ in range(20):
            daemon.signal(number)
    assert ask_once(daemon.port, b"alive\n") == b"evila\n"


def test_stopped_and_continued(start):
    """While it is stopped, clients connect, ask, disconnect and reset; afterwards it serves as before."""
    daemon = start("port = 0\n[limits]\nidle_timeout = '1s'\nfirst_line_timeout = '1s'\n[log]\nconnections = false\n")
    kept = [connect(daemon.port) for _ in range(20)]
    for client in kept:
        assert ask(client, b"before\n") == b"erofeb\n"
    daemon.signal(signal.SIGSTOP)
    fresh = [connect(daemon.port) for _ in range(20)]
    for client in kept + fresh:
        client.sendall(b"while it was stopped\n")
    for _ in range(50):
        reset(connect(daemon.port))
        connect(daemon.port).close()
    time.sleep(2.5)  # longer than the timeouts
    daemon.signal(signal.SIGCONT)
    for client in kept + fresh:
        assert receive(client, 21) == b"deppots saw ti elihw\n"
        client.close()
    assert eventually(lambda: daemon.sockets() <= daemon.idle_sockets)


def test_stopped_while_it_drains(start):
    daemon = start("port = 0\n[limits]\ndrain_timeout = '1s'\n")
    with connect(daemon.port) as client:
        client.sendall(b"a line\nhalf")
        assert receive(client, 7) == b"enil a\n"
        daemon.signal(signal.SIGSTOP)
        daemon.signal(signal.SIGTERM)
        time.sleep(1.5)
        daemon.signal(signal.SIGCONT)
        assert daemon.wait(10) == 0
