"""The page of searches: the lattice of a beam search, step by step, as a picture. One HTML document that needs nothing else.

A column a step, the best candidate at the top; a line from each hypothesis to what continues it, with the log-probability of the token.
Dashed boxes were dropped, filled ones ended, and the way of the best is marked. Tables below have the same, and without script only the
marking of what is pointed at is lost.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING

from seqcli.report.markup import count, element, fill, name, number, plain, text
from seqcli.report.page import static
from seqcli.report.subwords import BOX, LETTER, MARGIN, chip, chips, drawing, framed, row, seen_line, table, written
from seqcli.text.subword.told import seen, width

if TYPE_CHECKING:
    from seqcli.decode.generate import Found
    from seqcli.decode.trace import Trace

PITCH = BOX + 8  # from a candidate to the next below
GAP = 84  # between columns, where the lines and their numbers are
NARROW, BROAD = 34, 150  # of a box
STEPS = 40  # that are drawn
OPEN = 6  # steps of a table that is not folded away


@dataclass(frozen=True, slots=True)
class Way:
    """One of the texts that were found."""

    rank: int
    text: str
    log_prob: float
    score: float
    nodes: list[int]  # its way through the lattice
    ended: bool


@dataclass(frozen=True, slots=True)
class Search:
    """The search of one line."""

    line: int
    prompt: str
    trace: Trace
    labels: list[str]  # of the nodes
    ways: list[Way]  # best first


def search(
    line: int, prompt: str, trace: Trace, found: Sequence[Found], spell: Callable[[Sequence[int]], list[str]], end: int
) -> Search:
    """What the page shows of a line's search."""
    names = {token: label(spell, token) for token in {node.token for node in trace.nodes}}
    ways = []
    for each in found:
        tokens = each.hypothesis.tokens
        nodes = trace.find(tokens, end)
        ways.append(Way(each.rank, each.text, each.hypothesis.log_prob, each.hypothesis.score, nodes, each.hypothesis.ended))
    return Search(line, prompt, trace, [names[node.token] for node in trace.nodes], ways)


def label(spell: Callable[[Sequence[int]], list[str]], token: int) -> str:
    """A token as a reader may see it."""
    return seen("".join(spell([token]))) or "∅"


def page(model: str, searches: Sequence[Search]) -> str:
    """The searches as an HTML document; the same input gives the same text."""
    script = static("lattice.js")
    first = searches[0].prompt if searches else ""
    return fill(
        static("subwords.html"),
        title=text(seen_line(first) if len(searches) == 1 and first else f"Searches of {model}"),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        look=static("comparison.css"),
        style=static("subwords.css") + static("lattice.css"),
        script=script,
        size=" · ".join([name(model), "beam search", count(len(searches), "line")]),
        about="A column is a step; the best candidate is at the top, and beside a line stands the log-probability of its token. "
        "Filled: ended. Dashed: dropped. Marked: the way of the best text."
        if searches
        else "There is nothing to show.",
        words="".join(section(each, at) for at, each in enumerate(searches)),
    )


def section(search: Search, at: int) -> str:
    """One line: its picture, its texts, its steps."""
    head = f"Line {search.line}" + (f' <span class="note">{name(seen_line(search.prompt))}</span>' if search.prompt else "")
    drawn = search.trace.steps()[:STEPS]
    last = search.trace.nodes[-1].step if search.trace.nodes else 0
    parts = [element("h2", head, id=f"line{at}", translate="no"), framed(picture(search, drawn), "The search, as a lattice")]
    if last > STEPS:
        parts.append(element("p", f"The first {STEPS} of {last} steps.", class_="note"))
    parts += [ways(search), steps(search, drawn)]
    return element("section", "".join(parts), class_="word search", aria_labelledby=f"line{at}") + "\n"


def picture(search: Search, drawn: Sequence[Sequence[int]]) -> str:
    """Columns of boxes, and lines between them."""
    sizes = [min(BROAD, max(NARROW, *(LETTER * width(search.labels[each]) + 14 for each in nodes))) for nodes in drawn]
    lefts = list(accumulate((size + GAP for size in sizes), initial=MARGIN + 18 + GAP - 20))
    places = {
        each: (lefts[i], sizes[i], MARGIN + 20 + rank * PITCH + BOX / 2)
        for i, nodes in enumerate(drawn)
        for rank, each in enumerate(nodes)
    }
    tall = max((len(nodes) for nodes in drawn), default=1)
    root = (MARGIN, 18.0, MARGIN + 20 + BOX / 2)
    best = set(search.ways[0].nodes) if search.ways else set()
    heads = "".join(written(str(i + 1), lefts[i] + sizes[i] / 2, MARGIN + 8, "small") for i in range(len(drawn)))
    start = element("circle", cx=root[0] + 9, cy=root[2], r=7)
    later = sorted(places, key=lambda each: (each in best, search.trace.nodes[each].fate != "dropped"))  # the best above the others
    lines = "".join(line_to(search, each, places, root, each in best) for each in later)
    boxes = "".join(candidate(search, each, places[each], each in best) for each in places)
    wide = lefts[-1] - GAP + 2 * MARGIN
    said = f"The search of line {search.line}; the tables below have the same"
    return drawing("beam", heads + start + lines + boxes, wide, MARGIN + 20 + tall * PITCH + MARGIN, said)


def line_to(
    search: Search, each: int, places: dict[int, tuple[float, float, float]], root: tuple[float, float, float], best: bool
) -> str:
    """The line that leads to a candidate."""
    node, (left, _, y) = search.trace.nodes[each], places[each]
    from_left, from_size, from_y = places.get(node.parent, root)
    start, bend = from_left + from_size, (left - from_left - from_size) / 2
    handles = f"{plain(start + bend)} {plain(from_y)} {plain(left - bend)} {plain(y)}"
    path = f"M{plain(start)} {plain(from_y)}C{handles} {plain(left)} {plain(y)}"
    return element("path", d=path, class_=f"line {node.fate}{' winner' * best}", data_node=str(each))


def candidate(search: Search, each: int, place: tuple[float, float, float], best: bool) -> str:
    """A box and the log-probability of its token; what is known of it where a pointer rests."""
    node, (left, size, y) = search.trace.nodes[each], place
    shown = search.labels[each]
    room = int((size - 10) / LETTER)
    shown = shown if width(shown) <= room else shown[: room - 1] + "…"
    so_far = " ".join(search.labels[i] for i in search.trace.path(each))
    told = f"{so_far}: {node.fate}, log p {number(node.gain, 4)}, in all {number(node.log_prob, 4)}"
    parts = [
        element("title", text(told)),
        written(number(node.gain), left - 5, y - 4, "gain"),
        element("rect", x=left, y=y - BOX / 2, width=size, height=BOX, rx=4),
        written(shown, left + size / 2, y + 5),
    ]
    parent = str(node.parent) if node.parent >= 0 else None
    return element("g", "".join(parts), class_=f"node {node.fate}{' winner' * best}", data_node=str(each), data_parent=parent)


def ways(search: Search) -> str:
    """The texts that were found, best first."""
    rows = []
    for way in search.ways:
        words = name(seen_line(way.text)) if way.text else '<span class="note">(empty)</span>'
        mark = "" if way.ended else ' <span class="note">cut</span>'
        cells = [str(way.rank), words + mark, number(way.log_prob, 4), number(way.score, 4)]
        rows.append(row(cells, (0, 2, 3), data_nodes=" ".join(map(str, way.nodes))))
    return table("ways", ["", "text", "log p", "score"], rows, "Texts that were found", (0, 2, 3))


def steps(search: Search, drawn: Sequence[Sequence[int]]) -> str:
    """Every candidate of every step; folded away if there are many."""
    rows = []
    for each in (each for nodes in drawn for each in nodes):
        node = search.trace.nodes[each]
        before = [search.labels[i] for i in search.trace.path(each)[:-1]]
        said = chips(before[-6:]) + (" " if before else "") + chip(search.labels[each], "pair" if node.fate != "dropped" else "lost")
        rows.append(row([str(node.step), said, number(node.gain, 4), number(node.log_prob, 4), node.fate], (0, 2, 3)))
    inside = table("steps", ["step", "hypothesis", "log p of the token", "in all", ""], rows, "Candidates by step", (0, 2, 3))
    folded = {} if len(drawn) > OPEN else {"open": ""}
    return element("details", element("summary", count(len(rows), "candidate")) + inside, **folded)
