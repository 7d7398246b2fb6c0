"""docs/benchmarks.md and its data. Every number is taken from the data here; `goals` knows what was promised."""

import json

from . import chart, goals
from .servers import NAMES, ONE_CORE, SUBJECT
from .statistics import loses

CONTESTANTS = {**NAMES, "string": "String.reversed()", "memcpy": "memcpy", "rev": "rev"}

HEAD = """\
# Benchmarks

Written by `Benchmarks/run` from `benchmarks.json`; do not edit. Each ratio is the median of pairs: a run of reversed divided by
the run of a peer right beside it, with the least and the greatest pair in parentheses. Where more is better a ratio above 1 is
good; for costs and latencies, below 1.
"""

CORES = """\
Text in which every grapheme cluster has to be found, with much in flight, so that the server has work for all cores and the
generator has little to do. The peers reverse bytes, which costs nearly nothing; here each of them also spends two dependent
table look-ups on every byte, about what segmentation costs. Generator and server share all cores. docs/scaling.md says what
to expect of more.
"""

FLOOD = """\
One client sends a line, waits for the answer, and sends the next, while others send blocks of 256 KiB of emoji without a pause
(two blocks each in flight). With the same cost for each byte as above.
"""

HOW = """\
## How it is measured

    make benchmark                        # all of it, about half an hour
    Benchmarks/run --quick                # six minutes, for a look
    Benchmarks/run --only one-64          # one row
    REVERSED_BEFORE=/path/to/reversed Benchmarks/run    # with an earlier release beside it

- The generator (`Benchmarks/Sources/load`) is one thread with an epoll loop on the first core. Every byte of every
  answer is compared with what it must be; a wrong, missing or surplus answer ends the run as failed, and before a run
  servers that are wrong on purpose show that it does (`Benchmarks/run --check`). Its share of its core stands beside
  the throughput. To send a line on loopback costs the kernel as much as to answer it, so on few cores the generator
  takes what a fast server leaves; near 100 % it could not go faster, and the CPU times tell servers apart better than
  the throughput.
- Closed loop: an answer lets a client send its next line. Open loop: lines are due at a fixed rate and latency counts
  from then, so a stalled server is charged for all that it held up. Percentiles are HdrHistogram's.
- Servers of a row stay up together, idle but for one; in every round each peer runs next to reversed, and the order
  changes from round to round. The next run begins when the last server has put away its connections.
- CPU time is the server's, of all its threads and processes, user and system, over the same window. System calls are
  counted in runs of their own.
- With one client only one side works at a time. Whether the two share a core or wake each other across cores decides
  more than any server does, so there is a row for each. Where the server has a core of its own, it and its peers are
  started with an affinity mask of that core and run one loop. In all other rows the kernel places the server.
- In the rows on cores the generator may use all cores too, and counts blocks of 64 KiB instead of lines: a block goes out in
  one send where it fits, and its answer is compared as a whole, so every byte is still checked. How many cores it takes
  stands beside the throughput.
- Lines are 15 ASCII characters and LF unless the row says otherwise. reversed runs with its shipped defaults (unit
  `character`, so it looks at every byte for combining characters; the peers reverse bytes) but a higher
  max_connections and without a log line for each connection.
- Node and uvloop are one process each, as they mostly run; the others run as many loops as there are cores (Go:
  GOMAXPROCS), but for the C loop that is named so.
- Everything is on loopback of one machine: a network would make all of them look more alike.
"""


def write(data, folder):
    (folder / "benchmarks.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    rows = data["rows"]
    drawn = chart.write(rows, folder / "benchmarks.svg")
    sections = [HEAD, quick_warning(data), machine(data["machine"]), goals.table(rows)]
    if drawn:
        sections.append("![Throughput of reversed divided by each peer's, by work](benchmarks.svg)\n")
    sections += [losses(rows), cores(rows, data["machine"]["cores"]), comparison(rows), flood(rows), latency(rows), calls(rows), idle(rows), start(rows)]
    bulk = texts(rows, "bulk", "Bulk: `reverse-client < file` against `rev < file`", ours="reverse-client")
    sections += [bulk, reversal(rows), notes(rows), HOW]
    (folder / "benchmarks.md").write_text("\n".join(section for section in sections if section))


def quick_warning(data):
    return "**A quick run: for a look, not for a claim.**\n" if data["quick"] else ""


def machine(found):
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"Measured {found['date']} at commit {found['commit']} on {found['processor']}, {found['cores']} cores, "
        f"{found['memory']}, {found['system']}, Linux {found['kernel']}, "
        f"TCP congestion control {found['congestion control']}, load average before: {found['load average before']}. "
        f"{versions}.\n"
    )


def table(head, lines):
    if not lines:
        return ""
    rule = ["---", *("---:" if any(cell[:1].isdigit() for cell in column) else "---" for column in list(zip(*lines))[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *lines]) + "\n"


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(found):
    return f"{found['median']:.2f} ({found['low']:.2f}–{found['high']:.2f})"


def measured(rows):
    """The rows in which servers were compared under load."""
    return {name: row for name, row in rows.items() if "throughput" in row.get("metrics", {})}


def servers(rows):
    present = {name for row in rows.values() for metric in row["metrics"].values() for name in metric["servers"]}
    return [name for name in NAMES if name in present]


def comparison(rows):
    """Throughput and CPU time: absolute for everybody, and the ratio to each peer."""
    loads = {name: row for name, row in measured(rows).items() if not {"rate", "flood", "cost"} & row.keys()}
    text = ""
    for row in loads.values():
        throughput, cpu = row["metrics"]["throughput"], row["metrics"]["cpu"]
        lines = []
        for name in servers({"": row}):
            cells = [NAMES[name]]
            for metric in [throughput, cpu]:
                found = metric["ratios"].get(name)
                cells += [number(metric["servers"][name]["median"]), ratio(found) if found else ""]
            lines.append([*cells, f"{row['generator'][name]:.0%}"])
        head = [row["title"], "replies/s", "reversed / it", "CPU µs per reply", "reversed / it", "generator"]
        text += table(head, lines) + "\n"
    return f"## Under load\n\n{text}" if text else ""


def cores(rows, count):
    """What a second core brings: ours on all against ours on one, and the same for the C loops."""
    text = ""
    for row in (row for row in measured(rows).values() if "cost" in row and "flood" not in row):
        metrics = row["metrics"]
        lines = []
        for name in servers({"": row}):
            cells = [number(metrics[key]["servers"][name]["median"]) for key in ["volume", "cores"]]
            found = metrics["throughput"]["ratios"].get(name)
            lines.append([NAMES[name], *cells, ratio(found) if found else "", f"{row['generator'][name]:.2f}"])
        head = [row["title"], "MB/s", "cores used", "reversed / it", "cores of the generator"]
        text += table(head, lines) + "\n" + model(row, count) + "\n"
    lines = [
        [title, number(found["all"]), number(found["manager"]), number(1e6 / found["manager"])]
        for title, found in rows.get("serial", {}).get("serial", {}).items()
        if found["manager"]
    ]
    head = ["reversed", "CPU µs per reply", "in the manager thread", "its limit, replies/s"]
    text += table(head, lines)
    return f"## Cores\n\n{CORES}\n{text}" if text else ""


def model(row, count):
    """The ratio that is measured beside the one that the cost of a byte and the cores that are left predict."""
    if ONE_CORE not in row["metrics"]["cores"]["servers"]:
        return ""
    return (
        f"A byte costs {goals.cost(row, SUBJECT) / goals.cost(row, ONE_CORE):.2f} × as much processor time on {count} cores as "
        f"on one. The generator leaves {count - row['generator'][SUBJECT]:.2f} cores, so at most "
        f"{goals.possible(row, count):.2f} × is possible here; "
        f"{row['metrics']['throughput']['ratios'][ONE_CORE]['median']:.2f} × is measured.\n"
    )


def flood(rows):
    text = ""
    for row in (row for row in measured(rows).values() if "flood" in row):
        lines = []
        for name in servers({"": row}):
            cells = [number(row["metrics"][key]["servers"][name]["median"]) for key in ["p50", "p99"]]
            found = row["metrics"]["p99"]["ratios"].get(name)
            lines.append([NAMES[name], *cells, ratio(found) if found else "", number(row["flood"][name])])
        head = [row["title"], "p50 µs", "p99 µs", "p99: reversed / it", "the flood, MB/s"]
        text += table(head, lines) + "\n"
    return f"## A quiet client beside a flood\n\n{FLOOD}\n{text}" if text else ""


def latency(rows):
    row = rows.get("half-load", {})
    if "metrics" not in row:
        return ""
    head = [f"{row['rate']:,.0f} lines/s, 64 clients", "p50 µs", "p99 µs", "p99.9 µs", "p99: reversed / it"]
    lines = []
    for name in servers({"half-load": row}):
        cells = [number(row["metrics"][key]["servers"][name]["median"]) for key in ["p50", "p99", "p999"]]
        found = row["metrics"]["p99"]["ratios"].get(name)
        lines.append([NAMES[name], *cells, ratio(found) if found else ""])
    return (
        "## Latency at half load\n\nOpen loop, half of what one C epoll loop answered in a closed loop just before.\n\n"
        + table(head, lines)
    )


def calls(rows):
    text = ""
    for title, found in rows.get("system-calls", {}).get("calls", {}).items():
        lines = []
        for name, counts in found.items():
            parts = sorted(((count, call) for call, count in counts.items() if call != "all"), reverse=True)
            by_name = ", ".join(f"{call} {count:.2f}" for count, call in parts if count >= 0.005)
            lines.append([NAMES[name], f"{counts.get('all', 0):.3g}", by_name])
        text += table([title, "calls per reply", "of which"], lines) + "\n"
    return f"## System calls per reply\n\n{text}" if text else ""


def idle(rows):
    row = rows.get("idle", {})
    if "memory" not in row:
        return ""
    counts = [str(count) for count in row["connections"]]
    lines = [
        [NAMES[name], *(f"{found[count]:,}" if count in found else "" for count in counts)]
        for name, found in row["memory"].items()
    ]
    text = "## Idle connections\n\nBytes of user memory for each, after one line was answered on it"
    if "50000" not in counts:
        text += "; 50,000 at once need more descriptors than this machine allows one process"
    text += ".\n\n" + table(["connections held", *(f"{int(count):,}" for count in counts)], lines)
    lines = []
    for name, found in row["latency"].items():
        for count, both in found.items():
            without, during = sorted(both["without"]), sorted(both["with"])
            middle = len(without) // 2
            lines.append([NAMES[name], f"{int(count):,}", number(without[middle]), number(during[middle])])
    head = ["p99 µs of 8 other clients at 10,000 lines/s", "held", "without", "with"]
    return text + "\n" + table(head, lines)


def start(rows):
    metrics = rows.get("start", {}).get("metrics")
    if not metrics:
        return ""
    lines = []
    for name, found in metrics["listens"]["servers"].items():
        resident = metrics["resident"]["servers"][name]["median"] / 1e6
        lines.append([NAMES[name], spread(found), f"{resident:.1f}"])
    ready = spread(metrics["ready"]["servers"][SUBJECT])
    head = ["", "ms to the first accepted connection", "resident MB, idle"]
    return f"## Start\n\nreversed said READY=1 after {ready} ms.\n\n" + table(head, lines)


def spread(found):
    return f"{found['median']:.1f} ({found['low']:.1f}–{found['high']:.1f})"


def texts(rows, row, title, ours="reversed"):
    found = rows.get(row, {}).get("texts")
    if not found:
        return ""
    peers = [peer for peer in ["rev", "string", "memcpy"] if any(peer in metric["servers"] for metric in found.values())]
    head = ["", f"{ours} MB/s"]
    for peer in peers:
        head += [f"{CONTESTANTS[peer]} MB/s", "ours / it"]
    lines = []
    for text, metric in found.items():
        cells = [text, number(metric["servers"][SUBJECT]["median"])]
        for peer in peers:
            present = peer in metric["servers"]
            cells += [number(metric["servers"][peer]["median"]), ratio(metric["ratios"][peer])] if present else ["", ""]
        lines.append(cells)
    return f"## {title}\n\n" + table(head, lines)


def reversal(rows):
    text = texts(rows, "reversal", "Reversal alone")
    if not text:
        return ""
    return text + (
        "\nIn place, by characters, in a buffer that the second-level cache holds; memcpy and String.reversed() have the "
        "same lines (the strings made beforehand). rev reads a file of them, its start included, and gives up at a "
        "byte that is not UTF-8.\n"
    )


SHOWN = {"throughput": "throughput", "cpu": "CPU time per reply", "p99": "p99"}


def losses(rows):
    """Where a peer is ahead by the median of the pairs, whatever was promised."""
    lines = []
    for row in rows.values():
        metrics = row.get("metrics", {})
        # At a fixed rate throughput says nothing; in a closed loop p99 is throughput said otherwise.
        keys = ["cpu", "p99"] if "rate" in row else ["p99"] if "flood" in row else ["throughput", "cpu"]
        shown = {key: SHOWN[key] for key in keys}
        lines += [loss(row["title"], what, metrics[key]) for key, what in shown.items() if key in metrics]
        for text, metric in row.get("texts", {}).items():
            lines.append(loss(f"{row['title']}, {text}", "MB/s", metric))
    lines = [line for line in lines if line]
    return "## Where we lose\n\n" + table(["work", "what", "to"], lines) if lines else ""


def loss(work, what, metric):
    # memcpy is a limit, not a rival: nobody reverses faster than memory is copied. Nor is the subject on one core.
    ahead = [peer for peer in metric["ratios"] if peer not in ["memcpy", ONE_CORE] and loses(metric, peer)]
    names = [f"{CONTESTANTS[peer]} {ratio(metric['ratios'][peer])}" for peer in ahead]
    return [work, what, "<br>".join(names)] if names else None


def notes(rows):
    lines = [f"- {row['title']}: failed: {row['failed']}" for row in rows.values() if "failed" in row]
    for row in rows.values():
        lines += [f"- {row['title']}: {NAMES[found['server']]}: {found['note']}" for found in row.get("notes", [])]
    return "## Not measured\n\n" + "\n".join(lines) + "\n" if lines else ""
