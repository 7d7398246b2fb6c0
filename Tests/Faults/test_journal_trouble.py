"""A journal that is full, stopped or gone: clients and the stop do not wait for it."""

import os
import socket
import time

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask_once
from daemon import environment, eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def journal(tmp_path):
    """A journal socket that nobody reads, and the arguments to start a daemon that logs to it."""
    directory = tmp_path / "journal"
    directory.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(directory / "socket"))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        read, write = os.pipe()
        status = os.fstat(write)
        options = dict(
            prefix=("unshare", "--mount", "sh", "-c",
                    f"mkdir -p /run/systemd/journal && mount --bind {directory} /run/systemd/journal && exec \"$@\"", "sh"),
            env=environment(JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}"), stderr=write, awaited=False)
        yield bound, options
        os.close(read)
        os.close(write)


def records(journal):
    journal.setblocking(False)
    found = []
    try:
        while True:
            found.append(journal.recv(1 << 16))
    except BlockingIOError:
        return found


def wait_until_it_listens(path):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            return ask_once(path, b"?\n")
        except OSError:
            time.sleep(0.02)
    raise AssertionError("does not listen")


@pytest.mark.parametrize("trouble", ["stopped", "gone"])
def test_clients_and_the_stop_do_not_wait(start, tmp_path, journal, trouble):
    path = tmp_path / "served"
    journal, options = journal
    daemon = start(f"[[listener]]\npath = '{path}'\n", **options)
    wait_until_it_listens(path)
    assert eventually(lambda: any(b"MESSAGE=" in record for record in records(journal))), "it does not log to the journal"
    if trouble == "gone":
        journal.close()
    slowest = 0
    for _ in range(1500):
        began = time.monotonic()
        assert ask_once(path, b"unread\n") == b"daernu\n"
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 2
    assert daemon.memory() < 40 << 20
    before = daemon.processor_seconds()
    time.sleep(0.5)
    assert daemon.processor_seconds() - before < 0.1
    began = time.monotonic()
    daemon.signal(15)
    assert daemon.wait(10) == 0
    assert time.monotonic() - began < 5
