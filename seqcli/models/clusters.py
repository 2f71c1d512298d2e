"""Word clusters from raw text: words that stand between the same neighbours fall into one class.

The classes are those of a class bigram model, P(word | class) P(class | class before), whose likelihood on the text is made as large
as single moves can make it: word by word, each goes to the class where it helps most, until nothing moves (the exchange algorithm of
Kneser and Ney 1993; Martin, Liermann and Ney 1998, section 3). What a move changes is a row and a column of the table of class pairs,
so all classes are tried for a word in one array operation. Coarser levels come from the same algorithm with the classes as words.

Taggers take the clusters as features (`seq train crf --set clusters=DIR`): a word never seen with a tag still has its class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, IntArray
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.models.names import Names, order, pack

SPARE = -1  # stands for every word that is too rare, and for the ends of a sentence
FLUSH = 1 << 24  # pairs counted at a time


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of `seq train clusters`."""

    classes: int = 512  # of the finest level; each further level has `coarser` times fewer
    levels: int = 3
    coarser: int = 6
    min_count: int = 10  # rarer words get no class
    rounds: int = 8  # passes of moving words, at most


@dataclass(frozen=True)
class Clusters:
    """Words, lower-cased, with their class at every level, finest first."""

    words: Names  # (V,)
    classes: IntArray  # (V, levels)
    recipe: Mapping[str, Any]

    def config(self) -> dict[str, Any]:
        """As a tagger's."""
        return {"recipe": dict(self.recipe)}

    def tensors(self) -> dict[str, AnyArray]:
        """As a tagger's."""
        return {"words": self.words.packed, "classes": self.classes.astype(np.int32)}

    def of(self, words: Sequence[str]) -> list[list[str]]:
        """The names of each word's classes, `c0=419`, finest first; none for a word that has none."""
        rows = self.words.numbers([word.lower() for word in words])
        known = np.flatnonzero(rows < len(self.words))
        found: list[list[str]] = [[] for _ in words]
        for place, classes in zip(known.tolist(), self.classes[rows[known]].tolist(), strict=True):
            found[place] = [names[c] for names, c in zip(self.names, classes, strict=True)]
        return found

    @cached_property
    def names(self) -> list[list[str]]:
        """The name of every class, level by level."""
        return [[f"c{level}={c}" for c in range(1 + self.classes[:, level].max())] for level in range(self.classes.shape[1])]


def load(folder: Folder) -> Clusters:
    """Raises Failure: a tensor is missing or of the wrong shape."""
    words = Names(take(folder.tensors, "words", None))
    return Clusters(words, take(folder.tensors, "classes", len(words), None).astype(np.int64), folder.parameters["recipe"])


def train(sentences: Callable[[], Iterable[Sequence[str]]], recipe: Recipe, report: Callable[[str], None]) -> Clusters:
    """Learn clusters from sentences, which are gone through twice: once for the words, once for their pairs.

    Raises:
        Failure: fewer words of `min_count` than classes.
    """
    counts: Counter[str] = Counter()
    for sentence in sentences():
        counts.update([word.lower() for word in sentence])
    words = sorted((w for w, n in counts.items() if n >= recipe.min_count), key=lambda w: (-counts[w], w))
    report(f"{counts.total()} words, {len(words)} types seen {recipe.min_count} times or more")
    if len(words) < 2 * recipe.classes:
        raise Failure(
            f"{len(words)} words occur {recipe.min_count} times: too few for {recipe.classes} classes",
            hint="more text, or --set classes=… or --set min_count=…",
        )
    bigrams = count_pairs(sentences(), {word: i for i, word in enumerate(words)})
    report(f"{len(bigrams.count)} pairs of neighbours")
    levels: list[IntArray] = []
    classes = recipe.classes
    for level in range(recipe.levels):
        report(f"level {level}: {classes} classes")
        member = Exchange(bigrams, classes).run(recipe.rounds, report)
        levels.append(member if not levels else member[levels[-1]])
        bigrams = bigrams.merged(member, classes)
        classes = max(2, classes // recipe.coarser)
    in_order = order(words)
    return Clusters(Names(pack([words[i] for i in in_order])), np.stack(levels, axis=1)[in_order], asdict(recipe))


@dataclass(frozen=True)
class Bigrams:
    """How often each word follows each other, sparse; sorted by left, then right."""

    size: int  # words
    left: IntArray  # (M,)
    right: IntArray  # (M,)
    count: IntArray  # (M,)

    @classmethod
    def of(cls, size: int, keys: IntArray, counts: IntArray) -> Bigrams:
        """From keys left * size + right, which may repeat."""
        unique, place = np.unique(keys, return_inverse=True)
        total = np.bincount(place, weights=counts, minlength=len(unique)).astype(np.int64)
        return cls(size, unique // size, unique % size, total)

    def merged(self, member: IntArray, classes: int) -> Bigrams:
        """The same with classes for words."""
        return Bigrams.of(classes, member[self.left] * classes + member[self.right], self.count)


def count_pairs(sentences: Iterable[Sequence[str]], index: Mapping[str, int]) -> Bigrams:
    """Pairs of neighbours both of which have a place in `index`."""
    size = len(index)
    keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    pending: list[int] = []

    def flush() -> None:
        nonlocal keys, counts
        ids = np.array(pending, dtype=np.int64)
        pair = ids[:-1] * size + ids[1:]
        found, many = np.unique(pair[(ids[:-1] >= 0) & (ids[1:] >= 0)], return_counts=True)
        merged = Bigrams.of(size, np.concatenate([keys, found]), np.concatenate([counts, many]))
        keys, counts = merged.left * size + merged.right, merged.count
        pending.clear()

    for sentence in sentences:
        pending.extend([index.get(word.lower(), SPARE) for word in sentence])
        pending.append(SPARE)
        if len(pending) > FLUSH:
            flush()
    flush()
    return Bigrams(size, keys // size, keys % size, counts)


def n_log_n(x: DoubleArray) -> DoubleArray:
    """N log n, 0 at 0; the counts are whole numbers."""
    result: DoubleArray = x * np.log(np.maximum(x, 1.0))
    return result


class Exchange:
    """Moves words between classes while the likelihood of the class bigram model rises.

    Up to a constant the log-likelihood is Σ f(N(c, d)) - 2 Σ f(N(c)), f(n) = n log n, over the counts of class pairs and classes.
    """

    def __init__(self, bigrams: Bigrams, classes: int) -> None:
        self.bigrams, self.classes = bigrams, classes
        weight = np.bincount(bigrams.left, bigrams.count, bigrams.size) + np.bincount(bigrams.right, bigrams.count, bigrams.size)
        self.weight = weight / 2  # how much a word counts in its class
        self.order = np.argsort(-weight, kind="stable")  # frequent words settle first
        self.member = np.empty(bigrams.size, np.int64)
        self.member[self.order] = np.arange(bigrams.size) % classes
        by_right = np.argsort(bigrams.right, kind="stable")
        self.follow = self.slices(bigrams.left), bigrams.right, bigrams.count.astype(np.float64)
        self.precede = self.slices(bigrams.right[by_right]), bigrams.left[by_right], self.follow[2][by_right]
        self.table = np.zeros((classes, classes))  # N(c, d)
        np.add.at(self.table, (self.member[bigrams.left], self.member[bigrams.right]), bigrams.count)
        self.turned = np.ascontiguousarray(self.table.T)  # N(c, d) by d: rows lie together in memory
        self.total: DoubleArray = np.bincount(self.member, self.weight, classes).astype(np.float64)

    def slices(self, owner: IntArray) -> IntArray:
        """Where each word's part of a sorted list begins."""
        return np.searchsorted(owner, np.arange(self.bigrams.size + 1))

    def likelihood(self) -> float:
        """Log-likelihood up to a constant."""
        return float(n_log_n(self.table).sum() - 2 * n_log_n(self.total).sum())

    def run(self, rounds: int, report: Callable[[str], None]) -> IntArray:
        """Rounds over all words until none moves; returns the class of every word (V,)."""
        for turn in range(1, rounds + 1):
            moved = sum(self.settle(word) for word in self.order.tolist())
            report(f"round {turn}: {moved} of {len(self.order)} words moved, log-likelihood {self.likelihood():.6g}")
            if moved * 200 < len(self.order):
                break
        return self.member

    def neighbours(self, word: int, side: tuple[IntArray, IntArray, DoubleArray]) -> tuple[IntArray, DoubleArray, float]:
        """The classes on one side of a word, how often each stands there, and how often the word itself does."""
        bounds, others, counts = side
        where = slice(bounds[word], bounds[word + 1])
        other, count = others[where], counts[where]
        itself = other == word
        per_class: DoubleArray = np.bincount(self.member[other], np.where(itself, 0.0, count), self.classes).astype(np.float64)
        nearby: IntArray = np.flatnonzero(per_class)
        return nearby, per_class[nearby], float(count[itself].sum())

    def settle(self, word: int) -> bool:
        """Move one word to its best class; True if that is another one."""
        after, follow, twice = self.neighbours(word, self.follow)
        before, precede, _ = self.neighbours(word, self.precede)
        old, weight = int(self.member[word]), float(self.weight[word])
        self.change(old, after, -follow, before, -precede, -twice, -weight)
        rows, columns = self.turned[after], self.table[before]  # (nearby, C): N(c, after), N(before, c)
        gain = (n_log_n(rows + follow[:, None]) - n_log_n(rows)).sum(axis=0)
        gain += (n_log_n(columns + precede[:, None]) - n_log_n(columns)).sum(axis=0)
        gain += self.diagonal(after, follow, before, precede, twice)
        gain -= 2 * (n_log_n(self.total + weight) - n_log_n(self.total))
        new = int(gain.argmax())
        if gain[new] <= gain[old] + 1e-9 * abs(gain[old]):
            new = old
        self.change(new, after, follow, before, precede, twice, weight)
        self.member[word] = new
        return new != old

    def diagonal(self, after: IntArray, follow: DoubleArray, before: IntArray, precede: DoubleArray, twice: float) -> DoubleArray:
        """What N(c, c) gains, where the row's and the column's change meet, in place of the two changes apart, (C,)."""
        row, column = np.zeros((2, self.classes))
        row[after], column[before] = follow, precede
        cell: DoubleArray = self.table.diagonal()
        together = n_log_n(cell + row + column + twice) - n_log_n(cell)
        return together - (n_log_n(cell + row) - n_log_n(cell)) - (n_log_n(cell + column) - n_log_n(cell))

    def change(
        self, c: int, after: IntArray, follow: DoubleArray, before: IntArray, precede: DoubleArray, twice: float, weight: float
    ) -> None:
        """Add a word's pairs to a class, or with negative counts take them away."""
        self.table[c, after] += follow
        self.turned[after, c] += follow
        self.table[before, c] += precede
        self.turned[c, before] += precede
        self.table[c, c] += twice
        self.turned[c, c] += twice
        self.total[c] += weight
