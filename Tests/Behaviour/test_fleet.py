"""Examples/fleet: hosts in network namespaces behind a real HAProxy. Root only."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

from daemon import ROOT, binary, eventually

EXAMPLE = ROOT / "Examples/fleet"
HERE = pathlib.Path(__file__).parent
CLIENT = os.environ.get("REVERSE_CLIENT", str(ROOT / ".build/release/reverse-client"))

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(map(shutil.which, ("haproxy", "ip", "tc", "nft", "openssl"))),
                       reason="needs haproxy, iproute2, nftables and openssl: make test-dependencies"),
]


class Fleet:
    def __init__(self, hosts):
        self.name = f"fleet-{os.getpid()}"
        self.directory = pathlib.Path("/run") / self.name
        self.hosts = [f"host{number}" for number in range(1, hosts + 1)]
        self("up", "--hosts", str(hosts), "--daemon", binary())

    def command(self, *words):
        return [str(EXAMPLE / "fleet"), "--name", self.name, *words]

    def __call__(self, *words, seconds=60):
        result = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=seconds)
        assert result.returncode == 0, f"fleet {' '.join(words)}: {result.stdout}{result.stderr}"
        return result.stdout

    def on_clients(self, *words):
        return self.command("clients", *words)

    def status(self):
        found = re.findall(r"^(\w+) +(.+?) +(\S+) +(\d+) connections, (\d+) so far$", self("status"), re.M)
        return {name: {"status": status, "now": int(now), "total": int(total)} for name, status, check, now, total in found}

    def totals(self):
        return {name: facts["total"] for name, facts in self.status().items()}

    def since(self, before):
        return {name: total - before[name] for name, total in self.totals().items()}

    def wait_until(self, host, status):
        assert eventually(lambda: self.status()[host]["status"].startswith(status), 20, 0.1), self.status()

    def wait_until_all_are_up(self):
        for host in self.hosts:
            self.wait_until(host, "UP")

    def log(self, host):
        return (self.directory / f"{host}.log").read_text()


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(scope="module")
def whole_fleet():
    fleet = Fleet(3)
    yield fleet
    pids = [int(path.read_text().split()[0]) for path in fleet.directory.glob("*.pid")]
    fleet("down")
    assert len(pids) == 4 and not any(map(is_running, pids))
    assert not fleet.directory.exists()
    assert fleet.name not in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout


@pytest.fixture
def fleet(whole_fleet):
    """Checks that all hosts are up before and after each test."""
    yield whole_fleet
    for host in whole_fleet.hosts:
        whole_fleet("mend", host)
    whole_fleet.wait_until_all_are_up()
    for host in whole_fleet.hosts:
        assert not re.search(r"Fatal error|PROXY header|BUG IN", whole_fleet.log(host))


class Stream:
    """A retrying client: reverse-client with lines that arrive slowly, until the test stops it."""

    def __init__(self, fleet, number):
        self.process = subprocess.Popen(fleet.on_clients(CLIENT, "-H", "10.78.0.1:5000", "--retry-for", "30s", "--timeout", "20s"),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.sent = []
        self.stop = threading.Event()
        self.number = number
        self.writer = threading.Thread(target=self.write)
        self.writer.start()
        self.received = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def write(self):
        while not self.stop.is_set():
            lines = [f"{self.number} {len(self.sent) + index} é".encode() + b"\n" for index in range(20)]
            self.sent += lines
            self.process.stdin.write(b"".join(lines))
            self.process.stdin.flush()
            time.sleep(0.01)
        self.process.stdin.close()

    def read(self):
        self.received = self.process.stdout.read()

    def finish(self):
        self.stop.set()
        self.writer.join(60)
        self.reader.join(60)
        errors = self.process.stderr.read().decode()
        assert self.process.wait(60) == 0, errors
        self.process.stderr.close()
        self.process.stdout.close()
        expected = [line.decode().rstrip("\n")[::-1].encode() + b"\n" for line in self.sent]
        assert self.received.splitlines(keepends=True) == expected, f"{len(self.received)} bytes for {len(self.sent)} lines"
        return len(self.sent)


@contextlib.contextmanager
def streams(fleet, count=6):
    """Retrying clients, each of which must get every answer, correct and in order."""
    all_streams = [Stream(fleet, number) for number in range(count)]
    time.sleep(0.3)
    try:
        yield
        time.sleep(0.5)
    finally:
        assert sum(stream.finish() for stream in all_streams) > 1000


@contextlib.contextmanager
def plain_clients(fleet, threads=4, lines=3, size=20):
    """Clients that connect, ask and close without retries; yields a dictionary that is filled at the end."""
    process = subprocess.Popen(fleet.on_clients(sys.executable, str(HERE / "fleet_clients.py"), str(threads), str(lines), str(size)),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"started\n"
    seen = {}
    try:
        yield seen
    finally:
        output, _ = process.communicate(timeout=60)
        seen.update(json.loads(output))


# These two tests read the logs, which are rate-limited if very many clients connect.

def test_connections_that_stay_are_the_same_number_on_each_host_and_known_by_their_own_address(fleet):
    hold = "import socket, sys\nall = [socket.create_connection(('10.78.0.1', 5000), 10) for _ in range(30)]\n" \
        "for each in all:\n    each.sendall(b'ADVANCE\\n')\n    assert each.recv(8) == b'ECNAVDA\\n'\n" \
        "print(*[each.getsockname()[1] for each in all], flush=True)\nsys.stdin.read()\n"
    holder = subprocess.Popen(fleet.on_clients(sys.executable, "-c", hold), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ports = holder.stdout.readline().split()
    assert len(ports) == 30
    assert {facts["now"] for facts in fleet.status().values()} == {10}
    logs = "".join(fleet.log(host) for host in fleet.hosts)
    for port in map(int, ports):
        assert f"connected 10.78.0.2:{port} through 10.77.0.1:" in logs
    holder.communicate()


def test_tls_with_a_client_certificate_from_end_to_end(fleet):
    script = f"""
import socket, ssl, sys
context = ssl.create_default_context(cafile="{fleet.directory}/authority.pem")
if sys.argv[1] == "client":
    context.load_cert_chain("{fleet.directory}/client.pem")
with context.wrap_socket(socket.create_connection(("10.78.0.1", 5443), 10), server_hostname="balancer") as client:
    client.sendall("ADVANCE café\\n".encode())
    print(client.recv(100).decode(), client.version(), client.getsockname()[1])
"""
    def run(who):
        return subprocess.run(fleet.on_clients(sys.executable, "-c", script, who), capture_output=True, text=True, timeout=30)

    result = run("client")
    assert result.returncode == 0, result.stderr
    answer, version, port = result.stdout.split("\n")[0], *result.stdout.split()[-2:]
    assert answer == "éfac ECNAVDA" and version in ("TLSv1.2", "TLSv1.3")
    assert any(f"connected 10.78.0.2:{port} through 10.77.0.1:" in fleet.log(host) for host in fleet.hosts)
    before = fleet.totals()
    result = run("nobody")
    assert "ECNAVDA" not in result.stdout and (result.returncode != 0 or "éfac" not in result.stdout)
    assert fleet.totals() == before


# Load.

def test_load_spreads(fleet):
    before = fleet.totals()
    with plain_clients(fleet, threads=6) as seen:
        time.sleep(2)
    assert not seen["errors"] and seen["conversations"] > 100, seen
    got = fleet.since(before)
    assert sum(got.values()) == seen["conversations"]
    assert min(got.values()) > 0.2 * sum(got.values()), got


def test_a_host_that_is_killed_costs_retrying_clients_nothing(fleet):
    with streams(fleet):
        fleet("kill", "host2")
        fleet.wait_until("host2", "DOWN")
        time.sleep(0.5)
        fleet("start", "host2")


def test_a_host_that_is_cut_off_costs_retrying_clients_nothing(fleet):
    with streams(fleet):
        fleet("cut", "host3")
        fleet.wait_until("host3", "DOWN")
        time.sleep(0.5)
    fleet("mend", "host3")


@pytest.mark.parametrize("percent", [10, 40])
def test_packets_that_are_lost_cost_retrying_clients_nothing(fleet, percent):
    with streams(fleet):
        print("by", fleet("lose", "host1", str(percent)))
        time.sleep(3)
        fleet("mend", "host1")


def test_every_host_is_restarted_under_load_and_no_client_sees_an_error(fleet):
    pids = [(fleet.directory / f"{host}.pid").read_text() for host in fleet.hosts]
    with streams(fleet, 3), plain_clients(fleet, threads=4) as seen:
        output = fleet("restart", "--patience", "1")
    assert output.split("\n")[:-1] == [f"{host} is restarted" for host in fleet.hosts]
    assert all((fleet.directory / f"{host}.pid").read_text() != pid for host, pid in zip(fleet.hosts, pids))
    # Clients without retries lost no line either, because their connections are shorter than --patience.
    assert not seen["errors"] and seen["lines"] == 3 * seen["conversations"] > 300, seen


def test_a_slow_host_gets_less(fleet):
    fleet("slow", "host2", "4mbit")
    before = fleet.totals()
    with plain_clients(fleet, threads=8, lines=50, size=1000) as seen:
        time.sleep(4)
    assert not seen["errors"], seen
    got = fleet.since(before)
    assert 0 < got["host2"] < 0.5 * min(got["host1"], got["host3"]), got
