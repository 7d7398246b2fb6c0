"""A service whose processes hand their connections over: for tests of restarts, with a service manager of the test."""

import signal

CONNECTIONS = "connections"


class Service:
    """A service whose processes run one after the other."""

    def __init__(self, start, store, config, listeners=1, first=None, **options):
        """`first`: arguments of `_start` for the first process only."""
        self.start, self.store, self.listeners, self.options = start, store, listeners, options
        self.config = config
        self.daemon = self._start(**(first or {}))

    def _start(self, limit=None, wrapper=(), **options):
        """`limit`: the limit on open files, set when the descriptors are in place. `wrapper`: a command that starts it."""
        arguments = self.store.start_arguments()
        if wrapper:
            arguments["prefix"] = (*arguments.get("prefix", ()), *wrapper)
        if limit:
            arguments["prefix"] = (*arguments.get("prefix", ()), "/usr/bin/prlimit", f"--nofile={limit}:{limit}")
        return self.start(self.config, listeners=self.listeners, **arguments, **{**self.options, **options})

    def stop(self, code=0):
        self.daemon.signal(signal.SIGTERM)
        assert self.daemon.wait() == code
        return self.daemon

    def restart(self, config=None, listeners=None, **options):
        before = self.stop()
        self.config = config if config is not None else self.config
        self.listeners = listeners if listeners is not None else self.listeners
        self.daemon = self._start(**options)
        return before

    def kill(self):
        self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait()
        self.daemon.stopped = True
        self.daemon.process.returncode = 0  # the test killed it
        self.daemon = self._start()


def both(tmp_path, more=""):
    return f"[[listener]]\nhost = '127.0.0.1'\nport = 0\n[[listener]]\npath = '{tmp_path}/socket'\n{more}"
