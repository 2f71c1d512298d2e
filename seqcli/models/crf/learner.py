"""Learns a CRF over sparse features of word types: one bag of weights a type, then tables, then the chain.

In a step only the types of the batch are scored, each once, however often it stands there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag
from torch.optim.swa_utils import AveragedModel

from seqcli.data.examples import FloatArray, IntArray
from seqcli.models.crf.corpus import Corpus
from seqcli.nn.crf import log_likelihood, partial_log_likelihood


@dataclass(frozen=True)
class Bags:
    """For each of V types the rows of its features, end to end."""

    rows: Tensor  # (M,)
    bounds: Tensor  # (V + 1,)
    features: int

    @classmethod
    def of(cls, rows: list[list[int]], features: int) -> Bags:
        """From one list of rows a type, each below `features`."""
        bounds = np.concatenate([[0], np.cumsum([len(found) for found in rows])])
        return cls(torch.tensor([row for found in rows for row in found]), torch.from_numpy(bounds), features)

    def sums(self, types: Tensor, weights: Tensor, drop: float) -> Tensor:
        """The sum of each type's rows of the weights; each row is left out with probability `drop`, the others make up for it."""
        rows, starts = self.pick(types)
        kept = (torch.rand(len(rows)) >= drop) / (1 - drop) if drop else None
        return embedding_bag(rows, weights, starts, mode="sum", per_sample_weights=kept)

    def pick(self, types: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of some types and where each type's begin."""
        begin, size = self.bounds[types], self.bounds[types + 1] - self.bounds[types]
        starts = torch.cumsum(size, 0) - size
        place = torch.repeat_interleave(begin - starts, size) + torch.arange(int(size.sum()))
        return self.rows[place], starts


class FeatureCRF(nn.Module):
    """Weights (features, K) for a word's own tag, (features, offsets × K) for its neighbours', (pairs, K) for each word of a pair."""

    def __init__(self, own: Bags, near: Bags, pairs: list[tuple[int, int]], offsets: int, tags: int, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.own_bags, self.near_bags, self.offsets, self.tags = own, near, offsets, tags
        self.center = nn.Parameter(torch.zeros(own.features, tags))
        self.near = nn.Parameter(torch.zeros(near.features, offsets * tags))
        self.pair_words = [words for _, words in pairs]
        self.pairs = nn.ParameterList(  # the last row is that of no pair, and stays 0
            nn.Parameter(torch.zeros(many + 1, tags)) for many, words in pairs for _ in range(words)
        )
        self.transition = nn.Parameter(torch.zeros(tags, tags))
        self.initial = nn.Parameter(torch.zeros(tags))
        self.final = nn.Parameter(torch.zeros(tags))

    def emission(self, types: IntArray, beside: IntArray, pairs: list[IntArray]) -> Tensor:
        """(N, K) from types (N,), beside (offsets, N) and pairs, each (1 or 2, N)."""
        met, place = torch.unique(torch.from_numpy(types), return_inverse=True)
        scores = embedding(place, self.own_bags.sums(met, self.center, self.drop))
        met, place = torch.unique(torch.from_numpy(beside), return_inverse=True)
        tables = self.near_bags.sums(met, self.near, self.drop).view(-1, self.offsets, self.tags)
        for offset in range(self.offsets):
            scores = scores + embedding(place[offset], tables[:, offset])
        for rows, weights in zip((row for kind in pairs for row in kind), self.pairs, strict=True):
            scores = scores + embedding(torch.from_numpy(rows), weights, len(weights) - 1)
        return scores

    def pair_weights(self) -> Iterator[FloatArray]:
        """For each kind of pairs what it says of its words, side by side: (pairs, K or 2 K)."""
        parts = iter(self.pairs)
        for words in self.pair_words:
            yield np.concatenate([next(parts).detach()[:-1].numpy() for _ in range(words)], axis=1)

    def loss(self, corpus: Corpus, places: IntArray, lengths: IntArray) -> Tensor:
        """Mean negative log-likelihood of a word in some of the corpus's sentences."""
        scores = self.emission(corpus.types[places], corpus.beside[:, places], [rows[:, places] for rows in corpus.pairs])
        gold, path = corpus.gold[places], (self.transition, self.initial, self.final)
        if corpus.allowed is not None and gold.max() >= self.tags:
            found = partial_log_likelihood(scores, lengths, torch.from_numpy(corpus.allowed[gold]), *path)
        else:
            found = log_likelihood(scores, lengths, torch.from_numpy(gold), *path)
        return -found.sum() / len(places)


@dataclass(frozen=True)
class Schedule:
    """How `fit` goes about it; see `seqcli.models.crf.Recipe`."""

    epochs: int
    averaged: int
    batch: int
    rate: float
    l2: float
    seed: int


def fit(model: FeatureCRF, corpus: Corpus, schedule: Schedule) -> Iterator[float]:
    """Train, yielding the mean loss of every epoch; at the end the weights are the mean over the last epochs' steps."""
    rng = np.random.default_rng(schedule.seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=schedule.rate, betas=(0.9, 0.99), fused=True)
    steps = schedule.epochs * -(-corpus.size // schedule.batch)
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / steps))
    mean = AveragedModel(model)
    for epoch in range(schedule.epochs):
        total, words = 0.0, 0
        for places, lengths in corpus.batches(schedule.batch, rng):
            loss = model.loss(corpus, places, lengths)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                for parameter in model.parameters():
                    assert parameter.grad is not None
                    parameter.grad.add_(parameter, alpha=schedule.l2)
            optimiser.step()
            decay.step()
            total, words = total + float(loss.detach()) * len(places), words + len(places)
            if epoch >= schedule.epochs - schedule.averaged:
                mean.update_parameters(model)
        yield total / words
    if schedule.averaged:
        model.load_state_dict(mean.module.state_dict())
