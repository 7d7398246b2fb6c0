"""What a run that goes on for long is made of: connections by the ten thousand, reloads, and what they leave behind.

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
    """What the daemon holds when nobody is connected."""
    sockets: int
    descriptors: int
    memory: int

    @staticmethod
    def of(daemon):
        eventually(lambda: daemon.sockets() <= daemon.idle_sockets, 10, 0.05)
        time.sleep(1.5)  # the sweep gives memory back, idle threads end
        return Reading(daemon.sockets(), daemon.descriptors(), daemon.memory())

    def grown(self, before):
        return f"sockets {before.sockets} → {self.sockets}, descriptors {before.descriptors} → {self.descriptors}, " \
               f"memory {before.memory / 1048576:.1f} → {self.memory / 1048576:.1f} MiB"


def connections(place, count, at_once=60):
    """So many connections, each asks once, some leave by RST; returns how many were answered rightly."""
    poll = select.epoll()
    clients = {}
    begun = ended = answered = 0
    line, answer = b"once and away\n", b"yawa dna ecno\n"

    def begin():
        nonlocal begun
        client = socket.socket()
        client.setblocking(False)
        # From many addresses, so that the ports never run out and no limit for one client is met.
        client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        client.bind((f"127.{1 + begun % 200}.{begun // 200 % 250}.1", 0))
        try:
            client.connect(place)
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
            # A RST leaves no TIME_WAIT behind, so that a million connections have enough ports.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            poll.unregister(number)
            del clients[number]
            client.close()
            ended += 1
    poll.close()
    return answered


def reloads(daemon, configurations, count):
    """So many reloads, each awaited, with these configurations in turn."""
    for number in range(count):
        daemon.configure(configurations[number % len(configurations)])
        seen = len(daemon.lines)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("reloaded|reload failed", seconds=20, after=seen)
    return [line for line in daemon.lines if "reload failed" in line]
