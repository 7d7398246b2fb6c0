"""Clients for the system tests; each reports errors and exits with 1 if there were any.

    client.py ask ADDRESS TEXT…           one connection, one line each, checks every answer
    client.py talk ADDRESS                a line from standard input, its answer to standard output
    client.py load ADDRESS CLIENTS LINES  this many at once, each pipelining this many lines, all checked
    client.py hold ADDRESS CLIENTS        this many stay connected, and are checked again at the end
    client.py knock ADDRESS CLIENTS [ADDRESS…]  until the end: connect, send one line, close, in a loop
    client.py callers CLIENTS ADDRESS…    until the end: like knock, on several addresses; an end of file before the answer is no error
    client.py flood ADDRESS CLIENTS       until the end: send lines, count whole answers until the server closes
    client.py post ADDRESS CLIENTS LINES  this many send this many lines each, and read only at the end
    client.py reset ADDRESS COUNT         connect, send half a line, reset

A line on standard input asks them to end. ADDRESS is HOST:PORT, [HOST]:PORT or the path of a Unix socket.
"""

import collections
import resource
import select
import socket
import struct
import sys
import threading
import time


def connect(address, timeout=20.0):
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(address)
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)


def exchange(connection, texts):
    """Sends all texts, then reads as many answers; returns the error, or None."""
    connection.sendall("".join(text + "\n" for text in texts).encode())
    return read_answers(connection, texts)


def read_answers(connection, texts):
    """Reads the answers to texts that were sent before."""
    wanted = "".join(text[::-1] + "\n" for text in texts).encode()
    found = b""
    while len(found) < len(wanted):
        piece = connection.recv(65536)
        if not piece:
            return f"closed after {len(found)} of {len(wanted)} bytes"
        found += piece
    return None if found == wanted else f"{found[:60]!r} is not {wanted[:60]!r}"


def ask(address, *texts):
    with connect(address) as connection:
        return exchange(connection, texts)


def talk(address):
    with connect(address) as connection:
        answers = connection.makefile("r", encoding="utf-8", newline="\n")
        for line in sys.stdin:
            connection.sendall(line.encode())
            answer = answers.readline()
            if not answer:
                return "closed"
            print(answer, end="", flush=True)
    return None


def each(count, work):
    """Runs each `work(number)` in a thread; returns the errors, counted."""
    mistakes = collections.Counter()

    def run(number):
        try:
            mistake = work(number)
        except OSError as error:
            mistake = repr(error)
        if mistake:
            mistakes[mistake] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(mistakes) or None


def load(address, clients, lines):
    def work(number):
        with connect(address) as connection:
            return exchange(connection, [f"client {number} line {line}" for line in range(int(lines))])

    return each(int(clients), work)


def wait_for_end():
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
    return over


def hold(address, clients):
    held = [connect(address) for _ in range(int(clients))]
    for number, connection in enumerate(held):
        mistake = exchange(connection, [f"held {number}"])
        if mistake:
            return f"client {number}: {mistake}"
    print(f"{len(held)} held", flush=True)
    sys.stdin.readline()
    for number, connection in enumerate(held):
        mistake = exchange(connection, [f"still held {number}"])
        if mistake:
            return f"client {number}: {mistake}"
    return None


def post(address, clients, lines):
    text = [f"posted line {line}" for line in range(int(lines))]
    posted = [connect(address) for _ in range(int(clients))]
    for connection in posted:
        connection.sendall("".join(line + "\n" for line in text).encode())
    print(f"{clients} posted", flush=True)
    sys.stdin.readline()
    return each(len(posted), lambda number: read_answers(posted[number], text))


def knock(address, clients, *more):
    over = wait_for_end()
    answered = [0] * int(clients)
    addresses = [address, *more]

    def work(number):
        while not over.is_set():
            with connect(addresses[number % len(addresses)]) as connection:
                mistake = exchange(connection, [f"knock {number}"])
            if mistake:
                return f"{mistake} (after {answered[number]} good ones)"
            answered[number] += 1
        return None

    print("knocking", flush=True)
    mistakes = each(int(clients), work)
    print(f"{sum(answered)} answered", flush=True)
    return mistakes


def callers(clients, *addresses):
    """No connection attempt may be refused. The connections of a killed process end, and the client connects again."""
    over = wait_for_end()
    answered, ended = [0] * int(clients), [0] * int(clients)

    def work(number):
        address = addresses[number % len(addresses)]
        while not over.is_set():
            with connect(address) as connection:
                try:
                    mistake = exchange(connection, [f"caller {number} call {answered[number]}"])
                except (ConnectionResetError, BrokenPipeError):
                    mistake = "closed"
            if not mistake:
                answered[number] += 1
            elif mistake.startswith("closed"):
                ended[number] += 1
            else:
                return mistake
        return None

    print("calling", flush=True)
    mistakes = each(int(clients), work)
    print(f"{sum(answered)} answered, {sum(ended)} ended before", flush=True)
    return mistakes or (None if all(answered) else "a caller without any answer")


def flood(address, clients):
    """Every byte of the answers must be correct, and they must end with a whole line.

    The client stops sending when the server has stopped reading, and reads to the end. The first line of output is printed when
    each client has had an answer, so that none is refused because it came late.
    """
    over = wait_for_end()
    lines = [0] * int(clients)
    silent, change = set(range(int(clients))), threading.Lock()

    def has_answer(number):
        with change:
            if number in silent:
                silent.remove(number)
                if not silent:
                    print("flooding", flush=True)

    def work(number):
        text = f"flood {number} ".encode() * 20
        request, answer = text + b"\n", text[::-1] + b"\n"
        received = b""
        sending = True
        with connect(address) as connection:
            connection.setblocking(False)
            position = 0
            while True:
                wants = [connection] if sending else []
                readable, writable, _ = select.select([connection], wants, [], 20)
                if readable:
                    try:
                        piece = connection.recv(262144)
                    except ConnectionResetError:
                        return "reset"
                    if not piece:
                        break
                    received += piece
                    whole = len(received) // len(answer)
                    if received[: whole * len(answer)] != answer * whole:
                        return "a wrong answer"
                    received = received[whole * len(answer) :]
                    lines[number] += whole
                    if lines[number]:
                        has_answer(number)
                if writable and sending:
                    try:
                        position = (position + connection.send(request[position:])) % len(request)
                    except (BrokenPipeError, ConnectionResetError):
                        sending = False
                if over.is_set() and sending and position == 0:
                    connection.shutdown(socket.SHUT_WR)
                    sending = False
                if not readable and not writable:
                    return "nothing happened for 20 s"
        return f"half a line at the end: {received[:40]!r}" if received else None

    mistakes = each(int(clients), work)
    print(f"{sum(lines)} lines answered", flush=True)
    if not mistakes and 0 in lines:
        return "a client without any answer"
    return mistakes


def reset(address, count):
    linger = struct.pack("ii", 1, 0)
    for _ in range(int(count)):
        connection = connect(address)
        connection.sendall(b"half a line")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()


def main():
    command, *arguments = sys.argv[1:]
    start = time.monotonic()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        mistake = globals()[command](*arguments)
    except OSError as error:
        mistake = repr(error)
    if mistake:
        sys.exit(f"{command} {arguments[0]}: {mistake} (after {time.monotonic() - start:.1f} s)")


main()
