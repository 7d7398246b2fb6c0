"""Clients that never read, that reset their connections, that stay idle: other clients must not notice."""

import os
import random
import select
import signal
import socket
import time

import pytest

from clients import ask, ask_once, connect, descriptor_limit, receive, receive_to_end, reset
from daemon import eventually

LINE = b"x" * 999 + b"\n"


def push_until_blocked(client, data=LINE * 1000, quiet=0.2):
    """Sends without reading until the server stops reading too; returns how many bytes were sent."""
    client.setblocking(False)
    sent = 0
    while select.select([], [client], [], quiet)[1]:
        try:
            sent += client.send(memoryview(data)[sent % len(data):])
        except BlockingIOError:
            pass
    return sent


@pytest.fixture(params=["tcp", "unix"])
def daemon_and_address(request, serve, tmp_path):
    """A daemon and its address, once for each kind of socket."""
    path = tmp_path / "socket"
    daemon = serve("[[listener]]\nhost = '127.0.0.1'\nport = 0\n" f"[[listener]]\npath = '{path}'\n", listeners=2)
    return daemon, daemon.port if request.param == "tcp" else path


# Clients that do not read.

def test_a_client_that_never_reads_is_not_read_either(daemon_and_address):
    daemon, address = daemon_and_address
    with connect(address) as deaf:
        sent = push_until_blocked(deaf)
        before = daemon.processor_seconds()
        for _ in range(50):
            assert ask_once(address, b"hello\n") == b"olleh\n"
        assert daemon.memory() < 40 << 20
        # Waiting uses no processor time.
        before = daemon.processor_seconds()
        time.sleep(0.5)
        assert daemon.processor_seconds() - before <= 0.05
        # Nothing is lost if the client reads after all.
        deaf.setblocking(True)
        deaf.settimeout(15)
        assert receive(deaf, sent // 1000 * 1000) == (LINE[-2::-1] + b"\n") * (sent // 1000)


def test_fifty_clients_that_never_read_take_bounded_memory(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(50)]
    for client in clients:
        push_until_blocked(client, quiet=0.02)
    # A connection keeps at most one buffer of 128 KiB, rounded up by malloc.
    assert daemon.memory() < 50 << 20
    for client in clients:
        client.close()


def test_a_long_partial_line_takes_no_more_memory_than_the_limit_allows(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(10)]
    for client in clients:
        client.sendall(b"x" * 1_000_000)
    assert eventually(lambda: daemon.memory() > 5 << 20)
    assert daemon.memory() < 60 << 20
    for client in clients:
        client.sendall(b"\n")
        assert len(receive(client, 1_000_001)) == 1_000_001
        client.close()


@pytest.mark.parametrize("how", [socket.SHUT_RDWR, socket.SHUT_WR], ids=["both ways", "sending"])
def test_a_client_that_shuts_down_while_output_is_blocked_costs_nothing(daemon_and_address, how):
    daemon, address = daemon_and_address
    with connect(address) as deaf:
        push_until_blocked(deaf)
        time.sleep(0.1)  # long enough to leave the hot loops
        deaf.shutdown(how)
        time.sleep(0.1)
        before = daemon.processor_seconds()
        time.sleep(0.5)
        assert daemon.processor_seconds() - before <= 0.1


# RST at different moments.

def after_connecting(client):
    pass


def amid_a_line(client):
    client.sendall(b"half a li")


def after_a_line(client):
    client.sendall(b"whole line\n")


def after_an_answer(client):
    ask(client, b"whole line\n")


def amid_an_answer(client):
    client.sendall(LINE * 300)
    receive(client, 1500)


def after_half_closing(client):
    client.sendall(b"line\nhalf")
    client.shutdown(socket.SHUT_WR)


def while_output_is_blocked(client):
    push_until_blocked(client, quiet=0.02)


def while_output_is_blocked_for_long(client):
    push_until_blocked(client, quiet=0.06)


MOMENTS = [after_connecting, amid_a_line, after_a_line, after_an_answer, amid_an_answer, after_half_closing,
           while_output_is_blocked, while_output_is_blocked_for_long]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_reset(daemon_and_address, moment):
    daemon, address = daemon_and_address
    with connect(address) as witness:
        for _ in range(10):
            client = connect(address)
            moment(client)
            reset(client)
            assert ask(witness, b"still\n") == b"llits\n"
    assert eventually(lambda: daemon.sockets() == daemon.idle_sockets, 5), "a socket was kept"


def test_resets_at_random_moments_from_many(serve):
    daemon = serve()
    chance = random.Random(4)
    with descriptor_limit(400), connect(daemon.port) as witness:
        for _ in range(4):
            clients = [connect(daemon.port) for _ in range(150)]
            chance.shuffle(clients)
            for client in clients:
                chance.choice(MOMENTS[:6])(client)
                if chance.random() < 0.5:
                    client.close()
                else:
                    reset(client)
            assert ask(witness, b"still\n") == b"llits\n"
    assert eventually(lambda: daemon.sockets() == daemon.idle_sockets, 5)


def test_resets_while_the_daemon_stops(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(100)]
    for number, client in enumerate(clients):
        if number % 2:
            push_until_blocked(client, quiet=0)
        else:
            client.sendall(b"half")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_log("stopping")
    for client in clients:
        reset(client)
    assert daemon.wait(5) == 0


def test_connections_that_are_reset_before_they_are_accepted(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 1\n")
    with connect(daemon.port) as first:
        assert ask(first, b"in\n") == b"ni\n"
        for _ in range(50):
            reset(connect(daemon.port))
    assert ask_once(daemon.port, b"free\n") == b"eerf\n"


# Idle clients.

IDLE = "port = 0\n[limits]\nidle_timeout = '300ms'\n"


def seconds_until_closed(client):
    begun = time.monotonic()
    receive_to_end(client)
    return time.monotonic() - begun


def test_an_idle_client_is_disconnected(serve):
    daemon = serve(IDLE)
    with connect(daemon.port) as silent, connect(daemon.port) as answered:
        assert ask(answered, b"once\n") == b"ecno\n"
        assert 0.2 < seconds_until_closed(silent) < 2
        assert seconds_until_closed(answered) < 2
    assert "idle_timeout" in daemon.wait_for_log("disconnected .* after 1 line,")


def test_a_slow_but_active_client_is_not_idle(serve):
    with connect(serve(IDLE).port) as client:
        for _ in range(8):
            time.sleep(0.12)
            assert ask(client, b"slow\n") == b"wols\n"


def test_a_client_that_drips_a_line_without_end_is_idle(serve):
    daemon = serve(IDLE)
    with connect(daemon.port) as client:
        begun = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() < begun + 8:
                client.sendall(b"x")
                time.sleep(0.05)
        assert "idle_timeout" in daemon.wait_for_log("disconnected .* after 0 lines")


def test_a_client_that_sends_no_first_line_in_time(serve):
    daemon = serve("port = 0\n[limits]\nfirst_line_timeout = '300ms'\n")
    with connect(daemon.port) as silent, connect(daemon.port) as partial, connect(daemon.port) as answered:
        partial.sendall(b"half a line")
        assert ask(answered, b"once\n") == b"ecno\n"
        assert 0.2 < seconds_until_closed(silent) < 2
        assert seconds_until_closed(partial) < 2
        assert "limits.first_line_timeout" in daemon.wait_for_log("disconnected .* after 0 lines")
        # It has sent a line, so only idle_timeout applies to it.
        assert ask(answered, b"again\n") == b"niaga\n"
        daemon.reload("port = 0\n[limits]\nfirst_line_timeout = '0'\n")
        with connect(daemon.port) as patient:
            time.sleep(1)
            assert ask(patient, b"late\n") == b"etal\n"


def test_a_client_that_never_reads_is_idle(daemon_and_address):
    daemon, address = daemon_and_address
    daemon.reload(daemon.config_path.read_text() + "[limits]\nidle_timeout = '300ms'\n")
    with connect(address) as deaf:
        push_until_blocked(deaf)
        assert "idle_timeout" in daemon.wait_for_log("disconnected ")
        assert eventually(lambda: daemon.sockets() == daemon.idle_sockets, 5)


def test_a_client_that_reads_slowly_is_not_idle(serve):
    daemon = serve(IDLE)
    with connect(daemon.port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sent = push_until_blocked(client, quiet=0.05)
        client.setblocking(True)
        read = 0
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            read += len(client.recv(1 << 17))
            time.sleep(0.02)
        assert len(receive(client, sent // 1000 * 1000 - read)) + read == sent // 1000 * 1000


def test_without_an_idle_timeout_a_client_may_be_silent(serve):
    with connect(serve("port = 0\n[limits]\nidle_timeout = '0'\n").port) as client:
        time.sleep(1)
        assert ask(client, b"back\n") == b"kcab\n"
