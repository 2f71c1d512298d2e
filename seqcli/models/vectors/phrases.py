"""Phrases: pairs of words that stand together far more often than by chance become one token, joined by `_` (Mikolov et al. 2013b).

score(a, b) = (n(a b) - least) · V / (n(a) n(b)), V the number of types; from left to right, a pair above the threshold is joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.models.vectors.corpus import stretches

PENDING = 1 << 24  # distinct pairs in memory before the rarest are forgotten


def join(path: Path, words: list[bytes], counts: IntArray, least: int, threshold: float) -> IntArray:
    """Join the phrases of a file of types' numbers; their words are appended to `words`. Returns the new counts."""
    size = len(words)
    pairs, together = count_pairs(path, size)
    often = together >= least
    pairs, together = pairs[often], together[often]
    left, right = pairs // size, pairs % size
    score = (together - least) * float(np.count_nonzero(counts)) / (counts[left].astype(np.float64) * counts[right])
    pairs = pairs[score > threshold]
    words.extend([words[a] + b"_" + words[b] for a, b in zip((pairs // size).tolist(), (pairs % size).tolist(), strict=True)])
    total = np.zeros(len(words), dtype=np.int64)
    joined = path.with_suffix(".joined")
    with joined.open("wb") as out:
        for part in lines(path):
            new = joined_tokens(part, pairs, size)
            total += np.bincount(new[new >= 0], minlength=len(words))
            new.tofile(out)
    joined.replace(path)
    return total


def lines(path: Path) -> Iterator[AnyArray]:
    """The numbers of a file in stretches that end where a line does."""
    rest = np.empty(0, np.int32)
    for part in stretches(path):
        whole = np.concatenate([rest, part])
        ends = np.flatnonzero(whole < 0)
        cut = int(ends[-1]) + 1 if len(ends) else 0
        if cut:
            yield whole[:cut]
        rest = whole[cut:]
    if len(rest):
        yield rest


def count_pairs(path: Path, size: int) -> tuple[IntArray, IntArray]:
    """Neighbours in a line as left · size + right, sorted, and how often each stands there."""
    keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    least = 1
    for part in lines(path):
        left, right = part[:-1].astype(np.int64), part[1:]
        found, many = np.unique((left * size + right)[(left >= 0) & (right >= 0)], return_counts=True)
        both, place = np.unique(np.concatenate([keys, found]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, many]), len(both)).astype(np.int64)
        keys = both
        while len(keys) > PENDING:
            keys, counts = keys[counts > least], counts[counts > least]
            least += 1
    return keys, counts


def joined_tokens(part: AnyArray, pairs: IntArray, size: int) -> AnyArray:
    """Tokens with each pair of `pairs` (sorted) as the one token size + its place.

    >>> joined_tokens(np.array([1, 2, 3, -1, 2, 3]), np.array([12, 23]), 10).tolist()
    [10, 3, -1, 11]
    """
    if not len(pairs) or len(part) < 2:
        return part.astype(np.int32)
    left, right = part[:-1].astype(np.int64), part[1:]
    keys = left * size + right
    place = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
    matches = every_other((pairs[place] == keys) & (left >= 0) & (right >= 0))
    new = part.astype(np.int32)
    begins = np.flatnonzero(matches)
    new[begins] = size + place[begins]
    stays = np.ones(len(part), bool)
    stays[begins + 1] = False
    return new[stays]


def every_other(flags: BoolArray) -> BoolArray:
    """In each run of flags the first, third, fifth …: pairs that do not overlap, from left to right.

    >>> every_other(np.array([1, 1, 1, 0, 1], bool)).astype(int).tolist()
    [1, 0, 1, 0, 1]
    """
    place = np.arange(len(flags))
    start = np.where(flags & ~np.append(False, flags[:-1]), place, 0)
    since = place - np.maximum.accumulate(start)
    found: BoolArray = flags & (since % 2 == 0)
    return found
