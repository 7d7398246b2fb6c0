"""The parts of a long run: tens of thousands of connections, reloads, and a measurement of what they leave behind.

Used by test_endurance.py, which is short, and by soak.py, which is long.
"""

import dataclasses
import os
import select
import signal
import socket
import struct
import time

from daemon import eventually


@dataclasses.dataclass
class Reading:
    """What the daemon holds when no client is connected."""
    sockets: int
    descriptors: int
    memory: int

    @staticmethod
    def of(daemon):
        eventually(lambda: daemon.sockets() <= daemon.idle_sockets, 10, 0.05)
        time.sleep(1.5)  # the sweep returns memory, idle threads end
        return Reading(daemon.sockets(), daemon.descriptors(), daemon.memory())

    def grown(self, before):
        return f"sockets {before.sockets} → {self.sockets}, descriptors {before.descriptors} → {self.descriptors}, " \
               f"memory {before.memory / 1048576:.1f} → {self.memory / 1048576:.1f} MiB"


def connections(address, count, at_once=60):
    """Makes this many connections; each asks once, some end with a RST. Returns how many got the right answer."""
    poll = select.epoll()
    clients = {}
    begun = ended = answered = 0
    line, answer = b"once and away\n", b"yawa dna ecno\n"

    def begin():
        nonlocal begun
        client = socket.socket()
        client.setblocking(False)
        # From many addresses, so that the ports do not run out and the limit for one client is not reached.
        client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        client.bind((f"127.{1 + begun % 200}.{begun // 200 % 250}.1", 0))
        try:
            client.connect(address)
        except BlockingIOError:
            pass
        clients[client.fileno()] = client
        poll.register(client.fileno(), select.EPOLLOUT)
        begun += 1

    while ended < count:
        while len(clients) < at_once and begun < count:
            begin()
        for number, events in poll.poll(10):
            client = clients[number]
            if events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
                client.send(line)
                poll.modify(number, select.EPOLLIN)
                continue
            try:
                answered += client.recv(100) == answer
            except OSError:
                pass
            # A RST leaves no socket in TIME_WAIT, so the ports suffice for a million connections.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            poll.unregister(number)
            del clients[number]
            client.close()
            ended += 1
    poll.close()
    return answered


def reloads(daemon, configurations, count):
    """Makes this many reloads with these settings in turn, and waits for each."""
    for number in range(count):
        daemon.configure(configurations[number % len(configurations)])
        seen = len(daemon.lines)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("reloaded|reload failed", seconds=20, after=seen)
    return [line for line in daemon.lines if "reload failed" in line]
