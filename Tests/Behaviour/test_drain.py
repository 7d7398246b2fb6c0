"""A stop of the daemon: lines that had arrived are answered, no others, and the stop ends in time."""

import re
import select
import signal
import socket
import threading
import time

import pytest

from clients import ask, connect, receive, receive_to_end, reset, reverse_ascii
from daemon import eventually
from test_rude_clients import LINE, push_until_blocked


def frozen(daemon):
    """Stops the daemon with SIGSTOP, so that the test decides in which order things arrive."""
    daemon.signal(signal.SIGSTOP)


def thaw_to_stop(daemon):
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_at_once(serve, number):
    daemon = serve()
    begun = time.monotonic()
    daemon.signal(number)
    assert daemon.wait(5) == 0
    assert time.monotonic() - begun < 1.8


def test_idle_clients_get_an_end_of_file_at_once(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(20)]
    for client in clients[:10]:
        assert ask(client, b"hi\n") == b"ih\n"
    begun = time.monotonic()
    daemon.signal(signal.SIGTERM)
    for client in clients:
        assert receive_to_end(client) == b""
        client.close()
    assert daemon.wait(5) == 0
    assert time.monotonic() - begun < 1.8
    daemon.wait_for_log("disconnected .*: the server is stopping")


def test_every_line_that_has_arrived_is_answered_and_half_a_line_is_not(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(30)]
    for client in clients:
        ask(client, b"hi\n")
    frozen(daemon)
    for number, client in enumerate(clients):
        client.sendall(b"arrived %d\n" % number * 50 + b"half a li")
    thaw_to_stop(daemon)
    for number, client in enumerate(clients):
        assert receive_to_end(client) == reverse_ascii(b"arrived %d\n" % number) * 50
        client.close()
    assert daemon.wait(5) == 0


def test_a_last_line_that_the_client_ended_by_its_end_of_file_is_whole(serve):
    daemon = serve()
    clients = [connect(daemon.port) for _ in range(10)]
    for client in clients:
        ask(client, b"hi\n")
    clients[0].sendall(b"begun before ")
    time.sleep(0.05)
    frozen(daemon)
    for client in clients:
        client.sendall(b"one\nlast")
        client.shutdown(socket.SHUT_WR)
    thaw_to_stop(daemon)
    assert receive_to_end(clients[0]) == b"eno erofeb nugeb\ntsal"
    for client in clients[1:]:
        assert receive_to_end(client) == b"eno\ntsal"
    for client in clients:
        client.close()
    assert daemon.wait(5) == 0


def test_clients_in_the_backlog_are_answered(serve):
    daemon = serve()
    frozen(daemon)
    clients = [connect(daemon.port) for _ in range(50)]
    for client in clients:
        client.sendall(b"in the backlog\n")
    thaw_to_stop(daemon)
    for client in clients:
        assert receive_to_end(client) == b"golkcab eht ni\n"
        client.close()
    assert daemon.wait(5) == 0


def test_a_stop_under_load_loses_no_complete_line(serve):
    """Each client counts the lines that it had sent before the daemon began to stop: all of those are answered."""
    for _ in range(3):
        daemon = serve()
        failures = []
        answered = []
        everybody_is_there = threading.Barrier(9)

        def work(port):
            try:
                with connect(port) as client:
                    number = 0
                    while True:
                        if number == 1:
                            everybody_is_there.wait(10)
                        line = b"%d\n" % number
                        client.sendall(line)
                        answer = client.recv(100)
                        if not answer:
                            return
                        if answer != reverse_ascii(line):
                            failures.append(answer)
                        number += 1
                        answered.append(1)
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(daemon.port,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        everybody_is_there.wait(10)
        assert eventually(lambda: len(answered) > 500)
        daemon.signal(signal.SIGTERM)
        for thread in threads:
            thread.join(10)
        assert daemon.wait(5) == 0
        assert not [failure for failure in failures if not isinstance(failure, BrokenPipeError)], failures


def test_clients_that_connect_meanwhile_are_answered_or_refused_but_not_reset(serve):
    for _ in range(5):
        daemon = serve()
        outcomes = []
        stopped = threading.Event()

        def work(port):
            while not stopped.is_set():
                try:
                    client = socket.create_connection(("127.0.0.1", port), 5)
                except ConnectionRefusedError:
                    return
                except TimeoutError:
                    outcomes.append("timeout")
                    return
                with client:
                    try:
                        client.sendall(b"hello\n")
                        client.shutdown(socket.SHUT_WR)
                        answer = receive_to_end(client)
                        outcomes.append(answer if answer != b"olleh\n" else "answered")
                    except OSError as error:
                        outcomes.append(error)

        threads = [threading.Thread(target=work, args=(daemon.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(outcomes) > 200)
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(5) == 0
        stopped.set()
        for thread in threads:
            thread.join(10)
        # A line that arrives after the stop has begun is not answered: the client gets an end of file.
        wrong = [outcome for outcome in outcomes if outcome not in ("answered", b"")]
        assert not wrong, wrong


def test_a_client_that_goes_on_sending_gets_a_fin_not_a_reset(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        assert ask(client, b"hi\n") == b"ih\n"
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        assert select.select([client], [], [], 5)[0]  # the FIN
        for _ in range(20):
            client.sendall(b"too late " * 1000 + b"\n")
        assert receive_to_end(client) == b""
    assert daemon.wait(5) == 0


def test_a_client_that_never_stops_sending_does_not_delay_the_stop(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        ask(client, b"hi\n")
        daemon.signal(signal.SIGTERM)
        begun = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() < begun + 10:
                client.sendall(LINE * 10)
                time.sleep(0.001)
        assert daemon.wait(5) == 0
        assert time.monotonic() - begun < 4


def test_blocked_answers_are_delivered_when_the_client_reads_in_time(serve, tmp_path):
    daemon = serve("[[listener]]\nhost = '127.0.0.1'\nport = 0\n" f"[[listener]]\npath = '{tmp_path}/socket'\n", listeners=2)
    with connect(daemon.port) as far, connect(tmp_path / "socket") as near:
        sent_far = push_until_blocked(far)
        sent_near = push_until_blocked(near)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        received = []
        for client in (near, far):
            client.setblocking(True)
            client.settimeout(5)
            received.append(receive_to_end(client))
    assert daemon.wait(5) == 0
    # On a Unix socket all sent bytes had arrived; on TCP some may still have been in the send buffer.
    answered = int(re.search(r"stopped after (\d+) lines$", daemon.logged("stopped after")[0])[1])
    lines_near = sent_near // len(LINE)
    assert received == [reverse_ascii(LINE) * lines_near, reverse_ascii(LINE) * (answered - lines_near)]
    assert 0 < answered - lines_near <= sent_far // len(LINE)


def test_drain_timeout_disconnects_the_rest_and_logs_how_many(serve):
    daemon = serve("port = 0\n[limits]\ndrain_timeout = '400ms'\n")
    deaf = [connect(daemon.port) for _ in range(3)]
    for client in deaf:
        push_until_blocked(client)
    begun = time.monotonic()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(5) == 0
    assert 0.3 < time.monotonic() - begun < 2
    assert daemon.logged("drain_timeout is over: 3 connections cut off")
    for client in deaf:
        client.close()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_while_it_stops_ends_it_at_once(serve, first):
    daemon = serve()
    with connect(daemon.port) as deaf:
        push_until_blocked(deaf)
        daemon.signal(first)
        daemon.wait_for_log("stopping")
        time.sleep(0.6)  # one that comes sooner counts as the same key press
        begun = time.monotonic()
        daemon.signal(signal.SIGINT)
        assert daemon.wait(10) == 0
        assert time.monotonic() - begun < 3
        assert daemon.logged("interrupted while stopping: 1 connection cut off")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_twice_disconnects_nobody(serve, number):
    """timeout(1) sends the signal twice: to its child, and to the process group of the child."""
    daemon = serve()
    with connect(daemon.port) as client:
        push_until_blocked(client)
        daemon.signal(number)
        daemon.wait_for_log("stopping")
        daemon.signal(number)
        daemon.wait_for_log("already stopping")
        daemon.signal(number)
        client.setblocking(True)
        client.settimeout(10)
        received = receive_to_end(client)
        assert daemon.wait(8) == 0
    # Every line that had arrived is answered, and every answer arrives.
    answered = int(re.search(r"stopped after (\d+) lines$", daemon.logged("stopped after")[0])[1])
    assert received == reverse_ascii(LINE) * answered
    assert not daemon.logged("cut off")


def test_a_second_signal_under_load_does_not_crash(serve):
    for _ in range(5):
        daemon = serve()
        clients = [connect(daemon.port) for _ in range(30)]
        for client in clients:
            push_until_blocked(client, quiet=0)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        for client in clients:
            reset(client)
        daemon.signal(signal.SIGINT)
        assert daemon.wait(5) == 0


def test_a_stop_during_the_start(serve):
    for delay in (0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03):
        daemon = serve(awaited=False)
        time.sleep(delay)
        daemon.signal(signal.SIGTERM)
        # Until main has blocked the signal, it kills the process.
        assert daemon.process.wait(5) in (0, -signal.SIGTERM)
        daemon.process.returncode = 0
        daemon.stopped = True


def test_the_log_of_a_stop(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        ask(client, b"a\n")
        ask(client, b"b\n")
    daemon.wait_for_log("disconnected")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert daemon.logged("stopping, 0 connections to answer") and daemon.logged("stopped after 2 lines")


def test_the_log_has_the_singular_of_line(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        ask(client, b"a\n")
    daemon.wait_for_log("disconnected .* after 1 line,")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert daemon.logged("stopped after 1 line$")


def test_a_reload_while_stopping_does_nothing(serve):
    daemon = serve()
    with connect(daemon.port) as deaf:
        push_until_blocked(deaf)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        daemon.signal(signal.SIGHUP)
        time.sleep(0.1)
        assert not daemon.logged("reloaded")
        with pytest.raises(ConnectionRefusedError):
            connect(daemon.port)
    assert daemon.wait(8) == 0
