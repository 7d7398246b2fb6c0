"""Restarts that close no connection, with a service manager of the test: see `manager.Store`."""

import fcntl
import os
import signal
import socket
import threading
import time

import pytest

from clients import ask, ask_once, connect, receive, receive_to_end, turned
from daemon import eventually
from haproxy import balance  # noqa: F401 (a fixture)
from manager import Store
from test_rude_clients import LINE, push_until_blocked

CONVERSATIONS = "conversations"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "notify")
    yield store
    store.close()


class Service:
    """A service whose processes run one after the other."""

    def __init__(self, start, store, config, listeners=1, first=None, **options):
        """`first`: arguments of `_start` for the first process only."""
        self.start, self.store, self.listeners, self.options = start, store, listeners, options
        self.config = config
        self.daemon = self._start(**(first or {}))

    def _start(self, limit=None, wrapper=(), **options):
        """`limit`: the limit on open files, set when the descriptors are in place. `wrapper`: a command that starts it."""
        arguments = self.store.start_arguments()
        if wrapper:
            arguments["prefix"] = (*arguments.get("prefix", ()), *wrapper)
        if limit:
            arguments["prefix"] = (*arguments.get("prefix", ()), "/usr/bin/prlimit", f"--nofile={limit}:{limit}")
        return self.start(self.config, listeners=self.listeners, **arguments, **{**self.options, **options})

    def stop(self, code=0):
        self.daemon.signal(signal.SIGTERM)
        assert self.daemon.wait() == code
        return self.daemon

    def restart(self, config=None, listeners=None, **options):
        before = self.stop()
        self.config = config if config is not None else self.config
        self.listeners = listeners if listeners is not None else self.listeners
        self.daemon = self._start(**options)
        return before

    def kill(self):
        self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait()
        self.daemon.stopped = True
        self.daemon.process.returncode = 0  # the test killed it
        self.daemon = self._start()


@pytest.fixture
def service(start, store):
    return lambda config="port = 0\n", listeners=1, **options: Service(start, store, config, listeners, **options)


@pytest.fixture
def service_both_ways(serve, store):
    """The test runs twice: with the hot set and without."""
    return lambda config="port = 0\n", listeners=1, **options: Service(serve, store, config, listeners, **options)


def both(tmp_path, more=""):
    return f"[[listener]]\nhost = '127.0.0.1'\nport = 0\n[[listener]]\npath = '{tmp_path}/socket'\n{more}"


def test_a_conversation_goes_on(service_both_ways, tmp_path):
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


def test_the_answers_are_right_however_the_stream_is_cut(service, tmp_path):
    run = service(both(tmp_path), 2)
    places = [run.daemon.port, tmp_path / "socket"]
    clients = [connect(place) for place in places for _ in range(5)]
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
        assert store.names.count(CONVERSATIONS) == 1
        client.sendall(b"between\n")
        with connect(run.daemon.port) as late:
            late.sendall(b"late\n")
            run.daemon = run._start()
            assert receive(client, 8) == b"neewteb\n"
            assert receive(late, 5) == b"etal\n"
    store.wait_until(lambda: CONVERSATIONS not in [name for name, _ in store.kept])


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
    for place in (run.daemon.port, tmp_path / "socket"):
        with connect(place) as client:
            sent = push_until_blocked(client)
            run.restart()
            run.restart()
            client.setblocking(True)
            client.settimeout(15)
            whole = sent // len(LINE) * len(LINE)
            assert receive(client, whole) == turned(LINE) * (sent // len(LINE))
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
    run = service("port = 0\n[limits]\nidle_timeout = '1500ms'\n")
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        begun = time.monotonic()
        time.sleep(0.8)
        run.restart()
        assert receive_to_end(client) == b""
        assert 1.4 < time.monotonic() - begun < 2.2


def test_a_restart_without_clients_refuses_nobody(service, store, tmp_path):
    run = service(both(tmp_path), 2)
    port = run.daemon.port
    run.stop()
    with connect(port) as tcp, connect(tmp_path / "socket") as unix:
        for client in (tcp, unix):
            client.sendall(b"waiting\n")
        run.daemon = run._start()
        for client in (tcp, unix):
            assert receive(client, 8) == b"gnitiaw\n"


def test_a_kill_refuses_nobody(service, store, tmp_path):
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
    told = run.daemon.wait_for_log("could not be taken over and were ended: .*open files")
    ended = int(told.split(" warning: ")[1].split()[0])
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
    assert CONVERSATIONS not in store.names
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
    store.places = 0
    run = service_both_ways()
    with connect(run.daemon.port) as client:
        client.sendall(b"one\ntwo\nhalf")
        assert receive(client, 4) == b"eno\n"
        client.sendall(b"\n")
        before = run.stop()
        assert receive_to_end(client) == b"owt\nflah\n"
    before.wait_for_log("the service manager does not store the connections")


def test_a_store_for_one_descriptor_means_a_drain(service, store):
    """The listener takes the only place, so the connections do not fit: they are answered and closed as in a stop."""
    store.places = 1
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


def pair(kind=socket.SOCK_STREAM):
    return socket.socketpair(socket.AF_UNIX, kind)


def strangers():
    def silent():
        return pair(socket.SOCK_SEQPACKET)

    def stream():
        one, other = pair()
        other.sendall(b"DSRVCONN" + bytes(100))
        return one, other

    def message(bytes_, descriptors):
        def make():
            one, other = pair(socket.SOCK_SEQPACKET)
            opened = descriptors()
            socket.send_fds(other, [bytes_], [each if isinstance(each, int) else each.fileno() for each in opened])
            other.close()
            return one, opened
        return make

    def memory(content, sealed=True):
        file = os.memfd_create("stranger", os.MFD_ALLOW_SEALING)
        os.write(file, content)
        if sealed:
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        return file

    header = b"DSRVCONN" + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    head = b"DSRVHAND" + (1).to_bytes(2, "little") + (1).to_bytes(2, "little")
    return {
        "silent": silent, "stream": stream, "noise": message(b"x", lambda: [pair()[0]]),
        "no file": message(header, lambda: [pair()[0], pair()[0]]),
        "empty file": message(header, lambda: [memory(b""), pair()[0]]),
        "unsealed": message(header, lambda: [memory(head, False), pair()[0]]),
        "torn": message(header, lambda: [memory(head + (2).to_bytes(4, "little") + (1 << 20).to_bytes(8, "little")), pair()[0]]),
        "newer": message(header, lambda: [memory(b"DSRVHAND" + bytes([9, 0, 9, 0]) + bytes(100)), pair()[0]]),
        "endless": message(header, lambda: [memory(head + b"\xff" * 12), pair()[0]]),
        "listener": lambda: (socket.create_server(("127.0.0.1", 0)), None), "pipe": lambda: (os.fdopen(os.pipe()[0]), None),
    }


@pytest.mark.parametrize("kind", strangers())
def test_a_foreign_descriptor_in_the_store(service, store, kind):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.stop()
        stranger = strangers()[kind]()
        store.put(CONVERSATIONS, stranger[0])
        run.daemon = run._start()
        assert ask(client, b"two\n") == b"owt\n"
        assert ask_once(run.daemon.port, b"three\n") == b"eerht\n"
        store.wait_until(lambda: CONVERSATIONS not in [name for name, _ in store.kept])
        if kind != "silent":
            run.daemon.wait_for_log(" warning: ")


# A hand-over of another release, written here from the description of the format (HandOverImage.swift).

def field(tag, value):
    value = value.to_bytes(8, "little") if isinstance(value, int) else value
    return bytes([tag]) + len(value).to_bytes(4, "little") + value


def connection_record(number, session=b"\1\1\1", more=b"", held=(0, 0)):
    return field(1, number) + field(3, 0) + field(9, session) + field(11, held[0]) + field(13, held[1]) + more


def release(version, oldest_reader, records, held=b""):
    """The contents of the file; the first record is the server's."""
    listed = b"".join(len(record).to_bytes(4, "little") + record for record in records)
    head = b"DSRVHAND" + version.to_bytes(2, "little") + oldest_reader.to_bytes(2, "little")
    return head + len(records).to_bytes(4, "little") + len(listed).to_bytes(8, "little") + listed + held


def hand_over(store, content, clients):
    """Puts a socket with these connections into the store."""
    file = os.memfd_create("hand-over", os.MFD_ALLOW_SEALING)
    os.write(file, content)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    one, other = pair(socket.SOCK_SEQPACKET)
    message = b"DSRVCONN" + (0).to_bytes(4, "little") + len(clients).to_bytes(4, "little")
    socket.send_fds(other, [message], [file, *(client.fileno() for client in clients)])
    store.put(CONVERSATIONS, one)
    for each in (one, other):
        each.close()
    os.close(file)


NEWER = {
    "plain": (connection_record(1), True), "a field that may be ignored": (connection_record(2, more=field(200, b"new")), True),
    "a longer state of the session": (connection_record(3, session=b"\1\1\1new"), True),
    "a field that must not be ignored": (connection_record(4, more=field(201, b"new")), False),
    "a new version of the session": (connection_record(5, session=b"\2\1\1"), False),
    "an unknown unit": (connection_record(6, session=b"\1\1\x63"), False),
    "a shorter record": (connection_record(7)[:-1], False), "an empty record": (b"", False),
    "more than the file has": (connection_record(8, held=(1 << 20, 5)), False), "the same number": (connection_record(1), False),
}


def test_a_newer_release_handed_over(service, store):
    """What is understood goes on, the rest is closed, and the log counts both."""
    run = service()
    run.stop()
    pairs = [pair() for _ in NEWER]
    records = [field(2, 100) + field(4, b"new"), *(record for record, _ in NEWER.values())]
    hand_over(store, release(2, 1, records), [theirs for theirs, _ in pairs])
    for theirs, _ in pairs:
        theirs.close()
    run.daemon = run._start()
    ended = sum(not goes_on for _, goes_on in NEWER.values())
    run.daemon.wait_for_log(f"took over {len(NEWER) - ended} connections")
    run.daemon.wait_for_log(f"{ended} of {len(NEWER)} connections could not be taken over and were ended: ")
    for (name, (_, goes_on)), (_, client) in zip(NEWER.items(), pairs):
        client.settimeout(10)
        if goes_on:
            assert ask(client, b"one\n") == b"eno\n", name
        else:
            assert receive_to_end(client) == b"", name
        client.close()
    store.wait_until(lambda: CONVERSATIONS not in [name for name, _ in store.kept])


def test_a_much_newer_release_handed_over(service, store):
    run = service()
    run.stop()
    theirs, client = pair()
    hand_over(store, release(9, 2, [field(2, 100), connection_record(1)]), [theirs])
    theirs.close()
    run.daemon = run._start()
    run.daemon.wait_for_log("1 of 1 connection could not be taken over and was ended: its format 9 needs a newer release")
    client.settimeout(10)
    assert receive_to_end(client) == b""
    client.close()
    assert ask_once(run.daemon.port, b"one\n") == b"eno\n"


@pytest.mark.parametrize("name", ["conversations.2", "listener.99", "listener.7.file.1.2", "whatever", "unknown"])
def test_a_foreign_descriptor_under_any_name(service, store, name):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.stop()
        one, _ = pair()
        store.put(name, one)
        run.daemon = run._start()
        assert ask(client, b"two\n") == b"owt\n"
        run.daemon.wait_for_log(" warning: ")
        store.wait_until(lambda: name not in [each for each, _ in store.kept])
        assert run.daemon.port


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


def healthz(place):
    """The status of the answer. The connection is a new one."""
    with connect(place) as client:
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        return int(receive_to_end(client).split()[1])


def metrics_listeners(store):
    return [name for name, _ in store.kept if name.startswith("metrics.")]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_the_metrics_refuse_nobody_either(service, store, tmp_path, kind):
    listen = "127.0.0.1:0" if kind == "tcp" else f"{tmp_path}/metrics"
    run = service(METRICS.format(listen))
    store.wait_until(lambda: len(metrics_listeners(store)) == 1)
    place = int(run.daemon.wait_for_log("metrics at ").rsplit(":", 1)[1]) if kind == "tcp" else listen
    assert healthz(place) == 200
    for end in (run.stop, run.stop, lambda: (run.daemon.signal(signal.SIGKILL), run.daemon.process.wait())):
        end()
        run.daemon.stopped, run.daemon.process.returncode = True, 0
        with connect(place) as waiting:
            waiting.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            run.daemon = run._start()
            assert receive_to_end(waiting).startswith(b"HTTP/1.1 200 OK\r\n")
        assert eventually(lambda: healthz(place) == 200)
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


def start_in_vain(run, code):
    """A process that ends before it serves. Returns its log."""
    failed = run.start(run.config, awaited=False, **run.store.start_arguments())
    assert failed.wait() == code
    return failed


def test_a_start_that_fails_leaves_the_conversations_to_the_next_one(service, store):
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
            failed = start_in_vain(run, code)
            assert store.names.count(CONVERSATIONS) == 1, failed.lines
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
        failed = start_in_vain(run, 69)
        assert receive_to_end(client) == b"owt\n"
        assert failed.logged("stopping, 1 connection to answer")


def test_a_stop_before_the_start_is_over_loses_nobody(service, store):
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
                    assert ask(client, line) == turned(line)
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


def test_no_client_behind_a_balancer_notices(service_both_ways, balance):
    """HAProxy checks the host by a word, and would end every connection if it found it down. Half of the clients stay, the others
    connect again after five lines."""
    run = service_both_ways("port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.0/8']\n")
    proxy = balance("""frontend front
    bind 127.0.0.1:{front}
    default_backend back
backend back
    option tcp-check
    tcp-check send ADVANCE\\n
    tcp-check expect string ECNAVDA
    server one 127.0.0.1:{daemon} send-proxy-v2 check inter 1s on-marked-down shutdown-sessions
""", daemon=run.daemon.port)
    over = threading.Event()
    lines, wrong = [0] * 16, []

    def work(number):
        try:
            while not over.is_set():
                with connect(proxy.port) as client:
                    while not over.is_set() and (number % 2 or lines[number] % 5 < 4):
                        line = b"client %d line %d\n" % (number, lines[number])
                        assert ask(client, line) == turned(line)
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
