"""What a CRF has learned, in the form in which it is looked up: features by name, pairs of neighbours by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.data.folder import take
from seqcli.errors import Failure
from seqcli.models.names import Names, order, pack
from seqcli.models.tagger import Tensors

EDGE = 0  # type id of the boundary
SHORT = 1000  # words for which no table is made
DENSE = 1 << 20  # so many pairs of values are looked up in a table; more are searched for


@dataclass(frozen=True)
class Rounded:
    """A matrix in 8 bits, each row with a scale of its own: a quarter of the size, and tags that hardly change."""

    levels: AnyArray  # (rows, columns) int8, -127 … 127
    scale: AnyArray  # (rows,) float32, stored in half precision

    @classmethod
    def of(cls, matrix: FloatArray) -> Rounded:
        """Round to the nearest level."""
        scale = (np.abs(matrix).max(axis=1, initial=0) / 127).astype(np.float16).astype(np.float32)
        return cls(np.rint(matrix / np.where(scale > 0, scale, np.inf)[:, None]).clip(-127, 127).astype(np.int8), scale)

    @classmethod
    def load(cls, tensors: Tensors, name: str, rows: int, columns: int) -> Rounded:
        """Raises Failure: missing or of the wrong shape."""
        return cls(take(tensors, f"{name}.levels", rows, columns), take(tensors, f"{name}.scale", rows).astype(np.float32))

    def __getitem__(self, rows: Any) -> FloatArray:
        """Some rows in single precision."""
        found: FloatArray = self.levels[rows] * self.scale[rows][:, None]
        return found

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name."""
        return {f"{name}.levels": self.levels, f"{name}.scale": self.scale.astype(np.float16)}


def smallest(many: int) -> type[np.unsignedinteger[Any]]:
    """The type that takes the least room for numbers below `many`."""
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if many <= np.iinfo(kind).max + 1)


def heavy(matrix: FloatArray, prune: float) -> IntArray:
    """The rows some weight of which is `prune` or more."""
    return np.flatnonzero(np.abs(matrix).max(axis=1, initial=0) >= prune)


class Weights:
    """Named features with their weights: rows of a matrix, looked up by name."""

    def __init__(self, names: Names, rows: Rounded) -> None:
        self.names, self.rows = names, rows

    @classmethod
    def of(cls, names: Sequence[str], matrix: FloatArray, prune: float) -> Weights:
        """Without the features whose every weight is below `prune`."""
        kept = heavy(matrix, prune)
        kept = kept[order([names[row] for row in kept.tolist()])]
        return cls(Names(pack([names[row] for row in kept.tolist()])), Rounded.of(matrix[kept]))

    @classmethod
    def load(cls, tensors: Tensors, name: str, columns: int) -> Weights:
        """Raises Failure: missing or of the wrong shape."""
        names = Names(take(tensors, f"{name}.names", None))
        return cls(names, Rounded.load(tensors, name, len(names), columns))

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name."""
        return {f"{name}.names": self.names.packed, **self.rows.tensors(name)}

    def sum(self, described: Sequence[Sequence[str]]) -> FloatArray:
        """For each list of features the sum of the weights of those that are known, (types, columns)."""
        sizes = np.fromiter(map(len, described), np.int64, len(described))
        rows = self.names.numbers(list(chain.from_iterable(described)))
        known = rows < len(self.names)
        ends = np.concatenate([[0], np.cumsum(known)])[np.cumsum(sizes)]  # known features up to the end of each list
        total = np.zeros((len(described), self.rows.levels.shape[1]), np.float32)
        filled = np.flatnonzero(np.diff(ends, prepend=0))
        if len(filled):
            starts = np.concatenate([[0], ends])[filled]
            total[filled] = np.add.reduceat(self.rows[rows[known]], starts, axis=0)
        return total


class Pairs:
    """Pairs of values (words, shapes, classes) that stand `gap` apart, with what they say of a tag.

    One apart, a pair speaks of its right word, then of its left; two apart, of the word between.
    """

    def __init__(self, gap: int, values: Names, ends: AnyArray, rows: Rounded, tags: int) -> None:
        self.gap, self.values, self.ends, self.rows, self.tags = gap, values, ends, rows, tags  # ends (M, 2) sorted; rows (M, 2 K or K)
        self.keys = ends[:, 0].astype(np.int64) * len(values) + ends[:, 1]

    @cached_property
    def parts(self) -> list[FloatArray]:
        """What a pair says of each of its words, in single precision, (M + 1, K) each; the last row is of no pair."""
        weights = np.concatenate([self.rows[:], np.zeros((1, self.rows.levels.shape[1]), np.float32)])
        return [np.ascontiguousarray(weights[:, at : at + self.tags]) for at in range(0, weights.shape[1], self.tags)]

    @cached_property
    def table(self) -> IntArray | None:
        """The row of every pair of values, where they are few."""
        if len(self.values) ** 2 > DENSE:
            return None
        rows = np.full(len(self.values) ** 2, len(self.keys))
        rows[self.keys] = np.arange(len(self.keys))
        return rows

    @classmethod
    def of(cls, gap: int, values: Sequence[str], keys: IntArray, matrix: FloatArray, tags: int, prune: float) -> Pairs:
        """From keys left * values + right, without the pairs whose every weight is below `prune`."""
        kept = heavy(matrix, prune)
        used, place = np.unique(np.stack(np.divmod(keys[kept], max(1, len(values))), axis=1), return_inverse=True)
        names = [values[i] for i in used.tolist()]
        in_order = np.array(order(names), dtype=np.int64)
        number = np.empty_like(in_order)
        number[in_order] = np.arange(len(names))
        ends = number[place.reshape(-1, 2)]
        by_key = np.lexsort((ends[:, 1], ends[:, 0]))
        rows = Rounded.of(matrix[kept[by_key]])
        return cls(gap, Names(pack([names[i] for i in in_order.tolist()])), ends[by_key].astype(smallest(len(names))), rows, tags)

    @classmethod
    def load(cls, tensors: Tensors, name: str, gap: int, tags: int) -> Pairs:
        """Raises Failure: missing or of the wrong shape."""
        values = Names(take(tensors, f"{name}.values", None))
        ends = take(tensors, f"{name}.ends", None, 2)
        if len(ends) and not 0 <= ends.min() <= ends.max() < len(values):
            raise Failure(f"the tensor '{name}.ends' names values that '{name}.values' has not", hint="train it again")
        columns = tags * (2 if gap == 1 else 1)
        return cls(gap, values, ends, Rounded.load(tensors, name, len(ends), columns), tags)

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name."""
        return {f"{name}.values": self.values.packed, f"{name}.ends": self.ends, **self.rows.tensors(name)}

    def add(self, emission: FloatArray, values: IntArray, place: IntArray) -> None:
        """Add to the emission (N, K) of the words at `place` (N,) in a padded text of values, -1 for unknown ones."""
        rows = self.find(values[: -self.gap], values[self.gap :])  # of the pair that begins at each place
        for part, begins in enumerate((-1, 0)[: self.rows.levels.shape[1] // self.tags]):
            row = rows[place + begins]
            if len(place) < SHORT:
                known = np.flatnonzero(row < len(self.keys))
                emission[known] += self.rows[row[known]][:, part * self.tags : (part + 1) * self.tags]
            else:
                emission += self.parts[part][row]

    def find(self, left: IntArray, right: IntArray) -> IntArray:
        """The row of each pair; that of no pair where it is unknown."""
        none = len(self.keys)
        rows = np.full(len(left), none)
        both = np.flatnonzero((left >= 0) & (right >= 0))
        wanted = left[both] * len(self.values) + right[both]
        if len(left) >= SHORT and self.table is not None:
            rows[both] = self.table[wanted]
        elif none:
            found = np.minimum(np.searchsorted(self.keys, wanted), none - 1)
            rows[both] = np.where(self.keys[found] == wanted, found, none)
        return rows


def pad(types: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """Types with two boundaries before, between and after the sentences: where each word stands (N,), and all (N + 2 B + 2,)."""
    place = np.arange(len(types)) + 2 * np.repeat(np.arange(1, len(lengths) + 1), lengths)
    padded = np.full(len(types) + 2 * len(lengths) + 2, EDGE)
    padded[place] = types
    return place, padded
