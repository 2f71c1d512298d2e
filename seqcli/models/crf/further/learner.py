"""Learns a layer of further tags: a softmax over sparse features, word by word, kept sparse by a pull towards 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding, embedding_bag

from seqcli.data.examples import IntArray
from seqcli.models.crf import corpus
from seqcli.models.crf.corpus import CENTER, Numbered, Text
from seqcli.models.crf.features import Features
from seqcli.models.crf.further.layers import FAR, REACH, Layer, Sparse, Values, beside_feature, own_features, sorted_rows, spaced
from seqcli.models.crf.learner import Bags


@dataclass(frozen=True)
class Schedule:
    """How a layer is learned."""

    epochs: int = 4  # or more, for so many steps
    steps: int = 120
    batch: int = 2048  # words a step; of a small text a part
    rate: float = 0.02  # Adam's learning rate at the start; falls linearly to 0
    pull: float = 0.05  # of the rate, by which every weight is drawn to 0 a step
    own: int = 2  # a feature of a word is kept if it occurs as often as this
    beside: int = 30  # a word is frequent if it occurs as often as this
    least: float = 0.2  # smaller weights are left out
    seed: int = 1


class SparseSoftmax(nn.Module):
    """Weights of a word's features (F, A), of frequent words beside it (W + 1, reach x A), of tags beside it (G + 1, reach x A)."""

    def __init__(self, values: Values, bags: Bags, words: int) -> None:
        super().__init__()
        self.values, self.bags = values, bags
        wide = len(REACH) * values.atoms
        self.own = nn.Parameter(torch.zeros(bags.features, values.atoms))
        self.beside = nn.Parameter(torch.zeros(words + 1, wide))  # the last row is of all other words, and stays 0
        self.context = nn.Parameter(torch.zeros(len(values.kinds) + 1, wide))
        members = np.concatenate(values.members)
        self.made = torch.zeros(values.atoms, len(members))
        self.number: list[dict[int, int]] = []  # of each kind's values among all
        barred = np.full((len(values.kinds), len(members)), FAR, np.float32)
        start = 0
        for kind, (block, of_kind, made) in enumerate(zip(values.blocks, values.members, values.made, strict=True)):
            stop = start + len(of_kind)
            self.made[block, start:stop] = torch.from_numpy(made.T)
            barred[values.kinds == kind, start:stop] = values.bars(kind)[values.kinds == kind]
            self.number.append({value: start + i for i, value in enumerate(of_kind.tolist())})
            start = stop
        self.barred = torch.from_numpy(barred)

    def forward(self, types: Tensor, words: Tensor, given: Tensor) -> Tensor:
        """Scores (n, all values of all kinds) from types (n,), and the words and tags around (reach, n)."""
        A = self.values.atoms
        met, place = torch.unique(types, return_inverse=True)
        rows, starts = self.bags.pick(met)
        atoms = embedding(place, embedding_bag(rows, self.own, starts, mode="sum"))
        for i in range(len(REACH)):
            atoms = atoms + embedding(words[i], self.beside[:, i * A : (i + 1) * A], len(self.beside) - 1)
            atoms = atoms + embedding(given[i], self.context[:, i * A : (i + 1) * A])
        return atoms @ self.made


def learn(text: Text, described: Sequence[Features], tags: IntArray, gold: IntArray, values: Values, how: Schedule) -> Layer:
    """The layer that tells `gold` (N,) of words with `tags` (N,), from the words of a text that are no copies."""
    types = text.types[: text.words]
    often = np.bincount(types, minlength=len(text.names))
    own = number([own_features(each) for each in described], often, how.own)
    beside = number([[name] if (name := beside_feature(each)) else [] for each in described], often, how.beside)
    none = len(beside.names)
    frequent = np.array([rows[0] if rows else none for rows in beside.rows])
    lengths = text.lengths[: text.sentences]
    place, words = spaced(frequent[types], lengths, none)
    _, given = spaced(tags + 1, lengths, 0)
    words, given = (np.stack([array[place + offset] for offset in REACH]) for array in (words, given))
    model = SparseSoftmax(values, Bags.of(own.rows, len(own.names)), none)
    target = np.array([model.number[kind][value] for kind, value in zip(values.kinds[tags].tolist(), gold.tolist(), strict=True)])
    fit(model, how, Task(*map(torch.from_numpy, (types, words, given, tags, target))))
    own_weights, beside_weights, context = (part.detach().numpy() for part in (model.own, model.beside, model.context))
    return Layer(
        values,
        sorted_rows(own.names, own_weights, how.least),
        sorted_rows(beside.names, beside_weights[:-1], how.least),
        Sparse.of(context, how.least),
    )


def number(features: Sequence[Sequence[str]], often: IntArray, least: int) -> Numbered:
    """As `corpus.number`, of lists of names."""
    return corpus.number([Features(list(names), [], ("", "", "")) for names in features], often, least, CENTER)


class Task(NamedTuple):
    """N words in numbers."""

    types: Tensor  # (N,)
    words: Tensor  # (reach, N) frequent words around
    given: Tensor  # (reach, N) tags around
    tags: Tensor  # (N,) its own
    target: Tensor  # (N,) its value, among all values of all kinds


def fit(model: SparseSoftmax, how: Schedule, task: Task) -> None:
    """Adam, and after each step the pull."""
    generator = np.random.default_rng(how.seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=how.rate, betas=(0.9, 0.99), fused=True)
    size = max(1, min(how.batch, how.epochs * len(task.types) // how.steps))
    epochs = max(how.epochs, how.steps * size // len(task.types))
    many = epochs * -(-len(task.types) // size)
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / many))
    for _ in range(epochs):
        order = torch.from_numpy(generator.permutation(len(task.types)))
        for start in range(0, len(order), size):
            some = order[start : start + size]
            scores = model(task.types[some], task.words[:, some], task.given[:, some]) + model.barred[task.tags[some]]
            loss = cross_entropy(scores, task.target[some])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            pull = how.pull * float(decay.get_last_lr()[0])
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.copy_(nn.functional.softshrink(parameter, pull))
            decay.step()
