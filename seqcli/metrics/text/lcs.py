r"""Longest common subsequences of many pairs at once (Crochemore et al. 2001; the form of the steps is Hyyrö's, 2004).

Along a row of the table of lengths a cell is equal to the one before it or one more. A bit a cell says which (0: one
more), and the next row of 64 cells takes four operations.

>>> from seqcli.metrics.text.masks import groups
>>> from seqcli.metrics.text.tokens import words
>>> hypothesis, reference = words(b"the cat the mat\n"), words(b"the mat the cat sat\n")
>>> group, = groups(hypothesis, [reference])
>>> lengths(by_row(group)).tolist()
[2]
>>> common(hypothesis, reference).tolist()                  # the mat
[True, True, False, False, False]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.metrics.text.masks import LONGEST, groups, longest_of
from seqcli.metrics.text.rows import FULL, Rows, Skewed, backwards, by_row, either, highest, low_bits, one_bit, places_of
from seqcli.metrics.text.tokens import Ragged


def lengths(rows: Rows) -> IntArray:
    """How long the longest common subsequence of each pair is, (G,), in the order of the rows."""
    _, W, G = rows.text.rows.shape
    level = np.full(G * W, FULL)
    for _ in scan(rows, level):
        pass
    steps = ~level.reshape(G, W).T & low_bits(rows.references, W)
    found: IntArray = np.bitwise_count(steps).sum(axis=0, dtype=np.int64)
    return found


def scan(rows: Rows, level: AnyArray) -> Iterator[tuple[int, int]]:
    """Carry `level`, W words a pair, from step to step, in place; yields each step, and how many words still run."""
    W = rows.text.rows.shape[1]
    buffers = np.empty((2, len(level)), dtype=np.uint64)
    carries = np.zeros(len(level), dtype=np.uint64)
    for s, n in rows.steps():
        both, rest = buffers[:, :n]
        here, carry = level[:n], carries[:n]
        np.bitwise_and(here, rows.text.steps[s, :n], out=both)
        np.subtract(here, both, out=rest)
        both += here
        if W > 1:
            over = both < here
            both += carry
            over |= both < carry
            carry[1:] = over[:-1]
            carry[::W] = 0  # none goes from pair to pair
        np.bitwise_or(both, rest, out=here)
        yield s, n


def common(hypothesis: Ragged, reference: Ragged) -> BoolArray:
    """Which tokens of B references, (N,), are in the longest common subsequence; of several, the one that ends last in the reference.

    Seen from the end, equal tokens are matched; else the reference's last token goes unless that costs length.
    """
    found = np.zeros(len(reference.ids), dtype=bool)
    starts = reference.starts
    for group in groups(hypothesis, [reference], repeats=False):
        rows = by_row(group)
        first = starts[rows.segments]
        for place in traced(rows):
            matched = np.flatnonzero(place >= 0)
            found[first[matched] + place[matched]] = True
    for segment in np.flatnonzero(longest_of(hypothesis, [reference]) > LONGEST).tolist():
        places_of_one = np.array(common_of_one(hypothesis.row(segment), reference.row(segment)), dtype=np.int64)
        found[int(starts[segment]) + places_of_one] = True
    return found


def traced(rows: Rows) -> Iterator[IntArray]:
    """The way back through the table, last row first: where in its reference the token of each pair is matched, (n,), or -1."""
    T, W, G = rows.text.rows.shape
    levels = Skewed(T, W, G)
    level = np.full(G * W, FULL)
    for s, n in scan(rows, level):
        levels.steps[s, :n] = level[:n]
    columns = rows.references.copy()
    for t in range(T - 1, -1, -1):
        n = rows.running[t]
        equal, level = rows.text.rows[t, :, :n], levels.rows[t, :, :n]
        last = highest((equal | ~level) & low_bits(columns[:n], W))
        matched = either(one_bit(last, W) & equal) != 0
        columns[:n] = last - matched
        yield np.where(matched, last - 1, -1)


def common_of_one(hypothesis: Sequence[int], reference: Sequence[int]) -> list[int]:
    """Places of the reference in the longest common subsequence, last first: one pair, of any length."""
    masks, full = places_of(reference), (1 << len(reference)) - 1
    levels = backwards(full, lambda level, t: next_level(level, masks.get(hypothesis[t], 0), full), len(hypothesis))
    places = []
    i = len(reference)
    for token, level in zip(reversed(hypothesis), levels, strict=True):
        equal = masks.get(token, 0)
        i = ((equal | ~level) & ((1 << i) - 1)).bit_length()
        if i and equal >> (i - 1) & 1:
            i -= 1
            places.append(i)
    return places


def length_of_one(hypothesis: Sequence[int], reference: Sequence[int]) -> int:
    """The length of the longest common subsequence: one pair, of any length.

    >>> length_of_one([1, 2, 3, 2], [2, 1, 2])
    2
    """
    masks, full = places_of(reference), (1 << len(reference)) - 1
    level = full
    for token in hypothesis:
        level = next_level(level, masks.get(token, 0), full)
    return (full ^ level).bit_count()


def next_level(level: int, equal: int, full: int) -> int:
    """One row on, where the token is `equal` to those of the reference."""
    both = level & equal
    return (level + both | level - both) & full
