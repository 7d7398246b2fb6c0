"""A short run of the daemon: start, clients of every kind, a reload, a stop. It is checked from outside.

If any call in it fails once, the daemon continues and answers other clients, or exits at the start with a message and a
documented code. Nothing leaks, the log stays short, and it does not spin.
"""

import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import connect, reset, reverse_ascii
from daemon import CRASH, Daemon, eventually

CODES_AT_START = (69, 71, 78)
LINE = b"x" * 999 + b"\n"
PATIENCE = 6  # seconds until a client must be answered
MOST_LINES = 120
MOST_PROCESSOR = 4.0  # seconds, including the time of strace
IDLE_PROCESSOR = 0.15  # seconds, in a quarter of a second without clients


class Wrong(Exception):
    """A client got bytes that are not the answer."""


class DaemonLife:
    def __init__(self, directory, prefix=()):
        self.directory = pathlib.Path(directory)
        self.path = self.directory / "socket"
        self.faults = []
        self.daemon = Daemon(directory, self.config(1), prefix=prefix)
        # The caller decides whether the daemon could have survived.
        self.code = None
        self.patience = PATIENCE
        self.reached = "start"

    def config(self, generation):
        """Returns the settings; those of the second generation have another TCP listener."""
        moved = "ipv6_only = false\n" if generation == 1 else ""
        host = "127.0.0.1" if generation == 1 else "127.0.0.2"
        return (f"[[listener]]\nhost = '{host}'\nport = 0\n{moved}[[listener]]\npath = '{self.path}'\n"
                "[limits]\ndrain_timeout = '1s'\nmax_connections = 100\n")

    def fault(self, text):
        self.faults.append(f"{self.reached}: {text}")

    def run(self):
        """Runs all steps; returns the faults."""
        try:
            if self.start():
                for step in (self.serve, self.busy, self.rude, self.reload, self.serve, self.settle, self.stop):
                    self.reached = step.__name__
                    step()
                    if self.has_ended():
                        break
        except Wrong as error:
            self.fault(f"a wrong answer: {error}")
        finally:
            self.end()
        return self.faults

    # Steps.

    def start(self):
        # The log may be what fails, so do not rely on it.
        if not eventually(lambda: self.has_ended() or (self.address() and self.path.exists()), 20, 0.01):
            self.fault("neither listens nor ends within 20 s")
            return False
        if not self.has_ended():
            eventually(lambda: self.has_ended() or self.daemon.logged("listening on .*socket"), 0.3)
        if self.has_ended():
            self.code = self.daemon.wait()
            self.judge_end(CODES_AT_START)
            return False
        return True

    def serve(self):
        for address in (self.address, lambda: self.path):
            deadline = time.monotonic() + self.patience
            while not self.ask(address, b"hello\r\n", b"first\nsecond\n"):
                if self.has_ended():
                    return
                if time.monotonic() > deadline:
                    return self.fault(f"no answer within {self.patience} s at {address()}")
                time.sleep(0.05)

    def busy(self):
        """Two clients at once, busy enough to be moved to a hot loop."""
        self.ask(self.address, *[b"again\n"] * 25)
        with contextlib.suppress(OSError), connect(self.path) as one, connect(self.path) as other:
            for client in (one, other) * 10:
                self.exchange(client, b"in turn\n")

    def rude(self):
        with contextlib.suppress(OSError):
            half, blocked, rst = connect(self.address()), connect(self.path), connect(self.address())
            for client in (half, blocked, rst):
                client.settimeout(3)
            half.sendall(b"half a line")
            rst.sendall(b"line\nhalf")
            reset(rst)
            blocked.setblocking(False)
            sent = 0
            while select.select([], [blocked], [], 0.05)[1] and sent < 4 << 20:
                sent += blocked.send(memoryview(LINE * 100)[sent % len(LINE):])
            blocked.settimeout(3)
            self.read(blocked, (LINE[-2::-1] + b"\n") * (sent // len(LINE)))
            half.sendall(b"\n")
            self.read(half, b"enil a flah\n")
            half.close()
            blocked.close()

    def reload(self):
        # strace counts in each thread, so the call may fail in more than one reload.
        for attempt in range(5):
            before = len(self.daemon.lines)
            self.daemon.configure(self.config(2))
            self.daemon.signal(signal.SIGHUP)
            if eventually(lambda: self.has_ended() or self.address("127.0.0.2") and not self.address("127.0.0.1"), 2):
                return
            if not any("reload failed" in line or "cannot" in line for line in self.daemon.lines[before:]):
                # Wait a moment longer for the log, and for the old listener to close.
                if not eventually(lambda: self.daemon.logged("reload failed|reloaded"), 3):
                    self.fault("SIGHUP changed nothing, and the log has no reason")
                    return
        if not self.address("127.0.0.2"):
            self.fault("five SIGHUPs did not move the listener")

    def settle(self):
        """All clients have disconnected: no socket may stay open, and no thread may be busy."""
        listeners = 2
        if not eventually(lambda: self.has_ended() or self.sockets() <= listeners, 6, 0.02):
            self.fault(f"{self.sockets()} sockets are open, {listeners} listen")
        if self.has_ended():
            return
        before = self.daemon.processor_seconds()
        time.sleep(0.25)
        if (used := self.daemon.processor_seconds() - before) > IDLE_PROCESSOR:
            self.fault(f"{used:.2f} s of processor time in a quarter of a second without clients")
        if (used := self.daemon.processor_seconds()) > MOST_PROCESSOR:
            self.fault(f"{used:.1f} s of processor time in all")

    def stop(self):
        half = None
        with contextlib.suppress(OSError):
            half = connect(self.address())
            half.sendall(b"whole\nhalf")
            self.read(half, b"elohw\n")
        self.daemon.signal(signal.SIGTERM)
        if not eventually(self.has_ended, 8):
            self.fault("SIGTERM did not end it within 8 s")
            self.daemon.signal(signal.SIGTERM)
            if not eventually(self.has_ended, 5):
                self.fault("nor did the second")
            return
        self.code = self.daemon.wait()
        if self.code != 0:
            self.judge_end((71,))
        if half:
            with contextlib.suppress(OSError), half:
                half.settimeout(1)
                if rest := half.recv(100):
                    self.fault(f"half a line was answered at the stop: {rest!r}")

    # Checks.

    def has_ended(self):
        return self.daemon.process.poll() is not None

    def judge_end(self, codes):
        """The program has exited by itself: it must have a documented code and a message."""
        text = "\n".join(self.daemon.lines)
        if self.code < 0:
            return self.fault(f"killed by {signal.Signals(-self.code).name}")
        # The dynamic loader ends a program before its first instruction.
        if self.code == 127 and "error while loading shared libraries" in text:
            return
        if self.code not in codes:
            self.fault(f"exit code {self.code}")
        if not re.search(r"\w+ \w+.*\w: \w+|cannot|no events", text):
            self.fault(f"ended with {self.code} and without a sentence")

    def end(self):
        if self.has_ended() and self.code is None:
            self.code = self.daemon.wait()
            self.fault(f"ended by itself: exit {self.code}" if self.code >= 0
                       else f"killed by {signal.Signals(-self.code).name}")
        if not self.has_ended():
            self.daemon.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.daemon.process.wait(10)
        if self.daemon.reader:
            self.daemon.reader.join(5)
        self.daemon.process.stdout.close()
        if crash := self.daemon.logged(CRASH.pattern):
            self.fault(f"the log has {crash[0]!r}")
        if len(self.daemon.lines) > MOST_LINES:
            self.fault(f"{len(self.daemon.lines)} lines of log")

    # Clients.

    def ask(self, address, *lines):
        """Whether a new client got the right answers. An end of file or an error is not a wrong answer."""
        try:
            with connect(address()) as client:
                client.settimeout(2)
                return all([self.exchange(client, line) for line in lines])
        except OSError:
            return False

    def exchange(self, client, request):
        answer = b"".join(reverse_ascii(line) for line in request.splitlines(keepends=True))
        client.sendall(request)
        return self.read(client, answer)

    @staticmethod
    def read(client, expected):
        """Whether the whole answer arrived. Fewer bytes mean that the connection ended; different bytes are a fault."""
        received = 0
        while received < len(expected):
            piece = client.recv(1 << 16)
            if piece != expected[received:received + len(piece)]:
                raise Wrong(f"{piece[:60]!r} instead of {expected[received:received + 60]!r}")
            if not piece:
                return False
            received += len(piece)
        return True

    # Facts that are found without the log.

    def address(self, host=None):
        """Where it listens on TCP: (host, port), the last one opened; None if nowhere."""
        inodes = {inode for inode in self.inodes() if inode}
        addresses = []
        with contextlib.suppress(OSError):
            for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    host_part, port = fields[1].split(":")
                    addresses.append((socket.inet_ntoa(bytes.fromhex(host_part)[::-1]), int(port, 16)))
        addresses = [address for address in addresses if host in (None, address[0])]
        return max(addresses) if addresses else None

    def inodes(self):
        for entry in self.descriptors():
            if match := re.match(r"socket:\[(\d+)\]", entry):
                yield match[1]

    def sockets(self):
        return len(list(self.inodes()))

    def descriptors(self):
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{self.daemon.pid}/fd"):
                with contextlib.suppress(OSError):
                    yield os.readlink(entry.path)
