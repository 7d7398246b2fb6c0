"""Runs --check on every file of the public TOML test suite, if the suite is present.

TOML_TEST names a checkout of https://github.com/toml-lang/toml-test; without it these tests are skipped.
"""

import concurrent.futures
import os
import pathlib
import re

import pytest

from daemon import run

SUITE = os.environ.get("TOML_TEST")

pytestmark = pytest.mark.skipif(SUITE is None, reason="TOML_TEST does not name a checkout of toml-test")


def files(kind, version="1.0.0"):
    """Returns the files that are valid or invalid in a version of TOML."""
    root = pathlib.Path(SUITE or ".") / "tests"
    names = (root / f"files-toml-{version}").read_text().split()
    return [root / name for name in names if name.startswith(kind + "/") and name.endswith(".toml")]


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
    assert len(said) > 300
    for path, text in said.items():
        assert text.startswith(f"{path}:"), (path, text)
        assert "unknown key" not in text, (path, text)


def test_valid_files_are_read(tmp_path):
    """Each key is reported as unknown, with its line; there are no other mistakes."""
    said = check_all(tmp_path, files("valid"))
    assert len(said) > 150
    for path, text in said.items():
        assert "TOML" not in text, (path, text)
        for line in text.splitlines():
            assert re.match(re.escape(str(path)) + r":\d+: ", line), (path, line)


def test_files_of_toml_1_1_are_refused_with_the_version_that_is_read(tmp_path):
    newer = {path for path in set(files("valid", "1.1.0")) - set(files("valid")) if "spec-" not in str(path)}
    said = check_all(tmp_path, newer)
    assert said
    for path, text in said.items():
        assert re.match(re.escape(str(path)) + r":\d+:\d+: .*TOML 1\.0", text), (path, text)
