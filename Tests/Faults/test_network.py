"""A bad network: packets that are lost, late, repeated and out of order, a peer that vanishes, the smallest buffers."""

import contextlib
import os
import socket
import subprocess
import threading

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import PATIENCE
from daemon import eventually
from line_server import client_path, environment, reversed_lines
from network import Link, namespace

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/net/tun"),
                                reason="needs root and /dev/net/tun")

DATA = b"".join(b"line %d over a bad link\n" % number for number in range(6000)) + b"z" * 50_000 + b"\nend"


@contextlib.contextmanager
def linked(**faults):
    with namespace() as there, namespace() as here:
        link = Link((there, here), **faults)
        link.start()
        try:
            yield there, here, link
        finally:
            link.close()


def socket_in(space, family=socket.AF_INET):
    client = space.run(lambda: socket.socket(family))
    client.settimeout(60)
    return client


def exchange(client, port, data, results, address="10.99.0.1"):
    def send():
        with contextlib.suppress(OSError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    received = bytearray()
    try:
        client.connect((address, port))
        sender = threading.Thread(target=send)
        sender.start()
        while piece := client.recv(1 << 16):
            received += piece
        sender.join()
    except OSError as error:
        received += repr(error).encode()
    results.append(bytes(received))
    client.close()


LINKS = {
    "loss": dict(loss=0.05, delay=0.005),
    "delay": dict(delay=0.05, jitter=0.02),
    "disorder": dict(jitter=0.03),
    "everything": dict(delay=0.01, jitter=0.02, loss=0.03, repeat=0.05),
}


@pytest.mark.parametrize("faults", LINKS.values(), ids=LINKS.keys())
def test_everything_is_answered_over_a_bad_link(start, seed, faults):
    with linked(seed=seed, **faults) as (there, here, link):
        daemon = start("host = '10.99.0.1'\nport = 0\n", prefix=there.prefix)
        results = []
        threads = [threading.Thread(target=exchange, args=(socket_in(here), daemon.port, DATA[:60_000], results))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        streamed = subprocess.run([*here.prefix, client_path(), "-H", "10.99.0.1", "-p", str(daemon.port), "--timeout", "60s"],
                                  input=DATA[:60_000], capture_output=True, timeout=120, env=environment())
        for thread in threads:
            thread.join(120)
        expected = reversed_lines(DATA[:60_000])
        assert [result == expected for result in results] == [True] * 4, [result[-60:] for result in results]
        assert streamed.returncode == 0 and streamed.stdout == expected, streamed.stderr
        assert link.carried > 100 and (link.lost > 0) == (faults.get("loss", 0) > 0)
        assert eventually(lambda: daemon.sockets() <= daemon.idle_sockets, 15, 0.05)
        daemon.stop()
        daemon.stopped = True


def test_a_stop_over_a_bad_link_loses_no_answer(start, seed):
    with linked(seed=seed, delay=0.01, jitter=0.02, loss=0.03) as (there, here, _):
        daemon = start("host = '10.99.0.1'\nport = 0\n[limits]\ndrain_timeout = '30s'\n", prefix=there.prefix)
        client = socket_in(here)
        client.connect(("10.99.0.1", daemon.port))
        line = b"x" * 200_000 + b"\n"
        client.sendall(line)
        received = bytearray(client.recv(1))  # all of it has arrived
        daemon.signal(15)
        while piece := client.recv(1 << 16):
            received += piece
        client.close()
        assert bytes(received) == line
        assert daemon.wait(40) == 0


def test_the_smallest_buffers(start):
    with namespace() as space:
        for name in ("tcp_wmem", "tcp_rmem"):
            space.command("sysctl", "-qw", f"net.ipv4.{name}=4096 4096 4096")
        daemon = start("port = 0\n", prefix=space.prefix)
        results = []
        threads = [threading.Thread(target=exchange, args=(socket_in(space), daemon.port, DATA, results, "127.0.0.1"))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [result == reversed_lines(DATA) for result in results] == [True] * 3
        daemon.stop()
        daemon.stopped = True


def test_an_interface_that_goes_away_and_comes_back(start, seed):
    """If an address is gone for a while, no client loses an answer."""
    with linked(seed=seed, delay=0.001) as (there, here, _):
        daemon = start("host = '10.99.0.1'\nport = 0\n", prefix=there.prefix)
        client = socket_in(here)
        client.connect(("10.99.0.1", daemon.port))
        client.sendall(b"before\n")
        assert client.recv(100) == b"erofeb\n"
        there.command("ip", "link", "set", "bad0", "down")
        client.sendall(b"meanwhile\n")
        there.command("ip", "link", "set", "bad0", "up")
        assert client.recv(100) == b"elihwnaem\n"
        client.close()
        assert eventually(lambda: daemon.sockets() <= daemon.idle_sockets)
