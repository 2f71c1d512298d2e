"""Linear-chain conditional random field: features of words and their neighbours, learned together.

P(tags | words) is proportional to exp of a sum: for every word the weights of its features for its tag, for every pair of
neighbours the weight of the transition (Lafferty et al. 2001). Features are the word, its prefixes and suffixes, its shape and its
cluster; the same, fewer, of two words on either side; and frequent pairs of neighbours.

A feature is always a function of one word type, or of a pair. So a type's features are looked up once, their weights added to one row
of scores, and from then on the emission of a text is a sum of table rows; Viterbi does the rest for all sentences at once.

Trained by Adam on the exact gradient of the log-likelihood with L2, batch by batch; the weights are the average over the last epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data import folder as folders
from seqcli.data.examples import AnyArray, Batch, FloatArray, IntArray
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.models import clusters
from seqcli.models.clusters import Clusters
from seqcli.models.crf.features import BOUNDARY, describe
from seqcli.models.tagger import ChainTagger, Tensors, label_ids, pack, unpack
from seqcli.nn.chain import Chain

OFFSETS = (-2, -1, 1, 2)  # where the neighbours stand
EDGE = 0  # type id of the boundary
CACHED_TYPES = 200_000  # the type tables are emptied beyond this, so memory does not grow with the input


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of `seq train crf`."""

    epochs: int = 8  # passes over the data
    averaged: int = 3  # how many of the last passes the final weights are the average of
    batch: int = 64  # sentences a step
    rate: float = 0.01  # Adam's learning rate at the start; falls linearly to 0
    l2: float = 1e-6  # weight of half the squared norm, against the mean log-likelihood of a word
    near: int = 2  # a feature of neighbours is kept if it occurs as often as this
    pair: int = 2  # a pair of neighbouring words is kept if it occurs as often as this; 0 keeps none
    prune: float = 0.1  # features whose every weight is smaller are left out of the model
    clusters: str = ""  # model folder of word clusters (seq train clusters)
    seed: int = 1


@dataclass(frozen=True)
class Rounded:
    """A matrix in 8 bits, each row with a scale of its own: a quarter of the size, and tags that hardly change."""

    levels: AnyArray  # (rows, columns) -127 … 127
    scale: AnyArray  # (rows,)

    @classmethod
    def of(cls, matrix: FloatArray) -> Rounded:
        """Round to the nearest level."""
        scale = (np.abs(matrix).max(axis=1, initial=0) / 127).astype(np.float32)
        return cls(np.rint(matrix / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8), scale)

    @classmethod
    def load(cls, tensors: Tensors, name: str, rows: int, columns: int) -> Rounded:
        """Raises Failure: missing or of the wrong shape."""
        return cls(take(tensors, f"{name}.levels", rows, columns), take(tensors, f"{name}.scale", rows))

    def __getitem__(self, rows: Any) -> FloatArray:
        """Some rows in single precision."""
        found: FloatArray = self.levels[rows] * self.scale[rows][:, None]
        return found

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name."""
        return {f"{name}.levels": self.levels, f"{name}.scale": self.scale}


class Weights:
    """Named features with their weights: rows of a matrix, looked up by name."""

    def __init__(self, names: Sequence[str], rows: Rounded) -> None:
        self.names, self.rows = names, rows
        self.index = dict(zip(names, range(len(names)), strict=True))

    @classmethod
    def of(cls, names: Sequence[str], matrix: FloatArray, prune: float) -> Weights:
        """Without the features whose every weight is below `prune`."""
        kept = np.flatnonzero(np.abs(matrix).max(axis=1, initial=0) >= prune)
        return cls([names[row] for row in kept.tolist()], Rounded.of(matrix[kept]))

    def sum(self, described: Sequence[Sequence[str]]) -> FloatArray:
        """For each list of features the sum of the weights of those that are known, (types, columns)."""
        get = self.index.get
        rows: list[int] = []
        bounds: list[int] = []
        for features in described:
            bounds.append(len(rows))
            rows.extend([row for row in map(get, features) if row is not None])
        total = np.zeros((len(described), self.rows.levels.shape[1]), np.float32)
        starts = np.array(bounds)
        filled = np.flatnonzero(np.diff(starts, append=len(rows)))
        if len(filled):
            total[filled] = np.add.reduceat(self.rows[rows], starts[filled], axis=0)
        return total


@dataclass
class Pairs:
    """Frequent pairs of neighbouring words, lower-cased, with what they say of either one's tag."""

    words: list[str]  # (P,) every word that stands in a pair
    keys: IntArray  # (M,) sorted: left * P + right
    rows: Rounded  # (M, 2 K): for the tag of the right word, for the tag of the left

    @classmethod
    def of(cls, words: Sequence[str], keys: IntArray, matrix: FloatArray, prune: float) -> Pairs:
        """Without the pairs whose every weight is below `prune`, and the words that are then in none."""
        kept = np.abs(matrix).max(axis=1, initial=0) >= prune
        ends = np.stack(np.divmod(keys[kept], max(1, len(words))))  # (2, M) left and right
        used, place = np.unique(ends, return_inverse=True)
        left, right = place.reshape(2, -1)
        return cls([words[i] for i in used.tolist()], left * len(used) + right, Rounded.of(matrix[kept]))

    def find(self, words: IntArray) -> tuple[IntArray, IntArray]:
        """Where in a text of words (each an index in `words`, or -1) known pairs begin, and their rows."""
        begin = np.flatnonzero((words[:-1] >= 0) & (words[1:] >= 0))
        if not len(self.keys):
            return begin[:0], begin[:0]
        wanted = words[begin] * len(self.words) + words[begin + 1]
        row = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        known = self.keys[row] == wanted
        return begin[known], row[known]


class Types(dict[str, int]):
    """Numbers words as they are asked for."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class CRFTagger(ChainTagger):
    """A trained CRF, compiled as it meets words."""

    def __init__(
        self,
        labels: tuple[str, ...],
        center: Weights,
        near: Weights,
        pairs: Pairs,
        path: tuple[FloatArray, FloatArray, FloatArray],
        clusters: Clusters,
        recipe: Mapping[str, Any],
    ) -> None:
        self.labels, self.center, self.near, self.pairs = labels, center, near, pairs
        self.transition, self.initial, self.final = path
        self.clusters, self.recipe = clusters, recipe
        self.pair_index = {word: i for i, word in enumerate(pairs.words)}
        self.forget()

    def forget(self) -> None:
        """Empty the type tables."""
        tags = len(self.labels)
        self.types = Types({BOUNDARY: EDGE})
        self.own = np.empty((0, tags), np.float32)  # (V, K) scores of a type for its own tag
        self.beside = np.empty((len(OFFSETS), 0, tags), np.float32)  # (4, V, K) for the tag of a word 2 after … 2 before
        self.in_pairs = np.empty(0, np.int64)  # (V,) index in pairs.words, -1 for none
        self.used = 0
        self.learn([BOUNDARY])

    def learn(self, words: Sequence[str]) -> None:
        """Score the types numbered last, and enter them in the tables."""
        described = [describe(word, self.clusters.of(word)) for word in words]
        start, end = self.used, self.used + len(words)
        if end > len(self.own):
            size = max(2 * len(self.own), end, 1024)
            self.own = np.resize(self.own, (size, self.own.shape[1]))
            grown = np.empty((len(OFFSETS), size, self.own.shape[1]), np.float32)
            grown[:, :start] = self.beside[:, :start]
            self.beside = grown
            self.in_pairs = np.resize(self.in_pairs, size)
        self.own[start:end] = self.center.sum([features.center for features in described])
        near = self.near.sum([features.near for features in described])
        self.beside[:, start:end] = near.reshape(len(words), len(OFFSETS), -1).swapaxes(0, 1)
        get = self.pair_index.get
        self.in_pairs[start:end] = [get(word.lower(), -1) for word in words]
        self.used = end

    def type_ids(self, tokens: Sequence[str]) -> IntArray:
        """The type of every word, (N,); new ones are learned."""
        if self.used > CACHED_TYPES:
            self.forget()
        found = np.fromiter(map(self.types.__getitem__, tokens), np.int64, len(tokens))
        if len(self.types) > self.used:
            self.learn(list(islice(self.types, self.used, None)))
        return found

    def chain(self, tokens: Sequence[str], lengths: IntArray) -> Chain:
        """Emission from the tables; see the base class."""
        place, types = pad(self.type_ids(tokens), lengths)
        emission = self.own[types[place]]
        for table, offset in zip(self.beside, OFFSETS, strict=True):
            emission += table[types[place + offset]]
        begin, row = self.pairs.find(self.in_pairs[types])
        if len(begin):
            weights, tags = self.pairs.rows[row], len(self.labels)
            position = np.full(len(types), len(tokens))  # of the word that stands in each place; boundaries beyond the last
            position[place] = np.arange(len(tokens))
            for word, part in ((position[begin + 1], weights[:, :tags]), (position[begin], weights[:, tags:])):
                inside = word < len(tokens)
                emission[word[inside]] += part[inside]
        return Chain(emission, lengths, self.transition, self.initial, self.final)

    def config(self) -> dict[str, Any]:
        """See the base class."""
        return {"labels": list(self.labels), "recipe": dict(self.recipe)}

    def tensors(self) -> dict[str, AnyArray]:
        """Features in 8 bits, the path in single precision."""
        return {
            "center.names": pack(self.center.names),
            **self.center.rows.tensors("center"),
            "near.names": pack(self.near.names),
            **self.near.rows.tensors("near"),
            "pairs.words": pack(self.pairs.words),
            "pairs.ends": np.stack(np.divmod(self.pairs.keys, max(1, len(self.pairs.words))), axis=1).astype(np.int32),
            **self.pairs.rows.tensors("pairs"),
            "clusters.words": pack(self.clusters.words),
            "clusters.classes": self.clusters.classes.astype(np.int16),
            "transition": self.transition,
            "initial": self.initial,
            "final": self.final,
        }


def load(folder: Folder) -> CRFTagger:
    """The tagger in a model folder.

    Raises:
        Failure: a tensor is missing or of the wrong shape.
    """
    config, tensors = folder.parameters, folder.tensors
    labels = tuple(config["labels"])
    tags = len(labels)
    center = unpack(take(tensors, "center.names", None))
    near = unpack(take(tensors, "near.names", None))
    words = unpack(take(tensors, "pairs.words", None))
    ends = take(tensors, "pairs.ends", None, 2).astype(np.int64)
    clustered = unpack(take(tensors, "clusters.words", None))
    classes = take(tensors, "clusters.classes", len(clustered), None)
    return CRFTagger(
        labels,
        Weights(center, Rounded.load(tensors, "center", len(center), tags)),
        Weights(near, Rounded.load(tensors, "near", len(near), len(OFFSETS) * tags)),
        Pairs(words, ends[:, 0] * len(words) + ends[:, 1], Rounded.load(tensors, "pairs", len(ends), 2 * tags)),
        (
            take(tensors, "transition", tags, tags),
            take(tensors, "initial", tags),
            take(tensors, "final", tags),
        ),
        Clusters(clustered, classes, {}),
        config["recipe"],
    )


def train(train: Batch, _dev: Batch | None, recipe: Recipe, report: Callable[[str], None]) -> CRFTagger:
    """Learn from gold tags; held-out data are not looked at.

    Raises:
        Failure: no sentence, one tag only, or no such cluster model.
    """
    import torch

    from seqcli.models.crf.learner import Bags, Corpus, FeatureCRF, Schedule, fit

    labels, gold = label_ids(train.tags)
    word_classes = read_clusters(recipe.clusters)
    words = [BOUNDARY, *dict.fromkeys(train.tokens)]
    index = {word: i for i, word in enumerate(words)}
    types = np.array([index[word] for word in train.tokens], dtype=np.int64)
    often = np.bincount(types, minlength=len(words))
    often[EDGE] = len(train.lengths)
    described = [describe(word, word_classes.of(word)) for word in words]
    center, center_rows = number([features.center for features in described], often, 1)
    near, near_rows = number([features.near for features in described], often, recipe.near)
    place, padded = pad(types, train.lengths)
    paired, pairs, pair_rows = frequent_pairs(words, padded, place, recipe.pair)
    corpus = Corpus(types, np.stack([padded[place + offset] for offset in OFFSETS]), pair_rows, gold, train.lengths)
    report(f"{len(center)} features of words, {len(near)} of neighbours, {len(pairs)} pairs")

    torch.manual_seed(recipe.seed)
    sizes = (len(center), len(near), len(pairs))
    model = FeatureCRF(Bags.of(center_rows), Bags.of(near_rows), sizes, len(OFFSETS), len(labels))
    schedule = Schedule(recipe.epochs, recipe.averaged, recipe.batch, recipe.rate, recipe.l2, recipe.seed)
    for epoch, loss in enumerate(fit(model, corpus, schedule), 1):
        report(f"epoch {epoch}/{recipe.epochs}: loss {loss:.4f} a word")
    learned = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return CRFTagger(
        labels,
        Weights.of(center, learned["center"], recipe.prune),
        Weights.of(near, learned["near"], recipe.prune),
        Pairs.of(paired, pairs, learned["pairs"][:-1], recipe.prune),
        (learned["transition"], learned["initial"], learned["final"]),
        word_classes,
        asdict(recipe),
    )


def number(described: Sequence[Sequence[str]], often: IntArray, least: int) -> tuple[list[str], list[list[int]]]:
    """Number the features that occur `least` times or more; returns their names and each type's rows."""
    counts: dict[str, int] = {}
    for features, times in zip(described, often.tolist(), strict=True):
        for name in features:
            counts[name] = counts.get(name, 0) + times
    names = [name for name, times in counts.items() if times >= least]
    index = {name: row for row, name in enumerate(names)}
    return names, [[index[name] for name in features if name in index] for features in described]


def pad(types: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """Types with two boundaries before, between and after the sentences: where each word stands (N,), and all (N + 2 B + 2,)."""
    place = np.arange(len(types)) + 2 * np.repeat(np.arange(1, len(lengths) + 1), lengths)
    padded = np.full(len(types) + 2 * len(lengths) + 2, EDGE)
    padded[place] = types
    return place, padded


def frequent_pairs(words: Sequence[str], padded: IntArray, place: IntArray, least: int) -> tuple[list[str], IntArray, IntArray]:
    """Pairs of lower-cased neighbours seen `least` times or more.

    Returns:
        the words; the pairs as sorted keys left * words + right (M,); each word's rows before and after, (2, N), M for none.
    """
    lower = list(dict.fromkeys(word.lower() for word in words))
    index = {word: i for i, word in enumerate(lower)}
    ids = np.array([index[word.lower()] for word in words], dtype=np.int64)[padded]
    keys = np.stack([ids[place - 1] * len(lower) + ids[place], ids[place] * len(lower) + ids[place + 1]])
    known, times = np.unique(keys, return_counts=True)
    known = known[times >= least] if least else known[:0]
    row = np.searchsorted(known, keys)
    row[(row == len(known)) | (np.append(known, -1)[row] != keys)] = len(known)
    return lower, known, row


def read_clusters(path: str) -> Clusters:
    """The clusters in a model folder; none where no folder is named."""
    if not path:
        return Clusters([], np.empty((0, 0), np.int64), {})
    found = folders.read(Path(path))
    if found.config["model"] != "clusters":
        raise Failure(f"{path} holds {found.config['model']!r}, not word clusters", hint="seq train clusters")
    return clusters.load(found)
