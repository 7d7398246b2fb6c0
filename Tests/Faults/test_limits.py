"""Limits of the process (prlimit(1)) and of its cgroup: the daemon serves within them, or exits with a message."""

import contextlib
import os
import pathlib
import re
import time

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask_once, connect, receive
from daemon import eventually

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CODES = (69, 71, 78)
# RLIMIT_NPROC does not apply to root.
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def serves_or_refuses(daemon):
    """The daemon answers and stops correctly, or has exited with a documented code and a message. Returns whether it serves."""
    assert eventually(lambda: daemon.process.poll() is not None or daemon.logged("listening on "), 30)
    if daemon.process.poll() is None:
        for _ in range(3):
            assert ask_once(daemon.port, b"hello\n") == b"olleh\n"
        clients = [connect(daemon.port) for _ in range(4)]
        for client in clients:
            client.sendall(b"x" * 100_000 + b"\n")
            assert receive(client, 100_001) == b"x" * 100_000 + b"\n"
            client.close()
        daemon.stop()
        daemon.stopped = True
        return True
    code = daemon.wait()
    text = "\n".join(daemon.lines)
    # The dynamic loader or the C library may exit before the program starts.
    if code == 127 or "cannot allocate TLS" in text or "loading shared libraries" in text:
        return False
    assert code in CODES, (code, daemon.tail())
    assert re.search(r"cannot|no events|too low|fit", text), daemon.tail()
    return False


@pytest.mark.parametrize("files", [3, 5, 7, 9, 11, 13, 16, 19, 22, 26, 30, 34, 40, 50, 70])
def test_open_files(start, files):
    served = serves_or_refuses(start(files=files, awaited=False))
    assert served or files < 40


@needs_root
@pytest.mark.parametrize("processes", [1, 2, 3, 4, 5, 6, 8, 12, 20])
def test_processes_and_threads(start, tmp_path, processes):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    (tmp_path / "daemon-0").mkdir()
    (tmp_path / "daemon-0").rmdir()
    # A separate user, so that no other threads count.
    user = 40_000 + os.getpid() % 10_000
    prefix = ("prlimit", f"--nproc={processes}", "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
    served = serves_or_refuses(start(prefix=prefix, awaited=False))
    assert served or processes < 20


@pytest.mark.parametrize("resource, values", [
    ("fsize", [0]), ("core", [0]), ("sigpending", [0, 1, 3]), ("msgqueue", [0]), ("memlock", [0]), ("rtprio", [0]),
    ("stack", [256 << 10, 1 << 20]), ("nice", [0]), ("locks", [0]),
])
def test_other_limits(start, resource, values):
    for value in values:
        served = serves_or_refuses(start(prefix=("prlimit", f"--{resource}={value}"), awaited=False))
        assert served or resource in ("stack", "sigpending"), (resource, value)


# Below 24 MiB the kernel cannot map the program and kills it with SIGSEGV (execve(2)).
@pytest.mark.parametrize("mebibytes", [24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024])
@pytest.mark.parametrize("resource", ["as", "data"])
def test_address_space_and_data(start, resource, mebibytes):
    served = serves_or_refuses(start(prefix=("prlimit", f"--{resource}={mebibytes << 20}"), awaited=False))
    assert served or mebibytes < 512


def test_processor_time(start):
    """It serves until its limit of processor time, when the kernel kills it with SIGXCPU."""
    daemon = start(prefix=("prlimit", "--cpu=600"))
    assert ask_once(daemon.port, b"hello\n") == b"olleh\n"


# Control groups, version 1 (a directory for each resource) and version 2 (one for all).

@contextlib.contextmanager
def cgroup(controller, **settings):
    """Creates a cgroup with these settings, named as in version 2; returns a command prefix that enters it, or skips the test."""
    version2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    if version2.exists():
        parent = pathlib.Path("/sys/fs/cgroup")
        if controller not in version2.read_text().split():
            pytest.skip(f"no {controller} controller")
        with contextlib.suppress(OSError):
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    else:
        parent = pathlib.Path("/sys/fs/cgroup") / controller
    group = parent / f"reversed-faults-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup of {controller}: {error}")
    try:
        names = {"memory.max": "memory.limit_in_bytes"} if not version2.exists() else {}
        for name, value in settings.items():
            name = name.replace("_", ".", 1)
            if name == "cpu.max" and not version2.exists():
                quota, period = value.split()
                (group / "cpu.cfs_period_us").write_text(period)
                (group / "cpu.cfs_quota_us").write_text(quota)
            else:
                (group / names.get(name, name)).write_text(str(value))
        yield group, ("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh")
    except FileNotFoundError as error:
        pytest.skip(f"no {error.filename}")
    finally:
        eventually(lambda: not (group / "cgroup.procs").read_text(), 5)
        with contextlib.suppress(OSError):
            group.rmdir()


@needs_root
@pytest.mark.parametrize("tasks", [1, 3, 5, 8, 16])
def test_a_cgroup_of_few_tasks(start, tasks):
    with cgroup("pids", pids_max=tasks) as (_, prefix):
        served = serves_or_refuses(start(prefix=prefix, awaited=False))
        assert served or tasks < 16


@needs_root
def test_a_cgroup_of_little_processor_time(start):
    with cgroup("cpu", cpu_max="5000 100000") as (_, prefix):
        daemon = start(prefix=prefix)
        for _ in range(20):
            assert ask_once(daemon.port, b"slow\n") == b"wols\n"
        daemon.stop()
        daemon.stopped = True


@needs_root
def test_a_cgroup_of_little_memory(start):
    """Short lines are answered within 48 MiB, and the kernel kills no process."""
    with cgroup("memory", memory_max=48 << 20) as (group, prefix):
        daemon = start("port = 0\n[limits]\nmax_connections = 500\n[log]\nconnections = false\n", prefix=prefix)
        clients = [connect(daemon.port) for _ in range(200)]
        for client in clients:
            client.sendall(b"hello\n")
        for client in clients:
            assert receive(client, 6) == b"olleh\n"
            client.close()
        assert ask_once(daemon.port, b"x" * 500_000 + b"\n") == b"x" * 500_000 + b"\n"
        daemon.stop()
        daemon.stopped = True
