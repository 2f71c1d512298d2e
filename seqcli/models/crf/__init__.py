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
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data import folder as folders
from seqcli.data.examples import AnyArray, Batch, FloatArray, IntArray, Tagging
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure, UsageFailure
from seqcli.models import clusters
from seqcli.models.clusters import Clusters
from seqcli.models.crf import corpus as corpora
from seqcli.models.crf import further, partial
from seqcli.models.crf.corpus import OFFSETS, PAIRS, Text
from seqcli.models.crf.features import BOUNDARY, Features
from seqcli.models.crf.folding import describe_all, fold, letters, one_case, unfolded
from seqcli.models.crf.further import Further, Words
from seqcli.models.crf.scripts import vary_all
from seqcli.models.crf.weights import EDGE, Pairs, Weights, pad
from seqcli.models.names import Names
from seqcli.models.tagger import ChainTagger
from seqcli.nn.chain import Chain

CACHED_TYPES = 1 << 16  # the type tables are emptied beyond this, so memory does not grow with the input


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of `seq train crf`."""

    epochs: int = 6  # passes over the data
    averaged: int = 2  # how many of the last passes the final weights are the average of
    batch: int = 128  # sentences a step
    rate: float = 0.015  # Adam's learning rate at the start; falls linearly to 0
    l2: float = 1e-6  # weight of half the squared norm, against the mean log-likelihood of a word
    drop: float = 0.0  # share of a word's features that a step does not see, so that each learns to speak for itself
    near: int = 2  # a feature of neighbours is kept if it occurs as often as this
    pair: int = 2  # a pair of neighbouring words is kept if it occurs as often as this; 0 keeps none
    prune: float = 0.1  # features whose every weight is smaller are left out of the model
    clusters: str = ""  # model folder of word clusters (seq train clusters)
    features: str = ""  # for small treebanks and other scripts: plain, chinese or korean
    folded: float = 0.0  # share of the sentences that each pass shows once more without case; 0 leaves text in one case as it is
    gold: int = 1  # how many times each sentence of the treebank counts, beside silver ones
    fields: str = ""  # what a treebank has beside UPOS that is learned too: xpos,feats,lemma
    seed: int = 1


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
        pairs: Sequence[Pairs],
        path: tuple[FloatArray, FloatArray, FloatArray],
        clusters: Clusters,
        recipe: Mapping[str, Any],
        further: Further | None = None,
    ) -> None:
        self.labels, self.center, self.near, self.pairs = labels, center, near, pairs
        self.transition, self.initial, self.final = path
        self.clusters, self.recipe, self.further = clusters, recipe, further
        self.forget()

    @property
    def fields(self) -> tuple[str, ...]:
        """See the base class."""
        return self.further.fields if self.further else ()

    def forget(self) -> None:
        """Empty the type tables."""
        tags = len(self.labels)
        self.types = Types({BOUNDARY: EDGE})
        self.own = np.empty((0, tags), np.float32)  # (V, K) scores of a type for its own tag
        self.beside = np.empty((len(OFFSETS), 0, tags), np.float32)  # (4, V, K) for the tag of a word 2 after … 2 before
        self.in_pairs = np.empty((len(PAIRS), 0), np.int64)  # (kinds of pairs, V) number of the type's value, -1 for none
        self.letters = np.empty(0, np.int64)  # (V,) what letters a type has
        self.used = 0
        self.learn([BOUNDARY])
        if self.further:
            self.further.forget()

    def learn(self, words: Sequence[str]) -> None:
        """Score the types numbered last, and enter them in the tables."""
        described = self.describe(words)
        start, end = self.used, self.used + len(words)
        if end > len(self.own):
            size = max(2 * len(self.own), end, 1024)
            self.own = grown(self.own, size, 0)
            self.beside, self.in_pairs = grown(self.beside, size, 1), grown(self.in_pairs, size, 1)
            self.letters = grown(self.letters, size, 0)
        self.own[start:end] = self.center.sum([features.center for features in described])
        near = self.near.sum([features.near for features in described])
        self.beside[:, start:end] = near.reshape(len(words), len(OFFSETS), -1).swapaxes(0, 1)
        for numbers, pairs, (view, _) in zip(self.in_pairs, self.pairs, PAIRS, strict=True):
            found = pairs.values.numbers([features.values[view] for features in described])
            numbers[start:end] = np.where(found < len(pairs.values), found, -1)
        self.letters[start:end] = list(map(letters, words))
        self.used = end

    def describe(self, types: Sequence[str]) -> list[Features]:
        """The features of types, folded or not."""
        return vary_all(types, describe_all(types, self.clusters.of(unfolded(types))), self.recipe.get("features", ""))

    def numbers(self, tokens: Sequence[str]) -> IntArray:
        """The type of every word, (N,); new ones are learned."""
        found = np.fromiter(map(self.types.__getitem__, tokens), np.int64, len(tokens))
        if len(self.types) > self.used:
            self.learn(list(islice(self.types, self.used, None)))
        return found

    def type_ids(self, tokens: Sequence[str], lengths: IntArray) -> IntArray:
        """The type of every word, (N,): a folded one in sentences of one case."""
        if self.used > CACHED_TYPES:
            self.forget()
        types = self.numbers(tokens)
        if self.recipe.get("folded"):
            places = np.flatnonzero(np.repeat(one_case(self.letters[types], lengths), lengths))
            _, first, which = np.unique(types[places], return_index=True, return_inverse=True)
            types[places] = self.numbers([fold(tokens[place]) for place in places[first].tolist()])[which]
        return types

    def chain(self, tokens: Sequence[str], lengths: IntArray) -> Chain:
        """Emission from the tables; see the base class."""
        place, types = pad(self.type_ids(tokens, lengths), lengths)
        emission = self.own[types[place]]
        for table, offset in zip(self.beside, OFFSETS, strict=True):
            emission += table[types[place + offset]]
        for pairs, numbers in zip(self.pairs, self.in_pairs, strict=True):
            pairs.add(emission, numbers[types], place)
        return Chain(emission, lengths, self.transition, self.initial, self.final)

    def annotate(self, tokens: Sequence[str], lengths: IntArray, ids: IntArray, fields: Sequence[str]) -> dict[str, Tagging]:
        """See the base class."""
        assert self.further
        types = self.type_ids(tokens, lengths)
        return self.further(Words(list(self.types), types, lengths, self.describe), ids, fields)

    def config(self) -> dict[str, Any]:
        """See the base class."""
        further = {"further": self.further.config()} if self.further else {}
        return {"labels": list(self.labels), "recipe": dict(self.recipe), **further}

    def tensors(self) -> dict[str, AnyArray]:
        """Features in 8 bits, the path in single precision."""
        return {
            **self.center.tensors("center"),
            **self.near.tensors("near"),
            **{key: tensor for i, pairs in enumerate(self.pairs) for key, tensor in pairs.tensors(f"pairs.{i}").items()},
            "clusters.words": self.clusters.words.packed,
            "clusters.classes": self.clusters.classes.astype(np.int16),
            "transition": self.transition,
            "initial": self.initial,
            "final": self.final,
            **(self.further.tensors if self.further else {}),
        }


def load(folder: Folder) -> CRFTagger:
    """The tagger in a model folder.

    Raises:
        Failure: a tensor is missing or of the wrong shape.
    """
    config, tensors = folder.parameters, folder.tensors
    labels = tuple(config["labels"])
    tags = len(labels)
    clustered = Names(take(tensors, "clusters.words", None))
    classes = take(tensors, "clusters.classes", len(clustered), None)
    return CRFTagger(
        labels,
        Weights.load(tensors, "center", tags),
        Weights.load(tensors, "near", len(OFFSETS) * tags),
        [Pairs.load(tensors, f"pairs.{i}", gap, tags) for i, (_, gap) in enumerate(PAIRS)],
        (
            take(tensors, "transition", tags, tags),
            take(tensors, "initial", tags),
            take(tensors, "final", tags),
        ),
        Clusters(clustered, classes, {}),
        config["recipe"],
        Further(labels, config["further"]["fields"], config["further"]["lemmas_by"], tensors) if "further" in config else None,
    )


def train(train: Batch, _dev: Batch | None, recipe: Recipe, report: Callable[[str], None], silver: Batch | None = None) -> CRFTagger:
    """Learn from gold tags, and beside them from the `silver` ones of a better tagger; held-out data are not looked at.

    Fields and lemmas are learned from gold alone.

    Raises:
        Failure: no sentence, one tag only, or no such cluster model.
        UsageFailure: gold counts more than silver, and there is none.
    """
    import torch

    from seqcli.models.crf.learner import Bags, FeatureCRF, Schedule, fit

    if recipe.gold > 1 and not silver:
        raise UsageFailure(
            f"gold={recipe.gold}: there is no silver that the treebank could count more than", hint='silver = ["FILE"] in a recipe'
        )
    whole = Batch.concatenated([train] * recipe.gold + [silver]) if silver else train
    labels, gold, allowed = partial.read(whole.tags)
    word_classes = read_clusters(recipe.clusters)
    columns = further.read(train, recipe.fields)

    def described_types(part: Batch) -> tuple[Text, list[Features]]:
        text, described = corpora.describe(part, word_classes, recipe.folded > 0)
        return text, vary_all(text.names, described, recipe.features)

    text, described = described_types(whole)
    corpus, center, near, pairs = corpora.read(text, described, gold, recipe.near, recipe.pair, recipe.folded)
    corpus = replace(corpus, allowed=allowed)
    report(f"{len(center.names)} features of words, {len(near.names)} of neighbours, {sum(len(found.keys) for found in pairs)} pairs")

    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)  # the steps are small: a second thread costs more than it brings
    bags = Bags.of(center.rows, len(center.names)), Bags.of(near.rows, len(near.names))
    model = FeatureCRF(*bags, [(len(found.keys), len(found.rows)) for found in pairs], len(OFFSETS), len(labels), recipe.drop)
    schedule = Schedule(recipe.epochs, recipe.averaged, recipe.batch, recipe.rate, recipe.l2, recipe.seed)
    for epoch, loss in enumerate(fit(model, corpus, schedule), 1):
        report(f"epoch {epoch}/{recipe.epochs}: loss {loss:.4f} a word")
    also = None
    if columns:
        own = described_types(train) if silver else (text, described)
        also = further.learn(*own, labels, gold[: len(train.tokens)], columns, recipe.seed, report)
    learned = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return CRFTagger(
        labels,
        Weights.of(center.names, learned["center"], recipe.prune),
        Weights.of(near.names, learned["near"], recipe.prune),
        [
            Pairs.of(gap, found.values, found.keys, parts, len(labels), recipe.prune)
            for (_, gap), found, parts in zip(PAIRS, pairs, model.pair_weights(), strict=True)
        ],
        (learned["transition"], learned["initial"], learned["final"]),
        word_classes,
        asdict(recipe),
        also,
    )


def grown(table: AnyArray, size: int, axis: int) -> AnyArray:
    """A copy of a table with room for `size` types along an axis."""
    missing = list(table.shape)
    missing[axis] = size - table.shape[axis]
    return np.concatenate([table, np.empty(missing, table.dtype)], axis=axis)


def read_clusters(path: str) -> Clusters:
    """The clusters in a model folder; none where no folder is named."""
    if not path:
        return Clusters(Names.of([]), np.empty((0, 0), np.int64), {})
    found = folders.read(Path(path))
    if found.config["model"] != "clusters":
        raise Failure(f"{path} holds {found.config['model']!r}, not word clusters", hint="seq train clusters")
    return clusters.load(found)
