"""The page of traces: how words get their pieces, as pictures. One HTML document that needs nothing else.

A merge tree for BPE, a lattice for Unigram, a staircase of tries for WordPiece; the tables below the pictures have the same, and
without script only the stepping is lost. `subwords.html`, `.css` and `.js` are the parts that are the same for all.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate

from seqcli.report.markup import count, element, fill, name, number, plain, text
from seqcli.report.page import static
from seqcli.text.subword import told
from seqcli.text.subword.told import Account, seen
from seqcli.text.subword.trace import Arc, LatticeTrace, Match, MatchTrace, Merge, MergeTrace

LETTER = 8.6  # pixels of a column of fixed-width letters of 14 pixels
CELL = 38  # pixels of a character at least
GAP = 8  # between cells
LEVEL = 58  # from a merge to the next above it
BOX = 26  # height of a piece
MARGIN = 8
LIFT, ROOF = 26, 320  # of an arc a character longer; of the longest at most
FAINT = 0.01  # a posterior below which an arc has no label until it is pointed at
OPEN = 12  # rows of a table that is not folded away
TRIES = 12  # of one place that the staircase shows


def page(model: str, line: str, accounts: Sequence[Account]) -> str:
    """What a model makes of a text, word by word, as an HTML document; the same input gives the same text."""
    script = static("subwords.js")
    kind = accounts[0].kind if accounts else ""
    pieces = sum(len(account.pieces) for account in accounts)
    return fill(
        static("subwords.html"),
        title=text(seen_line(line)),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        look=static("comparison.css"),
        style=static("subwords.css"),
        script=script,
        size=" · ".join([name(model), text(kind), count(len(accounts), "word"), count(pieces, "piece")]),
        about=text(sentence(told.about(kind))) if kind else "There is nothing to show.",
        words="".join(section(account, at) for at, account in enumerate(accounts)),
    )


def seen_line(line: str) -> str:
    """A text that goes on a line, its blanks as they are."""
    return " ".join(seen(part) for part in line.split(" "))


def sentence(words: str) -> str:
    """A line of the terminal's as a sentence.

    >>> sentence("each word is a piece")
    'Each word is a piece.'
    """
    return words[:1].upper() + words[1:] + "."


def section(account: Account, at: int) -> str:
    """One word: its picture, its tables, its pieces."""
    where = account.text.strip(" ")
    other = where and seen(where) != seen(account.word).strip(told.MARKS)
    head = name(seen(account.word)) + (f' <span class="note">{name(seen(where))}</span>' if other else "")
    parts = [element("h2", head, id=f"word{at}", translate="no")]
    if account.note:
        parts.append(element("p", text(sentence(account.note)), class_="note"))
    if isinstance(account.trace, MergeTrace):
        parts += [stepper(account.trace), framed(tree(account.trace), "Merges, as a tree"), steps(account.trace)]
    elif isinstance(account.trace, LatticeTrace):
        parts += [framed(lattice(account.trace), "Pieces, as a lattice"), ways(account.trace), arcs_table(account.trace)]
    elif isinstance(account.trace, MatchTrace):
        if not any(told.unread(account.trace, match) for match in account.trace.matches):
            parts.append(framed(stairs(account.trace), "Tries, one below the other"))
        parts.append(matches(account.trace))
    shown = "".join(
        element("li", chip(piece) + element("span", str(i), class_="note"))
        for piece, i in zip(account.pieces, account.ids, strict=True)
    )
    parts.append(element("ol", shown, class_="pieces", aria_label="Pieces and their ids", translate="no"))
    return element("section", "".join(parts), class_="word", aria_labelledby=f"word{at}") + "\n"


def chip(piece: str, kind: str = "") -> str:
    """A piece within a line."""
    return element("bdi", text(seen(piece)), class_=f"chip {kind}".strip())


def chips(pieces: Sequence[str], marked: int | None = None) -> str:
    """Pieces side by side, two of them marked."""
    pair = () if marked is None else (marked, marked + 1)
    return " ".join(chip(piece, "pair" if i in pair else "") for i, piece in enumerate(pieces))


def framed(content: str, label: str) -> str:
    """What may be wider than the screen."""
    return element("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)


def drawing(kind: str, content: str, wide: float, high: float, said: str) -> str:
    """A picture in pixels."""
    size = f"0 0 {plain(wide)} {plain(high)}"
    return element("svg", content, class_=f"picture {kind}", viewBox=size, width=wide, height=high, role="img", aria_label=said)


def written(words: str, x: float, y: float, kind: str | None = None) -> str:
    """A text in a picture."""
    return element("text", text(words), x=x, y=y, class_=kind)


def table(kind: str, heads: Sequence[str], rows: Sequence[str], caption: str, numbers: Sequence[int] = ()) -> str:
    """A table that may be wider than the screen; columns of numbers are set right."""
    cells = "".join(element("th", text(head), scope="col", class_="n" if i in numbers else None) for i, head in enumerate(heads))
    inside = element("caption", text(caption), class_="unseen") + element("thead", element("tr", cells))
    return framed(element("table", inside + element("tbody", "".join(rows)), class_=kind, translate="no"), caption)


def row(cells: Sequence[str], numbers: Sequence[int] = (), **attributes: str | None) -> str:
    """A row of cells that are HTML."""
    inside = "".join(element("td", cell, class_="n" if i in numbers else None) for i, cell in enumerate(cells))
    return element("tr", inside, **attributes)


def cell(piece: str) -> float:
    """The room of a piece, in pixels."""
    return max(CELL, LETTER * told.width(seen(piece)) + 14)


@dataclass(slots=True)
class Node:
    """A piece in a merge tree."""

    piece: str
    left: float  # of its part of the width
    right: float
    level: int = 0
    step: int = 0  # the merge that makes it, from 1
    gone: int | None = None  # the merge that takes it
    children: list[Node] = field(default_factory=list)

    @property
    def x(self) -> float:
        """Its middle."""
        return (self.left + self.right) / 2


def grow(trace: MergeTrace) -> list[Node]:
    """The nodes of a merge tree, characters first, then in the order of merges.

    >>> table = {("a", "b"): 0, ("ab", "b"): 1}
    >>> from seqcli.text.subword.trace import merges
    >>> [(node.piece, node.level, node.step, node.gone) for node in grow(merges("abb", "abb", lambda *pair: table.get(pair)))]
    [('a', 0, 0, 1), ('b', 0, 0, 1), ('b', 0, 0, 2), ('ab', 1, 1, 2), ('abb', 2, 2, None)]
    """
    rights = list(accumulate(cell(symbol) + GAP for symbol in trace.symbols))
    nodes = [Node(symbol, right - cell(symbol) - GAP, right - GAP) for symbol, right in zip(trace.symbols, rights, strict=True)]
    now = list(nodes)
    for step, merge in enumerate(trace.merges, 1):
        pair = now[merge.at : merge.at + 2]
        made = Node(merge.symbols[merge.at], pair[0].left, pair[1].right, 1 + max(node.level for node in pair), step, None, pair)
        for node in pair:
            node.gone = step
        now[merge.at : merge.at + 2] = [made]
        nodes.append(made)
    return nodes


def tree(trace: MergeTrace) -> str:
    """Characters at the bottom, and over them what they are merged into."""
    nodes = grow(trace)
    high = max((node.level for node in nodes), default=0) * LEVEL + BOX + 2 * MARGIN
    wide = max((node.right for node in nodes), default=0.0) + 2 * MARGIN
    drawn = "".join(leaf_or_merge(node, trace, high - MARGIN - BOX / 2) for node in nodes)
    said = f"How {seen(trace.word)} is merged; the table below has the steps"
    return drawing("tree", drawn, wide, high, said)


def leaf_or_merge(node: Node, trace: MergeTrace, ground: float) -> str:
    """A node with the lines to its children, its rank beside them."""
    x, y = MARGIN + node.x, ground - node.level * LEVEL
    wide = cell(node.piece)
    parts = []
    if node.children:
        merge = trace.merges[node.step - 1]
        fork = y + BOX / 2 + 18
        for child in node.children:
            below = ground - child.level * LEVEL - BOX / 2
            parts.append(f'<path d="M{plain(x)} {plain(y + BOX / 2)}V{plain(fork)}H{plain(MARGIN + child.x)}V{plain(below)}"/>')
        parts.append(written(told.ranked(merge.pairs[0].rank), x + 5, fork - 5, "small"))
        parts.insert(0, element("title", text(f"{node.step}: {merged(merge)}, rank {told.ranked(merge.pairs[0].rank)}")))
    parts.append(element("rect", x=x - wide / 2, y=y - BOX / 2, width=wide, height=BOX, rx=4))
    parts.append(written(seen(node.piece), x, y + 5))
    kinds = " ".join(["node", *["leaf"] * (not node.children), *["end"] * (node.gone is None)])
    gone = None if node.gone is None else str(node.gone)
    return element("g", "".join(parts), class_=kinds, data_step=str(node.step), data_gone=gone)


def merged(merge: Merge) -> str:
    """What is merged into what."""
    return f"{seen(merge.pairs[0].left)} + {seen(merge.pairs[0].right)} → {seen(merge.symbols[merge.at])}"


def stepper(trace: MergeTrace) -> str:
    """What the script goes through the merges with; nothing where there are none."""
    last = len(trace.merges)
    if not last:
        return ""
    slider = f'<label>merges done <input type="range" min="0" max="{last}" value="{last}"></label>'
    buttons = '<button type="button">back</button><button type="button">next</button>'
    return element("form", buttons + slider + "<output></output>", class_="controls stepper", hidden="")


def steps(trace: MergeTrace) -> str:
    """Merge by merge; the last row is what is left."""
    rows = []
    for i, (symbols, merge) in enumerate(zip([trace.symbols, *(each.symbols for each in trace.merges)], trace.merges, strict=False)):
        first, *rest = merge.pairs
        more = [f"and {count(len(rest) - told.FEW)} more"] * (len(rest) > told.FEW)
        others = ", ".join([name(told.candidate(pair)) for pair in rest[: told.FEW]] + more)
        cells = [str(i), chips(symbols, merge.at), name(merged(merge)), told.ranked(first.rank), count(first.count), others]
        rows.append(row(cells, (0, 3, 4)))
    rows.append(row([str(len(trace.merges)), chips(trace.pieces), "", "", "", ""], (0, 3, 4)))
    heads = ["done", "pieces", "merged next", "rank", "times", "could be merged too, with ranks"]
    return table("steps", heads, rows, "Merge by merge", (0, 3, 4))


def lattice(trace: LatticeTrace) -> str:
    """Places between characters, and an arc for each piece: the thicker, the more probable."""
    edges = [0.0, *accumulate(max(60.0, cell(c) + 8) for c in trace.word)]
    longest = max((arc.end - arc.begin for arc in trace.arcs), default=1)
    lift = min(LIFT, ROOF / max(1, longest - 1))
    ground = 48 + lift * (longest - 1)
    best = told.spans(trace.pieces)
    labels = labelled(trace.arcs, edges, lift, best)
    drawn = [
        drawn_arc(arc, i, edges, ground, lift, (arc.begin, arc.end) in best, i in labels)
        for i, arc in sorted(enumerate(trace.arcs), key=lambda each: each[1].posterior)  # the more probable above the others
    ]
    for i, c in enumerate(trace.word):
        drawn.append(written(seen(c), 2 * MARGIN + (edges[i] + edges[i + 1]) / 2, ground + 22, "character"))
    for i, x in enumerate(edges):
        drawn.append(element("circle", cx=2 * MARGIN + x, cy=ground, r=4) + written(str(i), 2 * MARGIN + x, ground + 38, "small"))
    said = f"The lattice of {seen(trace.word)}; the tables below have its ways and pieces"
    return drawing("lattice", "".join(drawn), edges[-1] + 4 * MARGIN, ground + 46, said)


def top(arc: Arc, lift: float) -> float:
    """How high an arc rises."""
    return 24 + lift * (arc.end - arc.begin - 1)


def labelled(arcs: Sequence[Arc], edges: Sequence[float], lift: float, best: Sequence[tuple[int, int]]) -> set[int]:
    """The arcs whose labels have room: the best way's first, then the most probable."""
    order = sorted(range(len(arcs)), key=lambda i: ((arcs[i].begin, arcs[i].end) not in best, -arcs[i].posterior))
    boxes: list[tuple[float, float, float]] = []
    found = set()
    for i in order:
        arc = arcs[i]
        half, x, y = LETTER * told.width(seen(arc.piece)) / 2, (edges[arc.begin] + edges[arc.end]) / 2, top(arc, lift)
        if arc.posterior < FAINT or any(abs(x - at) < half + wide + 3 and abs(y - up) < 15 for at, wide, up in boxes):
            continue
        boxes.append((x, half, y))
        found.add(i)
    return found


def drawn_arc(arc: Arc, i: int, edges: Sequence[float], ground: float, lift: float, best: bool, label: bool) -> str:
    """A piece: what is known of it where a pointer rests."""
    left, right = (2 * MARGIN + edges[place] for place in (arc.begin, arc.end))
    high = ground - top(arc, lift) * 4 / 3  # a curve reaches three quarters of its handles' height
    lean = (right - left) * 0.12
    handles = f"{plain(left + lean)} {plain(high)} {plain(right - lean)} {plain(high)}"
    path = f"M{plain(left)} {plain(ground)}C{handles} {plain(right)} {plain(ground)}"
    share = arc.posterior if math.isfinite(arc.posterior) else 0.0
    words = f"{seen(arc.piece)}: log p {number(arc.score, 4)}, posterior {told.share(arc.posterior)}"
    parts = [
        element("title", text(words)),
        element("path", d=path, class_="hit"),
        element("path", d=path, stroke_width=1 + 7 * share, stroke_opacity=0.35 + 0.65 * share),
        written(seen(arc.piece), (left + right) / 2, ground - top(arc, lift) - 7),
    ]
    kinds = " ".join(["arc", *["best"] * best, *["faint"] * (not label)])
    return element("g", "".join(parts), class_=kinds, data_arc=str(i))


def bar(value: float) -> str:
    """A probability as a bar."""
    return (
        '<svg class="share" aria-hidden="true"><rect class="rail" width="100%" height="100%"/>'
        f'<rect width="{plain(100 * value if math.isfinite(value) else 0)}%" height="100%"/></svg>'
    )


def ways(trace: LatticeTrace) -> str:
    """The best ways, each with its arcs, and the rest of all."""
    numbers = {(arc.begin, arc.end): str(i) for i, arc in enumerate(trace.arcs)}
    rows = []
    for i, path in enumerate(trace.paths, 1):
        cells = [str(i), chips(path.pieces), number(path.score, 4), told.share(path.probability) + bar(path.probability)]
        rows.append(row(cells, (0, 2, 3), data_arcs=" ".join(numbers[span] for span in told.spans(path.pieces))))
    every = told.ways(trace)
    if every > len(trace.paths):
        rest = told.remainder(trace)
        rows.append(row(["", f"{told.number(every - len(trace.paths))} more", "", told.share(rest) + bar(rest)], (0, 2, 3)))
    heads = ["", f"best of {told.number(every)} way{'s' * (every != 1)}", "log p", "p"]
    return table("ways", heads, rows, "Best ways", (0, 2, 3))


def arcs_table(trace: LatticeTrace) -> str:
    """All pieces of the lattice; folded away if there are many."""
    best = told.spans(trace.pieces)
    rows = []
    for arc in trace.arcs:
        mark = "best way" if (arc.begin, arc.end) in best else ""
        share = told.share(arc.posterior) + bar(arc.posterior)
        rows.append(row([str(arc.begin), str(arc.end), chip(arc.piece), number(arc.score, 4), share, mark], (0, 1, 3, 4)))
    inside = table("arcs", ["from", "to", "piece", "log p", "posterior", ""], rows, "Pieces of the lattice", (0, 1, 3, 4))
    folded = {} if len(rows) > OPEN else {"open": ""}
    return element("details", element("summary", count(len(rows), "piece") + " of the lattice") + inside, **folded)


def stairs(trace: MatchTrace) -> str:
    """Characters above, and below each other what was tried from where to where: broken lines were in vain."""
    edges = [0.0, *accumulate(cell(f"##{c}") for c in trace.word)]
    parts = [
        written(seen(c), 2 * MARGIN + (left + right) / 2, 18)
        for c, left, right in zip(trace.word, edges, edges[1:], strict=False)
    ]  # fmt: skip
    y = 28.0
    wide = edges[-1]
    for begin, end, piece, found in tries(trace):
        left, right = 2 * MARGIN + edges[begin], 2 * MARGIN + edges[end]
        if piece is None:
            parts.append(element("g", written("and so on", left + 4, y + 16, "rest"), class_="lost"))
            wide = max(wide, edges[begin] + 90)
        else:
            box = element("rect", x=left + 1, y=y, width=right - left - 2, height=BOX - 4, rx=4)
            mark = element("title", f"{text(seen(piece))}: {'in' if found else 'not in'} the vocabulary")
            label = written(seen(piece), (left + right) / 2, y + 16)
            parts.append(element("g", mark + box + label, class_="try end" if found else "try lost"))
        y += BOX
    said = f"What was tried for {seen(trace.word)}; the table below has the same"
    return drawing("stairs", "".join(parts), wide + 4 * MARGIN, y + MARGIN, said)


def tries(trace: MatchTrace) -> Iterator[tuple[int, int, str | None, bool]]:
    """What is drawn of the tries: from, to, the piece (None for many left out), whether it was found."""
    for match in trace.matches:
        lost, found = (match.tried[:-1], match.tried[-1:]) if match.found else (match.tried, [])
        few = len(lost) <= TRIES
        last = len(trace.word)
        for i, piece in enumerate(lost if few else lost[: TRIES - 1]):
            yield match.begin, last - i, piece, False
        if not few:
            yield match.begin, match.begin + 1, None, False
        for piece in found:
            yield match.begin, last - len(lost), piece, True


def matches(trace: MatchTrace) -> str:
    """The steps of WordPiece as a table."""
    rows = [
        row([str(match.begin), chip(match.tried[-1]) if match.found else told.NONE, vain(trace, match)], (0,))
        for match in trace.matches
    ]
    return table("matches", ["from", "found", "not in the vocabulary"], rows, "Match by match", (0,))


def vain(trace: MatchTrace, match: Match) -> str:
    """What was tried before something was found."""
    if told.unread(trace, match):
        return text(sentence(told.TOO_LONG))
    lost = match.tried[:-1] if match.found else match.tried
    return " ".join([chip(piece, "lost") for piece in lost[:TRIES]] + [f"and {len(lost) - TRIES} more"] * (len(lost) > TRIES))
