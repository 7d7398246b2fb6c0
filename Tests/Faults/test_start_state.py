"""What a process inherits: closed descriptors, open ones, signals that are ignored or blocked."""

import itertools
import re
import signal
import sys

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask_once, connect
from daemon import eventually

ALL = "HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split()


@pytest.mark.parametrize("how", ["ignore", "block", "default"])
@pytest.mark.parametrize("names", [["TERM"], ["HUP"], ["INT"], ["PIPE"], ["CHLD"], ["ALRM"], ["USR1"], ALL],
                         ids=lambda names: names[0] if len(names) == 1 else "all")
def test_signals_that_were_ignored_or_blocked(start, how, names):
    daemon = start("port = 0\n", prefix=("env", f"--{how}-signal={','.join(names)}"))
    assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
    daemon.reload("port = 0\n[limits]\nmax_connections = 7\n")
    with connect(daemon.port) as gone:
        gone.sendall(b"x" * 100_000)
    assert ask_once(daemon.port, b"again\n") == b"niaga\n"
    daemon.signal(signal.SIGINT if names == ["INT"] else signal.SIGTERM)
    assert daemon.wait(10) == 0


def listens(path):
    try:
        return ask_once(path, b"?\n") == b"?\n"
    except OSError:
        return False


CLOSING = """
import os, sys
for number in sys.argv[1].split(","):
    os.close(int(number))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("closed", [",".join(map(str, numbers)) for count in (1, 2, 3)
                                    for numbers in itertools.combinations(range(3), count)])
def test_standard_descriptors_that_are_closed(start, tmp_path, closed):
    """No socket gets the number of a closed descriptor, so no client gets what is written to it."""
    path = tmp_path / "socket"
    daemon = start(f"[[listener]]\npath = '{path}'\n", prefix=(sys.executable, "-c", CLOSING, closed), awaited=False)
    assert eventually(lambda: listens(path))
    clients = [connect(path) for _ in range(20)]
    daemon.configure(f"[[listener]]\npath = '{path}.2'\n")
    daemon.signal(signal.SIGHUP)
    assert eventually(lambda: listens(tmp_path / "socket.2"))
    for client in clients:
        client.sendall(b"mine\n")
        assert client.recv(100) == b"enim\n"
        client.close()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0


LEAK = "import os, sys; [os.dup2(0, number) for number in range(3, int(sys.argv[1]))]; os.execv(sys.argv[2], sys.argv[2:])"


@pytest.mark.parametrize("free", [0, 5, 10, 20, 40, 80])
def test_every_descriptor_is_open_already(start, free):
    """A parent has left all but a few of 256 descriptors open: the daemon serves, or exits with a message."""
    daemon = start(files=256, prefix=(sys.executable, "-c", LEAK, str(256 - free)), awaited=False)
    assert eventually(lambda: daemon.process.poll() is not None or daemon.logged("listening on "), 20)
    if daemon.process.poll() is None:
        assert free >= 20
        for _ in range(10):
            assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
        return
    # Without a free descriptor the loader cannot open a library.
    code = daemon.wait()
    assert code in (69, 71) or code == 127 and free < 5, daemon.tail()
    assert re.search("open files|loading shared libraries", "\n".join(daemon.lines)), daemon.tail()
