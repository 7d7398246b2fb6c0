"""The client behind faults: whatever happens to the connection, the output is that of an undisturbed run."""

import itertools
import random
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from line_server import Fault, FaultyProxy, LineServer, client_path, environment, reset, reversed_lines, run_client

SHORT = b"one\ntwo\r\n\nfour4\nend"


@pytest.fixture
def server():
    with LineServer() as running:
        yield running


def only_first(fault):
    return lambda number: fault if number == 0 else None


def undisturbed(port, data, *arguments):
    result = run_client("-p", str(port), *arguments, stdin=data)
    assert (result.returncode, result.stdout, result.stderr) == (0, reversed_lines(data), b"")


@pytest.mark.parametrize("action", ["cut", "reset"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_loss_at_every_byte(server, action, direction):
    for position in range(len(SHORT) + 1):
        fault = Fault(**{direction: position}, action=action)
        with FaultyProxy(server.port, only_first(fault)) as proxy:
            undisturbed(proxy.port, SHORT)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stall_at_every_byte(server, direction):
    for position in range(0, len(SHORT), 3):
        fault = Fault(**{direction: position}, action="stall")
        with FaultyProxy(server.port, only_first(fault)) as proxy:
            undisturbed(proxy.port, SHORT, "--timeout", "150ms")


def test_every_split(server):
    for step in range(1, len(SHORT) + 1):
        with FaultyProxy(server.port, lambda number, step=step: Fault(step=step)) as proxy:
            undisturbed(proxy.port, SHORT)
            assert proxy.connections == 1


def test_losses_again_and_again(server):
    chance = random.Random(4)
    data = b"".join(b"line %d %s\n" % (n, b"x" * chance.randrange(200)) for n in range(20_000))

    def faults(number):
        return Fault(
            **{chance.choice(["up", "down"]): chance.randrange(60_000)}, action=chance.choice(["cut", "reset"])
        )

    with FaultyProxy(server.port, faults) as proxy:
        undisturbed(proxy.port, data)
        assert proxy.connections > 20


def test_the_server_is_away_for_a_while():
    server = LineServer()
    port = server.port
    client = subprocess.Popen(
        [client_path(), "-p", str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )
    client.stdin.write(b"before\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"erofeb\n"
    server.close()
    client.stdin.write(b"while it is away\n")
    client.stdin.flush()
    threading.Timer(0.7, lambda: servers.append(LineServer(port))).start()
    servers = []
    out, err = client.communicate(timeout=20)
    servers[0].close()
    assert (client.returncode, out, err) == (0, b"yawa si ti elihw\n", b"")


def test_an_idle_connection_may_end_unnoticed():
    """A server that closes a conversation in which it owes nothing costs no retry and no word."""
    with LineServer() as server:
        client = subprocess.Popen(
            [client_path(), "-p", str(server.port), "--retry-for", "0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )
        for word in [b"one\n", b"two\n"]:
            client.stdin.write(word)
            client.stdin.flush()
            assert client.stdout.readline() == reversed_lines(word)
            server.hang_up()
            # The next line must not race with the end of this connection.
            while server.live:
                time.sleep(0.005)
            time.sleep(0.05)
        out, err = client.communicate(timeout=20)
        assert (client.returncode, out, err) == (0, b"", b"") and server.connections == 2


def test_it_gives_up_and_says_how_far_it_came():
    def two_answers(connection):
        connection.recv(65536)
        connection.sendall(b"eno\nowt\n")
        server.listener.shutdown(socket.SHUT_RDWR)

    server = LineServer(respond=two_answers)
    result = run_client("-p", str(server.port), "--retry-for", "200ms", stdin=b"one\ntwo\nthree\n")
    assert result.stdout == b"eno\nowt\n" and result.returncode == 69
    assert b"2 lines were answered" in result.stderr


def test_retry_for_0_never_tries_again(server):
    with FaultyProxy(server.port, only_first(Fault(down=5))) as proxy:
        result = run_client("-p", str(proxy.port), "--retry-for", "0", stdin=SHORT)
        assert result.returncode == 76 and result.stdout == b"eno\n" and proxy.connections == 1


def limited(limit, drop_answers):
    """A server that hangs up at a line longer than `limit`; to `drop_answers` is to do it by RST before any line that
    came with it was answered."""

    def respond(connection):
        held = b""
        while data := connection.recv(1 << 20):
            held += data
            while drop_answers and select.select([connection], [], [], 0.02)[0]:
                if not (data := connection.recv(1 << 20)):
                    break
                held += data
                if len(held) - held.rfind(b"\n") > limit:
                    return reset(connection)
            whole, newline, held = held.rpartition(b"\n")
            lines = (whole + newline).splitlines(keepends=True)
            good = list(itertools.takewhile(lambda line: len(line) <= limit, lines))
            connection.sendall(reversed_lines(b"".join(good)))
            if len(good) < len(lines) or len(held) > limit:
                return

    return respond


@pytest.mark.parametrize("drop_answers", [False, True])
def test_a_line_that_the_server_refuses_is_named(drop_answers):
    good = b"".join(b"%d\n" % n for n in range(5000))
    with LineServer(respond=limited(1 << 20, drop_answers)) as server:
        started = time.monotonic()
        result = run_client("-p", str(server.port), "--retry-for", "30s", stdin=good + b"x" * 3_000_000 + b"\nafter\n")
        assert result.returncode == 76 and b"line 5001" in result.stderr and b"max_line_bytes" in result.stderr
        assert result.stdout == reversed_lines(good)
        assert time.monotonic() - started < 20


def test_an_endless_line_is_refused_in_bounded_time():
    with LineServer(respond=limited(1 << 20, False)) as server, open("/dev/zero", "rb") as zeros:
        result = run_client("-p", str(server.port), stdin=zeros, timeout=30)
        assert result.returncode == 76 and b"line 1" in result.stderr


def test_interrupted():
    with LineServer() as server:
        client = subprocess.Popen(
            [client_path(), "-p", str(server.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )
        client.stdin.write(b"one\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"eno\n"
        client.send_signal(signal.SIGINT)
        assert client.wait(10) == -signal.SIGINT
        client.stdin.close()
        client.stdout.close()
        client.stderr.close()
