"""Network namespaces for a test, and a link between two of them that delays, loses, repeats and reorders packets.

The link is a pair of TUN devices with this process between them. That works on every kernel, while many kernels lack the
module of tc-netem(8). Both ends use the TCP of the kernel.
"""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"
        # A command prefix that runs a program in it.
        self.prefix = ("nsenter", f"--net={self.path}")

    def close(self):
        self.holder.communicate()

    def command(self, *words):
        subprocess.run([*self.prefix, *words], check=True, capture_output=True)

    def run(self, body):
        """Calls `body` in a thread that has entered the namespace; sockets that it creates belong to the namespace."""
        result = []

        def enter():
            number = os.open(self.path, os.O_RDONLY)
            try:
                if LIBC.setns(number, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(number)
            result.append(body())

        failures = []

        def guarded():
            try:
                enter()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
        return result[0]


@contextlib.contextmanager
def namespace():
    space = Namespace()
    try:
        yield space
    finally:
        space.close()


class Link(threading.Thread):
    """A bad link between 10.99.0.1 in one namespace and 10.99.0.2 in the other."""

    def __init__(self, spaces, seed, delay=0.0, jitter=0.0, loss=0.0, repeat=0.0):
        super().__init__(daemon=True)
        self.chance = random.Random(seed)
        self.delay, self.jitter, self.loss, self.repeat = delay, jitter, loss, repeat
        self.ends = []
        self.carried = self.lost = 0
        self.is_over = threading.Event()
        for index, space in enumerate(spaces):
            self.ends.append(space.run(self.open_device))
            space.command("ip", "address", "add", f"10.99.0.{index + 1}/24", "dev", "bad0")
            space.command("ip", "link", "set", "bad0", "up")

    @staticmethod
    def open_device():
        number = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(number, TUNSETIFF, struct.pack("16sH", b"bad0", IFF_TUN | IFF_NO_PI))
        return number

    def run(self):
        waiting = []  # (when, order, end, packet)
        order = 0
        while not self.is_over.is_set():
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, end, packet = heapq.heappop(waiting)
                with contextlib.suppress(OSError):
                    os.write(end, packet)
            patience = min(0.1, max(0, waiting[0][0] - now)) if waiting else 0.1
            for end in select.select(self.ends, [], [], patience)[0]:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        packet = os.read(end, 65536)
                        other = self.ends[1] if end == self.ends[0] else self.ends[0]
                        for _ in range(2 if self.chance.random() < self.repeat else 1):
                            if self.chance.random() < self.loss:
                                self.lost += 1
                                continue
                            self.carried += 1
                            order += 1
                            # Each packet has its own delay, so that they overtake each other.
                            when = time.monotonic() + self.delay + self.chance.random() * self.jitter
                            heapq.heappush(waiting, (when, order, other, packet))

    def close(self):
        self.is_over.set()
        self.join()
        for end in self.ends:
            os.close(end)
