"""Line framing over a real socket: every way to divide a stream, and every way to end it."""

import random
import re
import socket

import pytest

from clients import ask, ask_once, connect, exchange, receive, receive_to_end, reverse_ascii
from daemon import eventually


@pytest.mark.parametrize("request_, answer", [
    (b"ADVANCE\n", b"ECNAVDA\n"),
    (b"AKASH\n", b"HSAKA\n"),
    (b"hello\r\n", b"olleh\r\n"),
    (b"\n", b"\n"),
    (b"\r\n", b"\r\n"),
    (b"\n\n\n", b"\n\n\n"),
    (b"\r\r\n", b"\r\r\n"),
    (b"a\rb\n", b"b\ra\n"),
    (b"a\n\rb\n", b"a\nb\r\n"),
    (b"last", b"tsal"),
    (b"", b""),
    (b"one\ntwo", b"eno\nowt"),
    (b"ends with CR\r", b"\rRC htiw sdne"),
    (b"\0a\0b\0\n", b"\0b\0a\0\n"),
    ("né\n".encode(), "én\n".encode()),
    ("e\u0301a\n".encode(), "ae\u0301\n".encode()),
    ("a👨‍👩‍👧‍👦b\n".encode(), "b👨‍👩‍👧‍👦a\n".encode()),
    ("1🇫🇷🇩🇪2\n".encode(), "2🇩🇪🇫🇷1\n".encode()),
    ("नमस्ते\n".encode(), "स्तेमन\n".encode()),
    (b"a\xff\xfeb\n", b"b\xfe\xffa\n"),
    (b"\xc0\xaf\xed\xa0\x80x\n", b"x\x80\xa0\xed\xaf\xc0\n"),
    (b"\xe2\x82\n\xac", b"\x82\xe2\n\xac"),
    (b"\x80" * 100 + b"z\n", b"z" + b"\x80" * 100 + b"\n"),
], ids=repr)
def test_a_request_and_its_answer(serve, request_, answer):
    assert exchange(serve().port, request_) == answer


SCRIPT = b"".join([
    b"ADVANCE\n", b"hello\r\n", b"\n", b"\r\n", "é👨‍👩‍👧‍👦🇫🇷 e\u0301\n".encode(), b"\0\xff\xf0\x9f\x98\n", b"\r\r\n", b"x" * 300 + b"\n", b"end"
])
ANSWERS = b"".join([
    b"ECNAVDA\n", b"olleh\r\n", b"\n", b"\r\n", "e\u0301 🇫🇷👨‍👩‍👧‍👦é\n".encode(), b"\x98\x9f\xf0\xff\0\n", b"\r\r\n", b"x" * 300 + b"\n",
    b"dne"
])


def send_in_pieces(port, request, sizes):
    with connect(port) as client:
        at = 0
        while at < len(request):
            size = next(sizes)
            client.sendall(request[at:at + size])
            at += size
        client.shutdown(socket.SHUT_WR)
        return receive_to_end(client)


def test_one_byte_at_a_time(serve):
    assert send_in_pieces(serve().port, SCRIPT, iter(lambda: 1, 0)) == ANSWERS


def test_random_pieces(serve):
    port = serve().port
    chance = random.Random(1)
    for _ in range(40):
        assert send_in_pieces(port, SCRIPT, iter(lambda: chance.randint(1, 40), 0)) == ANSWERS


def test_each_answer_comes_before_the_next_request(serve):
    with connect(serve().port) as client:
        for number in range(500):
            line = f"line number {number}\n".encode()
            assert ask(client, line) == reverse_ascii(line)


def test_a_partial_line_is_not_answered_until_its_end_comes(serve):
    with connect(serve().port) as client:
        client.sendall(b"first\nhalf")
        assert receive(client, 6) == b"tsrif\n"
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(10)
        client.sendall(b" done\n")
        assert receive(client, 10) == b"enod flah\n"


def test_a_thousand_lines_at_once(serve):
    lines = [f"line {number} {'x' * (number % 97)}\n".encode() for number in range(1000)]
    with connect(serve().port) as client:
        client.sendall(b"".join(lines))
        expected = b"".join(map(reverse_ascii, lines))
        assert receive(client, len(expected)) == expected


def test_lines_longer_than_every_buffer(serve):
    lines = [bytes(random.Random(size).randbytes(size).replace(b"\n", b"-").replace(b"\r", b"-")) + b"\n"
             for size in (4095, 4096, 4097, 65535, 65536, 131071, 131072, 131073, 500_000, 1 << 20)]
    daemon = serve("port = 0\nunit = 'byte'\n")
    assert exchange(daemon.port, b"".join(lines)) == b"".join(map(reverse_ascii, lines))


def test_random_bytes_are_answered_like_text(serve):
    daemon = serve("port = 0\nunit = 'byte'\n")
    chance = random.Random(2)
    with connect(daemon.port) as witness:
        for _ in range(20):
            garbage = chance.randbytes(chance.randint(1, 200_000))
            answer = exchange(daemon.port, garbage)
            assert answer == b"".join(map(reverse_ascii, re.findall(rb"[^\n]*\n|[^\n]+\Z", garbage)))
            assert ask(witness, b"still here\n") == b"ereh llits\n"


def test_garbage_in_every_unit_has_answers_of_its_length(serve):
    chance = random.Random(3)
    garbage = chance.randbytes(300_000)
    daemon = serve("".join(f"[[listener]]\nhost = '127.0.0.1'\nport = 0\nunit = '{unit}'\n"
                           for unit in ("character", "scalar", "byte")), listeners=3)
    for port in daemon.ports:
        answer = exchange(port, garbage)
        assert len(answer) == len(garbage)
        assert [len(line) for line in answer.split(b"\n")] == [len(line) for line in garbage.split(b"\n")]


# The limit.

LIMITED = "port = 0\n[limits]\nmax_line_bytes = 10\n"


@pytest.mark.parametrize("line", [b"0123456789\n", b"0123456789\r\n", b"012345678\r\n", b"0123456789"], ids=repr)
def test_a_line_of_exactly_the_limit_is_answered(serve, line):
    assert exchange(serve(LIMITED).port, b"ok\n" + line + (b"ok\n" if line.endswith(b"\n") else b"")) \
        == b"ko\n" + reverse_ascii(line) + (b"ko\n" if line.endswith(b"\n") else b"")


@pytest.mark.parametrize("line", [
    b"0123456789X\n", b"0123456789X\r\n", b"0123456789\rX\n", b"0123456789\r\r\n", b"0123456789X", b"0123456789\r", b"z" * 5000 + b"\n",
], ids=lambda line: repr(line[:20]))
def test_a_longer_line_ends_the_connection_after_the_earlier_answers(serve, line):
    daemon = serve(LIMITED)
    assert exchange(daemon.port, b"one\ntwo\r\n" + line + b"never\n") == b"eno\nowt\r\n" if line.endswith(b"\n") \
        else exchange(daemon.port, b"one\ntwo\r\n" + line) == b"eno\nowt\r\n"
    assert "max_line_bytes" in daemon.wait_for_log("disconnected .* after 2 lines")


def test_a_line_that_grows_too_long_byte_by_byte_is_cut_at_the_limit(serve):
    daemon = serve(LIMITED)
    with connect(daemon.port) as client:
        for _ in range(10):
            client.sendall(b"x")
        assert ask_once(daemon.port, b"hi\n") == b"ih\n"
        assert not daemon.logged("disconnected .*max_line_bytes")
        client.sendall(b"x")
        assert receive_to_end(client) == b""
    daemon.wait_for_log("max_line_bytes")


def test_ten_megabytes_without_a_newline(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        client.sendall(b"before\n")
        client.sendall(b"x" * 10_000_000)
        assert receive_to_end(client) == b"erofeb\n"
    daemon.wait_for_log("max_line_bytes")
    assert ask_once(daemon.port, b"next\n") == b"txen\n"
    assert daemon.memory() < 64 << 20


# The end.

def test_the_server_closes_once_the_client_has(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        client.shutdown(socket.SHUT_WR)
        assert receive_to_end(client) == b""
    daemon.wait_for_log("disconnected .* after 0 lines")


def test_answers_that_are_read_late_arrive_after_the_half_close(serve):
    request = b"".join(b"%06d\n" % number for number in range(300_000))
    with connect(serve().port) as client:
        # Sends as much as the server takes, without reading: meanwhile the other direction fills up with answers.
        client.setblocking(False)
        sent = 0

        def send_more():
            nonlocal sent
            try:
                sent += client.send(request[sent:sent + 65536])
            except BlockingIOError:
                return True
            return sent == len(request)

        eventually(send_more, 10, 0)
        client.setblocking(True)
        answer = receive(client, sent // 7 * 7)
        client.sendall(request[sent:])
        client.shutdown(socket.SHUT_WR)
        answer += receive_to_end(client)
        assert answer == b"".join((b"%06d" % number)[::-1] + b"\n" for number in range(300_000))
