"""Charts as inline SVG. Places are in percent and letters in pixels, so that a chart fits any width and stays legible.

Systems are told apart by mark and dash as well as by colour; `comparison.css` has the colours `s0` to `s7`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from seqcli.data.examples import FloatArray, IntArray
from seqcli.report.markup import NONE, count, element, name, number, plain, short, text

SERIES = 8  # marks, and colours
MARKS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",  # disc
    "M-4 -4H4V4H-4Z",  # square
    "M0 -5L5 4H-5Z",  # triangle
    "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",  # diamond
    "M0 5L5 -4H-5Z",  # triangle upside down
    "M-1.5 -5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5Z",  # plus
    "M-4.6 -2.5L-2.5 -4.6L0 -2.1L2.5 -4.6L4.6 -2.5L2.1 0L4.6 2.5L2.5 4.6L0 2.1L-2.5 4.6L-4.6 2.5L-2.1 0Z",  # cross
    "M-5 -2H5V2H-5Z",  # bar
)


def marks() -> str:
    """The marks of the systems, once a page; charts and legends refer to them."""
    paths = "".join(element("path", id=f"mark{i}", d=path) for i, path in enumerate(MARKS))
    return f'<svg class="marks" width="0" height="0" aria-hidden="true"><defs>{paths}</defs></svg>'


def mark_of(system: int) -> str:
    """The mark of a system; after eight of them colours come again, with other marks."""
    return f"#mark{(system + system // SERIES) % SERIES}"


def key(system: int) -> str:
    """The mark of a system, for legends and table rows."""
    return f'<svg class="key s{system % SERIES}" aria-hidden="true"><use href="{mark_of(system)}" x="7" y="7"/></svg>'


def whisker(score: float, low: float, high: float, extent: tuple[float, float]) -> str:
    """An interval as a small bar with the score upon it, on a scale that a column of the table shares."""
    if not all(map(math.isfinite, (score, low, high))):
        return ""
    left, at, right = (plain(place(value, extent)) for value in (low, score, high))
    return (
        f'<svg class="whisker" aria-hidden="true"><line class="rail" x1="0%" x2="100%" y1="50%" y2="50%"/>'
        f'<line class="range" x1="{left}%" x2="{right}%" y1="50%" y2="50%"/><line x1="{at}%" x2="{at}%" y1="0%" y2="100%"/></svg>'
    )


def place(value: float, extent: tuple[float, float]) -> float:
    """Where a value lies between the ends of a scale, in percent.

    >>> place(15.0, (10.0, 30.0)), place(3.0, (3.0, 3.0))
    (25.0, 50.0)
    """
    low, high = extent
    return 100 * (value - low) / (high - low) if high > low else 50.0


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values that enclose the range in equal steps, roughly `about` of them.

    >>> ticks(12.0, 47.0), ticks(0.0, 13.5, 3), ticks(5.0, 5.0)
    ([10.0, 20.0, 30.0, 40.0, 50.0], [0.0, 5.0, 10.0, 15.0], [4.0, 5.0, 6.0])
    """
    if high <= low:
        return [low - 1.0, low, low + 1.0]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(step - rough))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def by_length(
    metric: str, systems: Sequence[str], labels: Sequence[str], segments: Sequence[int], scores: FloatArray, side: str = "reference"
) -> str:
    """Lines of the scores (S, K) of S systems over K bins of length, of the reference or the source, and the same as a table."""
    used = [k for k, n in enumerate(segments) if n]
    finite = scores[:, used][np.isfinite(scores[:, used])]
    if not finite.size:
        return '<p class="note">There is nothing to score.</p>'
    levels = ticks(float(finite.min()), float(finite.max()))
    extent = (levels[0], levels[-1])
    at = [100 * (i + 0.5) / len(used) for i in range(len(used))]
    parts = [grid(levels, extent)]
    for x, k in zip(at, used, strict=True):
        parts.append(f'<text class="x" x="{plain(x)}%" y="100%" dy="1.5em">{text(labels[k])}</text>')
        parts.append(f'<text class="x n" x="{plain(x)}%" y="100%" dy="2.8em">{short(segments[k])}</text>')
    for s, system in reversed(list(enumerate(systems))):  # the baseline lies on top
        points = [(x, 100 - place(float(scores[s, k]), extent), labels[k], float(scores[s, k])) for x, k in zip(at, used, strict=True)]
        parts.append(element("g", "".join(line(system, metric, s, points)), class_=f"series s{s % SERIES}"))
    said = f"{metric} by length of the {side}; the table below has the values"
    rows = [[element("th", text(labels[k]), scope="row"), cell(count(segments[k])), *(cell(number(float(v))) for v in scores[:, k])]
            for k in used]  # fmt: skip
    chart = element("svg", "".join(parts), class_="plot lines", role="img", aria_label=said)
    axis = f'<p class="axis">words in the {side}; number of segments below</p>'
    return element("div", chart, class_="frame") + axis + table(["words", "segments"], systems, rows, f"{metric} by length")


def line(system: str, metric: str, s: int, points: Sequence[tuple[float, float, str, float]]) -> Iterator[str]:
    """A series: its lines, then its marks, each with a word on the value; a gap where a value is missing."""
    for (x1, y1, _, _), (x2, y2, _, _) in pairwise(points):
        if math.isfinite(y1) and math.isfinite(y2):
            yield f'<line x1="{plain(x1)}%" y1="{plain(y1)}%" x2="{plain(x2)}%" y2="{plain(y2)}%"/>'
    for x, y, label, value in points:
        if math.isfinite(y):
            title = element("title", text(f"{system}, {label} words: {metric} {number(value)}"))
            yield f'<use href="{mark_of(s)}" x="{plain(x)}%" y="{plain(y)}%">{title}</use>'


def grid(levels: Sequence[float], extent: tuple[float, float], unit: str = "") -> str:
    """Horizontal lines, each with its value on the left."""
    parts = []
    for level in levels:
        y = plain(100 - place(level, extent))
        parts.append(f'<line class="grid" x1="0%" x2="100%" y1="{y}%" y2="{y}%"/>')
        parts.append(f'<text class="y" x="0%" y="{y}%" dx="-6" dy="0.35em">{text(plain(level, 6).replace("-", "−"))}{unit}</text>')
    return "".join(parts)


def histogram(metric: str, systems: Sequence[str], edges: Sequence[float], counts: IntArray) -> str:
    """Shares of segments in bins of their score, one small chart a system, from counts (S, K); and the same as a table.

    Bin k goes from `edges[k]` to `edges[k + 1]`, the last, which is shown if it has any, from the last edge on.
    """
    bins = counts.shape[1] - (not counts[:, -1].any())
    shown = counts[:, :bins]
    totals = shown.sum(axis=1)
    if not totals.any():
        return '<p class="note">There is nothing to count.</p>'
    shares = 100 * shown / np.maximum(totals, 1)[:, None]
    levels = ticks(0.0, float(shares.max()), 2)
    labels = [f"{plain(edges[k])}–{plain(edges[k + 1])}" if k + 1 < len(edges) else f"over {plain(edges[k])}" for k in range(bins)]
    charts = []
    for s, system in enumerate(systems):
        said = f"{system}: segments by {metric}; the table below has the values"
        content = grid(levels, (levels[0], levels[-1]), " %") + scale(edges, bins) + bars(labels, shown[s], shares, s, levels[-1])
        chart = element("svg", content, class_="plot bars", role="img", aria_label=said)
        label = element("p", key(s) + name(system), class_="who")
        charts.append(element("div", label + element("div", chart, class_="frame"), class_="small"))
    rows = [[element("th", text(label), scope="row"), *(cell(count(int(n))) for n in shown[:, k])]
            for k, label in enumerate(labels) if shown[:, k].any()]  # fmt: skip
    whole = element("div", "".join(charts), class_="multiples")
    return whole + table([metric], systems, rows, f"segments by {metric}")


def scale(edges: Sequence[float], bins: int) -> str:
    """Values under some edges of the bins, at most six."""
    return "".join(
        f'<text class="x" x="{plain(100 * k / bins)}%" y="100%" dy="1.4em">{plain(edges[k])}</text>'
        for k in range(0, len(edges), math.ceil((len(edges) - 1) / 5))
    )


def bars(labels: Sequence[str], counts: IntArray, shares: FloatArray, s: int, top: float) -> str:
    """The bars of system s, from counts (K,) and the shares (S, K) of all; a dark line has the height of the first system's."""
    K = len(labels)
    parts = []
    for k in np.flatnonzero(counts).tolist():
        height = 100 * float(shares[s, k]) / top
        title = element("title", text(f"{labels[k]}: {count(int(counts[k]), 'segment')}, {shares[s, k]:.1f} %"))
        x, width = plain(100 * (k + 0.08) / K), plain(84 / K)
        parts.append(f'<rect x="{x}%" y="{plain(100 - height)}%" width="{width}%" height="{plain(height)}%">{title}</rect>')
    for k in np.flatnonzero(shares[0]).tolist() if s else ():
        y = plain(100 - 100 * float(shares[0, k]) / top)
        parts.append(f'<line class="first" x1="{plain(100 * k / K)}%" x2="{plain(100 * (k + 1) / K)}%" y1="{y}%" y2="{y}%"/>')
    return element("g", "".join(parts), class_=f"series s{s % SERIES}")


def cell(content: str) -> str:
    """A cell that holds a number."""
    return element("td", content or NONE)


def table(heads: Sequence[str], systems: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """The values of a chart, folded away."""
    columns = [*map(text, heads), *map(name, systems)]
    head = element("tr", "".join(element("th", column, scope="col") for column in columns))
    body = "".join(element("tr", "".join(row)) for row in rows)
    inside = element("caption", text(caption), class_="unseen") + element("thead", head) + element("tbody", body)
    scroll = element("div", element("table", inside), class_="scroll", tabindex="0", role="region", aria_label=caption)
    return element("details", element("summary", "As a table") + scroll)
