"""Learning labels: a tag for every word, or a class for every text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqcli.data.examples import Batch, IntArray
from seqcli.tasks import classification, tagging
from seqcli.training.buckets import token_batches
from seqcli.training.task import Loss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from seqcli.models.neural.tagger import Classifier, Neural, NeuralTagger

WIDE = 64  # words of a sentence in the mean, at most: longer ones come fewer at a time


class Labelled:
    """Sentences with gold labels, in batches of like length."""

    def __init__(self, neural: Neural, tokens: Sequence[str], lengths: IntArray, gold: Sequence[str]) -> None:
        self.recipe, self.network = neural.recipe, neural.network
        self.model: nn.Module = neural.network
        self.sentences = neural.features.read(tokens, lengths)
        index = {label: number for number, label in enumerate(neural.labels)}
        self.gold = np.array([index[label] for label in gold], dtype=np.int64)

    def batches(self, epoch: int) -> Iterator[IntArray]:
        """See `Task`: the numbers of the sentences of each batch."""
        rows = self.recipe.batch
        return iter(token_batches(self.sentences.lengths, rows * WIDE, self.recipe.seed, epoch, rows))

    def split(self, batch: IntArray, parts: int) -> Sequence[IntArray]:
        """See `Task`."""
        return np.array_split(batch, min(parts, len(batch)))

    def labels(self, places: IntArray) -> Tensor:
        """The gold labels at some places."""
        import torch

        return torch.from_numpy(self.gold[places]).to(next(self.model.parameters()).device)


class Tags(Labelled):
    """Every word has a label."""

    higher_is_better = True

    def __init__(self, tagger: NeuralTagger, train: Batch, dev: Batch | None) -> None:
        super().__init__(tagger, train.tokens, train.lengths, train.tags)
        self.tagger, self.dev, self.known = tagger, dev, set(train.tokens)
        self.criterion = "span-f1" if tagging.spells_spans(tagger.labels) else "accuracy"

    def loss(self, batch: IntArray, carry: None) -> Loss:  # noqa: ARG002  (sentences stand by themselves)
        """See `Task`."""
        gold = self.labels(self.sentences.places(batch))
        states = self.network.flat(self.sentences.batch(batch).to(gold.device))
        return Loss(self.network.tag_loss(states, self.sentences.lengths[batch], gold), len(gold))

    def evaluate(self) -> dict[str, float]:
        """See `Task`."""
        return {} if self.dev is None else tagging.evaluate(self.tagger, self.dev, self.known)


class Classes(Labelled):
    """Every text has a label."""

    criterion, higher_is_better = "accuracy", True

    def __init__(self, classifier: Classifier, train: Batch, dev: Batch | None) -> None:
        super().__init__(classifier, train.tokens, train.lengths, train.tags)
        self.classifier, self.dev = classifier, dev

    def loss(self, batch: IntArray, carry: None) -> Loss:  # noqa: ARG002  (texts stand by themselves)
        """See `Task`."""
        gold = self.labels(batch)
        pooled = self.network.pooled(self.sentences.batch(batch).to(gold.device))
        return Loss(self.network.class_loss(pooled, gold), len(gold))

    def evaluate(self) -> dict[str, float]:
        """See `Task`."""
        return {} if self.dev is None else classification.evaluate(self.classifier, self.dev)
