"""The Unigram model as SentencePiece has it: the pieces whose scores, log-probabilities, have the greatest sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.text.subword.sentencepiece_dense import MOST, Cut, Dense
from seqcli.text.subword.sentencepiece_lattice import BEYOND, LARGEST, best_paths, close, lattice
from seqcli.text.subword.sentencepiece_model import Model, Type
from seqcli.text.subword.sentencepiece_trie import Texts, Trie

PENALTY = np.float32(10)  # the unknown is so much worse than the worst piece
TOGETHER = 1 << 17  # characters at once
FEW = 1 << 11  # short texts at once: all arrays about them fit the processor's cache


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

    @cached_property
    def dense(self) -> Dense:
        """The same for many short texts."""
        return Dense(self.trie, self.scores, self.unknown)

    def inside(self, texts: Sequence[str]) -> tuple[list[list[int]], list[bool]]:
        """The ids of texts that stand inside a line, and where rounding may give others."""
        rows: list[list[int]] = []
        marks: list[bool] = []
        if not any(texts):
            return [[] for _ in texts], [False] * len(texts)
        short = [text for text in texts if len(text) <= MOST]
        for begin in range(0, len(short), FEW):
            cut = self.dense(short[begin : begin + FEW])
            rows += cut.rows()
            marks += cut.close.tolist()
        if len(short) == len(texts):
            return rows, marks
        long = self.long([text for text in texts if len(text) > MOST])
        both = iter(zip(rows, marks, strict=True)), iter(zip(long.rows(), long.close.tolist(), strict=True))
        found = [next(both[len(text) > MOST]) for text in texts]
        return [ids for ids, _ in found], [mark for _, mark in found]

    def long(self, texts: Sequence[str]) -> Cut:
        """The same for texts of any length."""
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

    def from_sums(self, texts: Sequence[str], totals: Sequence[np.float32]) -> list[list[int]]:
        """The ids of texts that stand where the scores so far have these sums."""
        found: list[list[int]] = []
        sums = iter(totals)
        for batch in batches(texts):
            some = lattice(self.trie, self.unknown, Texts.of(batch))
            paths = best_paths(some, self.scores, np.array(list(islice(sums, len(batch)))))
            found += Cut(paths.ids, paths.counts, np.zeros(0, dtype=bool)).rows()
        return found

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
