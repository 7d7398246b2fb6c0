"""The packages that the benchmark needs, and the programs that it builds."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent
BUILT = HERE / ".build" / "peers"
VENV = HERE / ".build" / "venv"

# command: Debian package
PACKAGES = {
    "gcc": "gcc libc6-dev",
    "go": "golang-go",
    "node": "nodejs",
    "socat": "socat",
    "rev": "bsdextrautils",
    "strace": "strace",
    "perf": "linux-perf",
}


class Failed(Exception):
    """A required command has failed, with a message on standard error."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def install():
    if not shutil.which("swift"):
        sys.exit("swift is not installed: the benchmark needs Swift 6.2 or newer on the PATH (https://www.swift.org/install)")
    missing = [package for command, package in PACKAGES.items() if not shutil.which(command)]
    if subprocess.run("pkg-config --exists libsystemd", shell=True, capture_output=True).returncode != 0:
        missing.append("pkg-config libsystemd-dev")  # needed to build the subject
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    packages = " ".join(missing).split()
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def build():
    """Builds the generator and the peers, and the subject unless the environment names one."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for product in ["load", "nio-peer", "reversal"]:
        swift_build("--package-path", HERE, "--product", product)
    run("gcc", "-O3", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", BUILT / "epoll", HERE / "Peers" / "epoll.c")
    run("go", "build", "-o", BUILT / "go-peer", HERE / "Peers" / "server.go")
    if not (VENV / "bin" / "python").exists():
        run(sys.executable, "-m", "venv", VENV)
    if subprocess.run([VENV / "bin" / "python", "-c", "import uvloop"], stderr=subprocess.DEVNULL).returncode != 0:
        run(VENV / "bin" / "pip", "install", "--quiet", "uvloop")


def swift_build(*arguments):
    run("swift", "build", "-c", "release", *arguments)


@functools.cache
def subject(name, variable):
    """The program under test: named by the environment variable, or built as for a release."""
    if given := os.environ.get(variable):
        return Path(given).resolve()
    scratch = REPOSITORY / ".build-static"
    options = ["--package-path", REPOSITORY, "--scratch-path", scratch, "--static-swift-stdlib"]
    try:
        swift_build(*options, "--product", name)
    except Failed:
        sys.exit(f"{name} cannot be built; build it, or name a built program: {variable}=/path/to/{name}")
    return scratch / "release" / name


def run(*command):
    command = [str(word) for word in command]
    say(f"$ {' '.join(command)}")
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        raise Failed(" ".join(command))


def generator():
    return HERE / ".build" / "release" / "load"


def reversal():
    return HERE / ".build" / "release" / "reversal"
