"""The goals, and whether they were reached."""

from .servers import CORES, LIMITS, ONE_CORE, SUBJECT


def table(rows):
    checked = check(rows)
    if not checked:
        return ""
    head = ["| goal | measured | reached |", "| --- | ---: | --- |"]
    lines = [f"| {goal} | {found} | {'yes' if reached else '**no**'} |" for goal, found, reached in checked]
    return "## Goals\n\n" + "\n".join(head + lines) + "\n"


def missed(rows):
    """The goals that were not reached, with what was measured."""
    return [(goal, found) for goal, found, reached in check(rows) if not reached]


def check(rows):
    """Each goal for which there are data: the goal, the measured value, and whether it reaches the goal."""
    checked = []
    for title, sign, bound, value, unit in GOALS:
        try:
            found = value(rows)
        except (KeyError, ValueError):
            continue
        reached = found >= bound if sign == "≥" else found <= bound
        # Enough digits, so that a narrowly missed goal does not look reached.
        digits = next(digits for digits in range(3, 17) if reached or float(f"{found:.{digits}g}") != bound)
        aside = getattr(value, "aside", lambda rows: "")(rows)
        checked.append((f"{title} {sign} {bound:g}{unit}", f"{found:.{digits}g}{unit}{aside}", reached))
    return checked


def against(row, key, *peers):
    """The median ratio to a peer, or to the best of several peers."""

    def value(rows):
        metric = rows[row]["metrics"][key]
        found = [metric["ratios"][peer]["median"] for peer in peers if peer in metric["ratios"]]
        return min(found) if metric["better"] == "more" else max(found)

    return value


def against_others(row):
    """The ratio to the best of the others, and the ratio of C epoll to it."""

    def aside(rows):
        found = rows[row]["metrics"]["throughput"]["servers"]
        medians = {name: found[name]["median"] for name in found}
        limit = max(medians[name] for name in LIMITS) / max(medians[name] for name in OTHERS if name in medians)
        return f" (C epoll: {limit:.3g})"

    value = against(row, "throughput", *OTHERS)
    value.aside = aside
    return value


def one_core_each(row):
    """The least ratio to any of the others: in throughput, or in CPU time per reply if the generator is the limit."""

    def value(rows):
        metrics = rows[row]["metrics"]
        is_limit = rows[row]["generator"][SUBJECT] >= 0.95
        return min(
            1 / metrics["cpu"]["ratios"][peer]["median"] if is_limit else metrics["throughput"]["ratios"][peer]["median"]
            for peer in OTHERS
            if peer in metrics["cpu"]["ratios"]
        )

    value.aside = lambda rows: " (by CPU time per reply)" if rows[row]["generator"][SUBJECT] >= 0.95 else ""
    return value


def spread(row):
    """The ratio of all cores to one, and the greatest one that the cores left by the generator allow."""
    value = against(row, "throughput", ONE_CORE)
    value.aside = lambda rows: f" (beside the generator at most {possible(rows[row], len(CORES)):.3g}×)"
    return value


def possible(row, cores):
    """The greatest ratio of all cores to one that the generator allows, by the cost of a byte on each."""
    return (cores - row["generator"][SUBJECT]) / cost(row, SUBJECT) * cost(row, ONE_CORE) / median(row, "cores", ONE_CORE)


def cost(row, server):
    """Processor time per byte."""
    return median(row, "cores", server) / median(row, "volume", server)


def median(row, metric, server):
    return row["metrics"][metric]["servers"][server]["median"]


def quiet(row):
    """The p99 of the quiet client in milliseconds."""
    return lambda rows: rows[row]["metrics"]["p99"]["servers"][SUBJECT]["median"] / 1000


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

# The goal for two cores holds for each further one.
SPREAD = round(0.9 * len(CORES), 2)

# title, sign, bound, value, unit. C epoll is the faster of its two forms.
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
    (f"blocks of Devanagari, {clients} clients: throughput on {len(CORES)} cores / on one", "≥", SPREAD,
     spread(f"blocks-{clients}"), "×")
    for clients in [8, 64]
] + [
    ("p99 of a quiet client beside 8 that flood", "≤", 4, quiet("flood-8"), " ms"),
    ("p99 of a quiet client beside 64 that flood", "≤", 8, quiet("flood-64"), " ms"),
    ("64 clients, one core each: throughput or CPU time / each of SwiftNIO, Go, uvloop, Node", "≥", 1.4,
     one_core_each("one-64-one-core"), "×"),
    ("10,000 clients: throughput / C epoll", "≥", 0.95, against("one-10000", "throughput", *LIMITS), ""),
    ("64 in flight, 64 clients: throughput / C epoll", "≥", 0.95, against("flight-64", "throughput", *LIMITS), ""),
    ("half load, open loop: p99 / C epoll", "≤", 1.25, against("half-load", "p99", *LIMITS), ""),
    ("64 clients: CPU time per reply / C epoll", "≤", 1.1, against("one-64", "cpu", *LIMITS), ""),
    ("connect, one line, close: throughput / C epoll", "≥", 0.85, against("connect", "throughput", *LIMITS), ""),
    ("user memory of an idle connection", "≤", 1.25, memory, " KiB"),
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
    ("start to READY=1", "≤", 10, alone("ready"), " ms"),
    ("resident memory, idle", "≤", 13.4, alone("resident", 1e-6), " MB"),
]  # fmt: skip
