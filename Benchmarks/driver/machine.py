"""The environment of the measurement: processor, kernel, versions of all programs."""

import datetime
import os
import platform
import re
import resource
import subprocess
from pathlib import Path

from . import tools


def describe():
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": f"{int(field('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.0f} GiB",
        "kernel": platform.release(),
        "system": field("/etc/os-release", "PRETTY_NAME", separator="=").strip('"'),
        "virtual": output("systemd-detect-virt") or "unknown",
        "congestion control": Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "load average before": round(os.getloadavg()[0], 2),
        "versions": versions(),
    }


def commit():
    commit = output("git", "-C", tools.REPOSITORY, "rev-parse", "--short=10", "HEAD")
    dirty = output("git", "-C", tools.REPOSITORY, "status", "--porcelain", "--", "Sources", "Benchmarks")
    return f"{commit} with changes" if dirty else commit


def versions():
    python = tools.VENV / "bin" / "python"
    return {
        "Swift": match(r"Swift version (\S+)", output("swift", "--version")),
        "gcc": match(r"(\S+)$", output("gcc", "--version").splitlines()[0]),
        "SwiftNIO": resolved("swift-nio"),
        "Go": match(r"go(\d\S+)", output("go", "version")),
        "Node": output("node", "--version").lstrip("v"),
        "Python": match(r"Python (\S+)", output(python, "--version")),
        "uvloop": output(python, "-c", "import uvloop; print(uvloop.__version__)"),
        "socat": match(r"version (\S+)", output("socat", "-V")),
        "rev (util-linux)": match(r"util-linux (\S+)", output("rev", "--version")),
    }


def resolved(package):
    path = tools.HERE / "Package.resolved"
    text = path.read_text() if path.exists() else ""
    return match(rf'"identity" : "{package}".*?"version" : "([^"]+)"', text)


def field(path, name, separator=":"):
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip()
    return "unknown"


def match(pattern, text):
    found = re.search(pattern, text, re.DOTALL)
    return found.group(1) if found else "unknown"


def output(*command):
    try:
        return subprocess.run([str(word) for word in command], capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""
