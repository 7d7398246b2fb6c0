"""Restarts that close no connection, with a service manager of the test: see `manager.Store`."""

import os
import signal
import socket
import threading
import time

import pytest

from clients import ask, ask_once, connect, receive, receive_to_end, reverse_ascii
from daemon import eventually
from hand_over import CONNECTIONS, Service, both
from haproxy import REVERSING_CHECK, balance  # noqa: F401 (a fixture)
from test_rude_clients import LINE, push_until_blocked


def test_a_connection_goes_on(service_both_ways, tmp_path):
    run = service_both_ways(both(tmp_path), 2)
    port = run.daemon.port
    clients = [connect(port), connect(tmp_path / "socket")]
    for client in clients:
        ask(client, b"before\n")
        client.sendall(b"answered too\nhalf")
    for client in clients:
        assert receive(client, 13) == b"oot derewsna\n"
    first = run.restart()
    assert first.logged("handing over 2 connections to the next process")
    assert run.daemon.wait_for_log(r"took over 2 connections in \d+ ms")
    assert run.daemon.port == port
    for client in clients:
        client.sendall(b" a line\n")
        assert receive(client, 12) == b"enil a flah\n"
        client.close()


def test_the_answers_do_not_depend_on_how_the_stream_is_divided(service, tmp_path):
    run = service(both(tmp_path), 2)
    addresses = [run.daemon.port, tmp_path / "socket"]
    clients = [connect(address) for address in addresses for _ in range(5)]
    text = "größe 👨‍👩‍👧‍👦 ende\r\n".encode()
    answer = "edne 👨‍👩‍👧‍👦 eßörg\r\n".encode()
    for cut in range(1, len(text), 3):
        for client in clients:
            client.sendall(text[:cut])
        run.restart()
        for client in clients:
            client.sendall(text[cut:])
        for client in clients:
            assert receive(client, len(answer)) == answer
    assert not run.daemon.logged(" warning: ")


def test_what_is_sent_while_no_process_runs_is_answered(service, store):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.stop()
        assert store.names.count(CONNECTIONS) == 1
        client.sendall(b"between\n")
        with connect(run.daemon.port) as late:
            late.sendall(b"late\n")
            run.daemon = run._start()
            assert receive(client, 8) == b"neewteb\n"
            assert receive(late, 5) == b"etal\n"
    store.wait_until(lambda: CONNECTIONS not in [name for name, _ in store.kept])


def test_the_end_of_file_while_no_process_runs_is_seen(service):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        client.sendall(b"last")
        run.stop()
        client.shutdown(socket.SHUT_WR)
        run.daemon = run._start()
        assert receive_to_end(client) == b"tsal"


def test_a_client_that_left_meanwhile_is_gone(service):
    run = service()
    clients = [connect(run.daemon.port) for _ in range(20)]
    for client in clients:
        ask(client, b"one\n")
    run.stop()
    for client in clients[:10]:
        client.close()
    run.daemon = run._start()
    run.daemon.wait_for_log("took over 20 connections")
    run.daemon.wait_for_log("disconnected", count=10)
    for client in clients[10:]:
        assert ask(client, b"two\n") == b"owt\n"
        client.close()


def test_a_client_that_does_not_read_gets_every_answer_later(service_both_ways, tmp_path):
    run = service_both_ways(both(tmp_path), 2)
    for address in (run.daemon.port, tmp_path / "socket"):
        with connect(address) as client:
            sent = push_until_blocked(client)
            run.restart()
            run.restart()
            client.setblocking(True)
            client.settimeout(15)
            whole = sent // len(LINE) * len(LINE)
            assert receive(client, whole) == reverse_ascii(LINE) * (sent // len(LINE))
            assert ask(client, LINE[sent % len(LINE):]) is not None


def test_a_partial_line_of_a_megabyte(service):
    run = service("port = 0\n[limits]\nmax_line_bytes = '2MiB'\n")
    line = bytes(range(1, 9)) * (1 << 17) + b"x" * 999
    with connect(run.daemon.port) as client:
        client.sendall(line[:1 << 20])
        assert eventually(lambda: run.daemon.memory() > 1 << 20)
        run.restart()
        client.sendall(line[1 << 20:] + b"\n")
        assert receive(client, len(line) + 1) == line[::-1] + b"\n"


def test_chunks_and_units_stay_what_they_were(service, tmp_path):
    config = f"[[listener]]\npath = '{tmp_path}/{{}}'\nframing = '{{}}'\nunit = '{{}}'\n"
    kinds = [(framing, unit) for framing in ("line", "chunk") for unit in ("character", "scalar", "byte")]
    run = service("".join(config.format(f"{f}-{u}", f, u) for f, u in kinds), 6)
    clients = {kind: connect(tmp_path / "-".join(kind)) for kind in kinds}
    for client in clients.values():
        ask(client, b"a\n")
    # The next process has other options for the same sockets; they apply to new clients only.
    run.restart("".join(config.format(f"{f}-{u}", "line", "byte") for f, u in kinds))
    text = "e\u0301n"
    turned_text = {"character": "ne\u0301".encode(), "scalar": "n\u0301e".encode(), "byte": text.encode()[::-1]}
    for (framing, unit), client in clients.items():
        request, answer = text.encode(), turned_text[unit]
        if framing == "line":
            request, answer = request + b"\n", answer + b"\n"
        assert ask(client, request) == answer
        client.close()
    assert ask_once(tmp_path / "chunk-character", text.encode() + b"\n") == text.encode()[::-1] + b"\n"


def test_numbers_counters_and_names_are_handed_over(service):
    run = service()
    with connect(run.daemon.port) as client:
        name = "%s:%s" % client.getsockname()
        ask(client, b"one\n")
        run.restart()
        ask(client, b"two\n")
    line = run.daemon.wait_for_log("disconnected")
    assert name in line and "after 2 lines" in line
    assert not run.daemon.logged(r"\bconnected " + name)


def test_a_hand_over_logs_nothing_about_clients(service):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        first = run.restart()
        assert not first.logged("disconnected")
        run.daemon.wait_for_log("took over 1 connection in")
        assert not run.daemon.logged("connected 127")


def test_the_idle_time_is_handed_over(service):
    run = service("port = 0\n[limits]\nidle_timeout = '3s'\n")
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        begun = time.monotonic()
        time.sleep(2)
        run.restart()
        assert receive_to_end(client) == b""
        assert 2.9 < time.monotonic() - begun < 4.9


def test_a_restart_without_clients_refuses_no_connect(service, store, tmp_path):
    run = service(both(tmp_path), 2)
    port = run.daemon.port
    run.stop()
    with connect(port) as tcp, connect(tmp_path / "socket") as unix:
        for client in (tcp, unix):
            client.sendall(b"waiting\n")
        run.daemon = run._start()
        for client in (tcp, unix):
            assert receive(client, 8) == b"gnitiaw\n"


def test_a_kill_refuses_no_connect(service, store, tmp_path):
    run = service(both(tmp_path), 2)
    port = run.daemon.port
    # Their messages precede READY=1, which ends the start, but not the message in the log.
    store.wait_until(lambda: len(store.kept) == 2)
    for _ in range(3):
        with connect(port) as talking:
            ask(talking, b"one\n")
            run.daemon.signal(signal.SIGKILL)
            run.daemon.process.wait()
            with connect(port) as tcp, connect(tmp_path / "socket") as unix:
                for client in (tcp, unix):
                    client.sendall(b"waiting\n")
                run.kill()
                for client in (tcp, unix):
                    assert receive(client, 8) == b"gnitiaw\n"
            assert run.daemon.port == port


def test_a_reload_keeps_the_store_right(service, store, tmp_path):
    run = service(both(tmp_path), 2)
    store.wait_until(lambda: len(store.kept) == 2)
    before = store.names
    run.daemon.reload(f"[[listener]]\npath = '{tmp_path}/socket'\n[[listener]]\npath = '{tmp_path}/other'\n")
    store.wait_until(lambda: len(store.kept) == 2 and set(before) != set(store.names))
    assert len(set(before) & set(store.names)) == 1
    run.daemon.reload(f"[[listener]]\npath = '{tmp_path}/other'\n[restart]\nhand_over = false\n")
    store.wait_until(lambda: not store.kept)
    run.daemon.reload(f"[[listener]]\npath = '{tmp_path}/other'\n")
    store.wait_until(lambda: len(store.kept) == 1)


def test_a_listener_that_the_next_configuration_lacks(service, store, tmp_path):
    run = service(both(tmp_path), 2)
    port = run.daemon.port
    with connect(port) as client:
        ask(client, b"one\n")
        run.restart(f"[[listener]]\npath = '{tmp_path}/socket'\n", 1)
        assert ask(client, b"two\n") == b"owt\n"
        store.wait_until(lambda: len(store.kept) == 1)

        def is_refused():
            try:
                connect(port).close()
            except ConnectionRefusedError:
                return True
        assert eventually(is_refused)
        assert ask_once(tmp_path / "socket", b"three\n") == b"eerht\n"


def test_a_lower_max_connections_closes_no_connection(service):
    run = service()
    clients = [connect(run.daemon.port) for _ in range(20)]
    for client in clients:
        ask(client, b"one\n")
    run.restart("port = 0\n[limits]\nmax_connections = 5\nmax_connections_per_client = 0\n")
    for client in clients:
        assert ask(client, b"two\n") == b"owt\n"
    with connect(run.daemon.port) as waiting:
        waiting.sendall(b"waits\n")
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(10)
        for client in clients[4:]:
            client.close()
        waiting.settimeout(10)
        assert receive(waiting, 6) == b"stiaw\n"


def test_the_limit_per_client_counts_those_that_were_handed_over(service):
    run = service("port = 0\n[limits]\nmax_connections_per_client = 3\n")
    clients = [connect(run.daemon.port) for _ in range(3)]
    for client in clients:
        ask(client, b"one\n")
    run.restart()

    def is_served():
        try:
            return ask_once(run.daemon.port, b"two\n") == b"owt\n"
        except (AssertionError, ConnectionError):
            return False
    assert not is_served()
    clients.pop().close()
    assert eventually(is_served)
    for client in clients:
        assert ask(client, b"three\n") == b"eerht\n"


def test_the_descriptor_limit_lowered(service):
    run = service()
    clients = [connect(run.daemon.port) for _ in range(300)]
    for client in clients:
        ask(client, b"one\n")
    run.restart(limit=200)
    line = run.daemon.wait_for_log("could not be taken over and were ended: .*open files")
    ended = int(line.split(" warning: ")[1].split()[0])
    taken = int(run.daemon.wait_for_log("took over").split("took over ")[1].split()[0])
    assert taken + ended == 300 and taken > 50
    answered = 0
    for client in clients:
        try:
            answered += ask(client, b"two\n") == b"owt\n"
        except (AssertionError, ConnectionError):
            pass
    assert answered == taken


# For users other than root, descriptors in flight count against RLIMIT_NOFILE (unix(7)).
ORDINARY = ("setpriv", "--bounding-set=-sys_resource,-sys_admin", "--inh-caps=-sys_resource,-sys_admin")


@pytest.fixture
def under_way():
    """Puts this many descriptors of the user in flight, in a socket that nobody reads."""
    held = []

    def put(count):
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        held.append(other)
        while count > 0:
            socket.send_fds(one, [b"x"], [0] * min(count, 250))
            count -= 250
        one.close()
    yield put
    for each in held:
        each.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up rights that only root has")
@pytest.mark.parametrize("others", [600, 1100])
def test_more_descriptors_in_flight_than_the_user_may_have(start, store, under_way, others):
    """ETOOMANYREFS for the third message or the first one: all clients are answered and disconnected as in a stop, because
    the socket with the connections could not be passed on either."""
    config = "port = 0\n[limits]\nmax_connections_per_client = 0\n[log]\nconnections = false\n"
    run = Service(start, store, config, first=dict(limit=1000, wrapper=ORDINARY))
    clients = [connect(run.daemon.port) for _ in range(700)]
    for client in clients:
        ask(client, b"one\n")
    under_way(others)
    for client in clients:
        client.sendall(b"two\nhalf")
    before = run.stop()
    before.wait_for_log("Too many references.*: no connection is handed over")
    before.wait_for_log("stopping, 700 connections to answer")
    assert CONNECTIONS not in store.names
    for client in clients:
        assert receive(client, 4) == b"owt\n"
        client.close()
    run.daemon = run._start()
    assert ask_once(run.daemon.port, b"three\n") == b"eerht\n"


def test_more_connections_than_one_message_holds(service):
    run = service()
    clients = [connect(run.daemon.port) for _ in range(600)]
    for client in clients:
        ask(client, b"one\n")
    for _ in range(2):
        run.restart()
        run.daemon.wait_for_log("took over 600 connections")
        for client in clients:
            client.sendall(b"two\n")
        for client in clients:
            assert receive(client, 4) == b"owt\n"


def test_a_full_store_means_a_drain(service_both_ways, store):
    store.capacity = 0
    run = service_both_ways()
    with connect(run.daemon.port) as client:
        client.sendall(b"one\ntwo\nhalf")
        assert receive(client, 4) == b"eno\n"
        client.sendall(b"\n")
        before = run.stop()
        assert receive_to_end(client) == b"owt\nflah\n"
    before.wait_for_log("the service manager does not store the connections")


def test_a_store_for_one_descriptor_means_a_drain(service, store):
    """The listener takes the whole store, so the connections do not fit: they are answered and closed as in a stop."""
    store.capacity = 1
    run = service()
    store.wait_until(lambda: len(store.kept) == 1)
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.restart()
        assert receive_to_end(client) == b""


def test_turned_off(service, store):
    run = service("port = 0\n[restart]\nhand_over = false\n")
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        before = run.stop()
        assert receive_to_end(client) == b""
    assert not store.kept and before.logged("stopping, 1 connection to answer")


def test_an_interrupt_is_a_stop(service, store):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.daemon.signal(signal.SIGINT)
        assert run.daemon.wait() == 0
        assert receive_to_end(client) == b""
    assert not store.names


def test_without_a_manager_it_is_a_stop(serve):
    daemon = serve()
    with connect(daemon.port) as client:
        ask(client, b"one\n")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert receive_to_end(client) == b""


def test_under_load(service_both_ways, tmp_path):
    """Each client always has a line in flight, and checks its answer."""
    run = service_both_ways(both(tmp_path), 2)
    over = threading.Event()
    wrong, longest = [], [0.0] * 40

    def work(number):
        try:
            with connect(run.daemon.port if number % 2 else tmp_path / "socket") as client:
                count = 0
                while not over.is_set():
                    line = b"client %d line %d\n" % (number, count)
                    begun = time.monotonic()
                    assert ask(client, line) == reverse_ascii(line)
                    longest[number] = max(longest[number], time.monotonic() - begun)
                    count += 1
        except (AssertionError, OSError) as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(0.1)
        run.restart()
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_restart_behind_a_balancer_is_not_noticed(service_both_ways, balance):
    """HAProxy checks the host by a word, and would end every connection if it found it down. Half of the clients stay, the others
    connect again after five lines."""
    run = service_both_ways("port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.0/8']\n")
    proxy = balance(REVERSING_CHECK + "send-proxy-v2 check inter 1s on-marked-down shutdown-sessions\n", daemon=run.daemon.port)
    over = threading.Event()
    lines, wrong = [0] * 16, []

    def work(number):
        try:
            while not over.is_set():
                with connect(proxy.port) as client:
                    while not over.is_set() and (number % 2 or lines[number] % 5 < 4):
                        line = b"client %d line %d\n" % (number, lines[number])
                        assert ask(client, line) == reverse_ascii(line)
                        lines[number] += 1
                lines[number] += 1
        except (AssertionError, OSError) as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(lines))]
    for thread in threads:
        thread.start()
    for _ in range(4):
        before = sum(lines)
        run.restart()
        assert eventually(lambda: sum(lines) > before + 100)
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong and all(lines)
