"""The example daemon on the server library: built as a separate package, put under load, reloaded and drained."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from clients import ask, ask_once, connect, exchange, receive, receive_to_end
from daemon import CRASH, ROOT, environment, eventually
from test_service_manager import ACTIVATE, Manager

EXAMPLES = ROOT / "Examples"
CLIENTS = 100


@pytest.fixture(scope="session")
def uppercase():
    """Builds the example with `make examples`, and returns the binary."""
    build = subprocess.run(["make", "examples"], cwd=ROOT, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout + build.stderr
    return EXAMPLES / ".build/debug/uppercase"


class Example:
    """A running example daemon with a service manager of the test."""

    def __init__(self, binary, directory, listeners="127.0.0.1:0\n", handed_in=None, **variables):
        self.file = directory / "uppercase.conf"
        self.file.write_text(listeners)
        self.manager = Manager(str(directory / "notify"))
        variables["NOTIFY_SOCKET"] = self.manager.path
        command = [binary, self.file]
        if handed_in:
            command = [sys.executable, "-c", ACTIVATE, str(handed_in.fileno()), *command]
        self.log = open(directory / "log", "w+b")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=self.log, env=environment(**variables),
            pass_fds=[handed_in.fileno()] if handed_in else [])

    def ready(self):
        self.manager.await_("READY")
        return self

    def logged(self):
        return (self.file.parent / "log").read_text()

    @property
    def port(self):
        # The log is written by another thread, possibly after READY=1.
        return int(eventually(lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)", self.logged()))[1])

    def reload(self, listeners):
        self.file.write_text(listeners)
        self.process.send_signal(signal.SIGHUP)
        self.manager.await_("RELOADING")
        self.manager.await_("READY")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("SIGTERM did not end the example:\n" + self.logged())
        finally:
            self.manager.socket.close()
            self.log.close()
        assert code == 0, f"exit {code}:\n{self.logged()}"
        assert not CRASH.search(self.logged()), self.logged()


@pytest.fixture
def run(uppercase, tmp_path):
    started = []

    def run(*arguments, **options):
        started.append(Example(uppercase, tmp_path, *arguments, **options))
        return started[-1]

    yield run
    for example in started:
        example.stop()


class Load:
    """Many clients that ask and check in a loop, until the test stops them or the server closes the connection."""

    def __init__(self, address, clients=CLIENTS):
        self.faults, self.counts = [], [0] * clients
        self.stopping = False
        self.threads = [threading.Thread(target=self._guard, args=(address, number), daemon=True) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def _guard(self, address, number):
        try:
            self._converse(address, number)
        except Exception as error:  # any failure must fail the test
            self.faults.append(f"client {number}: {error!r}")

    def _converse(self, address, number):
        with connect(address) as client:
            while not self.stopping:
                # One line, or several long ones in several pieces.
                round_ = self.counts[number]
                lines = b"client %d, round %d: caf\xc3\xa9\n" % (number, round_)
                if round_ % 10 == number % 10:
                    lines += b"".join(b"%d " % line + b"abcxyz" * 100 + b"\n" for line in range(40))
                client.sendall(lines)
                received = bytearray()
                while len(received) < len(lines):
                    piece = client.recv(65536)
                    if not piece:
                        # The server closes a connection only when it stops, and only between two lines.
                        assert self.stopping and lines.upper().startswith(received), received[-80:]
                        assert not received or received.endswith(b"\n"), received[-80:]
                        return
                    received += piece
                assert received == lines.upper(), received[-80:]
                self.counts[number] += 1

    def await_rounds(self, rounds):
        """Waits until every client has received this many more answers."""
        goal = [count + rounds for count in self.counts]
        assert eventually(lambda: self.faults or all(map(int.__ge__, self.counts, goal)), 60), self.counts
        assert not self.faults, self.faults[:3]

    def finish(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in self.threads), "a client still waits"
        assert not self.faults, self.faults[:3]


def test_the_daemon_has_at_most_60_lines():
    sources = list((EXAMPLES / "Sources/uppercase").iterdir())
    assert sum(len(source.read_text().splitlines()) for source in sources) <= 60


def test_lines_are_answered_in_upper_case(run):
    example = run().ready()
    assert ask_once(example.port, b"one\r\n\ntwo \xc3\xa9 {~}\n") == b"ONE\r\n\nTWO \xc3\xa9 {~}\n"
    assert exchange(example.port, b"first\nlast") == b"FIRST\nLAST"
    with connect(example.port) as client:
        for piece in [b"a li", b"ne in ", b"pieces\nand"]:
            client.sendall(piece)
        assert receive(client, 17) == b"A LINE IN PIECES\n"


def test_a_line_without_an_end_is_refused(run):
    example = run().ready()
    with connect(example.port) as client:
        client.sendall(b"before\n" + b"x" * 70_000)
        assert receive_to_end(client) == b"BEFORE\n"
    assert eventually(lambda: "a line is too long" in example.logged()), example.logged()


def test_many_clients_through_a_reload_and_a_drain(run, tmp_path):
    example = run().ready()
    port = example.port
    load = Load(port)
    load.await_rounds(10)
    # Every client stays connected while the listeners change.
    example.reload(f"127.0.0.1:{port}\n{tmp_path}/socket\n")
    load.await_rounds(10)
    assert ask_once(tmp_path / "socket", b"new\n") == b"NEW\n"
    example.reload(f"{tmp_path}/socket\n")
    load.await_rounds(10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    # A drain during the load: complete lines that had arrived are answered, then comes the end of file.
    load.stopping = True
    example.process.send_signal(signal.SIGTERM)
    example.manager.await_("STOPPING")
    load.finish()
    assert example.process.wait(10) == 0


def test_a_drain_answers_what_has_arrived(run):
    example = run().ready()
    clients = [connect(example.port) for _ in range(CLIENTS)]
    for client in clients:
        ask(client, b"hello\n")
    example.process.send_signal(signal.SIGSTOP)
    for number, client in enumerate(clients):
        client.sendall(b"line of %d\n" % number * 100 + b"half a li")
    example.process.send_signal(signal.SIGTERM)
    example.process.send_signal(signal.SIGCONT)
    for number, client in enumerate(clients):
        assert receive_to_end(client) == b"LINE OF %d\n" % number * 100
        client.close()
    assert example.process.wait(10) == 0


def test_a_reload_that_fails_changes_nothing(run):
    example = run().ready()
    port = example.port
    with connect(port) as client:
        ask(client, b"before\n")
        for listeners in ["[::1\n", "203.0.113.77:9\n"]:  # not an address; not an address of this machine
            example.reload(listeners)
            assert ask(client, b"after\n") == b"AFTER\n"
            assert ask_once(port, b"new\n") == b"NEW\n"
    assert eventually(lambda: example.logged().count("nothing has changed: ") == 2), example.logged()


def test_sockets_are_taken_from_the_service_manager(run):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        example = run("203.0.113.77:9\n", handed_in=listener).ready()
        port = listener.getsockname()[1]
    assert example.port == port
    load = Load(port)
    load.await_rounds(3)
    load.finish()
    example.reload("203.0.113.77:9\n")
    assert ask_once(port, b"still\n") == b"STILL\n"


def test_the_watchdog_is_pinged_under_load_and_not_by_a_stopped_process(run):
    example = run(WATCHDOG_USEC=400_000).ready()
    load = Load(example.port)
    for _ in range(5):
        example.manager.await_("WATCHDOG", 2)
    load.finish()
    example.process.send_signal(signal.SIGSTOP)
    # First read what it sent before it stopped; then nothing arrives for longer than the period.
    with pytest.raises(TimeoutError):
        for _ in range(10):
            example.manager.next(0.6)
    example.process.send_signal(signal.SIGCONT)
    example.manager.await_("WATCHDOG", 2)


def test_an_address_that_cannot_be_used_is_named(uppercase, tmp_path):
    file = tmp_path / "uppercase.conf"
    file.write_text("203.0.113.77:9\n")
    begun = time.monotonic()
    result = subprocess.run([uppercase, file], capture_output=True, text=True, env=environment(), timeout=20)
    assert result.returncode == 1 and "203.0.113.77:9" in result.stderr, result.stderr
    assert time.monotonic() - begun < 5
