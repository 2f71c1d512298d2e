"""The Unigram model as SentencePiece has it: the pieces whose scores, log-probabilities, have the greatest sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.text.subword.sentencepiece_lattice import BEYOND, LARGEST, best_paths, close, lattice
from seqcli.text.subword.sentencepiece_model import Model, Type
from seqcli.text.subword.sentencepiece_trie import Texts, Trie

PENALTY = np.float32(10)  # the unknown is so much worse than the worst piece
TOGETHER = 1 << 17  # characters at once


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """How C texts were cut."""

    ids: IntArray  # (P,)
    counts: IntArray  # (C,) pieces of each
    close: BoolArray  # (C,) whether rounding may change it

    def rows(self) -> list[list[int]]:
        """The ids of each text."""
        flat = self.ids.tolist()
        ends = np.cumsum(self.counts).tolist()
        return [flat[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


class Unigram:
    """The scored pieces of a model, over whole texts."""

    def __init__(self, model: Model, unknown: int) -> None:
        self.unknown = unknown
        used = [i for i, kind in enumerate(model.types) if kind in (Type.NORMAL, Type.USER_DEFINED)]
        self.trie = Trie([model.pieces[i] for i in used], used)
        scores = np.array([*model.scores, 0.0], dtype=np.float32)
        normal = [model.scores[i] for i in used if model.types[i] == Type.NORMAL]
        scores[unknown] = np.float32(min(normal, default=float(np.finfo(np.float32).max))) - PENALTY
        for i in used:
            if model.types[i] == Type.USER_DEFINED:
                scores[i] = np.float32(0.1 * (len(model.pieces[i].encode("utf-8", "surrogateescape")) - 1))
        self.scores: AnyArray = scores  # (V + 1,)
        self.steady = bool((np.abs(scores) < LARGEST).all())  # sums cannot leap over what `close` reckons with

    def whole(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of whole lines, in 32-bit floats as theirs."""
        found: list[list[int]] = []
        for batch in batches(texts):
            some = lattice(self.trie, self.unknown, Texts.of(batch))
            paths = best_paths(some, self.scores)
            found += Cut(paths.ids, paths.counts, np.zeros(0, dtype=bool)).rows()
        return found

    def inside(self, texts: Sequence[str]) -> Cut:
        """The same of texts that stand inside a line, with a mark where rounding may decide."""
        parts: list[Cut] = []
        scores = self.scores.astype(np.float64)
        for batch in batches(texts):
            some = lattice(self.trie, self.unknown, Texts.of(batch))
            paths = best_paths(some, scores)
            parts.append(Cut(paths.ids, paths.counts, close(some, paths, scores)))
        empty = np.zeros(0, dtype=np.int64)
        return Cut(
            np.concatenate([empty, *(part.ids for part in parts)]),
            np.concatenate([empty, *(part.counts for part in parts)]),
            np.concatenate([np.zeros(0, dtype=bool), *(part.close for part in parts)]),
        )

    def from_sum(self, text: str, total: np.float32) -> list[int]:
        """The ids of a text that stands where the scores so far have this sum."""
        some = lattice(self.trie, self.unknown, Texts.of([text]))
        ids: list[int] = best_paths(some, self.scores, total).ids.tolist()
        return ids

    def total(self, ids: Sequence[int]) -> np.float32 | None:
        """The sum of scores from the beginning of a line, in 32-bit floats from left to right; None where it is brought back to 0."""
        sums = np.cumsum(self.scores[list(ids)], dtype=np.float32)
        return None if (np.abs(sums) > 0.9 * BEYOND).any() else sums[-1] if len(sums) else np.float32(0)


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts, about so many characters at once."""
    begin = total = 0
    for i, text in enumerate(texts):
        total += len(text)
        if total >= TOGETHER:
            yield texts[begin : i + 1]
            begin, total = i + 1, 0
    if begin < len(texts):
        yield texts[begin:]
