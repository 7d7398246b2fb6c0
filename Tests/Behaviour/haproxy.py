"""A real HAProxy in front of a daemon under test."""

import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from daemon import eventually

GLOBAL = """global
    stats socket {directory}/admin level admin
    nbthread 1
    tune.ssl.default-dh-param 2048
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
"""


# Hosts whose check reverses a word; their `server` lines follow.
REVERSING_CHECKS = """frontend front
    bind 127.0.0.1:{front}
    default_backend back
backend back
    option tcp-check
    tcp-check send ADVANCE\\n
    tcp-check expect string ECNAVDA
"""
# One such host. The options of its `server` line follow.
REVERSING_CHECK = REVERSING_CHECKS + "    server one 127.0.0.1:{daemon} "


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class HAProxy:
    """`config` follows the defaults. {front} in it is the port for clients, {directory} a directory of this instance."""

    def __init__(self, config, **values):
        if not shutil.which("haproxy"):
            pytest.skip("haproxy is not installed: apt-get install haproxy")
        # The path of a socket must be short.
        self.directory = tempfile.mkdtemp(prefix="haproxy-")
        self.port = free_port()
        path = f"{self.directory}/haproxy.cfg"
        with open(path, "w") as file:
            file.write((GLOBAL + config).format(front=self.port, directory=self.directory, **values))
        self.process = subprocess.Popen(["haproxy", "-db", "-q", "-f", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not eventually(lambda: os.path.exists(f"{self.directory}/admin") or self.process.poll() is not None):
            raise AssertionError("haproxy does not start")
        assert self.process.poll() is None, self.process.stdout.read().decode()

    def command(self, line):
        """Returns the answer of the admin socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{self.directory}/admin")
            client.sendall(line.encode() + b"\n")
            answer = b""
            while piece := client.recv(1 << 16):
                answer += piece
        return answer.decode()

    def servers(self):
        """The status of each server of every backend: UP, DOWN and so on."""
        rows = [row.split(",") for row in self.command("show stat -1 4 -1").splitlines() if row]
        names = rows[0]
        return {row[1]: dict(zip(names, row)) for row in rows[1:]}

    def wait_for(self, server, status, seconds=10):
        assert eventually(lambda: self.servers()[server]["status"] == status, seconds, 0.02), self.servers()[server]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        shutil.rmtree(self.directory)


@pytest.fixture
def balance():
    """Starts HAProxies: balance(config, daemon=port, …)."""
    started = []

    def start(config, **values):
        started.append(HAProxy(config, **values))
        return started[-1]

    yield start
    for each in started:
        each.stop()
