"""On a terminal, control characters of answers are shown as text; a pipe or a file gets every byte unchanged."""

import json
import subprocess

import pytest

from line_server import LineServer, client_path, run_client
from screen import Terminal, client
from test_client_prompt import PROMPT

TITLE = b"\x1b]0;owned\x07"
CONTROLS = bytes(range(1, 32)).replace(b"\t", b"").replace(b"\n", b"") + b"\x7f" + "".join(map(chr, range(0x80, 0xa0))).encode()


@pytest.fixture
def server():
    def respond(connection):
        """A server that answers with the same bytes, so that the test decides what arrives."""
        while data := connection.recv(65536):
            connection.sendall(data)

    with LineServer(respond=respond) as running:
        yield running


def run(server, how, text, *flags):
    """Returns what the terminal gets, without the echo of the keys."""
    program = [client_path(), "-p", str(server.port), *flags]
    if how == "text":
        command = [*program, "--", text]
    else:
        command = ["sh", "-c", 'text=$1; shift; printf "%s\\n" "$text" | "$@"', "sh", text, *program]
    with Terminal(command) as terminal:
        assert terminal.finish() == 0
        return bytes(terminal.written), terminal.screen


@pytest.mark.parametrize("how", ["text", "pipe"])
def test_a_terminal_gets_no_control_characters_of_an_answer(server, how):
    written, screen = run(server, how, TITLE)
    assert screen.title == "" and written == b"^[]0;owned^G\r\n"
    written, _ = run(server, how, CONTROLS)
    assert written.startswith(b"^A^B^C") and b"^?<U+0080>" in written and written.endswith(b"<U+009F>\r\n")
    assert all(byte >= 0x20 for byte in written[:-2])
    assert run(server, how, "tab\tand é 漢 👨‍👩‍👧".encode())[0] == "tab\tand é 漢 👨‍👩‍👧\r\n".encode()
    assert run(server, how, b"\x9b31m\xff")[0] == b"<9B>31m\xff\r\n"


@pytest.mark.parametrize("how", ["text", "pipe"])
def test_raw(server, how):
    written, screen = run(server, how, TITLE, "--raw")
    assert screen.title == "owned" and written == TITLE + b"\r\n"


@pytest.mark.parametrize("flags", [[], ["--raw"]])
def test_at_the_prompt(server, flags):
    with client(server.port, *flags) as terminal:
        terminal.wait(PROMPT.rstrip())
        terminal.send("\x1b[200~" + TITLE.decode() + "\u009b2J\x1b[201~\r")
        if flags:
            terminal.wait(lambda: terminal.screen.title == "owned")
        else:
            terminal.wait("server:^[]0;owned^G<U+009B>2J")
            assert terminal.screen.title == ""


@pytest.mark.parametrize("flags", [[], ["--raw"]])
def test_a_pipe_and_a_file_get_every_byte(server, tmp_path, flags):
    data = TITLE + CONTROLS + b"\x9b\xff\n"
    assert run_client("-p", str(server.port), *flags, stdin=data).stdout == data
    assert run_client("-p", str(server.port), *flags, "--", data[:-1]).stdout == data
    with open(tmp_path / "out", "wb") as out:
        assert run_client("-p", str(server.port), *flags, stdin=data, stdout=out).returncode == 0
    assert (tmp_path / "out").read_bytes() == data


def test_much_output_to_a_slow_terminal(server):
    """Each control character becomes several bytes, and a terminal takes few bytes at once."""
    lines = 20000
    script = f'i=0; while [ $i -lt {lines} ]; do printf "\\033\\302\\233 %d\\n" $i; i=$((i+1)); done | "$@"'
    with Terminal(["sh", "-c", script, "sh", client_path(), "-p", str(server.port)]) as terminal:
        assert terminal.finish() == 0
        expected = b"".join(b"^[<U+009B> %d\r\n" % n for n in range(lines))
        assert bytes(terminal.written) == expected


def test_json_escapes_all_control_characters(server):
    result = run_client("-p", str(server.port), "--json", "--", TITLE + CONTROLS)
    assert result.returncode == 0
    printed = result.stdout.rstrip(b"\n")
    assert not any(ord(character) < 0x20 or 0x7f <= ord(character) < 0xa0 for character in printed.decode())
    assert json.loads(printed)["answer"] == (TITLE + CONTROLS).decode()
