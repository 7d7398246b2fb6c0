"""reversed.journal-fields(7) and the sources name the same fields, priorities and message ids."""

import re

from daemon import ROOT

MANUAL = (ROOT / "man/reversed.journal-fields.7").read_text()
CATALOG = (ROOT / "systemd/catalog/reversed.catalog").read_text()
# The modules of the daemon and the writer of the journal; the client has no journal.
SOURCES = [path.read_text() for path in sorted((ROOT / "Sources").rglob("*.swift"))
           if path.relative_to(ROOT / "Sources").parts[0] not in ("reverse-client", "ReverseClient", "LineEditor")]
PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7, "trace": 7}


def field(key):
    return key.replace("-", "_").upper()


def found(pattern, flags=0):
    return {match for source in SOURCES for match in re.findall(pattern, source, flags)}


def documented_fields():
    tags = re.findall(r"^\.It Va (.*)$", MANUAL, re.M)
    return {name for tag in tags for name in tag.split(" , ")}


def test_every_field_that_occurs_is_documented_and_the_other_way_round():
    # metadata: ["client": "…", …] of a log call, metadata["client"] = …, and the fields of records about the log itself.
    keys = {key for block in found(r"metadata: (?:Logger\.Metadata )?\[(.*?)\]", re.S) for key in re.findall(r'"([a-z-]+)":', block)}
    keys |= found(r'metadata\["([a-z-]+)"\]') | found(r'fields: \[\("([a-z-]+)"')
    keys |= {key for block in found(r"Logger\.Metadata = \[(.*?)\]", re.S) for key in re.findall(r'"([a-z-]+)":', block)}
    written = found(r'append\("([A-Z_]+)", ') - {"MESSAGE", "SYSLOG_IDENTIFIER"}  # every program has these two
    assert "CLIENT" in {field(key) for key in keys} and "PRIORITY" in written, "the patterns find nothing any more"
    assert {field(key) for key in keys} | written == documented_fields()


def test_every_priority_that_occurs_is_documented():
    levels = found(r"[lL]og(?:ger)?\.(critical|error|warning|notice|info|debug|trace)\(") | found(r"level: \.(critical|error|warning|notice|info)\b")
    used = {PRIORITIES[level] for level in levels} | {7}  # 7 is documented for log.level = "debug"
    text = re.search(r"^\.It Va PRIORITY\n(.*?)^\.It", MANUAL, re.M | re.S)[1]
    documented = {int(number) for number in re.findall(r"\b(\d) for", text)}
    assert used == documented


def test_every_message_id_is_documented_and_in_the_catalog():
    ids = found(r'static let \w+ = "([0-9a-f]{32})"')
    assert ids
    assert ids == set(re.findall(r"^\.It Li ([0-9a-f]{32})", MANUAL, re.M))
    assert ids == set(re.findall(r"^-- ([0-9a-f]{32})$", CATALOG, re.M))
