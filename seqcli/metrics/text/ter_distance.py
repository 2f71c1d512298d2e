"""Edit distances of many pairs of word sequences at once, and how the words of a pair align.

Row i of the table of distances between a hypothesis and a reference differs by -1, 0 or 1 from cell to cell, and so from
row to row: 64 cells fit two machine words, and a row takes some fifteen operations (Myers 1999; names as in Hyyrö 2003),
each of them done for all pairs in one call.

Sizes: N pairs, T words in the longest hypothesis, W machine words of 64 bits for the longest reference. Pairs come with the
longest hypothesis first, so that those still running at row i are the first few.

>>> hypotheses = Ragged(np.array([1, 2, 3, 4]), np.array([3, 1]))
>>> references = Ragged(np.array([2, 3, 9, 9]), np.array([2, 2]))
>>> bits = match_bits(hypotheses, references)
>>> distances(np.moveaxis(bits, 0, 2), hypotheses.lengths, references.lengths).tolist()
[1, 2]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.metrics.text.tokens import Ragged

WORD = 64  # bits
CELLS = 1 << 20  # comparisons of words held at once
ONE, LAST = np.uint64(1), np.uint64(WORD - 1)


@dataclass(frozen=True, slots=True)
class Alignment:
    """The cheapest way to rewrite each of N hypotheses into its reference.

    It keeps or replaces a word where it can, else deletes one of the hypothesis, else inserts one of the reference, seen
    from the end: among ways of equal cost this choice is part of the metric's definition.
    """

    columns: IntArray  # (T + 1, N) how many words of the reference are done when the row is left; all of them past the end
    kept: BoolArray  # (T, N) the row's word is aligned with an equal one, the last that was done


def match_bits(hypotheses: Ragged, references: Ragged) -> AnyArray:
    """Where in its reference each word of a hypothesis occurs, (N, T, W): bit j % 64 of machine word j // 64 for place j."""
    T = int(hypotheses.lengths.max(initial=0))
    W = max(1, -(-int(references.lengths.max(initial=0)) // WORD))
    words, inside = padded(hypotheses, T)
    others, valid = padded(references, W * WORD)
    bits = np.empty((len(words), T, W), dtype=np.uint64)
    step = max(1, CELLS // max(1, T * W * WORD))
    for start in range(0, len(words), step):
        rows = slice(start, start + step)
        equal = words[rows, :, None] == others[rows, None, :]
        bits[rows] = np.packbits(equal, axis=2, bitorder="little").view("<u8")
    bits &= np.packbits(valid, axis=1, bitorder="little").view("<u8")[:, None, :]
    bits[~inside] = 0
    return bits


def padded(sequences: Ragged, size: int) -> tuple[AnyArray, BoolArray]:
    """Sequences side by side, (N, size), and where they have words."""
    inside = np.arange(size) < sequences.lengths[:, None]
    table = np.zeros(inside.shape, dtype=sequences.ids.dtype)
    table[inside] = sequences.ids
    return table, inside


def low_bits(counts: IntArray, W: int) -> AnyArray:
    """Machine words (W, N) whose first so many bits are set.

    >>> low_bits(np.array([0, 3, 64, 65]), 2).tolist()
    [[0, 7, 18446744073709551615, 18446744073709551615], [0, 0, 0, 1]]
    """
    here = counts - WORD * np.arange(W)[:, None]
    bits: AnyArray = (ONE << np.minimum(np.maximum(here, 0), WORD).view(np.uint64)) - ONE  # a shift by 64 leaves nothing
    return bits


LOW = low_bits(np.arange(WORD + 1), 1)[0]


def distances(text: AnyArray, lengths: IntArray, references: IntArray) -> IntArray:
    """Edit distances (N,) from match bits (T, W, N), longest first, and both sides' lengths (N,)."""
    W = text.shape[1]
    vp, vn = start(text)
    for _ in rows(text, lengths, references, vp, vn):
        pass
    inside = low_bits(references, W)
    rise = np.bitwise_count(vp & inside).sum(axis=0, dtype=np.int64)
    found: IntArray = lengths + rise - np.bitwise_count(vn & inside).sum(axis=0, dtype=np.int64)
    return found


def start(text: AnyArray) -> tuple[AnyArray, AnyArray]:
    """The vertical steps of row 0, (W, N): each cell is one more than the one before it."""
    shape = text.shape[1:]
    return np.full(shape, ~np.uint64(0)), np.zeros(shape, dtype=np.uint64)


def rows(
    text: AnyArray, lengths: IntArray, references: IntArray, vp: AnyArray, vn: AnyArray
) -> Iterator[tuple[int, int, int, AnyArray, AnyArray]]:
    """Advance the steps between neighbours in a row, up (`vp`) and down (`vn`), (W, N), in place and row by row.

    Yields row, machine word, the n pairs still running, and for these the cells that equal their diagonal neighbour (`d0`)
    and those one more than the cell above (`hp`); both are overwritten next time.
    """
    T, W, N = text.shape
    buffers = np.empty((3, N), dtype=np.uint64)
    spans = [int(np.flatnonzero(references > WORD * w)[-1:].sum()) + 1 for w in range(W)]  # the last pair with so many words
    for t, running in enumerate(still_running(lengths, T)):
        rises = falls = buffers[0, :0]  # from the cells before the machine word to those of the row below
        for w, span in enumerate(spans):
            n = min(running, span)
            eq, up, down = text[t, w, :n], vp[w, :n], vn[w, :n]
            d0, hp, hn = buffers[0, :n], buffers[1, :n], buffers[2, :n]
            if w:
                eq = eq | falls[:n]
            np.bitwise_and(eq, up, out=d0)
            d0 += up
            d0 ^= up
            d0 |= eq
            d0 |= down
            np.bitwise_or(d0, up, out=hp)
            np.invert(hp, out=hp)
            hp |= down
            yield t, w, n, d0, hp
            np.bitwise_and(d0, up, out=hn)
            risen, fallen = (hp >> LAST, hn >> LAST) if w + 1 < W else (rises, falls)
            hp += hp
            hn += hn
            if w:
                hp |= rises[:n]
                hn |= falls[:n]
            else:
                hp |= ONE
            rises, falls = risen, fallen
            np.bitwise_or(d0, hp, out=up)
            np.invert(up, out=up)
            up |= hn
            np.bitwise_and(hp, d0, out=down)


def still_running(lengths: IntArray, T: int) -> list[int]:
    """How many of N hypotheses, the longest first, have a word in each of T rows.

    >>> still_running(np.array([3, 1]), 3)
    [2, 1, 1]
    """
    counts: list[int] = np.searchsorted(-lengths, -np.arange(T)).tolist()
    return counts


def align(text: AnyArray, lengths: IntArray, references: IntArray) -> Alignment:
    """The alignments of N pairs, from match bits (T, W, N), longest first, and both sides' lengths (N,)."""
    vp, vn = start(text)
    straight, deleted = np.empty_like(text), np.empty_like(text)
    for t, w, n, d0, hp in rows(text, lengths, references, vp, vn):
        np.invert(d0, out=straight[t, w, :n])
        deleted[t, w, :n] = hp
    straight |= text
    return trace(text, straight, deleted, lengths, references)


def trace(text: AnyArray, straight: AnyArray, deleted: AnyArray, lengths: IntArray, references: IntArray) -> Alignment:
    """Follow the cheapest paths from their ends, given the cells, bits (T, W, N), where a word may be kept or replaced, or deleted."""
    T, W, N = text.shape
    stops = straight | deleted  # elsewhere a word of the reference is inserted
    columns = np.tile(references, (T + 1, 1))
    kept = np.zeros((T, N), dtype=bool)
    for t, n in reversed(list(enumerate(still_running(lengths, T)))):
        last = landing(stops[t, :, :n], columns[t + 1, :n]) - 1
        if W == 1:
            equal, on, bit = text[t, 0, :n], straight[t, 0, :n], last.view(np.uint64)  # a shift by -1 leaves nothing
        else:
            at = last // WORD, np.arange(n)
            equal, on, bit = text[t][at], straight[t][at], np.where(last < 0, WORD, last % WORD).view(np.uint64)
        columns[t, :n] = last + 1 - (on >> bit & ONE).view(np.int64)
        kept[t, :n] = equal >> bit & ONE
    return Alignment(columns, kept)


def landing(bits: AnyArray, columns: IntArray) -> IntArray:
    """The last of the first `columns` (N,) cells whose bit (W, N) is set, counted from 1; 0 if none is."""
    W = len(bits)
    if W > 1:
        sizes = bit_length(bits & low_bits(columns, W))
        place: IntArray = np.where(sizes > 0, sizes + WORD * np.arange(W)[:, None], 0).max(axis=0)
        return place
    return bit_length(bits[0] & LOW[columns])


def bit_length(bits: AnyArray) -> IntArray:
    """How many bits each machine word takes, as Python's `int.bit_length`.

    >>> bit_length(np.array([0, 1, 6, 2**64 - 1], dtype=np.uint64)).tolist()
    [0, 1, 3, 64]
    """
    top = bits & ~(bits >> ONE)  # the highest bit stays, and a double cannot round it up
    sizes: IntArray = np.maximum((top.astype(np.float64).view(np.int64) >> 52) - 1022, 0)  # the exponent
    return sizes
