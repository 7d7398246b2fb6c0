"""docs/scaling.md: its model, its tables, and its claims about several processes on one port."""

import math
import re
import signal
import socket
import subprocess
import sys

import pytest

from clients import ask, connect
from daemon import ACTIVATE, ROOT, environment

sys.path.insert(0, str(ROOT / "Benchmarks"))
import queueing  # noqa: E402

DOCUMENT = (ROOT / "docs/scaling.md").read_text()


def plan(*options):
    result = subprocess.run([sys.executable, str(ROOT / "Benchmarks/plan"), *options], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("options", [
    ["--check"], [], ["--connections", "10000", "--lines", "50000", "--cores", "2"], ["--connections", "100000", "--lines", "1000000"],
], ids=["check", "a million", "one machine", "a hundred thousand"])
def test_the_document_has_what_the_plan_prints(options):
    assert plan(*options) in DOCUMENT


def test_the_model_is_within_what_the_document_says_of_the_measurement():
    ratios = [float(ratio) for ratio in re.findall(r"\| ([\d.]+) \|$", plan("--check"), re.M)]
    assert len(ratios) == 9 and all(0.7 <= ratio <= 1.3 for ratio in ratios), ratios


def test_more_load_or_less_machine_is_never_fewer_machines():
    def machines(*options):
        return [int(word) for word in re.search(r"^\| machines.*\| (\d+) \| (\d+) \|$", plan(*options), re.M).groups()]

    few = machines("--lines", "1000000")
    for options in (["--lines", "2000000"], ["--lines", "1000000", "--cores", "8"], ["--lines", "1000000", "--network", "3"],
                    ["--lines", "1000000", "--utilisation", "0.4"], ["--lines", "1000000", "--spare", "2"]):
        assert all(more >= less for more, less in zip(machines(*options), few)) and machines(*options) != few, options


def test_the_formulas_agree_with_the_textbook():
    # M/M/1: the wait is load / (1 - load) services.
    for load in (0.1, 0.5, 0.9):
        assert queueing.waiting(load, 1) == pytest.approx(load / (1 - load))
    # M/M/2 at half load: a third of the arrivals wait (Erlang C), for one service.
    assert queueing.waiting(1, 1, servers=2) == pytest.approx(1 / 3)
    assert queueing.waiting(2, 1, servers=2) == math.inf
    # One client: the sum of all stations; very many: the slower station.
    assert queueing.closed(1, 5e-6, 6e-6, 10e-6) == pytest.approx(1 / 31e-6, rel=0.02)
    assert queueing.closed(64, 5e-6, 6e-6, 10e-6) == pytest.approx(1 / 6e-6, rel=0.02)
    assert queueing.hosts(100, 10, 0.5, 1) == 21


def test_two_processes_share_a_port_and_one_may_leave(start, tmp_path):
    def share(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(100)
        return listener

    daemons = []
    port = 0
    for _ in range(2):
        with share(port) as listener:
            port = listener.getsockname()[1]
            daemons.append(start("port = 1\n", prefix=(sys.executable, "-c", ACTIVATE, str(listener.fileno())), env=environment(),
                                 pass_fds=[listener.fileno()]))
    clients = [connect(port) for _ in range(60)]
    assert all(ask(client, b"one\n") == b"eno\n" for client in clients)
    for daemon in daemons:
        daemon.wait_for_log(" connected ", count=6)  # the kernel distributes them
    daemons[0].signal(signal.SIGTERM)
    assert daemons[0].wait() == 0
    rest = [connect(port) for _ in range(20)]
    assert all(ask(client, b"two\n") == b"owt\n" for client in rest)
    for client in clients + rest:
        client.close()
