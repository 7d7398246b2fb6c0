"""Every system call of a program fails once, with each error of its manual page.

    torture.py PROGRAM CALL ERROR NUMBER       one run: the given call of each thread fails; "5+": from the fifth on
    torture.py all [PROGRAM...]                the whole matrix, in random order, as far as the time allows

PROGRAM is daemon, text, stream, ping or prompt (the modes of the client). FAULTS_SEED is the seed of the order. No run begins
after --seconds; --jobs run at a time. REVERSED and REVERSE_CLIENT name the programs under test.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import random
import sys
import tempfile
import time

import strace
from call_errors import ERRORS, NOT_INJECTED, errors, unavoidable
from client_life import ClientLife
from daemon_life import DaemonLife

# A crash is a fault by itself. The report of the Swift runtime would take minutes and gigabytes under strace.
os.environ["SWIFT_BACKTRACE"] = "enable=no"

PROGRAMS = ("daemon", "text", "stream", "ping", "prompt", "plain")


@dataclasses.dataclass(frozen=True, order=True)
class Case:
    program: str
    call: str
    error: str
    number: int
    # Whether every later call fails as well. Then no client need be served, but the program must not crash, spin or flood its log.
    lasts: bool = False

    @property
    def when(self):
        return f"{self.number}+" if self.lasts else str(self.number)

    @property
    def command(self):
        """The command that repeats this case."""
        return f"/usr/bin/python3 Tests/Faults/torture.py {self.program} {self.call} {self.error} {self.when}"


@dataclasses.dataclass
class Outcome:
    case: Case
    faults: list
    has_failed: bool  # whether there was such a call
    code: int
    log: list

    def __str__(self):
        if not self.faults:
            return f"ok: {self.case.command}"
        return "\n".join([f"FAULT: {self.case.command}", *[f"    {fault}" for fault in self.faults],
                          *[f"    | {line}" for line in self.log[-8:]]])


# What counts as a fault if all calls fail.
LASTING_FAULTS = ("killed by", "processor time", "lines of", "the log has", "standard error has", "exit code", "wrong answer")


def live(program, directory, prefix, patience=None):
    life = DaemonLife(directory, prefix) if program == "daemon" else ClientLife(program, directory, prefix)
    if patience:
        life.patience = patience
    life.run()
    log = life.daemon.lines if program == "daemon" else life.errors.decode(errors="replace").splitlines()
    return life, log


def run(case):
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        record = pathlib.Path(directory) / "strace"
        life, log = live(case.program, directory, strace.failing(case.call, case.error, case.when, record),
                         1 if case.lasts and case.program == "daemon" else None)
        has_failed = record.exists() and strace.failed(record)
    faults = list(life.faults)
    if faults and (reason := unavoidable(case.program, case.call, case.error)) and all("answer:" not in fault for fault in faults):
        faults = []
    if case.lasts:
        # The suite itself sends SIGKILL to a program that waits.
        faults = [fault for fault in faults if any(kind in fault for kind in LASTING_FAULTS) and "SIGKILL" not in fault]
    # Without write(2) no program can print a message.
    if case.call in ("write", "writev"):
        faults = [fault for fault in faults if "without a sentence" not in fault]
    # Here a close that fails has closed nothing; in reality the kernel always closes. libdispatch calls `fstat` for each
    # descriptor and does not watch it after an error, which Linux returns for no socket; a timeout ends that connection.
    if case.call in ("close", "newfstatat"):
        faults = [fault for fault in faults if "sockets are open" not in fault]
    return Outcome(case, faults, has_failed, life.code, log)


def learn(program):
    """The calls of a clean run: how many of each before the first one of the program itself, and how many in total."""
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        record = pathlib.Path(directory) / "strace"
        life, log = live(program, directory, strace.recording(record))
        assert not life.faults, f"{program} fails without any failing call: {life.faults}, {log[-5:]}"
        return {call: count for call, count in strace.calls(record).items() if call not in NOT_INJECTED}


def lasting(cases):
    """The same cases with calls that fail permanently: from the first and from the last number of each call and error.

    Without EINTR, which means that a signal arrived and the call must be repeated.
    """
    ends = {}
    for case in cases:
        if case.error == "EINTR":
            continue
        ends.setdefault((case.program, case.call, case.error), []).append(case.number)
    return [Case(*key, number, True) for key, numbers in ends.items() for number in {min(numbers), max(numbers)}]


def matrix(program):
    made = learn(program)
    unknown = sorted(set(made) - set(ERRORS))
    assert not unknown, f"{program} makes calls that call_errors.py does not know: {unknown}"
    return [Case(program, call, error, number)
            for call, (before, count) in made.items() for error in errors(call) for number in range(before + 1, count + 1)]


def run_all(cases, seconds, jobs, report):
    """Runs cases until the time is over; returns the outcomes, and passes each to `report`."""
    deadline = time.monotonic() + seconds
    outcomes = []

    def one(case):
        return run(case) if time.monotonic() < deadline else None

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for outcome in pool.map(one, cases):
            if outcome:
                outcomes.append(outcome)
                report(outcome)
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", choices=(*PROGRAMS, "all"))
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FAULTS_SEED", "1")))
    parser.add_argument("--lasting", action="store_true", help="of `all`: the call fails from then on")
    parser.add_argument("--only", help="of `all`: these calls only, separated by commas")
    arguments = parser.parse_args()
    if arguments.program != "all":
        call, error, number = arguments.rest
        outcome = run(Case(arguments.program, call, error, int(number.rstrip("+")), number.endswith("+")))
        print(*outcome.log, sep="\n")
        print(f"exit code {outcome.code}" + ("" if outcome.has_failed else "; there was no such call"))
        print(outcome)
        return bool(outcome.faults)
    cases = [case for program in arguments.rest or PROGRAMS for case in matrix(program)
             if not arguments.only or case.call in arguments.only.split(",")]
    if arguments.lasting:
        cases = lasting(cases)
    random.Random(arguments.seed).shuffle(cases)
    began = time.monotonic()
    outcomes = run_all(cases, arguments.seconds, arguments.jobs,
                       lambda outcome: print(outcome, flush=True) if outcome.faults else None)
    faulty = sum(bool(outcome.faults) for outcome in outcomes)
    failed = sum(outcome.has_failed for outcome in outcomes)
    print(f"seed {arguments.seed}: {len(outcomes)} of {len(cases)} runs in {time.monotonic() - began:.0f} s, "
          f"a call failed in {failed}, {faulty} with a fault")
    return bool(faulty)


if __name__ == "__main__":
    sys.exit(main())
