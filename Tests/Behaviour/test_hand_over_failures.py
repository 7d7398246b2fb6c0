"""Restarts in which something fails or is early, and the listener of the metrics over a restart."""

import os
import signal
import socket
import time

import pytest

from clients import ask, connect, receive, receive_to_end
from daemon import eventually
from hand_over import CONNECTIONS


def test_a_kill_while_the_connections_are_stored(service, store):
    """The next process is killed before or after it has taken them over: each connection continues or ends, and no answer is
    wrong."""
    run = service()
    clients = [connect(run.daemon.port) for _ in range(50)]
    for client in clients:
        ask(client, b"one\n")
    run.stop()
    for delay in (0.0, 0.004, 0.01, 0.02):
        run.daemon = run.start(run.config, awaited=False, **store.start_arguments())
        time.sleep(delay)
        run.daemon.signal(signal.SIGKILL)
        run.daemon.process.wait()
        run.daemon.stopped, run.daemon.process.returncode = True, 0
    run.daemon = run._start()
    for client in clients:
        try:
            client.sendall(b"two\n")
            answer = client.recv(10)
        except ConnectionError:
            continue
        assert answer in (b"owt\n", b"")


METRICS = "port = 0\n[metrics]\nlisten = '{}'\n"


def healthz(address):
    """The status of the answer. The connection is a new one."""
    with connect(address) as client:
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        return int(receive_to_end(client).split()[1])


def metrics_listeners(store):
    return [name for name, _ in store.kept if name.startswith("metrics.")]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_the_metrics_refuse_no_connect(service, store, tmp_path, kind):
    listen = "127.0.0.1:0" if kind == "tcp" else f"{tmp_path}/metrics"
    run = service(METRICS.format(listen))
    store.wait_until(lambda: len(metrics_listeners(store)) == 1)
    address = int(run.daemon.wait_for_log("metrics at ").rsplit(":", 1)[1]) if kind == "tcp" else listen
    assert healthz(address) == 200
    for end in (run.stop, run.stop, lambda: (run.daemon.signal(signal.SIGKILL), run.daemon.process.wait())):
        end()
        run.daemon.stopped, run.daemon.process.returncode = True, 0
        with connect(address) as waiting:
            waiting.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            run.daemon = run._start()
            assert receive_to_end(waiting).startswith(b"HTTP/1.1 200 OK\r\n")
        assert eventually(lambda: healthz(address) == 200)
    assert len(metrics_listeners(store)) == 1


def test_the_metrics_listener_that_the_next_configuration_lacks(service, store, tmp_path):
    run = service(METRICS.format(f"{tmp_path}/metrics"))
    store.wait_until(lambda: len(metrics_listeners(store)) == 1)
    run.restart("port = 0\n")
    store.wait_until(lambda: not metrics_listeners(store))
    assert not (tmp_path / "metrics").exists()
    run.daemon.reload(METRICS.format(f"{tmp_path}/metrics"))
    store.wait_until(lambda: len(metrics_listeners(store)) == 1)
    run.daemon.reload(METRICS.format(f"{tmp_path}/metrics") + "[restart]\nhand_over = false\n")
    store.wait_until(lambda: not store.kept)
    assert healthz(tmp_path / "metrics") == 200
    run.daemon.reload("port = 0\n")


def test_a_stop_leaves_no_metrics_listener_in_the_store(service, store):
    run = service(METRICS.format("127.0.0.1:0"))
    store.wait_until(lambda: len(store.kept) == 2)
    run.daemon.signal(signal.SIGINT)
    assert run.daemon.wait() == 0
    store.wait_until(lambda: not store.kept)


def start_and_fail(run, code):
    """A process that ends before it serves. Returns its log."""
    failed = run.start(run.config, awaited=False, **run.store.start_arguments())
    assert failed.wait() == code
    return failed


def test_a_start_that_fails_leaves_the_connections_to_the_next_one(service, store):
    run = service()
    works = run.config
    with connect(run.daemon.port) as client, socket.create_server(("127.0.0.1", 0)) as taken:
        ask(client, b"one\n")
        client.sendall(b"half")
        run.stop()
        for config, code in [
            ("port = 'wrong'\n", 78), (f"port = {taken.getsockname()[1]}\n", 69),
            (f"port = 0\n[metrics]\nlisten = '127.0.0.1:{taken.getsockname()[1]}'\n", 69),
        ]:
            run.config = config
            failed = start_and_fail(run, code)
            assert store.names.count(CONNECTIONS) == 1, failed.lines
            if code == 78:
                assert failed.logged("critical: the connections of the previous process are lost, unless")
        run.config = works
        run.daemon = run._start()
        client.sendall(b" a line\n")
        assert receive(client, 12) == b"enil a flah\n"


def test_a_start_that_fails_without_a_hand_over_answers_what_has_arrived(service, store):
    run = service()
    with connect(run.daemon.port) as client, socket.create_server(("127.0.0.1", 0)) as taken:
        ask(client, b"one\n")
        run.stop()
        client.sendall(b"two\nhalf")
        run.config = f"port = {taken.getsockname()[1]}\n[restart]\nhand_over = false\n"
        failed = start_and_fail(run, 69)
        assert receive_to_end(client) == b"owt\n"
        assert failed.logged("stopping, 1 connection to answer")


def test_a_stop_before_the_end_of_the_start_loses_no_connection(service, store):
    """Two restarts in a row: the signal arrives when the process has taken over, but does not listen yet."""
    run = service()
    clients = [connect(run.daemon.port) for _ in range(20)]
    for client in clients:
        ask(client, b"one\n")
    run.stop()
    for delay in (0.0, 0.003, 0.006, 0.01, 0.02, 0.03):
        run.daemon = run.start(run.config, awaited=False, **store.start_arguments())
        # Earlier the signal would end the wrapper of the test.
        assert eventually(lambda: "reversed" in os.readlink(f"/proc/{run.daemon.pid}/exe"))
        time.sleep(delay)
        run.daemon.signal(signal.SIGTERM)
        run.daemon.process.wait(10)
        run.daemon.stopped, run.daemon.process.returncode = True, 0
    run.daemon = run._start()
    for client in clients:
        assert ask(client, b"two\n") == b"owt\n"
