"""Clients that keep their connections, for the tests of restarts; each reports errors and exits with 1 if there were any.

    steady.py TALKING HALF DEAF SILENT KIND:ADDRESS…

TALKING clients always have one request in flight and check each answer. HALF clients send half a line, and the rest at the
end. DEAF clients send until the server takes nothing more, and read at the end. SILENT clients ask once at the beginning and
once at the end. They are distributed over the addresses: HOST:PORT, [HOST]:PORT or the path of a Unix socket. KIND is line,
or chunk, which has talking and silent clients only.

Each line on standard input is a command. `mark` prints how long the talking clients had to wait for an answer since the last
mark (median, 99th percentile and longest, in milliseconds). `end` ends the program.
"""

import os
import resource
import select
import socket
import sys
import time

THINK = float(os.environ.get("THINK", "0.02"))  # seconds between an answer and the next request
LINE = b"x" * 999 + b"\n"


def connect(address):
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(address)
        return connection
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host.strip("[]"), int(port)), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Client:
    def __init__(self, number, kind, address):
        self.number, self.kind, self.address = number, kind, address
        self.socket = connect(address)
        self.name = f"{type(self).__name__} {number} on {kind}:{address}"

    def receive(self, count):
        received = bytearray()
        while len(received) < count:
            piece = self.socket.recv(min(count - len(received), 1 << 20))
            assert piece, f"closed after {len(received)} of {count} bytes"
            received += piece
        return bytes(received)

    def ask(self, line):
        end = b"\n" if self.kind == "line" else b""
        self.socket.sendall(line + end)
        answer = self.receive(len(line + end))
        assert answer == line[::-1] + end, f"{answer[:60]!r} for {line[:60]!r}"


class Talking(Client):
    def begin(self):
        self.socket.setblocking(False)
        self.count = 0
        self.longest = 0.0
        self.send()

    def send(self):
        self.count += 1
        text = b"client %d request %d" % (self.number, self.count)
        end = b"\n" if self.kind == "line" else b""
        self.wanted = text[::-1] + end
        self.found = b""
        self.sent_at = time.monotonic()
        assert self.socket.send(text + end) == len(text + end)

    def readable(self, now):
        """Whether the answer has arrived."""
        piece = self.socket.recv(4096)
        assert piece, f"closed, {len(self.found)} of {len(self.wanted)} bytes received"
        self.found += piece
        if len(self.found) < len(self.wanted):
            return False
        assert self.found == self.wanted, f"{self.found!r} is not {self.wanted!r}"
        self.longest = max(self.longest, now - self.sent_at)
        return True

    def end(self):
        pass


class Half(Client):
    def begin(self):
        self.text = b"half of client %d, " % self.number + b"y" * (self.number % 3000)
        self.socket.sendall(self.text)

    def end(self):
        self.socket.sendall(b" and the rest\n")
        wanted = (self.text + b" and the rest")[::-1] + b"\n"
        assert self.receive(len(wanted)) == wanted, "a wrong answer"
        self.ask(b"one more")


class Deaf(Client):
    def begin(self):
        self.socket.setblocking(False)
        self.sent = 0
        while select.select([], [self.socket], [], 0.05)[1]:
            try:
                self.sent += self.socket.send(memoryview(LINE * 100)[self.sent % len(LINE):])
            except BlockingIOError:
                pass

    def end(self):
        self.socket.settimeout(30)
        whole = self.sent // len(LINE)
        assert self.receive(whole * len(LINE)) == (LINE[-2::-1] + b"\n") * whole, "wrong answers"
        rest = LINE[self.sent % len(LINE):] if self.sent % len(LINE) else b""
        if rest:
            self.socket.sendall(rest)
            assert self.receive(len(LINE)) == LINE[-2::-1] + b"\n", "a wrong answer"
        self.ask(b"one more")


class Silent(Client):
    def begin(self):
        self.ask(b"first word of %d" % self.number)

    def end(self):
        self.ask(b"last word of %d" % self.number)


def percentiles(times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))] * 1000
    return f"{at(0.5):.0f} {at(0.99):.0f} {times[-1] * 1000:.0f}"


def main():
    numbers, addresses = [int(each) for each in sys.argv[1:5]], [each.split(":", 1) for each in sys.argv[5:]]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lines = [address for address in addresses if address[0] == "line"]
    clients, mistakes = [], []

    def make(kind, count, addresses):
        for number in range(count):
            client = kind(number, *addresses[number % len(addresses)])
            client.begin()
            clients.append(client)

    def failed(client, error):
        mistakes.append(f"{client.name}: {error!r}")

    make(Half, numbers[1], lines)
    make(Deaf, numbers[2], lines)
    make(Silent, numbers[3], addresses)
    make(Talking, numbers[0], addresses)
    talking = {client.socket.fileno(): client for client in clients if isinstance(client, Talking)}
    poll = select.epoll()
    for number in talking:
        poll.register(number, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    os.set_blocking(0, False)
    print(f"{len(clients)} connected", flush=True)
    waiting, orders, over = [], b"", False  # clients that pause, in the order of their next requests
    while not over:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else 1
        for number, _ in poll.poll(timeout):
            now = time.monotonic()
            if number == 0:
                read = os.read(0, 4096)
                orders += read
                over = not read
                while b"\n" in orders:
                    order, orders = orders.split(b"\n", 1)
                    over = over or order == b"end"
                    if order == b"mark":
                        for client in talking.values():
                            # A client that is waiting now counts with its time so far.
                            if len(client.found) < len(client.wanted):
                                client.longest = max(client.longest, now - client.sent_at)
                        print(percentiles([client.longest for client in talking.values()] or [0]), flush=True)
                        for client in talking.values():
                            client.longest = 0
                continue
            client = talking[number]
            try:
                if client.readable(now):
                    waiting.append((now + THINK, client))
            except (AssertionError, OSError) as error:
                failed(client, error)
                poll.unregister(number)
                del talking[number]
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, client = waiting.pop(0)
            try:
                client.send()
            except (AssertionError, OSError) as error:
                failed(client, error)
                poll.unregister(client.socket.fileno())
                del talking[client.socket.fileno()]
    answered = sum(client.count for client in clients if isinstance(client, Talking))
    for client in clients:
        try:
            client.end()
        except (AssertionError, OSError) as error:
            failed(client, error)
    print(f"{answered} requests of {numbers[0]} clients, {len(mistakes)} mistakes", flush=True)
    for mistake in mistakes[:10]:
        print(mistake, flush=True)
    sys.exit(1 if mistakes else 0)


main()
