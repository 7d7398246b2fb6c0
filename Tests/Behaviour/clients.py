"""The steps of a client: connect, send, receive, close."""

import contextlib
import resource
import socket
import struct

PATIENCE = 15  # seconds to wait for bytes that must arrive


def connect(address):
    """Connects to a port of 127.0.0.1, an address with a port, or the path of a Unix socket."""
    if isinstance(address, int):
        address = ("127.0.0.1", address)
    if isinstance(address, tuple):
        client = socket.create_connection(address, PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(address))
    return client


def receive(client, count):
    """Receives exactly that many bytes."""
    received = bytearray()
    while len(received) < count:
        piece = client.recv(min(count - len(received), 1 << 20))
        assert piece, f"end-of-file after {len(received)} of {count} bytes: {bytes(received[-100:])!r}"
        received += piece
    return bytes(received)


def receive_to_end(client):
    """Receives everything up to the end of file; a reset is an error."""
    received = bytearray()
    while piece := client.recv(1 << 20):
        received += piece
    return bytes(received)


def ask(client, line):
    """Sends a request and receives as many bytes."""
    client.sendall(line)
    return receive(client, len(line))


def exchange(address, request):
    """Writes, half-closes and reads to the end, as nc does."""
    with connect(address) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return receive_to_end(client)


def ask_once(address, line):
    with connect(address) as client:
        return ask(client, line)


def reset(client):
    """Closes with a RST (tcp(7), SO_LINGER of 0)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def reverse_ascii(line):
    """Returns the answer to one line of ASCII."""
    body, end = (line[:-2], b"\r\n") if line.endswith(b"\r\n") else (line[:-1], b"\n") if line.endswith(b"\n") else (line, b"")
    return body[::-1] + end


@contextlib.contextmanager
def descriptor_limit(count):
    """Raises the descriptor limit of the tests themselves."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(before[0], count), before[1]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
