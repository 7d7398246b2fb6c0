"""The chart: for each work, how reversed compares with each peer. Drawn from the data as plain SVG."""

import math
from html import escape

from .servers import NAMES, SUBJECT

COLOURS = {
    "epoll-1": "#111827", "epoll-n": "#6b7280", "nio": "#ea580c", "go": "#0891b2", "uvloop": "#16a34a",
    "node": "#65a30d", "threads": "#2563eb", "socat": "#9333ea", "reversed-one": "#db2777", "before": "#d97706",
}  # fmt: skip
LEFT, RIGHT, TOP, PER_PEER, GAP = 290, 60, 92, 13, 14
WIDTH = 940
TICKS = [0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16]  # what lies beyond stands at the edge


def write(rows, path):
    """Whether there was anything to draw."""
    drawn = [row for row in rows.values() if "throughput" in row.get("metrics", {}) and not {"rate", "flood"} & row.keys()]
    if not drawn:
        return False
    path.write_text(svg(drawn))
    return True


def scale(ratio):
    """Where a ratio stands: a logarithmic axis, so that twice and half are equally far from equal."""
    low, high = math.log2(TICKS[0]), math.log2(TICKS[-1])
    place = (min(max(math.log2(ratio), low), high) - low) / (high - low)
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def svg(rows):
    height = TOP + sum(PER_PEER * len(ratios(row)) + GAP for row in rows) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(16, 26, "Throughput of reversed divided by the peer's", size=16, weight="bold"),
        text(16, 44, "Median of pairs; the line spans the least and the greatest pair. Right of 1: reversed is faster."),
        *legend(rows),
        *axis(height),
    ]
    y = TOP + GAP
    for row in rows:
        found = ratios(row)
        middle = y + PER_PEER * len(found) / 2
        parts.append(text(LEFT - 12, middle + 2, row["title"], anchor="end"))
        for peer, ratio in found.items():
            parts += mark(peer, ratio, y + PER_PEER / 2)
            y += PER_PEER
        y += GAP
    return "\n".join([*parts, "</svg>", ""])


def ratios(row):
    found = row["metrics"]["throughput"]["ratios"]
    return {peer: found[peer] for peer in NAMES if peer in found and peer != SUBJECT}


def legend(rows):
    x = 16
    for peer in NAMES:
        if peer in COLOURS and any(peer in ratios(row) for row in rows):
            yield f'<circle cx="{x + 5}" cy="64" r="4.5" fill="{COLOURS[peer]}"/>'
            yield text(x + 14, 68, NAMES[peer], size=10)
            x += 26 + 5.3 * len(NAMES[peer])


def axis(height):
    for tick in TICKS:
        x = scale(tick)
        colour, width = ("#b91c1c", 1.5) if tick == 1 else ("#e5e7eb", 1)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - 24}" stroke="{colour}" stroke-width="{width}"/>'
        yield text(x, height - 8, f"{tick:g}×", anchor="middle")


def mark(peer, ratio, y):
    colour = COLOURS[peer]
    low, middle, high = (scale(ratio[key]) for key in ["low", "median", "high"])
    yield f'<line x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="2" opacity="0.45"/>'
    yield (
        f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}">'
        f"<title>{escape(NAMES[peer])}: {ratio['median']:.2f}</title></circle>"
    )
    yield text(max(high, middle + 4) + 5, y + 4, f"{ratio['median']:.2f}", size=10)


def text(x, y, words, size=12, anchor="start", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="#111827">{escape(words)}</text>'
    )
