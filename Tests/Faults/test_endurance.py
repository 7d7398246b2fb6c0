"""Descriptors and memory stay constant over many connections and reloads. soak.py does the same for longer."""

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask_once
from endurance import Reading, connections, reloads

QUIET = "[log]\nconnections = false\n"
MIB = 1 << 20


def test_thirty_thousand_connections(start):
    daemon = start("port = 0\n" + QUIET)
    address = ("127.0.0.1", daemon.port)
    assert connections(address, 3000) == 3000
    before = Reading.of(daemon)
    assert connections(address, 27_000) == 27_000
    after = Reading.of(daemon)
    print(after.grown(before))
    assert after.sockets == before.sockets and after.descriptors <= before.descriptors + 3
    assert after.memory < before.memory + 3 * MIB, after.grown(before)


@pytest.mark.parametrize("listeners", [1, 64])
def test_a_hundred_reloads(start, tmp_path, listeners):
    """Each reload moves every listener."""
    def config(generation):
        return "".join(f"[[listener]]\nhost = '127.0.{generation}.{number + 1}'\nport = 0\n"
                       for number in range(listeners)) + QUIET

    daemon = start(config(1), listeners=listeners)
    configurations = [config(2), config(1)]
    assert not reloads(daemon, configurations, 20)
    before = Reading.of(daemon)
    assert not reloads(daemon, configurations, 100)
    after = Reading.of(daemon)
    print(after.grown(before))
    assert after.sockets == before.sockets and after.descriptors <= before.descriptors + 3
    assert after.memory < before.memory + 3 * MIB, after.grown(before)
    port = int(daemon.logged("reloaded")[-1].split("127.0.1.1:")[1].split(",")[0].split()[0])
    assert ask_once(("127.0.1.1", port), b"still\n") == b"llits\n"
