"""The client while the real daemon is killed and restarted many times."""

import os
import random
import signal
import socket
import subprocess
import time

import pytest

from line_server import client_path, environment, reversed_lines

DAEMON = os.environ.get("REVERSED")
pytestmark = pytest.mark.skipif(not DAEMON, reason="REVERSED does not name a daemon")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(port):
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return subprocess.Popen([DAEMON, "--port", str(port)], **quiet)


@pytest.mark.parametrize("seed", range(2))
def test_no_line_is_lost_duplicated_or_reordered(tmp_path, seed):
    chance = random.Random(seed)
    port = free_port()
    lines = b"".join(b"%d a line of some words that %x\n" % (n, n * n) for n in range(200_000))
    repeats = 10
    (tmp_path / "lines").write_bytes(lines)
    feed = f"for n in $(seq {repeats}); do cat {tmp_path}/lines; sleep 0.3; done"
    daemon = start(port)
    with open(tmp_path / "out", "wb") as out:
        source = subprocess.Popen(["sh", "-c", feed], stdout=subprocess.PIPE)
        client = subprocess.Popen(
            [client_path(), "-p", str(port), "--retry-for", "60s"],
            stdin=source.stdout, stdout=out, stderr=subprocess.PIPE, env=environment(),
        )
        source.stdout.close()
        kills = 0
        while client.poll() is None:
            # The test needs random moments; there is no event to wait for.
            time.sleep(chance.uniform(0.005, 0.15))
            daemon.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            daemon.wait()
            time.sleep(chance.choice([0, 0, 0.05, 0.3]))
            daemon = start(port)
            kills += 1
        daemon.kill()
        daemon.wait()
        source.wait()
    errors = client.stderr.read()
    client.stderr.close()
    assert (client.returncode, errors) == (0, b"") and kills > 3
    assert (tmp_path / "out").read_bytes() == reversed_lines(lines) * repeats
