"""A hostile settings file, at the start and at a reload."""

import os
import signal
import socket
import threading

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask_once
from daemon import eventually


def directory(path):
    path.mkdir()


def fifo(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def loop(path):
    path.symlink_to(path)


def a_gigabyte(path):
    with open(path, "wb") as file:
        file.truncate(1 << 30)


def a_gigabyte_of_comments(path):
    with open(path, "wb") as file:
        file.write(b"# comment\n" * 20_000)
        file.truncate(1 << 30)


def endless(path):
    path.symlink_to("/dev/zero")


def full_device(path):
    path.symlink_to("/dev/full")


def terminal(path):
    path.symlink_to("/dev/tty")


def process_memory(path):
    path.symlink_to("/proc/self/mem")


def not_utf8(path):
    path.write_bytes(b"port = 0\n# caf\xe9\n")


def utf16(path):
    path.write_bytes("port = 0\n".encode("utf-16"))


def nothing_there(path):
    path.symlink_to(path.parent / "nowhere")


def zeros(path):
    path.write_bytes(bytes(1000))


KINDS = [directory, fifo, unix_socket, loop, a_gigabyte, a_gigabyte_of_comments, endless, full_device, terminal,
         process_memory, not_utf8, utf16, nothing_there, zeros]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_at_the_start_and_at_a_reload(start, kind):
    daemon = start()
    daemon.config_path.unlink()
    kind(daemon.config_path)
    before = len(daemon.lines)
    memory = daemon.memory()
    daemon.signal(signal.SIGHUP)
    line = daemon.wait_for_log("reload failed, nothing has changed: ", after=before)
    assert "reversed.toml" in line
    assert ask_once(daemon.port, b"still\n") == b"llits\n"
    assert daemon.memory() < memory + (4 << 20)
    # The same file again, at the start of another daemon.
    other = start(awaited=False, prefix=("env", "--", "sh", "-c", f'exec "$0" --config {daemon.config_path}'))
    assert other.wait(10) == 78
    assert other.lines and "reversed.toml" in other.lines[-1], other.lines


def test_a_file_that_may_not_be_read(start):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    # Without capabilities, even root cannot read every file.
    daemon = start(prefix=("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--reuid=65534",
                           "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$@"', "sh"), awaited=False)
    # The directories of pytest are private to their owner, so the start already fails.
    assert daemon.wait(10) == 78
    assert "Permission denied" in daemon.lines[-1], daemon.lines


def test_a_file_that_is_replaced_and_truncated_while_it_is_read(start, seed):
    """Every reload reads a whole file, old or new, or refuses a damaged one; no client is disconnected."""
    daemon = start("port = 0\n[limits]\nmax_connections = 50\n[log]\nconnections = false\n")
    long = "port = 0\n" + "# a comment\n" * 4000 + "[limits]\nmax_connections = 60\n[log]\nconnections = false\n"
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            daemon.configure(long)
            with open(daemon.config_path, "r+") as file:
                file.truncate(30)
            with open(daemon.config_path, "a") as file:
                file.write("\nport = is under way")
            daemon.config_path.unlink(missing_ok=True)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(60):
            before = len(daemon.lines)
            daemon.signal(signal.SIGHUP)
            daemon.wait_for_log("reloaded|reload failed", after=before)
            assert eventually(lambda: ask_once(daemon.port, b"hello\n") == b"olleh\n")
            assert daemon.process.poll() is None
    finally:
        stop.set()
        writer.join()
