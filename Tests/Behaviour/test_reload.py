"""SIGHUP: a correct file takes effect at once, a wrong one changes nothing, and clients notice neither."""

import os
import signal
import socket
import threading
import time

import pytest

from clients import ask, ask_once, connect, exchange, receive_to_end
from daemon import eventually, run


def listener(host="127.0.0.1", port=0, more=""):
    return f"[[listener]]\nhost = '{host}'\nport = {port}\n{more}\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refused(port):
    try:
        connect(port).close()
        return False
    except ConnectionRefusedError:
        return True


def test_a_new_port_answers_the_old_one_is_closed_and_old_clients_live(serve):
    daemon = serve()
    old, new = daemon.port, free_port()
    with connect(old) as client:
        assert ask(client, b"before\n") == b"erofeb\n"
        daemon.reload(f"port = {new}\n")
        assert ask_once(new, b"new\n") == b"wen\n"
        assert eventually(lambda: refused(old))
        assert ask(client, b"after\n") == b"retfa\n"
    assert daemon.logged(f"reloaded .*, listening on 127.0.0.1:{new}")


def test_an_unchanged_file_keeps_the_listener_and_its_port(serve):
    daemon = serve()
    for _ in range(3):
        daemon.reload("port = 0\n")
        assert ask_once(daemon.port, b"same\n") == b"emas\n"


@pytest.mark.parametrize("bad", [
    "port = 99999\n", "port = \n", "prot = 1\n", "[limits]\nmax_connections = 0\n", b"\xff\xfe", "unit = 'word'\n",
    "host = 'name.invalid'\n", "host = '192.0.2.1'\nport = 0\n", "[[listener]]\npath = '/nonexistent/directory/socket'\n",
], ids=repr)
def test_a_bad_file_changes_nothing(start, bad):
    daemon = start()
    with connect(daemon.port) as client:
        daemon.reload(bad, fails=True)
        assert ask(client, b"old\n") == b"dlo\n"
        assert ask_once(daemon.port, b"new\n") == b"wen\n"
        assert "nothing has changed" in daemon.logged("reload failed")[0]
    assert eventually(lambda: daemon.sockets() == daemon.idle_sockets)


def test_a_file_that_is_gone_changes_nothing(start):
    daemon = start()
    daemon.config_path.unlink()
    daemon.reload(fails=True)
    assert ask_once(daemon.port, b"old\n") == b"dlo\n"


def test_one_bad_listener_among_good_ones_opens_none_of_them(start):
    daemon = start()
    other = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon.reload(listener(port=other) + listener(port=taken.getsockname()[1]), fails=True)
    # The cancel handler of its source closes the socket a moment later.
    assert eventually(lambda: refused(other))
    assert ask_once(daemon.port, b"old\n") == b"dlo\n"
    assert eventually(lambda: daemon.sockets() == daemon.idle_sockets)


@pytest.mark.parametrize("narrow, wide", [("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "::"), ("0.0.0.0", "::")])
def test_from_narrow_to_wide_and_back_refuses_nobody(serve, narrow, wide):
    port = free_port()
    daemon = serve(f"host = '{narrow}'\nport = {port}\n")
    stopped = threading.Event()
    failures, answered = [], []

    def work():
        while not stopped.is_set():
            try:
                with connect(port) as client:
                    if ask(client, b"hello\n") == b"olleh\n":
                        answered.append(1)
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            for host in (wide, narrow):
                before = len(answered)
                daemon.reload(f"host = '{host}'\nport = {port}\n")
                assert eventually(lambda: len(answered) > before or failures)
    finally:
        stopped.set()
        for thread in threads:
            thread.join(15)
    assert not failures, failures[:5]
    assert len(answered) > 20


def test_after_a_reload_no_other_program_gets_the_port(start, tmp_path):
    port = free_port()
    daemon = start(f"host = '127.0.0.1'\nport = {port}\n")
    daemon.reload(f"host = '0.0.0.0'\nport = {port}\n")
    daemon.reload("port = 99999\n", fails=True)
    for host in ("127.0.0.1", "0.0.0.0", "::"):
        assert run(tmp_path, f"host = '{host}'\nport = {port}\n").returncode == 69
    assert ask_once(port, b"mine\n") == b"enim\n"


def test_new_limits_hold_at_once(serve):
    daemon = serve("port = 0\n[limits]\nmax_line_bytes = 100\nidle_timeout = '0'\n")
    with connect(daemon.port) as client, connect(daemon.port) as silent:
        assert ask(client, b"x" * 50 + b"\n") == b"x" * 50 + b"\n"
        daemon.reload("port = 0\n[limits]\nmax_line_bytes = 10\nidle_timeout = '0'\n")
        client.sendall(b"y\n" + b"x" * 50 + b"\n")
        assert receive_to_end(client) == b"y\n"
        daemon.reload("port = 0\n[limits]\nidle_timeout = '100ms'\n")
        begun = time.monotonic()
        assert receive_to_end(silent) == b""
        assert time.monotonic() - begun < 2


def test_a_longer_limit_applies_to_an_incomplete_line(serve):
    daemon = serve("port = 0\n[limits]\nmax_line_bytes = 10\n")
    with connect(daemon.port) as client:
        client.sendall(b"0123456789")
        daemon.reload("port = 0\n[limits]\nmax_line_bytes = 20\n")
        assert ask(client, b"abc\n") == b"cba9"
        assert client.recv(100) == b"876543210\n"


def test_framing_and_unit_are_for_new_clients(serve):
    daemon = serve()
    with connect(daemon.port) as old:
        assert ask(old, "né\n".encode()) == "én\n".encode()
        daemon.reload("port = 0\nframing = 'chunk'\nunit = 'byte'\n")
        with connect(daemon.port) as new:
            assert ask(new, b"ADVANCE") == b"ECNAVDA"
        assert ask(old, "né\n".encode()) == "én\n".encode()


def test_listeners_on_any_free_port_keep_their_own_options(start):
    config = listener(more="framing = 'line'") + listener(more="framing = 'chunk'")
    daemon = start(config, listeners=2)
    lines, chunks = daemon.ports

    def check():
        assert exchange(lines, b"ab\ncd\n") == b"ba\ndc\n"
        with connect(chunks) as client:
            assert ask(client, b"abc") == b"cba"

    check()
    daemon.reload(config)
    check()
    assert {str(lines), str(chunks)} == {address.rsplit(":", 1)[1] for address in
                                         daemon.logged("reloaded .*, listening on")[-1].split("listening on ")[1].split(", ")}
    # One of the two listeners is removed: one port stays, the other is closed.
    daemon.reload(listener(more="framing = 'line'"))
    assert eventually(lambda: refused(chunks))
    assert exchange(lines, b"ab\n") == b"ba\n"


def test_the_log_level_changes(start):
    daemon = start()
    ask_once(daemon.port, b"a\n")
    daemon.wait_for_log("disconnected")
    daemon.configure("port = 0\n[log]\nlevel = 'error'\n")
    daemon.signal(signal.SIGHUP)
    # A success is logged at a level that is hidden here, so wait for the effect.
    before = [len(daemon.lines)]

    def is_silent():
        before[0] = len(daemon.lines)
        ask_once(daemon.port, b"a\n")
        time.sleep(0.05)
        return len(daemon.lines) == before[0]

    assert eventually(is_silent)


def test_connections_are_logged_or_not(start):
    daemon = start("port = 0\n[log]\nconnections = false\n")
    ask_once(daemon.port, b"a\n")
    daemon.reload("port = 0\n[log]\nconnections = true\n")
    assert not daemon.logged(" connected ")
    ask_once(daemon.port, b"a\n")
    daemon.wait_for_log(" connected 127.0.0.1:")


def test_a_storm_of_reloads_under_load(serve):
    port = free_port()
    daemon = serve(f"port = {port}\n")
    configs = [f"port = {port}\n", f"host = '0.0.0.0'\nport = {port}\n", "port = 'x'\n", f"port = {port}\nframing = 'line'\n"]
    stopped = threading.Event()
    failures, answered = [], []

    def work():
        try:
            with connect(port) as kept:
                while not stopped.is_set():
                    if ask(kept, b"kept\n") != b"tpek\n" or ask_once(port, b"new\n") != b"wen\n":
                        failures.append("wrong answer")
                    answered.append(1)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(150):
        daemon.configure(configs[number % len(configs)])
        daemon.signal(signal.SIGHUP)
        time.sleep(0.005)
    daemon.configure(configs[0])
    daemon.signal(signal.SIGHUP)
    count = len(answered)
    assert eventually(lambda: len(answered) > count + 20 or failures)
    stopped.set()
    for thread in threads:
        thread.join(15)
    assert not failures, failures[:5]


# Unix sockets.

def test_the_mode_of_a_socket_file_changes_and_its_clients_stay(start, tmp_path):
    path = tmp_path / "socket"
    daemon = start(f"[[listener]]\npath = '{path}'\nmode = '0600'\n")
    with connect(path) as client:
        daemon.reload(f"[[listener]]\npath = '{path}'\nmode = '0660'\n")
        assert os.stat(path).st_mode & 0o777 == 0o660
        assert ask(client, b"stays\n") == b"syats\n"
        assert ask_once(path, b"new\n") == b"wen\n"


def test_a_socket_file_that_was_deleted_is_made_again(start, tmp_path):
    path = tmp_path / "socket"
    daemon = start(f"[[listener]]\npath = '{path}'\n")
    path.unlink()
    daemon.reload()
    assert ask_once(path, b"back\n") == b"kcab\n"


def test_from_tcp_to_a_socket_file_and_back(start, tmp_path):
    path = tmp_path / "socket"
    daemon = start()
    daemon.reload(f"[[listener]]\npath = '{path}'\n")
    assert ask_once(path, b"file\n") == b"elif\n"
    port = free_port()
    daemon.reload(f"port = {port}\n")
    assert ask_once(port, b"port\n") == b"trop\n"
    assert eventually(lambda: not path.exists())


def test_a_reload_logs_what_it_has_changed(serve):
    daemon = serve("port = 0\n[limits]\nidle_timeout = '5min'\n")
    daemon.reload("port = 0\n[limits]\nidle_timeout = '0'\n[log]\nlevel = 'debug'\n")
    daemon.wait_for_log(r'reload: limits\.idle_timeout = "0" \(was "5min"\)')
    daemon.wait_for_log(r'reload: log\.level = "debug" \(was "info"\)')
