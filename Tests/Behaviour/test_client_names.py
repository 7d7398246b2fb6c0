"""Looking up the server's name: a resolver and addresses that never answer."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pexpect
import pytest

from daemon import eventually
from line_server import LineServer, client_path, environment, run_client

SOURCE = pathlib.Path(__file__).with_name("fake_resolver.c")


@pytest.fixture(scope="session")
def fake(tmp_path_factory):
    library = tmp_path_factory.mktemp("resolver") / "fake_resolver.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)

    def variables(*addresses):
        changes = {"LD_PRELOAD": str(library), "TERM": "xterm", "REVERSED_HISTORY": ""}
        if addresses:
            changes["FAKE_ADDRESSES"] = " ".join(addresses)
        return environment(**changes)

    return variables


def wait_for_lookup(client):
    """Waits until the thread of the resolver exists."""
    eventually(lambda: len(os.listdir(f"/proc/{client.pid}/task")) == 2)


@pytest.mark.parametrize("arguments", [["x"], ["--ping", "--count", "1"], ["--retry-for", "0"], ["--json", "x"]])
def test_the_client_does_not_wait_for_a_resolver_that_never_answers(fake, arguments):
    started = time.monotonic()
    result = run_client("-H", "some.example", "--timeout", "300ms", *arguments, stdin=b"x\n", env=fake())
    assert result.returncode == 75, result
    assert b"the name service did not answer within 300ms" in result.stderr + result.stdout
    assert 0.25 < time.monotonic() - started < 3


def test_a_silent_resolver_is_asked_once_however_often_it_is_tried_again(fake):
    client = subprocess.Popen(
        [client_path(), "-H", "some.example", "--timeout", "20ms", "--retry-for", "2s"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=fake(),
    )
    client.stdin.write(b"x\n")
    client.stdin.close()
    time.sleep(1.2)
    assert len(os.listdir(f"/proc/{client.pid}/task")) == 2
    assert client.wait(10) == 75
    client.stderr.close()


@pytest.mark.parametrize("arguments", [["x"], ["--ping"], []])
def test_ctrl_c_while_the_name_is_looked_up(fake, arguments):
    client = subprocess.Popen(
        [client_path(), "-H", "some.example", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=fake(),
    )
    wait_for_lookup(client)
    started = time.monotonic()
    client.send_signal(signal.SIGINT)
    assert client.wait(10) == -signal.SIGINT and time.monotonic() - started < 1
    for stream in (client.stdin, client.stdout, client.stderr):
        stream.close()


def test_ctrl_c_while_the_prompt_looks_up_the_name(fake):
    child = pexpect.spawn(client_path(), ["-H", "some.example"], env=fake(), timeout=10)
    wait_for_lookup(child)
    child.send("\x03")
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == signal.SIGINT


def test_a_dead_address_does_not_cost_the_timeout(fake):
    """A listener whose full backlog answers no SYN, like an address behind a firewall."""
    with LineServer() as server, socket.socket() as full:
        full.bind(("127.0.0.2", server.port))
        full.listen(0)
        waiting = [socket.socket() for _ in range(2)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.2", server.port))
        started = time.monotonic()
        env = fake("127.0.0.2", "127.0.0.1")
        result = run_client("-H", f"some.example:{server.port}", "--timeout", "10s", "abc", env=env)
        assert (result.returncode, result.stdout) == (0, b"cba\n")
        assert 0.2 < time.monotonic() - started < 2
        for client in waiting:
            client.close()


def test_an_address_that_refuses_delays_nothing(fake):
    with LineServer() as server:
        started = time.monotonic()
        env = fake("127.0.0.3", "::1", "127.0.0.1")
        result = run_client("-H", f"some.example:{server.port}", "abc", env=env)
        assert (result.returncode, result.stdout) == (0, b"cba\n") and time.monotonic() - started < 0.25
