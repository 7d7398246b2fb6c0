"""Thousands of hostile clients at once, from many addresses, in one process.

    hostile_clients.py HOST PORT --clients N --seconds S --seed X [--limit BYTES] [--only NAME,NAME]

Each client picks a behaviour, runs it to its end, and picks the next. Answers that a behaviour expects are checked: a reset
or an early end is allowed, a wrong byte is not. Prints one line of JSON: how often each behaviour was run, and what was
wrong.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import random
import resource
import socket
import struct
import sys
import time

BLOCK = b"".join(b"line %06d of a block\n" % number for number in range(500))
ANSWERS = b"".join(line[::-1] + b"\n" for line in BLOCK.split(b"\n")[:-1])


class Wrong(Exception):
    """Bytes that are not the answer."""


class Crowd:
    def __init__(self, host, port, seed, limit, seconds):
        self.address = (host, port)
        self.chance = random.Random(seed)
        self.limit = limit
        self.end = time.monotonic() + seconds
        self.lived = collections.Counter()
        self.wrong = []
        self.connected = 0
        self.most = 0

    # Running.

    async def client(self, names):
        while time.monotonic() < self.end:
            name = self.chance.choice(names)
            try:
                await getattr(self, name)()
            except Wrong as error:
                self.wrong.append(f"{name}: {error}")
            except (OSError, asyncio.TimeoutError):
                pass
            self.lived[name] += 1
            await asyncio.sleep(self.chance.random() * 0.05)

    @contextlib.asynccontextmanager
    async def connection(self, address=None):
        loop = asyncio.get_running_loop()
        client = socket.socket()
        try:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Without this option an ephemeral port is used up for all destinations (ip(7)).
            client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            client.bind((address or f"127.{self.chance.randint(1, 250)}.{self.chance.randint(0, 250)}.1", 0))
            await asyncio.wait_for(loop.sock_connect(client, self.address), 20)
            self.connected += 1
            self.most = max(self.most, self.connected)
            try:
                yield client
            finally:
                self.connected -= 1
        finally:
            client.close()

    async def send(self, client, data):
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(client, data), 20)

    async def read(self, client, expected, complete=True):
        """Reads the answers that are expected; with `complete`, to the end of the connection."""
        loop = asyncio.get_running_loop()
        received = 0
        while received < len(expected) or complete:
            most = 1 << 18 if complete else min(1 << 18, len(expected) - received)
            piece = await asyncio.wait_for(loop.sock_recv(client, most), 20)
            if piece != expected[received:received + len(piece)]:
                raise Wrong(f"{piece[:60]!r} instead of {expected[received:received + 60]!r}")
            if not piece:
                return received
            received += len(piece)
        return received

    def rst(self, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def pause(self, most=2.0):
        await asyncio.sleep(min(self.chance.random() * most, max(0, self.end - time.monotonic())))

    # Behaviours.

    async def say_nothing(self):
        async with self.connection() as client:
            await self.pause(4)
            if self.chance.random() < 0.5:
                self.rst(client)

    async def connect_and_close(self):
        for _ in range(20):
            async with self.connection() as client:
                if self.chance.random() < 0.3:
                    self.rst(client)

    async def reset_at_a_stage(self):
        async with self.connection() as client:
            stage = self.chance.randrange(6)
            if stage >= 1:
                await self.send(client, (b"half a li", b"line\n", BLOCK, BLOCK * 4 + b"half", BLOCK)[stage - 1])
            if stage == 3:
                await self.read(client, ANSWERS[:self.chance.randint(1, len(ANSWERS))], complete=False)
            if stage == 5:
                client.shutdown(socket.SHUT_WR)
            if self.chance.random() < 0.5:
                await self.pause(0.2)
            self.rst(client)

    async def close_halfway_at_a_stage(self):
        """Everything that was sent is answered, up to the end of file."""
        async with self.connection() as client:
            stage = self.chance.randrange(4)
            request, answer = ((b"", b""), (b"half", b"flah"), (b"line\r\nhalf", b"enil\r\nflah"), (BLOCK, ANSWERS))[stage]
            await self.send(client, request)
            client.shutdown(socket.SHUT_WR)
            await self.read(client, answer)

    async def shut_both_ways(self):
        async with self.connection() as client:
            await self.send(client, BLOCK)
            client.shutdown(socket.SHUT_RDWR)
            await self.pause(0.5)

    async def drip(self):
        """One byte a second."""
        async with self.connection() as client:
            for byte in b"drop\n":
                await self.send(client, bytes([byte]))
                await asyncio.sleep(1)
                if time.monotonic() > self.end:
                    return
            await self.read(client, b"pord\n", complete=False)

    async def never_read(self):
        async with self.connection() as client:
            with contextlib.suppress(asyncio.TimeoutError):
                while time.monotonic() < self.end:
                    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(client, BLOCK * 8), 1)
            await self.pause(5)
            self.rst(client)

    async def read_one_byte_a_second(self):
        async with self.connection() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(client, BLOCK * 8), 1)
            for index in range(5):
                if time.monotonic() > self.end:
                    break
                piece = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 20)
                if piece != ANSWERS[index:index + 1]:
                    raise Wrong(f"{piece!r} instead of {ANSWERS[index:index + 1]!r}")
                await asyncio.sleep(1)
            self.rst(client)

    async def lines_at_the_limit(self):
        """A line of the limit or one byte less is answered; with one byte more, only the lines before it are."""
        excess = self.chance.choice((-1, 0, 1))
        line = b"ab" * (self.limit // 2 + 1)
        line = line[:self.limit + excess]
        async with self.connection() as client:
            sending = asyncio.ensure_future(self.send(client, b"before\n" + line + b"\nafter\n"))
            try:
                expected = b"erofeb\n" + (line[::-1] + b"\nretfa\n" if excess <= 0 else b"")
                got = await self.read(client, expected, complete=excess > 0)
                if got != len(expected):
                    raise Wrong(f"an end after {got} of {len(expected)} bytes, a line of {excess:+} to the limit")
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def no_line_end(self):
        """100 MB without a line feed: no answer."""
        async with self.connection() as client:
            data = bytes(1 << 20)
            sent = 0
            while sent < 100 << 20 and time.monotonic() < self.end:
                await self.send(client, data)
                sent += len(data)
            client.shutdown(socket.SHUT_WR)
            await self.read(client, b"")

    async def nothing_but_zeros(self):
        async with self.connection() as client:
            await self.send(client, bytes(5000) + b"\n" + bytes(1) + b"\n")
            await self.read(client, bytes(5000) + b"\n" + bytes(1) + b"\n", complete=False)

    async def every_byte(self):
        line = bytes(value for value in range(256) if value != 10)
        async with self.connection() as client:
            await self.send(client, line + b"\n")
            await self.read(client, line[::-1] + b"\n", complete=False)

    async def urgent(self):
        """An urgent byte is treated like any other."""
        async with self.connection() as client:
            await self.send(client, b"ab")
            client.send(b"!", socket.MSG_OOB)
            await self.send(client, b"cd\n")
            await self.read(client, b"dc!ba\n", complete=False)

    async def flood(self):
        async with self.connection() as client:
            sending = asyncio.ensure_future(self.send(client, BLOCK * 40))
            try:
                await self.read(client, ANSWERS * 40, complete=False)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


# How often each behaviour is picked.
WEIGHTS = {
    "say_nothing": 20, "connect_and_close": 6, "reset_at_a_stage": 16, "close_halfway_at_a_stage": 12, "shut_both_ways": 4,
    "drip": 16, "never_read": 3, "read_one_byte_a_second": 8, "lines_at_the_limit": 4, "no_line_end": 0.1,
    "nothing_but_zeros": 4, "every_byte": 4, "urgent": 4, "flood": 0.5,
}


async def run(crowd, count, names):
    weighted = [name for name in names for _ in range(max(1, round(WEIGHTS[name] * 10)))]

    async def begin(index):
        await asyncio.sleep(index / count * min(2.0, count / 1000))
        await crowd.client(weighted)

    await asyncio.gather(*(begin(index) for index in range(count)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=1 << 20)
    parser.add_argument("--only", default=",".join(WEIGHTS))
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(arguments.host, arguments.port, arguments.seed, arguments.limit, arguments.seconds)
    asyncio.run(run(crowd, arguments.clients, arguments.only.split(",")))
    print(json.dumps({"lived": crowd.lived, "most_at_once": crowd.most, "wrong": crowd.wrong[:20],
                      "wrong_count": len(crowd.wrong)}))
    return bool(crowd.wrong)


if __name__ == "__main__":
    sys.exit(main())
