"""A sample of the matrix of torture.py, chosen by the seed, and every case that once failed."""

import os
import random
import shutil

import pytest

from torture import PROGRAMS, Case, learn, matrix, run, run_all

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")

# The number of cases of each program in the sample: about half a minute on two processors.
SAMPLE = {"daemon": 40, "text": 25, "stream": 25, "ping": 25, "prompt": 10, "plain": 10}

# The numbers count from the start of the program, and another build may have another call there: try some of each.
ONCE_FAILED = [
    # Calls of libdispatch: the process ended, or got no more events.
    ("daemon", "epoll_ctl", "ENOMEM", (9, 19, 36)),
    ("daemon", "epoll_ctl", "EEXIST", (10, 111)),
    ("daemon", "epoll_ctl", "EPERM", (39, 124)),
    ("daemon", "epoll_pwait", "EBADF", (40, 51)),
    ("daemon", "epoll_pwait", "EINVAL", (26, 99)),
    ("daemon", "write", "EPERM", (1, 2)),
    # One error of accept4 closed the listener.
    ("daemon", "accept4", "EINVAL", (2, 14)),
    ("daemon", "accept4", "EOPNOTSUPP", (1, 2)),
    # The client waited for a file, which has no event.
    ("text", "write", "EAGAIN", (1,)),
    ("stream", "write", "EAGAIN", (1, 2)),
    # The prompt took an error for the end of the input, and exited with 0 without a message.
    ("prompt", "poll", "ENOMEM", (5, 7)),
    ("prompt", "poll", "EINVAL", (4, 9, 10)),
    ("prompt", "read", "EINVAL", (30,)),
    ("prompt", "ioctl", "ENOTTY", (4, 5)),
]


def judge(outcomes):
    faulty = [str(outcome) for outcome in outcomes if outcome.faults]
    assert not faulty, "\n".join(faulty)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_sample(program, seed):
    cases = matrix(program)
    random.Random(seed).shuffle(cases)
    outcomes = run_all(cases[:SAMPLE[program]], 60, os.cpu_count(), lambda outcome: None)
    judge(outcomes)
    assert len(outcomes) >= 5
    assert sum(outcome.has_failed for outcome in outcomes) >= len(outcomes) * 2 // 3


@pytest.mark.parametrize("program, call, error, numbers", ONCE_FAILED, ids=lambda value: str(value).replace(" ", ""))
def test_what_once_failed(program, call, error, numbers):
    judge(run_all([Case(program, call, error, number) for number in numbers], 60, len(numbers), lambda outcome: None))


@pytest.mark.parametrize("program", ["prompt", "plain"])
def test_a_terminal_that_never_has_what_poll_announced_ends_the_prompt(program):
    """EAGAIN from a read after poll(2): another process may read from the terminal too, but this lasts."""
    before, count = learn(program)["read"]
    # Half of them are of the terminal.
    outcome = run(Case(program, "read", "EAGAIN", (before + count) // 2, True))
    assert outcome.has_failed and outcome.code == 74 and not outcome.faults, outcome


def test_the_history_is_locked_once_for_each_line():
    before, count = learn("prompt")["flock"]
    assert 1 <= count - before <= 6, "the lives of the prompt have two lines"


def test_a_program_that_ends_is_a_fault():
    """The suite can fail: a call without which the program cannot continue always fails."""
    outcome = run(Case("daemon", "epoll_create1", "EMFILE", 1))
    assert outcome.has_failed and outcome.code == 71 and not outcome.faults, outcome
    outcome = run(Case("text", "connect", "ECONNREFUSED", 1))
    assert outcome.has_failed and outcome.code == 69 and not outcome.faults, outcome


# Cases that keep clients waiting take minutes; the soak has them.
LASTING = [("daemon", "epoll_pwait", "EINVAL", 20), ("daemon", "timerfd_settime", "EINVAL", 1), ("daemon", "openat", "EMFILE", 40),
           ("text", "recvfrom", "EAGAIN", 1), ("stream", "poll", "EINVAL", 1)]


@pytest.mark.parametrize("program, call, error, number", LASTING, ids=lambda value: str(value))
def test_a_call_that_always_fails(program, call, error, number):
    """No client need be served, but the program does not crash, spin or flood its log."""
    judge([run(Case(program, call, error, number, True))])
