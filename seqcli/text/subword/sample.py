"""Pieces by chance, to train on more than one way to cut a word: BPE dropout (Provilkov et al. 2020), Unigram sampling (Kudo 2018)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from random import Random

from seqcli.data.blocks import Block
from seqcli.errors import UsageFailure
from seqcli.text.subword.inside import Inside, Word, inside
from seqcli.text.subword.shown import Texts, texts
from seqcli.text.subword.tokenizer import Subword
from seqcli.text.subword.trace import Arc, Rank, arcs, best_ways, forward

KEEP = 1 << 15  # words whose lattices are remembered


def dropout(symbols: Sequence[str], rank: Rank, share: float, chance: Random) -> list[str]:
    """BPE where in each step each merge that could be done is left out with probability `share`; it ends when all are.

    This is the paper's way. (SentencePiece asks once for each pair of neighbours, so its `alpha` leaves more out.)

    >>> table = {("a", "b"): 0, ("ab", "b"): 1}
    >>> dropout("abb", lambda left, right: table.get((left, right)), 0.0, Random(1))
    ['abb']
    >>> dropout("abb", lambda left, right: table.get((left, right)), 1.0, Random(1))
    ['a', 'b', 'b']
    """
    now = list(symbols)
    ranks = [rank(left, right) for left, right in pairwise(now)]
    while True:
        places = [(value, i) for i, value in enumerate(ranks) if value is not None and (share <= 0 or chance.random() >= share)]
        if not places:
            return now
        _, at = min(places)
        now[at : at + 2] = [now[at] + now[at + 1]]
        del ranks[at]
        if at:
            ranks[at - 1] = rank(now[at - 1], now[at])
        if at < len(ranks):
            ranks[at] = rank(now[at], now[at + 1])


class Ways:
    """All ways through a lattice, each with its probability to the power of alpha: sums forward, then draws backward."""

    def __init__(self, found: Sequence[Arc], size: int, alpha: float) -> None:
        sums = forward(found, size, alpha)
        self.size = size
        self.arcs: list[list[Arc]] = [[] for _ in range(size + 1)]  # that end at each place
        for arc in found:
            self.arcs[arc.end].append(arc)
        self.weights = [
            list(accumulate(math.exp(min(0.0, sums[arc.begin] + alpha * arc.score - sums[place])) for arc in choices))
            for place, choices in enumerate(self.arcs)
        ]

    def draw(self, chance: Random) -> list[Arc]:
        """One of them."""
        way: list[Arc] = []
        place = self.size
        while place:
            weights = self.weights[place]
            way.append(self.arcs[place][min(bisect_right(weights, chance.random() * weights[-1]), len(weights) - 1)])
            place = way[-1].begin
        return way[::-1]


def sample_best(ways: Sequence[tuple[float, list[Arc]]], alpha: float, chance: Random) -> list[Arc]:
    """One of the best ways, each with its probability to the power of alpha."""
    top = ways[0][0]
    return chance.choices([way for _, way in ways], [math.exp(alpha * (score - top)) for score, _ in ways])[0]


class Sampler:
    """Ids by chance. A line's depend on the seed and its number only, not on what was drawn before.

    `share` is BPE's dropout; `alpha` makes Unigram's choice plainer (0: all ways alike), `nbest` limits it to so many best ways
    of the line (0: all).
    """

    def __init__(self, tokenizer: Subword, seed: int = 0, share: float = 0.1, alpha: float = 0.1, nbest: int = 0) -> None:
        """Raises UsageFailure: the method has but one way to cut a text."""
        self.tokenizer = tokenizer
        self.parts: Inside = inside(tokenizer)
        if self.parts.rank is None and not self.parts.scores:
            raise UsageFailure(f"a tokenizer of kind {tokenizer.kind} cannot sample", hint="bpe, byte-bpe and unigram can")
        self.seed, self.share, self.alpha, self.nbest = seed, share, alpha, nbest
        self.longest = self.parts.longest
        self.known: dict[str, Ways] = {}

    def encode(self, texts: Sequence[str], first: int = 0) -> list[list[int]]:
        """The ids of each line; `first` is the number of the first one."""
        return [self.line(text, Random(f"{self.seed} {first + i}")) for i, text in enumerate(texts)]  # noqa: S311  (no secret)

    def line(self, text: str, chance: Random) -> list[int]:
        """The ids of one line."""
        words = self.parts.words(text)
        found = self.merged(words, chance) if self.parts.rank is not None else self.drawn(words, chance)
        if self.parts.fuses < 0:
            return found
        return [i for i, before in zip(found, [-1, *found], strict=False) if i != self.parts.fuses or before != i]

    def merged(self, words: Sequence[Word], chance: Random) -> list[int]:
        """Word by word with dropout."""
        parts, found = self.parts, list[int]()
        assert parts.rank is not None
        for word in words:
            if word.text is None or (self.share <= 0 and parts.whole(word.text)):
                found += word.ids
            else:
                found += parts.spell(dropout(parts.symbols(word.text), parts.rank, self.share, chance))
        return found

    def drawn(self, words: Sequence[Word], chance: Random) -> list[int]:
        """From the lattice: all ways of a line are all ways of its words, its best ones are not."""
        found: list[int] = []
        if not self.nbest:
            for word in words:
                way = [] if word.text is None else self.ways(word.text).draw(chance)
                found += word.ids if word.text is None else self.parts.spell([arc.piece for arc in way])
            return found
        line, size = self.lattice(words)
        way = sample_best(best_ways(line, size, self.nbest), self.alpha, chance)
        at = begin = 0
        for word in words:
            end = begin + (1 if word.text is None else len(word.text))
            pieces: list[str] = []
            while at < len(way) and way[at].end <= end:
                pieces.append(way[at].piece)
                at += 1
            found += word.ids if word.text is None else self.parts.spell(pieces)
            begin = end
        return found

    def lattice(self, words: Sequence[Word]) -> tuple[list[Arc], int]:
        """The lattices of words end to end, one that is not cut again as one arc, and the length of all."""
        found: list[Arc] = []
        begin = 0
        for word in words:
            if word.text is None:
                found.append(Arc(begin, begin + 1, "", 0.0))
            else:
                some = arcs(word.text, self.parts.scores, self.parts.unknown, self.longest)
                found += [Arc(begin + arc.begin, begin + arc.end, arc.piece, arc.score) for arc in some]
            begin += 1 if word.text is None else len(word.text)
        return found, begin

    def ways(self, word: str) -> Ways:
        """All ways to cut a word."""
        found = self.known.get(word)
        if found is None:
            if len(self.known) > KEEP:
                self.known.clear()
            some = arcs(word, self.parts.scores, self.parts.unknown, self.longest)
            found = self.known[word] = Ways(some, len(word), self.alpha)
        return found


class Draws:
    """Lines, or the texts of JSON objects, to lines of ids or shown pieces, drawn by chance."""

    def __init__(self, sampler: Sampler, ids: bool = False, source: str = "text", errors: str = "strict") -> None:
        self.sampler, self.source, self.errors = sampler, source, errors
        self.shown = Texts(sampler.tokenizer, ids)

    def __call__(self, block: Block) -> bytes:
        """One block of the input as bytes of the output."""
        rows = self.sampler.encode(texts(block, self.source, self.errors), block.first_line)
        return b"".join([b"".join([self.shown[number] for number in ids])[1:] + b"\n" for ids in rows])
