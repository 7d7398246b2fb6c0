"""What the prompt shows on terminals of several widths, checked with a model of the screen."""

import pytest

from line_server import LineServer
from screen import client
from test_client_prompt import ANSWER, DOWN, HOME, LEFT, PROMPT, UP, reverse_characters

END, DELETE = "\x1b[F", "\x1b[3~"
WIDTHS = [10, 20, 40, 80]
TEXT = "".join(f"{n:02d}, " for n in range(30))[:80]


@pytest.fixture
def server():
    with LineServer(respond=reverse_characters) as running:
        yield running


def shown(terminal):
    """Returns the text of the cursor's row without the marks, and on which sides text is hidden."""
    screen = terminal.screen
    cells = screen.buffer[screen.cursor.y]
    row = "".join(cells[x].data for x in range(screen.columns)).rstrip()
    left = cells[0].reverse and row.startswith("<")
    last = max((x for x in range(screen.columns) if cells[x].data.strip()), default=0)
    right = cells[last].reverse and row.endswith(">")
    return row[1 if left else 0:len(row) - 1 if right else len(row)], left, right


def check(terminal, line, cursor, above=None):
    """Waits until `assert_shown` holds."""
    terminal.eventually(lambda: assert_shown(terminal, line, cursor, above))


def assert_shown(terminal, line, cursor, above=None):
    """The row shows the part of prompt and line around the cursor that fits, and nothing else."""
    text, left, right = shown(terminal)
    whole = PROMPT + line
    screen = terminal.screen
    what = (terminal.lines(), screen.cursor.x, line, cursor)
    if len(whole) < screen.columns - 1:
        assert text == whole.rstrip() and not left and not right and screen.cursor.x == len(PROMPT) + cursor, what
    else:
        before = len(PROMPT) + cursor - (screen.cursor.x - (1 if left else 0))
        # A cursor behind the text is on no character.
        assert whole[before:before + len(text)].rstrip() == text.rstrip(), what
        assert left == (before > 0) and right == (before + len(text) < len(whole.rstrip())), what
        assert len(text.rstrip()) + left + right >= min(len(whole.rstrip()), screen.columns * 2 // 3) - 1, what
    below = terminal.lines()[screen.cursor.y + 1:]
    assert not any(below), what
    if above is not None:
        assert terminal.lines()[:screen.cursor.y] == above, what


def start(server, columns, **options):
    terminal = client(server.port, columns=columns, **options)
    terminal.wait(lambda: shown(terminal)[0].endswith(PROMPT[-5:].rstrip()))
    terminal.settle()
    return terminal


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_line_wider_than_the_screen(server, columns):
    with start(server, columns) as terminal:
        above = terminal.lines()[:terminal.screen.cursor.y]
        for end in range(0, 81, 4):
            terminal.send(TEXT[end - 4:end] if end else "")
            check(terminal, TEXT[:end], end, above)
        for end in range(79, 34, -1):
            terminal.send("\x7f")
            check(terminal, TEXT[:end], end, above)
        for cursor in range(34, 0, -7):
            terminal.send(LEFT * 7 if cursor < 34 else LEFT)
            check(terminal, TEXT[:35], cursor, above)
        for keys, line, cursor in [(HOME, TEXT[:35], 0), (DELETE, TEXT[1:35], 0), (END, TEXT[1:35], 34), ("\x15", "", 0)]:
            terminal.send(keys)
            check(terminal, line, cursor, above)


@pytest.mark.parametrize("columns", WIDTHS)
def test_enter_shows_all_that_is_sent(server, columns):
    with start(server, columns, rows=40) as terminal:
        terminal.send(TEXT + HOME + "\r")
        answer = ANSWER + TEXT[::-1]
        terminal.wait(lambda: (answer.rstrip() in "".join(line.ljust(columns) for line in terminal.lines())))
        terminal.settle()
        text = "".join(line.ljust(columns) for line in terminal.lines())
        assert PROMPT + TEXT in text
        check(terminal, "", 0)


@pytest.mark.parametrize("columns", WIDTHS)
def test_on_the_last_row(server, columns):
    with start(server, columns, rows=4) as terminal:
        for _ in range(3):
            terminal.send("x\r")
            terminal.settle()
        assert terminal.screen.cursor.y == 3
        above = terminal.lines()[:3]
        for end in range(10, 81, 10):
            terminal.send(TEXT[end - 10:end])
            check(terminal, TEXT[:end], end, above)
        terminal.send(HOME)
        check(terminal, TEXT, 0, above)


@pytest.mark.parametrize("reflows", [False, True])
@pytest.mark.parametrize("line, back", [("", 0), (TEXT[:20], 0), (TEXT[:20], 18), (TEXT, 0), (TEXT, 40), (TEXT, 80)])
def test_resizing(server, reflows, line, back):
    """From each width to each other: the rows above stay as they are, and nothing of an older row is left."""
    with start(server, 80, rows=12, reflows=reflows) as terminal:
        terminal.greeting = terminal.lines()[0]
        terminal.send("abc\r")
        terminal.wait(ANSWER + "cba")
        terminal.send(line + LEFT * back)
        terminal.settle()
        for columns in [40, 20, 10, 20, 40, 80, 10, 80, 20, 80, 40, 80]:
            above, written = terminal.screen.cursor.y, len(terminal.written)
            terminal.resize(columns)
            # A window that changes while its row is drawn for the old size is a different case.
            terminal.wait(lambda: terminal.written[written:].endswith(b"\x1b[?7h"))

            def is_clean():
                assert_shown(terminal, line, len(line) - back)
                text = "".join(terminal.lines()[:terminal.screen.cursor.y]).replace(" ", "")
                if reflows:
                    whole = terminal.greeting + PROMPT + "abc" + ANSWER + "cba"
                    assert text.endswith("server:cba") and whole.replace(" ", "").endswith(text), terminal.lines()
                else:
                    # Such a terminal loses the text that it cuts off; the rows above stay.
                    assert terminal.screen.cursor.y == above and text.count("Enter") == 1, terminal.lines()

            is_clean()


def test_a_resize_while_an_answer_is_awaited(server):
    with start(server, 80) as terminal:
        terminal.send("abc\r" + TEXT)
        terminal.settle()
        terminal.resize(20)
        check(terminal, TEXT, 80)


@pytest.mark.parametrize("columns", WIDTHS)
def test_control_characters_have_the_width_they_show(server, columns):
    with start(server, columns) as terminal:
        terminal.send("a\x16\x01\x16\x7fb\x16\t" + LEFT)
        terminal.settle()
        text, left, _ = shown(terminal)
        whole = PROMPT + "a^A^?b^I"
        assert whole.endswith(text) and left == (text != whole)
        assert terminal.screen.cursor.x == len(text) + left - 2
        terminal.send(LEFT * 3 + "\x1b[3~" * 2)
        terminal.settle()
        assert shown(terminal)[0].endswith("ab^I"), terminal.lines()


@pytest.mark.parametrize("columns", WIDTHS)
def test_wide_characters(server, columns):
    """In the model of the screen these characters are two columns wide."""
    text = "漢字かな交じり文" * 6
    with start(server, columns) as terminal:
        above = terminal.lines()[:terminal.screen.cursor.y]
        terminal.send(text)
        for back in [0, 1, 10, 25, 48]:
            terminal.send(END + LEFT * back)
            terminal.settle()
            row, left, right = shown(terminal)
            assert row in PROMPT + text and (left or right), terminal.lines()
            cell = terminal.screen.buffer[terminal.screen.cursor.y][terminal.screen.cursor.x]
            expected = text[len(text) - back] if back else " "
            assert cell.data == expected or cell.reverse, (cell, terminal.lines())
            assert terminal.lines()[:terminal.screen.cursor.y] == above and not any(terminal.lines()[terminal.screen.cursor.y + 1:])


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_search_shows_what_it_finds(server, columns):
    with start(server, columns, rows=20, REVERSED_HISTORY="/dev/null/none") as terminal:
        for line in ["needle in a haystack", "something else"]:
            terminal.send(line + "\r")
            terminal.settle()
        terminal.send("\x12needle")
        terminal.settle()
        text, left, right = shown(terminal)
        whole = "(reverse-i-search)`needle': needle in a haystack"
        assert text in whole and (text == whole or left or right), terminal.lines()
        terminal.send("\x07")
        check(terminal, "", 0)
        terminal.send("\x12needle\r")
        terminal.wait(lambda: "kcatsyah a ni eldeen" in "".join(line.ljust(columns) for line in terminal.lines()))


def test_history_lines_of_any_length(server):
    with start(server, 40, rows=30) as terminal:
        terminal.send(TEXT + "\r" + "short\r")
        terminal.settle()
        for key, line in [(UP, "short"), (UP, TEXT), (DOWN, "short"), (DOWN, "")]:
            terminal.send(key)
            check(terminal, line, len(line))
