"""A terminal for a test, with a model of its screen (pyte)."""

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte

from line_server import client_path, environment

PATIENCE = 15


class Terminal:
    """Runs a program on a pty of this size, and keeps the screen that its output draws.

    With `reflows` the terminal wraps its rows when it becomes narrower, and reports its cursor position when asked.
    """

    def __init__(self, command, columns=80, rows=10, reflows=False, **variables):
        self.screen = pyte.Screen(columns, rows)
        self.replies = []
        self.screen.write_process_input = self.replies.append if reflows else lambda text: None
        self.stream = pyte.ByteStream(self.screen)
        self.reflows = reflows
        self.written = bytearray()
        variables = dict(TERM="xterm-256color", REVERSED_HISTORY="", LANG="C.UTF-8", NO_COLOR="1") | variables
        env = environment(**variables)
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], command, env)
        self.status = None

    def pump(self, seconds):
        """Reads output of the program for at most this many seconds; false at its end or if there was none."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.written += data
        self.stream.feed(data)
        while self.replies:
            os.write(self.master, self.replies.pop(0).encode())
        return bool(data)

    def wait(self, what, seconds=PATIENCE):
        """Waits until `what()` is true, or the text `what` is on the screen."""
        true = what if callable(what) else lambda: what in "\n".join(self.lines())
        deadline = time.monotonic() + seconds
        while not true():
            left = deadline - time.monotonic()
            assert left > 0, f"not seen: {what if isinstance(what, str) else what.__name__}\n" + "\n".join(self.lines())
            self.pump(min(left, 0.5))

    def eventually(self, check, seconds=PATIENCE):
        """Waits until `check()` raises no AssertionError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return check()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            self.pump(0.1)

    def settle(self):
        """Reads output until there has been none for a moment."""
        while self.pump(0.15):
            pass

    def send(self, text):
        data = text.encode() if isinstance(text, str) else text
        while data:
            _, ready, _ = select.select([], [self.master], [], PATIENCE)
            assert ready, "the program takes no input"
            data = data[os.write(self.master, data[:1024]):]
            while self.pump(0):
                pass

    def resize(self, columns, rows=None):
        rows = rows or self.screen.lines
        if self.reflows:
            reflow(self.screen, columns)
        else:
            self.screen.resize(rows, columns)
            self.screen.cursor.x = min(self.screen.cursor.x, columns - 1)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def row(self):
        """The text of the cursor's row."""
        return self.lines()[self.screen.cursor.y]

    def finish(self):
        """Waits for the end of the program and returns its exit status as a shell shows it."""
        deadline = time.monotonic() + PATIENCE
        while self.status is None:
            assert time.monotonic() < deadline, "the program does not end\n" + "\n".join(self.lines())
            self.pump(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        while self.pump(0.1):
            pass
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -signal.SIGKILL
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def client(port, *arguments, **options):
    return Terminal([client_path(), "-p", str(port), *arguments], **options)


def reflow(screen, columns):
    """Makes the screen narrower as VTE, kitty, tmux and others do: rows that are too long are wrapped."""
    rows, cursor = [], None
    for y in range(screen.lines):
        text = screen.display[y].rstrip()
        if y == screen.cursor.y:
            text = text.ljust(screen.cursor.x)
            cursor = (len(rows) + screen.cursor.x // columns, screen.cursor.x % columns)
        pieces = [text[at:at + columns] for at in range(0, len(text), columns)] or [""]
        if y == screen.cursor.y and screen.cursor.x // columns >= len(pieces):
            pieces.append("")
        rows += pieces
    while rows and not rows[-1] and len(rows) - 1 > cursor[0]:
        rows.pop()
    lines = screen.lines
    lost = max(0, len(rows) - lines)
    screen.resize(lines, columns)
    screen.erase_in_display(2)
    for y, text in enumerate(rows[lost:]):
        screen.cursor_position(y + 1, 1)
        screen.draw(text)
    screen.cursor_position(cursor[0] - lost + 1, cursor[1] + 1)
