"""A restart that ends no conversation, with a service manager of the test's own: see `manager.Store`."""

import os
import signal
import socket
import threading
import time

import pytest

from clients import ask, ask_once, connect, receive, receive_to_end, turned
from daemon import eventually
from manager import Store
from test_rude_clients import LINE, push_until_blocked

CONVERSATIONS = "conversations"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "notify")
    yield store
    store.close()


class Service:
    """One service, and one process of it after the other."""

    def __init__(self, start, store, config, listeners=1, first=None, **options):
        """`first`: what `_start` gets for the first process only."""
        self.start, self.store, self.listeners, self.options = start, store, listeners, options
        self.config = config
        self.daemon = self._start(**(first or {}))

    def _start(self, limit=None, wrapper=(), **options):
        """`limit`: on open files; the descriptors are put in place before it holds. `wrapper`: a command that starts it."""
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
        self.daemon.process.returncode = 0  # it was meant to be
        self.daemon = self._start()


@pytest.fixture
def service(start, store):
    return lambda config="port = 0\n", listeners=1, **options: Service(start, store, config, listeners, **options)


@pytest.fixture
def service_both_ways(serve, store):
    """For what must hold with the hot set and without."""
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
    # The next process has other options for the same sockets, which hold for new clients only.
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


def test_numbers_counters_and_names_go_along(service):
    run = service()
    with connect(run.daemon.port) as client:
        name = "%s:%s" % client.getsockname()
        ask(client, b"one\n")
        run.restart()
        ask(client, b"two\n")
    line = run.daemon.wait_for_log("disconnected")
    assert name in line and "after 2 lines" in line
    assert not run.daemon.logged(r"\bconnected " + name)


def test_changing_hands_is_not_reported(service):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        first = run.restart()
        assert not first.logged("disconnected")
        run.daemon.wait_for_log("took over 1 connection in")
        assert not run.daemon.logged("connected 127")


def test_how_long_it_was_silent_goes_along(service):
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


def test_a_kill_refuses_nobody(service, tmp_path):
    run = service(both(tmp_path), 2)
    port = run.daemon.port
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


def test_max_connections_lowered_drops_nobody(service):
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


# What root may do beyond the limit, an ordinary user may not: descriptors on their way count against RLIMIT_NOFILE (unix(7)).
ORDINARY = ("setpriv", "--bounding-set=-sys_resource,-sys_admin", "--inh-caps=-sys_resource,-sys_admin")


@pytest.fixture
def under_way():
    """Puts so many descriptors of this user under way, in a socket that nobody reads."""
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
def test_more_descriptors_under_way_than_the_user_may_have(start, store, under_way, others):
    """ETOOMANYREFS for the third message or the first one: everybody is answered and ended as in a stop, for the socket that has
    the connections could not be passed on either."""
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


def test_a_store_without_a_place_means_a_drain(service_both_ways, store):
    store.places = 0
    run = service_both_ways()
    with connect(run.daemon.port) as client:
        client.sendall(b"one\ntwo\nhalf")
        assert receive(client, 4) == b"eno\n"
        client.sendall(b"\n")
        before = run.stop()
        assert receive_to_end(client) == b"owt\nflah\n"
    before.wait_for_log("the service manager does not store the connections")


def test_the_store_has_one_place(service, store):
    """The listener has it, so the connections do not fit: they are answered, and ended as in a stop."""
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
        import fcntl
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
def test_a_stranger_in_the_store(service, store, kind):
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


@pytest.mark.parametrize("name", ["conversations.2", "listener.99", "listener.7.file.1.2", "whatever", "unknown"])
def test_a_stranger_under_any_name(service, store, name):
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


def test_a_kill_while_the_conversations_wait(service, store):
    """The next process is killed before it has taken them over, or after: each conversation goes on or ends, and none is
    answered wrongly."""
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


def test_a_stop_before_the_start_is_over_loses_nobody(service, store):
    """As two restarts in a row: the signal comes when the process has taken over, and does not listen yet."""
    run = service()
    clients = [connect(run.daemon.port) for _ in range(20)]
    for client in clients:
        ask(client, b"one\n")
    run.stop()
    for delay in (0.0, 0.003, 0.006, 0.01, 0.02, 0.03):
        run.daemon = run.start(run.config, awaited=False, **store.start_arguments())
        # Before that the signal ends the test's own wrapper.
        assert eventually(lambda: "reversed" in os.readlink(f"/proc/{run.daemon.pid}/exe"))
        time.sleep(delay)
        run.daemon.signal(signal.SIGTERM)
        run.daemon.process.wait(10)
        run.daemon.stopped, run.daemon.process.returncode = True, 0
    run.daemon = run._start()
    for client in clients:
        assert ask(client, b"two\n") == b"owt\n"


def test_under_load(service_both_ways, tmp_path):
    """Each client has a line in flight all the time, and checks its answer."""
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
