"""A daemon under test: starts it, waits for it, watches it, stops it.

In every test, `Daemon.stop` checks that the daemon did not die by a signal, logged no crash and kept no socket of a client
that has disconnected.
"""

import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRASH = re.compile(r"Fatal error|BUG IN|Illegal instruction|Crash|\*\*\*|AddressSanitizer|registered worker exited")

# The daemon must not inherit these from the environment of the tests.
CLEARED = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM")


def binary():
    return os.environ.get("REVERSED", str(ROOT / ".build/release/reversed"))


def eventually(condition, seconds=10, every=0.005):
    """Polls a condition until it holds, and returns its value; for conditions without an event to wait for."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result or time.monotonic() > deadline:
            return result
        time.sleep(every)


def environment(**changes):
    variables = {name: value for name, value in os.environ.items() if name not in CLEARED}
    variables.update({name: str(value) for name, value in changes.items()})
    return variables


class Daemon:
    def __init__(self, directory, config="port = 0\n", flags=(), env=None, files=None, prefix=(), stderr=subprocess.PIPE,
                 pass_fds=()):
        self.directory = pathlib.Path(directory)
        self.config_path = self.directory / "reversed.toml"
        self.configure(config)
        self.lines = []
        self.changed = threading.Condition()
        self.stopped = False

        def limit_files():
            if files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        self.process = subprocess.Popen(
            [*prefix, binary(), "--config", str(self.config_path), *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, env=env if env is not None else environment(),
            preexec_fn=limit_files if files is not None else None, pass_fds=pass_fds)
        self.reader = None
        if stderr == subprocess.PIPE:
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()

    @property
    def pid(self):
        return self.process.pid

    def configure(self, text):
        """Replaces the settings file by text, or by any bytes. It is renamed into place, because the daemon may be reading
        it, and a file that is empty for a moment means the defaults."""
        new = self.config_path.with_suffix(".new")
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.replace(self.config_path)

    # Its log.

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.reader = None
            self.changed.notify_all()

    def wait_for_log(self, pattern, seconds=10, after=0, count=1):
        """Waits for the `count`th line of the log that matches the pattern, from line number `after` on."""
        def find():
            found = [line for line in self.lines[after:] if re.search(pattern, line)]
            return found[count - 1] if len(found) >= count else None

        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                line = find()
                if line:
                    return line
                left = deadline - time.monotonic()
                assert left > 0 and self.reader, f"no line with {pattern!r} in:\n" + "\n".join(self.lines[-30:])
                self.changed.wait(left)

    def logged(self, pattern):
        with self.changed:
            return [line for line in self.lines if re.search(pattern, line)]

    def wait_until_listening(self, listeners=1):
        self.wait_for_log("listening on ", count=listeners)
        self.idle_sockets = self.sockets()
        self.idle_descriptors = self.descriptors()
        return self

    @property
    def addresses(self):
        """The addresses on which it logged that it listens, in order."""
        return [line.split("listening on ")[1] for line in self.logged("(?<!reloaded, )listening on ")]

    @property
    def ports(self):
        return [int(re.search(r":(\d+)(?: |$)", address)[1]) for address in self.addresses if re.search(r":(\d+)(?: |$)", address)]

    @property
    def port(self):
        return self.ports[0]

    # The process.

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None, fails=False):
        """Reloads and waits for the end of the reload; returns the lines that were logged meanwhile."""
        if config is not None:
            self.configure(config)
        before = len(self.lines)
        self.signal(signal.SIGHUP)
        self.wait_for_log("reload failed" if fails else "reloaded", after=before)
        return self.lines[before:]

    def wait(self, seconds=20):
        code = self.process.wait(seconds)
        self.stopped = True
        if self.reader:
            self.reader.join(5)
        return code

    def sockets(self):
        count = 0
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            try:
                count += os.readlink(entry.path).startswith("socket:")
            except OSError:
                pass
        return count

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self):
        """Its resident anonymous memory in bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) * 1024

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Stops it if the test has not, and fails the test if the daemon has crashed or leaked."""
        leaked = None
        if not self.stopped and self.process.poll() is None:
            if hasattr(self, "idle_sockets"):
                # The clients have disconnected; the kernel and the lingering close take up to 2 s.
                if not eventually(lambda: self.sockets() <= self.idle_sockets, 6, 0.02):
                    leaked = f"{self.sockets()} sockets, {self.idle_sockets} when idle"
                # Descriptors other than sockets: libdispatch opens some when it first needs them.
                if self.descriptors() > self.idle_descriptors + 12:
                    leaked = f"{self.descriptors()} descriptors, {self.idle_descriptors} when idle"
            self.signal(signal.SIGTERM)
            try:
                code = self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("SIGTERM did not end the daemon:\n" + self.tail())
        else:
            code = self.process.poll()
        if self.reader:
            self.reader.join(5)
        self.process.stdout.close()
        assert code >= 0, f"killed by signal {-code}:\n" + self.tail()
        assert not self.logged(CRASH.pattern), self.tail()
        assert not leaked, leaked
        assert self.stopped or code == 0, f"exit {code}:\n" + self.tail()

    def tail(self):
        return "\n".join(self.lines[-30:])


def run(directory, config="port = 0\n", *flags, env=None, prefix=(), seconds=20):
    """Runs a daemon that is expected to exit by itself."""
    path = pathlib.Path(directory) / "reversed.toml"
    path.write_bytes(config if isinstance(config, bytes) else config.encode())
    result = subprocess.run([*prefix, binary(), "--config", str(path), *flags], stdin=subprocess.DEVNULL,
                            capture_output=True, env=env if env is not None else environment(), timeout=seconds)
    assert result.returncode >= 0, f"killed by signal {-result.returncode}: {result.stderr.decode(errors='replace')}"
    assert not CRASH.search(result.stderr.decode(errors="replace")), result.stderr
    return result


# Sockets that are passed in.

# Moves the descriptors to 3 and up, as systemd does, sets LISTEN_PID to its own id, and executes the daemon.
ACTIVATE = """
import os, sys
descriptors = [int(number) for number in sys.argv[1].split(",")]
high = [os.dup2(number, 1000 + index) for index, number in enumerate(descriptors)]
for index, number in enumerate(high):
    os.dup2(number, 3 + index)
os.closerange(3 + len(high), 2000)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(high))
os.execv(sys.argv[2], sys.argv[2:])
"""


def is_listener(each):
    return each.type == socket.SOCK_STREAM and each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
