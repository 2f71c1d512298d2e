"""The n-grams of all words of a vocabulary as rows of a table: a word's own row, then a bucket for each n-gram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli.data.examples import IntArray
from seqcli.data.vectors.subwords import buckets


def pieces(words: Sequence[str], min_n: int, max_n: int, count: int) -> tuple[IntArray, IntArray]:
    """Where the rows of each word begin (V + 1,), and the rows end to end; buckets come after the words.

    >>> starts, rows = pieces(["a", "cat"], 3, 3, 10)
    >>> starts.tolist(), rows[starts[:2]].tolist()  # <a>; <ca, cat, at>
    ([0, 2, 6], [0, 1])
    """
    size = len(words)
    rows: list[int] = []
    starts = [0]
    for number, word in enumerate(words):
        rows.append(number)
        rows.extend([size + bucket for bucket in buckets(word, min_n, max_n, count)])
        starts.append(len(rows))
    return np.array(starts), np.array(rows)
