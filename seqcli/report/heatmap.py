"""Where a model looked while it wrote: a grid of shades, as a drawing for a page, an SVG or a PNG.

Weights are kept in steps of 1/255, and drawn in LEVELS shades: the opacity of a cell is the square root of its weight, so that what is
looked at a little can be seen. A page's script draws other heads in the same way, to the letter.

>>> looked = Looked(1, "a b", "x", ["a", "b"], ["x"], np.array([[[[0.25, 0.75]]]]))
>>> looked.steps.ravel().tolist(), mean(looked).round(2).tolist(), shades(mean(looked)).tolist()
([64, 191], [[0.25, 0.75]], [[10, 17]])
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray, IntArray
from seqcli.report.markup import element, plain, text
from seqcli.report.png import DENSITY, FONT, INCH, library, visible
from seqcli.report.scatter import LETTER, width
from seqcli.report.svg import DARK, GROUND, INK, LIGHT, SOFT, shown
from seqcli.report.svg import FONT as FONTS
from seqcli.text.subword.told import seen

STEPS = 255  # of a weight
LEVELS = 20  # shades
CELL = 22  # pixels
LONGEST = 22  # characters of a label
SLOPE = math.radians(60)  # of the labels of columns
MARGIN = 10
HEAD = 48  # room for the title of a file


@dataclass(frozen=True)
class Looked:
    """Where each layer and head looked while one translation was written."""

    line: int
    text: str  # the source
    translation: str
    source: Sequence[str]  # (S,) its tokens, the end among them
    target: Sequence[str]  # (T,) what was written, the end among them if it was
    weights: FloatArray  # (layers, heads, T, S), each row's sum 1

    @property
    def layers(self) -> int:
        """How many there are."""
        return len(self.weights)

    @property
    def heads(self) -> int:
        """How many a layer has."""
        return int(self.weights.shape[1])

    @cached_property
    def steps(self) -> AnyArray:
        """The weights in steps, (layers, heads, T, S) uint8."""
        return np.rint(STEPS * np.clip(self.weights, 0, 1)).astype(np.uint8)


def mean(looked: Looked, layer: int | None = -1, head: int | None = None) -> DoubleArray:
    """The weights of a layer's head, (T, S); None is the mean over all of them."""
    some = looked.steps if layer is None else looked.steps[[layer]]
    some = some if head is None else some[:, [head]]
    found: DoubleArray = some.sum((0, 1), dtype=np.int64) / (STEPS * some.shape[0] * some.shape[1])
    return found


def shades(weights: DoubleArray) -> IntArray:
    """Weights as shades from 0 to LEVELS."""
    return np.floor(np.sqrt(weights) * LEVELS + 0.5).astype(np.int64)


def outlines(weights: DoubleArray) -> list[str]:
    """A path for each shade from 1 on, of cells that are 1 wide; like neighbours in a row are one.

    >>> outlines(np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))[-1]
    'M0 0h2v1h-2zM2 1h1v1h-1z'
    """
    parts: list[list[str]] = [[] for _ in range(LEVELS + 1)]
    for t, row in enumerate(shades(weights).tolist()):
        s = 0
        for level, run in groupby(row):
            count = len(list(run))
            parts[level].append(f"M{s} {t}h{count}v1h-{count}z")
            s += count
    return ["".join(each) for each in parts[1:]]


def label(token: str) -> str:
    """A token as a reader may see it, cut if it is long."""
    words = seen(token) or "∅"
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


@dataclass(frozen=True)
class Frame:
    """Where the parts of a picture lie, in pixels."""

    left: float  # of the grid
    top: float
    wide: float  # of the whole
    high: float


def frame(looked: Looked, head: float = 0.0) -> Frame:
    """The picture of a sentence, with so much room above."""
    longest = max((width(label(token)) for token in looked.source), default=0.0) + 8
    left = math.ceil(max((width(label(token)) for token in looked.target), default=0.0)) + 8 + MARGIN
    top = math.ceil(head + MARGIN + longest * math.sin(SLOPE))
    right = math.ceil(longest * math.cos(SLOPE)) + MARGIN
    return Frame(left, top, left + CELL * len(looked.source) + right, top + CELL * len(looked.target) + MARGIN)


def column(at: Frame, s: int) -> tuple[float, float]:
    """Where the label of a column begins."""
    return at.left + CELL * (s + 0.5) + 4, at.top - 5


def row(at: Frame, t: int) -> tuple[float, float]:
    """Where the label of a row ends."""
    return at.left - 6, at.top + CELL * (t + 0.5) + 4


def drawing(looked: Looked) -> str:
    """The mean over the heads of the last layer as a part of a page, which has its colours."""
    at, S, T = frame(looked), len(looked.source), len(looked.target)
    parts = [
        element("rect", class_="ground", x=at.left, y=at.top, width=CELL * S, height=CELL * T),
        element("g", "".join(shaded(mean(looked))), class_="shades", transform=placed(at)),
        element("g", "".join(named(looked.source, column, at, slope=True)), class_="columns"),
        element("g", "".join(named(looked.target, row, at)), class_="rows"),
    ]
    said = f"Where the model looked in line {looked.line}, target by source; the table below has the greatest weights"
    return element(
        "svg", "".join(parts), class_="heat", viewBox=f"0 0 {plain(at.wide)} {plain(at.high)}", width=at.wide, height=at.high,
        role="img", aria_label=said, data_left=at.left, data_top=at.top,
    )  # fmt: skip


def placed(at: Frame) -> str:
    """From cells to pixels."""
    return f"translate({plain(at.left)} {plain(at.top)}) scale({CELL})"


def shaded(weights: DoubleArray) -> Iterator[str]:
    """A path a shade."""
    for level, path in enumerate(outlines(weights), 1):
        yield element("path", d=path, fill_opacity=level / LEVELS)


def named(tokens: Sequence[str], place: Any, at: Frame, slope: bool = False, **attributes: str) -> Iterator[str]:
    """The labels of rows or columns."""
    for i, token in enumerate(tokens):
        x, y = place(at, i)
        turned = {"transform": f"translate({plain(x)} {plain(y)}) rotate(-60)"} if slope else {"x": x, "y": y}
        yield element("text", shown(label(token)), **turned, **attributes)


# Files ---------------------------------------------------------------------------------------------------------------------


def title(looked: Looked, layer: int | None, head: int | None) -> str:
    """What is drawn, in words.

    >>> title(Looked(7, "", "", [], [], np.zeros((6, 8, 0, 0))), -1, None)
    'Line 7, layer 6, mean of 8 heads'
    """
    parts = [f"Line {looked.line}"]
    if looked.layers > 1:
        parts.append(f"mean of {looked.layers} layers" if layer is None else f"layer {range(looked.layers)[layer] + 1}")
    if looked.heads > 1:
        parts.append(f"mean of {looked.heads} heads" if head is None else f"head {range(looked.heads)[head] + 1}")
    return ", ".join(parts)


def svg(looked: Looked, layer: int | None = -1, head: int | None = None) -> str:
    """The picture as a document that needs nothing else; it follows the light or dark of the screen."""
    at, name = frame(looked, HEAD), title(looked, layer, head)
    wide = max(at.wide, 1.5 * width(name) + 2 * MARGIN)
    S, T = len(looked.source), len(looked.target)
    rules = f".cell{{fill:{DARK[0]}}}.ground{{fill:{GROUND[1]}}}.ink{{fill:{INK[1]}}}.line{{stroke:{SOFT[1]}}}"
    parts = [
        element("title", shown(f"{name}: {looked.text}")),
        element("style", f"@media (prefers-color-scheme:dark){{{rules}}}"),
        element("rect", class_="ground", width=wide, height=at.high, fill=GROUND[0]),
        element("text", text(name), class_="ink", x=MARGIN, y=30, fill=INK[0], font_size=18, font_weight=600),
        element("g", "".join(shaded(mean(looked, layer, head))), class_="cell", transform=placed(at), fill=LIGHT[0]),
        element("rect", class_="line", x=at.left, y=at.top, width=CELL * S, height=CELL * T, fill="none", stroke=SOFT[0]),
        *named(looked.source, column, at, slope=True, class_="ink", fill=INK[0]),
        *named(looked.target, row, at, class_="ink", fill=INK[0], text_anchor="end"),
    ]
    return element(
        "svg", "\n" + "\n".join(parts) + "\n", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {plain(wide)} {plain(at.high)}",
        width=wide, height=at.high, font_family=FONTS, font_size=LETTER, role="img",
    ) + "\n"  # fmt: skip


def png(looked: Looked, layer: int | None = -1, head: int | None = None) -> bytes:
    """The picture as a file, by matplotlib.

    Raises:
        Failure: matplotlib is not installed.
    """
    figures, agg = (library(f"matplotlib.{part}") for part in ("figure", "backends.backend_agg"))
    at, name = frame(looked, HEAD), title(looked, layer, head)
    wide, T, S = max(at.wide, 1.5 * width(name) + 2 * MARGIN), len(looked.target), len(looked.source)
    figure = figures.Figure(figsize=(wide / INCH, at.high / INCH), dpi=INCH * DENSITY, facecolor=GROUND[0])
    agg.FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, wide), ylim=(at.high, 0), frame_on=False, xticks=(), yticks=())
    ink = np.array([int(LIGHT[0][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    opacity = shades(mean(looked, layer, head))[..., None] / LEVELS
    box = (at.left, at.left + CELL * S, at.top + CELL * T, at.top)
    axes.imshow(opacity * ink + 1 - opacity, extent=box, aspect="auto", interpolation="nearest")
    axes.set(xlim=(0, wide), ylim=(at.high, 0))
    axes.plot([box[0], box[1], box[1], box[0], box[0]], [box[2], box[2], box[3], box[3], box[2]], color=SOFT[0], linewidth=0.8)

    def write(words: str, place: tuple[float, float], size: float = LETTER, **options: Any) -> None:
        style = {"fontsize": size * 72 / INCH, "family": FONT, "parse_math": False, "color": INK[0], "va": "baseline"}
        axes.text(*place, visible(words), **style, **options)

    write(name, (MARGIN, 30), 18, weight="bold")
    for s, token in enumerate(looked.source):
        write(label(token), column(at, s), rotation=60, rotation_mode="anchor")
    for t, token in enumerate(looked.target):
        write(label(token), row(at, t), ha="right")
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that no font has becomes a box
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
