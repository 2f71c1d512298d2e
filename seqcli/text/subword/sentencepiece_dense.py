"""The best way to cut many short texts into scored pieces, and where rounding may choose another: one table for all of them.

Scores are whole numbers here, with a piece's length in the lowest bits, so that a maximum says both how good the best way to a place
is and how long its last piece. The texts lie side by side, the longest first; a place of all of them is a row, and for each row the
table has, by the piece's first place, the score of the piece that ends there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.text.subword.sentencepiece_lattice import ROUNDING
from seqcli.text.subword.sentencepiece_trie import CHARACTER, Trie

BITS = 6  # for a piece's length
LENGTH = (1 << BITS) - 1
MOST = LENGTH  # characters of a text
NEVER = -(1 << 30)  # no piece


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """How C texts were cut."""

    ids: IntArray  # (P,)
    counts: IntArray  # (C,) pieces of each
    close: BoolArray  # (C,) whether rounding may change it

    def rows(self) -> list[list[int]]:
        """The ids of each text."""
        flat = self.ids.tolist()
        ends = np.cumsum(self.counts).tolist()
        return [flat[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


class Layout:
    """Where things lie for C texts, the longest first, with a place after each for its end.

    Row j has the k[j] texts with a place j; the pieces that end there begin at most d[j] places before.
    """

    def __init__(self, lengths: IntArray, depth: int) -> None:
        self.lengths = lengths  # (C,)
        self.longest = int(lengths[0])
        self.k: IntArray = np.bincount(lengths, minlength=1)[::-1].cumsum()[::-1]
        self.d: IntArray = np.minimum(np.arange(self.longest + 1), depth)
        cells = self.d * self.k
        ends = np.cumsum(cells)
        self.base: IntArray = ends - cells
        self.cells = int(ends[-1])
        self.after = self.base + cells  # (longest + 1,) where a piece of no characters would lie

    def rows(self, table: AnyArray) -> list[tuple[int, int, int, AnyArray]]:
        """For each place: it, the first that pieces to it may begin at, how many texts, and its part of the table."""
        found = []
        for j, (k, d, base) in enumerate(zip(self.k.tolist(), self.d.tolist(), self.base.tolist(), strict=True)):
            found.append((j, j - d, k, table[base : base + d * k].reshape(d, k)))
        return found[1:]


class Dense:
    """The pieces of a trie with their scores, over texts of at most `MOST` characters.

    >>> pieces = Dense(Trie(["a", "b", "ab"], [0, 1, 2]), np.array([-1.0, -2.0, -2.5, -9.0]), 3)
    >>> found = pieces(["ab", "", "bxa"])
    >>> found.rows(), found.close.tolist()
    ([[2], [], [1, 3, 0]], [False, False, False])
    """

    def __init__(self, trie: Trie, scores: AnyArray, unknown: int) -> None:
        self.trie = trie
        largest = max(1.0, float(np.abs(scores).max()))
        self.scale = 2.0 ** np.floor(np.log2(2.0 ** (30 - 2 * BITS) / (largest + 1)))
        self.rounding = (int(np.ceil(ROUNDING * self.scale + 0.5)) + 1) << BITS  # 0.5 for scores as whole numbers, 1 for lengths
        self.id = trie.id.copy()
        self.id[: 1 + trie.singles][self.id[: 1 + trie.singles] < 0] = unknown
        whole = np.rint(scores[self.id].astype(np.float64) * self.scale).astype(np.int64) << BITS | trie.length & LENGTH
        whole[0] |= 1
        self.weight = np.where((self.id < 0) | (trie.length > MOST), NEVER, whole).astype(np.int32)  # by state

    def __call__(self, texts: Sequence[str]) -> Cut:
        """Cut texts."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        order = np.argsort((MOST - lengths).astype(np.uint8), kind="stable")
        joined = "\0".join([texts[i] for i in order.tolist()] + [""]).encode("utf-32-le", "surrogatepass")
        layout = Layout(lengths[order], self.trie.depth)
        table, states = self.fill(np.frombuffer(joined, dtype="<u4").astype(np.int64), layout)
        best, last = self.forwards(layout, table)
        return self.backwards(layout, order, best, last, table, states)

    def fill(self, codes: IntArray, layout: Layout) -> tuple[AnyArray, AnyArray]:
        """The table of scores, and of the trie's states, for texts with NUL after each."""
        table, states = np.full(layout.cells, NEVER, dtype=np.int32), np.empty(layout.cells, dtype=np.int32)
        sizes = layout.lengths + 1
        ends = np.cumsum(sizes)
        places = np.arange(len(codes)) - np.repeat(ends - sizes, sizes)
        step = layout.k[places]
        cell = layout.after[places] + np.repeat(np.arange(len(sizes)), sizes)
        inside = np.ones(len(codes), dtype=np.bool_)
        inside[ends - 1] = False
        next_ = np.flatnonzero(inside)
        state: IntArray = self.trie.first.take(codes[next_]).astype(np.int64)
        for length in range(1, layout.longest + 1):
            next_ = next_ + 1
            cells = cell.take(next_) - length * step.take(next_)
            table[cells] = self.weight.take(state)
            states[cells] = state
            going = np.flatnonzero(self.trie.inner.take(state))
            next_ = next_.take(going)
            state = self.trie.step(state.take(going) << CHARACTER | codes.take(next_))
            there = np.flatnonzero(state)
            if not len(there):
                break
            state, next_ = state.take(there), next_.take(there)
        return table, states

    def forwards(self, layout: Layout, table: AnyArray) -> tuple[AnyArray, AnyArray]:
        """The best score up to each place of each text, (longest + 1, C), and the same with the last piece's length."""
        last = np.zeros((layout.longest + 1, len(layout.lengths)), dtype=np.int32)
        best = np.zeros_like(last)
        for j, origin, k, cells in layout.rows(table):
            np.maximum.reduce(best[origin:j, :k] + cells, axis=0, out=last[j, :k])
            np.bitwise_and(last[j, :k], ~LENGTH, out=best[j, :k])
        return best, last

    def backwards(self, layout: Layout, order: IntArray, best: AnyArray, last: AnyArray, table: AnyArray, states: AnyArray) -> Cut:
        """The best ways, and what is close."""
        count = len(order)
        text = np.arange(int(layout.k[min(1, layout.longest)])) if layout.longest else np.arange(0)
        place = layout.lengths[text]
        nodes: list[IntArray] = []
        arcs: list[IntArray] = []
        owners: list[IntArray] = []
        while len(text):
            node = place * count + text
            length = last.take(node) & LENGTH
            nodes.append(node)
            owners.append(text)
            arcs.append(layout.after[place] - length * layout.k[place] + text)
            place = place - length
            going = np.flatnonzero(place)
            text, place = text[going], place[going]
        sizes = [len(part) for part in owners]
        empty = np.zeros(0, dtype=np.int64)
        owner, arc, node = (np.concatenate([empty, *parts]) for parts in (owners, arcs, nodes))
        since = np.repeat(np.arange(len(sizes)), sizes)  # pieces after it
        counts = np.empty(count, dtype=np.int64)
        counts[order] = taken = np.bincount(owner, minlength=count)
        ends = np.cumsum(counts)[order]
        ids = np.empty(len(owner), dtype=np.int64)
        ids[ends[owner] - 1 - since] = self.id[states[arc]]
        close = np.zeros(count, dtype=np.bool_)
        close[order[owner[self.rivals(layout, best, table, arc, node, since, taken)]]] = True
        return Cut(ids, counts, close)

    def rivals(
        self, layout: Layout, best: AnyArray, table: AnyArray, arc: IntArray, node: IntArray, since: IntArray, taken: IntArray
    ) -> IntArray:
        """Which nodes of the best ways may, by rounding, be reached by a better way that leaves the best one and joins it there.

        A sum can be too great or too small by `rounding` for each piece: too small by the best way, too great by the others.
        """
        table[arc] = NEVER
        fixed = best.take(node) + (since * self.rounding).astype(np.int32)
        reached = np.full_like(best, NEVER)
        reached[0] = taken * self.rounding
        reached.ravel()[node] = fixed
        for j, origin, k, cells in layout.rows(table):
            rival = np.maximum.reduce(reached[origin:j, :k] + cells, axis=0)
            rival += self.rounding
            np.maximum(reached[j, :k], rival, out=reached[j, :k])
        found: IntArray = np.flatnonzero(reached.take(node) > fixed)
        return found
