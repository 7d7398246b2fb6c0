"""Characters: the test cases of Unicode and some words, sent to a running server; the prompt has the same boundaries."""

import itertools
import os
import subprocess

import pexpect
import pytest

from clients import exchange
from daemon import binary
from line_server import client_path, environment

CASES = os.path.join(os.path.dirname(__file__), "../../unicode/GraphemeBreakTest.txt")


def clusters_of(case):
    """The clusters of a line such as `÷ 0061 × 0301 ÷ # comment`."""
    body = case.partition("#")[0].strip().strip("÷")
    return ["".join(chr(int(scalar, 16)) for scalar in cluster.split("×")) for cluster in body.split("÷")]


def official_cases():
    """The cases that fit into a line: a line feed ends it, and a CR before that belongs to the terminator."""
    with open(CASES, encoding="utf-8") as file:
        cases = [clusters_of(line) for line in file if not line.startswith("#")]
    return [case for case in cases if "\n" not in "".join(case) and case[-1] != "\r"]


def encoded(clusters):
    return "".join(clusters).encode()


def test_the_official_cases(serve):
    cases = official_cases()
    assert len(cases) == 655
    request = b"".join(encoded(case) + b"\n" for case in cases)
    answers = exchange(serve().port, request).split(b"\n")
    for case, answer in zip([*cases, [""]], answers, strict=True):
        assert answer == encoded(case[::-1]), case


@pytest.mark.parametrize("damage", [b"\xff", b"\x80", b"\xe1\x9f", b"\xf0\x9f\x98", b"\xed\xa0\x80"], ids=repr)
def test_damaged_bytes_between_official_cases(start, damage):
    pairs = list(itertools.pairwise(official_cases()))
    lines = [encoded(first) + damage + encoded(second) for first, second in pairs]
    expected = [encoded(second[::-1]) + damage[::-1] + encoded(first[::-1]) for first, second in pairs]
    assert exchange(start().port, b"\n".join(lines)) == b"\n".join(expected)


# A bar marks each boundary between two characters.
WORDS = {
    "Khmer": "\u1781\u17d2\u1798\u17c2|\u179a|\u179f\u17d2\u178f\u17d2\u179a\u17b8",
    "Myanmar": "\u1019|\u1004\u103a\u1039\u1002|\u101c|\u102c|\u1017\u102f|\u1012\u1039\u1013",
    "Tai Tham": "\u1a35|\u1a3e\u1a60\u1a3e|\u1a20",
    "Balinese": "\u1b29|\u1b32|\u1b29\u1b44\u1b2e\u1b36",
    "Sundanese": "\u1b83|\u1b8a\u1bab\u1b9e|\u1b9b",
    "Javanese": "\ua9b2|\ua98f\ua9c0\ua9b1|\ua9ab",
    "Meetei Mayek": "\uabc0|\uabc1\uaaf6\uabc2|\uabc3",
    "Chakma": "\U0001110c|\U0001110b\U00011133\U00011120|\U00011107",
}


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_words_with_conjuncts(start, word):
    clusters = word.split("|")
    request = b"".join([encoded(clusters), b"\n", encoded(clusters[::-1]), b"\n"])
    answers = b"".join([encoded(clusters[::-1]), b"\n", encoded(clusters), b"\n"])
    assert exchange(start().port, request) == answers


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_the_prompt_removes_one_character_at_a_time(start, word, tmp_path):
    clusters = word.split("|")
    child = pexpect.spawn(
        client_path(), ["-p", str(start().port)], timeout=10, encoding="utf-8", dimensions=(24, 80),
        env=environment(TERM="xterm-256color", XDG_STATE_HOME=str(tmp_path), LANG="C.UTF-8"),
    )
    try:
        child.expect_exact("Enter a String: ")
        child.send(">" + "".join(clusters) + "\x7f" * len(clusters) + "<\r")
        child.expect_exact("Reversed string from server:<>\r\n")
    finally:
        child.close(force=True)


def test_both_programs_name_the_version_of_unicode():
    with open(CASES, encoding="utf-8") as file:
        version = file.readline().strip().removeprefix("# GraphemeBreakTest-").removesuffix(".txt")
    for program in (binary(), client_path()):
        lines = subprocess.run([program, "--version"], capture_output=True, check=True, text=True).stdout.splitlines()
        assert lines[1] == f"Unicode {version} (grapheme clusters)"
