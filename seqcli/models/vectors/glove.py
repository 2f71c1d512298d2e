"""GloVe (Pennington et al. 2014): w_a · c_b + bias_a + bias_b is to be log X_ab, weighted by f(X) = min(1, X / most)^power; AdaGrad."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.models.vectors.cooccurrence import Counts
from seqcli.models.vectors.loop import Progress

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Fit:
    """Hyper-parameters of the regression."""

    dimensions: int
    epochs: int
    rate: float
    x_max: float
    power: float
    batch: int
    seed: int


class Glove:
    """Vectors and biases of words and of contexts in one table each: rows 0 … V - 1 are words, V … 2 V - 1 contexts."""

    def __init__(self, words: int, fit: Fit) -> None:
        import torch

        self.words, self.fit = words, fit
        drawn = np.random.default_rng(fit.seed).random((2 * words, fit.dimensions + 1), dtype=np.float32)
        self.table = torch.from_numpy((drawn - np.float32(0.5)) / np.float32(fit.dimensions))  # (2 V, D + 1), the bias last
        self.squares = torch.ones_like(self.table)  # AdaGrad's sums

    @property
    def tables(self) -> list[Tensor]:
        """All that changes."""
        return [self.table, self.squares]

    def vectors(self) -> AnyArray:
        """A word's vector is the sum of its two, (V, D)."""
        found: AnyArray = (self.table[: self.words, :-1] + self.table[self.words :, :-1]).numpy()
        return found

    def gradients(self, a: Tensor, b: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of half the weighted squared error by the rows a (N, D + 1) and b, and that error, (N,)."""
        x, y = self.table.index_select(0, a), self.table.index_select(0, b)
        error = (x[:, :-1] * y[:, :-1]).sum(dim=1) + x[:, -1] + y[:, -1] - count.log()
        weighted = error * (count / self.fit.x_max).clamp(max=1).pow(self.fit.power)
        change_x, change_y = y * weighted[:, None], x * weighted[:, None]
        change_x[:, -1] = weighted
        change_y[:, -1] = weighted
        return change_x, change_y, weighted * error

    def step(self, a: Tensor, b: Tensor, count: Tensor) -> float:
        """One batch; rows that occur several times add up their squares first."""
        import torch

        change_x, change_y, loss = self.gradients(a, b, count)
        rows, change = torch.cat([a, b]), torch.cat([change_x, change_y])
        self.squares.index_add_(0, rows, change.square())
        change *= self.squares.index_select(0, rows).rsqrt_()
        self.table.index_add_(0, rows, change, alpha=-self.fit.rate)
        return float(loss.sum()) / 2

    def run(
        self, counts: Counts, raw: int, report: Callable[[Progress], None], save: Callable[[int], None], first: int, threads: int
    ) -> None:
        """All epochs, a file of pairs at a time; `first` is the file to go on with, counted from the beginning of the training."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            self.files(counts, raw, report, save, first)
        finally:
            torch.set_num_threads(before)

    def files(self, counts: Counts, raw: int, report: Callable[[Progress], None], save: Callable[[int], None], first: int) -> None:
        """See `run`."""
        import torch

        total, began = len(counts.paths) * self.fit.epochs, time.perf_counter()
        for turn in range(first, total):
            epoch, number = divmod(turn, len(counts.paths))
            part = counts.part(number)
            part = part[np.random.default_rng([self.fit.seed, 1, epoch, number]).permutation(len(part))]
            a, b = (torch.from_numpy(part[name].astype(np.int64)) for name in ("a", "b"))
            count = torch.from_numpy(part["count"].copy())
            loss = 0.0
            with torch.inference_mode():
                for here in (slice(start, start + self.fit.batch) for start in range(0, len(part), self.fit.batch)):
                    apart = a[here] != b[here]  # a pair and its mirror image; a word with itself is its own
                    left = torch.cat([a[here], b[here][apart]])
                    right = torch.cat([b[here], a[here][apart]]) + self.words
                    loss += self.step(left, right, torch.cat([count[here], count[here][apart]]))
            words = int((turn + 1 - first) / total * raw * self.fit.epochs)
            report(Progress((turn + 1) / total, words, time.perf_counter() - began, loss / max(1, len(part))))
            save(turn + 1)
