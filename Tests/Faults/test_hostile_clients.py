"""Thousands of hostile clients, while well-behaved ones check that they are served in time and correctly."""

import json
import pathlib
import socket
import subprocess
import sys
import time

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from clients import ask, connect, descriptor_limit, receive
from daemon import eventually

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 64 << 10
# The longest time that a well-behaved client may wait for an answer. A quiet machine needs a tenth of it; the rest allows for
# other tests on the same machine.
LATEST_MS = 3000
SECONDS = 12


def config(path, slots=6000, **limits):
    lines = "".join(f"{key} = {value}\n" for key, value in limits.items())
    return (f"[[listener]]\nhost = '127.0.0.1'\nport = 0\n[[listener]]\npath = '{path}'\n[limits]\n"
            f"max_connections = {slots}\nmax_line_bytes = '64KiB'\n{lines}[log]\nconnections = false\n")


def program(name, *arguments):
    return subprocess.Popen([sys.executable, str(HERE / name), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def result(process, seconds):
    text, _ = process.communicate(timeout=seconds + 90)
    return json.loads(text)


def attack(daemon, path, seed, clients, seconds=SECONDS, **options):
    """Runs hostile and well-behaved clients together; returns the results of both."""
    polite = program("polite_clients.py", f"127.0.0.1:{daemon.port}", path, "--seconds", seconds, "--clients", 4)
    flags = [text for key, value in options.items() for text in (f"--{key}", value)]
    hostile = program("hostile_clients.py", "127.0.0.1", daemon.port, "--clients", clients, "--seconds", seconds - 1,
                      "--seed", seed, "--limit", LIMIT, *flags)
    return result(hostile, seconds), result(polite, seconds)


def judge(daemon, hostile, polite):
    assert polite["wrong"] == 0 and polite["lost"] == 0, polite
    assert polite["answers"] > 100 and polite["slowest_ms"] < LATEST_MS, polite
    assert not hostile["wrong"], hostile
    # Everything that they held is free again, and the daemon is idle.
    assert eventually(lambda: daemon.sockets() <= daemon.idle_sockets, 15, 0.05), daemon.sockets()
    time.sleep(0.5)
    before = daemon.processor_seconds()
    time.sleep(0.5)
    assert daemon.processor_seconds() - before <= 0.1
    assert len(daemon.lines) < 200, daemon.tail()


def test_every_kind_of_hostile_client_at_once(start, tmp_path, seed):
    path = tmp_path / "socket"
    daemon = start(config(path), listeners=2)
    hostile, polite = attack(daemon, path, seed, 2500)
    print(hostile, polite)
    judge(daemon, hostile, polite)
    assert hostile["most_at_once"] > 1000, hostile


def test_a_storm_of_connects_resets_and_half_closes(start, tmp_path, seed):
    path = tmp_path / "socket"
    daemon = start(config(path), listeners=2)
    hostile, polite = attack(daemon, path, seed, 100, 6, only="connect_and_close,reset_at_a_stage,shut_both_ways")
    print(hostile, polite)
    judge(daemon, hostile, polite)


def test_urgent_data_is_data(start):
    daemon = start()
    with connect(daemon.port) as client:
        for _ in range(20):
            client.sendall(b"ab")
            client.send(b"!", socket.MSG_OOB)
            client.sendall(b"cd\n")
            assert receive(client, 6) == b"dc!ba\n"


def from_address(address, port):
    client = socket.socket()
    client.settimeout(15)
    client.bind((address, 0))
    client.connect(("127.0.0.1", port))
    return client


def test_more_clients_than_slots_are_all_answered(start, tmp_path):
    daemon = start(config(tmp_path / "socket", slots=100), listeners=2)
    with descriptor_limit(2000):
        clients = [from_address(f"127.9.{index % 250}.{index // 250}", daemon.port) for index in range(600)]
        for client in clients:
            client.sendall(b"my turn\n")
        for client in clients:
            assert receive(client, 8) == b"nrut ym\n"
            client.close()


def test_one_client_that_connects_without_end_keeps_no_other_out(start, tmp_path):
    daemon = start(config(tmp_path / "socket", slots=400), listeners=2)
    with descriptor_limit(2000):
        hoard = []
        for _ in range(800):
            try:
                hoard.append(from_address("127.9.9.9", daemon.port))
            except OSError:
                break
        for _ in range(20):
            began = time.monotonic()
            with from_address("127.8.8.8", daemon.port) as other:
                assert ask(other, b"me too\n") == b"oot em\n"
            assert time.monotonic() - began < LATEST_MS / 1000
        for client in hoard:
            client.close()
