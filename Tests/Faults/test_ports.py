"""Few free ports: a name with several addresses gets one port for all of them."""

import os
import pathlib
import socket
import subprocess

import pytest

from behaviour import BEHAVIOUR
from daemon import environment
from network import namespace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def resolver(tmp_path_factory):
    library = tmp_path_factory.mktemp("resolver") / "fake_resolver.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, pathlib.Path(BEHAVIOUR) / "fake_resolver.c", "-ldl"], check=True)
    return library


def occupy(ports):
    held = []
    for port in ports:
        held.append(socket.socket())
        held[-1].bind(("127.0.0.2", port))
        held[-1].listen()
    return held


def test_a_name_with_two_addresses_where_few_ports_are_free_at_both(start, resolver):
    with namespace() as space:
        space.command("sh", "-c", "echo 40000 40011 > /proc/sys/net/ipv4/ip_local_port_range")
        # Every port is free at the first address, four are at the second.
        held = space.run(lambda: occupy(range(40000, 40008)))
        variables = environment(LD_PRELOAD=resolver, FAKE_ADDRESSES="127.0.0.1 127.0.0.2")
        for _ in range(8):
            daemon = start("host = 'two.example'\nport = 0\n", listeners=2, env=variables, prefix=space.prefix)
            first, second = daemon.ports
            assert first == second >= 40008
            assert [address.split(":")[0] for address in daemon.addresses] == ["127.0.0.1", "127.0.0.2"]
            daemon.stop()
            daemon.stopped = True
        for each in held:
            each.close()
