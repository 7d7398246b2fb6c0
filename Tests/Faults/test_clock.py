"""A clock that jumps, and a machine that has been up for decades."""

import os
import pathlib
import re
import struct
import subprocess
import time

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask, ask_once, connect
from daemon import environment

HERE = pathlib.Path(__file__).resolve().parent
YEAR = 365 * 86400


@pytest.fixture
def clock(tmp_path):
    """Sets the clock of a daemon that was started with `environment(**clock.variables)`."""
    library, file = tmp_path / "clock_jump.so", tmp_path / "jump"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock_jump.c"], check=True)
    file.write_bytes(bytes(8))

    def jump(seconds):
        with open(file, "r+b") as opened:
            opened.write(struct.pack("q", seconds))

    jump.variables = {"LD_PRELOAD": library, "CLOCK_JUMP": file}
    return jump


def test_the_clock_of_the_day_jumps(start, clock):
    """Timeouts use a clock that cannot be set; only the times in the log jump."""
    daemon = start("port = 0\n[limits]\nidle_timeout = '3s'\nfirst_line_timeout = '3s'\ndrain_timeout = '2s'\n",
                   env=environment(**clock.variables))
    began = time.monotonic()
    with connect(daemon.port) as kept:
        for seconds in (10, -10, 3600, -86400, YEAR, -50 * YEAR, 20 * YEAR, 0):
            clock(seconds)
            assert ask(kept, b"still here\n") == b"ereh llits\n"
            assert ask_once(daemon.port, b"new\n") == b"wen\n"
            time.sleep(0.1)
        clock(30 * YEAR)
        assert kept.recv(1) == b""  # the idle timeout, at the right time
        assert 2.5 < time.monotonic() - began < 8
    years = {re.match(r"(-?\d+)-", line)[1] for line in daemon.lines if re.match(r"-?\d+-", line)}
    assert len(years) > 2, "the clock has not jumped"
    clock(-30 * YEAR)
    began = time.monotonic()
    with connect(daemon.port) as half:
        half.sendall(b"half")
        time.sleep(0.05)
        daemon.signal(15)
        assert daemon.wait(10) == 0
    assert time.monotonic() - began < 6


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("offset", [0, 60 * YEAR], ids=["just started", "up for sixty years"])
def test_the_uptime_of_the_machine(start, offset):
    """In a time namespace the monotonic clock is near zero, or decades ahead."""
    own = time.clock_gettime(time.CLOCK_MONOTONIC)
    seconds = offset or -int(own)
    daemon = start("port = 0\n[limits]\nidle_timeout = '500ms'\n",
                   prefix=("unshare", "--time", "--fork", "--kill-child", f"--monotonic={seconds}", f"--boottime={seconds}"))
    with connect(daemon.port) as client:
        assert ask(client, b"hello\n") == b"olleh\n"
        began = time.monotonic()
        assert client.recv(1) == b""
        assert 0.3 < time.monotonic() - began < 4
    # The parent of the daemon is `unshare`.
    daemon.process.kill()
    daemon.wait()
    daemon.process.returncode = 0
