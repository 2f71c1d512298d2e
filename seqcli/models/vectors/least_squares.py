"""GloVe solved exactly, side by side: with the contexts' vectors given, each word's are the answer of a small regression.

The objective Σ f(X_ab) (w_a · c_b + bias_a + bias_b - log X_ab)² is quadratic in (w_a, bias_a). So instead of many small steps, one
side is solved, then the other (alternating least squares; Hu, Koren and Volinsky 2008 solve recommendations so). A ridge keeps the
vectors of rare words small, of which a few pairs would otherwise make anything. Half of it is the same in all directions; the
other half is as if vectors were drawn from a normal distribution with the second moments of those found so far (empirical Bayes): what
hardly any word needs, a rare word is not given. In the last epochs the ridge is stronger: first it lets rare words find their place,
then it takes back what was fitted too closely.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.models.vectors.cooccurrence import RUN, Counts
from seqcli.models.vectors.glove import Fit
from seqcli.models.vectors.loop import Progress

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 256  # words whose regressions are solved at a time
BIAS = 1e-3  # the ridge of biases: hardly any
TINY = 1e-6  # of the mean second moment, added to all: in fewer words than dimensions some are 0
DRAWN = 0.5  # the share of the ridge that is by the second moments
LAST = 0.25  # the share of the epochs in which the ridge is the last one


class LeastSquares:
    """Vectors and biases in one table: rows 0 … V - 1 are words, V … 2 V - 1 contexts."""

    def __init__(self, words: int, fit: Fit, ridge: float, last_ridge: float) -> None:
        import torch

        self.words, self.fit = words, fit
        drawn = np.random.default_rng(fit.seed).random((2 * words, fit.dimensions + 1), dtype=np.float32)
        self.table = torch.from_numpy((drawn - np.float32(0.5)) / np.float32(fit.dimensions**0.5))  # (2 V, D + 1), the bias last
        self.table[:, -1] = 0
        self.strengths = ridge, last_ridge

    @property
    def tables(self) -> list[Tensor]:
        """All that changes."""
        return [self.table]

    def vectors(self) -> AnyArray:
        """A word's vector is that of the side that was solved last, (V, D).

        Only products of the two sides mean something; they are shared out evenly, so that both have the same second moments. Not the
        sum of the sides: counts are symmetric, so that both are the same, up to the sign of directions in which words repel
        their like, and these the sum would lose.
        """
        (_, left), (far, right) = (np.linalg.qr(side[:, :-1].double().numpy()) for side in self.sides)
        _, sizes, turned = np.linalg.svd(left @ right.T)
        found = np.zeros((self.words, self.fit.dimensions), np.float32)
        found[:, : len(sizes)] = far @ turned.T * np.sqrt(sizes)  # fewer where there are fewer words
        return found

    @property
    def sides(self) -> tuple[Tensor, Tensor]:
        """Words and contexts, (V, D + 1) each."""
        return self.table[: self.words], self.table[self.words :]

    def strength(self, epoch: int) -> float:
        """Of the ridge."""
        return self.strengths[epoch >= self.fit.epochs - max(1, round(LAST * self.fit.epochs))]

    def ridge(self, side: int, strength: float) -> FloatArray:
        """The matrix (D + 1, D + 1) whose form is what the vectors of a side, as they stand, cost beside their errors."""
        vectors, size = self.sides[side][:, :-1].double().numpy(), self.fit.dimensions
        moments = vectors.T @ vectors
        drawn = np.linalg.inv(moments + TINY * moments.trace() / size * np.eye(size))
        cost = np.zeros((size + 1, size + 1), np.float32)
        cost[:-1, :-1] = strength * ((1 - DRAWN) * np.eye(size) + DRAWN * drawn * (size / drawn.trace()))
        cost[-1, -1] = BIAS
        return cost

    def run(
        self, counts: Counts, raw: int, report: Callable[[Progress], None], save: Callable[[int], None], first: int, threads: int
    ) -> None:
        """All epochs, both sides in each, a file of words' pairs at a time; `first` is the file to go on with."""
        paths, began = grouped(counts, self.words), time.perf_counter()
        total = 2 * self.fit.epochs * len(paths)
        try:
            with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:  # each thread has its own words to solve
                for turn in range(first, total):
                    side, number = divmod(turn, len(paths))
                    loss = self.solve(np.fromfile(paths[number], Counts.entry), side % 2, self.strength(side // 2), pool)
                    words = int((turn + 1 - first) / total * raw * self.fit.epochs)
                    report(Progress((turn + 1) / total, words, time.perf_counter() - began, loss))
                    save(turn + 1)
        finally:
            for path in paths:
                path.unlink()

    def solve(self, entries: AnyArray, side: int, strength: float, pool: ThreadPoolExecutor) -> float:
        """The words (side 0) or contexts (1) of a file of entries, sorted by word; half of what a pair still costs in the mean."""
        solved, given = (each.numpy() for each in self.sides[:: 1 - 2 * side])
        regressions = Regressions(given, entries, self.ridge(side, strength), self.fit)
        rows = regressions.rows

        def some(first: int) -> float:
            solved[rows[first : first + ROWS]], cost = regressions.solved(first, min(first + ROWS, len(rows)))
            return cost

        return sum(pool.map(some, range(0, len(rows), ROWS))) / max(1, 2 * len(entries))


class Regressions:
    """One for each word of a file of entries: its terms have what they are multiplied by, a weight, and what the product is to be."""

    def __init__(self, given: AnyArray, entries: AnyArray, ridge: FloatArray, fit: Fit) -> None:
        self.ridge, self.others = ridge, entries["b"].astype(np.intp)
        self.known = given.copy()  # (V, D + 1)
        self.known[:, -1] = 1  # what a bias is multiplied by
        self.rows, starts = np.unique(entries["a"], return_index=True)
        self.bounds = np.append(starts, len(entries)).tolist()
        self.roots = np.minimum(entries["count"] / np.float32(fit.x_max), 1) ** np.float32(fit.power / 2)  # of the weights
        self.wanted = (np.log(entries["count"]) - given[self.others, -1]) * self.roots

    def solved(self, first: int, last: int) -> tuple[AnyArray, float]:
        """The vectors and biases (N, D + 1) of some words, and what they cost together, ridge included."""
        left = np.tile(self.ridge, (last - first, 1, 1))
        right = np.empty(left.shape[:2], np.float32)
        for row, (start, end) in enumerate(pairwise(self.bounds[first : last + 1])):
            x = self.known[self.others[start:end]]
            x *= self.roots[start:end, None]
            left[row] += x.T @ x  # as numpy knows a product with itself, half the work
            right[row] = self.wanted[start:end] @ x
        found = np.linalg.solve(left, right[:, :, None])[:, :, 0]
        wanted = self.wanted[self.bounds[first] : self.bounds[last]]
        return found, float(wanted @ wanted - (found * right).sum())


def grouped(counts: Counts, words: int, most: int = RUN) -> list[Path]:
    """The pairs and their mirror images in files of about `most`, sorted by their first word; all of a word in one file."""
    sizes = np.zeros(words, np.int64)
    for entries in mirrored(counts):
        sizes += np.bincount(entries["a"], minlength=words)
    whose: IntArray = (np.cumsum(sizes) - sizes) // most
    whose = np.unique(whose, return_inverse=True)[1]  # (V,) the file of each word
    paths = [counts.paths[0].with_name(f"rows{number}") for number in range(int(whose.max(initial=0)) + 1)]
    for path in paths:
        path.write_bytes(b"")
    for entries in mirrored(counts):
        files = whose[entries["a"]]
        for number in np.unique(files).tolist():
            with paths[number].open("ab") as out:
                entries[files == number].tofile(out)
    for path in paths:
        entries = np.fromfile(path, Counts.entry)
        entries[np.lexsort((entries["b"], entries["a"]))].tofile(path)
    return paths


def mirrored(counts: Counts) -> Iterator[AnyArray]:
    """Each file's pairs, then the same the other way round; a word with itself once."""
    for number in range(len(counts.paths)):
        entries = counts.part(number)
        yield entries
        turned = entries[entries["a"] != entries["b"]]
        turned["a"], turned["b"] = turned["b"], turned["a"].copy()
        yield turned
