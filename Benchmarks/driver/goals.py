"""What was promised, and whether it was kept."""

from .servers import LIMITS, SUBJECT


def table(rows):
    lines = [check(*goal, rows) for goal in GOALS]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    head = ["| goal | measured | kept |", "| --- | ---: | --- |"]
    return "## Goals\n\n" + "\n".join(head + lines) + "\n"


def check(title, sign, bound, value, unit, rows):
    try:
        found = value(rows)
    except (KeyError, ValueError):
        return None
    kept = found >= bound if sign == "≥" else found <= bound
    aside = getattr(value, "aside", lambda rows: "")(rows)
    return f"| {title}: {sign} {bound:g}{unit} | {found:.3g}{unit}{aside} | {'yes' if kept else '**no**'} |"


def against(row, key, *peers):
    """The median ratio to a peer; to the best of several, the worst for us."""

    def value(rows):
        metric = rows[row]["metrics"][key]
        found = [metric["ratios"][peer]["median"] for peer in peers if peer in metric["ratios"]]
        return min(found) if metric["better"] == "more" else max(found)

    return value


def against_others(row):
    """The ratio to the best of the others, and what the limit itself reaches against it."""

    def aside(rows):
        found = rows[row]["metrics"]["throughput"]["servers"]
        medians = {name: found[name]["median"] for name in found}
        limit = max(medians[name] for name in LIMITS) / max(medians[name] for name in OTHERS if name in medians)
        return f" (C epoll: {limit:.3g})"

    value = against(row, "throughput", *OTHERS)
    value.aside = aside
    return value


def text(row, name, peer):
    return lambda rows: rows[row]["texts"][name]["ratios"][peer]["median"]


def least(row, names, peer=None):
    def value(rows):
        found = [rows[row]["texts"][name] for name in names]
        return min(metric["ratios"][peer]["median"] if peer else metric["servers"][SUBJECT]["median"] for metric in found)

    return value


def all_texts(rows):
    return min(metric["ratios"]["string"]["median"] for metric in rows["reversal"]["texts"].values())


def alone(key, factor=1.0):
    return lambda rows: rows["start"]["metrics"][key]["servers"][SUBJECT]["median"] * factor


def memory(rows):
    return max(rows["idle"]["memory"][SUBJECT].values()) / 1024


def disturbance(rows):
    """p99 with the most connections held, divided by p99 without them: medians of as many runs."""
    both = rows["idle"]["latency"][SUBJECT][str(max(rows["idle"]["connections"]))]
    middle = len(both["with"]) // 2
    return sorted(both["with"])[middle] / sorted(both["without"])[middle]


OTHERS = ["nio", "go", "uvloop", "node"]
PLAIN = ["cyrillic, 80 bytes", "cjk, 80 bytes", "latin, 80 bytes"]
HARD = ["emoji, 80 bytes", "devanagari, 80 bytes"]
CONJUNCTS = ["khmer, 80 bytes", "myanmar, 80 bytes"]

# title, sign, bound, value, unit. C epoll is the better of its two forms for us to meet.
GOALS = [
    goal
    for where, row in [("a shared core", "one-1"), ("two cores", "one-1-apart")]
    for goal in [
        (f"1 client, {where}: throughput / Python original", "≥", 1.0, against(row, "throughput", "threads"), ""),
        (f"1 client, {where}: throughput / C epoll", "≥", 0.95, against(row, "throughput", *LIMITS), ""),
    ]
] + [
    goal
    for clients, row in [("64", "one-64"), ("1,000", "one-1000")]
    for goal in [
        (f"{clients} clients: throughput / C epoll", "≥", 0.95, against(row, "throughput", *LIMITS), ""),
        (f"{clients} clients: throughput / the best of SwiftNIO, Go, uvloop, Node", "≥", 1.4, against_others(row), ""),
    ]
] + [
    ("64 in flight, 64 clients: throughput / C epoll", "≥", 1.0, against("flight-64", "throughput", *LIMITS), ""),
    ("half load, open loop: p99 / C epoll", "≤", 1.25, against("half-load", "p99", *LIMITS), ""),
    ("64 clients: CPU time per reply / C epoll", "≤", 1.1, against("one-64", "cpu", *LIMITS), ""),
    ("connect, one line, close: throughput / C epoll", "≥", 0.8, against("connect", "throughput", *LIMITS), ""),
    ("user memory of an idle connection", "≤", 2.0, memory, " KiB"),
    ("p99 beside the most idle connections / without them", "≤", 1.25, disturbance, ""),
    ("ASCII, lines of 80 bytes: reversal / memcpy", "≥", 0.5, text("reversal", "ascii, 80 bytes", "memcpy"), ""),
    ("ASCII, lines of 64 KiB: reversal / memcpy", "≥", 0.8, text("reversal", "ascii, 64 KiB", "memcpy"), ""),
    ("Cyrillic, CJK, accented Latin: the slowest", "≥", 500, least("reversal", PLAIN), " MB/s"),
    ("Cyrillic, CJK, accented Latin: reversal / rev", "≥", 8, least("reversal", PLAIN, "rev"), ""),
    ("emoji and Devanagari: reversal / String.reversed()", "≥", 5, least("reversal", HARD, "string"), ""),
    ("Khmer and Myanmar: reversal / String.reversed()", "≥", 8, least("reversal", CONJUNCTS, "string"), ""),
    ("any text: reversal / String.reversed()", "≥", 1.0, all_texts, ""),
    ("bulk, ASCII: reverse-client / rev", "≥", 5, text("bulk", "ascii", "rev"), ""),
    ("bulk, Cyrillic: reverse-client / rev", "≥", 3, text("bulk", "cyrillic", "rev"), ""),
    ("bulk, CJK: reverse-client / rev", "≥", 3, text("bulk", "cjk", "rev"), ""),
    ("start to READY=1", "≤", 30, alone("ready"), " ms"),
    ("resident memory, idle", "≤", 12, alone("resident", 1e-6), " MB"),
]  # fmt: skip
