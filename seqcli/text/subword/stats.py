"""How well a tokenizer fits a text: how many pieces it takes, what it does not know, which of its pieces are of use."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seqcli.data.blocks import Block
from seqcli.text.subword.shown import results, texts
from seqcli.text.subword.tokenizer import Piece, Subword

KEEP = 1 << 17  # distinct chunks whose counts are remembered
CHUNK = re.compile("\n *[^ \n]*| +[^ \n]*")  # of lines with a line end before each
HEADINGS = {
    "pieces_per_word": "pieces a word", "pieces_per_line": "pieces a line", "characters_per_piece": "characters a piece",
    "bytes_per_piece": "bytes a piece", "unknown": "unknown", "whole_words": "words kept whole", "vocabulary_used": "vocabulary used",
}  # fmt: skip
SHARES = ("unknown", "whole_words", "vocabulary_used")


class Count(NamedTuple):
    """What is counted of a chunk or a line."""

    pieces: int
    unknown: int
    words: int
    whole: int  # words that are one piece
    ids: Sequence[int]


@dataclass
class Stats:
    """Sums over a text; those of its parts add up.

    A word is what white space separates; it is kept whole if one known piece holds it, be it with the blank before it.
    """

    size: int  # of the vocabulary
    lines: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0
    pieces: int = 0
    unknown: int = 0
    whole: int = 0
    used: bytearray = field(default_factory=bytearray)  # (V,) 1 for the ids that occurred

    def __post_init__(self) -> None:
        self.used = self.used or bytearray(self.size)

    def __add__(self, other: Stats) -> Stats:
        names = ("lines", "words", "characters", "bytes", "pieces", "unknown", "whole")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Stats(self.size, **sums, used=bytearray(a | b for a, b in zip(self.used, other.used, strict=True)))

    def add(self, count: Count, times: int = 1) -> None:
        """Count something so many times."""
        self.pieces += times * count.pieces
        self.unknown += times * count.unknown
        self.words += times * count.words
        self.whole += times * count.whole
        for number in count.ids:
            self.used[number] = 1

    def figures(self) -> dict[str, float | None]:
        """The figures; None where there is nothing to divide by. Unknown, whole words and used vocabulary are shares of 1."""

        def ratio(part: int, whole: int) -> float | None:
            return part / whole if whole else None

        return {
            "pieces_per_word": ratio(self.pieces, self.words),
            "pieces_per_line": ratio(self.pieces, self.lines),
            "characters_per_piece": ratio(self.characters, self.pieces),
            "bytes_per_piece": ratio(self.bytes, self.pieces),
            "unknown": ratio(self.unknown, self.pieces),
            "whole_words": ratio(self.whole, self.words),
            "vocabulary_used": ratio(sum(self.used), self.size),
        }

    def record(self, name: str, kind: str) -> dict[str, Any]:
        """All that is known of a tokenizer, for JSON."""
        counts = {each: getattr(self, each) for each in ("lines", "words", "characters", "bytes", "pieces")}
        return {"model": name, "kind": kind, "vocabulary": self.size, **counts, **self.figures()}


class Tally:
    """Counts what one tokenizer makes of lines; what it makes of a chunk it is asked once, while memory lasts."""

    def __init__(self, tokenizer: Subword) -> None:
        self.tokenizer = tokenizer
        self.vocabulary = tokenizer.vocabulary
        self.known: dict[str, Count | None] = {}

    def __call__(self, lines: Sequence[str]) -> Stats:
        """The sums over some lines."""
        stats = Stats(len(self.vocabulary), len(lines))
        stats.characters = sum(map(len, lines))
        stats.bytes = sum(len(line.encode()) for line in lines)
        if not self.tokenizer.separable:
            self.add_whole(stats, lines)
            return stats
        chunks = Counter(CHUNK.findall("\n" + "\n".join(lines)) if lines else ())
        self.learn([chunk for chunk in chunks if chunk not in self.known])
        if any(self.known[chunk] is None for chunk in chunks):
            rows = [CHUNK.findall("\n" + line) for line in lines]
            joined = [any(self.known[chunk] is None for chunk in row) for row in rows]
            self.add_whole(stats, [line for line, whole in zip(lines, joined, strict=True) if whole])
            chunks = Counter(chunk for row, whole in zip(rows, joined, strict=True) if not whole for chunk in row)
        for chunk, times in chunks.items():
            if count := self.known[chunk]:
                stats.add(count, times)
        if len(self.known) > KEEP:
            self.known.clear()
        return stats

    def learn(self, chunks: Sequence[str]) -> None:
        """Tokenize chunks; None for those whose lines have to be looked at as a whole, as those that end with blanks."""
        begin = [chunk for chunk in chunks if chunk[0] == "\n"]
        tails = [chunk for chunk in chunks if chunk[0] != "\n" and chunk[-1] == " "]
        inside = [chunk for chunk in chunks if chunk[0] != "\n" and chunk[-1] != " "]
        self.known.update(dict.fromkeys(tails))
        for some, found in (
            (begin, self.beginnings([chunk[1:] for chunk in begin])),
            (inside, self.tokenizer.encode_inside(inside)),
        ):
            self.known.update((chunk, ids if ids is None else self.count(chunk, ids)) for chunk, ids in zip(some, found, strict=True))

    def beginnings(self, chunks: Sequence[str]) -> list[Sequence[int] | None]:
        """The ids of chunks that begin a line; None for those to which it matters whether others come after them."""
        both = zip(self.tokenizer.encode(chunks), self.tokenizer.encode_begin(chunks), strict=True)
        return [ids if ids == other else None for ids, other in both]

    def count(self, chunk: str, ids: Sequence[int]) -> Count | None:
        """What is counted of a chunk; None if it has white space inside, such as a tabulator."""
        word = chunk.strip(" \n")
        if word and word.split() != [word]:
            return None
        unknown = self.unknown(ids)
        solid = sum(1 for number in ids if self.vocabulary[number].strip(" ▁Ġ"))
        return Count(len(ids), unknown, int(word != ""), int(solid == 1 and not unknown), ids)

    def unknown(self, ids: Sequence[int]) -> int:
        """How many of some pieces are unknown."""
        return 0 if self.tokenizer.unknown is None else sum(1 for number in ids if number == self.tokenizer.unknown)

    def add_whole(self, stats: Stats, lines: Sequence[str]) -> None:
        """Count lines by the places of their pieces."""
        for line in lines:
            pieces = self.tokenizer.pieces(line)
            ids = [piece.id for piece in pieces]
            spans = [match.span() for match in re.finditer(r"\S+", line)]
            whole, at = 0, 0
            for start, end in spans:
                while at < len(pieces) and pieces[at].end <= start:
                    at += 1
                parts = pieces_of(pieces, at, end)
                whole += len(parts) == 1 and parts[0].id != self.tokenizer.unknown
            stats.add(Count(len(ids), self.unknown(ids), len(spans), whole, ids))


def pieces_of(pieces: Sequence[Piece], at: int, end: int) -> list[Piece]:
    """The pieces of a word, the first of which is at a place among them, up to a character; those within one character end it."""
    found = []
    while at < len(pieces) and (pieces[at].start < end or pieces[at].start == pieces[at].end == end):
        found.append(pieces[at])
        at += 1
    return found


@dataclass
class Comparison:
    """Several tokenizers over the same text."""

    tokenizers: Sequence[Subword]
    source: str = "text"
    errors: str = "strict"

    def __post_init__(self) -> None:
        self.tallies = [Tally(tokenizer) for tokenizer in self.tokenizers]

    def __call__(self, block: Block) -> list[Stats]:
        """The sums over one block, for each tokenizer."""
        lines = texts(block, self.source, self.errors)
        return [tally(lines) for tally in self.tallies]

    def total(self, blocks: Iterator[Block], jobs: int = 1) -> list[Stats]:
        """The sums over the whole text, for each tokenizer."""
        stats = [Stats(len(tokenizer.vocabulary)) for tokenizer in self.tokenizers]
        for part in results(self, blocks, jobs):
            stats = [a + b for a, b in zip(stats, part, strict=True)]
        return stats


def report(names: Sequence[str], work: Comparison, blocks: Iterator[Block], jobs: int, as_json: bool) -> bytes:
    """What is written about tokenizers by these names: a table, or an object a tokenizer."""
    found = work.total(blocks, jobs)
    kinds = [tokenizer.kind for tokenizer in work.tokenizers]
    if not as_json:
        return table(names, kinds, found).encode()
    records = (stats.record(name, kind) for name, kind, stats in zip(names, kinds, found, strict=True))
    return b"".join([json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records])


def table(names: Sequence[str], kinds: Sequence[str], found: Sequence[Stats]) -> str:
    """A row a figure and a column a tokenizer."""
    figures = [stats.figures() for stats in found]
    rows = [["", *names], ["method", *kinds], ["vocabulary", *(f"{stats.size:,}" for stats in found)]]
    rows += [[name, *(f"{getattr(stats, name):,}" for stats in found)] for name in ("lines", "words", "pieces")]
    rows += [[heading, *(show(each[key], key in SHARES) for each in figures)] for key, heading in HEADINGS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


def show(value: float | None, share: bool) -> str:
    """A figure for people."""
    return "-" if value is None else f"{100 * value:.2f} %" if share else f"{value:.3f}"
