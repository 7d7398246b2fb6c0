"""Processes that continue after the command that started them, and are found again by their id."""

import os
import pathlib
import signal
import subprocess
import time


def eventually(condition, seconds, every=0.02):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


class Process:
    """A process whose id is in a file, with its start time, so that another process with the same id is left alone."""

    def __init__(self, directory, name):
        self.file = pathlib.Path(directory) / f"{name}.pid"
        self.log = pathlib.Path(directory) / f"{name}.log"

    def start(self, command):
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.file.write_text(f"{process.pid} {self._started(process.pid)}")

    @staticmethod
    def _started(pid):
        """The start time of a process in ticks; None if it has ended or is a zombie."""
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]

    @property
    def pid(self):
        """Its id; None if it does not run."""
        try:
            pid, started = self.file.read_text().split()
        except OSError:
            return None
        return int(pid) if self._started(pid) == started else None

    def send(self, number):
        pid = self.pid
        if pid:
            os.kill(pid, number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Stops it, with SIGKILL if it takes too long."""
        self.send(number)
        if not eventually(lambda: self.pid is None, seconds):
            self.send(signal.SIGKILL)
            eventually(lambda: self.pid is None, 5)
        self.file.unlink(missing_ok=True)
