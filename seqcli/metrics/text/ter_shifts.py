"""The search for shifts: which stretches of a hypothesis to move elsewhere before its words are edited.

As long as that lowers the edit distance by more than the shift costs, the best shift is made. What is tried, the order
of preference and all limits are those of sacreBLEU's TER, which follows Tercom: stretches of up to 10 words that occur in the
reference at most 50 words away, wrong on both sides; no more than 1,000 shifts tried in a pair.

All pairs of a batch advance together, a shift each in a round.

>>> number = {word: i for i, word in enumerate("the cat sat on mat".split())}
>>> def one(text): return Ragged(np.array([number[word] for word in text.split()]), np.array([len(text.split())]))
>>> edits(one("on the mat the cat sat"), one("the cat sat on the mat")).tolist()
[1]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.metrics.text import ter_beam, ter_distance
from seqcli.metrics.text.ter_beam import BEAM
from seqcli.metrics.text.ter_distance import ONE, WORD, Alignment, bit_length, low_bits, match_bits
from seqcli.metrics.text.tokens import Ragged

LONGEST, FARTHEST, TRIES = 10, 50, 1000  # words in a shifted stretch, words between its places, shifts tried in a pair
PAIRS = 4096  # held at once
CELLS = 1 << 18  # machine words of match bits held at once
MATCHES = 1 << 20  # pairs of equal words held at once
FIELD = 22  # bits of a rank for a place in a sentence


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """S hypotheses and their references, the longest hypothesis first: all that the search needs of them."""

    bits: AnyArray  # (S, T, W) where each word of the hypothesis occurs in the reference
    words: IntArray  # (S,) in the hypothesis
    others: IntArray  # (S,) in the reference

    def take(self, rows: IntArray | BoolArray) -> Pairs:
        """Some of the pairs."""
        words, others = self.words[rows], self.others[rows]
        return Pairs(self.bits[rows, : words.max(initial=0), : -(-others.max(initial=0) // WORD)], words, others)

    def text(self) -> AnyArray:
        """The bits as `ter_distance` wants them, (T, W, S)."""
        return np.ascontiguousarray(np.moveaxis(self.bits, 0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """M shifts: of which pair, the stretch's first word and length, and the place before which it is put."""

    pair: IntArray
    start: IntArray
    length: IntArray
    target: IntArray  # counted as if the stretch still stood at its old place


@dataclass(frozen=True, slots=True)
class Method:
    """How edit distances and alignments are computed."""

    distances: Callable[[AnyArray, IntArray, IntArray], IntArray]
    align: Callable[[AnyArray, IntArray, IntArray], Alignment]


DIRECT = Method(ter_distance.distances, ter_distance.align)
WITHIN_BEAM = Method(ter_beam.distances, ter_beam.align)


def edits(hypotheses: Ragged, references: Ragged) -> IntArray:
    """Shifts, insertions, deletions and replacements that turn each hypothesis into its reference, (N,)."""
    found = np.maximum(hypotheses.lengths, references.lengths)  # right where one of them is empty
    both = np.flatnonzero(np.minimum(hypotheses.lengths, references.lengths))
    for rows in batches(both, hypotheses.lengths, references.lengths):
        found[rows] = search(hypotheses.take(rows), references.take(rows))
    return found


def batches(rows: IntArray, words: IntArray, others: IntArray) -> Iterator[IntArray]:
    """The rows, the longest hypothesis first; references of more than 64 words apart from the many that have less."""
    for group in (rows[others[rows] <= WORD], rows[others[rows] > WORD]):
        order = group[np.argsort(-words[group], kind="stable")]
        while len(order):
            some = order[:PAIRS]
            size = np.maximum.accumulate(-(-others[some] // WORD)) * int(words[some[0]]) * np.arange(1, len(some) + 1)
            end = max(1, int(np.searchsorted(size, CELLS, side="right")))
            yield order[:end]
            order = order[end:]


def search(hypotheses: Ragged, references: Ragged, method: Method = DIRECT) -> IntArray:
    """The edits (N,) of pairs without an empty side, the longest hypothesis first."""
    pairs = Pairs(match_bits(hypotheses, references), hypotheses.lengths, references.lengths)
    cost = method.distances(pairs.text(), pairs.words, pairs.others)
    least = np.maximum(pairs.words, pairs.others) - shared(pairs.bits)
    shifts, tried = np.zeros_like(cost), np.zeros_like(cost)
    lost = np.zeros(len(cost), dtype=bool)
    rows = np.arange(len(cost))
    while True:
        doubt = may_leave_beam(cost, pairs) & (method is DIRECT)
        rows = rows[(cost > least)[rows] | doubt[rows]]
        if not len(rows):
            break
        here = pairs.take(rows)
        alignment = method.align(here.text(), here.words, here.others)
        if doubt[rows].any():
            lost[rows] = leaves_beam(alignment, here)
        moves, counts = candidates(here, alignment, np.where(lost[rows], 0, TRIES - tried[rows]))
        tried[rows] += counts
        best, gain = best_moves(here, moves, cost[rows], method)
        rows = rows[best.pair]
        _, T, W = here.bits.shape
        pairs.bits[rows, :T, :W] = here.bits[best.pair[:, None], rearranged(best, here.words, T).T]
        shifts[rows] += 1
        cost[rows] -= gain
    edited: IntArray = shifts + cost
    if lost.any():
        again = np.flatnonzero(lost)
        edited[again] = search(hypotheses.take(again), references.take(again), WITHIN_BEAM)
    return edited


def shared(bits: AnyArray) -> IntArray:
    """How many words of each hypothesis can be paired with an equal one of the reference, in any order, (N,)."""
    N, T, W = bits.shape
    count = np.zeros(N, dtype=np.int64)
    free = np.full((N, W), ~np.uint64(0))
    for t in range(T):
        left = np.ones(N, dtype=bool)
        for w in range(W):
            found = bits[:, t, w] & free[:, w]
            found &= -found  # its lowest bit
            found[~left] = 0
            free[:, w] ^= found
            left &= found == 0
        count += ~left
    return count


def may_leave_beam(cost: IntArray, pairs: Pairs) -> BoolArray:
    """Whether an edit distance is so large that its path can pass where sacreBLEU's beam does not look, (N,).

    A path that costs d between lengths that differ by e never strays further than (d + e) / 2 from the line between the
    two corners.
    """
    difference: IntArray = np.abs(pairs.words - pairs.others)
    return (cost + difference > 2 * (BEAM - 1)) & (pairs.others >= BEAM)


def leaves_beam(alignment: Alignment, pairs: Pairs) -> BoolArray:
    """Whether the path of an alignment passes where sacreBLEU's beam does not look, (S,).

    If it does not, the beam's edit distance and alignment are the same. If they are for the best shift too, as the next
    round finds out, it is the beam's best as well, since the beam never finds a smaller distance.
    """
    T = len(alignment.kept)
    row = np.arange(1, T + 1)[:, None]
    middle = np.floor(row * (pairs.others / pairs.words))  # (T, S)
    low = (alignment.columns[:-1] < middle - BEAM) & (row <= pairs.words)
    high = (alignment.columns[1:] >= middle + BEAM) & (row < pairs.words)
    outside: BoolArray = np.any(low | high, axis=0)
    return outside


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """An alignment by place in the reference, and the errors on both sides; R words in the longest reference."""

    reached: IntArray  # (S, R + 1) words of the hypothesis that are done when so many of the reference are
    turns: IntArray  # (S, R + 1) at how many places, up to here, that number has changed
    wrong: IntArray  # (S, T + 1) of how many first words of the hypothesis
    missed: IntArray  # (S, R + 1) of how many first words of the reference


def by_place(alignment: Alignment, pairs: Pairs) -> Places:
    """An alignment, turned so that shifts can be read from it."""
    columns, kept = alignment.columns.T, alignment.kept.T
    S, T = kept.shape
    R = int(pairs.others.max())
    at = np.arange(S)[:, None] * (R + 2) + columns + 1
    reached = np.bincount(at.ravel(), minlength=S * (R + 2)).reshape(S, R + 2).cumsum(axis=1)[:, : R + 1]
    turns = np.zeros((S, R + 1), dtype=np.int64)
    np.cumsum(reached[:, 1:] != reached[:, :-1], axis=1, out=turns[:, 1:])
    missed = np.ones((S, R + 1), dtype=np.int64)
    missed[:, 0] = 0
    pair, word = np.nonzero(kept)
    missed[pair, columns[pair, word] + 1] = 0
    wrong = np.zeros((S, T + 1), dtype=np.int64)
    np.cumsum(~kept, axis=1, out=wrong[:, 1:])
    return Places(reached, turns, wrong, missed.cumsum(axis=1))


def candidates(pairs: Pairs, alignment: Alignment, room: IntArray) -> tuple[Moves, IntArray]:
    """The shifts to try, and how many there are of each pair, (S,); none are made of pairs that have no `room` for so many."""
    places = by_place(alignment, pairs)
    counts = np.zeros_like(room)
    blocks = [block for rows in parts(pairs.bits) for block in stretches(pairs, matches(pairs, alignment, rows), places, counts, room)]
    pair, start, other, length = (np.concatenate(column) for column in zip(*blocks, strict=True))
    fits = (counts < room)[pair]
    return targets(pair[fits], start[fits], other[fits], length[fits], places), counts


def parts(bits: AnyArray) -> Iterator[slice]:
    """Ranges of pairs that have not too many equal words between them."""
    count = np.bitwise_count(bits).sum(axis=(1, 2), dtype=np.int64).cumsum()
    first = 0
    while first < len(count):
        before = count[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(count, before + MATCHES, side="right")))
        yield slice(first, last)
        first = last


def matches(pairs: Pairs, alignment: Alignment, rows: slice) -> tuple[IntArray, IntArray, IntArray]:
    """Equal words that are not aligned with each other: pair, place in the hypothesis, place in the reference."""
    bits = pairs.bits[rows].copy()
    _, T, W = bits.shape
    column, kept = alignment.columns[:-1, rows].T, alignment.kept[:, rows].T
    pair, word = np.nonzero(kept)
    at = column[pair, word]
    bits[pair, word, at // WORD] ^= ONE << (at % WORD).view(np.uint64)
    if max(T, W * WORD) > FARTHEST:
        near = low_bits(np.arange(T) + FARTHEST + 1, W) & ~low_bits(np.arange(T) - FARTHEST, W)
        bits &= near.T
    flat = bits.ravel()
    spots, columns = [], []
    spot = np.flatnonzero(flat)
    while len(spot):
        left = flat[spot]
        low = left & -left  # the lowest bit
        spots.append(spot)
        columns.append(bit_length(low) - 1)
        flat[spot] = left ^ low
        spot = spot[left != low]
    spot, bit = np.concatenate([spot, *spots]), np.concatenate([spot, *columns])
    return rows.start + spot // (T * W), spot // W % T, spot % W * WORD + bit


def stretches(
    pairs: Pairs, equal: tuple[IntArray, IntArray, IntArray], places: Places, counts: IntArray, room: IntArray
) -> Iterator[tuple[IntArray, IntArray, IntArray, IntArray]]:
    """Stretches that may be shifted, from their first words on: pair, place in the hypothesis, in the reference, length.

    Adds to `counts` (S,) how many shifts that makes, and leaves a pair when it has no more `room` (S,).
    """
    pair, start, other = equal
    for length in range(1, LONGEST + 1):
        aligned = places.reached[pair, other + 1] - 1
        on = ((aligned < start) | (aligned >= start + length)) & (counts < room)[pair]
        pair, start, other = pair[on], start[on], other[on]
        errors = places.wrong[pair, start + length] > places.wrong[pair, start]
        errors &= places.missed[pair, other + length] > places.missed[pair, other]
        found, at = pair[errors], other[errors]
        turns = 1 + places.turns[found, at + length] - places.turns[found, at]
        counts += np.bincount(found, turns, minlength=len(counts)).astype(np.int64)
        yield found, start[errors], at, np.full(len(found), length)
        on = (start + length < pairs.words[pair]) & (other + length < pairs.others[pair])
        pair, start, other = pair[on], start[on], other[on]
        word, bit = np.divmod(other + length, WORD)
        on = pairs.bits[pair, start + length, word] >> bit.view(np.uint64) & ONE != 0
        pair, start, other = pair[on], start[on], other[on]


def targets(pair: IntArray, start: IntArray, other: IntArray, length: IntArray, places: Places) -> Moves:
    """All places to which stretches are shifted: before, inside and after what their equals are aligned with."""
    ends = np.cumsum(length + 1)
    which = np.repeat(np.arange(len(length)), length + 1)
    offset = np.arange(len(which)) - (ends - length - 1)[which]
    pair, at = pair[which], other[which] + offset
    target = places.reached[pair, at]
    new = (offset == 0) | (target != places.reached[pair, at - 1])
    which = which[new]
    return Moves(pair[new], start[which], length[which], target[new])


def windows(moves: Moves, words: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """A shift is a stretch that changes places with its neighbour: where both begin, the second does, and both end."""
    start, end = moves.start, moves.start + moves.length
    new = np.where(moves.target > end, moves.target - moves.length, np.minimum(moves.target, words[moves.pair] - moves.length))
    return np.minimum(start, new), np.where(new > start, end, start), np.maximum(end, new + moves.length)


def rearranged(moves: Moves, words: IntArray, T: int) -> IntArray:
    """Which word stands where after each shift, (T, M)."""
    low, middle, high = windows(moves, words)
    t = np.arange(T)[:, None]
    second = (t >= low) & (t < low + high - middle)
    first = (t >= low + high - middle) & (t < high)
    order: IntArray = t + second * (middle - low) - first * (high - middle)
    return order


def best_moves(pairs: Pairs, moves: Moves, cost: IntArray, method: Method) -> tuple[Moves, IntArray]:
    """The best shift of each pair that has one at all, and by how much it lowers the edit distance `cost` (S,).

    Of equal ones the longest stretch wins, then the first, then the first place to put it.
    """
    low, middle, high = windows(moves, pairs.words)
    real = np.flatnonzero((low < middle) & (middle < high))
    real = real[np.argsort(moves.pair[real], kind="stable")]
    moves = Moves(moves.pair[real], moves.start[real], moves.length[real], moves.target[real])
    gain = cost[moves.pair] - tried_distances(pairs, moves, method)
    limit = (1 << FIELD) - 1
    rank = ((gain * 16 + moves.length << FIELD) + limit - moves.start << FIELD) + limit - moves.target
    best = np.zeros(len(cost), dtype=np.int64)
    np.maximum.at(best, moves.pair[gain > 0], rank[gain > 0])
    pair = np.flatnonzero(best)
    rank = best[pair]
    head = rank >> 2 * FIELD
    return Moves(pair, limit - (rank >> FIELD & limit), head % 16, limit - (rank & limit)), head // 16


def tried_distances(pairs: Pairs, moves: Moves, method: Method) -> IntArray:
    """The edit distance after each of M shifts, (M,)."""
    _, T, W = pairs.bits.shape
    found = np.empty(len(moves.pair), dtype=np.int64)
    step = max(1, CELLS // (T * W))
    for first in range(0, len(found), step):
        part = slice(first, first + step)
        some = Moves(moves.pair[part], moves.start[part], moves.length[part], moves.target[part])
        words = pairs.words[some.pair]
        order = rearranged(some, pairs.words, int(words[0]))
        text = np.moveaxis(pairs.bits[some.pair, order], 2, 1)
        found[part] = method.distances(np.ascontiguousarray(text), words, pairs.others[some.pair])
    return found
