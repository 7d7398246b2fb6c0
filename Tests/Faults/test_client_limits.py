"""The client with low limits and a bad inheritance: it prints the answers, or a message with a documented exit code."""

import os
import subprocess
import sys

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from client_life import CODES
from line_server import LineServer, client_path, environment, reversed_lines

LINES = b"".join(b"line %d\n" % number for number in range(2000))


@pytest.fixture(scope="module")
def server():
    with LineServer() as running:
        yield running


def answers_or_refuses(server, *prefix):
    """Whether all lines were answered; any other result must be explained by a message."""
    result = subprocess.run([*prefix, client_path(), "-p", str(server.port), "--timeout", "5s", "--retry-for", "0"],
                            input=LINES, capture_output=True, timeout=60, env=environment())
    assert reversed_lines(LINES).startswith(result.stdout)
    if result.returncode == 0:
        assert result.stdout == reversed_lines(LINES)
        return True
    # The dynamic loader or the C library may exit before the program starts.
    if result.returncode == 127 or b"cannot allocate TLS" in result.stderr or b"loading shared libraries" in result.stderr:
        return False
    assert result.returncode in CODES and b"reverse-client: " in result.stderr, result
    return False


@pytest.mark.parametrize("limit, values, enough", [
    ("nofile", [3, 4, 5, 6, 7, 8, 10, 16], 10),
    # With less the kernel cannot map the program and kills it with SIGSEGV (execve(2)).
    ("as", [24 << 20, 32 << 20, 48 << 20, 64 << 20, 128 << 20, 256 << 20, 512 << 20], 256 << 20),
    ("data", [4 << 20, 16 << 20, 64 << 20, 256 << 20], 64 << 20),
    ("stack", [256 << 10, 1 << 20], 1 << 20),
    ("fsize", [0], 0),
])
def test_limits(server, limit, values, enough):
    for value in values:
        assert answers_or_refuses(server, "prlimit", f"--{limit}={value}") or value < enough, (limit, value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_processes_and_threads(server, processes):
    user = 50_000 + os.getpid() % 10_000
    served = answers_or_refuses(server, "prlimit", f"--nproc={processes}", "setpriv", f"--reuid={user}", f"--regid={user}",
                                "--clear-groups")
    assert served or processes < 8


LEAK = "import os, sys; [os.dup2(0, number) for number in range(3, int(sys.argv[1]))]; os.execv(sys.argv[2], sys.argv[2:])"


@pytest.mark.parametrize("free", [0, 2, 4, 8, 16])
def test_every_descriptor_is_open_already(server, free):
    served = answers_or_refuses(server, "prlimit", "--nofile=64", sys.executable, "-c", LEAK, str(64 - free))
    assert served or free < 8


@pytest.mark.parametrize("how", ["ignore", "block"])
@pytest.mark.parametrize("names", ["INT", "PIPE", "TERM", "CHLD", "INT,PIPE,TERM,CHLD,ALRM,HUP,USR1,WINCH,TSTP"])
def test_signals_that_were_ignored_or_blocked(server, how, names):
    assert answers_or_refuses(server, "env", f"--{how}-signal={names}")
