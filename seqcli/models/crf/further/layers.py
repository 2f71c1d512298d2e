"""Further tags of words whose tags are known: XPOS given UPOS, FEATS given both.

P(value | word, its neighbours, the tags of all of them) is a softmax over the values that were seen with the word's tag. A value is
what it is made of: `Number=Plur|Person=3` has the score of its two atoms, each a sum over the features of the word, over frequent
words beside it, and over the tags beside it. Atoms of different parts of speech are different. Few of the weights are far from 0, and
those alone are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, FloatArray, IntArray
from seqcli.data.folder import take
from seqcli.errors import Failure
from seqcli.models.crf.corpus import OFFSETS
from seqcli.models.crf.features import Features
from seqcli.models.crf.weights import smallest
from seqcli.models.names import Names, order, pack, unpack
from seqcli.models.tagger import Tensors

OWN = ("l=", "x=", "s1=", "s2=", "s3=", "s4=", "s5=", "p1=", "p2=", "hyphen", "upper", "mixed", "c1=")  # what of a word tells its value
BESIDE = "l="  # what of a word tells its neighbours'
REACH = (-3, *OFFSETS)  # how far tags and frequent words are looked at
GAP = max(map(abs, REACH))
FAR = -1e9  # the score of what cannot be
WIDE = 1 << 13  # words whose scores are computed at once


def own_features(features: Features) -> list[str]:
    """Those that a layer looks at for the word's own value."""
    return [name for name in features.center if name.startswith(OWN)]


def beside_feature(features: Features) -> str:
    """The one that it looks at for a neighbour's; "" of a boundary."""
    return next((name for name in features.center if name.startswith(BESIDE)), "")


@dataclass(frozen=True)
class Sparse:
    """A matrix of 8-bit levels most of which are 0, row by row."""

    sizes: AnyArray  # (rows,) how many entries each has
    columns: AnyArray  # (M,)
    levels: AnyArray  # (M,) int8
    scale: float  # of a level
    width: int  # columns

    @classmethod
    def of(cls, matrix: FloatArray, least: float) -> Sparse:
        """Keep what is `least` or more; nothing else is told from 0."""
        scale = float(np.float32(np.abs(matrix).max(initial=1e-9) / 127))
        levels = np.rint(np.where(np.abs(matrix) >= least, matrix, 0) / scale).astype(np.int8)
        rows, columns = np.nonzero(levels)
        sizes, width = np.bincount(rows, minlength=len(matrix)), matrix.shape[1]
        return cls(sizes.astype(smallest(width + 1)), columns.astype(smallest(width)), levels[rows, columns], scale, width)

    @cached_property
    def bounds(self) -> IntArray:
        """(rows + 1,) where each row's entries begin."""
        return np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])

    def sums(self, rows: IntArray, owners: IntArray, many: int) -> FloatArray:
        """Rows added up by owner, 0 … many - 1: (many, width)."""
        sizes = self.sizes[rows].astype(np.int64)
        ends = np.cumsum(sizes)
        place = np.arange(sizes.sum()) + np.repeat(self.bounds[rows] - (ends - sizes), sizes)
        cells = np.repeat(owners, sizes) * self.width + self.columns[place]
        total = np.bincount(cells, self.levels[place] * self.scale, many * self.width)
        return total.reshape(many, self.width).astype(np.float32)

    @property
    def dense(self) -> FloatArray:
        """The matrix."""
        rows = np.arange(len(self.sizes))
        return self.sums(rows, rows, len(rows))

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name."""
        parts = {"sizes": self.sizes, "columns": self.columns, "levels": self.levels, "scale": np.array([self.scale], np.float32)}
        return {f"{name}.{part}": tensor for part, tensor in parts.items()}

    @classmethod
    def load(cls, tensors: Tensors, name: str, rows: int, width: int) -> Sparse:
        """Raises Failure: missing, of the wrong shape, or with columns that there are not."""
        sizes = take(tensors, f"{name}.sizes", rows)
        columns = take(tensors, f"{name}.columns", None)
        levels = take(tensors, f"{name}.levels", len(columns))
        if sizes.sum(dtype=np.int64) != len(columns) or (len(columns) and not 0 <= columns.min() <= columns.max() < width):
            raise Failure(f"the tensor '{name}.columns' does not fit", hint="train it again")
        return cls(sizes, columns, levels, float(take(tensors, f"{name}.scale", 1)[0]), width)


class Values:
    """Which values go with which tags, and what they are made of.

    Tags that share a `kind` share their atoms: the parts of speech under the pairs of UPOS and XPOS.

    >>> seen = Values([0, 0, 1], np.array([[0, 1], [1, 0], [2, 1]]), ["A=1", "A=1|B=2"])
    >>> seen.blocks                                                     # two atoms of kind 0, two of kind 1
    [slice(0, 2, None), slice(2, 4, None)]
    >>> seen.allowed[1].tolist(), seen.made[0].tolist()                # tag 1 is A=1 only; A=1 is the first atom, B=2 the second
    ([True, False], [[1.0, 0.0], [1.0, 1.0]])
    """

    def __init__(self, kinds: Sequence[int], pairs: IntArray, labels: Sequence[str]) -> None:
        self.kinds = np.array(kinds, dtype=np.int64)  # (G,) of each tag
        self.pairs = pairs  # (M, 2) tag and value, sorted
        self.labels = tuple(labels)  # (L,)
        self.blocks: list[slice] = []  # the columns of each kind's atoms
        self.members: list[IntArray] = []  # values of each kind (J,)
        self.made: list[FloatArray] = []  # of which atoms they are made (J, atoms)
        of_kind = self.kinds[pairs[:, 0]]
        start = 0
        for kind in range(1 + self.kinds.max()):
            values = np.unique(pairs[of_kind == kind, 1])
            atoms = sorted({atom for value in values.tolist() for atom in self.labels[value].split("|")})
            column = {atom: i for i, atom in enumerate(atoms)}
            made = np.zeros((len(values), len(atoms)), np.float32)
            for row, value in enumerate(values.tolist()):
                made[row, [column[atom] for atom in self.labels[value].split("|")]] = 1
            self.blocks.append(slice(start, start + len(atoms)))
            self.members.append(values)
            self.made.append(made)
            start += len(atoms)
        self.atoms = start

    @cached_property
    def allowed(self) -> list[BoolArray]:
        """For each tag which of its kind's values it was seen with, (J,)."""
        rows = np.searchsorted(self.pairs[:, 0], np.arange(len(self.kinds) + 1))
        return [np.isin(self.members[kind], self.pairs[rows[tag] : rows[tag + 1], 1]) for tag, kind in enumerate(self.kinds.tolist())]

    def bars(self, kind: int) -> FloatArray:
        """What keeps tags of a kind (by number among all) from values that they were not seen with, (G, J): 0 or `FAR`."""
        barred = np.zeros((len(self.kinds), len(self.members[kind])), np.float32)
        for tag in np.flatnonzero(self.kinds == kind).tolist():
            barred[tag, ~self.allowed[tag]] = FAR
        return barred


class Layer:
    """A field's values, given the tags of the field before."""

    def __init__(self, values: Values, own: tuple[Names, Sparse], beside: tuple[Names, Sparse], context: Sparse) -> None:
        self.values, self.context = values, context
        self.own_names, self.own = own
        self.beside_names, self.beside = beside
        self.forget()

    def forget(self) -> None:
        """Empty the tables by type."""
        self.table = np.empty((0, self.values.atoms), np.float32)  # (V, A) score of a type's own features
        self.frequent = np.empty(0, np.int64)  # (V,) its number among the frequent words, that of none beyond the last
        self.known = 0

    @cached_property
    def around(self) -> tuple[list[FloatArray], list[FloatArray]]:
        """What each frequent word (F + 1, A), and what each tag (G + 1, A), says of its neighbours, by `REACH`."""
        A = self.values.atoms
        words = self.beside.dense.reshape(-1, len(REACH), A)
        words = np.concatenate([words, np.zeros((1, len(REACH), A), np.float32)])
        tags = self.context.dense.reshape(-1, len(REACH), A)  # the first row is of what is beyond the sentence
        return tuple([np.ascontiguousarray(part[:, i]) for i in range(len(REACH))] for part in (words, tags))  # type: ignore[return-value]

    @cached_property
    def barred(self) -> list[FloatArray]:
        """See `Values.bars`."""
        return [self.values.bars(kind) for kind in range(len(self.values.blocks))]

    def learn(self, described: Sequence[Features]) -> None:
        """Enter the types that come next into the tables."""
        names = [own_features(features) for features in described]
        rows = self.own_names.numbers([name for found in names for name in found])
        owners = np.repeat(np.arange(len(names)), np.fromiter(map(len, names), np.int64, len(names)))
        seen = rows < len(self.own_names)
        sums = self.own.sums(rows[seen], owners[seen], len(names))
        frequent = self.beside_names.numbers([beside_feature(features) for features in described])
        start, end = self.known, self.known + len(described)
        if end > len(self.table):
            size = max(2 * len(self.table), end, 1024)
            room = np.empty((size, self.values.atoms), np.float32)
            room[:start] = self.table[:start]
            self.table, self.frequent = room, np.concatenate([self.frequent, np.empty(size - len(self.frequent), np.int64)])
        self.table[start:end], self.frequent[start:end], self.known = sums, frequent, end

    def __call__(self, types: IntArray, tags: IntArray, lengths: IntArray) -> IntArray:
        """The value of each word (N,), from its type and tag (N,)."""
        place, words = spaced(self.frequent[types], lengths, len(self.beside_names))
        _, given = spaced(tags + 1, lengths, 0)
        found = np.empty(len(types), np.int64)
        kinds = self.values.kinds[tags]
        for kind, members in enumerate(self.values.members):
            of_kind = np.flatnonzero(kinds == kind)
            if len(members) == 1:
                found[of_kind] = members[0]
                continue
            for start in range(0, len(of_kind), WIDE):
                some = of_kind[start : start + WIDE]
                score = self.score(kind, types[some], words, given, place[some])
                found[some] = members[(score + self.barred[kind][tags[some]]).argmax(axis=1)]
        return found

    def score(self, kind: int, types: IntArray, words: IntArray, given: IntArray, place: IntArray) -> FloatArray:
        """The scores of a kind's values for some of its words, (n, J)."""
        block = self.values.blocks[kind]
        atoms = self.table[:, block][types]
        by_word, by_tag = self.around
        for offset, of_word, of_tag in zip(REACH, by_word, by_tag, strict=True):
            atoms += of_word[:, block][words[place + offset]]
            atoms += of_tag[:, block][given[place + offset]]
        scores: FloatArray = atoms @ self.values.made[kind].T
        return scores

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name; what its tags are, the folder knows."""
        return {
            f"{name}.labels": pack(self.values.labels),
            f"{name}.pairs": self.values.pairs.astype(np.int16),
            f"{name}.own.names": self.own_names.packed,
            f"{name}.beside.names": self.beside_names.packed,
            **self.own.tensors(f"{name}.own"),
            **self.beside.tensors(f"{name}.beside"),
            **self.context.tensors(f"{name}.context"),
        }

    @classmethod
    def load(cls, tensors: Tensors, name: str, kinds: Sequence[int]) -> Layer:
        """For tags of some kinds. Raises Failure: a tensor is missing or does not fit."""
        labels = unpack(take(tensors, f"{name}.labels", None))
        pairs = take(tensors, f"{name}.pairs", None, 2).astype(np.int64)
        tags, numbers = pairs.T
        if not len(pairs) or set(tags.tolist()) != set(range(len(kinds))) or not 0 <= numbers.min() <= numbers.max() < len(labels):
            raise Failure(f"the tensor '{name}.pairs' does not fit the tags", hint="train it again")
        values = Values(kinds, pairs, labels)
        own, beside = (Names(take(tensors, f"{name}.{part}.names", None)) for part in ("own", "beside"))
        wide = len(REACH) * values.atoms
        return cls(
            values,
            (own, Sparse.load(tensors, f"{name}.own", len(own), values.atoms)),
            (beside, Sparse.load(tensors, f"{name}.beside", len(beside), wide)),
            Sparse.load(tensors, f"{name}.context", len(kinds) + 1, wide),
        )


def spaced(values: IntArray, lengths: IntArray, filler: int) -> tuple[IntArray, IntArray]:
    """Values (N,) with as many fillers around the sentences as anyone looks far: where each stands (N,), and all.

    >>> spaced(np.array([7, 8, 9]), np.array([2, 1]), 0)[1].tolist()
    [0, 0, 0, 7, 8, 0, 0, 0, 9, 0, 0, 0]
    """
    place = np.arange(len(values)) + GAP * np.repeat(np.arange(1, len(lengths) + 1), lengths)
    padded = np.full(len(values) + GAP * (len(lengths) + 1), filler)
    padded[place] = values
    return place, padded


def sorted_rows(names: Sequence[str], matrix: FloatArray, least: float) -> tuple[Names, Sparse]:
    """Named rows, those of them with a weight of `least` or more, in the order of their names."""
    heavy = np.flatnonzero(np.abs(matrix).max(axis=1, initial=0) >= least)
    kept = heavy[order([names[row] for row in heavy.tolist()])]
    return Names(pack([names[row] for row in kept.tolist()])), Sparse.of(matrix[kept], least)
