"""The best way to cut texts into scored pieces, for many texts at once.

SentencePiece adds scores as 32-bit floats from the beginning of a line, so which of two nearly equal ways is best depends on the sum
so far, by rounding. A text that stands inside a line is therefore cut in 64-bit floats, and marked as close where rounding of any
sum that a line can have might choose another way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.text.subword.sentencepiece_trie import Texts, Trie

BEYOND = 1e5  # sums farther from 0 are brought back to it
ROUNDING = 2.0**-8  # what one addition can be off while sums stay below 2 ** 17
LARGEST = 500.0  # a score beyond this could take a sum too far at once


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The arcs of C texts: those that leave first places, then second ones, and so on. A text of n characters has n + 1 nodes."""

    texts: Texts
    origin: IntArray  # (E,) node that an arc leaves
    target: IntArray  # (E,) node that it reaches
    id: IntArray  # (E,) its piece
    bounds: IntArray  # (longest + 1,) the arcs from place i are bounds[i] to bounds[i + 1]
    first: IntArray  # (C,) node where a text begins
    last: IntArray  # (C,) node where it ends

    def groups(self) -> Iterator[slice]:
        """The arcs by the place that they leave; no two of them reach the same node."""
        for begin, end in zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True):
            yield slice(begin, end)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """One way through each text: P pieces in all."""

    ids: IntArray  # (P,)
    counts: IntArray  # (C,) pieces of each text
    arcs: IntArray  # (P,)


def lattice(trie: Trie, unknown: int, texts: Texts) -> Lattice:
    """Every piece wherever it stands, and the unknown piece for each character that is none by itself."""
    found = trie.matches(texts)
    alone = np.ones(len(texts.codes), dtype=bool)
    alone[found.at[found.length == 1]] = False
    lonely = np.flatnonzero(alone)
    at = np.concatenate([found.at, lonely])
    length = np.concatenate([found.length, np.ones(len(lonely), dtype=np.int64)])
    ids = np.concatenate([found.id, np.full(len(lonely), unknown)])
    owner = np.repeat(np.arange(len(texts.lengths)), texts.lengths)
    place = at - texts.starts[owner[at]]
    longest = int(texts.lengths.max(initial=0))
    order = np.argsort(place.astype(np.uint16) if longest < 1 << 16 else place, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=longest))])
    origin = (at + owner[at])[order]
    first = texts.starts + np.arange(len(texts.lengths))
    return Lattice(texts, origin, origin + length[order], ids[order], bounds, first, first + texts.lengths)


def best_paths(found: Lattice, scores: AnyArray, total: AnyArray | np.float32 | int = 0) -> Paths:
    """Viterbi in the precision of `scores` (V,); of equal ways to a node, the one whose last piece is longest.

    `total`, one or (C,), is the sum where a text begins.
    In 32-bit floats a sum that is far from 0 where a piece begins is taken from all sums from there on, as SentencePiece does.
    """
    weight = scores[found.id]
    best = np.full(len(found.texts.codes) + len(found.first), -np.inf, dtype=scores.dtype)
    best[found.first] = total
    back = np.zeros(len(best), dtype=np.int64)
    for group in found.groups():
        target, origin = found.target[group], found.origin[group]
        if scores.dtype == np.float32 and (np.abs(best[origin]) > BEYOND).any():
            bring_back(found, best, np.unique(origin[np.abs(best[origin]) > BEYOND]))
        reached = best[origin] + weight[group]
        better = np.flatnonzero(reached > best[target])
        best[target[better]] = reached[better]
        back[target[better]] = better + group.start
    return backwards(found, back)


def bring_back(found: Lattice, best: AnyArray, nodes: IntArray) -> None:
    """Take the sum at each node from those of its text from there on."""
    for node in nodes.tolist():
        end = int(found.last[np.searchsorted(found.first, node, side="right") - 1]) + 1
        best[node:end] -= best[node]


def backwards(found: Lattice, back: IntArray) -> Paths:
    """The paths from each text's end, by the arc that leads to each node."""
    texts = np.flatnonzero(found.last > found.first)
    node = found.last[texts]
    owners: list[IntArray] = [np.zeros(0, dtype=np.int64)]
    arcs: list[IntArray] = [np.zeros(0, dtype=np.int64)]
    while len(texts):
        arc = back[node]
        owners.append(texts)
        arcs.append(arc)
        node = found.origin[arc]
        going = node > found.first[texts]
        texts, node = texts[going], node[going]
    owner, arc = np.concatenate(owners[::-1]), np.concatenate(arcs[::-1])
    arc = arc[np.argsort(owner, kind="stable")]
    return Paths(found.id[arc], np.bincount(owner, minlength=len(found.first)), arc)


def close(found: Lattice, paths: Paths, scores: AnyArray) -> BoolArray:
    """Texts for which rounding may choose another way than `paths`, the best in 64-bit floats, (C,).

    A way that leaves the best one and joins it again cannot win if it loses by more than what the additions on both can be off.
    """
    weight = scores[found.id].astype(np.float64)
    taken = np.zeros(len(weight), dtype=bool)
    taken[paths.arcs] = True
    reached = np.full(len(found.texts.codes) + len(found.first), -np.inf)
    reached[found.first] = 0
    owner = np.repeat(np.arange(len(paths.counts)), paths.counts)
    sums = np.cumsum(weight[paths.arcs] - ROUNDING)
    before = np.concatenate([[0.0], sums])[np.cumsum(paths.counts) - paths.counts]
    reached[found.target[paths.arcs]] = sums - before[owner]
    fixed = np.isfinite(reached)
    doubtful = np.zeros(len(reached), dtype=bool)
    for group in found.groups():
        target = found.target[group]
        value = reached[found.origin[group]] + weight[group] + ROUNDING
        value[taken[group]] = -np.inf
        rival = fixed[target] & (value >= reached[target])
        doubtful[target[rival]] = True
        free = ~fixed[target]
        reached[target[free]] = np.maximum(reached[target[free]], value[free])
    nodes = np.cumsum(doubtful)
    marked: BoolArray = nodes[found.last] > nodes[found.first]
    return marked
