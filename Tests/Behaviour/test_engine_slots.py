"""Connection slots and listeners: which clients wait, what is logged, and the backlog of a closed listener."""

import signal
import socket
import time

import pytest

from clients import ask, ask_once, connect, receive, receive_to_end, reset, reverse_ascii


def test_one_client_in_the_only_slot_is_no_reason_to_warn(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 1\n")
    for _ in range(3):
        with connect(daemon.port) as client:
            assert ask(client, b"alone\n") == b"enola\n"
            time.sleep(0.7)  # longer than the interval of the sweep, which looks for clients that wait
    assert not daemon.logged("connection slots")


def test_a_pause_and_its_end_are_logged_once(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 1\n")
    with connect(daemon.port) as first:
        assert ask(first, b"in\n") == b"ni\n"
        waiting = [connect(daemon.port) for _ in range(5)]
        for client in waiting:
            client.sendall(b"waiting\n")
        daemon.wait_for_log("all 1 connection slots are in use")
        time.sleep(1.2)
    for client in waiting:
        assert receive(client, 8) == b"gnitiaw\n"
        client.close()
    daemon.wait_for_log(r"accepting on .* again after \d+\.\d s")
    assert len(daemon.logged("connection slots")) == 1


def test_a_client_that_is_gone_before_accept_keeps_its_address(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 1\n")
    with connect(daemon.port) as first:
        assert ask(first, b"in\n") == b"ni\n"
        gone = connect(daemon.port)
        port = gone.getsockname()[1]
        gone.sendall(b"too late\n")
        time.sleep(0.05)
        reset(gone)
    assert ask_once(daemon.port, b"next\n") == b"txen\n"
    daemon.wait_for_log(rf" connected 127\.0\.0\.1:{port}$")
    assert not daemon.logged("connected unix")


def fill_backlog(daemon, address, count):
    """One client in the only slot and others in the backlog, each with a complete line and half of another."""
    first = connect(address)
    assert ask(first, b"in\n") == b"ni\n"
    waiting = []
    for number in range(count):
        client = connect(address)
        client.sendall(b"line %d\nhalf" % number)
        waiting.append(client)
    return first, waiting


def check_backlog(waiting):
    for number, client in enumerate(waiting):
        answer = b"line %d\n" % number
        assert receive(client, len(answer)) == reverse_ascii(answer)
    for client in waiting:
        client.close()


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_stop_answers_those_in_the_backlog(serve, tmp_path, kind):
    settings = "host = '127.0.0.1'\nport = 0\n" if kind == "tcp" else f"[[listener]]\npath = '{tmp_path}/socket'\n"
    daemon = serve(f"{settings}[limits]\nmax_connections = 1\n")
    first, waiting = fill_backlog(daemon, daemon.port if kind == "tcp" else tmp_path / "socket", 50)
    daemon.signal(signal.SIGTERM)
    assert receive_to_end(first) == b""
    first.close()
    check_backlog(waiting)
    assert daemon.wait() == 0


def test_a_reload_that_closes_the_listener_answers_those_in_its_backlog(serve):
    config = "[[listener]]\nhost = '127.0.0.1'\nport = {}\n[limits]\nmax_connections = 1\n"
    daemon = serve(config.format(0))
    first, waiting = fill_backlog(daemon, daemon.port, 50)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = other.getsockname()[1]
    daemon.reload(config.format(free))
    first.close()
    for number, client in enumerate(waiting):
        answer = b"line %d\n" % number
        assert receive(client, len(answer)) == reverse_ascii(answer)
        client.close()
    assert ask_once(free, b"new\n") == b"wen\n"
