"""Learning to translate: P(target given source), the right words before each word given (teacher forcing).

A batch has pairs of like lengths, so many as fit into `tokens`. Only what is there is learned from: states at padding are left out
before the softmax, the dearest part of a step of a small model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.data.pairs import Pairs
from seqcli.training.buckets import token_batches
from seqcli.training.task import Loss

if TYPE_CHECKING:
    import torch

    from seqcli.models.neural.translation import Translator

LIKE = 64  # pairs of dev that are translated at once


@dataclass(frozen=True)
class Rows:
    """B pairs, padded on the right."""

    source: IntArray  # (B, S)
    lengths: IntArray  # (B,)
    before: IntArray  # (B, T) what the decoder reads
    after: IntArray  # (B, T) what comes next; below 0 where there is nothing
    sampled: float = 0.0  # share of the words before that the decoder writes itself

    @property
    def size(self) -> int:
        """Tokens of the targets, the ends among them."""
        return int(np.count_nonzero(self.after >= 0))


class Side:
    """N texts as ids, one after the other, each with its end."""

    def __init__(self, ids: Sequence[Sequence[int]], end: int) -> None:
        self.end = end
        self.lengths = np.fromiter((len(row) + 1 for row in ids), np.int64, len(ids))
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.flat = np.fromiter((token for row in ids for token in (*row, end)), np.int32, int(self.lengths.sum()))

    def rows(self, some: IntArray) -> IntArray:
        """Some of the texts, (B, L); below 0 where there is nothing."""
        places = np.arange(self.lengths[some].max())
        inside = places < self.lengths[some, None]
        return np.where(inside, self.flat[np.where(inside, self.starts[some, None] + places, 0)], -1).astype(np.int64)

    def chosen(self, some: IntArray) -> list[list[int]]:
        """Some of the texts, as lists."""
        return [self.flat[self.starts[i] : self.starts[i] + self.lengths[i]].tolist() for i in some.tolist()]


class Corpus:
    """The pairs of a part of the data as ids. What is longer than `longest` tokens on a side is left out, unless that is 0."""

    def __init__(self, translator: Translator, pairs: Pairs, longest: int = 0) -> None:
        source, target = translator.codecs.source.encode(pairs.sources), translator.codecs.target.encode(pairs.targets)
        kept = [i for i in range(len(source)) if not longest or max(len(source[i]), len(target[i])) <= longest]
        self.left_out = len(source) - len(kept)
        self.source = Side([source[i] for i in kept], translator.codecs.source.end)
        self.target = Side([target[i] for i in kept], translator.end)
        self.references = [pairs.targets[i] for i in kept]

    def __len__(self) -> int:
        return len(self.references)

    @property
    def lengths(self) -> IntArray:
        """(N,) of the longer side."""
        found: IntArray = np.maximum(self.source.lengths, self.target.lengths)
        return found

    def rows(self, some: IntArray, sampled: float = 0.0) -> Rows:
        """Some of the pairs as a batch."""
        source, after = self.source.rows(some), self.target.rows(some)
        before = np.concatenate([np.full((len(some), 1), self.target.end), np.maximum(after[:, :-1], 0)], axis=1)
        return Rows(np.maximum(source, 0), self.source.lengths[some], before, after, sampled)


class Translation:
    """A translator and its data."""

    def __init__(self, translator: Translator, train: Corpus, dev: Corpus | None = None) -> None:
        self.translator, self.recipe = translator, translator.recipe
        self.model = translator.module
        self.train, self.dev = train, dev

    @property
    def criterion(self) -> str:
        """See `Task`."""
        return "BLEU" if self.recipe.bleu else "loss"

    @property
    def higher_is_better(self) -> bool:
        """See `Task`."""
        return self.recipe.bleu

    def batches(self, epoch: int) -> Iterator[Rows]:
        """See `Task`."""
        recipe = self.recipe
        most = getattr(recipe, "scheduled_sampling", 0.0)
        sampled = most * min(1.0, epoch / recipe.sampling_epochs) if most else 0.0  # type: ignore[union-attr]
        for some in token_batches(self.train.lengths, recipe.tokens, recipe.seed, epoch):
            yield self.train.rows(some, sampled)

    def split(self, batch: Rows, parts: int) -> Sequence[Rows]:
        """See `Task`."""
        whole = (batch.source, batch.lengths, batch.before, batch.after)
        cuts = (np.array_split(each, min(parts, len(batch.lengths))) for each in whole)
        return [Rows(source, lengths, before, after, batch.sampled) for source, lengths, before, after in zip(*cuts, strict=True)]

    def loss(self, batch: Rows, carry: Any) -> Loss:  # noqa: ARG002  (each pair is by itself)
        """See `Task`."""
        network = self.translator.network
        there = np.flatnonzero(batch.after >= 0)
        states = network.states(self.tensor(batch.source), self.tensor(batch.lengths), self.tensor(batch.before), batch.sampled)
        states = states.flatten(0, 1).index_select(0, self.tensor(there))  # (N, D)
        gold, smoothing = self.tensor(batch.after.ravel()[there]), self.recipe.smoothing * self.model.training
        total = network.head.loss(states, gold, smoothing)
        return Loss(total, float(len(there)))

    def tensor(self, array: AnyArray) -> torch.Tensor:
        """Where the model is."""
        import torch

        return torch.from_numpy(array).to(self.translator.device)

    def evaluate(self) -> dict[str, float]:
        """See `Task`: BLEU only where the recipe decides by it, for it takes a while."""
        return self.measured(self.recipe.bleu)

    def measured(self, bleu: bool = True) -> dict[str, float]:
        """Nats a token on dev, the ends of texts among them, perplexity and, with `bleu`, BLEU of greedy search."""
        if self.dev is None or not len(self.dev):
            return {}
        import torch

        total = units = 0.0
        with torch.inference_mode():
            for some in token_batches(self.dev.lengths, self.recipe.tokens, 0, 0):
                found = self.loss(self.dev.rows(some), None)
                total, units = total + float(found.total), units + found.units
        scores = {"loss": total / units, "perplexity": math.exp(min(700.0, total / units))}
        return {**scores, "BLEU": self.bleu()} if bleu else scores

    def bleu(self) -> float:
        """BLEU of greedy search on dev, in percent, as sacreBLEU has it by default."""
        from seqcli.decode.sampling import greedy
        from seqcli.decode.settings import Settings
        from seqcli.metrics.text.metric import Lines
        from seqcli.metrics.text.registry import make
        from seqcli.tasks.translation import limit

        assert self.dev is not None
        order = np.argsort(self.dev.source.lengths, kind="stable")
        texts = [""] * len(order)
        for start in range(0, len(order), LIKE):
            some = order[start : start + LIKE]
            sources = self.dev.source.chosen(some)
            limits = [limit(len(source), self.recipe.longest) for source in sources]
            for i, (found,) in zip(some.tolist(), greedy(self.translator, sources, Settings(), limits=limits), strict=True):
                texts[i] = self.translator.text(found.tokens)
        (metric,) = make(("bleu",), {})
        sums: FloatArray = metric.statistics(Lines(texts), [Lines(self.dev.references)]).sum(axis=0)
        return float(metric.score(sums))
