"""What hypotheses look at while they are written: kept once a source, however many of them look at it.

A search keeps the hypotheses of a source side by side and reorders them at every step. What their source offers (states, keys, values)
is the same for all of them: it is not part of what is reordered, and all of a source's hypotheses look at it in one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor


class Sources:
    """Tensors with a row a source, and which of its S places are real. A search finds no rows in it, and passes it on as it is."""

    def __init__(self, offered: Sequence[Tensor], real: Tensor) -> None:
        self.offered, self.real = list(offered), real  # (B, …) each; (B, S) bool
        self.ragged = not bool(real.all())

    @property
    def mask(self) -> Tensor | None:
        """(B, S); None where every place is real, which is faster."""
        return self.real if self.ragged else None

    def seen_by(self, which: Tensor) -> tuple[Sources, Tensor, int]:
        """The sources laid out for N rows: row n looks at source `which[n]`.

        Returns:
            sources of which each has the next K rows, `which` (N,) in these, and K; where the numbers differ, a source a row.

        >>> sources = Sources([torch.tensor([[10], [20], [30]])], torch.ones(3, 1, dtype=torch.bool))
        >>> found, which, K = sources.seen_by(torch.tensor([0, 0, 2, 2]))
        >>> found.offered[0].tolist(), which.tolist(), K
        ([[10], [30]], [0, 0, 1, 1], 2)
        >>> found, which, K = sources.seen_by(torch.tensor([0, 0, 2]))
        >>> found.offered[0].tolist(), which.tolist(), K
        ([[10], [10], [30]], [0, 1, 2], 1)
        """
        numbers: list[int] = which.tolist()
        runs = [(number, len(list(run))) for number, run in groupby(numbers)]
        chosen, counts = [number for number, _ in runs], {count for _, count in runs}
        if len(counts) > 1:
            chosen, counts = numbers, {1}
        (count,) = counts or {1}
        if chosen == list(range(len(self.real))):
            return self, which, count
        places = torch.arange(len(chosen), device=which.device).repeat_interleave(count)
        return self.rows(chosen, which.device), places, count

    def rows(self, chosen: Sequence[int], device: torch.device) -> Sources:
        """Some of the sources, in this order."""
        index = torch.tensor(chosen, dtype=torch.long, device=device)
        return Sources([each.index_select(0, index) for each in self.offered], self.real.index_select(0, index))
