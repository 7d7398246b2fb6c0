"""A long run of everything: SOAK_SECONDS is its duration (an hour), FAULTS_SEED the seed of every random choice.

1. Every system call of both programs fails once (torture.py), in random order.
2. A million connections and a thousand reloads; measures what the daemon holds before and after.
3. Everything at once: hostile clients in thousands, well-behaved ones that measure, streams, reloads, pauses of the whole process.

Prints its figures as a Markdown table, and exits with 1 if anything was wrong.
"""

import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

import torture
from behaviour import daemons
from endurance import Reading, connections, reloads
from line_server import client_path, environment, reversed_lines

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = float(os.environ.get("SOAK_SECONDS", "3600"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
HOSTILE = int(os.environ.get("SOAK_CLIENTS", "5000"))
LATEST_MS = 5000
MIB = 1 << 20
QUIET = "[log]\nconnections = false\n"

figures, harm = [], []


def figure(name, value, is_good=True):
    figures.append((name, value))
    if not is_good:
        harm.append(f"{name}: {value}")
    print(f"{'  ' if is_good else '! '}{name}: {value}", flush=True)


def torture_phase(seconds):
    cases = [case for program in torture.PROGRAMS for case in torture.matrix(program)]
    cases += torture.lasting(cases)
    random.Random(SEED).shuffle(cases)
    outcomes = torture.run_all(cases, seconds, os.cpu_count(), lambda outcome: outcome.faults and print(outcome, flush=True))
    faulty = [outcome for outcome in outcomes if outcome.faults]
    figure("system calls made to fail", f"{sum(outcome.has_failed for outcome in outcomes)} in {len(outcomes)} of "
           f"{len(cases)} runs")
    figure("of these with harm", len(faulty), not faulty)


def endurance_phase(start, seconds):
    daemon = start("port = 0\n" + QUIET)
    address = ("127.0.0.1", daemon.port)
    answered = connections(address, 5000)
    before = Reading.of(daemon)
    total, deadline = 0, time.monotonic() + seconds * 0.8
    while total < 1_000_000 and time.monotonic() < deadline:
        answered += connections(address, 10_000)
        total += 10_000
    after = Reading.of(daemon)
    figure("connections, each answered", total, answered == total + 5000)
    figure("held after them", after.grown(before), after.sockets == before.sockets
           and after.descriptors <= before.descriptors + 3 and after.memory < before.memory + 4 * MIB)
    configurations = ["host = '127.0.0.2'\nport = 0\n" + QUIET, "host = '127.0.0.1'\nport = 0\n" + QUIET]
    reloads(daemon, configurations, 20)
    before = Reading.of(daemon)
    count, deadline, failed = 0, time.monotonic() + seconds * 0.2, []
    while count < 1000 and time.monotonic() < deadline:
        failed = reloads(daemon, configurations, 20)
        count += 20
    after = Reading.of(daemon)
    figure("reloads, each moving the listener", count, not failed)
    figure("held after them", after.grown(before), after.sockets == before.sockets
           and after.descriptors <= before.descriptors + 3 and after.memory < before.memory + 4 * MIB)


class Troubles(threading.Thread):
    """Reloads, and pauses of the whole process, until the end."""

    def __init__(self, daemon, configurations, seconds):
        super().__init__()
        self.daemon_, self.configurations, self.end = daemon, configurations, time.monotonic() + seconds
        self.chance = random.Random(SEED)
        self.reloads = self.pauses = 0
        self.highest = 0

    def run(self):
        while time.monotonic() < self.end:
            time.sleep(self.chance.uniform(0.5, 3))
            self.highest = max(self.highest, self.daemon_.memory())
            if self.chance.random() < 0.3:
                self.daemon_.signal(signal.SIGSTOP)
                time.sleep(self.chance.uniform(0, 0.3))
                self.daemon_.signal(signal.SIGCONT)
                self.pauses += 1
            else:
                reloads(self.daemon_, self.configurations, 1)
                self.configurations.reverse()
                self.reloads += 1


class Streams(threading.Thread):
    """Runs the client in a loop: every line must be answered."""

    def __init__(self, port, seconds):
        super().__init__()
        self.port, self.end = port, time.monotonic() + seconds
        self.count, self.wrong = 0, []

    def run(self):
        data = b"".join(b"stream line %d\n" % number for number in range(20_000))
        expected = reversed_lines(data)
        while time.monotonic() < self.end:
            result = subprocess.run([client_path(), "-p", str(self.port), "--timeout", "60s", "--retry-for", "60s"],
                                    input=data, capture_output=True, env=environment())
            self.count += 1
            if result.returncode != 0 or result.stdout != expected:
                self.wrong.append(f"exit {result.returncode}: {result.stderr[-200:]!r}")


def program(name, *arguments):
    return subprocess.Popen([sys.executable, str(HERE / name), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def everything_phase(start, directory, seconds):
    path = pathlib.Path(directory) / "socket"

    def config(idle, extra=""):
        return (f"[[listener]]\nhost = '127.0.0.1'\nport = 0\n[[listener]]\npath = '{path}'\n{extra}[limits]\n"
                f"max_connections = 9000\nmax_line_bytes = '64KiB'\nidle_timeout = '{idle}'\n{QUIET}")

    extra = "[[listener]]\nhost = '127.0.0.3'\nport = 0\nframing = 'chunk'\n"
    daemon = start(config("60s"), listeners=2)
    connections(("127.0.0.1", daemon.port), 2000)
    before = Reading.of(daemon)
    used = daemon.processor_seconds()
    troubles = Troubles(daemon, [config("40s", extra), config("60s")], seconds)
    streams = Streams(daemon.port, seconds)
    polite = program("polite_clients.py", f"127.0.0.1:{daemon.port}", path, "--seconds", seconds, "--clients", 4)
    hostile = program("hostile_clients.py", "127.0.0.1", daemon.port, "--clients", HOSTILE, "--seconds", seconds,
                      "--seed", SEED, "--limit", 64 << 10)
    troubles.start()
    streams.start()
    seen = {name: json.loads(process.communicate(timeout=seconds + 300)[0])
            for name, process in (("hostile", hostile), ("polite", polite))}
    troubles.join()
    streams.join()
    reloads(daemon, [config("60s")], 1)
    used = daemon.processor_seconds() - used
    after = Reading.of(daemon)
    hostile, polite = seen["hostile"], seen["polite"]
    figure("everything at once, seconds", round(seconds))
    figure("lives of hostile clients", sum(hostile["lived"].values()))
    figure("of them at once, at most", hostile["most_at_once"])
    figure("wrong answers to them", hostile["wrong_count"], not hostile["wrong"])
    figure("answers to well-behaved clients", polite["answers"], polite["answers"] > 100)
    figure("lost or wrong", f"{polite['lost']}, {polite['wrong']} {polite['examples'] or ''}".strip(),
           not polite["lost"] and not polite["wrong"])
    figure("median, 99 %, slowest", f"{polite['median_ms']}, {polite['p99_ms']}, {polite['slowest_ms']} ms",
           polite["slowest_ms"] < LATEST_MS)
    figure("streams of 20,000 lines by reverse-client", streams.count, not streams.wrong)
    for text in streams.wrong[:5]:
        figure("a stream failed", text, False)
    figure("reloads, pauses of the process", f"{troubles.reloads}, {troubles.pauses}")
    figure("processor seconds of the daemon", round(used))
    figure("memory at its highest", f"{troubles.highest / MIB:.0f} MiB")
    figure("held after all had left", after.grown(before), after.sockets == before.sockets
           and after.descriptors <= before.descriptors + 12 and after.memory < before.memory + 64 * MIB)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"soak: {SECONDS:.0f} s, seed {SEED}", flush=True)
    torture_phase(SECONDS * 0.3)
    for phase in (lambda start, directory: endurance_phase(start, SECONDS * 0.2),
                  lambda start, directory: everything_phase(start, directory, SECONDS * 0.5)):
        with tempfile.TemporaryDirectory(prefix="faults-") as directory:
            try:
                with daemons(pathlib.Path(directory)) as start:
                    phase(start, directory)
            except BaseException as error:  # including failures of pytest
                if isinstance(error, KeyboardInterrupt):
                    raise
                figure("the daemon", f"{type(error).__name__}: {error}", False)
    print(f"\n| what (seed {SEED}, {SECONDS:.0f} s, {os.cpu_count()} processors) | figure |\n| --- | --- |")
    for name, value in figures:
        print(f"| {name} | {value} |")
    for text in harm:
        print(f"HARM: {text}")
    return bool(harm)


if __name__ == "__main__":
    sys.exit(main())
