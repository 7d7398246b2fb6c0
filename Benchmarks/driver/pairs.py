"""Interleaved runs: in every round the subject runs next to every peer, so that both runs of a pair have the same conditions."""

import json
import subprocess

from . import tools
from .servers import CORES, SUBJECT, Server, Unable
from .statistics import Metric


class Plan:
    """The duration of the runs."""

    def __init__(self, rounds, warm_up, duration, quick=False):
        self.rounds, self.warm_up, self.duration, self.quick = rounds, warm_up, duration, quick


FULL = Plan(rounds=5, warm_up=0.2, duration=0.7)
QUICK = Plan(rounds=2, warm_up=0.1, duration=0.3, quick=True)


def load(kind, server, *options, cores=(CORES[0],)):
    """Runs the generator against a server, and returns its report.

    Raises `Unable` with the reason if an answer is wrong. The generator runs on the first core unless `cores` names others. The
    kernel places the server, unless the row has a placement.
    """
    return report(begin(kind, server, *options, cores=cores))


def begin(kind, server, *options, cores=(CORES[0],)):
    """Starts the generator; `report` waits for it."""
    command = ["taskset", "-c", ",".join(map(str, cores)), tools.generator(), kind]
    command += ["--port", server.port, "--server", server.pid, *options]
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def report(generator):
    """Waits for the end of the generator, and returns its report."""
    try:
        output, errors = generator.communicate(timeout=120)
    except BaseException:
        generator.kill()
        generator.communicate()
        raise
    if generator.returncode != 0:
        raise Unable(errors.strip().removeprefix("Error: "))
    return json.loads(output)


# The cores of the server. With one client, only one side works at a time. Whether both share a core or wake each other across two
# matters several times as much as the server, so it is fixed. "one" gives every server the same core, not used by the generator.
PLACEMENTS = {"any": None, "shared": {CORES[0]}, "apart": set(CORES[1:]) or {CORES[0]}, "one": {CORES[-1]}}

METRICS = {
    "throughput": ("replies/s", "more", lambda run: run["repliesPerSecond"]),
    "volume": ("MB/s", "more", lambda run: run["megabytesPerSecond"]),
    "cores": ("cores of the server", "less", lambda run: run["server"]["cpuSeconds"] / run["seconds"]),
    "cpu": ("µs of CPU per reply", "less", lambda run: run["server"]["cpuMicrosecondsPerReply"]),
    "p50": ("µs", "less", lambda run: run["latency"]["p50"]),
    "p99": ("µs", "less", lambda run: run["latency"]["p99"]),
    "p999": ("µs", "less", lambda run: run["latency"]["p999"]),
}


def groups(peers, turn):
    """The groups of a round. Each is run as peer, subject, peer; the order changes between rounds."""
    turn %= max(1, len(peers))
    order = peers[turn:] + peers[:turn]
    pairs = [order[at : at + 2] for at in range(0, len(order), 2)]
    return [pair[::-1] for pair in pairs] if turn % 2 else pairs


def compare(plan, peers, measure, placement="any", cost=0):
    """Starts the subject and its peers, and measures them in rounds.

    `measure` is called with a server and returns the report of the generator. `cost` is COST of epoll.c, for the peers that
    reverse bytes. A peer that cannot do the work is left out, and the result has the reason. If the subject cannot, it is an error.
    """
    metrics = {name: Metric(unit, better) for name, (unit, better, _) in METRICS.items()}
    shares, notes, running = {}, [], {}

    def leave(peer, reason):
        notes.append({"server": peer, "note": f"not measured: {reason}"})
        if peer in running:
            running.pop(peer).stop()

    def once(name):
        run = measure(running[name])
        running[name].settle()
        if run["unanswered"]:
            raise Unable(f"{run['unanswered']} lines had no answer 3 seconds after the last was sent")
        if not run["replies"]:
            raise Unable("it answered nothing during the measurement")
        for metric, (_, _, value) in METRICS.items():
            metrics[metric].note(name, value(run))
        shares.setdefault(name, []).append(run["generator"]["share"])
        return run

    def attempt(peer):
        try:
            return once(peer)
        except (Unable, subprocess.TimeoutExpired) as reason:
            leave(peer, str(reason))
            return None

    try:
        for name in [SUBJECT, *peers]:
            try:
                running[name] = Server(name, cores=PLACEMENTS[placement], cost=cost)
            except Unable as reason:
                if name == SUBJECT:
                    raise
                leave(name, str(reason))
        for turn in range(plan.rounds):
            present = [peer for peer in peers if peer in running]
            for group in groups(present, turn):
                results = {group[0]: attempt(group[0])}
                subject = once(SUBJECT)
                if len(group) > 1:
                    results[group[1]] = attempt(group[1])
                for peer, run in results.items():
                    if run:
                        for metric, (_, _, value) in METRICS.items():
                            metrics[metric].pair(value(subject), peer, value(run))
    finally:
        for server in running.values():
            server.stop()
    return {
        "metrics": {name: metric.result() for name, metric in metrics.items()},
        "generator": {name: max(values) for name, values in shares.items()},
        "notes": notes,
    }
