"""Runs --check on every file of the public TOML test suite.

The Debian package `golang-github-burntsushi-toml-dev` has the suite. TOML_TEST names a newer one: a checkout of
https://github.com/toml-lang/toml-test.
"""

import concurrent.futures
import os
import pathlib
import re

import pytest

from daemon import run

SUITE = pathlib.Path(os.environ.get("TOML_TEST", "/usr/share/gocode/src/github.com/BurntSushi/toml/internal/toml-test"))

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="apt-get install golang-github-burntsushi-toml-dev")


def files(kind):
    """Returns the files that are valid or invalid in TOML 1.0."""
    names = SUITE / "tests" / "files-toml-1.0.0"
    if names.exists():  # the newer suites have files of later versions too
        found = [SUITE / "tests" / name for name in names.read_text().split()]
    else:
        found = list(SUITE.glob("tests/**/*.toml"))
    # An escape of TOML 1.1, which older suites list without a version.
    return [path for path in found if path.suffix == ".toml" and path.relative_to(SUITE).parts[1] == kind
            and path.name != "escape-esc.toml"]


def check_all(tmp_path, paths):
    """Returns the output of --check for each file, by path. Fails if it crashes or hangs."""

    def check(path):
        result = run(tmp_path, "", "--check", "--config", str(path))
        assert result.returncode in (0, 78), (path, result)
        said = result.stderr.decode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", said), (path, said)
        assert all(line.startswith(str(path)) for line in said.splitlines()), (path, said)
        return said

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(zip(paths, pool.map(check, paths)))


def test_invalid_files_are_refused_with_a_line(tmp_path):
    said = check_all(tmp_path, files("invalid"))
    assert len(said) > 200
    for path, text in said.items():
        assert text.startswith(f"{path}:"), (path, text)
        assert "unknown key" not in text, (path, text)


def test_valid_files_are_read(tmp_path):
    """Each key is reported as unknown, with its line; there are no other mistakes."""
    said = check_all(tmp_path, files("valid"))
    assert len(said) > 90
    for path, text in said.items():
        assert "TOML" not in text, (path, text)
        for line in text.splitlines():
            assert re.match(re.escape(str(path)) + r":\d+: ", line), (path, line)


@pytest.mark.parametrize("text", ["a = { b = 1,\n c = 2 }", 'a = "\\e"', 'a = "\\x41"', "a = 07:32"])
def test_text_of_toml_1_1_is_refused_with_the_version_that_is_read(tmp_path, text):
    path = tmp_path / "newer.toml"
    path.write_text(text + "\n")
    said = check_all(tmp_path, [path])[path]
    assert re.match(re.escape(str(path)) + r":1:\d+: .*TOML 1\.0", said), said
