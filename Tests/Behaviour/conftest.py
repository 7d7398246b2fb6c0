"""Fixtures: daemons that are stopped and checked at the end of their test."""

import contextlib
import ctypes
import os
import subprocess
import sys

import pytest

from daemon import ACTIVATE, Daemon, environment, is_listener
from hand_over import Service
from manager import Store


def pytest_configure(config):
    """Gives each of several workers its own network, so that none takes a port that a test of another has just freed."""
    if hasattr(config, "workerinput") and os.geteuid() == 0:
        new_network = 0x40000000  # CLONE_NEWNET; Python 3.12 has os.unshare
        if ctypes.CDLL(None, use_errno=True).unshare(new_network):
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextlib.contextmanager
def daemons(directory, flags_of_all=()):
    started = []

    def start(config="port = 0\n", *flags, listeners=1, awaited=True, **options):
        home = directory / f"daemon-{len(started)}"
        home.mkdir()
        daemon = Daemon(home, config, (*flags_of_all, *flags), **options)
        started.append(daemon)
        return daemon.wait_until_listening(listeners) if awaited else daemon

    try:
        yield start
    finally:
        harm = []
        for daemon in started:
            try:
                daemon.stop()
            except AssertionError as error:
                harm.append(str(error))
        if harm:
            pytest.fail("\n".join(harm), pytrace=False)


@pytest.fixture
def start(tmp_path):
    """Starts daemons: start(config, *flags, listeners=1, awaited=True, env=…, files=…, …)."""
    with daemons(tmp_path) as start:
        yield start


@pytest.fixture(params=["hot-set", "no-hot-set"])
def serve(request, tmp_path):
    """Like `start`, but the test runs twice: with the hot set and without."""
    with daemons(tmp_path, ("--" + request.param,)) as start:
        yield start


# Sockets that are passed in.

@pytest.fixture
def activate(serve):
    def activate(sockets, config="port = 1\n", **env):
        descriptors = [each.fileno() for each in sockets]
        return serve(config, prefix=(sys.executable, "-c", ACTIVATE, ",".join(map(str, descriptors))), env=environment(**env),
                     pass_fds=descriptors, listeners=max(1, len([each for each in sockets if is_listener(each)])))
    return activate


# Services that are restarted.

@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "notify")
    yield store
    store.close()


@pytest.fixture
def service(start, store):
    return lambda config="port = 0\n", listeners=1, **options: Service(start, store, config, listeners, **options)


@pytest.fixture
def service_both_ways(serve, store):
    """The test runs twice: with the hot set and without."""
    return lambda config="port = 0\n", listeners=1, **options: Service(serve, store, config, listeners, **options)
