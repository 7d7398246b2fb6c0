"""The machines of the fleet: network namespaces with a veth pair each.

    clients ── 10.78.0.0/24 ── balancer ── 10.77.0.0/24, a bridge ── host1, host2, …
"""

import subprocess

BALANCER, BALANCER_OUTSIDE, CLIENT = "10.77.0.1", "10.78.0.1", "10.78.0.2"


def run(*command, check=True, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if check and result.returncode:
        raise SystemExit(f"fleet: {' '.join(command)}: {result.stderr.strip() or result.returncode}")
    return result


class Network:
    def __init__(self, name, hosts):
        self.name = name
        self.hosts = [f"host{number}" for number in range(1, hosts + 1)]

    def space(self, machine):
        """The namespace of a machine."""
        return f"{self.name}-{machine}"

    @staticmethod
    def address(host):
        return f"10.77.0.{10 + int(host.removeprefix('host'))}"

    def inside(self, machine, *command):
        """Returns the command that runs this one on a machine."""
        return ["ip", "netns", "exec", self.space(machine), *command]

    def _ip(self, machine, *words):
        run("ip", "-n", self.space(machine), *words)

    def _connect(self, machine, address, at, link):
        """Creates eth0 of a machine; its peer at the balancer is `link`."""
        run("ip", "link", "add", "name", "eth0", "netns", self.space(machine), "type", "veth",
            "peer", "name", link, "netns", self.space("balancer"))
        self._ip(machine, "address", "add", f"{address}/24", "dev", "eth0")
        self._ip(machine, "link", "set", "eth0", "up")
        self._ip("balancer", "link", "set", link, *at, "up")

    def make(self):
        for machine in ["balancer", "clients", *self.hosts]:
            run("ip", "netns", "add", self.space(machine))
            self._ip(machine, "link", "set", "lo", "up")
        self._ip("balancer", "link", "add", "name", "hosts", "type", "bridge")
        self._ip("balancer", "address", "add", f"{BALANCER}/24", "dev", "hosts")
        self._ip("balancer", "link", "set", "hosts", "up")
        self._connect("clients", CLIENT, (), "outside")
        self._ip("balancer", "address", "add", f"{BALANCER_OUTSIDE}/24", "dev", "outside")
        for host in self.hosts:
            self._connect(host, self.address(host), ("master", "hosts"), host)

    def remove(self):
        # Removing a namespace also removes its links.
        for machine in [*self.hosts, "clients", "balancer"]:
            run("ip", "netns", "delete", self.space(machine), check=False)

    # Failures of the network.

    def set_link(self, host, is_up):
        """Disconnects a host from the network, or connects it again."""
        self._ip(host, "link", "set", "eth0", "up" if is_up else "down")

    def lose(self, host, percent):
        """Drops this percentage of the packets to and from a host; 0 for none. Returns the tool that does it."""
        inside = lambda *command: run(*self.inside(host, *command), check=False)
        inside("tc", "qdisc", "delete", "dev", "eth0", "root")
        inside("nft", "delete", "table", "ip", "loss")
        if not percent:
            return "none"
        if inside("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "loss", f"{percent}%").returncode == 0:
            return "tc netem"
        # A kernel without sch_netem.
        chains = "".join(f"chain {hook} {{\ntype filter hook {hook} priority 0;\nnumgen random mod 100 < {percent} drop\n}}\n"
                         for hook in ("input", "output"))
        run(*self.inside(host, "nft", "-f", "-"), input=f"table ip loss {{\n{chains}}}\n")
        return "nft numgen"

    def slow_down(self, host, rate):
        """Limits the rate at which a host sends (`2mbit`); None for no limit."""
        run(*self.inside(host, "tc", "qdisc", "delete", "dev", "eth0", "root"), check=False)
        if rate:
            run(*self.inside(host, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms"))
