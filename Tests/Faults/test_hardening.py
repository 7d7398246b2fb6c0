"""How the binaries are linked: protections against memory corruption are on."""

import os
import re
import subprocess

import pytest

from behaviour import BEHAVIOUR  # noqa: F401 (makes the next imports possible)
from daemon import binary
from line_server import client_path

PROGRAMS = {"reversed": binary, "reverse-client": client_path}
# The libraries that each program loads, besides the dynamic loader. The Swift runtime is linked in.
LIBRARIES = {
    "reversed": {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libsystemd.so.0"},
    "reverse-client": {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"},
}


@pytest.fixture(params=PROGRAMS, name="program")
def release_binary(request):
    path = os.path.realpath(PROGRAMS[request.param]())
    if "/debug/" in path:
        pytest.skip("a debug build")
    return request.param, path


def readelf(*arguments):
    return subprocess.run(["readelf", "--wide", *arguments], capture_output=True, text=True, check=True).stdout


def test_its_addresses_are_random(program):
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable|Type:\s+DYN \(Shared", readelf("-h", program[1]))
    assert re.search(r"FLAGS_1.*\bPIE\b", readelf("-d", program[1]))


def test_its_tables_are_read_only(program):
    """Full RELRO: every address is resolved at the start, and then the table becomes read-only."""
    assert "GNU_RELRO" in readelf("-l", program[1])
    assert re.search(r"\bBIND_NOW\b|FLAGS_1.*\bNOW\b", readelf("-d", program[1]))


def test_no_memory_is_writable_and_executable(program):
    headers = readelf("-l", program[1])
    stack = re.search(r"GNU_STACK.*", headers)[0]
    assert "RWE" not in stack and re.search(r"\bRW\b", stack), stack
    assert not re.search(r"LOAD.*\bRWE\b", headers)
    assert "TEXTREL" not in readelf("-d", program[1])


def test_it_loads_no_library_that_it_does_not_need(program):
    name, path = program
    needed = set(re.findall(r"\(NEEDED\).*\[(.+?)\]", readelf("-d", path)))
    assert {library for library in needed if not library.startswith("ld-linux")} == LIBRARIES[name]
    assert not re.search(r"\((RPATH|RUNPATH)\)", readelf("-d", path))
