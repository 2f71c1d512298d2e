"""The curves of a training: its journal drawn as one HTML page that needs nothing else.

>>> journal = [{"step": 1, "loss": 2.0, "rate": 0.1}, {"step": 2, "loss": 1.0, "rate": 0.1}, {"step": 2, "dev": {"loss": 1.5}}]
>>> for chart in charts_of(journal):
...     print(chart.name, {name: points for name, points in chart.series.items()})
loss {'train': [(1.0, 2.0), (2.0, 1.0)], 'dev': [(2.0, 1.5)]}
learning rate {'train': [(1.0, 0.1), (2.0, 0.1)]}
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from seqcli.errors import Failure
from seqcli.report import charts
from seqcli.report.markup import count, element, name, plain, text
from seqcli.report.page import static
from seqcli.training import journal

Points = list[tuple[float, float]]
POINTS = 400  # of a line; more could not be told apart
NAMES = {"rate": "learning rate", "gradient_norm": "gradient norm", "tokens_per_second": "tokens per second"}
STYLE = ".curve { fill: none; stroke: currentColor; stroke-width: 1.75; vector-effect: non-scaling-stroke; } .lines { height: 14rem; }"


@dataclass
class Chart:
    """Lines over the steps: name → points."""

    name: str
    series: dict[str, Points] = field(default_factory=dict)


def draw(folder: Path, into: Path, title: str) -> Path:
    """Draw the journal of a training's folder; the page, `curves.html` in the folder `into`, is there whole or not at all.

    Raises:
        Failure: there is no journal, or the page cannot be written.
    """
    found = page(journal.read(folder / journal.NAME), title)
    path, beside = into / "curves.html", into / ".curves.html"
    try:
        into.mkdir(parents=True, exist_ok=True)
        beside.write_text(found, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}") from None
    return path


def charts_of(entries: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """What a journal has to show: a chart a number, what was measured on dev under the same name beside it."""
    found: dict[str, Chart] = {}
    for entry in entries:
        numbers = [("train", key, entry[key]) for key in ("loss", *NAMES) if key in entry]
        numbers += [("dev", key, value) for key, value in entry.get("dev", {}).items()]
        for who, key, value in numbers:
            if isinstance(value, int | float):
                chart = found.setdefault(key, Chart(NAMES.get(key, key)))
                chart.series.setdefault(who, []).append((float(entry["step"]), float(value)))
    for chart in found.values():
        chart.series = dict(sorted(chart.series.items(), reverse=True))  # train, then dev
    order = sorted(found, key=lambda key: (key in NAMES, "train" not in found[key].series))
    return [found[key] for key in order]


def page(entries: Sequence[Mapping[str, Any]], title: str) -> str:
    """The page; the same journal gives the same text."""
    drawn = [element("h2", text(chart.name)) + legend(chart) + picture(chart) for chart in charts_of(entries)]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        + element("title", text(title))
        + element("style", static("comparison.css") + STYLE)
    )
    steps = max((int(entry["step"]) for entry in entries), default=0)
    top = element("header", element("h1", text(title), dir="auto") + element("p", count(steps, "step"), class_="size"))
    main = element("main", "".join(drawn) or element("p", "The journal is empty.", class_="note"))
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>{charts.marks()}{top}{main}</body>\n</html>\n'


def legend(chart: Chart) -> str:
    """Whose the lines are."""
    return element("ul", "".join(element("li", charts.key(s) + name(who)) for s, who in enumerate(chart.series)), class_="legend")


def picture(chart: Chart) -> str:
    """A chart as inline SVG, and the same as a table."""
    points = [point for line in chart.series.values() for point in line]
    levels = charts.ticks(min(y for _, y in points), max(y for _, y in points))
    across, up = (0.0, max(x for x, _ in points)), (levels[0], levels[-1])
    lines = [
        element("g", curve([(charts.place(x, across), 100 - charts.place(y, up)) for x, y in thinned(line)]), class_=f"series s{s}")
        for s, line in enumerate(chart.series.values())
    ]
    steps = [step for step in charts.ticks(*across) if across[0] <= step <= across[1]]
    below = "".join(
        f'<text class="x" x="{plain(charts.place(step, across))}%" y="100%" dy="1.5em">{text(plain(step))}</text>' for step in steps
    )
    inside = charts.grid(levels, up) + below + "".join(lines)
    said = f"{chart.name} by step; the table below has the values"
    drawn = element("div", element("svg", inside, class_="plot lines", role="img", aria_label=said), class_="frame")
    by_step = {step: {who: y for who, line in chart.series.items() for x, y in line if x == step} for step, _ in thinned(points, 50)}
    rows = [
        [element("th", plain(step), scope="row"), *(charts.cell(plain(got[who], 6) if who in got else "") for who in chart.series)]
        for step, got in sorted(by_step.items())
    ]
    return drawn + '<p class="axis">step</p>' + charts.table(["step"], list(chart.series), rows, f"{chart.name} by step")


def curve(points: Points) -> str:
    """A line through places in percent; a single one is a mark."""
    if len(points) == 1:
        return f'<use href="#mark0" x="{plain(points[0][0])}%" y="{plain(points[0][1])}%"/>'
    path = "M" + "L".join(f"{plain(x)} {plain(y)}" for x, y in points)
    frame = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none", "width": "100%", "height": "100%", "overflow": "visible"}
    return element("svg", f'<path class="curve" d="{path}"/>', **frame)


def thinned(points: Points, most: int = POINTS) -> Points:
    """At most so many points; each is the mean of its neighbours, at the place of the last of them.

    >>> thinned([(1.0, 2.0), (2.0, 4.0), (3.0, 9.0)], most=2)
    [(2.0, 3.0), (3.0, 9.0)]
    """
    group = -(-len(points) // most)
    parts = [points[start : start + group] for start in range(0, len(points), group)]
    return [(part[-1][0], fmean(y for _, y in part)) for part in parts]
