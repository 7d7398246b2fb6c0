"""The addresses on which the daemon listens, and its messages if it cannot."""

import fcntl
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from clients import ask, ask_once, connect, receive
from daemon import Daemon, binary, environment, eventually, run


def listener(host, more=""):
    return f"[[listener]]\nhost = '{host}'\nport = 0\n{more}\n"


# Internet addresses.

@pytest.mark.parametrize("host, address", [("127.0.0.1", "127.0.0.1"), ("127.1.2.3", "127.1.2.3"), ("::1", "::1"), ("0.0.0.0", "127.0.0.1")])
def test_an_address(start, host, address):
    daemon = start(f"host = '{host}'\nport = 0\n")
    with connect((address, daemon.port)) as client:
        assert ask(client, b"hello\n") == b"olleh\n"
        host, port = client.getsockname()[:2]
        daemon.wait_for_log(re.escape(f" connected [{host}]:{port}" if ":" in host else f" connected {host}:{port}"))
    daemon.wait_for_log(r"disconnected .*:%d after 1 line, (under )?\d+(\.\d)? m?s" % port)


def test_the_ipv6_wildcard_answers_both_kinds(start):
    daemon = start("host = '::'\nport = 0\n")
    assert daemon.addresses == [f"[::]:{daemon.port} (IPv6 and IPv4)"]
    assert ask_once(("::1", daemon.port), b"six\n") == b"xis\n"
    assert ask_once(("127.0.0.1", daemon.port), b"four\n") == b"ruof\n"
    daemon.wait_for_log(r" connected 127\.0\.0\.1:")


def test_the_ipv6_wildcard_can_be_ipv6_only(start):
    daemon = start("host = '::'\nport = 0\nipv6_only = true\n")
    assert daemon.addresses == [f"[::]:{daemon.port} (IPv6 only)"]
    assert ask_once(("::1", daemon.port), b"six\n") == b"xis\n"
    with pytest.raises(ConnectionRefusedError):
        connect(("127.0.0.1", daemon.port))


def test_both_wildcards_on_one_port(start):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = start(f"[[listener]]\nhost = '0.0.0.0'\nport = {port}\n[[listener]]\nhost = '::'\nport = {port}\nipv6_only = true\n",
                   listeners=2)
    assert ask_once(("::1", port), b"six\n") == b"xis\n"
    assert ask_once(("127.0.0.1", port), b"four\n") == b"ruof\n"


def test_a_host_name(start):
    daemon = start("host = 'localhost'\nport = 0\n")
    assert ask_once(("localhost", daemon.port), b"name\n") == b"eman\n"
    assert len(set(daemon.ports)) == 1


def test_several_listeners(start, tmp_path):
    daemon = start(listener("127.0.0.1") + listener("::1", "unit = 'byte'") + f"[[listener]]\npath = '{tmp_path}/socket'\n",
                   listeners=3)
    assert ask_once(daemon.ports[0], "né\n".encode()) == "én\n".encode()
    assert ask_once(("::1", daemon.ports[1]), "né\n".encode()) == b"\xa9\xc3n\n"
    assert ask_once(tmp_path / "socket", "né\n".encode()) == "én\n".encode()


def test_answers_leave_at_once(start):
    daemon = start()
    with connect(daemon.port) as client:
        begun = time.monotonic()
        for _ in range(50):
            # Two answers in two segments: without TCP_NODELAY the second one waits for the acknowledgement of the first,
            # which the peer delays by 40 ms.
            client.sendall(b"one\n")
            assert receive(client, 1) == b"e"
            client.sendall(b"two\n")
            assert receive(client, 7) == b"no\nowt\n"[:7]
        assert time.monotonic() - begun < 1


# Unix sockets.

@pytest.fixture
def path(tmp_path):
    return tmp_path / "socket"


def at(path, more=""):
    return f"[[listener]]\npath = '{path}'\n{more}\n"


def test_a_socket_file(start, path):
    daemon = start(at(path))
    assert ask_once(path, b"file\n") == b"elif\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    daemon.wait_for_log(" connected unix")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert not path.exists()


@pytest.mark.parametrize("mode", ["0600", "0660", "0777"])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_mode_does_not_depend_on_the_umask(start, path, mode, umask):
    before = os.umask(umask)
    try:
        start(at(path, f"mode = '{mode}'"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == int(mode, 8)


def test_the_socket_file_of_a_dead_server_is_replaced(start, path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    start(at(path))
    assert ask_once(path, b"alive\n") == b"evila\n"


def test_after_a_kill_it_starts_again(start, path):
    daemon = start(at(path))
    daemon.process.kill()
    daemon.process.wait()
    daemon.process.returncode = 0
    daemon.stopped = True
    start(at(path))
    assert ask_once(path, b"alive\n") == b"evila\n"


def test_the_socket_file_of_a_live_server_is_never_replaced(start, path, tmp_path):
    start(at(path))
    inode = os.stat(path).st_ino
    result = run(tmp_path, at(path))
    assert result.returncode == 69
    assert f"cannot listen on {path}: Address already in use; another server answers there" in result.stderr.decode()
    assert os.stat(path).st_ino == inode
    assert ask_once(path, b"mine\n") == b"enim\n"


def test_of_many_daemons_that_start_at_once_one_gets_the_path(path, tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    for round_ in range(3):
        homes = [tmp_path / f"{round_}-{number}" for number in range(8)]
        for home in homes:
            home.mkdir()
        rivals = [Daemon(home, at(path)) for home in homes]
        assert eventually(lambda: sum(rival.process.poll() is not None for rival in rivals) == len(rivals) - 1)
        assert sorted(rival.process.poll() for rival in rivals if rival.process.poll() is not None) == [69] * 7
        winner = next(rival for rival in rivals if rival.process.poll() is None)
        assert ask_once(path, b"won\n") == b"now\n"
        winner.process.kill()  # it leaves a stale file for the next round
        for rival in rivals:
            rival.wait()
            rival.process.stdout.close()


def test_a_lock_of_another_program_on_the_directory_delays_the_start_by_a_second_at_most(start, tmp_path):
    directories = [tmp_path / name for name in "abcd"]
    for directory in directories:
        directory.mkdir()
    held = [os.open(directory, os.O_RDONLY) for directory in directories]
    for directory in held:
        fcntl.flock(directory, fcntl.LOCK_EX)
    begun = time.monotonic()
    start("".join(f"[[listener]]\npath = '{directory}/{name}'\n" for directory in directories for name in ("one", "two")),
          listeners=8)
    assert time.monotonic() - begun < 2.5
    for directory in directories:
        assert ask_once(directory / "two", b"hello\n") == b"olleh\n"
    for directory in held:
        os.close(directory)


def test_a_busy_server_is_not_taken_for_a_dead_one(path, tmp_path):
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(str(path))  # the backlog is full now
        result = run(tmp_path, at(path))
        assert result.returncode == 69 and path.exists()
        waiting.close()


@pytest.mark.parametrize("kind", ["file", "directory", "link to a file", "fifo"])
def test_a_file_that_is_not_a_socket_is_never_removed(path, tmp_path, kind):
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        (tmp_path / "precious").write_text("precious")
        path.symlink_to(tmp_path / "precious")
    result = run(tmp_path, at(path))
    assert result.returncode == 69
    assert str(path) in result.stderr.decode() and "not a socket" in result.stderr.decode()
    assert os.path.lexists(path)


def test_a_file_of_another_program_stays(start, path):
    daemon = start(at(path))
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert path.exists()
        connect(path).close()


def test_a_failed_start_leaves_no_file(path, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run(tmp_path, at(path) + f"[[listener]]\nhost = '127.0.0.1'\nport = {taken.getsockname()[1]}\n")
    assert result.returncode == 69
    assert not path.exists()


def test_the_longest_path(start, tmp_path):
    path = str(tmp_path) + "/"
    path += "s" * (107 - len(path))
    start(at(path))
    assert ask_once(path, b"long\n") == b"gnol\n"


# If it cannot listen: one sentence, exit status 69.

def refusal(result):
    lines = [line for line in result.stderr.decode().splitlines() if " critical: " in line or "error: " in line]
    assert result.returncode == 69, result.stderr
    assert len(lines) == 1, lines
    return lines[0]


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refusal(run(tmp_path, f"port = {port}\n"))
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use; " in sentence


def test_two_daemons_on_one_port(start, tmp_path):
    daemon = start()
    refusal(run(tmp_path, f"port = {daemon.port}\n"))
    refusal(run(tmp_path, f"host = '0.0.0.0'\nport = {daemon.port}\n"))
    assert ask_once(daemon.port, b"mine\n") == b"enim\n"


def test_an_address_of_another_machine(tmp_path):
    assert "cannot listen on 192.0.2.1:5000: Cannot assign requested address; " in refusal(run(tmp_path, "host = '192.0.2.1'\n"))


def test_a_privileged_port_without_the_right():
    if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("any user may listen on port 80 here")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all")
    result = subprocess.run([*(nobody if os.geteuid() == 0 else ()), binary(), "--port", "80"], stdin=subprocess.DEVNULL,
                            capture_output=True, env=environment(), timeout=20, cwd="/")
    assert "cannot listen on 127.0.0.1:80: Permission denied; a port below 1024 needs the right to bind it" in refusal(result)


def test_a_directory_that_is_missing(tmp_path):
    sentence = refusal(run(tmp_path, f"[[listener]]\npath = '{tmp_path}/missing/socket'\n"))
    assert "No such file or directory" in sentence and "does not exist" in sentence


def test_a_host_that_does_not_resolve(tmp_path):
    assert 'cannot find the host "name.invalid": ' in refusal(run(tmp_path, "host = 'name.invalid'\n"))


def test_every_address_that_cannot_be_opened_is_reported(tmp_path):
    result = run(tmp_path, "[[listener]]\nhost = '192.0.2.1'\n[[listener]]\nhost = '198.51.100.1'\n")
    assert result.returncode == 69
    assert "192.0.2.1" in result.stderr.decode() and "198.51.100.1" in result.stderr.decode()


def test_two_paths_of_one_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    result = run(tmp_path, f"[[listener]]\npath = '{tmp_path}/s'\n[[listener]]\npath = '{tmp_path}/link/s'\n")
    sentence = result.stderr.decode()
    assert result.returncode == 69
    assert f"cannot listen on {tmp_path}/link/s beside {tmp_path}/s: they resolve to the same address" in sentence
    assert "another server" not in sentence


def test_two_names_of_one_directory_do_not_wait_for_each_other(start, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    fastest = 60
    for _ in range(3):
        began = time.monotonic()
        daemon = start(f"[[listener]]\npath = '{tmp_path}/a'\n[[listener]]\npath = '{tmp_path}/link/b'\n", listeners=2)
        fastest = min(fastest, time.monotonic() - began)
        daemon.stop()
    assert fastest < 0.9
    daemon = start(f"[[listener]]\npath = '{tmp_path}/a'\n[[listener]]\npath = '{tmp_path}/link/b'\n", listeners=2)
    assert ask_once(tmp_path / "a", b"a1\n") == ask_once(tmp_path / "b", b"a1\n") == b"1a\n"
    daemon.stop()


@pytest.mark.parametrize("other", ["127.0.0.1", "0.0.0.0"])
def test_a_name_that_collides_with_another_listener_of_the_file(tmp_path, other):
    result = run(tmp_path, "".join(f"[[listener]]\nhost = '{host}'\nport = 7\n" for host in ("localhost", other)))
    sentence = result.stderr.decode()
    assert result.returncode == 69
    assert f"cannot listen on {other}:7 beside localhost:7: they resolve to the same address" in sentence
    assert "another program" not in sentence
