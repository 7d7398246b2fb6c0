"""The daemon's command line and its settings file."""

import os
import random
import re
import subprocess

import pytest

from clients import ask_once
from daemon import binary, environment, eventually, run

BAD = """
prot = 5000
host = 7
[limits]
max_connections = 0
idle_timeout = "soon"
"""


def test_check_says_where_it_would_listen(tmp_path):
    result = run(tmp_path, "host = '::1'\nport = 7777\n", "--check")
    assert (result.returncode, result.stdout.decode(), result.stderr) == (
        0, f"{tmp_path}/reversed.toml: ok\nwould listen on [::1]:7777 (line, character)\n", b"")


@pytest.mark.skipif(os.path.exists("/etc/reversed/reversed.toml"), reason="there is a file of the service")
def test_check_says_that_there_is_no_file():
    result = subprocess.run([binary(), "--check"], capture_output=True, env=environment(), timeout=20)
    assert result.returncode == 0
    assert result.stdout.startswith(b"there is no /etc/reversed/reversed.toml: the defaults are ok\nwould listen on 127.0.0.1:5000")


def listener(text):
    return f"[[listener]]\n{text}\n"


WARNINGS = {
    "a host that does not resolve": (listener("host = 'no-such-host.invalid'"), r"no-such-host\.invalid:5000: cannot find the host"),
    "an address of another machine": (listener("host = '192.0.2.1'"), r"192\.0\.2\.1:5000: this machine has no such address"),
    "an IPv6 address of another machine": (listener("host = '2001:db8::9'"), r"\[2001:db8::9\]:5000: this machine has no such address"),
    "a missing directory": (listener("path = '/nonexistent/socket'"), "/nonexistent/socket: the directory /nonexistent does not exist"),
    "a directory that is a file": (listener("path = '/etc/passwd/socket'"), "/etc/passwd/socket: /etc/passwd is not a directory"),
    "a path that is a directory": (listener("path = '/etc'"), "/etc: there is a file that is not a socket"),
    "a path that is a device": (listener("path = '/dev/null'"), "/dev/null: there is a file that is not a socket"),
    "metrics in a device": ("[metrics]\nfile = '/dev/null'\n", "/dev/null: there is a file that is not a regular one"),
    "two paths of one file": (listener("path = '/tmp/s'") + listener("path = '/etc/../tmp/s'"), "/etc/../tmp/s: it is the same file as /tmp/s"),
    "too many clients": ("[limits]\nmax_connections = 1000000\n", r"limits\.max_connections is 1000000, but this process may have \d+ files"),
}


@pytest.mark.parametrize("config, warning", WARNINGS.values(), ids=WARNINGS.keys())
def test_check_warns_of_what_will_fail(tmp_path, config, warning):
    result = run(tmp_path, config, "--check")
    messages = result.stderr.decode()
    assert result.returncode == 0 and b": ok\n" in result.stdout
    assert re.fullmatch(f"warning: {warning}.*\n", messages), messages
    strict = run(tmp_path, config, "--check", "--strict")
    assert (strict.returncode, strict.stderr) == (78, result.stderr)


def test_check_warns_of_a_port_without_the_right(tmp_path):
    (tmp_path / "reversed.toml").write_text(listener("host = '127.0.0.1'\nport = 80"))
    command = [binary(), "--check", "--config", tmp_path / "reversed.toml"]
    if os.getuid() == 0:
        os.chmod(tmp_path, 0o755)
        command = ["unshare", "--net", "setpriv", "--bounding-set", "-net_bind_service", "--inh-caps=-net_bind_service", *command]
    result = subprocess.run(command, capture_output=True, env=environment(), timeout=20)
    assert result.returncode == 0
    assert result.stderr.startswith(b"warning: 127.0.0.1:80: this process may not listen on a port below 1024")
    assert b"/usr/share/doc/reversed/examples/privileged-port.conf" in result.stderr


def test_a_right_file_has_no_warnings(tmp_path):
    config = listener("host = '::1'\nport = 0") + listener(f"path = '{tmp_path}/socket'") + listener("host = 'localhost'\nport = 1234")
    result = run(tmp_path, config, "--check", "--strict")
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_quiet_check_reports_by_its_exit_status(tmp_path):
    for config, code in (("port = 1\n", 0), (BAD, 78)):
        result = run(tmp_path, config, "--check", "--quiet")
        assert (result.returncode, result.stdout, result.stderr) == (code, b"", b"")


@pytest.mark.parametrize("flags", [("--strict",), ("--quiet",), ("--print-config", "--strict")], ids=str)
def test_flags_that_belong_to_check(tmp_path, flags):
    assert run(tmp_path, "port = 0\n", *flags).returncode == 64


def test_text_of_the_file_is_escaped_in_messages(tmp_path):
    for text, status in [
        ("[[listener]]\npath = \"/\\u001b[31m\\u009b\\u202e\"\n", 0),
        ("host = \"\\u001b[31m\\u009b\\u202e\"\n\"\\u001b\\n\\u202e\" = 1\n", 78),
        ("port = +in\n", 78), ("port = \u009b\u202e\x1b\n", 78),
    ]:
        result = run(tmp_path, text, "--check")
        said = (result.stdout + result.stderr).decode()
        assert result.returncode == status
        assert not any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in said), said
        assert status == 0 or all("reversed.toml:" in line for line in said.splitlines()), said
    result = run(tmp_path, "", "--check", "--config", "/\x1b[31m\nforged")
    assert result.returncode == 78 and b"\x1b" not in result.stderr and result.stderr.count(b"\n") == 1


def test_check_binds_nothing(start, tmp_path):
    daemon = start()
    assert run(tmp_path, f"port = {daemon.port}\n", "--check").returncode == 0


@pytest.mark.parametrize("flags", [("--check",), ("--print-config",), ()])
def test_all_mistakes_are_reported_at_once(tmp_path, flags):
    result = run(tmp_path, BAD, *flags)
    messages = result.stderr.decode()
    assert result.returncode == 78
    assert all(key in messages for key in ("prot", "port", "host", "max_connections", "idle_timeout")), messages


def test_a_file_that_is_missing(tmp_path):
    result = run(tmp_path, "", "--config", str(tmp_path / "missing.toml"), "--check")
    assert result.returncode == 78 and "missing.toml" in result.stderr.decode()


def test_a_printed_configuration_loads_again(tmp_path):
    config = """
        [limits]
        max_connections = 17
        max_line_bytes = "3KiB"
        idle_timeout = "90s"
        [[listener]]
        host = "::"
        port = 0
        ipv6_only = true
        unit = "scalar"
        [[listener]]
        path = "/run/x y/é"
        mode = "0600"
        framing = "chunk"
    """
    printed = run(tmp_path, config, "--print-config")
    assert printed.returncode == 0
    again = run(tmp_path, printed.stdout, "--print-config")
    assert again.returncode == 0 and again.stdout == printed.stdout
    assert run(tmp_path, printed.stdout, "--check").stdout == run(tmp_path, config, "--check").stdout


def test_flags_override_the_file(start):
    daemon = start("port = 1\nhost = '192.0.2.1'\n", "--host", "127.0.0.1", "--port", "0")
    assert ask_once(daemon.port, b"flag\n") == b"galf\n"


def test_version_and_help(tmp_path):
    assert run(tmp_path, "", "--version").stdout.startswith(b"reversed 1.")
    help_ = run(tmp_path, "", "--help")
    assert help_.returncode == 0
    for flag in (b"--config", b"--host", b"--port", b"--check", b"--print-config", b"--log-level", b"--version"):
        assert flag in help_.stdout


@pytest.mark.parametrize("flags", [
    ("--unknown",), ("surplus",), ("--port", "99999"), ("--port", "-1"), ("--port", "x"), ("--port",), ("--log-level", "loud"),
], ids=str)
def test_wrong_usage(tmp_path, flags):
    result = run(tmp_path, "", *flags)
    assert result.returncode == 64 and b"Try 'reversed --help'." in result.stderr


@pytest.mark.parametrize("flags", [("--host", ""), ("--host", "a b"), ("--host", "x" * 300), ("--host", "1.2.3.4.5"), ("--host", "[::1]")], ids=str)
def test_a_host_that_is_none(tmp_path, flags):
    assert run(tmp_path, "port = 0\n", *flags, "--check").returncode == 78


HOSTILE = {
    "empty table": b"[", "NULs": b"\0" * 100, "not UTF-8": b"port = 1\n\xff\xfe", "a large number": b"port = 99999999999999999999999999\n",
    "a negative number": b"port = -1\n", "a float": b"port = 1e400\n", "infinity": b"port = inf\n", "a date": b"port = 1979-05-27\n",
    "nesting": b"x = " + b"[" * 5000, "tables": b"[a" + b".a" * 5000 + b"]\n", "duplicate": b"port = 1\nport = 2\n",
    "a listener that is no table": b"listener = 5\n", "a listener that is no array": b"[listener]\nhost = 'x'\n",
    "both": b"port = 1\n[[listener]]\nport = 2\n", "limits": b"limits = 'no'\n",
    "too much": b"[limits]\nmax_line_bytes = '999999999999999999999GiB'\n", "overflow": b"[limits]\nidle_timeout = '99999999999999999999h'\n",
    "zero": b"[limits]\nmax_line_bytes = 0\n", "cap": b"[limits]\nmax_connections = 9223372036854775807\n",
    "many": b"[[listener]]\nport = 0\n" * 2 + b"x = 1\n", "a NUL in a path": b"[[listener]]\npath = \"/tmp/a\\u0000b\"\n",
    "a long path": b"[[listener]]\npath = '/" + b"x" * 200 + b"'\n", "a relative path": b"[[listener]]\npath = 'socket'\n",
    "a large file": b"# comment\n" * 200_000 + b"port = 'x'\n", "CR": b"port = 1\r\rhost = 2\n", "a mode": b"[[listener]]\npath = '/tmp/x'\nmode = '9999'\n",
    "a mode that is a number": b"[[listener]]\npath = '/tmp/x'\nmode = 438\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused(tmp_path, text):
    result = run(tmp_path, text, "--check")
    assert result.returncode == 78, result.stdout
    assert b"reversed.toml" in result.stderr and len(result.stderr) < 20_000


def test_random_damage_never_traps(tmp_path):
    chance = random.Random(5)
    good = open(__file__.replace("Tests/Behaviour/test_command_line.py", "config/reversed.toml"), "rb").read()
    for _ in range(40):
        text = bytearray(good)
        for _ in range(chance.randint(1, 30)):
            text[chance.randrange(len(text))] = chance.choice(b"[]=\"'\n.#0xe{}\\\0\xff")
        assert run(tmp_path, bytes(text), "--check").returncode in (0, 78)


@pytest.mark.parametrize("kind", ["directory", "fifo-like device", "unreadable"])
def test_what_is_no_file(tmp_path, kind):
    path = {"directory": str(tmp_path), "fifo-like device": "/dev/zero", "unreadable": "/proc/self/mem"}[kind]
    result = run(tmp_path, "", "--config", path, "--check")
    assert result.returncode == 78 and path.encode() in result.stderr


def test_the_numbers_of_closed_descriptors_stay_taken(tmp_path):
    """If a socket had the number 2, the log would be written to it."""
    (tmp_path / "config.toml").write_text(f"[[listener]]\npath = '{tmp_path}/s'\n")
    command = ["sh", "-c", 'exec "$0" --config "$1" <&- >&- 2>&-', binary(), str(tmp_path / "config.toml")]
    daemon = subprocess.Popen(command)
    try:
        eventually(lambda: (tmp_path / "s").exists())
        assert [os.readlink(f"/proc/{daemon.pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3
    finally:
        daemon.terminate()
        assert daemon.wait(10) == 0


def test_an_argument_that_is_not_utf8_is_refused():
    result = subprocess.run([binary(), "--check", "--config", b"c\xff.toml"], capture_output=True, timeout=10)
    assert result.returncode == 64 and rb"c\xff.toml is not UTF-8" in result.stderr
