"""A service manager for tests of restarts: sd_notify(3) with the file descriptor store.

Like systemd, it keeps the descriptors that it receives, closes those that the service removes, and passes the others to
the next process.
"""

import array
import os
import socket
import subprocess
import sys
import threading

from daemon import ACTIVATE, environment


class Store:
    def __init__(self, path, capacity=100):
        self.path = str(path)
        self.capacity = capacity
        self.kept = []  # (name, descriptor)
        self.messages = []
        self.refused = 0
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                text, ancillary, _, _ = self.socket.recvmsg(65536, 4096)
            except OSError:
                return
            if not text:
                return
            descriptors = array.array("i")
            for _, _, data in ancillary:
                descriptors.frombytes(data)
            message = dict(line.split("=", 1) for line in text.decode().splitlines())
            with self.changed:
                self._take(message, list(descriptors))
                self.messages.append(message)
                self.changed.notify_all()

    def _take(self, message, descriptors):
        if "FDSTORE" in message:
            for descriptor in descriptors:
                if len(self.kept) < self.capacity:
                    self.kept.append((message.get("FDNAME", "stored"), descriptor))
                else:
                    self.refused += 1
                    os.close(descriptor)
            return
        if "FDSTOREREMOVE" in message:
            for name, descriptor in self.kept:
                if name == message["FDNAME"]:
                    os.close(descriptor)
            self.kept = [each for each in self.kept if each[0] != message["FDNAME"]]
        # BARRIER=1: the answer is to close the descriptor.
        for descriptor in descriptors:
            os.close(descriptor)

    @property
    def names(self):
        with self.changed:
            return [name for name, _ in self.kept]

    def put(self, name, stranger):
        """Adds a descriptor that the daemon has not stored."""
        with self.changed:
            self.kept.append((name, os.dup(stranger.fileno())))

    def wait_until(self, condition, seconds=10):
        with self.changed:
            assert self.changed.wait_for(condition, seconds), (self.names, self.messages[-5:])

    def start_arguments(self, **variables):
        """Returns the arguments of `start` for the next process."""
        with self.changed:
            kept = list(self.kept)
        env = dict(NOTIFY_SOCKET=self.path, **variables)
        if not kept:
            return dict(env=environment(**env))
        env["LISTEN_FDNAMES"] = ":".join(name for name, _ in kept)
        numbers = [descriptor for _, descriptor in kept]
        return dict(env=environment(**env), pass_fds=numbers, prefix=(sys.executable, "-c", ACTIVATE, ",".join(map(str, numbers))))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join(5)
        self.socket.close()
        for _, descriptor in self.kept:
            os.close(descriptor)
