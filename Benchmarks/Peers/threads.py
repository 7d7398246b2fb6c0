"""The Python original: a thread for each client, recv(1024), a slice, a send.

    threads.py PORT

The original had no framing: it reversed the bytes of one recv. This one divides them into lines, and is otherwise the same.
"""

import socket
import sys
import threading


def serve(client):
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        parts = []
        while data := client.recv(1024):
            lines = data.split(b"\n")
            parts.append(lines[0])
            if len(lines) > 1:
                lines[0] = b"".join(parts)
                parts = [lines[-1]]
                lines[-1] = b""
                client.sendall(b"\n".join([line[::-1] for line in lines]))


def main():
    threading.stack_size(256 * 1024)
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()


main()
