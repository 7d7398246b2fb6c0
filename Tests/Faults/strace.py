"""System calls that fail (strace(1)), and the calls of a run without failures."""

import collections
import re

LINE = re.compile(r"^(\d+) +([a-z0-9_]+)\(")


def recording(path):
    """A command prefix that records every system call of every thread in the file. The program keeps its parent."""
    return ("strace", "-D", "-f", "-qq", "-o", str(path))


def failing(call, error, number, path):
    """A command prefix that makes the given call of each thread fail. The file shows whether any call failed.

    strace counts in each thread separately, so the fifth call fails once in every thread that makes five.
    """
    return (*recording(path), "--seccomp-bpf", "-e", f"trace={call}", "-e", f"signal=none",
            "-e", f"inject={call}:error={error}:when={number}")


def failed(path):
    """Whether a call has failed in the run that wrote the file."""
    with open(path, errors="replace") as log:
        return any("(INJECTED)" in line for line in log)


def calls(path):
    """The calls of a recorded run: for each, how many the first thread made before the first instruction of the program
    itself, and how many were made by the thread that made the most.

    The program begins by looking at descriptors 0 to 2. Until then the dynamic loader and the C library set up the process.
    """
    counts = collections.Counter()
    before = None
    with open(path, errors="replace") as log:
        for line in log:
            if match := LINE.match(line):
                if before is None and "fcntl(0, F_GETFD)" in line:
                    before = {call: count for (call, _), count in counts.items()}
                counts[match[2], match[1]] += 1
    most = {}
    for (call, _), count in counts.items():
        most[call] = max(most.get(call, 0), count)
    return {call: (before.get(call, 0), count) for call, count in most.items()}
