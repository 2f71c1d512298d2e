"""A picture of words as a PNG file, by matplotlib; what lies where is decided in `scatter`, as for the other forms."""

from __future__ import annotations

import importlib
import io
import warnings
from typing import Any

from seqcli.errors import Failure
from seqcli.report.charts import SERIES
from seqcli.report.markup import SURROGATE, UNSEEN
from seqcli.report.scatter import HEIGHT, LETTER, MARGIN, WIDTH, Layout, Picture, layout
from seqcli.report.svg import GROUND, INK, LIGHT, ROW, SOFT, caption, legend

DENSITY = 2  # pixels of the file in each way for one of the frame
INCH = 100  # pixels of the frame
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "|")  # the marks of `charts`, as matplotlib calls them
FONT = "DejaVu Sans"  # comes with matplotlib
OTHER_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
               "Malgun Gothic", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Hebrew", "Noto Sans Arabic")  # fmt: skip


def png(picture: Picture) -> bytes:
    """The picture as a file; the same picture gives the same bytes.

    Raises:
        Failure: matplotlib is not installed.
    """
    figures, agg, fonts = (library(f"matplotlib.{part}") for part in ("figure", "backends.backend_agg", "font_manager"))
    known = set(fonts.fontManager.get_font_names())
    families = [FONT, *(font for font in OTHER_FONTS if font in known)]
    items, top = legend(picture)
    laid = layout(picture)
    height = top + HEIGHT + ROW
    figure = figures.Figure(figsize=(WIDTH / INCH, height / INCH), dpi=INCH * DENSITY, facecolor=GROUND[0])
    agg.FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, WIDTH), ylim=(height - top, -top), frame_on=False, xticks=(), yticks=())

    def write(words: str, x: float, y: float, color: str, size: float = LETTER, **options: Any) -> None:
        style = {"fontsize": size * 72 / INCH, "family": families, "parse_math": False, "clip_on": False, "va": "baseline"}
        axes.text(x, y, visible(words), color=color, **style, **options)

    write(picture.title, MARGIN, 30 - top, INK[0], 18, weight="bold")
    for group, words, x, y in items:
        axes.scatter([x], [y - 4 - top], **style_of(group))
        write(words, x + 10, y - top, INK[0])
    draw(axes, picture, laid)
    for words, (x, y), label in zip(picture.words, laid.points.tolist(), laid.labels, strict=True):
        if label:
            side = {"start": "left", "middle": "center", "end": "right"}[label.anchor]
            write(words, x + label.dx, y + label.dy, INK[0], ha=side)
    write(caption(picture, laid), MARGIN, HEIGHT + ROW - 8, SOFT[0])
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that no font has becomes a box
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def draw(axes: Any, picture: Picture, laid: Layout) -> None:
    """Arrows, and the points of each group over them."""
    for tail, tip, left, right in filter(None, laid.arrows):
        for ends in ((tail, tip), (left, tip), (right, tip)):
            axes.plot(*zip(*ends, strict=True), color=SOFT[0], linewidth=0.9, zorder=1)
    for group in dict.fromkeys(picture.groups):
        x, y = laid.points[[i for i, each in enumerate(picture.groups) if each == group]].T
        axes.scatter(x, y, **style_of(group))


def style_of(group: int) -> dict[str, Any]:
    """Colour and mark of a group, as `scatter` of matplotlib takes them."""
    shape = SHAPES[(group + group // SERIES) % SERIES]
    return {"color": LIGHT[group % SERIES], "marker": shape, "s": 33, "linewidths": 1.5 if shape == "|" else 0, "zorder": 2}


def library(name: str) -> Any:
    """A part of matplotlib.

    Raises:
        Failure: it is not there.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Failure(
            "a PNG is drawn by matplotlib, which is not installed", hint="pip install 'seqcli[plot]', or write .svg"
        ) from None


def visible(words: str) -> str:
    """A text in one line, whatever it holds."""
    return SURROGATE.sub("\ufffd", words).translate(UNSEEN).replace("\t", " ")
