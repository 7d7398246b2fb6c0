"""The client with arguments and in a pipe: answers, exit codes, one-sentence errors."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from line_server import LineServer, client_path, environment, reversed_lines, run_client


@pytest.fixture
def server():
    with LineServer() as running:
        yield running


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def one_sentence(stderr):
    text = stderr.decode()
    assert text.startswith("reverse-client: ") and text.count("\n") == 1, text
    return text


def test_arguments_are_lines_and_answers_come_in_order(server):
    result = run_client("-p", str(server.port), "ADVANCE", "two words", "", "x")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"ECNAVDA\nsdrow owt\n\nx\n", b"")


def test_texts_that_begin_with_a_dash(server):
    result = run_client("-p", str(server.port), "--", "-p", "--help", "--")
    assert result.stdout == b"p-\npleh--\n--\n"


def test_ill_formed_bytes_of_an_argument_arrive_as_they_are(server):
    result = run_client("-p", str(server.port), b"a\xff\xfe\x80", b"ok")
    assert result.stdout == b"\x80\xfe\xffa\nko\n"


def test_an_argument_with_a_line_feed_is_refused(server):
    result = run_client("-p", str(server.port), "fine", "one\ntwo")
    assert result.returncode == 64 and b"TEXT number 2" in result.stderr and result.stdout == b""


def test_exit_is_a_word_in_a_pipe_and_as_an_argument(server):
    assert run_client("-p", str(server.port), "exit").stdout == b"tixe\n"
    assert run_client("-p", str(server.port), stdin=b"exit\nmore\n").stdout == b"tixe\nerom\n"


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"a", b"a\n", b"ab\r\ncd\r\n", b"\r\n", b"\r\r\n", b"\rab\n", b"one\ntwo", b"\n\n\nx", b"x\ry\r", b"\0\n"],
)
def test_a_pipe_gets_every_line_end_back(server, data):
    result = run_client("-p", str(server.port), stdin=data)
    assert (result.returncode, result.stdout, result.stderr) == (0, reversed_lines(data), b"")


def test_answers_come_while_the_input_is_open(server):
    client = subprocess.Popen(
        [client_path(), "-p", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    for word in [b"one\n", b"two\n", b"three\n"]:
        client.stdin.write(word)
        client.stdin.flush()
        assert client.stdout.readline() == reversed_lines(word)
    client.stdin.close()
    assert client.stdout.read() == b"" and client.wait(10) == 0
    client.stdout.close()


def test_many_lines_through_slow_ends(server):
    data = b"".join(b"%d some words of a line\n" % n for n in range(200_000))
    client = subprocess.Popen(
        [client_path(), "-p", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    writer = threading.Thread(target=lambda: (client.stdin.write(data), client.stdin.close()))
    writer.start()
    received = bytearray()
    while part := os.read(client.stdout.fileno(), 100_000):
        received += part
        if len(received) < 1_000_000:
            time.sleep(0.01)
    writer.join()
    client.stdout.close()
    assert client.wait(10) == 0 and bytes(received) == reversed_lines(data)


def test_refused():
    port = free_port()
    result = run_client("-p", port, "x")
    sentence = one_sentence(result.stderr)
    assert result.returncode == 69 and f"127.0.0.1:{port}" in sentence and "refused" in sentence
    started = time.monotonic()
    result = run_client("-p", port, "--retry-for", "300ms", stdin=b"x\n")
    sentence = one_sentence(result.stderr)
    assert result.returncode == 69 and "0 lines were answered" in sentence
    assert 0.25 < time.monotonic() - started < 5


def test_no_such_socket(tmp_path):
    result = run_client("-U", str(tmp_path / "none.sock"), "x")
    assert result.returncode == 69 and "none.sock" in one_sentence(result.stderr)


def test_unknown_host():
    result = run_client("-H", "no-such-host.invalid", "x")
    assert result.returncode == 69 and "no-such-host.invalid" in one_sentence(result.stderr)


def test_timed_out():
    with LineServer(respond=lambda connection: connection.recv(1) and threading.Event().wait(20)) as silent:
        started = time.monotonic()
        result = run_client("-p", str(silent.port), "--timeout", "300ms", "x")
        assert result.returncode == 75 and "300ms" in one_sentence(result.stderr)
        assert 0.25 < time.monotonic() - started < 5
        result = run_client("-p", str(silent.port), "--timeout", "200ms", "--retry-for", "0", stdin=b"x\n")
        assert result.returncode == 75 and f":{silent.port}" in one_sentence(result.stderr)


def answering(answer, close=True):
    def respond(connection):
        connection.recv(65536)
        connection.sendall(answer)
        if not close:
            connection.recv(1)

    return respond


@pytest.mark.parametrize(
    "answer, printed, words",
    [
        (b"", b"", "ended the connection"),
        (b"eno\n", b"eno\n", "1 line was answered"),
        (b"eno\now", b"eno\n", "ended the connection"),
        (b"on\n", b"", "3 bytes with its line end instead of 4"),
        (b"eno!\nowt\n", b"", "more than 4 bytes"),
        (b"eno\nowt\nmore\n", b"eno\nowt\n", "the last line that was sent"),
        (b"HTTP/1.1 400 Bad Request\r\n", b"", "wrong answer"),
    ],
)
def test_short_and_wrong_answers(answer, printed, words):
    with LineServer(respond=answering(answer)) as wrong:
        result = run_client("-p", str(wrong.port), "one", "two")
        assert (result.returncode, result.stdout) == (76, printed)
        assert words in one_sentence(result.stderr)


def test_the_answer_to_crlf_must_end_in_crlf():
    with LineServer(respond=answering(b"aXX\n")) as wrong:
        result = run_client("-p", str(wrong.port), "--retry-for", "0", stdin=b"XX\r\n")
        assert result.returncode == 76 and "does not end as the line does" in one_sentence(result.stderr)


def test_wrong_answers_are_not_asked_for_again():
    with LineServer(respond=answering(b"wrong answer\n")) as wrong:
        assert run_client("-p", str(wrong.port), stdin=b"x\n").returncode == 76
        assert wrong.connections == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["-p", "70000", "x"],
        ["-p", "0", "x"],
        ["-p", "-1", "x"],
        ["-p", "5a", "x"],
        ["-H", "", "x"],
        ["-H", "[::1", "x"],
        ["-H", "host:99999", "x"],
        ["-H", "host:1", "-p", "2", "x"],
        ["-U", "/a", "-H", "b", "x"],
        ["-U", "", "x"],
        ["--timeout", "soon", "x"],
        ["--timeout", "99999999999999999999s", "x"],
        ["-7"],
    ],
)
def test_usage_errors(arguments):
    result = run_client(*arguments)
    assert result.returncode == 64 and result.stdout == b""
    sentence, hint, rest = result.stderr.decode().split("\n")
    assert sentence.startswith("reverse-client: ") and hint == "Try 'reverse-client --help'." and rest == ""


def test_environment_and_its_precedence(server, tmp_path):
    port = str(server.port)
    wrong = free_port()
    for env in [
        {"REVERSED_PORT": port},
        {"REVERSED_HOST": f"127.0.0.1:{port}", "REVERSED_PORT": wrong},
        {"REVERSED_HOST": "localhost", "REVERSED_PORT": port},
        {"REVERSED_HOST": "", "REVERSED_PORT": port},
    ]:
        assert run_client("abc", env=environment(**env)).stdout == b"cba\n", env
    assert run_client("-p", port, "abc", env=environment(REVERSED_PORT=wrong)).stdout == b"cba\n"
    assert run_client("-p", port, "abc", env=environment(REVERSED_HOST=f"127.0.0.1:{wrong}")).stdout == b"cba\n"
    assert run_client("-H", f"127.0.0.1:{port}", "abc", env=environment(REVERSED_HOST="/none")).stdout == b"cba\n"
    assert run_client("abc", env=environment(REVERSED_PORT="nonsense")).returncode == 64


def test_a_unix_socket_wherever_a_host_is(tmp_path):
    path = str(tmp_path / "r.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)

        def serve():
            for _ in range(3):
                LineServer.reverse((connection := listener.accept()[0]))
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        assert run_client("-U", path, "abc").stdout == b"cba\n"
        assert run_client("-H", path, "abc").stdout == b"cba\n"
        assert run_client("abc", env=environment(REVERSED_HOST=path)).stdout == b"cba\n"


def test_a_full_disk(server):
    with open("/dev/full", "wb") as full:
        for call in [dict(arguments=["x"]), dict(arguments=[], stdin=b"x\n" * 100_000)]:
            result = run_client("-p", str(server.port), *call["arguments"], stdin=call.get("stdin", b""), stdout=full)
            assert result.returncode == 74 and "No space left" in one_sentence(result.stderr)


def test_a_reader_that_goes_away(server):
    client = subprocess.Popen(
        [client_path(), "-p", str(server.port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"eno\n"
    # Nothing more is written, but the client notices.
    client.stdout.close()
    assert client.wait(10) == -signal.SIGPIPE and client.stderr.read() == b""
    client.stdin.close()
    client.stderr.close()


@pytest.mark.parametrize("redirection, words", [(">&-", "output is closed"), ("<&-", "input is closed")])
def test_closed_standard_streams(server, redirection, words):
    result = subprocess.run(
        ["sh", "-c", f'exec "$0" -p {server.port} {redirection}', client_path()],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=20,
    )
    assert result.returncode == 74 and words in one_sentence(result.stderr)


def test_all_streams_closed(server):
    command = f'exec "$0" -p {server.port} x <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command, client_path()], env=environment(), timeout=20).returncode == 74
    result = subprocess.run(
        ["sh", "-c", f'exec "$0" -p {server.port} abc <&- 2>&-', client_path()],
        stdout=subprocess.PIPE, env=environment(), timeout=20,
    )
    assert (result.returncode, result.stdout) == (0, b"cba\n")


def test_a_directory_as_input(server, tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    result = subprocess.run(
        [client_path(), "-p", str(server.port)], stdin=directory, capture_output=True, env=environment(), timeout=20
    )
    os.close(directory)
    assert result.returncode == 74 and "Is a directory" in one_sentence(result.stderr)


def test_shared_descriptors_keep_their_flags(server):
    import fcntl

    readable, writable = os.pipe()
    out_readable, out_writable = os.pipe()
    os.write(writable, b"abc\n")
    client = subprocess.Popen(
        [client_path(), "-p", str(server.port)], stdin=readable, stdout=out_writable, env=environment()
    )
    assert os.read(out_readable, 100) == b"cba\n"
    for descriptor in (readable, out_writable):
        assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK == 0
    os.close(writable)
    assert client.wait(10) == 0
    for descriptor in (readable, out_readable, out_writable):
        os.close(descriptor)
