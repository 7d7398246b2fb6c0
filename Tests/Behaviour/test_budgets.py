"""The limits for one client: slots and memory."""

import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from clients import ask, connect, receive, reset, reverse_ascii
from daemon import eventually


def connect_from(host, port):
    """Connects from another address of this machine."""
    return socket.create_connection((host if ":" in host else "127.0.0.1", port), 15, source_address=(host, 0))


def is_refused(address):
    """Whether a connection is reset before an answer."""
    try:
        with connect_from(*address) if isinstance(address, tuple) else connect(address) as client:
            client.sendall(b"anybody?\n")
            assert client.recv(9) == b"?ydobyna\n"
            return False
    except (ConnectionResetError, BrokenPipeError):
        return True


# Slots.

def test_one_client_gets_half_of_the_slots_and_others_are_served(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 40\n")
    held = [connect(daemon.port) for _ in range(20)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    assert all(is_refused(daemon.port) for _ in range(30))
    with connect_from("127.0.0.2", daemon.port) as other:
        assert ask(other, b"other\n") == b"rehto\n"
    held.pop().close()
    assert eventually(lambda: not is_refused(daemon.port))
    # The log says so, but not thirty times.
    daemon.wait_for_log(r"refused 127\.0\.0\.1:\d+: its address has as many connections .*max_connections_per_client")
    assert len(daemon.logged("refused 127")) <= 10
    for client in held:
        client.close()


def test_a_reload_sets_changes_and_removes_the_limit_for_one_client(serve):
    config = "port = 0\n[limits]\nmax_connections_per_client = {}\n"
    daemon = serve(config.format(2))
    held = [connect(daemon.port) for _ in range(2)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    assert is_refused(daemon.port)
    daemon.reload(config.format(3))
    held.append(connect(daemon.port))
    assert ask(held[2], b"in\n") == b"ni\n" and is_refused(daemon.port)
    daemon.reload(config.format(0))
    held += [connect(daemon.port) for _ in range(30)]
    # A lower limit closes no connection.
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    daemon.reload(config.format(1))
    assert all(ask(client, b"in\n") == b"ni\n" for client in held) and is_refused(daemon.port)
    for client in held:
        client.close()
    assert eventually(lambda: not is_refused(daemon.port))


def test_a_network_of_ipv6_is_one_client_and_a_unix_socket_has_no_limit(serve, tmp_path):
    config = f"[[listener]]\nhost = '::'\nport = 0\n[[listener]]\npath = '{tmp_path}/s'\n[limits]\nmax_connections_per_client = 1\n"
    daemon = serve(config, listeners=2)
    with connect_from("::1", daemon.port) as first, connect(daemon.port) as mapped:
        assert ask(first, b"in\n") == b"ni\n" and ask(mapped, b"in\n") == b"ni\n"
        assert is_refused(("::1", daemon.port)) and is_refused(daemon.port)
    clients = [connect(tmp_path / "s") for _ in range(20)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in clients)
    for client in clients:
        client.close()


def test_a_client_that_opens_everything_at_full_speed_leaks_nothing(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 40\n[log]\nconnections = false\n")
    held = [connect(daemon.port) for _ in range(20)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    before = daemon.memory()
    for _ in range(3000):
        assert is_refused(daemon.port)
    with connect_from("127.0.0.2", daemon.port) as other:
        assert ask(other, b"other\n") == b"rehto\n"
    assert eventually(lambda: daemon.sockets() <= daemon.idle_sockets + 21)
    assert daemon.memory() - before < 4 << 20
    for client in held:
        client.close()


# Memory.

MIB = 1 << 20
LINE = b"y" * 999 + b"\n"


class Asker:
    """A client that sends short lines, one after the other, while the test runs."""

    def __init__(self, port):
        self.port, self.slowest, self.answers, self.error, self.is_over = port, 0, 0, None, threading.Event()

    def run(self):
        try:
            with connect(self.port) as client:
                while not self.is_over.is_set():
                    began = time.monotonic()
                    assert ask(client, b"short\n") == b"trohs\n"
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    self.answers += 1
                    time.sleep(0.005)
        except (OSError, AssertionError) as error:
            self.error = error

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def wait_for_answers(self, count):
        """Waits until so many more answers have come."""
        last = self.answers + count
        assert eventually(lambda: self.answers >= last or self.error, 5 * count), (self.answers, last)

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        assert not self.error, self.error
        assert self.slowest < 5, self.slowest


def hoard(address, count, data, receive_buffer=None):
    """Clients that send as much data as the server takes, and never read."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", address))
        client.setblocking(False)
        clients.append(client)
    rest = {client: memoryview(data) for client in clients}
    idle = 0
    while rest and idle < 20:
        idle += 1
        for client in list(rest):
            try:
                rest[client] = rest[client][client.send(rest[client][:65536]):]
                idle = 0
            except BlockingIOError:
                continue
            except OSError:
                rest[client] = b""
            if not rest[client]:
                del rest[client]
        if idle:
            time.sleep(0.02)
    return clients


@pytest.mark.parametrize("kind", ["partial lines", "answers that nobody takes"])
def test_the_memory_of_all_clients_is_bounded_and_short_lines_are_answered(serve, kind):
    daemon = serve("port = 0\n[limits]\nmax_buffered_bytes = '16MiB'\n[log]\nconnections = false\n")
    before = daemon.memory()
    with Asker(daemon.port) as asker:
        if kind == "partial lines":
            clients = hoard(daemon.port, 60, b"x" * MIB)
            daemon.wait_for_log("16777216 bytes are held for clients .*max_buffered_bytes")
        else:
            clients = hoard(daemon.port, 200, LINE * 4000, receive_buffer=4096)
        # In addition to the held bytes: buffers of the threads, and the connections themselves.
        assert daemon.memory() - before < 16 * MIB + 12 * MIB
        asker.wait_for_answers(20)
        for client in clients:
            reset(client)
        assert eventually(lambda: daemon.memory() - before < 8 * MIB, 12), daemon.memory() - before


def test_memory_goes_back_to_the_system(start):
    daemon = start("port = 0\n[log]\nconnections = false\n")
    before = daemon.memory()
    clients = hoard(daemon.port, 200, b"x" * (MIB - 1))
    assert eventually(lambda: daemon.memory() - before > 150 * MIB)
    for client in clients:
        reset(client)
    assert eventually(lambda: daemon.memory() - before < 12 * MIB, 12), daemon.memory() - before


def test_the_client_that_holds_most_is_disconnected_when_others_wait(start):
    daemon = start("port = 0\n[limits]\nmax_buffered_bytes = '4MiB'\nfirst_line_timeout = '0'\n")
    began = time.monotonic()
    clients = hoard(daemon.port, 8, b"x" * (MIB - 1))
    # A client that is still sending may get a reset or a FIN.
    daemon.wait_for_log("held memory for more than 10 s while others waited", 20)
    assert time.monotonic() - began > 9
    # A new client gets memory for a long line.
    with connect(daemon.port) as client:
        line = b"z" * 500_000 + b"\n"
        assert ask(client, line) == reverse_ascii(line)
    for client in clients:
        client.close()


def test_with_little_address_space_clients_cannot_end_the_daemon(start):
    daemon = start("port = 0\n[log]\nconnections = false\n", prefix=("prlimit", f"--as={500 * MIB}"))
    with Asker(daemon.port) as asker:
        clients = hoard(daemon.port, 300, b"x" * (MIB - 1)) + hoard(daemon.port, 100, LINE * 1000, receive_buffer=4096)
        daemon.wait_for_log("bytes are held for clients")
        asker.wait_for_answers(20)
    for client in clients:
        reset(client)


def test_answers_that_were_not_taken_at_a_stop_are_in_the_log(serve):
    daemon = serve("port = 0\n[limits]\ndrain_timeout = '1s'\n")
    client = hoard(daemon.port, 1, LINE * 8000, receive_buffer=4096)[0]
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert daemon.logged(r"disconnected .*drain_timeout is over, \d{5,} bytes of answers were not taken")
    assert daemon.logged(r"stopped after \d+ lines; clients did not take \d{5,} bytes of their answers")
    client.close()


def test_a_slow_reader_gets_every_answer_of_a_stop(serve):
    daemon = serve("port = 0\n[limits]\ndrain_timeout = '60s'\n")
    client = hoard(daemon.port, 1, LINE * 8000, receive_buffer=65536)[0]
    client.settimeout(10)
    daemon.signal(signal.SIGTERM)
    received = 0
    while piece := client.recv(20_000):
        received += len(piece)
        time.sleep(len(piece) / 1.5e6)
    assert daemon.wait() == 0
    answered = int(re.search(r"stopped after (\d+) lines$", daemon.logged("stopped after")[0])[1])
    assert received == answered * len(LINE)
    client.close()


# Socket options.

@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_urgent_byte_is_answered_like_the_others(serve, tmp_path, kind):
    daemon = serve("port = 0\n" if kind == "tcp" else f"[[listener]]\npath = '{tmp_path}/s'\n")
    with connect(daemon.port if kind == "tcp" else tmp_path / "s") as client:
        client.sendall(b"hel")
        client.send(b"l", socket.MSG_OOB)
        client.sendall(b"o\n")
        assert receive(client, 6) == b"olleh\n"


def test_a_peer_that_vanishes_is_noticed(start):
    daemon = start("port = 0\n[limits]\nidle_timeout = '0'\nfirst_line_timeout = '0'\n")
    with connect(daemon.port) as client:
        assert ask(client, b"in\n") == b"ni\n"
        shown = subprocess.run(["ss", "-tnoH", f"sport = :{daemon.port}"], capture_output=True, text=True, check=True).stdout
        assert re.search(r"timer:\(keepalive,(1min\d|\d)", shown), shown


# Reloads.

@pytest.mark.parametrize("listeners,reloads", [(1, 300), (128, 40)])
def test_reloads_take_no_memory(start, listeners, reloads):
    daemon = start("[[listener]]\nhost = '127.0.0.1'\nport = 0\n" * listeners, listeners=listeners)
    for _ in range(reloads // 4):
        daemon.reload()
    before, descriptors = daemon.memory(), daemon.descriptors()
    for _ in range(reloads):
        daemon.reload()
    assert daemon.memory() - before < 256 << 10
    assert daemon.descriptors() <= descriptors + 2
