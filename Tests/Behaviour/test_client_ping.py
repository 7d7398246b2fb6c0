"""--ping, --json and the progress line."""

import json
import signal
import subprocess
import time

import pexpect
import pytest

from line_server import LineServer, client_path, environment, run_client


@pytest.fixture
def server():
    with LineServer() as running:
        yield running


def test_ping_prints_each_round_trip_and_a_summary(server):
    result = run_client("-p", str(server.port), "--ping", "--count", "3", "--interval", "10ms")
    lines = result.stdout.decode().splitlines()
    assert result.returncode == 0 and result.stderr == b"" and len(lines) == 5
    for number, line in enumerate(lines[:3], start=1):
        assert line.startswith(f"answer from 127.0.0.1:{server.port}: seq={number} time=") and line.endswith(" ms")
    assert "3 sent, 3 answered, 0 lost, 0 wrong" in lines[3]
    times = [float(text) for text in lines[4].split(" = ")[1].removesuffix(" ms").split("/")]
    assert len(times) == 4 and times == sorted(times) and times[0] > 0


def test_ping_for_machines(server):
    result = run_client("-p", str(server.port), "--ping", "--count", "2", "--interval", "0", "--json")
    first, second, last = map(json.loads, result.stdout.splitlines())
    assert first["seq"] == 1 and second["round_trip_ms"] > 0
    assert last["summary"]["sent"] == last["summary"]["answered"] == 2 and last["summary"]["lost"] == 0


def test_ping_waits_between_two_lines(server):
    started = time.monotonic()
    run_client("-p", str(server.port), "--ping", "--count", "3", "--interval", "200ms")
    assert 0.4 <= time.monotonic() - started < 5


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def test_an_answer_that_is_not_the_line_reversed_is_wrong():
    with LineServer(respond=echo) as parrot:
        result = run_client("-p", str(parrot.port), "--ping", "--count", "2", "--interval", "0")
        assert result.returncode == 76 and b"2 sent, 0 answered, 0 lost, 2 wrong" in result.stdout


def test_a_lost_ping_is_counted_and_the_next_one_connects_again(server):
    client = subprocess.Popen(
        [client_path(), "-p", str(server.port), "--ping", "--count", "3", "--interval", "300ms"],
        stdout=subprocess.PIPE, env=environment(), text=True,
    )
    assert "seq=1 time=" in client.stdout.readline()
    server.respond = lambda connection: None
    server.hang_up()
    assert "no answer: seq=2" in client.stdout.readline()
    server.respond = server.reverse
    assert "seq=3 time=" in client.stdout.readline()
    assert "3 sent, 2 answered, 1 lost" in client.stdout.read()
    assert client.wait(10) == 76
    client.stdout.close()


def test_ping_without_a_server():
    with LineServer() as gone:
        port = str(gone.port)
    result = run_client("-p", port, "--ping", "--count", "1")
    assert result.returncode == 69 and b"1 lost" in result.stdout


def test_ctrl_c_ends_a_ping_with_its_summary(server):
    client = subprocess.Popen(
        [client_path(), "-p", str(server.port), "--ping", "--count", "0"],
        stdout=subprocess.PIPE, env=environment(), text=True,
    )
    assert "seq=1" in client.stdout.readline()
    client.send_signal(signal.SIGINT)
    assert "answered" in client.stdout.read()
    assert client.wait(10) == -signal.SIGINT
    client.stdout.close()


def test_answers_for_machines(server):
    texts = ['quote " and \\', "tab\tand\x01", "plain"]
    result = run_client("-p", str(server.port), "--json", *texts)
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert objects == [{"text": text, "answer": text[::-1]} for text in texts]
    result = run_client("-p", str(server.port), "--json", b"\xff\xfe\xfda")
    assert json.loads(result.stdout) == {"text_base64": "//79YQ==", "answer_base64": "Yf3+/w=="}


@pytest.mark.parametrize(
    "arguments",
    [["--count", "3"], ["--ping", "text"], ["--ping", "--count", "-1"], ["--ping", "--interval", "1 s"]],
)
def test_usage(arguments):
    result = run_client(*arguments)
    assert result.returncode == 64 and result.stdout == b""


def slow(connection):
    while data := connection.recv(65536):
        time.sleep(0.02)
        connection.sendall(b"\n".join(line[::-1] for line in data.split(b"\n")))


@pytest.fixture
def slow_lines(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes((b"x" * 1023 + b"\n") * 6000)
    return path


def test_progress_on_a_terminal_is_wiped_at_the_end(slow_lines, tmp_path):
    with LineServer(respond=slow) as server:
        command = f"{client_path()} -p {server.port} < {slow_lines} > {tmp_path}/out"
        terminal = pexpect.spawn("sh", ["-c", command], env=environment(TERM="xterm"), timeout=30)
        terminal.expect(r"\r[0-9.]+ [KM]iB of 5\.8 MiB \([0-9]+%\), [0-9.]+ [KM]iB/s, [0-9,]+ lines/s, 0:\d\d left")
        rest = terminal.read()
        assert rest.endswith(b"\r\x1b[K")
        terminal.close()
        assert terminal.exitstatus == 0
    assert (tmp_path / "out").read_bytes() == slow_lines.read_bytes()


@pytest.mark.parametrize("option", ["--no-progress", ""])
def test_no_progress_where_it_is_not_wanted(slow_lines, tmp_path, option):
    with LineServer(respond=slow) as server:
        log = "" if option else f"2> {tmp_path}/log"
        command = f"{client_path()} -p {server.port} {option} < {slow_lines} > /dev/null {log}"
        terminal = pexpect.spawn("sh", ["-c", command], env=environment(), timeout=30)
        assert terminal.read() == b""
        terminal.close()
        assert terminal.exitstatus == 0
        if log:
            assert (tmp_path / "log").read_bytes() == b""


def test_an_outage_is_reported_on_a_terminal():
    with LineServer() as gone:
        port = gone.port
    command = f"printf 'a\\n' | {client_path()} -p {port} --retry-for 400ms > /dev/null"
    terminal = pexpect.spawn("sh", ["-c", command], env=environment(), timeout=30)
    text = terminal.read().decode()
    terminal.close()
    assert text.count("trying again") == 1 and "0 lines were answered" in text and terminal.exitstatus == 69
