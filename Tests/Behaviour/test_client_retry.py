"""The client behind a faulty proxy: with any fault of the connection, the output is the same as without."""

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


def test_repeated_losses(server):
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
    """If the server closes a connection on which no answer is outstanding, there is no retry and no message."""
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
            # The next line must not be sent before this connection has ended.
            while server.live:
                time.sleep(0.005)
            time.sleep(0.05)
        out, err = client.communicate(timeout=20)
        assert (client.returncode, out, err) == (0, b"", b"") and server.connections == 2


def test_it_gives_up_and_names_the_number_of_answers():
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
    """A server that closes the connection at a line longer than `limit`; with `drop_answers` it sends a RST before it
    answers any line that arrived together with it."""

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


@pytest.mark.parametrize("limit", [16, 1 << 10, 1 << 16, 1 << 20])
@pytest.mark.parametrize("drop_answers", [False, True])
def test_a_refused_line_is_named_for_any_limit(limit, drop_answers):
    data = b"".join(b"%d\n" % n for n in range(20)) + b"x" * (limit + 1) + b"\nafter\n"
    with LineServer(respond=limited(limit, drop_answers)) as server:
        started = time.monotonic()
        result = run_client("-p", str(server.port), stdin=data)
        assert result.returncode == 76 and b"at line 21" in result.stderr and b"max_line_bytes" in result.stderr
        assert b"try again" not in result.stderr and time.monotonic() - started < 4
        assert result.stdout == reversed_lines(data.split(b"x")[0])


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_refused_text_is_named(flags):
    with LineServer(respond=limited(1024, False)) as server:
        result = run_client("-p", str(server.port), *flags, "first", "x" * 2000, "last")
        assert result.returncode == 76 and b"to line 2" in result.stderr and b"max_line_bytes" in result.stderr
        assert b"tsrif" in result.stdout and b"try again" not in result.stderr


def test_an_unterminated_last_line_is_refused_like_any_other():
    with LineServer(respond=limited(1024, False)) as server:
        result = run_client("-p", str(server.port), stdin=b"a\n" + b"x" * 3000)
        assert result.returncode == 76 and b"at line 2" in result.stderr


def test_a_server_that_dies_at_any_line_does_not_refuse_one():
    """The server does not answer an empty line either."""

    with LineServer(respond=lambda connection: None) as server:
        def respond(connection):
            if server.connections > 8:
                return LineServer.reverse(connection)
            connection.recv(65536)

        server.respond = respond
        undisturbed(server.port, b"one\ntwo\n")


def impatient(seconds):
    """A server that closes a connection on which no complete line has arrived for a while."""

    def respond(connection):
        held = b""
        ends = time.monotonic() + seconds
        while True:
            ready = select.select([connection], [], [], max(0, ends - time.monotonic()))[0]
            if not ready:
                return
            if not (data := connection.recv(1 << 20)):
                return connection.sendall(held[::-1])
            held += data
            whole, newline, held = held.rpartition(b"\n")
            if newline:
                ends = time.monotonic() + seconds
                connection.sendall(reversed_lines(whole + newline))

    return respond


@pytest.mark.parametrize("length", [100, 70_000, 3_000_000, 6_000_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_producer_that_stalls_in_the_middle_of_a_line_loses_nothing(length, end):
    with LineServer(respond=impatient(0.4)) as server:
        client = subprocess.Popen(
            [client_path(), "-p", str(server.port), "--retry-for", "1s"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )

        def feed():
            client.stdin.write(b"short\n")
            # The idle timeout of the server expires several times, and so would the timeout of the client.
            for _ in range(4):
                client.stdin.write(b"x" * (length // 4))
                client.stdin.flush()
                time.sleep(0.6)
            client.stdin.write(end)
            client.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        out = client.stdout.read()
        feeder.join()
        err = client.stderr.read()
        assert (client.wait(20), err) == (0, b"") and out == b"trohs\n" + b"x" * (length // 4 * 4) + end
        client.stdout.close()
        client.stderr.close()


@pytest.mark.parametrize("arguments, wanted", [([], b"cba\n"), (["abc"], b"cba\n"), (["--ping", "--count", "1"], b"1 answered")])
def test_a_server_that_is_down_at_the_start_is_waited_for(arguments, wanted):
    with LineServer() as gone:
        port = gone.port
    servers = []
    threading.Timer(0.5, lambda: servers.append(LineServer(port))).start()
    result = run_client("-p", str(port), "--retry-for", "20s", *arguments, stdin=b"abc\n")
    assert result.returncode == 0 and wanted in result.stdout
    servers[0].close()


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
