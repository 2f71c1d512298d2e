r"""Where the tokens of one sequence occur in another, as bits: the one kernel under n-grams, subsequences and edits.

For every token of a hypothesis, bit j of a word of 64 says that the reference has the same token at its place j. From
these masks everything else is a handful of operations on whole arrays: a bigram occurs where a token's mask and the
next one's, shifted by one, agree (`ngrams`); the longest common subsequence and the edit distance are a scan of
additions over the masks (`lcs`, `edits`). Sequences beyond 64 tokens have more words.

>>> from seqcli.metrics.text.tokens import words
>>> group, = groups(words(b"a b a\n"), [words(b"b a\n")])
>>> [f"{mask:02b}" for mask in group.equal[0][0]]
['10', '01', '10']
>>> [f"{mask:03b}" for mask in group.earlier[0]]     # the second `a` has a first
['000', '000', '001']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.metrics.text.tokens import Ragged

CELLS = 1 << 16  # sorted at once: what stays in the processor's cache
LONGEST = 4096  # tokens of the longest sequence that has masks; their number grows with the square of the length
CODE_POINTS = 0x110000  # tokens below are characters, others hashes
SMALL = 256  # letters of an alphabet that is worth a table
ONE = np.uint64(1)


class Group(NamedTuple):
    """G segments of like length, N tokens of hypotheses in all; W words of 64 bits hold a place in the longest."""

    segments: IntArray  # (G,) which of the B segments these are
    lengths: IntArray  # (G,) of the hypotheses
    references: tuple[IntArray, ...]  # (G,) lengths of each reference
    earlier: AnyArray  # (W, N) where the hypothesis itself had the token before
    equal: tuple[AnyArray, ...]  # (W, N) where each reference has the token


def groups(hypothesis: Ragged, references: Sequence[Ragged], repeats: bool = True) -> Iterator[Group]:
    """The masks of B segments, those of like length together; segments with more than LONGEST tokens are left out.

    `earlier` is right only where `repeats` matter.
    """
    longest = longest_of(hypothesis, references)
    both = hypothesis.lengths + np.maximum.reduce([reference.lengths for reference in references])
    words = np.maximum(1, (longest + 63) // 64)
    order = np.lexsort((both, words))
    order = order[longest[order] <= LONGEST]
    words = words[order]
    A, (hypothesis, *references) = ranked([hypothesis, *references])
    hypothesis, *references = (side.take(order) for side in (hypothesis, *references))
    begin = 0
    while begin < len(order):
        W = int(words[begin])
        last = int(np.searchsorted(words, W, side="right"))
        width = int(both[order[min(last, begin + 512) - 1]])
        end = min(last, begin + max(1, CELLS // max(1, A * W if A else width)))
        rows = order[begin:end]
        side, *others = (each.slice(begin, end) for each in (hypothesis, *references))
        pairs = [masks_of_few(side, other, W, A) if A else masks(side, other, W, repeats) for other in others]
        yield Group(rows, side.lengths, tuple(o.lengths for o in others), pairs[0][0], tuple(equal for _, equal in pairs))
        begin = end


def ranked(sides: Sequence[Ragged]) -> tuple[int, list[Ragged]]:
    """The size of the alphabet and the sides with tokens numbered by it; 0 and the sides as they are where it is not small."""
    largest = max((int(side.ids.max()) for side in sides if len(side.ids)), default=0)
    if largest >= CODE_POINTS:
        return 0, list(sides)
    seen = np.zeros(largest + 1, dtype=np.bool_)
    for side in sides:
        seen[side.ids] = True
    A = int(np.count_nonzero(seen))
    if A > SMALL:
        return 0, list(sides)
    rank = np.cumsum(seen) - 1
    return max(A, 1), [Ragged(rank[side.ids], side.lengths) for side in sides]


def masks_of_few(hypothesis: Ragged, reference: Ragged, W: int, A: int) -> tuple[AnyArray, AnyArray]:
    """`earlier` and `equal` of a group with one reference, of tokens below A: a table has the places of each in each segment."""
    G = len(hypothesis.lengths)
    found = []
    places: IntArray = np.zeros(0, dtype=np.int64)
    for side in (reference, hypothesis):
        table = np.zeros((W, G * A), dtype=np.uint64)
        places = np.arange(len(side.ids)) - np.repeat(side.starts, side.lengths)
        cells = np.repeat(np.arange(G) * A, side.lengths) + side.ids
        # Sums of distinct bits are their union.
        np.add.at(table.reshape(-1), (places >> 6) * (G * A) + cells, ONE << (places & 63).view(np.uint64))
        found.append(table)
    equal, mine = (np.take(table, cells, axis=1) for table in found)
    below = np.clip(places - 64 * np.arange(W)[:, None], 0, 64).view(np.uint64)  # (W, N) bits that lie before
    return mine & ((ONE << below) - ONE), equal


def longest_of(hypothesis: Ragged, references: Sequence[Ragged]) -> IntArray:
    """Tokens of the longest sequence of each segment, (B,)."""
    longest: IntArray = np.maximum.reduce([hypothesis.lengths, *(reference.lengths for reference in references)])
    return longest


def masks(hypothesis: Ragged, reference: Ragged, W: int, repeats: bool = True) -> tuple[AnyArray, AnyArray]:
    """`earlier`, if `repeats` matter, and `equal` of a group with one reference.

    In a row of all tokens of a segment, equal ones meet once it is sorted.
    """
    G = len(hypothesis.lengths)
    width = max(1, int((hypothesis.lengths + reference.lengths).max()))
    bits = (128 * W - 1).bit_length()  # of a place: those of the hypothesis first
    places = np.uint64((1 << bits) - 1)
    rows = np.full(G * width, ~np.uint64(0))
    base = np.arange(G) * width
    put(rows, base, hypothesis, bits, 0)
    put(rows, base + hypothesis.lengths, reference, bits, 64 * W)
    ordered = np.sort(rows.reshape(G, width), axis=1).ravel()

    news = np.empty(G * width, dtype=bool)  # where another token begins
    np.greater(ordered[1:] ^ ordered[:-1], places, out=news[1:])
    news[::width] = True
    edges = np.append(np.flatnonzero(news), G * width)
    place = ordered & places
    mine = np.flatnonzero(place < np.uint64(64 * W))
    run = np.cumsum(news)[mine]  # of tokens that equal each other
    begin, end = edges[run - 1], edges[run]
    home = np.repeat(hypothesis.starts, hypothesis.lengths) + place[mine].view(np.int64)
    equal = np.empty((W, len(hypothesis.ids)), dtype=np.uint64)
    earlier = np.empty_like(equal)
    for w in range(W):
        # Sums of distinct bits are their union, and differences of running sums are exact modulo 2^64.
        if repeats:
            seen = running(ONE << (place - np.uint64(64 * w)))  # a bit beyond the 64 of this word is gone
            earlier[w, home] = seen[mine] - seen[begin]
        seen = running(ONE << (place - np.uint64(64 * (w + W))))
        equal[w, home] = seen[end] - seen[mine]
    return earlier, equal


def put(rows: AnyArray, base: IntArray, side: Ragged, bits: int, first: int) -> None:
    """Write tokens and places of one side into the rows (flat); each side begins at `base` (G,)."""
    place = np.arange(len(side.ids)) - np.repeat(side.starts, side.lengths)
    rows[np.repeat(base, side.lengths) + place] = (side.ids << np.uint64(bits)) | (place + first).astype(np.uint64)


def running(values: AnyArray) -> AnyArray:
    """Sums of all values before each place, (n + 1,)."""
    sums = np.empty(len(values) + 1, dtype=np.uint64)
    sums[0] = 0
    np.cumsum(values, out=sums[1:])
    return sums


def shifted(mask: AnyArray, places: int) -> AnyArray:
    """Masks (W, N) with every bit that many places lower; fewer than 64."""
    by = np.uint64(places)
    result: AnyArray = mask >> by
    if len(mask) > 1 and places:
        result[:-1] |= mask[1:] << np.uint64(64 - places)
    return result


def count(mask: AnyArray) -> AnyArray:
    """Bits set in each mask (W, N), (N,)."""
    ones = np.bitwise_count(mask)
    total: AnyArray = ones[0] if len(mask) == 1 else ones.sum(axis=0, dtype=np.int32)
    return total
