"""Pictures of word vectors: a page to look around in, an SVG or a PNG.

`draw` brings chosen words onto a plane, `render` writes what a file's name asks for. The page needs nothing else, and without
script loses only what moves; `vectors.html`, `.css` and `.js` are the parts that are the same for all.

>>> words, vectors = ["king", "queen", "apple"], np.array([[1.0, 0.9, 0.1], [1.0, 0.8, 0.3], [0.0, 0.1, 1.0]])
>>> picture = draw("Words", words, vectors, groups=["royal", "royal", "fruit"], arrows=[("king", "queen")])
>>> picture.about, picture.groups, picture.names, picture.arrows
('principal components: 99 % and 1 % of the variance', [0, 0, 1], ['royal', 'fruit'], [(0, 1)])
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from seqcli.data.examples import FloatArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.report import charts
from seqcli.report.markup import count, element, fill, name, number, text
from seqcli.report.page import static
from seqcli.report.png import png
from seqcli.report.scatter import HEIGHT, WIDTH, Label, Layout, Picture, layout
from seqcli.report.svg import arrow_path, colour, svg
from seqcli.tasks.projection import PERPLEXITY, pca, tsne

METHODS = ("pca", "tsne")
FORMS: dict[str, Callable[[Picture], bytes]] = {
    ".html": lambda picture: page(picture).encode(),
    ".svg": lambda picture: svg(picture).encode(),
    ".png": png,
}


def form(path: Path) -> str:
    """The form that a file's name asks for; to be checked before the work.

    Raises:
        UsageFailure: none of those there are.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMS:
        raise UsageFailure(f"cannot draw {path}: a picture is .html, .svg or .png")
    return suffix


def render(picture: Picture, suffix: str) -> bytes:
    """The bytes of a file.

    Raises:
        Failure: a PNG without matplotlib.
    """
    return FORMS[suffix](picture)


def draw(
    title: str,
    words: Sequence[str],
    vectors: FloatArray,
    method: str = "pca",
    groups: Sequence[str] = (),
    arrows: Sequence[tuple[str, str]] = (),
    neighbours: Sequence[Sequence[tuple[str, float]]] = (),
    perplexity: float = PERPLEXITY,
    seed: int = 1,
    watch: Callable[[int, float], None] | None = None,
) -> Picture:
    """N different words with their vectors (N, D) on a plane; only the directions of vectors count.

    Args:
        title: of the picture
        words: to be shown
        vectors: theirs
        method: `pca` or `tsne`
        groups: the group of each word, to colour it by; "" for none
        arrows: from word to word, both of them among `words`
        neighbours: of each word, the nearest in the full space and their cosines
        perplexity: of t-SNE, about how many neighbours each word should keep
        seed: of t-SNE
        watch: is told the step and the divergence of t-SNE now and then

    Raises:
        UsageFailure: an unknown method, or what `tsne` refuses.
        Failure: no words, or an arrow to a word that is not shown.
    """
    if method not in METHODS:
        raise UsageFailure(f"no way to draw is called {method!r}", hint=nearest(method, METHODS))
    if not words:
        raise Failure("there is no word to draw")
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    if method == "tsne":
        found = tsne(units, perplexity, seed, watch=watch)
        places, about = found.places, f"t-SNE of perplexity {found.perplexity:g}: divergence {found.divergence:.2f}"
    else:
        places, shares = pca(units)
        first, second = 100 * shares
        about = f"principal components: {first:.0f} % and {second:.0f} % of the variance"
    index = {word: i for i, word in enumerate(words)}
    for end in (end for arrow in arrows for end in arrow if end not in index):
        raise Failure(f"an arrow goes to {end!r}, which is not among the words drawn")
    names = list(dict.fromkeys(groups)) or [""]
    kinds = [names.index(group) for group in groups] or [0] * len(words)
    ends = [(index[tail], index[tip]) for tail, tip in arrows]
    return Picture(
        title, about, words, places, kinds, [each or "other" for each in names] if len(names) > 1 else names, ends, neighbours
    )


def page(picture: Picture) -> str:
    """The picture as an HTML document; the same picture gives the same text."""
    laid = layout(picture)
    script = static("vectors.js")
    size = count(len(picture.words), "word")
    return fill(
        static("vectors.html"),
        title=text(picture.title or "Words"),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        style=static("comparison.css") + static("vectors.css"),
        script=script,
        marks=charts.marks(),
        about=text(" · ".join(filter(None, [size, picture.about]))),
        legend=legend(picture),
        width=str(WIDTH),
        height=str(HEIGHT),
        label=text(f"{size} as points, close where they are alike; the table below has their neighbours"),
        arrows=arrows_of(picture, laid),
        points="".join(point(picture, laid, i) for i in range(len(picture.words))),
        heads=heads(picture),
        rows="".join(row(picture, i) for i in range(len(picture.words))),
    )


def legend(picture: Picture) -> str:
    """The groups with their marks, to be shown or not."""
    if len(picture.names) < 2:
        return ""
    items = []
    for group, words in enumerate(picture.names):
        box = f'<input type="checkbox" id="group{group}" value="{group}" checked hidden>'
        many = element("span", count(sum(each == group for each in picture.groups)), class_="note")
        items.append(element("li", element("label", box + charts.key(group) + name(words) + many)))
    return element("ul", "".join(items), class_="legend")


def arrows_of(picture: Picture, laid: Layout) -> str:
    """The arrows; one that is too short has a place, for when the reader comes closer."""
    return "".join(
        element("path", data_ends=f"{tail} {tip}", d=arrow_path(ends))
        for (tail, tip), ends in zip(picture.arrows, laid.arrows, strict=True)
    )


def point(picture: Picture, laid: Layout, i: int) -> str:
    """A word: its mark and its label, unseen where there is no room."""
    group = picture.groups[i]
    x, y = laid.points[i].tolist()
    label = laid.labels[i]
    title = "" if label else element("title", text(picture.words[i]))
    kind = "off" if label is None else label.anchor if label.anchor != "start" else None
    at = label or Label(8.0, 4.0, "start")
    inside = title + f'<use href="{charts.mark_of(group)}"/>' + element("text", text(picture.words[i]), class_=kind, x=at.dx, y=at.dy)
    return element("g", inside, class_=f"point s{colour(group)}", data_group=str(group), transform=f"translate({x:.1f} {y:.1f})") + "\n"


def heads(picture: Picture) -> str:
    """The columns of the table."""
    columns = ["word", *["group"] * (len(picture.names) > 1), *["nearest of all words, with cosine"] * bool(picture.neighbours)]
    return "".join(element("th", column, scope="col") for column in columns)


def row(picture: Picture, i: int) -> str:
    """A word, its group and its neighbours."""
    cells = element("th", name(picture.words[i]), scope="row")
    if len(picture.names) > 1:
        cells += element("td", name(picture.names[picture.groups[i]]), class_="group")
    if picture.neighbours:
        near = "".join(element("span", f"{name(word)} {number(cosine)}") for word, cosine in picture.neighbours[i])
        cells += element("td", near, class_="near")
    return element("tr", cells) + "\n"
