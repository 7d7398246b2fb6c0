"""A small line-reversing server and a proxy that injects faults, for the tests of the client.

The server reverses bytes, which is right for ASCII. `FaultyProxy` is between client and server and calls a `faults`
function for each connection.
"""

import os
import select
import socket
import struct
import subprocess
import threading


def client_path():
    return os.environ.get("REVERSE_CLIENT") or os.path.abspath(
        os.path.join(os.path.dirname(__file__), "../../.build/release/reverse-client")
    )


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith("REVERSED_")}
    env.update(extra)
    return env


def run_client(*arguments, stdin=b"", timeout=60, env=None, **options):
    """Runs the client until it exits; the result has `.returncode`, and `.stdout` and `.stderr` as bytes."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    if not hasattr(stdin, "fileno"):
        options["input"] = stdin
    else:
        options["stdin"] = stdin
    return subprocess.run([client_path(), *arguments], timeout=timeout, env=env or environment(), **options)


def reversed_lines(data):
    """Returns the answer to `data` without faults, reversed by bytes."""
    answers = []
    for line in data.split(b"\n"):
        body, end = (line[:-1], b"\r") if line.endswith(b"\r") else (line, b"")
        answers.append(body[::-1] + end)
    if data and not data.endswith(b"\n"):
        answers[-1] = data.split(b"\n")[-1][::-1]
    return b"\n".join(answers)


class LineServer:
    """Listens on a free port of 127.0.0.1, `port`, until it is closed."""

    def __init__(self, port=0, respond=None):
        self.respond = respond or self.reverse
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.live = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with self.lock:
                self.live.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.respond(connection)
        except OSError:
            pass
        finally:
            with self.lock:
                self.live.discard(connection)
            connection.close()

    @staticmethod
    def reverse(connection):
        held = b""
        while True:
            data = connection.recv(65536)
            if not data:
                if held:
                    connection.sendall(held[::-1])
                return
            held += data
            whole, newline, held = held.rpartition(b"\n")
            if newline:
                connection.sendall(reversed_lines(whole + newline))

    def hang_up(self):
        """Resets every connection, as if the server were killed."""
        with self.lock:
            connections = list(self.live)
        for connection in connections:
            try:
                reset(connection)
            except OSError:
                pass

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.hang_up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def reset(connection):
    """Ends a connection with RST instead of FIN (SO_LINGER 0, socket(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    connection.close()


class Fault:
    """A fault of one connection: `action` after `up` bytes towards the server or `down` bytes towards the client. The
    actions are "cut" (FIN), "reset" (RST) and "stall" (passes nothing on any more). At most `step` bytes are passed on at once."""

    def __init__(self, up=None, down=None, action="cut", step=65536):
        self.up, self.down, self.action, self.step = up, down, action, step


class FaultyProxy:
    """Forwards connections to `port`; `faults(n)` returns the Fault of the n-th connection (from 0), or None."""

    def __init__(self, port, faults):
        self.target = port
        self.faults = faults
        self.stop = threading.Event()
        self.server = LineServer(respond=self._pass)
        self.port = self.server.port

    @property
    def connections(self):
        return self.server.connections

    def _pass(self, client):
        with self.server.lock:
            number = getattr(self, "count", 0)
            self.count = number + 1
        fault = self.faults(number) or Fault()
        upstream = socket.create_connection(("127.0.0.1", self.target))
        allowed = {client: fault.up, upstream: fault.down}
        other = {client: upstream, upstream: client}
        reading = [client, upstream]
        try:
            while reading:
                if any(left == 0 for left in allowed.values()):
                    return self._act(fault, client)
                ready, _, _ = select.select(reading, [], [], 30)
                if not ready:
                    return
                for source in ready:
                    size = fault.step if allowed[source] is None else min(fault.step, allowed[source])
                    if size == 0:
                        continue
                    data = source.recv(size)
                    if not data:
                        reading.remove(source)
                        if source is upstream:
                            return
                        upstream.shutdown(socket.SHUT_WR)
                        continue
                    other[source].sendall(data)
                    if allowed[source] is not None:
                        allowed[source] -= len(data)
        finally:
            upstream.close()

    def _act(self, fault, client):
        if fault.action == "reset":
            reset(client)
        elif fault.action == "stall":
            self.stop.wait(30)

    def close(self):
        self.stop.set()
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
