"""What the daemon sends to a service manager (NOTIFY_SOCKET is a socket of the test), and what it takes from one."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from clients import ask, ask_once, connect
from daemon import ACTIVATE, binary, environment, eventually, run


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path if not path.startswith("@") else "\0" + path[1:])
        self.messages = []

    def next(self, seconds=10):
        """The next datagram that is not about the descriptor store; for those see test_hand_over.py."""
        self.socket.settimeout(seconds)
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines())
            if not {"FDSTORE", "FDSTOREREMOVE"} & set(message):
                self.messages.append(message)
                return message

    def await_(self, name, seconds=10):
        """The next datagram with this text; those with STATUS alone are skipped."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.next(max(0.01, deadline - time.monotonic()))
            if name in message:
                return message

    def says_nothing(self, seconds=0.2):
        try:
            message = self.next(seconds)
        except (TimeoutError, BlockingIOError):
            return True
        raise AssertionError(message)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@reversed-test-{os.getpid()}-{time.monotonic_ns()}")
    yield manager
    manager.socket.close()


def under(manager, **more):
    return environment(NOTIFY_SOCKET=manager.path, **more)


def test_ready_once_it_listens_and_where(start, manager):
    daemon = start("[[listener]]\nhost = '127.0.0.1'\nport = 0\n" * 3, listeners=3, env=under(manager))
    message = manager.next()
    assert message["READY"] == "1"
    assert all(address in message["STATUS"] for address in daemon.addresses)


def test_every_listener_answers_when_ready_comes(start, manager, tmp_path):
    start(f"[[listener]]\npath = '{tmp_path}/one'\n[[listener]]\npath = '{tmp_path}/two'\n", env=under(manager), awaited=False)
    assert manager.next()["READY"] == "1"
    for name in ("one", "two"):
        assert ask_once(tmp_path / name, b"now\n") == b"won\n"


def test_the_main_process_is_not_named(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    daemon.reload()
    manager.await_("READY")
    daemon.signal(signal.SIGTERM)
    manager.await_("STOPPING")
    assert daemon.wait() == 0
    assert not [message for message in manager.messages if "MAINPID" in message]


@pytest.mark.parametrize("config, code", [
    ("host = '192.0.2.1'\n", 69), ("port = 99999\n", 78), ("[[listener]]\npath = '/nonexistent/directory/socket'\n", 69),
    ("[[listener]]\nhost = '127.0.0.1'\nport = 0\n[[listener]]\nhost = '192.0.2.1'\n", 69),
], ids=repr)
def test_a_failed_start_says_nothing(manager, tmp_path, config, code):
    assert run(tmp_path, config, env=under(manager)).returncode == code
    assert manager.says_nothing(0.05)


def test_checking_says_nothing(manager, tmp_path):
    assert run(tmp_path, "port = 0\n", "--check", env=under(manager)).returncode == 0
    assert manager.says_nothing(0.05)


def test_a_reload_and_its_end(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.reload("host = '127.0.0.2'\nport = 0\n")
    message = manager.await_("RELOADING")
    assert message["RELOADING"] == "1"
    assert before <= int(message["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    message = manager.await_("READY")
    assert "127.0.0.2" in message["STATUS"]


def test_a_reload_that_fails_ends_too_and_the_status_says_why(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    daemon.reload("prot = 1\n", fails=True)
    manager.await_("RELOADING")
    message = manager.await_("READY")
    assert "prot" in message["STATUS"]
    assert ask_once(daemon.port, b"old\n") == b"dlo\n"


def test_the_status_shows_a_failed_reload_until_the_next_good_one(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    daemon.reload("prot = 1\n", fails=True)
    with connect(daemon.port) as client:
        for _ in range(2):  # ordinary status lines, which change with the counters
            ask(client, b"a\n")
            while "READY" in (message := manager.await_("STATUS")) or "Reloading" in message["STATUS"]:
                pass
            assert "Listening on" in message["STATUS"] and "reload failed" in message["STATUS"] and "prot" in message["STATUS"]
    daemon.reload("port = 0\n")
    while "failed" in (message := manager.await_("STATUS"))["STATUS"]:
        assert "READY" not in message
    with connect(daemon.port) as client:
        ask(client, b"a\n")
        assert "failed" not in manager.await_("STATUS")["STATUS"]


def test_the_rates_after_a_reload_are_right(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    stop = threading.Event()

    def work():
        with connect(daemon.port) as client:
            while not stop.is_set():
                ask(client, b"a\n")
                # Not at an even pace: a status that has not changed is not sent.
                time.sleep(random.uniform(0.001, 0.02))

    worker = threading.Thread(target=work)
    worker.start()

    def rate(message):
        return int(re.search(r"(\d+) lines/s", message["STATUS"])[1])

    try:
        assert eventually(lambda: rate(manager.await_("STATUS")) > 20)
        usual = rate(manager.await_("STATUS"))
        for delay in (0.2, 0.4, 0.6, 0.8):
            time.sleep(delay)
            daemon.reload()
            while "READY" not in (message := manager.await_("STATUS")):
                pass
            assert usual / 2 < rate(message) < usual * 2
            assert usual / 2 < rate(manager.await_("STATUS")) < usual * 2
    finally:
        stop.set()
        worker.join()


def test_reloads_in_a_row_each_end(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    for number in range(10):
        daemon.reload("port = 0\n" if number % 2 else "port = 'x'\n", fails=number % 2 == 0)
        manager.await_("RELOADING")
        manager.await_("READY")


def test_stopping(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    daemon.signal(signal.SIGTERM)
    message = manager.await_("STOPPING")
    assert message["STOPPING"] == "1" and "STATUS" in message
    assert daemon.wait() == 0


def test_a_drain_asks_for_more_time(start, manager):
    from test_rude_clients import push_until_blocked
    daemon = start("port = 0\n[limits]\ndrain_timeout = '1600ms'\n", env=under(manager))
    with connect(daemon.port) as deaf:
        push_until_blocked(deaf)
        daemon.signal(signal.SIGTERM)
        manager.await_("STOPPING")
        assert int(manager.await_("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) >= 1_000_000
        assert daemon.wait() == 0


def test_the_status_shows_the_current_load(start, manager):
    daemon = start(env=under(manager))
    manager.await_("READY")
    with connect(daemon.port) as client:
        ask(client, b"a\n")
        assert eventually(lambda: "1 connection," in manager.await_("STATUS")["STATUS"], 5)


def test_a_manager_that_does_not_read_delays_no_client(start, manager):
    daemon = start(env=under(manager, WATCHDOG_USEC=20_000))
    for _ in range(20):
        assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
        time.sleep(0.02)
    daemon.reload()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0


def test_a_manager_that_is_gone(start, manager):
    manager.socket.close()
    daemon = start(env=under(manager))
    assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
    daemon.wait_for_log("warning: cannot tell the service manager")


def test_without_a_manager_it_is_silent(start):
    daemon = start()
    assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
    assert not daemon.logged("warning|error")


# The watchdog.

def test_pings(start, manager):
    """Twice in each WatchdogSec=, as sd_watchdog_enabled(3) recommends."""
    start(env=under(manager, WATCHDOG_USEC=600_000))
    manager.await_("WATCHDOG")
    begun = time.monotonic()
    for _ in range(5):
        manager.await_("WATCHDOG")
    assert 0.9 < time.monotonic() - begun < 2.7


def test_pings_go_on_under_load(serve, manager):
    from test_rude_clients import LINE, push_until_blocked
    daemon = serve(env=under(manager, WATCHDOG_USEC=1_000_000))
    manager.await_("WATCHDOG")
    clients = [connect(daemon.port) for _ in range(8)]
    for client in clients:
        client.setblocking(False)
    last, longest = time.monotonic(), 0
    manager.socket.setblocking(False)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for client in clients:
            for call in (lambda: client.send(LINE * 60), lambda: client.recv(1 << 18)):
                try:
                    call()
                except BlockingIOError:
                    pass
        try:
            while True:
                if b"WATCHDOG=1" in manager.socket.recv(4096):
                    longest = max(longest, time.monotonic() - last)
                    last = time.monotonic()
        except BlockingIOError:
            pass
    for client in clients:
        client.close()
    assert 0 < longest < 1


def test_a_watchdog_for_another_process_gets_no_pings(start, manager):
    start(env=under(manager, WATCHDOG_USEC=20_000, WATCHDOG_PID=1))
    manager.await_("READY")
    with pytest.raises((TimeoutError, BlockingIOError)):
        manager.await_("WATCHDOG", 0.2)


# Wrong variables in the environment: a warning, never a trap.

NONSENSE = [
    {"LISTEN_FDS": "-2", "LISTEN_PID": "1"}, {"LISTEN_FDS": "2a", "LISTEN_PID": "1"}, {"LISTEN_FDS": "a2"},
    {"LISTEN_FDS": "99999999999999999999"}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "x"},
    {"NOTIFY_SOCKET": "nonsense"}, {"NOTIFY_SOCKET": "/" + "x" * 200}, {"NOTIFY_SOCKET": "@"}, {"NOTIFY_SOCKET": "/nonexistent/socket"},
    {"NOTIFY_SOCKET": "/dev/null", "WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "-1"}, {"WATCHDOG_USEC": "0"},
    {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "me"}, {"WATCHDOG_USEC": "99999999999999999999999"}, {"LISTEN_FDS": "\u0663"},
]


@pytest.mark.parametrize("variables", NONSENSE, ids=str)
def test_wrong_variables_are_warned_of(start, variables):
    daemon = start(env=environment(**variables))
    assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
    daemon.reload()
    warning = daemon.wait_for_log(" warning: ")
    name = next(name for name in variables if name in warning) if "cannot tell" not in warning else "NOTIFY_SOCKET"
    assert name


@pytest.mark.parametrize("variables", [
    {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "0", "LISTEN_PID": "1"}, {"NOTIFY_SOCKET": ""},
    {"JOURNAL_STREAM": "nonsense"}, {"JOURNAL_STREAM": "1:2"}, {"JOURNAL_STREAM": "99999999999999999999:1"},
], ids=str)
def test_variables_for_another_process_are_ignored_without_a_warning(start, variables):
    daemon = start(env=environment(**variables))
    assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
    assert not daemon.logged(" warning: ")


# Sockets that are passed in.

def listening(family, address):
    listener = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(128)
    return listener


def test_sockets_of_each_kind_are_taken(activate, tmp_path):
    four = listening(socket.AF_INET, ("127.0.0.1", 0))
    six = listening(socket.AF_INET6, ("::1", 0))
    file = listening(socket.AF_UNIX, str(tmp_path / "socket"))
    daemon = activate([four, six, file])
    for address in (four.getsockname(), six.getsockname()[:2], tmp_path / "socket"):
        assert ask_once(address, b"handed in\n") == b"ni dednah\n"
    daemon.wait_for_log("not used")
    assert not daemon.logged(" warning: ")


# A shell gets the sockets and starts the daemon without exec: LISTEN_PID is the id of the shell.
PASS_ON = """
import os, subprocess, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = "1"
sys.exit(subprocess.run(sys.argv[2:], close_fds=False).returncode)
"""


def test_sockets_that_went_to_a_shell_are_explained(tmp_path):
    listener = listening(socket.AF_INET, ("127.0.0.1", 0))
    (tmp_path / "reversed.toml").write_text(f"port = {listener.getsockname()[1]}\n")
    result = subprocess.run([sys.executable, "-c", PASS_ON, str(listener.fileno()), binary(), "--config", tmp_path / "reversed.toml"],
                            capture_output=True, pass_fds=[listener.fileno()], env=environment(), timeout=20)
    log = result.stderr.decode()
    assert result.returncode == 69
    assert re.search(r"systemd passed its sockets to process \d+ \(LISTEN_PID\), and this is process \d+: .* with exec", log)
    assert "another program" not in log


def test_a_client_that_came_before_the_daemon_is_answered(activate):
    listener = listening(socket.AF_INET, ("127.0.0.1", 0))
    with connect(listener.getsockname()) as client:
        client.sendall(b"early\n")
        activate([listener])
        assert client.recv(10) == b"ylrae\n"


def test_a_restart_keeps_the_backlog_for_the_next_one(activate, tmp_path):
    listener = listening(socket.AF_UNIX, str(tmp_path / "socket"))
    first = activate([listener])
    assert ask_once(tmp_path / "socket", b"one\n") == b"eno\n"
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    assert (tmp_path / "socket").exists()
    with connect(tmp_path / "socket") as waiting:
        waiting.sendall(b"between\n")
        activate([listener])
        assert waiting.recv(10) == b"neewteb\n"


def test_a_reload_keeps_the_sockets_and_changes_the_options(activate):
    listener = listening(socket.AF_INET, ("127.0.0.1", 0))
    daemon = activate([listener])
    daemon.reload("port = 1\nframing = 'chunk'\n")
    with connect(listener.getsockname()) as client:
        assert ask(client, b"abc") == b"cba"


def test_a_passed_socket_that_does_not_listen_is_closed_with_a_warning(activate):
    listener = listening(socket.AF_INET, ("127.0.0.1", 0))
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(("127.0.0.1", 0))
    idle = socket.socket(socket.AF_INET)
    daemon = activate([datagram, listener, idle])
    assert ask_once(listener.getsockname(), b"handed in\n") == b"ni dednah\n"
    assert "datagram" in daemon.wait_for_log(" warning: descriptor 3 ")
    assert "does not listen" in daemon.wait_for_log(" warning: descriptor 5 ")
    assert eventually(lambda: daemon.sockets() == 1)


def test_more_promised_than_passed(start):
    listener = listening(socket.AF_INET, ("127.0.0.1", 0))
    program = ACTIVATE.replace("str(len(high))", "'40'")
    daemon = start("port = 1\n", prefix=(sys.executable, "-c", program, str(listener.fileno())), pass_fds=[listener.fileno()])
    assert ask_once(listener.getsockname(), b"handed in\n") == b"ni dednah\n"
    daemon.wait_for_log(" warning: LISTEN_FDS=40")


def test_a_passed_socket_has_the_options_of_its_listener_in_the_file(activate, tmp_path):
    one = listening(socket.AF_INET, ("127.0.0.1", 0))
    other = listening(socket.AF_UNIX, str(tmp_path / "socket"))
    activate([one, other], f"[[listener]]\nhost = '127.0.0.1'\nport = {one.getsockname()[1]}\nframing = 'chunk'\n"
                           f"[[listener]]\npath = '{tmp_path}/socket'\nunit = 'byte'\n")
    with connect(one.getsockname()) as client:
        assert ask(client, b"abc") == b"cba"
    assert ask_once(tmp_path / "socket", "é\n".encode()) == b"\xa9\xc3\n"
