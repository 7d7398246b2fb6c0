"""The other examples: a program for each library, and servers on DispatchServer, libdispatch, SwiftNIO and Hummingbird with a
service manager of the test. Tests/System runs them under systemd."""

import contextlib
import signal
import socket
import subprocess
import sys

import pytest

from clients import connect, receive, receive_to_end
from daemon import ACTIVATE, ROOT, environment, eventually
from line_server import LineServer
from test_service_manager import Manager

EXAMPLES = ROOT / "Examples"
HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="session")
def examples():
    """Builds the programs with `make examples`, and returns their folder."""
    build = subprocess.run(["make", "examples"], cwd=ROOT, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout + build.stderr
    return EXAMPLES / ".build/debug"


def output(*command, status=0, text=b""):
    result = subprocess.run(command, input=text, capture_output=True, timeout=20)
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout.decode()


def test_reverse_lines(examples):
    text = ("héllo\n" * 20_000 + "e\u0301a").encode()
    assert output(examples / "reverse-lines", text=text) == "olléh\n" * 20_000 + "ae\u0301"
    assert output(examples / "reverse-lines", "scalar", text="e\u0301a\n".encode()) == "a\u0301e\n"
    assert output(examples / "reverse-lines", text=b"x" * (2 << 20), status=1) == ""
    assert "character|scalar|byte" in output(examples / "reverse-lines", "word", status=64)


def test_ask(examples):
    with LineServer() as server:
        assert output(examples / "ask", f"127.0.0.1:{server.port}", "ADVANCE", "two words") == "ECNAVDA\nsdrow owt\n"
    assert "cannot" in output(examples / "ask", f"127.0.0.1:{server.port}", "ADVANCE", status=1)


def test_knock(examples):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "127.0.0.1:%d" % listener.getsockname()[1]
        assert output(examples / "knock", address) == f"{address}: open\n"
    assert output(examples / "knock", address) == f"{address}: Connection refused\n"
    assert "knock: " in output(examples / "knock", "nowhere.invalid:1", status=1)


class LineNumbers:
    """A process of `line-numbers`, with the descriptor store of the test."""

    def __init__(self, binary, store, directory, *arguments):
        self.log = directory / "log"
        start = store.start_arguments()
        with open(self.log, "wb") as log:
            command = [*start.pop("prefix", ()), binary, "127.0.0.1:0", *arguments]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, **start)
        assert eventually(lambda: b"listening on " in self.log.read_bytes() or self.process.poll() is not None, 60)
        self.port = int(self.log.read_text().split("listening on 127.0.0.1:")[1].split()[0])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()


@pytest.fixture
def line_numbers(examples, store, tmp_path):
    """Starts processes of `line-numbers`: line_numbers(argument, …)."""
    started = []

    def start(*arguments):
        started.append(LineNumbers(examples / "line-numbers", store, tmp_path, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def test_connections_and_their_numbers_survive_a_restart(line_numbers, store):
    first = line_numbers()
    with connect(first.port) as client:
        client.sendall(b"one\n")
        assert receive(client, 6) == b"1 one\n"
        client.sendall(b"tw")
        first.stop()
        assert "connections" in store.names
        second = line_numbers()
        assert second.port == first.port
        assert "connections taken over: 1, ended: 0" in second.log.read_text()
        client.sendall(b"o\n")
        assert receive(client, 6) == b"2 two\n"


def test_without_a_store_a_restart_answers_what_has_arrived(line_numbers, store):
    store.capacity = 0
    server = line_numbers()
    with connect(server.port) as client:
        client.sendall(b"one\n")
        assert receive(client, 6) == b"1 one\n"
        server.stop()
        assert receive_to_end(client) == b""


def test_a_trusted_balancer_sends_a_header(line_numbers):
    server = line_numbers("127.0.0.0/8")
    with connect(server.port) as client:
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 7000\r\none\n")
        assert receive(client, 6) == b"1 one\n"
    assert eventually(lambda: "disconnected 192.0.2.1:4660" in server.log.read_text())
    server.stop()


class Server:
    """A server with sockets that are passed in, and a greeting that is first a credential and then a file."""

    def __init__(self, binary, directory, greeting=b"moin"):
        self.settings, self.credentials = directory / "settings", directory / "credentials"
        for folder in (self.settings, self.credentials):
            folder.mkdir()
        (self.credentials / "greeting").write_bytes(greeting)
        self.manager = Manager(str(directory / "notify"))
        self.log = directory / "log"
        with socket.create_server(("127.0.0.1", 0)) as listener, open(self.log, "wb") as log:
            self.port = listener.getsockname()[1]
            self.process = subprocess.Popen(
                [sys.executable, "-c", ACTIVATE, str(listener.fileno()), binary], stdin=subprocess.DEVNULL, stderr=log,
                pass_fds=[listener.fileno()],
                env=environment(NOTIFY_SOCKET=self.manager.path, WATCHDOG_USEC=400_000,
                                CONFIGURATION_DIRECTORY=self.settings, CREDENTIALS_DIRECTORY=self.credentials))

    def wait_for(self, name):
        return self.manager.await_(name)

    def ask(self, request):
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return receive_to_end(client)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.manager.socket.close()


@pytest.fixture(params=["greeter", "nio-echo", "hummingbird-hello"])
def server(request, examples, tmp_path):
    server = Server(examples / request.param, tmp_path)
    server.request = HTTP if request.param == "hummingbird-hello" else b""
    yield server
    server.close()


def test_a_server_lives_with_its_manager(server):
    assert server.wait_for("READY")["STATUS"] == "Greeting with moin"
    assert server.ask(server.request).endswith(b"moin\n")
    server.wait_for("WATCHDOG")

    (server.settings / "greeting").write_text("servus\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("RELOADING")
    assert server.wait_for("READY")["STATUS"] == "Greeting with servus"
    assert server.ask(server.request).endswith(b"servus\n")

    (server.settings / "greeting").write_bytes(b"\xff")
    server.process.send_signal(signal.SIGHUP)
    assert server.wait_for("READY")["STATUS"].startswith("Reload failed: ")
    assert server.ask(server.request).endswith(b"servus\n")

    server.process.send_signal(signal.SIGTERM)
    server.wait_for("STOPPING")
    assert server.process.wait(10) == 0


@pytest.mark.parametrize("name", ["greeter", "nio-echo", "hummingbird-hello"])
def test_a_server_that_cannot_start_is_never_ready(examples, tmp_path, name):
    server = Server(examples / name, tmp_path, greeting=b"x" * 1_001)
    assert server.process.wait(10) == 1
    assert not any("READY" in message for message in server.manager.messages)
    assert "larger than 1000 bytes" in server.log.read_text()
    server.close()


@pytest.mark.parametrize("name, port", [("nio-echo", 7007), ("hummingbird-hello", 7008)])
def test_a_group_is_not_ready_before_its_server_listens(examples, tmp_path, name, port):
    manager = Manager(str(tmp_path / "notify"))
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # another process has the port, which is just as good
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        server = subprocess.run([examples / name], env=environment(NOTIFY_SOCKET=manager.path), capture_output=True, timeout=20)
    assert server.returncode == 1 and b"in use" in server.stderr, server.stderr
    while not manager.messages or "STOPPING" not in manager.messages[-1]:
        manager.next()
    assert not any("READY" in message for message in manager.messages)
    manager.socket.close()


def test_stopping_comes_before_the_last_answer(examples, tmp_path):
    """The group stops its services one after the other, the one that sends STOPPING first."""
    server = Server(examples / "nio-echo", tmp_path)
    server.wait_for("READY")
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        assert client.recv(100) == b"moin\n"
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("STOPPING")
        assert receive_to_end(client) == b""
    assert server.process.wait(10) == 0
    server.close()
