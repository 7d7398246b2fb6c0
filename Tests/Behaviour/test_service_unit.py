"""What the programs learn from the service manager about their unit: the rights that `--check` knows, the job that a SIGTERM is
part of."""

import os
import signal
import subprocess

import pytest

import bus
from clients import ask, connect
from daemon import binary, environment
from manager import Store

SERVICE = bus.UNIT + "reversed_2eservice"
SOCKET = bus.UNIT + "reversed_2esocket"
JOB = "/org/freedesktop/systemd1/job/7"


def check(tmp_path, properties, socket_state="inactive"):
    objects = {
        SERVICE: {"LoadState": ("s", "loaded"), "TriggeredBy": ("as", ["reversed.socket"]), **properties},
        SOCKET: {"LoadState": ("s", "loaded"), "ActiveState": ("s", socket_state)},
    }
    with bus.Bus(tmp_path / "bus", objects) as manager:
        result = subprocess.run([binary(), "--check"], env=environment(**manager.variables), capture_output=True, timeout=20)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode(), result.stderr.decode()


@pytest.mark.skipif(os.path.exists("/etc/reversed/reversed.toml"), reason="there is a file of the service")
@pytest.mark.parametrize("user, capabilities", [("reversed", "AmbientCapabilities"), ("", "CapabilityBoundingSet")])
def test_a_check_of_the_service_knows_its_unit(tmp_path, user, capabilities):
    properties = {
        "User": ("s", user), "DynamicUser": ("b", 0), "PrivateUsers": ("b", 0), capabilities: ("t", 1 << 10),
        "LimitNOFILE": ("t", 524288), "RuntimeDirectory": ("as", ["reversed"]), "PrivateTmp": ("b", 1),
        "ProtectSystem": ("s", "strict"), "ReadWritePaths": ("as", ["-/srv"]),
    }
    output, warnings = check(tmp_path, properties)
    assert "would listen on 127.0.0.1:5000" in output and warnings == ""
    # The socket unit is in charge.
    output, warnings = check(tmp_path, properties, socket_state="active")
    assert "reversed.socket is active: the service listens on its sockets" in output
    assert "would listen" not in output
    # A limit of the unit, not of this process.
    output, warnings = check(tmp_path, {**properties, "LimitNOFILE": ("t", 64)})
    assert "LimitNOFILE" in warnings and "64" in warnings, warnings


@pytest.mark.parametrize("job, stored, is_handed_over", [("restart", 1, True), ("restart", 4, False), ("stop", 1, False)])
def test_a_sigterm_of_a_restart_hands_over_if_the_store_has_space(start, tmp_path, job, stored, is_handed_over):
    store = Store(tmp_path / "notify")
    objects = {}
    with bus.Bus(tmp_path / "bus", objects, own=SERVICE) as manager:
        daemon = start("port = 0\n", **store.start_arguments(**manager.variables))
        objects[SERVICE] = {
            "MainPID": ("u", daemon.process.pid), "Job": ("(uo)", (7, JOB)),
            "FileDescriptorStoreMax": ("u", 4), "NFileDescriptorStore": ("u", stored),
        }
        objects[JOB] = {"JobType": ("s", job)}
        with connect(daemon.port) as client:
            assert ask(client, b"abc\n") == b"cba\n"
            daemon.signal(signal.SIGTERM)
            assert daemon.wait() == 0
            assert ("connections" in store.names) == is_handed_over, store.names
    store.close()
