r"""Masks laid out for a scan: token t of all hypotheses of a group side by side, so that one row of a table is one call.

Sizes: G pairs, T tokens in the longest hypothesis, W words of 64 bits a reference. Pairs come with the longest hypothesis
first: those that still have a token t are the first few.

A word of 64 cells waits for the carry of the one before it in the same row. So step s does row s in the first word, row
s - 1 in the second, and so on: as many steps as rows, and W - 1 more, however long the references are.

>>> from seqcli.metrics.text.masks import groups
>>> from seqcli.metrics.text.tokens import words
>>> group, = groups(words(b"a\na b a\n"), [words(b"a\nb a\n")])
>>> rows = by_row(group)
>>> rows.segments.tolist(), rows.running, rows.text.rows[:, 0, :].tolist()
([1, 0], [2, 1, 1], [[2, 1], [1, 0], [2, 0]])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TypeVar

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.metrics.text.masks import LONGEST, Group, longest_of
from seqcli.metrics.text.tokens import Ragged

WORD = 64  # bits
CELLS = 1 << 20  # of a table held at once
ONE, TOP = np.array(1, dtype=np.uint64), np.array(63, dtype=np.uint64)
FULL, EXPONENT = ~np.uint64(0), np.array(0x7FF << 52, dtype=np.uint64)
State = TypeVar("State")


class Skewed:
    """An array of words, not yet filled, by step and by row: both are views of the same numbers."""

    def __init__(self, T: int, W: int, G: int) -> None:
        self.steps = np.empty((T + W - 1, G * W), dtype=np.uint64)  # word w of row s - w; those of a pair side by side
        self.rows: AnyArray = np.ndarray((T, W, G), np.uint64, self.steps, strides=(8 * W * G, 8 * (W * G + 1), 8 * W))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The masks of G hypotheses in one reference each, row by row."""

    segments: IntArray  # (G,) which of the B segments these are
    lengths: IntArray  # (G,) of the hypotheses, longest first; of one token at least
    references: IntArray  # (G,) lengths
    running: list[int]  # (T,) how many hypotheses have a token t
    text: Skewed  # (T, W, G) where the reference has it; nothing past the end

    def steps(self) -> Iterator[tuple[int, int]]:
        """Each step of a scan, and how many words belong to pairs that are not done before it."""
        W = self.text.rows.shape[1]
        return ((s, W * self.running[max(0, s - W + 1)]) for s in range(len(self.text.steps)))


def by_row(group: Group, reference: int = 0) -> Rows:
    """The rows of a group; `reference` says which of several."""
    order = np.argsort(-group.lengths, kind="stable")
    lengths = group.lengths[order]
    running = still_running(lengths)
    equal = group.equal[reference]
    text = Skewed(len(running), len(equal), len(order))
    text.steps[:] = 0
    starts = (np.cumsum(group.lengths) - group.lengths)[order]
    for t, n in enumerate(running):
        np.take(equal, starts[:n] + t, axis=1, out=text.rows[t, :, :n], mode="clip")  # raise would buffer
    return Rows(group.segments[order], lengths, group.references[reference][order], running, text)


def still_running(lengths: IntArray) -> list[int]:
    """How many sequences, longest first, have a token t; for each t there is.

    >>> still_running(np.array([3, 1, 0]))
    [2, 1, 1]
    """
    counts: list[int] = np.searchsorted(-lengths, -np.arange(lengths[:1].sum())).tolist()
    return counts


def of_characters(hypothesis: Ragged, reference: Ragged) -> Iterator[Rows]:
    """The rows of B pairs whose tokens are code points, or other small numbers: these have a table instead of a sort.

    For every token of a chunk's references and every pair, the table has the mask. Segments with more than LONGEST tokens
    are left out.
    """
    words = np.maximum(1, (reference.lengths + WORD - 1) // WORD)
    kinds = np.searchsorted([4, 16], words)  # more of them would be more steps of less work each
    order = np.lexsort((-hypothesis.lengths, kinds))
    order = order[longest_of(hypothesis, [reference])[order] <= LONGEST]
    size = 1 + max(int(side.ids.max(initial=0)) for side in (hypothesis, reference))
    alphabet = int(np.count_nonzero(np.bincount(reference.ids.astype(np.int64)))) + 1
    while len(order):
        T = int(hypothesis.lengths[order[0]])
        same = order[: np.searchsorted(kinds[order], kinds[order[0]], side="right")]
        cells = np.maximum.accumulate(words[same]) * np.arange(1, len(same) + 1) * max(T, alphabet)
        chunk, order = np.split(order, [max(1, int(np.searchsorted(cells, CELLS, side="right")))])
        yield looked_up(chunk, hypothesis.take(chunk), reference.take(chunk), int(words[chunk].max()), size)


def looked_up(segments: IntArray, hypothesis: Ragged, reference: Ragged, W: int, size: int) -> Rows:
    """The rows of one chunk, longest hypothesis first; tokens are below `size`."""
    G = len(segments)
    rank = np.zeros(size, dtype=np.int64)  # 0: not in any reference
    rank[reference.ids] = 1
    A = int(rank.sum()) + 1
    rank *= np.cumsum(rank)
    table = np.zeros((W, A * G), dtype=np.uint64)
    place = np.arange(len(reference.ids)) - np.repeat(reference.starts, reference.lengths)
    at = rank[reference.ids] * G + np.repeat(np.arange(G), reference.lengths)
    np.add.at(table.reshape(-1), (place >> 6) * (A * G) + at, ONE << (place & 63).view(np.uint64))
    running = still_running(hypothesis.lengths)
    text = Skewed(len(running), W, G)
    text.steps[:] = 0
    at = rank[hypothesis.ids] * G + np.repeat(np.arange(G), hypothesis.lengths)
    starts = hypothesis.starts
    for t, n in enumerate(running):
        np.take(table, at[starts[:n] + t], axis=1, out=text.rows[t, :, :n], mode="clip")
    return Rows(segments, hypothesis.lengths, reference.lengths, running, text)


def low_bits(counts: IntArray, W: int) -> AnyArray:
    """Masks (W, N) whose first `counts` (N,) bits are set.

    >>> low_bits(np.array([0, 3, 65]), 2).tolist()
    [[0, 7, 18446744073709551615], [0, 0, 1]]
    """
    here = counts - WORD * np.arange(W)[:, None]
    np.maximum(here, 0, out=here)
    masks: AnyArray = LOW[np.minimum(here, WORD, out=here)]
    return masks


LOW = np.array([(1 << n) - 1 for n in range(WORD + 1)], dtype=np.uint64)


def highest(masks: AnyArray) -> IntArray:
    """The highest bit of each mask (W, N) that is set, counted from 1; 0 where none is, (N,).

    >>> highest(np.array([[0b0110, 0]], dtype=np.uint64)).tolist()
    [3, 0]
    """
    sizes = bit_lengths(masks)
    if len(masks) > 1:
        sizes = np.where(sizes > 0, sizes + WORD * np.arange(len(masks))[:, None], 0)
    places: IntArray = sizes.max(axis=0)
    return places


def one_bit(places: IntArray, W: int) -> AnyArray:
    """Masks (W, N) with one bit each, counted from 1; none for 0: the inverse of `highest`.

    >>> one_bit(np.array([3, 0, 65]), 2).tolist()
    [[4, 0, 0], [0, 0, 1]]
    """
    return ONE << (places - 1 - WORD * np.arange(W)[:, None]).view(np.uint64)  # a shift by less than 0 or more than 63 leaves nothing


def either(masks: AnyArray) -> AnyArray:
    """The union of the words of each mask (W, N), (N,)."""
    union: AnyArray = masks[0] if len(masks) == 1 else np.bitwise_or.reduce(masks, axis=0)
    return union


def bit_lengths(masks: AnyArray) -> IntArray:
    """`int.bit_length` of every number.

    >>> bit_lengths(np.array([0, 1, 6, 2**64 - 1], dtype=np.uint64)).tolist()
    [0, 1, 3, 64]
    """
    lengths: IntArray = np.maximum((rounded_down(masks).view(np.int64) >> 52) - 1022, 0)
    return lengths


def top_bits(masks: AnyArray) -> AnyArray:
    """The highest bit of every number alone.

    >>> top_bits(np.array([0, 1, 6, 2**64 - 1], dtype=np.uint64)).tolist()
    [0, 1, 4, 9223372036854775808]
    """
    return (rounded_down(masks).view(np.uint64) & EXPONENT).view(np.float64).astype(np.uint64)


def rounded_down(masks: AnyArray) -> FloatArray:
    """Doubles with the highest bit of every number: nothing beside it is left that would round it up."""
    doubles: FloatArray = (masks & ~(masks >> ONE)).astype(np.float64)
    return doubles


def places_of(sequence: Sequence[int]) -> dict[int, int]:
    """The mask of each token of one sequence, of any length.

    >>> places_of([7, 8, 7])
    {7: 5, 8: 2}
    """
    masks: dict[int, int] = {}
    bit = 1
    for token in sequence:
        masks[token] = masks.get(token, 0) | bit
        bit <<= 1
    return masks


def backwards(first: State, step: Callable[[State, int], State], count: int) -> Iterator[State]:
    """The states after each of `count` steps, last first: every √count-th is kept, those between are computed again.

    >>> list(backwards(0, lambda state, t: 10 * state + t, 4))
    [123, 12, 1, 0]
    """
    every = isqrt(count) + 1
    kept: list[State] = []
    state = first
    for t in range(count):
        if t % every == 0:
            kept.append(state)
        state = step(state, t)
    for block in reversed(range(len(kept))):
        state = kept[block]
        states: list[State] = []
        for t in range(block * every, min(count, (block + 1) * every)):
            state = step(state, t)
            states.append(state)
        yield from reversed(states)
