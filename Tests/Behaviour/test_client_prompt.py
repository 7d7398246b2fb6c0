"""The prompt on a pty."""

import os
import signal
import stat
import time

import pexpect
import pytest

from daemon import eventually
from line_server import LineServer, client_path, environment

PROMPT = "Enter a String: "
ANSWER = "Reversed string from server:"
LEFT, RIGHT, UP, DOWN, HOME = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H"


def reverse_characters(connection):
    """Reverses by code points, which is enough for these tests."""
    with connection.makefile("rwb") as stream:
        for line in stream:
            stream.write(line.decode()[-2::-1].encode() + b"\n")
            stream.flush()


@pytest.fixture
def server():
    with LineServer(respond=reverse_characters) as running:
        yield running


@pytest.fixture
def prompt(server, tmp_path):
    opened = []

    def start(*arguments, **extra):
        variables = dict(TERM="xterm-256color", XDG_STATE_HOME=str(tmp_path), LANG="C.UTF-8")
        variables.update(extra)
        child = pexpect.spawn(
            client_path(), ["-p", str(server.port), *arguments],
            env=environment(**variables), timeout=10, encoding="utf-8", dimensions=(24, 80),
        )
        opened.append(child)
        child.expect_exact(PROMPT)
        return child

    yield start
    for child in opened:
        child.close(force=True)


def answer(child, text):
    child.expect_exact(ANSWER + text + "\r\n")
    child.expect_exact(PROMPT)


def leave(child, how):
    child.send(how)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, (child.exitstatus, child.signalstatus)


@pytest.mark.parametrize("terminal", ["xterm-256color", "dumb"])
@pytest.mark.parametrize("goodbye", ["exit\r", "\x04"])
def test_a_conversation(prompt, terminal, goodbye):
    child = prompt(TERM=terminal)
    child.send("ADVANCE\r")
    answer(child, "ECNAVDA")
    child.send("two words\r")
    answer(child, "sdrow owt")
    child.send("\r")
    answer(child, "")
    leave(child, goodbye)


@pytest.mark.parametrize("thing", ["é", "e\u0301", "👨‍👩‍👧‍👦", "🇫🇷"])
def test_arrow_keys_move_over_one_character(prompt, thing):
    child = prompt()
    child.send("a" + thing + "b" + LEFT + LEFT + "X\r")
    answer(child, ("aX" + thing + "b")[::-1])
    child.send("a" + thing + "b" + LEFT + "\x7f" + HOME + RIGHT + "-\r")
    answer(child, "b-a")


@pytest.mark.parametrize("paste", ["one\ntwo\nthree\n", "\x1b[200~one\r\ntwo\r\nthree\r\n\x1b[201~"])
def test_a_paste_of_many_lines(prompt, paste):
    child = prompt()
    child.send(paste)
    for word in ["eno", "owt", "eerht"]:
        answer(child, word)
    leave(child, "exit\r")


def test_a_long_paste_keeps_its_order(prompt):
    child = prompt()
    words = [f"line number {n}" for n in range(300)]
    child.send("".join(word + "\n" for word in words))
    for word in words:
        child.expect_exact(ANSWER + word[::-1] + "\r\n")
    leave(child, "\x04")


def test_a_line_longer_than_the_row(prompt):
    child = prompt()
    text = "".join(chr(97 + n % 26) for n in range(500))
    child.send(text + HOME + "<\r")
    child.expect_exact(ANSWER + ("<" + text)[::-1])


def test_ctrl_c_clears_the_line(prompt):
    child = prompt()
    child.send("not this")
    child.send("\x03")
    child.expect_exact("^C\r\n" + PROMPT)
    child.send("this\r")
    answer(child, "siht")


def test_ctrl_c_ends_the_wait():
    with LineServer(respond=lambda connection: time.sleep(20)) as silent:
        child = pexpect.spawn(
            client_path(), ["-p", str(silent.port)],
            env=environment(TERM="xterm", REVERSED_HISTORY=""), timeout=10, encoding="utf-8",
        )
        child.expect_exact(PROMPT)
        child.send("x\r")
        time.sleep(0.3)
        child.send("\x03")
        child.expect_exact("interrupted")
        child.expect_exact(PROMPT)
        child.close(force=True)


def test_history_within_and_across_sessions(prompt, tmp_path):
    child = prompt()
    child.send("first\r")
    answer(child, "tsrif")
    child.send("second\r")
    answer(child, "dnoces")
    child.send(UP + UP + "!\r")
    answer(child, "!tsrif")
    leave(child, "exit\r")
    path = tmp_path / "reverse-client" / "history"
    assert path.read_text() == "first\nsecond\nfirst!\nexit\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    child = prompt()
    child.send(UP + UP + "\r")
    answer(child, "!tsrif")


def test_an_empty_path_turns_the_history_file_off(prompt, tmp_path):
    child = prompt(REVERSED_HISTORY="")
    child.send("secret\r")
    answer(child, "terces")
    leave(child, "exit\r")
    assert list(tmp_path.iterdir()) == []


def test_a_lost_server_is_reported_at_once_and_connected_again(prompt, server):
    child = prompt(NO_COLOR="1")
    child.send("half a li")
    child.expect_exact("i")
    server.hang_up()
    child.expect_exact(f"reverse-client: 127.0.0.1:{server.port} ended the connection")
    child.expect_exact(PROMPT)
    child.send("ne\r")
    answer(child, "enil a flah")
    assert server.connections == 2


def test_an_unreachable_server_is_reported_and_the_prompt_continues(prompt, server):
    child = prompt(NO_COLOR="1")
    server.close()
    child.expect_exact("ended the connection")
    child.send("x\r")
    child.expect_exact("cannot connect")
    child.expect_exact(PROMPT)
    with LineServer(server.port, respond=reverse_characters):
        child.send("back again\r")
        answer(child, "niaga kcab")


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color(prompt, server, no_color):
    child = prompt(NO_COLOR=no_color)
    server.close()
    child.expect_exact("ended the connection")
    assert ("\x1b[31m" in child.before) == (no_color == "")


def test_the_prompt_waits_for_a_server_as_long_as_it_is_asked_to(tmp_path):
    with LineServer() as gone:
        port = gone.port
    child = pexpect.spawn(
        client_path(), ["-p", str(port), "--retry-for", "20s"],
        env=environment(TERM="xterm", REVERSED_HISTORY=""), timeout=10, encoding="utf-8",
    )
    time.sleep(0.4)
    assert child.isalive()
    with LineServer(port, respond=reverse_characters) as server:
        child.expect_exact(PROMPT)
        # The client is connected before the server has accepted it.
        assert eventually(lambda: server.live)
        server.hang_up()
        child.expect_exact("ended the connection")
        server.close()
        child.send("abc\r")
        time.sleep(0.3)
        with LineServer(port, respond=reverse_characters):
            answer(child, "cba")
    child.close(force=True)


def test_a_server_that_sends_a_greeting_is_reported():
    def greet(connection):
        connection.sendall(b"220 mail.example ESMTP\r\n")
        connection.recv(100)

    with LineServer(respond=greet) as other:
        child = pexpect.spawn(
            client_path(), ["-p", str(other.port)],
            env=environment(TERM="xterm", REVERSED_HISTORY=""), timeout=10, encoding="utf-8",
        )
        child.expect_exact("sent something that was not asked for")
        assert "ended the connection" not in child.before
        child.close(force=True)


def test_the_terminal_settings_are_restored(server, tmp_path):
    shell = pexpect.spawn(
        "sh", ["-c", f"stty -a > {tmp_path}/before; {client_path()} -p {server.port}; stty -a > {tmp_path}/after"],
        env=environment(TERM="xterm", REVERSED_HISTORY=""), timeout=10, encoding="utf-8",
    )
    shell.expect_exact(PROMPT)
    shell.send("abc\r")
    shell.expect_exact(ANSWER + "cba")
    shell.send("exit\r")
    shell.expect(pexpect.EOF)
    shell.close()
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


def test_a_client_ended_by_a_signal_restores_the_terminal(server, tmp_path):
    shell = pexpect.spawn(
        "sh", ["-c", f"stty -a > {tmp_path}/before; sh -c 'echo $$ > {tmp_path}/pid; exec {client_path()} "
               f"-p {server.port}'; stty -a > {tmp_path}/after"],
        env=environment(TERM="xterm", REVERSED_HISTORY=""), timeout=10, encoding="utf-8",
    )
    shell.expect_exact(PROMPT)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    shell.expect(pexpect.EOF)
    shell.close()
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


def test_a_prompt_without_a_server_exits_with_69():
    with LineServer() as gone:
        port = gone.port
    child = pexpect.spawn(client_path(), ["-p", str(port)], env=environment(TERM="xterm"), timeout=10)
    child.expect_exact("cannot connect")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 69


def test_no_decoration_when_the_answers_go_to_a_file(server, tmp_path):
    command = f"{client_path()} -p {server.port} > {tmp_path}/out"
    child = pexpect.spawn("sh", ["-c", command], env=environment(TERM="xterm"), timeout=10, encoding="utf-8")
    child.send("exit\n\x04")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0 and (tmp_path / "out").read_text() == "tixe\n"
