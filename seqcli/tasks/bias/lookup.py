"""A vocabulary and its vectors, as bias is measured on them: by direction only, all vectors at length 1.

>>> space = Space.of(["she", "he"], np.array([[3.0, 4.0], [0.0, 2.0]], np.float32))
>>> found = space.find(["He", "he", "they"])
>>> found.rows.tolist(), found.missing, space.unit(found.rows).tolist()
([1], ['they'], [[0.0, 1.0]])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import DoubleArray, FloatArray, IntArray
from seqcli.errors import Failure

ROWS = 1 << 14  # vectors in double precision at once


@dataclass(frozen=True, slots=True)
class Found:
    """Words that are in the vocabulary, each once, and those that are not."""

    rows: IntArray  # (N,)
    missing: list[str]


@dataclass(frozen=True, slots=True)
class FoundSets:
    """Sets of which at least two words are in the vocabulary and in no set before, and the words that were left out."""

    sets: list[IntArray]  # each (n,), n of at least 2
    missing: list[str]  # not in the vocabulary
    dropped: int  # sets left out


@dataclass(frozen=True, slots=True)
class Space:
    """V words, in order of falling count, and their vectors."""

    words: Sequence[str]  # (V,)
    matrix: FloatArray  # (V, D)
    index: Mapping[str, int]  # the row of each word

    @classmethod
    def of(cls, words: Sequence[str], matrix: FloatArray) -> Space:
        """Of a word that comes twice the first row counts."""
        index = {word: row for row, word in zip(range(len(words) - 1, -1, -1), reversed(words), strict=True)}
        return cls(words, matrix, index)

    def row(self, word: str) -> int | None:
        """The word as it is written, or else in small letters."""
        return self.index.get(word, self.index.get(word.lower()))

    def find(self, words: Iterable[str]) -> Found:
        """The rows of words in the order given."""
        rows = {word: self.row(word) for word in words}
        known = dict.fromkeys(row for row in rows.values() if row is not None)
        return Found(np.fromiter(known, np.int64, len(known)), [word for word, row in rows.items() if row is None])

    def find_sets(self, sets: Iterable[Sequence[str]]) -> FoundSets:
        """The rows of sets such as pairs; a set that is not whole, or shares a word with one before it, is left out."""
        kept: list[IntArray] = []
        seen: set[int] = set()
        missing: dict[str, None] = {}
        dropped = 0
        for words in sets:
            found = self.find(words)
            missing |= dict.fromkeys(found.missing)
            rows = found.rows.tolist()
            if found.missing or len(rows) < 2 or not seen.isdisjoint(rows):
                dropped += 1
            else:
                kept.append(found.rows)
                seen.update(rows)
        return FoundSets(kept, list(missing), dropped)

    def unit(self, rows: IntArray | slice) -> DoubleArray:
        """Vectors at length 1 in double precision, (N, D)."""
        return unit(self.matrix[rows].astype(np.float64))

    def pieces(self, rows: IntArray | None = None) -> Iterator[tuple[IntArray, DoubleArray]]:
        """Rows, by default all, a few at a time, with their vectors at length 1."""
        rows = np.arange(len(self.words)) if rows is None else rows
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            yield part, self.unit(part)

    def others(self, rows: Iterable[int]) -> IntArray:
        """The rows of all other words, rising."""
        rest = np.ones(len(self.words), bool)
        rest[list(rows)] = False
        return np.flatnonzero(rest)


def unit(vectors: DoubleArray) -> DoubleArray:
    """Rows at length 1; a zero stays zero.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: DoubleArray = vectors / np.where(lengths > 0, lengths, 1.0)
    return found


def at_least_two(found: Found, words: Sequence[str], name: str) -> Found:
    """What was found of a set of words.

    Raises:
        Failure: fewer than two of them are in the vocabulary.
    """
    if len(found.rows) < 2:
        some = ", ".join(map(repr, found.missing[:5])) + (" …" if len(found.missing) > 5 else "")
        hint = f"not there: {some}" if some else "name two or more"
        raise Failure(f"{name}: only {len(found.rows)} of {len(words)} words in the vocabulary, two are needed", hint=hint)
    return found
