"""HAProxy's configuration and its admin socket."""

import csv
import pathlib
import socket

HERE = pathlib.Path(__file__).resolve().parent


def configuration(directory, addresses):
    """haproxy.cfg with the files of this fleet and its hosts."""
    text = (HERE / "haproxy.cfg").read_text().replace("/etc/haproxy/reversed", directory).replace("/run/haproxy", directory)
    lines = [line for line in text.splitlines() if not line.startswith("    server ")]
    return "\n".join(lines + [f"    server {name} {address}:5000" for name, address in addresses.items()]) + "\n"


class Admin:
    """The admin socket (management.txt of HAProxy, 9.3)."""

    def __init__(self, directory):
        self.path = f"{directory}/admin.sock"

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(self.path)
            connection.sendall(command.encode() + b"\n")
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
        return answer.decode().strip()

    def order(self, command):
        """Sends a command that has no output on success."""
        answer = self.ask(command)
        if answer:
            raise SystemExit(f"fleet: haproxy: {command}: {answer}")

    def statistics(self):
        """Returns the counters of HAProxy for each host."""
        rows = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows if row["pxname"] == "hosts" and row["svname"] != "BACKEND"}
