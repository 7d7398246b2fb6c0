"""Well-behaved clients that measure how they are served, in one process with a thread each.

    polite_clients.py ADDRESS [ADDRESS...] --clients N --seconds S

ADDRESS is HOST:PORT or the path of a Unix socket. Half of the clients of each ADDRESS keep their connection, half connect for
each line. Prints one line of JSON: answers, the slowest and the median in milliseconds, what was lost or wrong.
"""

import argparse
import json
import socket
import statistics
import sys
import threading
import time

PATIENCE = 30


def connect(address):
    host, _, port = address.rpartition(":")
    if port.isdigit():
        client = socket.create_connection((host, int(port)), PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    # A full backlog of a Unix socket refuses with EAGAIN where TCP would wait.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.connect(address)
            return client
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Polite(threading.Thread):
    def __init__(self, address, keeps, number, end):
        super().__init__()
        self.address, self.keeps, self.number, self.end = address, keeps, number, end
        self.times, self.lost, self.wrong = [], [], []

    def run(self):
        client = None
        count = 0
        while time.monotonic() < self.end:
            count += 1
            line = b"client %d asks for the %dth time" % (self.number, count)
            began = time.monotonic()
            try:
                client = client or connect(self.address)
                client.sendall(line + b"\n")
                answer = b""
                while len(answer) < len(line) + 1:
                    piece = client.recv(4096)
                    if not piece:
                        raise OSError("an early end")
                    answer += piece
            except OSError as error:
                self.lost.append(f"{self.address}, line {count}: {error!r}")
                client = None
            else:
                self.times.append(time.monotonic() - began)
                if answer != line[::-1] + b"\n":
                    self.wrong.append(f"{answer!r} for {line!r}")
            if client and not self.keeps:
                client.close()
                client = None
            time.sleep(0.01)
        if client:
            client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("addresses", nargs="+")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    threads = [Polite(address, number % 2 == 0, number, end) for address in arguments.addresses for number in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(time for thread in threads for time in thread.times) or [0]
    lost = [text for thread in threads for text in thread.lost]
    wrong = [text for thread in threads for text in thread.wrong]
    print(json.dumps({
        "answers": len(times), "slowest_ms": round(times[-1] * 1000), "median_ms": round(statistics.median(times) * 1000, 2),
        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 1), "lost": len(lost), "wrong": len(wrong),
        "examples": (wrong + lost)[:10],
    }))
    return bool(lost or wrong)


if __name__ == "__main__":
    sys.exit(main())
