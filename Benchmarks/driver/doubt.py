"""Checks that the generator notices servers that are wrong on purpose."""

import socket
import threading
import time
from contextlib import contextmanager

from . import tools
from .pairs import load
from .servers import Unable


def right(lines):
    return [line[::-1] for line in lines]


def wrong_byte(lines):
    answers = right(lines)
    return [answers[0][:-1] + b"?", *answers[1:]]


def swapped(lines):
    return right(lines)[::-1]


def lost(lines):
    return right(lines)[1:]


def doubled(lines):
    answers = right(lines)
    return [answers[0], *answers]


class Faulty:
    """Answers correctly until the thousandth line, then as `fault` says, or stalls once for `stall` seconds."""

    def __init__(self, fault=right, stall=0.0):
        self.fault, self.stall = fault, stall
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.pid = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()
        except OSError:
            pass  # the listener was closed, so the check is over

    def serve(self, client):
        rest = b""
        try:
            while data := client.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                if not lines:
                    continue
                before, self.count = self.count, self.count + len(lines)
                reached = before < 1000 <= self.count
                if reached and self.stall:
                    time.sleep(self.stall)
                answers = self.fault(lines) if reached else right(lines)
                client.sendall(b"".join(answer + b"\n" for answer in answers))
        except OSError:
            pass  # the generator has disconnected


@contextmanager
def faulty(**how):
    server = Faulty(**how)
    try:
        yield server
    finally:
        server.listener.close()


def check():
    """Ends the run if a fault goes unnoticed."""
    failed = []
    for fault in [wrong_byte, swapped, lost, doubled]:
        with faulty(fault=fault) as server:
            if not notices(server):
                failed.append(f"a {fault.__name__.replace('_', ' ')} went unnoticed")
    with faulty(fault=wrong_byte) as server:
        if not notices(server, "--block", 512):
            failed.append("a wrong byte in a block of lines went unnoticed")
    for options in [[], ["--block", 512]]:
        with faulty() as server:
            if notices(server, *options):
                failed.append("correct answers were reported as wrong")
    options = ["--clients", 2, "--warm-up", 0.05, "--duration", 1.0]
    with faulty(stall=0.2) as server:
        latency = load("open", server, *options, "--rate", 2000)["latency"]
        # The stall delays every line of one client that was due in it: a tenth of all lines, half of them by 100 ms or more.
        if latency["p99"] < 100_000 or latency["p50"] > 50_000:
            failed.append(f"a stall of 200 ms is not in the 99th percentile: {latency}")
    if failed:
        raise Unable("; ".join(failed))
    tools.say("the generator notices wrong, swapped, lost and doubled answers, and counts a stall for every line that it delayed")


def notices(server, *options):
    options = ["--clients", 1, "--in-flight", 8, "--warm-up", 0.05, "--duration", 0.4, *options]
    try:
        return load("closed", server, *options)["unanswered"] > 0
    except Unable:
        return True
