"""What serves a connection: its own read source from the start, hot loops while it is busy, and as many of them as the load
needs."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

from clients import ask, connect, receive
from daemon import eventually
from test_metrics import get, metrics_port


class Trace:
    """Traces the epoll calls and accepts of a daemon."""

    def __init__(self, daemon, path):
        self.path = path
        self.process = subprocess.Popen(
            ["strace", "-f", "-o", path, "-e", "trace=epoll_ctl,accept4", "-p", str(daemon.pid)], stderr=subprocess.PIPE, text=True)
        assert "attached" in self.process.stderr.readline()

    def lines(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)
        return self.path.read_text().splitlines()


def test_every_accepted_socket_has_a_read_source_first(serve, tmp_path):
    daemon = serve()
    trace = Trace(daemon, tmp_path / "trace")
    clients = [connect(daemon.port) for _ in range(100)]
    for _ in range(5):
        for client in clients:
            assert ask(client, b"hello\n") == b"olleh\n"
    for client in clients:
        client.close()
    assert eventually(lambda: daemon.sockets() == daemon.idle_sockets)
    lines = trace.lines()
    # Only libdispatch sets EPOLLONESHOT. strace may split an accept in two if another thread makes a call.
    accepted = len([line for line in lines if re.search(r"accept4.*\) = \d+$|accept4 resumed.*\) = \d+$", line)])
    first = {}
    sources = 0
    for line in lines:
        call = re.search(r"epoll_ctl\(\d+, EPOLL_CTL_(ADD|DEL), (\d+)(.*)", line)
        if call and call[1] == "ADD":
            if call[2] not in first:
                first[call[2]] = "EPOLLONESHOT" in call[3]
            sources += "EPOLLONESHOT" in call[3]
    assert accepted == 100
    assert sources >= 100
    assert len(first) >= 100 and all(first.values()), first


def processor_seconds_of_threads(daemon):
    seconds = {}
    for task in os.listdir(f"/proc/{daemon.pid}/task"):
        fields = open(f"/proc/{daemon.pid}/task/{task}/stat").read().rsplit(")", 1)[1].split()
        seconds[task] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


BLOCK = ("स्कृतंष्ण खालि में\n" * 5000).encode()


def flood(address, block, answer, done, mistakes):
    with connect(address) as client:
        reader = threading.Thread(target=read_answers, args=(client, answer, mistakes))
        reader.start()
        while not done.is_set():
            client.sendall(block)
        client.shutdown(1)
        reader.join()


def read_answers(client, answer, mistakes):
    while True:
        received = bytearray()
        while len(received) < len(answer):
            piece = client.recv(len(answer) - len(received))
            if not piece:
                if received:
                    mistakes.append("an answer was cut")
                return
            received += piece
        if received != answer:
            mistakes.append("a wrong answer")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_expensive_text_is_served_by_more_than_one_loop(start):
    # A loop must get a whole processor before another one is tried, beside whatever else runs here.
    daemon = start("port = 0\n[log]\nconnections = false\n[metrics]\nlisten = '127.0.0.1:0'\n", prefix=("nice", "-n", "-10"))
    with connect(daemon.port) as client:
        client.sendall(BLOCK)
        answer = receive(client, len(BLOCK))
    mistakes = []
    until = time.monotonic() + 20
    done = threading.Event()
    threads = [threading.Thread(target=flood, args=(daemon.port, BLOCK, answer, done, mistakes)) for _ in range(8)]
    for thread in threads:
        thread.start()
    # Whether the second loop is kept depends on what the clients and other programs leave to it.
    loops = 0
    while loops < 2 and time.monotonic() < until:
        loops = max(loops, int(re.search(r"^reversed_hot_loops (\d+)", get(metrics_port(daemon))[1], re.M)[1]))
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert not mistakes, mistakes[:3]
    assert loops >= 2


def test_light_load_is_served_by_one_thread(start):
    daemon = start("port = 0\n[log]\nconnections = false\n")
    clients = [connect(daemon.port) for _ in range(4)]
    before = processor_seconds_of_threads(daemon)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        for client in clients:
            assert ask(client, b"hello\n") == b"olleh\n"
    after = processor_seconds_of_threads(daemon)
    used = sorted((after[task] - before.get(task, 0) for task in after), reverse=True)
    assert sum(used[1:]) <= 0.1, used
