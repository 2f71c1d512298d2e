"""The words that get a vector, with their counts, in order of falling count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, IntArray
from seqcli.errors import Failure


@dataclass(frozen=True)
class Vocabulary:
    """V words and how often each occurs, commonest first."""

    words: Sequence[str]  # (V,)
    counts: IntArray  # (V,)

    def __len__(self) -> int:
        return len(self.words)

    def packed(self) -> AnyArray:
        r"""The words as a tensor of bytes, each ended by `\n`.

        >>> Vocabulary(["the", "é"], np.array([2, 1])).packed().tobytes()
        b'the\n\xc3\xa9\n'
        """
        return np.frombuffer("".join(word + "\n" for word in self.words).encode(), dtype=np.uint8)

    @classmethod
    def unpacked(cls, packed: AnyArray, counts: IntArray) -> Vocabulary:
        """What `packed` packed."""
        return cls(packed.tobytes().decode().split("\n")[:-1], counts)

    def kept(self, sample: float) -> DoubleArray:
        """The probability that an occurrence of each word survives sub-sampling, (V,): √(t / f) + t / f, f its share of the text.

        >>> Vocabulary(["the", "cat"], np.array([99, 1])).kept(0.01).round(3).tolist()
        [0.111, 1.0]
        """
        if sample <= 0:
            return np.ones(len(self))
        share = self.counts / self.counts.sum()
        kept: DoubleArray = np.minimum(1.0, np.sqrt(sample / share) + sample / share)
        return kept

    def noise(self, power: float) -> DoubleArray:
        """The distribution of negative samples, (V,): counts to a power.

        >>> Vocabulary(["the", "cat"], np.array([16, 1])).noise(0.75).round(3).tolist()
        [0.889, 0.111]
        """
        weight = self.counts.astype(np.float64) ** power
        share: DoubleArray = weight / weight.sum()
        return share


def choose(words: Sequence[bytes], counts: IntArray, min_count: int, most: int) -> tuple[Vocabulary, IntArray]:
    """The vocabulary out of all types of a text, and the new number of every type, -2 for one that is left out.

    >>> choose([b"a", b"b", b"c"], np.array([1, 3, 2]), 2, 0)[1].tolist()
    [-2, 0, 1]

    Raises:
        Failure: no word occurs so often.
    """
    often = np.flatnonzero(counts >= min_count).tolist()
    if not often:
        raise Failure(
            f"no word occurs {min_count} times: the vocabulary is empty" if len(counts) else "no words: the text is empty",
            hint="more text, or --set min_count=1" if len(counts) else "",
        )
    often.sort(key=lambda number: (-counts[number], words[number]))
    often = often[: most or None]
    numbers = np.full(len(counts), -2, dtype=np.int64)
    numbers[often] = np.arange(len(often))
    return Vocabulary([words[number].decode() for number in often], counts[often]), numbers


@dataclass(frozen=True)
class Alias:
    """Draws from a distribution in constant time (Walker's alias method): one number picks a cell and one of its two outcomes."""

    share: DoubleArray  # (V,) of its cell that belongs to each outcome
    other: IntArray  # (V,) whose the rest of the cell is

    @classmethod
    def of(cls, distribution: DoubleArray) -> Alias:
        """For probabilities (V,) whose sum is 1."""
        size = len(distribution)
        left = (distribution * size).tolist()
        other = list(range(size))
        small = [i for i in range(size) if left[i] < 1]
        large = [i for i in range(size) if left[i] >= 1]
        while small and large:
            little, much = small.pop(), large[-1]
            other[little] = much
            left[much] -= 1 - left[little]
            if left[much] < 1:
                small.append(large.pop())
        for last in small + large:
            left[last] = 1.0
        return cls(np.array(left), np.array(other, dtype=np.int64))

    def draw(self, generator: np.random.Generator, count: int) -> IntArray:
        """So many outcomes.

        >>> drawn = Alias.of(np.array([0.5, 0.25, 0.25])).draw(np.random.default_rng(1), 40_000)
        >>> (np.bincount(drawn) / 40_000).round(2).tolist()
        [0.5, 0.25, 0.25]
        """
        place = generator.random(count) * len(self.share)
        cell = place.astype(np.int64)
        place -= cell
        return np.where(place < self.share[cell], cell, self.other[cell])
