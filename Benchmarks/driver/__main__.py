import argparse
import json
import resource
import signal
import sys
import time
from pathlib import Path

from . import doubt, machine, report, tools
from .pairs import FULL, QUICK
from .rows import ROWS
from .servers import Unable

DOCS = tools.REPOSITORY / "docs"
SCRATCH = tools.HERE / ".build" / "report"


def arguments():
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run",
        description="Compares reversed with its peers on this machine. A full run takes about half an hour and "
        "writes docs/benchmarks.json, .md and .svg; a quick or partial one writes to Benchmarks/.build/report.",
        epilog="REVERSED and REVERSE_CLIENT in the environment name programs to measure instead of building them; "
        "REVERSED_BEFORE names the reversed of an earlier release, to compare with in the rows on cores.",
    )
    parser.add_argument("--quick", action="store_true", help="about six minutes; for a first look")
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    parser.add_argument("--output", type=Path, help="the folder of the report")
    parser.add_argument("--render", type=Path, metavar="JSON", help="only write the report again from its data")
    parser.add_argument("--check", action="store_true", help="only check that the generator notices faulty servers")
    parser.add_argument("--no-build", action="store_true", help="use what an earlier run has built")
    return parser.parse_args()


def main():
    options = arguments()
    output = options.output or (SCRATCH if options.quick or options.only else DOCS)
    if options.render:
        report.write(json.loads(options.render.read_text()), options.output or DOCS)
        return 0
    if not options.no_build:
        tools.install()
        tools.build()
    doubt.check()
    if options.check:
        return 0
    tools.subject("reversed", "REVERSED")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    data = {"machine": machine.describe(), "quick": options.quick, "rows": {}}
    failures = run_rows(options.only or ROWS, QUICK if options.quick else FULL, data)
    output.mkdir(parents=True, exist_ok=True)
    report.write(data, output)
    tools.say(f"report: {output}/benchmarks.md")
    return 1 if failures else 0


def run_rows(names, plan, data):
    failures = 0
    for name in names:
        tools.say(f"{name}: {ROWS[name].title}")
        began = time.monotonic()
        try:
            result = ROWS[name](plan)
        except Unable as reason:
            tools.say(f"  failed: {reason}")
            result = {"failed": str(reason)}
            failures += 1
        data["rows"][name] = {"title": ROWS[name].title, "seconds": round(time.monotonic() - began, 1), **result}
    return failures


def stop(*_):
    # As an exception, so that every server is stopped on the way out.
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, stop)
try:
    sys.exit(main())
except Unable as reason:
    sys.exit(f"benchmark: {reason}")
except tools.Failed as command:
    sys.exit(f"benchmark: this failed: {command}")
except KeyboardInterrupt:
    sys.exit(130)
