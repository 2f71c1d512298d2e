"""A picture of words as an SVG file: it needs nothing else, and follows the light or dark of the screen.

Colours are attributes, for programs that know no style sheets; the style sheet has those of dark screens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seqcli.report.charts import MARKS, SERIES, mark_of
from seqcli.report.markup import count, element, plain, text
from seqcli.report.scatter import HEIGHT, LETTER, MARGIN, WIDTH, Label, Layout, Picture, layout, width

LIGHT = ("#1f5fa8", "#c2410c", "#2f7d32", "#7b3fb5", "#8a5a00", "#b0246b", "#00727a", "#5b6470")
DARK = ("#7fb2f0", "#f59a6b", "#86cb8a", "#c4a0f0", "#d9b25c", "#f08fbd", "#6cc8cf", "#aab3bf")
GROUND, INK, SOFT = ("#ffffff", "#15181c"), ("#1b1f24", "#e4e7eb"), ("#57606a", "#a3acb7")  # light, dark
FONT = "system-ui, Helvetica, Arial, 'DejaVu Sans', sans-serif"
NO_CHARACTER = re.compile("[\ufffe\uffff]")
ROW = 20  # pixels of a line of the legend


def svg(picture: Picture) -> str:
    """The picture as a document; the same picture gives the same text."""
    laid = layout(picture)
    items, top = legend(picture)
    height = top + HEIGHT + ROW
    tips = "".join(element("path", d=arrow_path(ends)) for ends in laid.arrows if ends)
    parts = [
        element("title", shown(picture.title or "Words")),
        element("style", styles()),
        f'<rect class="ground" width="{WIDTH}" height="{height}" fill="{GROUND[0]}"/>',
        line(picture.title, MARGIN, 30, "ink", INK[0], font_size=18, font_weight=600),
        *(path(group, x, y - 4) + line(words, x + 10, y, "ink", INK[0]) for group, words, x, y in items),
        f'<g transform="translate(0 {top})">',
        element("g", tips, class_="line", fill="none", stroke=SOFT[0], stroke_width=1.2),
        *(point(picture, laid, i) for i in range(len(picture.words))),
        "</g>",
        line(caption(picture, laid), MARGIN, height - 8, "soft", SOFT[0]),
    ]
    return element(
        "svg", "\n" + "\n".join(filter(None, parts)) + "\n", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH, height=height, font_family=FONT, font_size=LETTER, role="img",
    ) + "\n"  # fmt: skip


def shown(words: str) -> str:
    """Any text as XML that shows it."""
    return NO_CHARACTER.sub("\ufffd", text(words))


def colour(group: int) -> int:
    """Which of the colours a group has."""
    return group % SERIES


def mark(group: int) -> str:
    """The outline of a group's mark."""
    return MARKS[int(mark_of(group).removeprefix("#mark"))]


def styles() -> str:
    """Colours on dark screens."""
    rules = [f".s{k}{{fill:{value}}}" for k, value in enumerate(DARK)]
    rules += [f".ground{{fill:{GROUND[1]}}}", f".ink{{fill:{INK[1]}}}", f".soft{{fill:{SOFT[1]}}}", f".line{{stroke:{SOFT[1]}}}"]
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"


def legend(picture: Picture) -> tuple[list[tuple[int, str, float, float]], int]:
    """The groups with their names and places below the title, and where the frame begins."""
    bottom = 30 if picture.title else 0
    if len(picture.names) < 2:
        return [], bottom
    items = []
    x, y = float(MARGIN), bottom + ROW
    for group, words in enumerate(picture.names):
        if x > MARGIN and x + 30 + width(words) > WIDTH - MARGIN:
            x, y = float(MARGIN), y + ROW
        items.append((group, words, x, float(y)))
        x += 30 + width(words)
    return items, y


def line(words: str, x: float, y: float, kind: str, fill: str, **attributes: str | float) -> str:
    """A line of text; nothing for none."""
    return element("text", shown(words), class_=kind, x=x, y=y, fill=fill, **attributes) if words else ""


def path(group: int, x: float, y: float) -> str:
    """The mark of a group somewhere."""
    k = colour(group)
    return f'<path class="s{k}" fill="{LIGHT[k]}" transform="translate({plain(x)} {plain(y)})" d="{mark(group)}"/>'


def arrow_path(ends: Sequence[tuple[float, float]]) -> str:
    """An arrow as a path; nothing for none.

    >>> arrow_path([(7.0, 0.0), (92.0, 0.0), (85.0, -3.0), (85.0, 3.0)])
    'M7 0L92 0M85 -3L92 0L85 3'
    """
    if not ends:
        return ""
    tail, tip, left, right = (f"{plain(x, 1)} {plain(y, 1)}" for x, y in ends)
    return f"M{tail}L{tip}M{left}L{tip}L{right}"


def point(picture: Picture, laid: Layout, i: int) -> str:
    """A word: its mark, its label if there is room, and all that is known of it where a pointer rests."""
    group = picture.groups[i]
    k = colour(group)
    x, y = laid.points[i].tolist()
    inside = element("title", shown(told(picture, i))) + f'<path d="{mark(group)}"/>'
    label = laid.labels[i]
    inside += label_of(picture.words[i], label, INK[0]) if label else ""
    return f'<g class="s{k}" fill="{LIGHT[k]}" transform="translate({plain(x, 1)} {plain(y, 1)})">{inside}</g>'


def label_of(words: str, label: Label, fill: str) -> str:
    """The label of a point."""
    anchor = label.anchor if label.anchor != "start" else None
    return element("text", shown(words), class_="ink", x=label.dx, y=label.dy, fill=fill, text_anchor=anchor)


def told(picture: Picture, i: int) -> str:
    """A word, its group and its neighbours in one line."""
    group = f" ({picture.names[picture.groups[i]]})" if len(picture.names) > 1 else ""
    near = ", ".join(f"{word} {cosine:.2f}" for word, cosine in (picture.neighbours[i] if picture.neighbours else ()))
    return f"{picture.words[i]}{group}" + (f": {near}" if near else "")


def caption(picture: Picture, laid: Layout) -> str:
    """How the picture was made, and how many labels had no room."""
    missing = laid.labels.count(None)
    return ". ".join(filter(None, [picture.about, f"{count(missing, 'label')} left out for want of room" if missing else ""]))
