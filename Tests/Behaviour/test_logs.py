"""The log on standard error: its text, and that no client waits for its reader."""

import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from clients import ask, ask_once, connect, exchange, reset
from daemon import Daemon, eventually

LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (debug|info|notice|warning|error|critical): \S")


def test_a_client_comes_and_goes(start):
    daemon = start()
    with connect(daemon.port) as client:
        port = client.getsockname()[1]
        daemon.wait_for_log(f"info: connected 127.0.0.1:{port}$")
        for _ in range(3):
            ask(client, b"x\n")
    daemon.wait_for_log(rf"info: disconnected 127\.0\.0\.1:{port} after 3 lines, (under )?\d+ ms$")


@pytest.mark.parametrize("pause, text", [(0, r"under 10 ms|\d\d ms"), (0.25, r"2[4-9]\d ms|3\d\d ms"), (1.1, r"1\.[1-4] s")])
def test_a_duration_has_the_unit_that_fits(start, pause, text):
    daemon = start()
    with connect(daemon.port) as client:
        ask(client, b"x\n")
        time.sleep(pause)
    daemon.wait_for_log(f"disconnected .* after 1 line, ({text})$")
    assert all(LINE.match(line) for line in daemon.lines), daemon.lines


def test_the_name_of_a_unix_client_is_not_taken_for_an_address(start, tmp_path, monkeypatch):
    daemon = start(f"[[listener]]\npath = '{tmp_path}/socket'\n")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as client:
        client.bind("10.0.0.1:4444")
        client.connect(f"{tmp_path}/socket")
        ask(client, b"x\n")
    daemon.wait_for_log("info: connected unix:10.0.0.1:4444$")
    daemon.wait_for_log("info: disconnected unix:10.0.0.1:4444 after 1 line")


def test_a_reset_is_logged(start):
    daemon = start()
    client = connect(daemon.port)
    ask(client, b"x\n")
    reset(client)
    daemon.wait_for_log(r"disconnected .* after 1 line, .*: Connection reset by peer")


def test_the_last_unterminated_line_counts(start):
    daemon = start()
    exchange(daemon.port, b"one\ntwo")
    daemon.wait_for_log("disconnected .* after 2 lines")


def test_a_level_hides_the_levels_below(start):
    daemon = start("port = 0\n[log]\nlevel = 'notice'\n")
    ask_once(daemon.port, b"x\n")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert not daemon.logged(" info: ") and daemon.logged(" notice: ")


def test_the_flag_overrides_the_file(start):
    daemon = start("port = 0\n[log]\nlevel = 'error'\n", "--log-level", "info")
    ask_once(daemon.port, b"x\n")
    daemon.wait_for_log("disconnected")


def test_a_stalled_reader_of_the_log_delays_no_client_and_gets_the_number_of_dropped_messages(tmp_path):
    end, stderr = os.pipe()
    fcntl.fcntl(stderr, 1031, 4096)  # F_SETPIPE_SZ
    daemon = Daemon(tmp_path, "[[listener]]\npath = '%s/socket'\n" % tmp_path, stderr=stderr)
    os.close(stderr)
    assert eventually(lambda: (tmp_path / "socket").exists() and reaches(tmp_path / "socket"))
    flood(tmp_path / "socket")
    assert daemon.memory() < 60 << 20
    text = bytearray()
    omission = rb"notice: left out (\d+) messages about clients that connected or disconnected"
    while not (omitted := re.search(omission, text)):
        # On a busy machine the first crowd may have been too slow for the limit of messages in 5 s.
        if not select.select([end], [], [], 6)[0]:
            flood(tmp_path / "socket")
            continue
        piece = os.read(end, 1 << 16)
        assert piece
        text += piece
    assert int(omitted[1]) >= 1
    os.close(end)  # now the log has no reader
    assert ask_once(tmp_path / "socket", b"still\n") == b"llits\n"
    daemon.stop()


def flood(path, request=b"x\n"):
    """3,000 clients, one after the other."""
    def work():
        for _ in range(1000):
            with connect(path) as client:
                client.sendall(request)
                client.recv(100)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("connections, request_, most, what", [
    ("true", b"x\n", 1000, "connected or disconnected"),
    ("false", b"too long\n", 50, "were disconnected for what they sent"),
], ids=["connections", "lines that are too long"])
def test_a_client_cannot_flood_the_log(start, tmp_path, connections, request_, most, what):
    daemon = start(f"[limits]\nmax_line_bytes = 4\n[log]\nconnections = {connections}\n"
                   f"[[listener]]\npath = '{tmp_path}/socket'\n")
    begun = time.monotonic()
    flood(tmp_path / "socket", request_)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    intervals = int(time.monotonic() - begun) // 5 + 1
    logged = len(daemon.logged(r"(dis)?connected unix"))
    omitted = [int(re.search(r"left out (\d+) ", line)[1]) for line in daemon.logged(f"notice: left out .* {what}")]
    assert most <= logged <= most * intervals
    assert logged + sum(omitted) == (6000 if connections == "true" else 3000)
    assert daemon.logged("stopped after"), "other messages are there"


def reaches(path):
    try:
        connect(path).close()
        return True
    except OSError:
        return False


def test_a_stalled_reader_does_not_stop_the_stop(tmp_path):
    end, stderr = os.pipe()
    fcntl.fcntl(stderr, 1031, 4096)
    daemon = Daemon(tmp_path, "[[listener]]\npath = '%s/socket'\n" % tmp_path, stderr=stderr)
    os.close(stderr)
    assert eventually(lambda: (tmp_path / "socket").exists() and reaches(tmp_path / "socket"))
    for _ in range(100):
        ask_once(tmp_path / "socket", b"x\n")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(6) == 0
    daemon.stop()
    os.close(end)


def test_no_standard_descriptors_at_all(tmp_path):
    import daemon as harness
    (tmp_path / "reversed.toml").write_text(f"[[listener]]\npath = '{tmp_path}/socket'\n")
    process = subprocess.Popen(["sh", "-c", 'exec "$0" --config "$1" <&- >&- 2>&-', harness.binary(), tmp_path / "reversed.toml"],
                               env=harness.environment())
    try:
        assert eventually(lambda: (tmp_path / "socket").exists() and reaches(tmp_path / "socket"))
        for _ in range(20):
            assert ask_once(tmp_path / "socket", b"hello\n") == b"olleh\n"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
