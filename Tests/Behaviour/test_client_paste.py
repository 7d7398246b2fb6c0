"""No text that is pasted at the prompt reaches the shell."""

import os
import re
import signal
import time

import pytest

from line_server import LineServer, client_path
from screen import Terminal, client
from test_client_prompt import ANSWER, PROMPT, reverse_characters

BEGIN, END = "\x1b[200~", "\x1b[201~"
LINES = ["exit"] + [f"echo line {n}" for n in range(232)]


@pytest.fixture
def server():
    seen = []

    def respond(connection):
        with connection.makefile("rwb") as stream:
            for line in stream:
                seen.append(line.decode().rstrip("\n"))
                time.sleep(running.pause)
                stream.write(line.decode()[-2::-1].encode() + b"\n")
                stream.flush()

    with LineServer(respond=respond) as running:
        running.seen, running.pause = seen, 0
        yield running


class Shell(Terminal):
    """Runs the client as a shell does, and reads the input that it leaves in the terminal."""

    def __init__(self, server, directory, **variables):
        self.rest = directory / "rest"
        # A shell would have read the bytes that arrive within a second.
        script = (f"sh -c 'echo $$ > {directory}/pid; exec {client_path()} -p {server.port}'; echo \"left with $?\"; "
                  f"stty -icanon -echo -icrnl min 0 time 10; cat > {self.rest}; echo over")
        super().__init__(["sh", "-c", script], rows=30, **variables)
        self.wait(PROMPT.rstrip())
        self.client = int((directory / "pid").read_text())

    def left_over(self):
        self.wait("over")
        return self.rest.read_text()


def paste(lines, end="\r"):
    return BEGIN + end.join(lines) + end + END


@pytest.mark.parametrize("pieces", [1, 512, 100_000])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_pasted_exit_is_a_line(server, tmp_path, pieces, end):
    with Shell(server, tmp_path) as shell:
        lines = LINES if pieces > 1 else LINES[:20]
        data = paste(lines, end)
        for at in range(0, len(data), pieces):
            shell.send(data[at:at + pieces])
        shell.wait(lambda: server.seen == lines)
        assert "left with" not in "\n".join(shell.lines())
        shell.send("exit\r")
        shell.wait("left with 0")
        assert shell.left_over() == "" and server.seen == lines


def test_an_exit_of_which_a_part_is_pasted(server, tmp_path):
    with Shell(server, tmp_path) as shell:
        shell.send("ex" + paste(["it", "echo harm"]))
        shell.wait(lambda: server.seen == ["exit", "echo harm"])
        shell.send("exi" + BEGIN + "t" + END + "\r")
        shell.wait("left with 0")


@pytest.mark.parametrize("terminal", ["xterm", "dumb"])
def test_a_paste_without_brackets(server, tmp_path, terminal):
    """If more text arrives together with `exit`, it was not typed; the same holds for keys that leave or stop."""
    with Shell(server, tmp_path, TERM=terminal) as shell:
        keys = "" if terminal == "dumb" else "\x04\x1a\x1c"
        shell.send("exit\n" + keys + "echo harm\nexit\nmore\n")
        shell.wait(lambda: server.seen == ["exit", "echo harm", "exit", "more"])
        shell.settle()
        shell.send("exit\n")
        shell.wait("left with 0")
        assert shell.left_over() == ""


def test_control_characters_in_a_paste_are_text(server, tmp_path):
    with Shell(server, tmp_path) as shell:
        shell.send(paste(["a\x03b", "\x04", "\x1a\x1c", "\x1b[A", "\x15x"]))
        shell.wait(lambda: server.seen == ["a\x03b", "\x04", "\x1a\x1c", "\x1b[A", "\x15x"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("cut", [0, 1, 4])
def test_a_signal_in_the_middle_of_a_paste(server, tmp_path, number, cut):
    with Shell(server, tmp_path) as shell:
        whole = "\r".join(LINES) + END
        shell.send(BEGIN + whole[:1000])
        shell.wait(lambda: len(server.seen) > 30)
        os.kill(shell.client, number)
        # In several pieces, one of which may end within the end mark, followed by typed text.
        for piece in [whole[1000:2000], whole[2000:len(whole) - cut], whole[len(whole) - cut:] + "typed"]:
            shell.send(piece)
            time.sleep(0.05)
        shell.wait(f"left with {128 + number}")
        assert shell.left_over() == "typed"
        assert b"\x1b[?2004l" in shell.written


def test_the_client_exits_during_a_paste_without_an_end(server, tmp_path):
    with Shell(server, tmp_path) as shell:
        shell.send(BEGIN + "text")
        shell.wait("text")
        started = time.monotonic()
        os.kill(shell.client, signal.SIGTERM)
        shell.wait("left with 143")
        assert time.monotonic() - started < 3


def test_the_client_exits_during_an_endless_paste(server, tmp_path):
    with Shell(server, tmp_path) as shell:
        shell.send(BEGIN + "text")
        shell.wait("text")
        started = time.monotonic()
        os.kill(shell.client, signal.SIGTERM)
        while "left with 143" not in "\n".join(shell.lines()):
            assert time.monotonic() - started < 8
            shell.send("more and more ")
            shell.pump(0.05)


def test_ctrl_c_discards_the_rest_of_a_paste(server, tmp_path):
    server.pause = 0.05
    with Shell(server, tmp_path) as shell:
        shell.send(paste(LINES * 3))
        shell.wait(lambda: len(server.seen) > 3)
        started = time.monotonic()
        shell.send("\x03")
        shell.wait(lambda: shell.row() == PROMPT.rstrip() and re.search(r"\^C|interrupted", "\n".join(shell.lines())))
        assert time.monotonic() - started < 1.5
        shell.settle()
        seen = len(server.seen)
        assert seen < 60
        shell.send("typed\r")
        shell.wait(ANSWER + "depyt")
        assert server.seen[seen:] == ["typed"]


def test_sigint_in_the_middle_of_a_paste_discards_what_is_still_to_come(server, tmp_path):
    with Shell(server, tmp_path) as shell:
        shell.send(BEGIN + "one\rtwo\rthr")
        shell.wait(ANSWER + "owt")
        os.kill(shell.client, signal.SIGINT)
        shell.wait("^C")
        shell.send("ee\rfour\r" + END + "five\r")
        shell.wait(ANSWER + "evif")
        assert server.seen == ["one", "two", "five"]


def test_ctrl_c_ends_a_paste_whose_end_was_lost(server, tmp_path):
    with Shell(server, tmp_path) as shell:
        shell.send(BEGIN + "text")
        shell.wait("text")
        time.sleep(1.2)
        shell.send("\x03")
        shell.wait("^C")
        shell.send("exit\r")
        shell.wait("left with 0")


def test_a_large_paste_of_one_line(server):
    with client(server.port) as terminal:
        terminal.wait(PROMPT.rstrip())
        text = "".join(f"{n} " for n in range(25_000))
        started = time.monotonic()
        terminal.send(BEGIN + text + END + "\r")
        terminal.wait(lambda: server.seen == [text])
        assert time.monotonic() - started < 10


def test_long_lines_are_edited_at_once(server, tmp_path):
    history = tmp_path / "history"
    history.write_text("y" * 100_000 + "\n" + "x" * 50_000 + "\n")
    with client(server.port, REVERSED_HISTORY=str(history)) as terminal:
        terminal.wait(PROMPT.rstrip())
        for keys, seen in [("\x1b[A", "<xx"), ("\x01", "String: xx"), ("\x1b[A", "<yy"), ("\x1b[H", "String: yy"),
                           ("\x1b[F", "<yy"), ("\x7fz", "yyz"), ("\x1b[D" * 200, "yy>"), ("\x15", "String: yy"), ("\x1f", "<yy")]:
            started = time.monotonic()
            terminal.send(keys)
            terminal.wait(lambda: seen in terminal.row())
            assert time.monotonic() - started < 3, keys
        started = time.monotonic()
        terminal.send("\x1b[A\x1b[B\x03")
        terminal.wait("^C")
        assert time.monotonic() - started < 2
