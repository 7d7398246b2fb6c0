"""The checks of `make lint` find mistakes, the drawings are complete, and the links of installed documents work."""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from daemon import ROOT, binary


def script(name):
    """Loads one of the Python scripts as a module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture
def package(tmp_path):
    """Two targets of which the upper one uses the lower one, as scripts/layers reads them."""
    for name, text in [("Upper", "import Lower\n"), ("Lower", "import Glibc\n")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.swift").write_text(text)
    return {
        "Upper": {"folder": tmp_path / "Upper", "uses": ["Lower"], "test": False},
        "Lower": {"folder": tmp_path / "Lower", "uses": [], "test": False},
    }


def layer_mistakes(package, layers, root):
    module = script("layers")
    module.ROOT = root
    return list(module.check(package, layers))


def test_targets_in_the_order_of_the_layers_are_right(package, tmp_path):
    assert layer_mistakes(package, {"Upper": 1, "Lower": 0}, tmp_path) == []


@pytest.mark.parametrize("layers", [{"Upper": 0, "Lower": 1}, {"Upper": 1, "Lower": 1}])
def test_an_upward_or_sideways_dependency_is_found(package, tmp_path, layers):
    assert any("depends on Lower (layer 1)" in mistake for mistake in layer_mistakes(package, layers, tmp_path))


def test_an_undeclared_an_unused_and_a_forbidden_import_are_found(package, tmp_path):
    (tmp_path / "Lower/file.swift").write_text("@testable import Upper\ninternal import struct Foundation.Data\n")
    (tmp_path / "Upper/file.swift").write_text("")
    mistakes = "\n".join(layer_mistakes(package, {"Upper": 1, "Lower": 0}, tmp_path))
    assert "imports Upper, which Package.swift does not declare for Lower" in mistakes
    assert "imports Foundation" in mistakes
    assert "Upper depends on Lower and does not import it" in mistakes


def test_targets_that_the_table_lacks_or_invents_are_found(package, tmp_path):
    mistakes = "\n".join(layer_mistakes(package, {"Upper": 1, "Middle": 0}, tmp_path))
    assert "lacks Lower" in mistakes and "has Middle" in mistakes


def test_dead_links_are_found():
    links = script("check-links")
    text = "[a](LICENSE) [b](docs/none.md) [c](docs/architecture.md#layers) [d](docs/architecture.md#none) [e](http://x.example)"
    assert [target for target, _ in links.links("README.md", text)] == ["docs/none.md", "docs/architecture.md#none", "http://x.example"]
    text = "`Sources/Settings` `Settings/Keys.swift` `Keys.swift` `Sources/Nothing` `Settings/Nothing.swift` `Nothing.swift`"
    assert [target for target, _ in links.paths("README.md", text)] == ["Sources/Nothing", "Settings/Nothing.swift", "Nothing.swift"]
    text = "`ServerCore` `Listener.leave` `test_an_idle_client_is…` `ServerKernel` `Listener.fly` `test_nothing_at_all`"
    assert [target for target, _ in links.symbols(text)] == ["ServerKernel", "Listener.fly", "test_nothing_at_all"]
    assert [target for target, _ in links.manuals("man/reversed.8", ".Xr reversed.toml 5\n.Xr reversed.none 5\n.Xr cat 1")] == ["reversed.none(5)"]


def test_links_of_installed_documents_lead_to_installed_files(tmp_path):
    install = [ROOT / "scripts/install", "install", "daemon"]
    subprocess.run(install, env={**os.environ, "BUILT": str(pathlib.Path(binary()).parent), "DESTDIR": str(tmp_path)}, check=True)
    documents = sorted((tmp_path / "usr/local/share/doc/reversed").rglob("*.md"))
    targets = {document: re.findall(r"\]\(([^)#\s]+)", document.read_text()) for document in documents}
    missing = [(document.name, target) for document in documents for target in targets[document]
               if not target.startswith("https://") and not (document.parent / target).exists()]
    assert not missing
    assert {"README.md", "SECURITY.md", "metrics.md"} <= {document.name for document in documents}
    # What is not installed is in the repository.
    readme = documents[0].parent / "README.md"
    absolute = [target.partition("/source/")[2] for target in targets[readme] if "/source/" in target]
    assert "CONTRIBUTING.md" in absolute and all((ROOT / target).exists() for target in absolute)


def test_prose_is_checked_and_code_is_not(tmp_path):
    spelling = script("check-spelling")
    texts = {
        "a.md": "Teh text `kode` [link](urll)\n\n    blok\n",
        "a.swift": 'let valu = 1  // Teh comment\n/// `kode` someName some_name\n',
        "a.8": ".Sh NAME\nTeh text\n.Bd -literal\nblok\n.Ed\n",
        "a.toml": "# Teh comment\nkee = 1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        found = [word for line in spelling.prose(tmp_path / name) for word in spelling.words(line)]
        assert "Teh" in found
        assert not {"kode", "urll", "blok", "valu", "kee", "someName", "some"} & set(found), name


def svg(path):
    """Returns the root of a drawing and all its texts."""
    root = ElementTree.parse(path).getroot()
    return root, [" ".join("".join(text.itertext()).split()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_of_the_layers_has_every_target_and_every_step():
    root, words = svg(ROOT / "docs/layers.svg")
    page = (ROOT / "docs/architecture.md").read_text()
    layers = script("layers")
    targets = layers.read_table(page)
    assert set(targets) <= set(words)
    for number, name, files in layers.read_path(page):
        assert f"{name}: {', '.join(files)}" in words
        assert str(number) in words


def test_the_chart_stays_inside_of_its_page_and_names_the_missed_goals():
    root, words = svg(ROOT / "docs/benchmarks.svg")
    _, _, width, height = map(float, root.get("viewBox").split())
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if len(bar)]
    assert bars and all(0 <= float(bar.get("x")) and float(bar.get("x")) + float(bar.get("width")) <= width for bar in bars)
    text = [label for label in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(0 <= float(label.get("x")) <= width and 0 <= float(label.get("y")) <= height for label in text)
    missed = [line.split("|")[1].strip() for line in (ROOT / "docs/benchmarks.md").read_text().splitlines() if line.endswith("| **no** |")]
    chart = " ".join(words)
    assert missed and all(goal in chart for goal in missed)
    # Only a bar that is longer than the axis has a break.
    data = json.loads((ROOT / "docs/benchmarks.json").read_text())["rows"].values()
    drawn = [row for row in data if "throughput" in row.get("metrics", {}) and not {"rate", "flood"} & row.keys()]
    ratios = [ratio["median"] for row in drawn for ratio in row["metrics"]["throughput"]["ratios"].values()]
    breaks = [line for line in root.iter("{http://www.w3.org/2000/svg}line") if line.get("class") == "break"]
    assert len(breaks) == 2 * sum(not 0.5 <= ratio <= 4 for ratio in ratios)


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="needs root for a network namespace")
def test_a_session_can_be_recorded_again(tmp_path):
    recording = tmp_path / "demo.svg"
    subprocess.run(["/usr/bin/python3", ROOT / "scripts/record", recording], check=True, timeout=90)
    for path in [recording, ROOT / "docs/demo.svg"]:
        _, words = svg(path)
        for line in ["evïan ëoZ", "🇯🇵🇫🇷 sgalf", "👨‍👩‍👧‍👦 ylimaf", "0000001", "Reversed string from server:ECNAVDA", '{"text":"café","answer":"éfac"}']:
            assert line in words, path
        assert re.search(r"127\.0\.0\.1:5000: 3 sent, 3 answered, 0 lost, 0 wrong", "\n".join(words))
