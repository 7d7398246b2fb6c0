"""A short run of the client in each of its modes, checked from outside.

If any call in it fails once, the output is correct as far as it goes, exit code 0 means that it is complete, and any other
exit has a documented code and a message.
"""

import contextlib
import fcntl
import os
import pathlib
import pty
import re
import resource
import select
import signal
import subprocess
import termios
import time

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from daemon import CRASH
from line_server import LineServer, client_path, environment, reversed_lines

CODES = (0, 69, 74, 75, 76)
PATIENCE = 25  # seconds; the longest timeout of the client is 10 s
MOST_PROCESSOR = 4.0  # seconds, including the time of strace
LINES = b"".join(b"line %d of a stream\n" % number for number in range(300)) + b"the end"


class ClientLife:
    def __init__(self, mode, directory, prefix=()):
        self.mode = mode
        self.directory = pathlib.Path(directory)
        self.prefix = prefix
        self.code = None
        self.faults = []
        self.output = b""
        self.errors = b""

    def run(self):
        with LineServer() as server:
            self.arguments = [client_path(), "-p", str(server.port), "--timeout", "5s"]
            getattr(self, self.mode)()
        self.judge_end()
        return self.faults

    # Modes.

    def text(self):
        self.pipe([*self.arguments, "one", "two words", "three"], b"")
        self.judge_output(b"eno\nsdrow owt\neerht\n")

    def stream(self):
        self.pipe([*self.arguments, "--retry-for", "3s"], LINES)
        self.judge_output(reversed_lines(LINES))

    def ping(self):
        self.pipe([*self.arguments, "--ping", "--count", "3", "--interval", "20ms"], b"")
        if self.code == 0 and b"3 sent, 3 answered, 0 lost, 0 wrong" not in self.output:
            self.fault(f"exit code 0 after {self.output[-200:]!r}")

    def prompt(self):
        self.converse("xterm-256color")

    def plain(self):
        self.converse("dumb")

    def converse(self, terminal_type):
        master, slave = pty.openpty()

        def terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        env = environment(TERM=terminal_type, LANG="C.UTF-8", REVERSED_HISTORY=str(self.directory / "history"))
        process = subprocess.Popen([*self.prefix, *self.arguments], stdin=slave, stdout=slave, stderr=slave, env=env,
                                   preexec_fn=terminal)
        os.close(slave)
        typed = [(b"Enter a String: ", b"ADVANCE\r"), (b"ECNAVDA", b"once more\r"), (b"erom ecno", b"exit\r")]
        deadline = time.monotonic() + PATIENCE
        since, quiet_since = 0, time.monotonic()
        while True:
            if time.monotonic() > deadline:
                break
            if not select.select([master], [], [], 0.2)[0]:
                # The output may be what failed. Type anyway, as a person would.
                if time.monotonic() > quiet_since + 2:
                    quiet_since = time.monotonic()
                    os.write(master, typed.pop(0)[1] if typed else b"\x04")
                continue
            try:
                piece = os.read(master, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            self.output += piece
            quiet_since = time.monotonic()
            if typed and typed[0][0] in self.output[since:]:
                since = len(self.output)
                with contextlib.suppress(OSError):
                    os.write(master, typed.pop(0)[1])
        os.close(master)
        self.finish(process, deadline)
        self.errors = self.output
        for line, answer in (b"ADVANCE\r", b"ECNAVDA"), (b"once more\r", b"erom ecno"):
            is_served = answer in self.output or b"reverse-client: " in self.output
            if self.code == 0 and line in self.output and not is_served:
                self.fault(f"exit code 0 although a line has no answer, {self.output[-200:]!r}")

    # Running.

    def pipe(self, command, data):
        (self.directory / "input").write_bytes(data)
        with open(self.directory / "input", "rb") as stdin, open(self.directory / "out", "w+b") as out, \
                open(self.directory / "err", "w+b") as err:
            process = subprocess.Popen([*self.prefix, *command], stdin=stdin, stdout=out, stderr=err, env=environment())
            self.finish(process, time.monotonic() + PATIENCE)
        self.output = (self.directory / "out").read_bytes()
        self.errors = (self.directory / "err").read_bytes()

    def finish(self, process, deadline):
        """Waits for the end with wait4(2), which returns the processor time."""
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                self.fault(f"still running after {PATIENCE} s")
                process.kill()
                _, status, usage = os.wait4(process.pid, 0)
                break
            time.sleep(0.005)
        process.returncode = self.code = os.waitstatus_to_exitcode(status)
        if (used := usage.ru_utime + usage.ru_stime) > MOST_PROCESSOR:
            self.fault(f"{used:.1f} s of processor time")

    # Checks.

    def fault(self, text):
        self.faults.append(text)

    def judge_output(self, expected):
        if not expected.startswith(self.output):
            self.fault(f"a wrong answer: {self.output[-200:]!r}")
        elif self.code == 0 and self.output != expected:
            self.fault(f"exit code 0 after {len(self.output)} of {len(expected)} bytes")

    def judge_end(self):
        if CRASH.search(self.errors.decode(errors="replace")):
            self.fault(f"standard error has {self.errors[-200:]!r}")
        if self.code == 127 and b"error while loading shared libraries" in self.errors:
            return
        if self.code < 0:
            # As cat(1) ends when its reader has exited.
            if not (self.code == -signal.SIGPIPE and any("error=EPIPE" in word for word in self.prefix)):
                self.fault(f"killed by {signal.Signals(-self.code).name}")
        elif self.code not in CODES:
            self.fault(f"exit code {self.code}: {self.errors[-200:]!r}")
        elif self.code != 0 and not re.search(rb"reverse-client: .+ .+|: seq=\d+ .+", self.errors + self.output):
            self.fault(f"ended with {self.code} and without a sentence: {self.errors[-200:]!r}")
        if self.errors.count(b"\n") > 60:
            self.fault(f"{self.errors.count(bytes([10]))} lines of messages")
