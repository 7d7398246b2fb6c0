"""The guard of Sources/CEpollGuard: during many resets, only the manager thread of libdispatch deletes from its epoll
instance, because a worker that does so corrupts the lists of libdispatch. Fails if the guard is not linked in.

The hot loops have separate epoll instances, from which any thread may delete. Only libdispatch sets EPOLLONESHOT.
"""

import re
import signal
import subprocess
import threading
import time
from collections import Counter

import pytest

from clients import connect, reset
from daemon import eventually

CALL = re.compile(r"^(\d+) +(epoll_ctl|epoll_p?wait)\((\d+)(?:, EPOLL_CTL_(\w+), \d+(, .*EPOLLONESHOT)?)?")
CLIENTS = 3200


def deletes(trace):
    """Counts the deletes from the instance of libdispatch: by the manager, and by other threads."""
    dispatch, waiters, deleters = set(), set(), Counter()
    for line in trace.splitlines():
        call = CALL.match(line)
        if not call:
            continue
        thread, name, instance, operation, is_one_shot = call.groups()
        if name != "epoll_ctl":
            waiters.add((instance, thread))
        elif operation == "DEL":
            deleters[instance, thread] += 1
        elif is_one_shot:
            dispatch.add(instance)
    assert len(dispatch) == 1, dispatch
    (instance,) = dispatch
    mine = {thread: count for (where, thread), count in deleters.items() if where == instance}
    by_manager = sum(count for thread, count in mine.items() if (instance, thread) in waiters)
    return by_manager, sum(mine.values()) - by_manager


def storm(port, count):
    for number in range(0, count, 20):
        clients = [connect(port) for _ in range(20)]
        for index, client in enumerate(clients):
            # Idle, within a line, within answers.
            if index % 3:
                client.sendall(b"half a line" if index % 3 == 1 else b"a line\n" * 100)
        if number % 200 == 0:
            time.sleep(0.1)  # quiet for long enough to leave the hot loops
        for client in clients:
            reset(client)


def test_only_the_manager_deletes(serve, tmp_path):
    daemon = serve("port = 0\n[log]\nconnections = false\n")
    output = tmp_path / "trace"
    tracer = subprocess.Popen(["strace", "-f", "-o", output, "-e", "trace=epoll_ctl,epoll_wait,epoll_pwait", "-p", str(daemon.pid)],
                              stderr=subprocess.PIPE, text=True)
    try:
        assert "attached" in tracer.stderr.readline()
        threads = [threading.Thread(target=storm, args=(daemon.port, CLIENTS // 4)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert eventually(lambda: daemon.sockets() == daemon.idle_sockets, 20, 0.05)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)
    by_manager, by_others = deletes(output.read_text())
    print(f"{by_manager} deletes by the manager, {by_others} by others")
    assert by_others == 0, f"{by_others} of {by_others + by_manager} deletes were not the manager's"
    # There was something to delete: a source for every client, or for those that were quiet for a while.
    assert by_manager >= (CLIENTS * 0.9 if "--no-hot-set" in daemon.process.args else 20)
