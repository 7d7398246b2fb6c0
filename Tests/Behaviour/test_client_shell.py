"""The client with other programs: signals, pipes, redirections, and the terminal that they share."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pexpect
import pytest

from line_server import LineServer, client_path, environment, reversed_lines, run_client
from daemon import binary, eventually


@pytest.fixture
def server():
    with LineServer() as running:
        yield running


@pytest.fixture
def silent():
    stop = threading.Event()
    with LineServer(respond=lambda connection: stop.wait(60)) as running:
        yield running
        stop.set()


def wait_for_connection(server):
    eventually(lambda: server.connections > 0)


# Signals.


@pytest.mark.parametrize("arguments", ["x", "< /dev/null x", "--ping", "< lines", "< lines > out"])
def test_ctrl_c_ends_a_loop_of_the_shell(silent, tmp_path, arguments):
    (tmp_path / "lines").write_text("one\n")
    loop = f"for n in 1 2 3; do {client_path()} -p {silent.port} {arguments}; echo round $n; done"
    shell = pexpect.spawn("bash", ["-c", loop], env=environment(TERM="xterm"), timeout=10, encoding="utf-8", cwd=str(tmp_path))
    wait_for_connection(silent)
    time.sleep(0.1)
    shell.send("\x03")
    shell.expect(pexpect.EOF)
    shell.close()
    assert "round" not in shell.before and silent.connections == 1, shell.before
    assert shell.signalstatus == signal.SIGINT


@pytest.mark.parametrize("arguments", [["x"], ["--ping", "--count", "1"], []])
def test_an_ignored_ctrl_c_stays_ignored(arguments):
    answer = threading.Event()

    def late(connection):
        answer.wait(20)
        LineServer.reverse(connection)

    with LineServer(respond=late) as server:
        client = subprocess.Popen(
            ["sh", "-c", 'trap "" INT; exec "$@"', "sh", client_path(), "-p", str(server.port), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
        )
        client.stdin.write(b"x\n")
        client.stdin.close()
        wait_for_connection(server)
        client.send_signal(signal.SIGINT)
        time.sleep(0.1)
        answer.set()
        assert client.wait(10) == 0
        client.stdout.close()


def test_the_summary_of_a_ping_begins_on_its_own_line(server):
    terminal = pexpect.spawn(client_path(), ["-p", str(server.port), "--ping", "--count", "0"], env=environment(), timeout=10, encoding="utf-8")
    terminal.expect_exact("seq=1")
    terminal.expect_exact("\n")
    terminal.send("\x03")
    text = terminal.read()
    terminal.close()
    assert re.search(r"^127\.0\.0\.1:\d+: \d+ sent", text.replace("\r", ""), re.MULTILINE), text
    assert terminal.signalstatus == signal.SIGINT


# Readers.


def test_a_satisfied_reader_is_no_error(server):
    script = f"for n in $(seq 60); do {client_path()} -p {server.port} ADVANCE | head -1 >&2; echo ${{PIPESTATUS[0]}}; done"
    result = subprocess.run(["bash", "-c", script], capture_output=True, env=environment(), timeout=60)
    assert result.stdout.split() == [b"0"] * 60 and result.stderr == b"ECNAVDA\n" * 60


def test_a_reader_that_has_all_answers_may_leave_while_the_server_lingers():
    def linger(connection):
        connection.sendall(reversed_lines(connection.recv(65536)))
        connection.recv(1)
        time.sleep(0.5)

    with LineServer(respond=linger) as server:
        client = subprocess.Popen([client_path(), "-p", str(server.port), "abc"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        assert client.stdout.readline() == b"cba\n"
        client.stdout.close()
        assert client.wait(10) == 0 and client.stderr.read() == b""
        client.stderr.close()


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_reader_that_exits_early_ends_the_client_without_a_message(server, flags):
    command = f"yes | {client_path()} -p {server.port} {' '.join(flags)} | head -1; echo ${{PIPESTATUS[1]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, env=environment(), timeout=30)
    assert result.stdout.split()[-1] == b"141" and result.stderr == b""


def test_where_sigpipe_is_ignored_a_lost_reader_is_an_error(server):
    client = subprocess.Popen(
        ["sh", "-c", 'trap "" PIPE; exec "$@"', "sh", client_path(), "-p", str(server.port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"eno\n"
    client.stdout.close()
    assert client.wait(10) == 74 and b"Broken pipe" in client.stderr.read()
    client.stdin.close()
    client.stderr.close()


# Redirections.


@pytest.mark.parametrize("redirection", ["< f >> f", "< f 1<> f", "< link >> f"])
def test_input_and_output_may_not_be_the_same_file(server, tmp_path, redirection):
    (tmp_path / "f").write_bytes(b"one\ntwo\n")
    os.symlink("f", tmp_path / "link")
    result = subprocess.run(["sh", "-c", f"{client_path()} -p {server.port} {redirection}"], cwd=tmp_path, capture_output=True, env=environment(), timeout=20)
    assert result.returncode == 74 and b"the input and the output are the same file" in result.stderr
    assert (tmp_path / "f").read_bytes() == b"one\ntwo\n" and server.connections == 0


def test_an_empty_file_may_be_both(server, tmp_path):
    result = subprocess.run(["sh", "-c", f"{client_path()} -p {server.port} < f >> f"], cwd=tmp_path, capture_output=True, env=environment(), timeout=20) \
        if not (tmp_path / "f").write_bytes(b"") else None
    assert result.returncode == 0


def test_the_numbers_of_closed_descriptors_stay_taken(silent):
    client = subprocess.Popen(
        ["sh", "-c", 'exec "$0" -p "$1" x <&- 2>&-', client_path(), str(silent.port)], stdout=subprocess.PIPE, env=environment()
    )
    wait_for_connection(silent)
    assert [os.readlink(f"/proc/{client.pid}/fd/{number}") for number in (0, 2)] == ["/dev/null"] * 2
    client.kill()
    client.wait()
    client.stdout.close()


@pytest.mark.parametrize("program, arguments, code, words", [
    (client_path(), ["--version"], 0, b"reverse-client "),
    (client_path(), ["-p", "1", "abc"], 69, b"127.0.0.1:1"),
    (binary(), ["--version"], 0, b"reversed "),
    (binary(), ["--check", "--config", "/no/such/file"], 78, b"/no/such/file"),
])
def test_arguments_do_not_come_from_proc(program, arguments, code, words):
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    if subprocess.run([*hide, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs a mount namespace")
    result = subprocess.run([*hide, program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=20)
    assert words in result.stdout + result.stderr and result.returncode == code, result


@pytest.mark.parametrize("program", [client_path(), binary()], ids=["reverse-client", "reversed"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--generate-completion-script", "bash"]])
def test_help_that_cannot_be_written_is_an_error(program, arguments):
    with open("/dev/full", "w") as full:
        result = subprocess.run([program, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=20)
    assert result.returncode == 74 and b"No space left on device" in result.stderr
    result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", program, *arguments], stderr=subprocess.PIPE, timeout=20)
    assert result.returncode == 74 and b"it is closed" in result.stderr
    result = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    assert result.returncode == 0 and result.stdout and result.stderr == b""


# The progress line.


def slow(connection):
    while data := connection.recv(65536):
        time.sleep(0.03)
        connection.sendall(b"\n".join(line[::-1] for line in data.split(b"\n")))


@pytest.fixture
def slow_lines(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes((b"x" * 1023 + b"\n") * 4000)
    return path


def in_terminal(command, directory, **options):
    return pexpect.spawn("bash", ["-c", command], env=environment(TERM="xterm"), timeout=30, cwd=str(directory), **options)


@pytest.mark.parametrize("redirection, drawn", [
    ("< lines > out", True),
    ("< lines > /dev/null", True),
    ("< lines --progress | cat > out", True),
    ("< lines | cat > out", False),
    ("< lines | wc -l", False),
    ("< lines --no-progress > out", False),
    ("< lines > out &", False),
    ("< lines --progress > out &", False),
])
def test_where_the_progress_line_is_shown(slow_lines, tmp_path, redirection, drawn):
    with LineServer(respond=slow) as server:
        # As a separate job, so that it can run in the background.
        terminal = in_terminal(f"set -m; {client_path()} -p {server.port} {redirection}\nwait", tmp_path)
        text = terminal.read()
        terminal.close()
        assert (b"MiB/s" in text) == drawn, text
        assert terminal.exitstatus == 0
        if drawn:
            assert text.endswith(b"\r\x1b[K")


def test_a_progress_line_that_is_forced_is_gone_before_the_reader_prints(slow_lines, tmp_path):
    with LineServer(respond=slow) as server:
        terminal = in_terminal(f"{client_path()} -p {server.port} --progress < lines | wc -l", tmp_path)
        text = terminal.read().decode()
        assert "MiB/s" in text and re.search(r"\r\x1b\[K4000\r\n$", text), text[-200:]


def test_no_progress_line_where_lines_are_typed(tmp_path):
    """The typed line is unchanged for longer than it takes to draw progress."""
    with LineServer() as server:
        terminal = in_terminal(f"{client_path()} -p {server.port} > out", tmp_path, encoding="utf-8")
        terminal.send("one\r")
        time.sleep(1)
        terminal.send("\x04")
        assert terminal.read() == "one\r\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_erases_the_progress_line(slow_lines, tmp_path, number):
    with LineServer(respond=slow) as server:
        terminal = in_terminal(f"echo $$ > pid; exec {client_path()} -p {server.port} < lines > out", tmp_path)
        terminal.expect_exact("MiB/s")
        os.kill(int((tmp_path / "pid").read_text()), number)
        assert terminal.read().endswith(b"\r\x1b[K")
        terminal.close()
        assert terminal.signalstatus == number


def test_a_stop_erases_the_progress_line(slow_lines, tmp_path):
    with LineServer(respond=slow) as server:
        terminal = in_terminal(f"set -m; {client_path()} -p {server.port} < lines > out; echo; jobs; fg; cmp <(rev lines) out && echo same", tmp_path, encoding="utf-8")
        terminal.expect_exact("MiB/s")
        terminal.send("\x1a")
        terminal.expect_exact("Stopped")
        assert terminal.before.split("\n")[0].replace("^Z", "").endswith("\r\x1b[K\r") or "\r\x1b[K" in terminal.before
        terminal.expect_exact("same")


@pytest.mark.parametrize("ends", [True, False])
def test_a_stopped_terminal_does_not_stop_the_stream(slow_lines, tmp_path, ends):
    with LineServer(respond=slow) as server:
        terminal = in_terminal(f"echo $$ > pid; exec {client_path()} -p {server.port} < lines > out", tmp_path)
        terminal.expect_exact("MiB/s")
        terminal.send("\x13")
        if ends:
            eventually(lambda: (tmp_path / "out").stat().st_size == 4000 * 1024, 20)
            # So that the shell can end too, the terminal is started again.
            terminal.send("\x11")
            terminal.expect(pexpect.EOF)
            terminal.close()
            assert terminal.exitstatus == 0
        else:
            time.sleep(0.5)
            pid = int((tmp_path / "pid").read_text())
            os.kill(pid, signal.SIGTERM)
            eventually(lambda: not terminal.isalive())
            assert terminal.signalstatus == signal.SIGTERM


# JSON.


def test_json_for_a_stream(server):
    data = b"one\n\ncrlf\r\n\rab\n\xff\xfe\n\x1b[31m\x7f\xc2\x9b\n\"q\\\t\nlast"
    result = run_client("-p", str(server.port), "--json", stdin=data)
    assert result.returncode == 0 and result.stderr == b""
    assert all(0x20 <= byte < 0x7F for byte in result.stdout.replace(b"\n", b""))
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert objects == [
        {"text": "one", "answer": "eno"},
        {"text": "", "answer": ""},
        {"text": "crlf", "answer": "flrc"},
        {"text": "\rab", "answer": "ba\r"},
        {"text_base64": "//4=", "answer_base64": "/v8="},
        {"text": "\x1b[31m\x7f\x9b", "answer_base64": "m8J/bTEzWxs="},
        {"text": '"q\\\t', "answer": '\t\\q"'},
        {"text": "last", "answer": "tsal"},
    ]


def test_json_escapes_control_characters_and_keeps_the_rest():
    """Every scalar of the first planes, each a line of one character, which is its own reversal."""
    scalars = [chr(n) for n in [*range(0x80, 0x2100), 0xFEFF, 0xFFFD, 0x1F600] if n != 0x0A]
    with LineServer(respond=lambda connection: [connection.sendall(data) for data in iter(lambda: connection.recv(65536), b"")]) as echo:
        result = run_client("-p", str(echo.port), "--json", stdin="\n".join(scalars).encode())
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == scalars
    text = result.stdout.decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text) and "é" in text and "א" in text


def test_json_for_a_large_stream(server):
    data = b"".join(b"line %d %s\n" % (n, b"y" * (n % 300)) for n in range(20_000))
    result = run_client("-p", str(server.port), "--json", stdin=data)
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert [o["text"].encode() for o in objects] == data.splitlines()
    assert [o["answer"].encode() for o in objects] == [line[::-1] for line in data.splitlines()]


def test_json_prints_the_answers_before_a_failure_and_the_failure():
    def two(connection):
        connection.recv(65536)
        connection.sendall(b"eno\n")

    with LineServer(respond=two) as server:
        result = run_client("-p", str(server.port), "--json", "one", "two")
    first, error = map(json.loads, result.stdout.splitlines())
    assert first == {"text": "one", "answer": "eno"} and result.returncode == error["exit_code"] == 76
    assert "line 2" in error["error"] and result.stderr.startswith(b"reverse-client: ")


@pytest.mark.parametrize("arguments", [["-p", "x", "a"], ["a\nb"], ["--ping", "a"], ["--nonsense", "\x1b"]])
def test_json_for_a_usage_error(arguments):
    result = run_client("--json", *arguments)
    error = json.loads(result.stdout)
    assert error["exit_code"] == result.returncode == 64 and error["error"] and b"Try 'reverse-client --help'." in result.stderr
    assert json.loads(run_client("--json", "-U", "/no/such", "x").stdout)["exit_code"] == 69


# Usage.


@pytest.mark.parametrize("arguments, words", [
    (["-H", "http://localhost:5000", "x"], "is a URL"),
    (["--timeout", "9999999999999999h", "x"], "longer than"),
    (["--timeout", "99999999999999999999999s", "x"], "longer than"),
    (["--timeout", "2 s", "x"], "did you mean 2s"),
    (["--timeout", "1.5s", "x"], "is no duration"),
    (["-p", "0", "x"], "from 1 to 65535"),
    (["-H", "localhost:0", "x"], "from 1 to 65535"),
    (["-H", "localhost:99999", "x"], "65535"),
    (["-H", b"h\xff", "x"], r"h\xff"),
    (["--timeout", b"1\xffs", "x"], r"1\xffs"),
    (["-H", "a:\x1b[31mb", "x"], r"\x1b"),
])
def test_usage_errors_say_what_is_wrong(arguments, words):
    result = run_client(*arguments)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 64 and words in lines[0] and len(lines) == 2, result


def test_options_and_values_in_one_word(server, tmp_path):
    port = str(server.port)
    for arguments in [["-p" + port], ["-Hlocalhost", "-p", port], ["-Hlocalhost:" + port], ["--port=" + port], ["-p", port, "--timeout", "2"]]:
        assert run_client(*arguments, "abc").stdout == b"cba\n", arguments


@pytest.mark.parametrize("form", [[b"-U", b"s\xff"], [b"-Us\xff"], [b"--unix=s\xff"], [b"-H", b"./s\xff"], None])
def test_the_path_of_a_socket_may_have_any_bytes(tmp_path, form):
    """A String would repair the bytes of the path, and so connect to the other socket."""
    with socket.socket(socket.AF_UNIX) as right, socket.socket(socket.AF_UNIX) as wrong:
        right.bind(os.fsencode(tmp_path) + b"/s\xff")
        right.listen(8)
        wrong.bind(str(tmp_path / "s\ufffd"))

        def serve():
            connection, _ = right.accept()
            LineServer.reverse(connection)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        env = os.environb | {b"REVERSED_HOST": b"./s\xff"} if form is None else os.environb
        result = run_client(*(form or []), "abc", cwd=tmp_path, env=env)
        assert (result.returncode, result.stdout) == (0, b"cba\n"), result
    result = run_client("-U", b"/no/s\xff", "abc")
    assert result.returncode == 69 and rb"/no/s\xff" in result.stderr


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_socket(tmp_path, kind):
    path = tmp_path / "it"
    path.mkdir() if kind == "directory" else path.touch()
    result = run_client("-U", str(path), stdin=b"x\n")
    assert result.returncode == 69 and b"it is not a stream socket" in result.stderr
