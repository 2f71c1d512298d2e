"""The page of attention: where a translator looked while it wrote, for every layer and head. One HTML document that needs nothing else.

A row is a token of the translation, a column one of the source, and the stronger the shade, the more the model looked there. The page
holds all weights and draws the layer and head that are chosen; without script it shows the mean over the heads of the last layer.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli.data.examples import DoubleArray
from seqcli.errors import Failure
from seqcli.report.heatmap import LEVELS, STEPS, Looked, drawing, mean, png, svg
from seqcli.report.markup import count, element, fill, name, number, options, text
from seqcli.report.page import static
from seqcli.report.subwords import framed, row, seen_line, table
from seqcli.text.subword.told import seen

if TYPE_CHECKING:
    from seqcli.decode.generate import Found

SENTENCES = 100  # that a page shows
MOST = 3  # tokens of the source that the table has for one of the target …
LEAST = 0.05  # … of this weight at least
CUT = 60  # characters of a sentence in the list to choose from
FORMS = (".html", ".svg", ".png")


class Gallery:
    """Watches a translation: call it with each line and what was found for it, then ask for the picture.

    Args:
        model: a translator, or several as one, of which the first is asked
        called: the name of the model
        limit: lines that are kept, the first ones
    """

    def __init__(self, model: Any, called: str, limit: int = SENTENCES) -> None:
        self.model, self.called, self.limit = getattr(model, "first", model), called, limit
        self.model.check_attends()
        self.kept: list[tuple[int, str, Found]] = []
        self.lines = 0  # in all

    def __call__(self, line: int, source: str, found: Sequence[Found]) -> None:
        """Take in the best translation of a line."""
        self.lines += 1
        if len(self.kept) < self.limit:
            self.kept.append((line, source, found[0]))

    def looked(self) -> list[Looked]:
        """Where the model looked, line by line."""
        return looked(self.model, self.kept)

    def render(self, suffix: str) -> bytes:
        """The bytes of a file: a page of all lines that are kept, or a picture of the first.

        Raises:
            Failure: nothing was translated, so that there is no picture; a PNG without matplotlib.
        """
        found = self.looked()
        if suffix == ".html":
            return page(self.called, found, self.lines).encode()
        if not found:
            raise Failure("no line was translated whole: there is no attention to draw")
        return svg(found[0]).encode() if suffix == ".svg" else png(found[0])


def looked(model: Any, kept: Sequence[tuple[int, str, Found]]) -> list[Looked]:
    """Where a `Translator` looks while it writes what was found for some lines (number, source, translation)."""
    sources = model.prepare([source for _, source, _ in kept])
    written = [list(each.hypothesis.tokens) for _, _, each in kept]
    weights = model.alignments(sources, written)
    pictures = []
    for (line, source, found), ids, tokens, where in zip(kept, sources, written, weights, strict=True):
        target = model.spell([*tokens, *[model.end] * found.hypothesis.ended])
        pictures.append(Looked(line, source, found.text, model.codecs.source.spell(ids), target, where[:, :, : len(target)]))
    return pictures


def page(called: str, sentences: Sequence[Looked], lines: int | None = None) -> str:
    """Where a model looked in some sentences, of so many lines in all, as an HTML document; the same input gives the same text."""
    script = static("attention.js")
    first = sentences[0] if sentences else None
    parts = [name(called), "attention", shown(len(sentences), lines)]
    if first is not None and first.layers * first.heads > 1:
        parts.append(f"{count(first.layers, 'layer')} of {count(first.heads, 'head')}")
    about = "A row is a token of the translation, a column one of the source: the stronger the shade, the more the model looked there "
    about += "before it wrote the token. The opacity is the square root of the weight."
    return fill(
        static("subwords.html"),
        title=text(seen_line(first.text) if first is not None and len(sentences) == 1 else f"Attention of {called}"),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        look=static("comparison.css"),
        style=static("attention.css"),
        script=script,
        size=" · ".join(parts),
        about=about if sentences else "There is nothing to show.",
        words=controls(sentences) + "".join(section(each, at) for at, each in enumerate(sentences)) + head_table(sentences),
    )


def shown(sentences: int, lines: int | None) -> str:
    """How many lines are on the page, of how many.

    >>> shown(2, None), shown(100, 2000)
    ('2 lines', 'the first 100 of 2,000 lines')
    """
    return count(sentences, "line") if lines in (None, sentences) else f"the first {count(sentences)} of {count(lines or 0, 'line')}"


def controls(sentences: Sequence[Looked]) -> str:
    """The choice of sentence, layer and head, of which there are several; the script makes it visible."""
    parts = []
    if len(sentences) > 1:
        lines = [f"{each.line}: {cut(seen_line(each.text))}" for each in sentences]
        parts += [select("sentence", "line", lines, 0), '<button type="button" id="back">Previous</button>',
                  '<button type="button" id="next">Next</button>']  # fmt: skip
    layers, heads = (sentences[0].layers, sentences[0].heads) if sentences else (1, 1)
    if layers > 1:
        parts.append(select("layer", "layer", [*map(str, range(1, layers + 1)), "mean of all"], layers - 1))
    if heads > 1:
        parts.append(select("head", "head", [*map(str, range(1, heads + 1)), "mean of all"], heads))
    form = element("form", "".join(parts), class_="controls", hidden="") if parts else ""
    keys = "Point at a cell or a token; a click keeps it. With the keyboard: arrows in the picture, Escape."
    return form + element("p", keys, class_="note keys", hidden="") if sentences else ""


def select(identity: str, said: str, choices: Sequence[str], chosen: int) -> str:
    """A labelled list to choose from."""
    return f'<label>{said} <select id="{identity}" autocomplete="off">{options(choices, chosen)}</select></label>'


def cut(words: str) -> str:
    """A text with its end cut off if it is long."""
    return words if len(words) <= CUT else words[: CUT - 1] + "…"


def section(each: Looked, at: int) -> str:
    """One sentence: its tokens, its picture, its table, and all weights as bytes, layer by layer, head by head, row by row."""
    head = f"Line {each.line}" + f' <span class="note">{name(seen_line(each.translation))}</span>'
    listed = [tokens("source", each.source), tokens("target", each.target)]
    parts = [
        element("h2", head, id=f"line{at}", translate="no"),
        element("div", "".join(listed), class_="texts", translate="no"),
        element("p", "", class_="said", role="status"),
        framed(drawing(each), f"Attention in line {each.line}"),
        element("details", element("summary", "As a table") + greatest(each)),
    ]
    packed = b64encode(each.steps.tobytes()).decode()
    told = {"data_layers": str(each.layers), "data_heads": str(each.heads), "data_weights": packed}
    return element("section", "".join(parts), class_="sentence", aria_labelledby=f"line{at}", **told) + "\n"


def tokens(side: str, words: Sequence[str]) -> str:
    """The tokens of a side in a line."""
    listed = "".join(element("li", element("bdi", text(seen(word) or "∅"))) for word in words)
    return element("ol", listed, class_=f"tokens {side}", aria_label=f"Tokens of the {side}")


def greatest(each: Looked) -> str:
    """What was looked at most before each token of the translation."""
    rows = []
    for token, weights in zip(each.target, mean(each), strict=True):
        best = [s for s in np.argsort(-weights, kind="stable")[:MOST].tolist() if weights[s] >= LEAST]
        near = "".join(element("span", f"{name(seen(each.source[s]) or '∅')} {number(float(weights[s]))}") for s in best)
        rows.append(row([name(seen(token) or "∅"), near]))
    return table("greatest", ["written", "looked at, by weight"], rows, f"The greatest weights of line {each.line}")


# Heads ---------------------------------------------------------------------------------------------------------------------


class Heads(NamedTuple):
    """What kind of heads these are, (layers, heads) each: means over all tokens of all translations."""

    entropy: DoubleArray  # bits
    distance: DoubleArray  # from the diagonal, as a share of the source
    at_end: DoubleArray  # weight on the source's last token, which is its end


def heads(sentences: Sequence[Looked]) -> Heads:
    """How widely each head looks, and how far from where the translation is.

    The diagonal is where the middle of a token of the target lies in the source, if both go on at the same pace: a head that looks
    everywhere alike is about a third of the source away from it.

    >>> both = np.array([[np.eye(4), np.full((4, 4), 0.25)]])
    >>> found = heads([Looked(1, "", "", list("abcd"), list("abcd"), both)])
    >>> found.entropy.round(2).tolist(), found.distance.round(2).tolist(), found.at_end.round(2).tolist()
    ([[0.0, 2.0]], [[0.0, 0.31]], [[0.25, 0.25]])
    """
    sums, rows = np.zeros((3, *sentences[0].weights.shape[:2])), 0
    for each in sentences:
        weights = each.weights.astype(np.float64)
        T, S = weights.shape[2:]
        apart = np.abs(middles(T)[:, None] - middles(S))
        logs = np.log2(weights, out=np.zeros_like(weights), where=weights > 0)
        sums[0] -= (weights * logs).sum((2, 3))
        sums[1] += (weights * apart).sum((2, 3))
        sums[2] += weights[..., -1].sum(2)
        rows += T
    return Heads(*(sums / max(rows, 1)))


def middles(count: int) -> DoubleArray:
    """Where the middles of so many tokens lie, as shares of the whole.

    >>> middles(2).tolist()
    [0.25, 0.75]
    """
    return (np.arange(count) + 0.5) / count


def head_table(sentences: Sequence[Looked]) -> str:
    """All heads: how widely each looks and how far from the diagonal; the script adds a small picture of each."""
    if not sentences:
        return ""
    found = heads(sentences)
    body = []
    for layer, head in np.ndindex(*found.entropy.shape):
        entropy, distance, at_end = (float(each[layer, head]) for each in found)
        told = {"aria_label": f"Layer {layer + 1}, head {head + 1}", "data_layer": str(layer), "data_head": str(head)}
        choose = element("button", f"{layer + 1}.{head + 1}", type="button", **told)
        cells = [choose, "", number(entropy), number(2**entropy, 1), f"{100 * distance:.0f} %", f"{100 * at_end:.0f} %"]
        body.append(row(cells, range(2, 6)))
    columns = ["head", "", "entropy, bits", "tokens it looks at", "from the diagonal", "at the end"]
    note = (
        "Means over all tokens that were written. A head that looks everywhere alike is about a third of the source off the diagonal."
    )
    if len(body) > 1:
        layer, head = np.unravel_index(int(found.distance.argmin()), found.distance.shape)
        note += f" Closest to the diagonal: layer {layer + 1}, head {head + 1}."
    title = element("h2", "Heads", id="heads")
    inside = title + element("p", text(note), class_="note") + table("heads", columns, body, "Heads by layer", range(2, 6))
    scale = {"data_levels": str(LEVELS), "data_steps": str(STEPS), "data_most": str(MOST), "data_least": str(LEAST)}
    return element("section", inside, class_="all", aria_labelledby="heads", **scale)
