"""Batches of sequences of like length, so that little of a batch is padding.

What is drawn depends on seed and epoch alone: the batches of an epoch are the same in every process and after a restart.

>>> batches = token_batches(np.array([3, 9, 2, 3, 10, 2]), tokens=10, seed=1, epoch=0)
>>> sorted(sorted(batch.tolist()) for batch in batches)   # rows × longest is at most 10
[[0, 2, 5], [1], [3], [4]]
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from seqcli.data.examples import IntArray


def token_batches(lengths: IntArray, tokens: int, seed: int, epoch: int, rows: int = 0) -> list[IntArray]:
    """Indices into `lengths` (N,), a batch each, in random order.

    A batch of n sequences, padded to its longest, has at most `tokens` tokens, and at most `rows` sequences if that is given. A
    sequence longer than `tokens` is a batch by itself.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))  # so that who shares a batch differs from epoch to epoch
    order = order[np.argsort(lengths[order], kind="stable")]
    sizes = np.maximum(lengths[order], 1).tolist()
    batches = []
    start = 0
    while start < len(sizes):
        most = min(len(sizes), start + (rows or len(sizes)), start + max(1, tokens // sizes[start]))
        taken = bisect_right(range(1, most - start + 1), tokens, key=lambda n, at=start: n * sizes[at + n - 1])  # type: ignore[misc]
        batches.append(order[start : start + max(1, taken)])
        start += max(1, taken)
    return [batches[i] for i in generator.permutation(len(batches)).tolist()]


def row_batches(count: int, rows: int, seed: int, epoch: int, shuffle: bool = True) -> list[IntArray]:
    """Batches of `rows` indices below `count`; the last has what is left.

    >>> [batch.tolist() for batch in row_batches(5, 2, seed=1, epoch=0, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    """
    order = np.random.default_rng([seed, epoch]).permutation(count) if shuffle else np.arange(count)
    return [order[start : start + rows] for start in range(0, count, rows)]
