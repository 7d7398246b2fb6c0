"""Clients without retries, on the client machine of the fleet: they connect, ask and close in a loop until standard input
ends. Prints their results as JSON.

    fleet_clients.py THREADS LINES BYTES-OF-A-LINE"""

import json
import socket
import sys
import threading
import time

threads, lines, size = map(int, sys.argv[1:])
stop = threading.Event()
lock = threading.Lock()
seen = {"conversations": 0, "lines": 0, "errors": [], "slowest": 0.0}


def exchange(request):
    begun = time.monotonic()
    with socket.create_connection(("10.78.0.1", 5000), 20) as client:
        client.sendall(request)
        answer = b""
        while len(answer) < len(request):
            piece = client.recv(1 << 20)
            if not piece:
                raise ConnectionError(f"end of file after {len(answer)} of {len(request)} bytes")
            answer += piece
    if answer != b"".join(line[::-1] + b"\n" for line in request.split(b"\n")[:-1]):
        raise ValueError("wrong answers")
    return time.monotonic() - begun


def work(thread):
    number = 0
    while not stop.is_set():
        number += 1
        request = b"".join((b"%d %d %d " % (thread, number, line)).ljust(size, b"x") + b"\n" for line in range(lines))
        try:
            took = exchange(request)
        except Exception as error:  # any failure that a client can see
            with lock:
                seen["errors"].append(repr(error))
            continue
        with lock:
            seen["conversations"] += 1
            seen["lines"] += lines
            seen["slowest"] = max(seen["slowest"], took)


workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
for worker in workers:
    worker.start()
print("started", flush=True)
sys.stdin.read()
stop.set()
for worker in workers:
    worker.join()
print(json.dumps(seen))
