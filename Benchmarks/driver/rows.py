"""The rows of the benchmark: one function for each, by its name for --only."""

import contextlib
import json
import os
import resource
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import tools
from .pairs import begin, compare, load, report
from .servers import BEFORE, CORES, LIMITS, ONE_CORE, OURS, SUBJECT, Server, Unable
from .statistics import Metric

PEERS = [*LIMITS, "nio", "go", "uvloop", "node", "threads"]
FORKING = [*PEERS, "socat"]  # for rows with few enough clients for a fork each


def closed(title, clients, in_flight=1, length=15, peers=PEERS, placement="any", left_out=()):
    def row(plan):
        options = ["--clients", clients, "--in-flight", in_flight, "--length", length]
        # A round of very many clients takes longer than the warm-up for few.
        round_trip = clients / 10_000
        window = ["--warm-up", max(plan.warm_up, round_trip), "--duration", max(plan.duration, round_trip)]
        result = compare(plan, peers, lambda server: load("closed", server, *options, *window), placement)
        result["notes"] += [{"server": server, "note": f"left out: {reason}"} for server, reason in left_out]
        return result

    row.title = title
    return row


def connect(plan):
    window = ["--warm-up", plan.warm_up, "--duration", plan.duration]
    return compare(plan, FORKING, lambda server: load("connect", server, "--clients", 64, *window))


# Work for several cores: many lines of Devanagari or emoji at once, which need segmentation. The peers reverse bytes, which costs
# almost nothing, so each also does some table look-ups for every byte.
SPREADING = [ONE_CORE, BEFORE, *LIMITS, "nio", "go"]
COST = 2


@contextlib.contextmanager
def lines_of(text, size):
    """Returns a function from a server to options of the generator: the lines of a text, and the expected answers."""
    with tempfile.TemporaryDirectory() as folder:
        lines, by_characters, by_bytes = (Path(folder) / name for name in ["lines", "characters", "bytes"])
        write(text, lines, by_characters, size)
        by_bytes.write_bytes(b"".join(line[::-1] + b"\n" for line in lines.read_bytes().split(b"\n")[:-1]))

        def options(server):
            return ["--requests", lines, "--answers", by_characters if server.name in OURS else by_bytes]

        yield options


def blocks(clients):
    """Every client has 256 KiB of Devanagari lines in flight. The generator counts blocks of 64 KiB instead of lines, so it takes
    little time from the server, with which it shares the processors."""

    def row(plan):
        # Time for the server to find out how many loops it needs.
        window = ["--warm-up", max(plan.warm_up, 0.5), "--duration", max(plan.duration, 1.0)]
        with lines_of("devanagari", 270_000) as options:
            def measure(server):
                flight = ["--clients", clients, "--block", 65_536, "--in-flight", 4]
                return load("closed", server, *flight, *options(server), *window, cores=CORES)

            return {**compare(plan, SPREADING, measure, cost=COST), "cost": COST}

    row.title = f"blocks of Devanagari lines, 256 KiB in flight, {clients} clients"
    return row


def flood(clients):
    """A quiet client with one short line in flight, beside clients that send blocks of 256 KiB without a pause."""

    def row(plan):
        duration = max(plan.duration, 1.0)
        flooding = {}

        with lines_of("emoji", 1_100_000) as options:
            def measure(server):
                flight = ["--clients", clients, "--block", 262_144, "--in-flight", 2]
                window = ["--warm-up", 0.5, "--duration", duration + 0.5]
                flood = begin("closed", server, *flight, *options(server), *window, cores=CORES)
                try:
                    time.sleep(0.5)  # until the flood is complete
                    quiet = load("closed", server, "--warm-up", 0.2, "--duration", duration, cores=CORES)
                finally:
                    flooding.setdefault(server.name, []).append(report(flood)["megabytesPerSecond"])
                return quiet

            result = compare(plan, SPREADING, measure, cost=COST)
        return {**result, "flood": {server: sorted(rates)[len(rates) // 2] for server, rates in flooding.items()}}

    row.title = f"one line in flight beside {clients} clients that flood"
    return row


SERIAL = [
    ("connect, one line, close; 64 at a time", "connect", ["--no-hot-set"]),
    ("one line in flight, 64 clients, --no-hot-set", "closed", ["--no-hot-set"]),
]


def serial(plan):
    """The share of the work of a reply that the manager thread of libdispatch does. It waits for the events of all sources, so more
    cores cannot make it faster."""
    window = ["--clients", 64, "--warm-up", 0.5, "--duration", max(plan.duration, 1.0)]
    result = {}
    for title, kind, flags in SERIAL:
        with Server(SUBJECT, flags=flags) as server:
            before = server.thread_times()
            replies = load(kind, server, *window)["repliesInAll"]
            spent = [
                ((time - before.get(thread, (0,))[0]) / replies / 1000, name)
                for thread, (time, name) in server.thread_times().items()
            ]
        # Without hot loops the manager is the busiest of its name.
        managers = [each for each, name in spent if name.endswith("overcommit")]
        result[title] = {"all": sum(each for each, _ in spent), "manager": max(managers, default=0)}
    return {"serial": result}


def half_load(plan):
    """All servers get half of the rate that one C epoll loop reaches at this time."""
    with Server("epoll-1") as limit:
        full = load("closed", limit, "--clients", 64, "--duration", 1)["repliesPerSecond"]
    rate = round(full / 2, -3)
    options = ["--clients", 64, "--rate", rate, "--warm-up", plan.warm_up, "--duration", plan.duration]
    result = compare(plan, PEERS, lambda server: load("open", server, *options))
    result["rate"] = rate
    return result


# The calls that are counted by name; all others are only in the sum.
CALLS = [
    "recvfrom", "read", "sendto", "write", "epoll_wait", "epoll_pwait", "epoll_ctl", "futex", "ioctl", "accept4",
    "sched_yield", "setsockopt", "shutdown", "close", "fcntl", "mmap", "munmap", "madvise",
]  # fmt: skip


COUNTED = [
    ("64 clients, one line in flight", PEERS, "closed", ["--clients", 64]),
    ("one client, one line in flight", PEERS, "closed", ["--clients", 1]),
    ("10,000 clients, one line in flight", LIMITS, "closed", ["--clients", 10_000, "--duration", 2]),
    ("64 clients, 64 lines in flight", PEERS, "closed", ["--clients", 64, "--in-flight", 64]),
    ("connect, one line, close; 64 at a time", PEERS, "connect", ["--clients", 64]),
]


def system_calls(plan):
    """Counted in separate runs, because counting takes time."""
    result = {}
    for title, peers, kind, options in COUNTED:
        result[title] = {}
        for name in [SUBJECT, *LIMITS] if plan.quick else [SUBJECT, *peers]:
            with Server(name) as server:
                options = ["--duration", 0.5, *options, "--warm-up", 0.01]
                result[title][name] = count_calls(server, kind, options)
    return {"calls": result}


def count_calls(server, kind, options):
    events = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{call}" for call in CALLS)]
    with tempfile.NamedTemporaryFile("r") as output:
        command = ["perf", "stat", "-x", ",", "-o", output.name, "-e", ",".join(events), "-p", server.pid, "--"]
        command += [tools.generator(), kind, "--port", server.port, *options]
        run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if run.returncode != 0:
            return count_calls_with_strace(server, kind, options)
        replies = int(run.stdout.split('"repliesInAll":')[1].split(",")[0])
        counts = {}
        for line in output.read().splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[0].isdigit():
                counts[fields[2].rpartition("sys_enter")[2].removeprefix("_") or "all"] = int(fields[0]) / replies
        return {call: round(count, 4) for call, count in counts.items() if count >= 0.0005}


def count_calls_with_strace(server, kind, options):
    """For kernels without tracepoints for perf. It is much slower, which changes how many events a wake-up gets."""
    with tempfile.NamedTemporaryFile("r") as output:
        tracer = subprocess.Popen(
            ["strace", "-c", "-f", "-qq", "-o", output.name, "-p", str(server.pid)], stderr=subprocess.DEVNULL
        )
        try:
            time.sleep(0.5)
            replies = load(kind, server, *options)["repliesInAll"]
        finally:
            tracer.send_signal(2)
            tracer.wait(10)
        counts = {}
        for line in output.read().splitlines():
            fields = line.split()
            if len(fields) >= 5 and fields[3].isdigit():
                counts["all" if fields[-1] == "total" else fields[-1]] = int(fields[3]) / replies
        return {call: round(count, 4) for call, count in counts.items() if count >= 0.0005}


class Held:
    """Idle connections, each after one answered line. They are kept open while the block runs."""

    def __init__(self, server, clients):
        self.command = [tools.generator(), "hold", "--port", server.port, "--clients", clients]
        self.clients = clients

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(word) for word in self.command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if not select.select([self.process.stdout], [], [], 60)[0]:
            self.leave()
            raise Unable(f"{self.clients} connections were not open after a minute")
        if not self.process.stdout.readline().startswith("held"):
            raise Unable(self.process.communicate()[1].strip().removeprefix("Error: "))
        return self

    def __exit__(self, *_):
        self.leave()

    def leave(self):
        try:
            self.process.communicate("", timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def idle(plan):
    """The user memory of idle connections, and their effect on the latency of other connections."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000
    counts = [10_000, 50_000 if allowed >= 50_000 else allowed // 1000 * 1000]
    result = {"connections": counts, "memory": {}, "latency": {}, "notes": []}
    for name in [SUBJECT, *LIMITS] if plan.quick else [SUBJECT, *PEERS]:
        result["memory"][name] = {}
        for count in counts if name in [SUBJECT, *LIMITS] else counts[:1]:
            try:
                with Server(name) as server:
                    before = latencies(plan, server) if name in [SUBJECT, *LIMITS] else []
                    resident = server.resident()
                    with Held(server, count):
                        time.sleep(0.5)
                        each = (server.resident() - resident) / count
                        during = latencies(plan, server) if before else []
                result["memory"][name][str(count)] = round(each)
                if during:
                    result["latency"].setdefault(name, {})[str(count)] = {"without": before, "with": during}
            except Unable as reason:
                result["notes"].append({"server": name, "note": f"{count} connections: {reason}"})
    return result


def latencies(plan, server):
    """The 99th percentiles of eight clients at 10,000 lines a second, in microseconds, one for each round."""
    options = ["--clients", 8, "--rate", 10_000, "--warm-up", plan.warm_up, "--duration", plan.duration]
    return [load("open", server, *options)["latency"]["p99"] for _ in range(plan.rounds)]


def start(plan):
    """The time from the start of the process to the first accepted connection, and for the subject also to READY=1."""
    rounds = 3 if plan.quick else 15
    listens, ready, resident = Metric("ms", "less"), Metric("ms", "less"), Metric("bytes", "less")
    for _ in range(rounds):
        for name in [SUBJECT, *PEERS]:
            with Server(name, wait=False) as server:
                listens.note(name, server.wait_until_it_listens() * 1000)
                time.sleep(0.2)
                resident.note(name, server.resident_set())
        ready.note(SUBJECT, time_to_ready())
    metrics = {"listens": listens, "ready": ready, "resident": resident}
    return {"metrics": {name: metric.result() for name, metric in metrics.items()}}


def time_to_ready():
    """Milliseconds until READY=1 has arrived, as systemd would see it."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = str(Path(folder) / "notify")
        manager.bind(path)
        manager.settimeout(10)
        with Server(SUBJECT, environment={"NOTIFY_SOCKET": path}, wait=False) as server:
            while b"READY=1" not in manager.recv(4096):
                pass
            return (time.monotonic() - server.began) * 1000


TEXTS = ["ascii", "latin", "cyrillic", "cjk", "devanagari", "khmer", "myanmar", "emoji", "ill-formed", "random"]
REFUSED_BY_REV = ["ill-formed", "random"]  # rev ends at the first byte that is not UTF-8


def bulk(plan):
    """A file through reverse-client and the server, compared with rev on the same file."""
    client = tools.subject("reverse-client", "REVERSE_CLIENT")
    size = (8 if plan.quick else 50) * 1_000_000
    result = {"bytes": size, "texts": {}}
    with tempfile.TemporaryDirectory() as folder, Server(SUBJECT) as server:
        lines, answers, out = (Path(folder) / name for name in ["lines", "answers", "out"])
        through = [client, "-H", "127.0.0.1", "-p", server.port]
        for text in ["ascii", "cyrillic", "cjk", "emoji"]:
            write(text, lines, answers, size)
            ours = Metric("MB/s", "more")
            for _ in range(plan.rounds):
                theirs = timed(["rev"], lines, out)
                mine = timed(through, lines, out)
                if out.read_bytes() != answers.read_bytes():
                    raise Unable(f"reverse-client returned wrong answers for {text}")
                ours.note("rev", lines.stat().st_size / theirs / 1e6)
                ours.note(SUBJECT, lines.stat().st_size / mine / 1e6)
                ours.pair(theirs, "rev", mine)
            result["texts"][text] = ours.result()
    return result


def write(text, lines, answers, size):
    command = [tools.reversal(), "write", text, lines, "--bytes", size, "--answers", answers]
    subprocess.run([str(word) for word in command], check=True)


def timed(command, source, target):
    with open(source, "rb") as standard_input, open(target, "wb") as standard_output:
        began = time.monotonic()
        subprocess.run(
            [str(word) for word in command], stdin=standard_input, stdout=standard_output, check=True, timeout=120,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        return time.monotonic() - began


def reversal(plan):
    """Reversal without a server: reversed, String of Swift, memcpy, and rev on the same lines."""
    seconds = 0.02 if plan.quick else 0.1
    result = {"texts": {}}
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        for text, length in [*((text, 80) for text in TEXTS), ("ascii", 65_536)]:
            command = [tools.reversal(), "write", text, lines, "--bytes", 8_000_000, "--length", length]
            subprocess.run([str(word) for word in command], check=True)
            metric = Metric("MB/s", "more")
            for _ in range(plan.rounds):
                run = measure(text, length, seconds)
                metric.note(SUBJECT, run["reversed"][0])
                peers = {"string": run["string"][0], "memcpy": run["memcpy"][0]}
                if text not in REFUSED_BY_REV:
                    peers["rev"] = lines.stat().st_size / timed(["rev"], lines, "/dev/null") / 1e6
                for peer, value in peers.items():
                    metric.note(peer, value)
                    metric.pair(run["reversed"][0], peer, value)
            result["texts"][f"{text}, {'64 KiB' if length > 80 else f'{length} bytes'}"] = metric.result()
    return result


def measure(text, length, seconds):
    command = [tools.reversal(), "measure", "--text", text, "--length", length, "--rounds", 1, "--seconds", seconds]
    return json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout)


connect.title = "connect, one line, close; 64 at a time"
serial.title = "work that one thread does"
half_load.title = "open loop at half load, 64 clients"
system_calls.title = "system calls per reply"
idle.title = "idle connections"
start.title = "start"
bulk.title = "bulk: reverse-client against rev"
reversal.title = "reversal alone"

# If a peer is missing in a row, the report has the reason.
ROWS = {
    "one-1": closed("one line in flight, 1 client, sharing a core", 1, peers=FORKING, placement="shared"),
    "one-1-apart": closed("one line in flight, 1 client, on a core of its own", 1, peers=FORKING, placement="apart"),
    "one-64": closed("one line in flight, 64 clients", 64, peers=FORKING),
    "one-1000": closed("one line in flight, 1,000 clients", 1000),
    "one-10000": closed(
        "one line in flight, 10,000 clients", 10_000, peers=[peer for peer in PEERS if peer != "threads"],
        left_out=[("threads", "10,000 threads of Python disturb all other runs")],
    ),
    "one-64-one-core": closed(
        "one line in flight, 64 clients, the server on a core of its own", 64, peers=FORKING, placement="one"
    ),
    "blocks-2": blocks(2),
    "blocks-8": blocks(8),
    "blocks-64": blocks(64),
    "serial": serial,
    "flood-8": flood(8),
    "flood-64": flood(64),
    "flight-64": closed("64 lines in flight, 64 clients", 64, in_flight=64),
    "long": closed("lines of 64 KiB, one in flight, 16 clients", 16, length=65_535),
    "connect": connect,
    "half-load": half_load,
    "system-calls": system_calls,
    "idle": idle,
    "start": start,
    "bulk": bulk,
    "reversal": reversal,
}
