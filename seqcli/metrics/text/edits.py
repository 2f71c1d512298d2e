r"""Edit distances of many pairs at once, and how the tokens of a pair align (Levenshtein 1966).

Along a row of the table of distances neighbours differ by -1, 0 or 1. Two bits a cell say so, `up` and `down`, and the next
row of 64 cells takes some fifteen operations (Myers 1999; Hyyrö 2003).

Of the cheapest alignments one is chosen as rapidfuzz, and so jiwer, chooses: tokens that both sides begin and end with
are matched; of the rest, seen from the end, a token of the reference is deleted if that is cheapest, else one of the
hypothesis inserted, else the two stand for each other.

>>> from seqcli.metrics.text.tokens import words
>>> hypothesis, reference = words(b"the cat sat\n"), words(b"a cat sat down\n")
>>> operations(hypothesis, reference).tolist()              # hits, substitutions, deletions, insertions
[[2, 1, 1, 0]]
>>> align("the cat sat".split(), "a cat sat down".split())
[('S', 0, 0), ('=', 1, 1), ('=', 2, 2), ('D', 3, None)]
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.metrics.text.masks import LONGEST, groups, longest_of
from seqcli.metrics.text.rows import (
    FULL,
    ONE,
    TOP,
    WORD,
    Rows,
    Skewed,
    backwards,
    by_row,
    either,
    highest,
    low_bits,
    of_characters,
    one_bit,
    places_of,
    top_bits,
)
from seqcli.metrics.text.tokens import Ragged

HIT, SUBSTITUTION, DELETION, INSERTION = "=SDI"
Operation = tuple[str, int | None, int | None]  # which, the place in the reference, the place in the hypothesis


def operations(hypothesis: Ragged, reference: Ragged) -> IntArray:
    """Hits, substitutions, deletions and insertions of B pairs, (B, 4)."""
    first, last = affixes(hypothesis, reference)
    short, long = (within(side, first, side.lengths - first - last) for side in (hypothesis, reference))
    errors = np.maximum(short.lengths, long.lengths)  # right where one of them is empty
    aligned = np.zeros_like(errors)  # tokens that stand for each other, equal or not
    rest = np.flatnonzero(np.minimum(short.lengths, long.lengths))
    short, long = short.take(rest), long.take(rest)
    for rows in all_rows(short, long):
        at = rest[rows.segments]
        errors[at], aligned[at] = distance_and_pairs(rows)
    for segment in np.flatnonzero(longest_of(short, [long]) > LONGEST).tolist():
        found = trace_of_one(short.row(segment), long.row(segment))
        errors[rest[segment]] = sum(name != HIT for name, _, _ in found)
        aligned[rest[segment]] = sum(name in (HIT, SUBSTITUTION) for name, _, _ in found)
    deleted = reference.lengths - first - last - aligned
    inserted = hypothesis.lengths - first - last - aligned
    replaced = errors - deleted - inserted
    return np.column_stack([aligned - replaced + first + last, replaced, deleted, inserted])


def all_rows(hypothesis: Ragged, reference: Ragged) -> Iterator[Rows]:
    """The rows of B pairs, those of like length together; segments with more than LONGEST tokens are left out."""
    if hypothesis.ids.max(initial=0) <= sys.maxunicode >= reference.ids.max(initial=0):
        return of_characters(hypothesis, reference)
    return map(by_row, groups(hypothesis, [reference], repeats=False))


def distances(hypothesis: Ragged, reference: Ragged) -> IntArray:
    """Edit distances of B pairs, (B,)."""
    found: IntArray = operations(hypothesis, reference)[:, 1:].sum(axis=1)
    return found


def affixes(hypothesis: Ragged, reference: Ragged) -> tuple[IntArray, IntArray]:
    """How many tokens both sides of each of B pairs begin with, and how many of the others they end with, (B,) each.

    >>> affixes(Ragged(np.array([5, 5, 6]), np.array([3])), Ragged(np.array([5, 6]), np.array([2])))
    (array([1]), array([1]))
    """
    least = np.minimum(hypothesis.lengths, reference.lengths)
    ends = np.cumsum(least)
    begins = ends - least
    place = np.arange(int(least.sum())) - np.repeat(begins, least)
    starts = hypothesis.starts, reference.starts
    over = hypothesis.lengths - least, reference.lengths - least

    def different(skip_mine: IntArray, skip_theirs: IntArray) -> IntArray:
        mine = hypothesis.ids[np.repeat(starts[0] + skip_mine, least) + place]
        return np.flatnonzero(mine != reference.ids[np.repeat(starts[1] + skip_theirs, least) + place])

    places = np.append(different(np.zeros_like(least), np.zeros_like(least)), ends[-1:])
    first = np.minimum(places[np.searchsorted(places, begins)] if len(least) else ends, ends) - begins
    places = np.append(-1, different(*over))
    last = ends - 1 - np.maximum(places[np.searchsorted(places, ends) - 1], begins - 1)
    return first, np.minimum(last, least - first)


def within(side: Ragged, first: IntArray, lengths: IntArray) -> Ragged:
    """So many tokens of each sequence from its place `first` on, both (B,)."""
    ends = np.cumsum(lengths)
    return Ragged(side.ids[np.repeat(side.starts + first - ends + lengths, lengths) + np.arange(int(lengths.sum()))], lengths)


def scan(rows: Rows) -> tuple[Skewed, Skewed]:
    """Whether each cell is one more, and whether it is one less, than the one before it in its row: (T, W, G) each."""
    T, W, G = rows.text.rows.shape
    ups, downs = Skewed(T, W, G), Skewed(T, W, G)
    rise, fall = np.full(G * W, FULL), np.zeros(G * W, dtype=np.uint64)
    pluses, minuses = np.zeros((2, G * W), dtype=np.uint64)
    pluses[::W] = 1  # column 0 grows by one a row
    buffers = np.empty((4, G * W), dtype=np.uint64)
    for s, n in rows.steps():
        diagonal, higher, lower, here = buffers[:, :n]
        rise, fall, plus, minus = rise[:n], fall[:n], pluses[:n], minuses[:n]
        equal = rows.text.steps[s, :n]
        if W > 1:
            equal = np.bitwise_or(equal, minus, out=here)
        np.bitwise_and(equal, rise, out=diagonal)  # cells equal to their diagonal neighbour
        diagonal += rise
        diagonal ^= rise
        diagonal |= equal
        diagonal |= fall
        np.bitwise_or(diagonal, rise, out=higher)  # cells one more than the one above
        np.invert(higher, out=higher)
        higher |= fall
        np.bitwise_and(diagonal, rise, out=lower)  # one less
        np.add(higher, higher, out=here)
        here |= plus
        rise, fall = ups.steps[s, :n], downs.steps[s, :n]
        np.bitwise_and(here, diagonal, out=fall)
        np.bitwise_or(here, diagonal, out=rise)
        np.invert(rise, out=rise)
        np.add(lower, lower, out=here)
        rise |= here
        if W > 1:
            rise |= minus
            np.right_shift(higher[:-1], TOP, out=plus[1:])
            np.right_shift(lower[:-1], TOP, out=minus[1:])
            plus[::W], minus[::W] = 1, 0  # no carry goes from pair to pair
    return ups, downs


def distance_and_pairs(rows: Rows) -> tuple[IntArray, IntArray]:
    """The edit distance of each pair, and how many tokens the alignment pairs, equal or not: (G,) each, in the order of the rows."""
    _, W, G = rows.text.rows.shape
    ups, downs = scan(rows)
    end = rows.lengths - 1, slice(None), np.arange(G)
    inside = low_bits(rows.references, W).T
    errors = rows.lengths + np.bitwise_count(ups.rows[end] & inside).sum(axis=1, dtype=np.int64)
    errors -= np.bitwise_count(downs.rows[end] & inside).sum(axis=1, dtype=np.int64)
    return errors, paired(rows, ups, downs)


def paired(rows: Rows, ups: Skewed, downs: Skewed) -> IntArray:
    """Follow the alignments back from the last row: how many tokens of the hypothesis stand for one of the reference, (G,)."""
    T, W, G = rows.text.rows.shape
    columns = one_bit(rows.references, W)
    found = np.zeros(G, dtype=np.int64)
    for t in range(T - 1, -1, -1):
        n = rows.running[t]
        here = columns[:, :n]
        words, pairs = np.nonzero(here & ups.rows[t, :, :n])
        if len(pairs):
            delete(columns, ups.rows[t], words, pairs)
        inserted = here & downs.rows[t - 1, :, :n] if t else np.zeros_like(here)
        here ^= inserted
        found[:n] += either(here) != 0
        inserted |= here >> ONE
        if W > 1:
            inserted[:-1] |= here[1:] << TOP
        here[:] = inserted
    return found


def delete(columns: AnyArray, up: AnyArray, words: IntArray, pairs: IntArray) -> None:
    """Move some of the pairs, with one bit each of `columns` (W, G) in these words, down to the first cell that is no step up."""
    steady = ~up[words, pairs] & (columns[words, pairs] - ONE)
    columns[words, pairs] = top_bits(steady)
    if len(columns) > 1 and not steady.all():  # it is in a word before this one
        words, pairs = words[steady == 0], pairs[steady == 0]
        columns[:, pairs] = one_bit(highest(~up[:, pairs] & low_bits(WORD * words, len(columns))), len(columns))


def align(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> list[Operation]:
    """The alignment of one pair of any length, from first to last."""
    known: dict[Hashable, int] = {}
    mine, theirs = ([known.setdefault(token, len(known)) for token in side] for side in (hypothesis, reference))
    least = min(len(mine), len(theirs))
    first = next((i for i in range(least) if mine[i] != theirs[i]), least)
    last = next((i for i in range(least - first) if mine[-1 - i] != theirs[-1 - i]), least - first)
    middle = trace_of_one(mine[first : len(mine) - last], theirs[first : len(theirs) - last])
    ends = zip(range(len(theirs) - last, len(theirs)), range(len(mine) - last, len(mine)), strict=True)
    return [
        *((HIT, i, i) for i in range(first)),
        *((name, None if i is None else i + first, None if j is None else j + first) for name, i, j in middle),
        *((HIT, i, j) for i, j in ends),
    ]


def trace_of_one(hypothesis: Sequence[int], reference: Sequence[int]) -> list[Operation]:
    """The alignment of one pair without what it begins and ends with in common."""
    masks, full = places_of(reference), (1 << len(reference)) - 1
    states = backwards((full, 0), lambda state, t: next_row(*state, masks.get(hypothesis[t], 0), full), len(hypothesis))
    found: list[Operation] = []
    i = len(reference)
    state = next(states, (full, 0))
    for j in reversed(range(len(hypothesis))):
        before = next(states, (full, 0))
        last = (~state[0] & ((1 << i) - 1)).bit_length()
        found += [(DELETION, place, None) for place in range(i - 1, last - 1, -1)]
        i = last
        if i == 0 or before[1] >> (i - 1) & 1:
            found.append((INSERTION, None, j))
        else:
            i -= 1
            found.append((HIT if reference[i] == hypothesis[j] else SUBSTITUTION, i, j))
        state = before
    found += [(DELETION, place, None) for place in range(i - 1, -1, -1)]
    return found[::-1]


def next_row(up: int, down: int, equal: int, full: int) -> tuple[int, int]:
    """One row on for one pair, where the token is `equal` to those of the reference."""
    diagonal = ((equal & up) + up ^ up) | equal | down
    higher = (down | ~(diagonal | up)) << 1 | 1
    return ((diagonal & up) << 1 | ~(diagonal | higher)) & full, higher & diagonal & full
