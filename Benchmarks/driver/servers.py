"""The subject and its peers: how each is started, and how it is stopped again."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import tools

SUBJECT = "reversed"
# The same program on one core, and an earlier release, if REVERSED_BEFORE names its binary.
ONE_CORE = "reversed-one"
BEFORE = "before"
OURS = [SUBJECT, ONE_CORE, BEFORE]

# Their names in the report. All answer the same lines.
NAMES = {
    SUBJECT: "reversed",
    ONE_CORE: "reversed on one core",
    BEFORE: "reversed, the release before",
    "epoll-1": "C epoll, one loop",
    "epoll-n": "C epoll, a loop per core",
    "nio": "SwiftNIO",
    "go": "Go",
    "uvloop": "Python, asyncio on uvloop",
    "node": "Node",
    "threads": "Python, a thread per client",
    "socat": "socat, a fork per client",
}
LIMITS = ["epoll-1", "epoll-n"]

CORES = sorted(os.sched_getaffinity(0))

SETTINGS = """\
host = "127.0.0.1"
port = {port}

[limits]
max_connections = 60000

[log]
level = "warning"
connections = false
"""


class Unable(Exception):
    """The reason why a server cannot do the work."""


class Server:
    """A running server. It leads its own session, so that all its processes are known and can be stopped."""

    def __init__(self, name, environment=None, wait=True, cores=None, cost=0, flags=()):
        """`cores`: the cores to run on; it starts one loop for each. `cost`: COST of epoll.c."""
        self.name = name
        self.cores = {CORES[-1]} if name == ONE_CORE else cores
        self.loops = len(self.cores or CORES)
        self.cost = cost
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        self.log = open(Path(self.folder.name) / "log", "w+b")
        command = [str(word) for word in [*self.command(), *flags]]
        if self.cores:
            command = ["taskset", "-c", ",".join(map(str, sorted(self.cores))), *command]
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            env={**os.environ, "GOMAXPROCS": str(self.loops), **(environment or {})},
        )
        if wait:
            self.wait_until_it_listens()

    def command(self):
        python = tools.VENV / "bin" / "python"
        peers = tools.HERE / "Peers"
        match self.name:
            case "reversed" | "reversed-one" | "before":
                settings = Path(self.folder.name) / "reversed.toml"
                settings.write_text(SETTINGS.format(port=self.port))
                return [self.subject(), "--config", settings]
            case "epoll-1":
                return [tools.BUILT / "epoll", self.port, 1, self.cost]
            case "epoll-n":
                return [tools.BUILT / "epoll", self.port, self.loops, self.cost]
            case "nio":
                return [tools.HERE / ".build" / "release" / "nio-peer", self.port, self.loops, self.cost]
            case "go":
                return [tools.BUILT / "go-peer", self.port, self.cost]
            case "uvloop":
                return [python, peers / "uvloop_server.py", self.port]
            case "node":
                return ["node", peers / "node.js", self.port]
            case "threads":
                return [python, peers / "threads.py", self.port]
            case "socat":
                # rev buffers its output to a pipe; with stdbuf it writes each line at once.
                listen = f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=4096"
                return ["socat", listen, "EXEC:stdbuf -oL rev"]
        raise ValueError(self.name)

    def subject(self):
        if self.name != BEFORE:
            return tools.subject("reversed", "REVERSED")
        if before := os.environ.get("REVERSED_BEFORE"):
            return Path(before).resolve()
        raise Unable("REVERSED_BEFORE does not name the program of an earlier release")

    @property
    def pid(self):
        return self.process.pid

    def wait_until_it_listens(self):
        """Returns the seconds since it was started."""
        while time.monotonic() - self.began < 20:
            if self.process.poll() is not None:
                raise Unable(f"ended with {self.process.returncode}: {self.end_of_log()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return time.monotonic() - self.began
            except ConnectionRefusedError:
                time.sleep(0.0005)
        self.stop()
        raise Unable("did not listen within 20 seconds")

    def end_of_log(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-300:].decode(errors="replace").strip().replace("\n", " / ")

    def session(self):
        """The processes of this server."""
        members = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    stat = (entry / "stat").read_text()
                except OSError:
                    continue
                if int(stat.rpartition(")")[2].split()[3]) == self.pid:
                    members.append(int(entry.name))
        return members

    def resident(self):
        """Its user memory in bytes, with shared pages counted once (Pss)."""
        total = 0
        for pid in self.session():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def thread_times(self):
        """Nanoseconds of processor time of each thread of its first process, with the end of the thread's name."""
        times = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                spent = int((task / "schedstat").read_text().split()[0])
                times[task.name] = (spent, (task / "comm").read_text().strip())
            except OSError:
                pass  # a thread that has just ended
        return times

    def resident_set(self):
        """The VmRSS of its first process in bytes, as in `ps`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def settle(self):
        """Waits until it is idle after the last run, so that it takes no time from the next server."""
        process_clock = (~self.pid << 3) | 2  # clock_getcpuclockid(3)
        for _ in range(100):
            before = time.clock_gettime(process_clock)
            time.sleep(0.02)
            if time.clock_gettime(process_clock) - before < 0.002:
                break

    def stop(self):
        for force in [signal.SIGTERM, signal.SIGKILL]:
            for pid in self.session():
                try:
                    os.kill(pid, force)
                except ProcessLookupError:
                    pass
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                continue
            if not self.session():
                break
        self.log.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
