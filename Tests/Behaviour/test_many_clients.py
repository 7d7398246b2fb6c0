"""Many clients at once, max_connections, and the limit on open files."""

import select
import socket
import time

import pytest

from clients import ask, ask_once, connect, descriptor_limit, receive, receive_to_end, reverse_ascii
from daemon import eventually


def converse_at_once(clients, lines_each):
    """Every client sends all its lines at once, and the answers are read as they arrive. Returns the answers of each client."""
    requests = [b"".join(b"client %d line %d\n" % (number, line) for line in range(lines_each)) for number in range(len(clients))]
    poll = select.poll()
    by_descriptor = {}
    for number, client in enumerate(clients):
        client.setblocking(False)
        by_descriptor[client.fileno()] = number
        poll.register(client, select.POLLIN)
        assert client.send(requests[number]) == len(requests[number])
    answers = [bytearray() for _ in clients]
    waiting = len(clients)
    deadline = time.monotonic() + 30
    while waiting:
        assert time.monotonic() < deadline, f"{waiting} clients wait for answers"
        for descriptor, _ in poll.poll(1000):
            number = by_descriptor[descriptor]
            piece = clients[number].recv(1 << 16)
            assert piece, f"client {number} was disconnected"
            answers[number] += piece
            if len(answers[number]) == len(requests[number]):
                poll.unregister(descriptor)
                waiting -= 1
    return requests, answers


def test_a_thousand_clients_each_get_every_answer_in_order(serve):
    daemon = serve()
    with descriptor_limit(1200):
        clients = [connect(daemon.port) for _ in range(1000)]
        try:
            for _ in range(2):
                requests, answers = converse_at_once(clients, 20)
                for request, answer in zip(requests, answers):
                    assert bytes(answer) == b"".join(map(reverse_ascii, request.splitlines(keepends=True)))
        finally:
            for client in clients:
                client.close()
    # When idle again, the daemon uses no processor time.
    eventually(lambda: daemon.sockets() == daemon.idle_sockets)
    before = daemon.processor_seconds()
    time.sleep(0.5)
    assert daemon.processor_seconds() - before <= 0.05


def test_idle_clients_cost_no_processor_time(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(200)]
    for client in clients:
        assert ask(client, b"hello\n") == b"olleh\n"
    time.sleep(0.2)
    before = daemon.processor_seconds()
    time.sleep(0.5)
    assert daemon.processor_seconds() - before <= 0.05
    for client in clients:
        assert ask(client, b"again\n") == b"niaga\n"
        client.close()


def test_a_flood_from_one_client_does_not_starve_another(serve):
    daemon = serve()
    flood = b"x" * 99 + b"\n"
    with connect(daemon.port) as flooder, connect(daemon.port) as other:
        flooder.setblocking(False)
        slowest = 0
        for _ in range(100):
            for call in (lambda: flooder.send(flood * 2000), lambda: flooder.recv(1 << 20)):
                try:
                    call()
                except BlockingIOError:
                    pass
            begun = time.monotonic()
            assert ask(other, b"ping\n") == b"gnip\n"
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 1


# max_connections.

def waits(client):
    client.settimeout(0.15)
    try:
        return client.recv(1) and False
    except TimeoutError:
        return True
    finally:
        client.settimeout(15)


@pytest.mark.parametrize("cap", [1, 3])
def test_beyond_max_connections_clients_wait_in_the_backlog(serve, cap):
    daemon = serve(f"port = 0\n[limits]\nmax_connections = {cap}\n")
    clients = [connect(daemon.port) for _ in range(cap + 2)]
    for client in clients[:cap]:
        assert ask(client, b"in\n") == b"ni\n"
    for client in clients[cap:]:
        client.sendall(b"waiting\n")
        assert waits(client)
    daemon.wait_for_log(f"all {cap} connection slots are in use")
    for leaving, next_ in zip(clients[:2], clients[cap:]):
        leaving.close()
        assert receive(next_, 8) == b"gnitiaw\n"
    for client in clients[2:]:
        client.close()
    assert ask_once(daemon.port, b"free\n") == b"eerf\n"


def test_with_one_slot_clients_are_served_in_turn(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 1\n")
    for number in range(300):
        assert ask_once(daemon.port, b"%d\n" % number) == reverse_ascii(b"%d\n" % number)


def test_max_connections_counts_all_listeners_together(serve):
    daemon = serve("[[listener]]\nhost = '127.0.0.1'\nport = 0\n" * 2 + "[limits]\nmax_connections = 1\n", listeners=2)
    first, second = daemon.ports
    for number in range(50):
        with connect(first) as one, connect(second) as other:
            one.sendall(b"one\n")
            other.sendall(b"two\n")
            # The second client waits until the first one disconnects.
            ready, _, _ = select.select([one, other], [], [], 10)
            assert len(ready) == 1
            served = ready[0]
            assert receive(served, 4) == (b"eno\n" if served is one else b"owt\n")
            served.close()
            waiter = other if served is one else one
            assert receive(waiter, 4) == (b"owt\n" if served is one else b"eno\n")


def test_a_client_that_leaves_the_backlog_takes_no_slot(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 1\n")
    with connect(daemon.port) as first:
        assert ask(first, b"in\n") == b"ni\n"
        for _ in range(20):
            connect(daemon.port).close()
    assert ask_once(daemon.port, b"free\n") == b"eerf\n"


def test_a_raised_limit_admits_the_waiting_clients(serve):
    config = "port = 0\n[limits]\nmax_connections = {}\n"
    daemon = serve(config.format(1))
    with connect(daemon.port) as first, connect(daemon.port) as second:
        assert ask(first, b"in\n") == b"ni\n"
        second.sendall(b"second\n")
        assert waits(second)
        daemon.reload(config.format(2))
        assert receive(second, 7) == b"dnoces\n"
        daemon.reload(config.format(1))
        # A lower limit closes no connection.
        assert ask(first, b"in\n") == b"ni\n" and ask(second, b"in\n") == b"ni\n"


# Open files.

def test_few_descriptors_mean_fewer_slots_and_no_crash(serve):
    daemon = serve(files=64)
    assert "64 open files" in daemon.wait_for_log("max_connections is 10000, but only")
    clients = [connect(daemon.port) for _ in range(200)]
    for client in clients:
        client.sendall(b"hello\n")
    # libdispatch reads the state of its workers once a second; a full descriptor table would crash it then.
    until = time.monotonic() + 2.5
    answered = 0
    while time.monotonic() < until:
        ready, _, _ = select.select(clients, [], [], 0.1)
        for client in ready:
            assert receive(client, 6) == b"olleh\n"
            client.close()
            clients.remove(client)
            answered += 1
    assert answered == 200 and not clients


def test_a_useful_number_of_clients_fits_a_small_limit(serve):
    daemon = serve(files=64)
    clients = [connect(daemon.port) for _ in range(16)]
    for client in clients:
        assert ask(client, b"all at once\n") == b"ecno ta lla\n"
    for client in clients:
        client.close()


def test_the_soft_limit_is_raised_as_far_as_needed(start):
    daemon = start("port = 0\n[limits]\nmax_connections = 3000\n", prefix=("prlimit", "--nofile=256:8192"))
    limits = open(f"/proc/{daemon.pid}/limits").read()
    soft = int(next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3])
    assert 3000 < soft < 8192
    assert not daemon.logged("max_connections is")
