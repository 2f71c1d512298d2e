"""Lines to vectors: whatever model it is, it answers `encode(lines)` with a row a line.

>>> vectors = Vectors.of(["the", "cat", "sat"], np.array([[1, 0], [0, 1], [0, 3]], np.float32))
>>> Pooled(vectors).encode(["The cat", "sat cat zat", ""]).tolist()          # unknown words do not count
[[0.5, 0.5], [0.0, 2.0], [0.0, 0.0]]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from seqcli.data import folder
from seqcli.data.blocks import Block, blocks
from seqcli.data.examples import DoubleArray, FloatArray, IntArray
from seqcli.data.vectors import Vectors, open_vectors, setting

if TYPE_CHECKING:
    from seqcli.text.segment import Segmenter

POOLS = ("mean", "max", "sif", "first")
SMOOTH = 1e-3  # a of SIF's weights a / (a + p(w))
WORDS_IN_A_LINE = 20  # for the share of single words in what lines have in common
AT_ONCE = 1 << 14  # words whose vectors are in memory together
Line = str | Sequence[str]  # a text, or its words


class Encoder(Protocol):
    """A model that turns lines into vectors."""

    @property
    def dimensions(self) -> int:
        """D."""
        ...

    def encode(self, lines: Sequence[Line]) -> FloatArray:
        """A vector for each line, (N, D) float32; zeros for a line in which it knows nothing."""
        ...


@dataclass(frozen=True, eq=False)
class Pooled:
    """The vectors of a line's words made one: their mean, their largest numbers, the first, or their weighted mean (SIF).

    SIF (Arora, Liang and Ma 2017) weighs a word by a / (a + p(w)), and takes out of each mean what lines have in common (`common`).
    """

    vectors: Vectors
    pool: str = "mean"  # one of POOLS
    segmenter: Segmenter | None = None  # None: words are separated by blanks
    common: FloatArray | None = None  # (D,) of length 1

    @property
    def dimensions(self) -> int:
        """D."""
        return self.vectors.dimensions

    @cached_property
    def weights(self) -> FloatArray:
        """SIF's of each word, and 1 for an unknown one at the end, (V + 1,)."""
        return np.append(weights(self.vectors), np.float32(1))

    def encode(self, lines: Sequence[Line]) -> FloatArray:
        """See Encoder."""
        words, counts = self.cut(lines)
        found = np.zeros((len(lines), self.dimensions), np.float32)
        ends = np.cumsum(counts)
        start = 0
        while start < len(lines):
            before = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + AT_ONCE, side="right")))
            found[start:stop] = self.pooled(words[before : int(ends[stop - 1])], counts[start:stop])
            start = stop
        if self.common is not None:
            found -= np.einsum("nd,d->n", found, self.common)[:, None] * self.common  # row by row: others must not change a bit
        return found

    def cut(self, lines: Sequence[Line]) -> tuple[list[str], IntArray]:
        """The words of all lines, and how many each has, (N,)."""
        rows: list[Sequence[str]] = []
        if self.segmenter is None:
            rows = [line.split() if isinstance(line, str) else line for line in lines]
            return list(chain.from_iterable(rows)), np.fromiter(map(len, rows), np.int64, len(rows))
        texts = [line for line in lines if isinstance(line, str)]
        found = self.segmenter.segment(texts)
        ends = np.concatenate([[0], np.cumsum(found.lengths)])[np.cumsum(found.sentences)]
        counts = np.diff(ends, prepend=0)
        if len(texts) == len(lines):
            return found.tokens, counts
        spans = zip((ends - counts).tolist(), ends.tolist(), strict=True)
        for line in lines:
            rows.append(found.tokens[slice(*next(spans))] if isinstance(line, str) else line)
        return list(chain.from_iterable(rows)), np.fromiter(map(len, rows), np.int64, len(rows))

    def pooled(self, words: Sequence[str], counts: IntArray) -> FloatArray:
        """A vector for each of some lines (N, D) from their words, `counts` of each."""
        rows = self.vectors.rows(words)
        found, known = self.vectors.completed(words, rows, self.vectors.take(rows))
        if self.pool == "sif":
            found *= self.weights[rows, None]
        line = np.repeat(np.arange(len(counts)), counts)[known]
        found = found[known] if not known.all() else found
        result = np.zeros((len(counts), self.dimensions), np.float32)
        if len(found):
            starts = np.flatnonzero(np.diff(line, prepend=-1))
            filled = line[starts]
            if self.pool == "first":
                result[filled] = found[starts]
            elif self.pool == "max":
                result[filled] = np.maximum.reduceat(found, starts, axis=0)
            else:
                sizes = np.diff(starts, append=len(line)).astype(np.float32)
                result[filled] = np.add.reduceat(found, starts, axis=0) / sizes[:, None]
        return result


def open_encoder(
    model: str, pool: str = "mean", cut: bool = True, language: str = "", fit: Path | None = None, errors: str = "strict"
) -> Encoder:
    """The encoder that `-m MODEL` means.

    Args:
        model: a shipped name or a folder
        pool: one of POOLS
        cut: raw text is cut into words by rules; otherwise blanks separate them
        language: of the rules; if none is named, those by which the model's own text was cut, else English
        fit: for sif, lines whose common part is taken out; otherwise that of the words
        errors: how invalid UTF-8 in `fit` is met

    Raises:
        Failure: there is no such model, or it holds something else.
    """
    vectors = open_vectors(model)
    segmenter = None
    if cut:
        from seqcli.text.segment import RuleSegmenter

        config = folder.read_config(folder.find(model))
        segmenter = RuleSegmenter(language or setting(config, "tokenizer", "") or setting(config, "language", "") or "en")
    if pool != "sif":
        return Pooled(vectors, pool, segmenter)
    common = common_of_lines(Pooled(vectors, pool, segmenter), blocks([fit]), errors) if fit else common_of_words(vectors)
    return Pooled(vectors, pool, segmenter, common)


def weights(vectors: Vectors) -> FloatArray:
    """SIF's weight of each word, (V,)."""
    return np.asarray(SMOOTH / (SMOOTH + vectors.frequencies), dtype=np.float32)


def common_of_words(vectors: Vectors) -> FloatArray:
    """What lines have in common, from the words alone: no line need be read before the first is answered.

    Where words are drawn by their frequency, the mean of n weighted vectors w has the second moment E[ww'] / n + (1 - 1/n) E[w] E[w]';
    its first eigenvector is what the first principal component of many such lines comes to.
    """
    share, weight = vectors.frequencies, weights(vectors)
    mean = ((share * weight) @ vectors.matrix).astype(np.float64)
    scaled = vectors.matrix * (np.sqrt(share) * weight)[:, None]
    moment = (scaled.T @ scaled).astype(np.float64) / WORDS_IN_A_LINE + (1 - 1 / WORDS_IN_A_LINE) * np.outer(mean, mean)
    return first_axis(moment)


def common_of_lines(encoder: Encoder, source: Iterable[Block], errors: str) -> FloatArray:
    """The first principal component of the lines of a text, which is gone through once."""
    moment = np.zeros((encoder.dimensions, encoder.dimensions))
    for block in source:
        found = encoder.encode(block.lines(errors))
        moment += found.T @ found
    return first_axis(moment)


def first_axis(moment: DoubleArray) -> FloatArray:
    """The eigenvector of the largest eigenvalue, (D,)."""
    return np.asarray(np.linalg.eigh(moment)[1][:, -1], dtype=np.float32)
