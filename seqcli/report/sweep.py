"""The page of a sweep: what the width of the beam brings, as charts and as a table. One HTML document that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from seqcli.report.charts import grid, marks, place, ticks
from seqcli.report.markup import count, element, fill, name, number, plain, text
from seqcli.report.page import static
from seqcli.report.subwords import row, table

if TYPE_CHECKING:
    from seqcli.decode.sweep import Point

CHARTS = (
    ("bleu", "BLEU", "", 1.0),
    ("chrf", "chrF", "", 1.0),
    ("search_errors", "Search errors, % of lines", " %", 100.0),
    ("log_prob", "Mean log P of a text, nats", "", 1.0),
    ("score", "Mean score", "", 1.0),
    ("tokens", "Mean length in tokens", "", 1.0),
    ("seconds", "Seconds", "", 1.0),
)  # field, title, unit, scale


def page(model: str, lines: int, points: Sequence[Point]) -> str:
    """The sweep as an HTML document; the same input gives the same text."""
    known = [chart for chart in CHARTS if all(getattr(point, chart[0]) is not None for point in points)]
    charts = "".join(drawn(points, *chart) for chart in known)
    return fill(
        static("subwords.html"),
        title=text(f"Beam widths of {model}"),
        digest=b64encode(sha256(b"").digest()).decode(),
        look=static("comparison.css"),
        style=static("sweep.css"),
        script="",
        size=" · ".join([name(model), count(lines, "line"), count(len(points), "width")]),
        about="Each width searches the same lines. A better log P that does not make a better score is the model&#x27;s fault, not the "
        "search&#x27;s.",
        words=marks() + element("div", charts, class_="multiples widths") + rows(points),
    )


def drawn(points: Sequence[Point], field: str, title: str, unit: str, scale: float) -> str:
    """A line over the widths, which stand at equal distances."""
    values = [scale * float(getattr(point, field)) for point in points]
    levels = ticks(min(values), max(values), 3)
    extent = (levels[0], levels[-1])
    at = [100 * (i + 0.5) / len(points) for i in range(len(points))]
    parts = [grid(levels, extent, unit)]
    ends = [(x, 100 - place(value, extent)) for x, value in zip(at, values, strict=True)]
    parts += [
        f'<line class="s0" x1="{plain(x1)}%" y1="{plain(y1)}%" x2="{plain(x2)}%" y2="{plain(y2)}%"/>'
        for (x1, y1), (x2, y2) in pairwise(ends)
    ]
    for (x, y), point, value in zip(ends, points, values, strict=True):
        said = element("title", text(f"beam {point.width}: {number(value, 3)}{unit}"))
        parts.append(f'<use href="#mark0" class="s0" x="{plain(x)}%" y="{plain(y)}%">{said}</use>')
        parts.append(f'<text class="x" x="{plain(x)}%" y="100%" dy="1.5em">{point.width}</text>')
    chart = element(
        "svg", "".join(parts), class_="plot width", role="img", aria_label=f"{title} by width; the table below has the values"
    )
    return element("div", element("p", text(title), class_="who") + element("div", chart, class_="frame"), class_="small")


def rows(points: Sequence[Point]) -> str:
    """The same as a table."""
    from seqcli.decode.sweep import columns

    found = columns(points)
    numbers = range(len(found))
    body = [row([text(cells[i]) for _, cells in found], numbers) for i in range(len(points))]
    return table("values", [head for head, _ in found], body, "Values by width", numbers)
