"""A training text in numbers: types, their features that are frequent enough, frequent pairs of neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import Batch, BoolArray, IntArray
from seqcli.models.clusters import Clusters
from seqcli.models.crf.features import BOUNDARY, CLASS, SHAPE, WORD, Features
from seqcli.models.crf.folding import describe_all, fold, letters, one_case, unfolded
from seqcli.models.crf.weights import EDGE, pad

OFFSETS = (-2, -1, 1, 2)  # where the neighbours stand
PAIRS = ((WORD, 1), (SHAPE, 1), (CLASS, 1), (CLASS, 2))  # what of a word stands in pairs, and how far apart


@dataclass(frozen=True)
class Text:
    """Sentences as types of words; the last of them may be copies of others, without case."""

    names: list[str]  # (V,) of the types; the boundary is the first
    types: IntArray  # (N,)
    lengths: IntArray  # (B,)
    words: int  # how many of the N are not of copies
    sentences: int  # how many of the B are not copies
    origin: IntArray  # (N,) the word of the training text that each is, or is a copy of


@dataclass(frozen=True)
class Corpus:
    """A training text of N words in B sentences, in numbers."""

    types: IntArray  # (N,) type of each word
    beside: IntArray  # (offsets, N) types of its neighbours
    pairs: list[IntArray]  # for each kind (1 or 2, N): rows of the pairs that speak of each word
    gold: IntArray  # (N,) tag
    lengths: IntArray  # (B,)
    copies: int = 0  # how many of the sentences, the last ones, are copies of others
    share: float = 0.0  # how many of these a pass sees
    allowed: BoolArray | None = None  # (K + sets, K) what each number in `gold` stands for, see `partial`; None: the tag itself

    @property
    def size(self) -> int:
        """Sentences that a pass sees."""
        return len(self.lengths) - self.copies + round(self.share * self.copies)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[tuple[IntArray, IntArray]]:
        """Sentences in random order, `size` at a time: places of their words, and their lengths."""
        ends = np.cumsum(self.lengths)
        first = len(self.lengths) - self.copies
        order = rng.permutation(first)
        if self.copies:
            order = rng.permutation(np.concatenate([order, first + rng.permutation(self.copies)[: self.size - first]]))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            lengths = self.lengths[chosen]
            shift = ends[chosen] - np.cumsum(lengths)
            yield np.arange(lengths.sum()) + np.repeat(shift, lengths), lengths


class Numbered(NamedTuple):
    """Features that occur often enough, and those of each type as rows of them."""

    names: list[str]
    rows: list[list[int]]  # (V, some)


class Frequent(NamedTuple):
    """One kind of pairs in the training text."""

    values: list[str]  # (P,)
    keys: IntArray  # (M,) left * P + right, sorted
    rows: IntArray  # (1 or 2, N) row of the pair that begins before each word (and of that which begins with it), M for none


class Reading(NamedTuple):
    """All that the learner is given."""

    corpus: Corpus
    center: Numbered
    near: Numbered
    pairs: list[Frequent]


def describe(train: Batch, classes: Clusters, folded: bool) -> tuple[Text, list[Features]]:
    """A text as types, and what is known of each; `folded` as in `types_of`."""
    text = types_of(train, folded)
    return text, describe_all(text.names, classes.of(unfolded(text.names)))


def read(text: Text, described: Sequence[Features], gold: IntArray, near: int, pair: int, folded: float) -> Reading:
    """A text with the tags `gold` (N,) in numbers; features of neighbours and pairs that occur `near` and `pair` times are kept.

    A pass sees the share `folded` of the copies.
    """
    often = np.bincount(text.types[: text.words], minlength=len(text.names))
    often[EDGE] = text.sentences
    place, padded = pad(text.types, text.lengths)
    pairs = [frequent_pairs([each.values[view] for each in described], padded, place, gap, pair, text.words) for view, gap in PAIRS]
    corpus = Corpus(
        text.types,
        np.stack([padded[place + offset] for offset in OFFSETS]),
        [found.rows for found in pairs],
        gold[text.origin],
        text.lengths,
        len(text.lengths) - text.sentences,
        folded,
    )
    return Reading(corpus, number(described, often, 1, CENTER), number(described, often, near, NEAR), pairs)


def types_of(train: Batch, folded: bool) -> Text:
    """The words of a text as types; `folded`: folded ones in sentences of one case, and copies of all others that have such."""
    index = {word: i for i, word in enumerate(dict.fromkeys([BOUNDARY, *train.tokens]))}
    types = np.array([index[word] for word in train.tokens], dtype=np.int64)
    lengths, places = train.lengths, np.arange(len(types))
    if not folded:
        return Text(list(index), types, lengths, len(types), len(lengths), places)
    plain = one_case(np.array(list(map(letters, index)))[types], lengths)
    inside = np.repeat(plain, lengths)
    counterpart = np.array([index.setdefault(fold(word), len(index)) for word in list(index)])
    return Text(
        list(index),
        np.concatenate([np.where(inside, counterpart[types], types), counterpart[types[~inside]]]),
        np.concatenate([lengths, lengths[~plain]]),
        len(types),
        len(lengths),
        np.concatenate([places, places[~inside]]),
    )


CENTER, NEAR = Features._fields.index("center"), Features._fields.index("near")


def number(described: Sequence[Features], often: IntArray, least: int, view: int) -> Numbered:
    """Number the features, `CENTER` or `NEAR`, that occur `least` times or more."""
    counts: dict[str, int] = {}
    for features, times in zip(described, often.tolist(), strict=True):
        for name in features[view]:
            counts[name] = counts.get(name, 0) + times
    names = [name for name, times in counts.items() if times >= least]
    index = {name: row for row, name in enumerate(names)}
    return Numbered(names, [[index[name] for name in features[view] if name in index] for features in described])


def frequent_pairs(of_type: Sequence[str], padded: IntArray, place: IntArray, gap: int, least: int, words: int) -> Frequent:
    """Pairs of values `gap` apart that occur `least` times or more in the first `words`; `of_type` is the value of each type."""
    values = list(dict.fromkeys(of_type))
    index = {value: i for i, value in enumerate(values)}
    ids = np.array([index[value] for value in of_type], dtype=np.int64)[padded]
    begins = np.array([-1, 0] if gap == 1 else [-1])[:, None]
    keys = ids[place + begins] * len(values) + ids[place + begins + gap]  # (1 or 2, N)
    known, times = np.unique(keys[:, :words], return_counts=True)
    known = known[times >= least] if least else known[:0]
    rows = np.searchsorted(known, keys)
    rows[np.append(known, -1)[rows] != keys] = len(known)
    return Frequent(values, known, rows)
