"""Edit distances that only look near the diagonal, as sacreBLEU's do: cells far from it do not exist.

For most pairs that changes nothing, see `ter_shifts.leaves_beam`; this is for the others, row by row, where a cell is a number.
Sizes and order are those of `ter_distance`, R the words of the longest reference.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.metrics.text.ter_distance import WORD, Alignment, still_running, trace

BEAM = 25  # cells on either side
FAR = 1 << 28  # the distance of a cell that does not exist


def distances(text: AnyArray, lengths: IntArray, references: IntArray) -> IntArray:
    """As `ter_distance.distances`, within the beam."""
    found = references.copy()
    for _, row, _, _ in rows(text, lengths, references):
        n = row.shape[1]
        found[:n] = row[references[:n], np.arange(n)]
    return found


def align(text: AnyArray, lengths: IntArray, references: IntArray) -> Alignment:
    """As `ter_distance.align`, within the beam."""
    straight, deleted = np.zeros_like(text), np.zeros_like(text)
    for t, row, diagonal, above in rows(text, lengths, references):
        n = row.shape[1]
        straight[t, :, :n] = packed(row[1:] == diagonal, text.shape[1])
        deleted[t, :, :n] = packed(row[1:] == above, text.shape[1])
    return trace(text & straight, straight, deleted, lengths, references)


def rows(text: AnyArray, lengths: IntArray, references: IntArray) -> Iterator[tuple[int, AnyArray, AnyArray, AnyArray]]:
    """The rows of the n pairs still running: number, cells (R + 1, n), and the cost (R, n) of coming from the diagonal, from above."""
    T, _, N = text.shape
    R = int(references.max(initial=0))
    ratio = references / np.maximum(lengths, 1)
    width = np.where(ratio / 2 > BEAM, np.ceil(ratio / 2 + BEAM), BEAM)  # wider where rows would not overlap
    cells = np.arange(R + 1, dtype=np.int32)[:, None]
    row = np.repeat(cells, N, axis=1)
    for t, n in enumerate(still_running(lengths, T)):
        middle = np.floor((t + 1) * ratio[:n])
        outside = (cells < middle - width[:n]) | ((cells >= middle + width[:n]) & (lengths[:n] > t + 1))
        diagonal = row[:-1, :n] + 1 - unpacked(text[t, :, :n], R)
        above = row[:, :n] + 1
        row = above.copy()
        np.minimum(row[1:], diagonal, out=row[1:])
        row[outside] = FAR
        row = np.minimum.accumulate(row - cells, axis=0) + cells  # from the left
        row[outside] = FAR
        yield t, row, diagonal, above[1:]


def packed(flags: BoolArray, W: int) -> AnyArray:
    """Flags (R, n) as bits (W, n)."""
    padded = np.zeros((flags.shape[1], W * WORD), dtype=bool)
    padded[:, : len(flags)] = flags.T
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").T


def unpacked(bits: AnyArray, R: int) -> AnyArray:
    """Bits (W, n) as numbers 0 or 1, (R, n)."""
    return np.unpackbits(np.ascontiguousarray(bits.T).view(np.uint8), axis=1, bitorder="little", count=R).T
