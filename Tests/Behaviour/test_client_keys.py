"""Keys at the prompt: those that readline users press, and sequences that have no meaning here."""

import os
import re
import signal
import stat
import time

import pytest

from line_server import LineServer, client_path
from screen import Terminal, client
from test_client_prompt import ANSWER, HOME, LEFT, PROMPT, reverse_characters


@pytest.fixture
def server():
    with LineServer(respond=reverse_characters) as running:
        yield running


@pytest.fixture
def prompt(server):
    with client(server.port, rows=24) as terminal:
        terminal.wait(PROMPT.rstrip())
        yield terminal


def answers(terminal, keys, answer):
    terminal.send(keys)
    terminal.wait(lambda: any(line == (ANSWER + answer).rstrip() for line in terminal.lines()))
    terminal.wait(lambda: terminal.row() == PROMPT.rstrip())


@pytest.mark.parametrize(
    "keys, line",
    [
        ("one two" + HOME + "\x1bd", " two"), ("ab\x14", "ba"), ("one two\x17\x17\x19!", "one two!"), ("one\x17two\x1f\x1f", "one"),
        ("abc\x18\x15d", "d"), ("a\x16\x01b", "a\x01b"), ("one two\x1b\x7f", "one "), ("old\x1brnew", "new"),
        ("one two" + LEFT * 3 + "\x0b\x01\x19", "twoone "), ("one two\x1bb\x1bd", "one "),
    ],
)
def test_keys_of_readline(prompt, keys, line):
    answers(prompt, keys + "\r", re.sub(r"[\x01]", "^A", line[::-1]))


def test_search_in_the_history(prompt):
    for line in ["apple pie", "banana", "apple tart"]:
        answers(prompt, line + "\r", line[::-1])
    prompt.send("\x12app")
    prompt.wait("(reverse-i-search)`app': apple tart")
    prompt.send("\x12")
    prompt.wait("(reverse-i-search)`app': apple pie")
    prompt.send("\x12")
    prompt.wait("(failed reverse-i-search)`app': apple pie")
    answers(prompt, "\r", "eip elppa")
    prompt.send("new\x12ban")
    prompt.wait("`ban': banana")
    prompt.send("\x07")
    prompt.wait(lambda: prompt.row() == PROMPT + "new")


SEQUENCES = [
    "\x1b[[A", "\x1b[[E", "\x1bOP", "\x1b[11~", "\x1b[15;2~", "\x1b[5~", "\x1b[2$", "\x1b[M !!", "\x1b[<0;1;2M",
    "\x1b]11;rgb:0000/1111/2222\x07", "\x1b]52;c;ZXhpdA==\x1b\\", "\x1bP>|term(1)\x1b\\", "\x1b_x\x1b\\", "\x1b^x\x1b\\",
    "\x1bXx\x1b\\", "\x1bé", "\x1b漢", "\x1bx", "\x1b[?62;4c", "\x1b[?2026;2$y", "\x1b[I", "\x1b\x1b[5~", "\x1b(B", "\x9d0;x\x9c",
]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_sequence_without_a_meaning_inserts_nothing(prompt, sequence):
    answers(prompt, "a" + sequence + "b\r", "ba")


@pytest.mark.parametrize("sequence", [sequence for sequence in SEQUENCES if sequence[0] == "\x1b" and sequence != "\x1b(B"])
def test_a_delayed_end_of_a_sequence_inserts_nothing(prompt, sequence):
    prompt.send("a" + sequence[:1])
    time.sleep(0.15)
    prompt.send(sequence[1:2])
    time.sleep(0.06)
    answers(prompt, sequence[2:] + "b\r", "ba")


def test_ctrl_c_ends_an_unterminated_string(prompt):
    prompt.send("a\x1b]never ends\r\rx")
    prompt.send("\x03")
    prompt.wait("^C")
    answers(prompt, "b\r", "b")


def test_the_greeting_and_the_hints(server):
    with client(server.port, rows=24) as terminal:
        terminal.wait(PROMPT.rstrip())
        greeting = terminal.lines()[0]
        assert f"127.0.0.1:{server.port}" in greeting and "exit" in greeting and "Ctrl-D" in greeting
        assert terminal.lines()[1] == PROMPT.rstrip()
        terminal.send("text\x03")
        terminal.wait("^C")
        terminal.send("\x03")
        terminal.eventually(lambda: hinted(terminal, 1))
        answers(terminal, "a\r", "a")
        answers(terminal, "\r", "")
        hinted(terminal, 1)
    for kind in ["xterm", "dumb"]:
        with client(server.port, rows=24, TERM=kind) as terminal:
            terminal.wait(PROMPT.rstrip())
            answers(terminal, "\r", "")
            terminal.eventually(lambda: hinted(terminal, 1))
            answers(terminal, "\n", "")
            hinted(terminal, 1)


def hinted(terminal, times):
    assert sum("exit" in line and "Ctrl-D" in line for line in terminal.lines()[1:]) == times, terminal.lines()


@pytest.mark.parametrize("size", ["many", "-1", "1.5", "99999999999999999999", "10 "])
def test_a_wrong_size_of_the_history_is_reported(server, size):
    with client(server.port, REVERSED_HISTSIZE=size) as terminal:
        terminal.wait(PROMPT.rstrip())
        assert f'reverse-client: REVERSED_HISTSIZE: "{size}" is no number of lines' in " ".join(terminal.lines())


def test_the_history_file_is_kept_within_its_limit(server, tmp_path):
    path = tmp_path / "history"
    path.write_text("one\ntwo")
    path.chmod(0o644)
    with client(server.port, REVERSED_HISTORY=str(path), REVERSED_HISTSIZE="3") as terminal:
        terminal.wait(PROMPT.rstrip())
        for line, content in [("three", "one\ntwo\nthree\n"), ("four", "two\nthree\nfour\n"), ("five", "three\nfour\nfive\n")]:
            answers(terminal, line + "\r", line[::-1])
            assert path.read_text() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_a_history_that_is_no_file_is_reported(server, tmp_path, kind):
    path = tmp_path / "history"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "target").write_text("".join(f"{n}\n" for n in range(10)))
        path.symlink_to("target")
    else:
        path.mkdir()
    with client(server.port, columns=200, REVERSED_HISTORY=str(path), REVERSED_HISTSIZE="3") as terminal:
        terminal.wait(f"cannot keep the history in {path}")
        answers(terminal, "a\r", "a")
        assert "\n".join(terminal.lines()).count("cannot keep") == 1
    if kind == "link":
        assert path.is_symlink() and (tmp_path / "target").read_text() == "".join(f"{n}\n" for n in range(10))


@pytest.mark.parametrize("how", ["key", "signal"])
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_stop_restores_the_terminal(server, shell, how):
    command = [shell, "--norc", "-i"] if shell == "bash" else [shell, "-i"]
    with Terminal(command, rows=24, PS1="shell> ", ENV="/dev/null") as terminal:
        terminal.wait("shell>")
        terminal.send("stty -a > /dev/null; " + client_path() + f" -p {server.port}\r")
        terminal.wait(lambda: terminal.row() == PROMPT.rstrip())
        terminal.send("half")
        terminal.wait("half")
        del terminal.written[:]
        if how == "key":
            terminal.send("\x1a")
        else:
            group = os.tcgetpgrp(terminal.master)
            os.killpg(group, signal.SIGTSTP)
        terminal.wait(lambda: terminal.row() == "shell>")
        assert b"\x1b[?2004l" in terminal.written
        terminal.send("stty -a | grep -c ' icanon'; stty -a | grep -c ' echo '\r")
        terminal.wait("\n1\n1\n")
        del terminal.written[:]
        terminal.send("fg\r")
        terminal.wait(lambda: terminal.row() == PROMPT + "half")
        assert b"\x1b[?2004h" in terminal.written
        answers(terminal, "way\r", "yawflah")
        terminal.send("exit\r")
        terminal.wait(lambda: terminal.row() == "shell>")
