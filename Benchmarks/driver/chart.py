"""The chart: for each row, how reversed compares with each peer. Drawn from the data as plain SVG.

A bar starts at 1 and goes right where reversed is faster, left where the peer is. Each bar is labelled with the peer's name and
the number, so no reader has to distinguish the colours. The two colours differ in lightness too (Okabe and Ito's blue and orange).
"""

import math
import textwrap
from html import escape

from . import goals
from .servers import NAMES, SUBJECT

WIDTH, MARGIN, TOP = 1000, 20, 92
COLUMN = (WIDTH - 3 * MARGIN) / 2
NAME, NUMBER = 190, 58  # the widths left and right of the plot
PLOT = COLUMN - NAME - NUMBER
ROW, HEAD, FOOT = 16, 24, 34  # the heights of a bar, of a title, and of the axis with the gap below it
LOW, HIGH = 0.5, 4  # the ends of the axis; a longer bar is drawn with a break
TICKS = [0.5, 1, 2, 4]

STYLE = """
  .page { fill: #ffffff } text { fill: #1f2328 } .soft { fill: #59636e } .grid { stroke: #d1d9e0 } .one { stroke: #1f2328 }
  .faster { fill: #0072b2 } .slower { fill: #d55e00 } .range { stroke: #1f2328 } .break { stroke: #ffffff }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .soft { fill: #9198a1 } .grid { stroke: #3d444d } .one { stroke: #f0f6fc }
    .faster { fill: #56b4e9 } .slower { fill: #e69f00 } .range { stroke: #f0f6fc } .break { stroke: #0d1117 }
  }
"""


def write(rows, path):
    """Whether there was anything to draw."""
    drawn = [row for row in rows.values() if "throughput" in row.get("metrics", {}) and not {"rate", "flood"} & row.keys()]
    if not drawn:
        return False
    path.write_text(svg(drawn, goals.missed(rows)))
    return True


def svg(rows, missed):
    """The rows in two columns of about the same height, with the missed goals at the end of the right one."""
    panels = [lambda x, y, row=row: panel(row, x, y) for row in rows]
    if missed:
        panels.append(lambda x, y: goals_missed(missed, x, y))
    sizes = [draw(0, 0)[1] for draw in panels]
    split = min(range(len(panels) + 1), key=lambda split: max(sum(sizes[:split]), sum(sizes[split:])))
    height = TOP + max(sum(sizes[:split]), sum(sizes[split:]))
    parts = []
    for x, column in [(MARGIN, panels[:split]), (2 * MARGIN + COLUMN, panels[split:])]:
        y = TOP
        for draw in column:
            drawn, size = draw(x, y)
            parts += drawn
            y += size
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
        text(MARGIN, 30, "Throughput of reversed divided by the throughput of each peer", size=17, weight="bold"),
        f'<rect class="faster" x="{MARGIN}" y="44" width="22" height="10"/>',
        text(MARGIN + 28, 53, "reversed is faster"),
        f'<rect class="slower" x="{MARGIN + 150}" y="44" width="22" height="10"/>',
        text(MARGIN + 178, 53, "the peer is faster"),
        text(MARGIN + 300, 53, "Faint: not certain, because some pairs of runs went the other way.", kind="soft"),
        text(MARGIN, 73, "A bar ends at the median of the pairs of runs; the thin line spans all pairs. The axis is logarithmic. "
             "A bar with a break is longer than the axis.", kind="soft"),
        *parts,
        "</svg>",
        "",
    ])  # fmt: skip


def ratios(row):
    found = row["metrics"]["throughput"]["ratios"]
    return {peer: found[peer] for peer in NAMES if peer in found and peer != SUBJECT}


def position(ratio):
    """The distance of a ratio from the left edge of the plot: logarithmic, so twice and half are equally far from 1."""
    part = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return part * PLOT


def panel(row, x, y):
    """One row: its parts, and its height."""
    found = ratios(row)
    left, top, bottom = x + NAME, y + HEAD, y + HEAD + ROW * len(found)
    parts = [text(x, y + 14, row["title"], size=12.5, weight="bold")]
    for tick in TICKS:
        at = left + position(tick)
        kind, width = ("one", 1.5) if tick == 1 else ("grid", 1)
        parts.append(line(at, top - 2, at, bottom + 2, kind, width))
        parts.append(text(at, bottom + 15, f"{tick:g} ×" if tick >= 1 else "½ ×", size=10, anchor="middle", kind="soft"))
    for peer, ratio in found.items():
        parts.append(text(left - 10, top + 12, NAMES[peer], anchor="end"))
        parts += bar(peer, ratio, left, top)
        parts.append(text(x + COLUMN, top + 12, number(ratio["median"]), anchor="end", weight="bold"))
        top += ROW
    return parts, HEAD + ROW * len(found) + FOOT


def bar(peer, ratio, left, top):
    low, middle, high = (left + position(ratio[key]) for key in ["low", "median", "high"])
    one = left + position(1)
    kind = "faster" if ratio["median"] >= 1 else "slower"
    pale = ' opacity="0.4"' if ratio["low"] < 1 < ratio["high"] else ""
    begin, length = min(one, middle), max(abs(middle - one), 1)
    yield (
        f'<rect class="{kind}" x="{begin:.1f}" y="{top + 3}" width="{length:.1f}" height="{ROW - 6}"{pale}>'
        f"<title>{escape(NAMES[peer])}: {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})</title></rect>"
    )
    if LOW <= ratio["median"] <= HIGH:
        yield line(low, top + ROW / 2, high, top + ROW / 2, "range", 1)
        return
    # Beyond the edge: two gaps near the end of the bar.
    end, inward = (left + PLOT, -1) if ratio["median"] > HIGH else (left, 1)
    for distance in [8, 14]:
        at = end + inward * distance
        yield line(at - 3, top + ROW - 1, at + 3, top + 1, "break", 2.5)


def goals_missed(missed, x, y):
    """The goals that were not reached, with what was measured."""
    parts = [text(x, y + 14, "Goals missed", size=12.5, weight="bold")]
    y += HEAD + 10
    top = y
    for goal, found in missed:
        for index, part in enumerate(textwrap.wrap(f"{goal}; measured: {found}", 74)):
            parts.append(text(x + (0 if index == 0 else 12), y, part, size=11))
            y += 15
        y += 3
    return parts, HEAD + 10 + (y - top) + 10


def number(value):
    return f"{value:.2f} ×" if value < 10 else f"{value:.0f} ×"


def line(x1, y1, x2, y2, kind, width):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="{width}"/>'


def text(x, y, words, size=12, anchor="start", weight="normal", kind=""):
    """Text at a point; `kind` is a class of the style above."""
    kind = f' class="{kind}"' if kind else ""
    return (
        f'<text{kind} x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(words)}</text>"
    )
