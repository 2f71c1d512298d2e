"""Stretches of the corpus as training sees them: thinned out, in tiles of words that stand together, with weights for their pairs.

A word at place j is paired with the word at j + o, |o| ≤ window, in the same line. Where word2vec draws a window from 1 to `window` at
each place, `pairs` takes the mean over all draws, (window + 1 - |o|) / window, unless it is given a generator to draw with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray, IntArray
from seqcli.models.vectors.corpus import END


@dataclass(frozen=True)
class Stretch:
    """N places of the corpus, a whole number of blocks, and `margin` more on either side."""

    ids: IntArray  # (margin + N + margin,) words; 0 where there is none
    lines: AnyArray  # (margin + N + margin,) number of the line; below 0 and all different where there is no word
    margin: int

    @classmethod
    def of(cls, part: AnyArray, kept: DoubleArray, generator: np.random.Generator, size: int, margin: int) -> Stretch:
        """A part of the corpus, sub-sampled and filled up to a multiple of `size`, one at least.

        >>> part = np.array([5, 6, -1, 7])
        >>> stretch = Stretch.of(part, np.ones(8), np.random.default_rng(1), 4, 1)
        >>> stretch.ids.tolist(), stretch.lines.tolist()
        ([0, 5, 6, 7, 0, 0], [-1, 0, 0, 1, -2, -3])
        """
        ends = part == END
        stays = generator.random(len(part), dtype=np.float32) < kept[part]
        stays &= ~ends
        words = part[stays]
        lines = np.cumsum(ends, dtype=np.int32)[stays]
        behind = margin + (-len(words) % size if len(words) else size)
        return cls(
            np.concatenate([np.zeros(margin, np.int64), words, np.zeros(behind, np.int64)]),
            np.concatenate([-1 - np.arange(margin), lines, -1 - margin - np.arange(behind)], dtype=np.int32),
            margin,
        )

    def __len__(self) -> int:
        return len(self.ids) - 2 * self.margin

    @property
    def words(self) -> IntArray:
        """The words at the N places, (N,)."""
        return self.ids[self.margin : len(self.ids) - self.margin]

    def tiles(self, size: int) -> IntArray:
        """The words of each tile with those beside it, (N / size, margin + size + margin)."""
        found: IntArray = sliding_window_view(self.ids, size + 2 * self.margin)[::size]
        return found

    def pairs(self, generator: np.random.Generator | None = None) -> FloatArray:
        """The weight of each place's pairs with those around it, (N, margin + 1 + margin); 0 for itself and across lines.

        >>> stretch = Stretch.of(np.array([5, 6, -1, 7]), np.ones(8), np.random.default_rng(1), 3, 2)
        >>> stretch.pairs().tolist()[0]
        [0.0, 0.0, 0.0, 1.0, 0.0]
        """
        window = self.margin
        distance = np.abs(np.arange(-window, window + 1))
        around = sliding_window_view(self.lines, 2 * window + 1)
        same = around == self.lines[window : len(self.lines) - window, None]
        if generator is None:
            weights: FloatArray = same * ((window + 1 - distance) / window * (distance > 0)).astype(np.float32)
        else:
            drawn = generator.integers(1, window + 1, len(self), dtype=np.int8)
            same &= distance <= drawn[:, None]
            same[:, window] = False
            weights = same.astype(np.float32)
        return weights
