"""Words on a plane, laid out for paper and screen: where points, labels and arrows lie, in pixels of a fixed frame.

>>> picture = Picture("", "", ["king", "queen", "apple"], np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 3.0]]), [0, 0, 1], ["royal", "fruit"])
>>> laid = layout(picture)
>>> laid.points.round().tolist(), laid.labels[0]
([[36.0, 468.0], [36.0, 369.0], [924.0, 172.0]], Label(dx=8.0, dy=3.9, anchor='start'))
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from seqcli.data.examples import BoolArray, DoubleArray

WIDTH, HEIGHT = 960, 640  # of the frame
MARGIN = 36
LETTER = 12  # pixels of an em
CROWDED = 15  # weight of three points, which no label may cover
REACH = 8.0  # from a point's centre to its label
NARROW, SLIM, WIDE = "ijlIJ|.,:;'!`", 'frt()[]{}/\\-" ', "mwMW@%&"
SIDES = (  # of the label against its point: anchor, and where its box begins in box widths and heights beside the reach
    ("start", 1.0, 0.0, 0.0, -0.5),
    ("end", -1.0, 0.0, -1.0, -0.5),
    ("middle", 0.0, -1.0, -0.5, -1.0),
    ("middle", 0.0, 1.0, -0.5, 0.0),
    ("start", 0.6, -0.6, 0.0, -1.0),
    ("start", 0.6, 0.6, 0.0, 0.0),
    ("end", -0.6, -0.6, -1.0, -1.0),
    ("end", -0.6, 0.6, -1.0, 0.0),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """N words on a plane."""

    title: str
    about: str  # one line: how they came there
    words: Sequence[str]  # (N,)
    places: DoubleArray  # (N, 2) to the right and up
    groups: Sequence[int]  # (N,) in `names`
    names: Sequence[str]  # of the groups; a single one is not shown
    arrows: Sequence[tuple[int, int]] = ()  # from word to word
    neighbours: Sequence[Sequence[tuple[str, float]]] = field(default=())  # (N,) nearest words in the full space and their cosines


@dataclass(frozen=True, slots=True)
class Label:
    """Where a word stands beside its point."""

    dx: float  # of its anchor, in pixels from the point
    dy: float  # of its baseline
    anchor: str  # start, middle or end


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture in the frame."""

    points: DoubleArray  # (N, 2) pixels to the right and down
    labels: list[Label | None]  # (N,) None where there is no room
    arrows: list[list[tuple[float, float]]]  # tail, tip, one barb, the other; none where two points nearly meet


def layout(picture: Picture) -> Layout:
    """Points to scale, arrows between them, and as many labels as fit."""
    points = fit(picture.places)
    arrows = [arrow(points[tail], points[tip]) for tail, tip in picture.arrows]
    ends = dict.fromkeys(end for arrow in picture.arrows for end in arrow)
    order = [*ends, *(i for i in range(len(picture.words)) if i not in ends)]
    return Layout(points, place_labels(points, picture.words, order, arrows, len(ends)), arrows)


def fit(places: DoubleArray) -> DoubleArray:
    """Places in the frame, (N, 2), as large as they can be drawn without distortion; up is up."""
    if not len(places):
        return np.zeros((0, 2))
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    extent = high - low
    scale = float(np.min(np.divide(room, extent, out=np.full(2, np.inf), where=extent > 0)))
    centred = (places - (low + high) / 2) * (scale if np.isfinite(scale) else 0.0)
    found: DoubleArray = np.array([WIDTH / 2, HEIGHT / 2]) + centred * [1, -1]
    return found


def arrow(tail: DoubleArray, tip: DoubleArray) -> list[tuple[float, float]]:
    """An arrow that leaves the marks at both ends free: tail, tip and the ends of the barbs.

    >>> arrow(np.array([0.0, 0.0]), np.array([100.0, 0.0]))
    [(7.0, 0.0), (92.0, 0.0), (85.0, -3.0), (85.0, 3.0)]
    >>> arrow(np.zeros(2), np.ones(2))
    []
    """
    length = float(np.linalg.norm(tip - tail))
    if length < 24:
        return []
    along = (tip - tail) / length
    across = np.array([-along[1], along[0]])
    end = tip - 8 * along
    return [pair(tail + 7 * along), pair(end), pair(end - 7 * along - 3 * across), pair(end - 7 * along + 3 * across)]


def pair(point: DoubleArray) -> tuple[float, float]:
    """A point as two numbers, without negative zeros."""
    return float(point[0]) + 0.0, float(point[1]) + 0.0


def place_labels(
    points: DoubleArray,
    words: Sequence[str],
    order: Sequence[int],
    arrows: Sequence[Sequence[tuple[float, float]]] = (),
    needed: int = 0,
) -> list[Label | None]:
    """For each word the side of its point where it covers least, or None where any side covers another label or three points.

    Words that come first in `order` choose first, and the first `needed` may cover any points. To cover a point is worse than to
    cover a bit of an arrow. No label leaves the frame.
    """
    lines = [along(ends[0], ends[1]) for ends in arrows if ends]
    obstacles = np.concatenate([around(points, 4), *(around(line, 1) for line in lines)])
    weights = np.where(np.arange(len(obstacles)) < len(points), 5, 1)
    boxes = np.zeros((len(words), 4))  # left, top, right, bottom of the labels placed so far
    placed = 0
    labels: list[Label | None] = [None] * len(words)
    for turn, i in enumerate(order):
        size = np.array([width(words[i]) + 2, LETTER + 1.0])
        sides = candidates(points[i], size)  # (sides, 4)
        free = inside(sides) & ~overlap(sides, boxes[:placed]).any(axis=1)
        covered = np.where(free, overlap(sides, obstacles) @ weights, np.inf)
        best = int(covered.argmin())
        if covered[best] >= (np.inf if turn < needed else CROWDED):
            continue
        boxes[placed], placed = sides[best], placed + 1
        labels[i] = label(best, size)
    return labels


def around(points: DoubleArray, reach: float) -> DoubleArray:
    """Boxes about points, (N, 4)."""
    return np.concatenate([points - reach, points + reach], axis=1)


def along(tail: tuple[float, float], tip: tuple[float, float], step: float = 6.0) -> DoubleArray:
    """Points on a line, `step` pixels apart or a little less, (n, 2)."""
    return np.linspace(tail, tip, 1 + math.ceil(math.dist(tail, tip) / step))


def candidates(point: DoubleArray, size: DoubleArray) -> DoubleArray:
    """The boxes of a label on each side of a point, (sides, 4)."""
    sides = np.array([side[1:] for side in SIDES])
    corner = point + sides[:, :2] * REACH + sides[:, 2:] * size
    return np.concatenate([corner, corner + size], axis=1)


def label(side: int, size: DoubleArray) -> Label:
    """The label on a side; its baseline is a third of its height above the lower edge."""
    anchor, right, down, _, top = SIDES[side]
    return Label(right * REACH, round(down * REACH + top * float(size[1]) + 0.8 * float(size[1]), 1), anchor)


def inside(boxes: DoubleArray) -> BoolArray:
    """Which boxes lie in the frame."""
    found: BoolArray = np.all((boxes[:, :2] >= 0) & (boxes[:, 2:] <= (WIDTH, HEIGHT)), axis=1)
    return found


def overlap(first: DoubleArray, second: DoubleArray) -> BoolArray:
    """Which boxes lie over which, (A, B).

    >>> overlap(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 1, 3, 3], [2.0, 0, 3, 3]])).tolist()
    [[True, False]]
    """
    a, b = first[:, None], second[None]
    found: BoolArray = np.all(np.maximum(a[..., :2], b[..., :2]) < np.minimum(a[..., 2:], b[..., 2:]), axis=-1)
    return found


def width(words: str) -> float:
    """About how wide a text is in a usual typeface without serifs, in pixels.

    >>> round(width("will")), round(width("WWW")), round(width("王国"))
    (23, 35, 24)
    """
    return LETTER * sum(map(advance, words))


@cache
def advance(letter: str) -> float:
    """How wide a letter is in DejaVu Sans, roughly, in em; few typefaces are wider."""
    if letter in NARROW:
        return 0.32
    if letter in SLIM:
        return 0.41
    if letter in WIDE:
        return 0.97
    if unicodedata.combining(letter) or unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.73 if letter.isupper() else 0.62
