"""States to tags: each place by itself (softmax), or all of them as one chain (CRF). Both give a `Chain`, so both are decoded alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.nn.chain import Chain
from seqcli.nn.crf import log_likelihood, view


class SoftmaxTags(nn.Module):
    """P(tags | words) as a product over places."""

    def __init__(self, size: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.scores = nn.Linear(size, len(labels))

    def loss(self, states: Tensor, lengths: IntArray, gold: Tensor) -> Tensor:  # noqa: ARG002  (a chain needs them)
        """-log P(gold), summed: states (N, D) of sequences end to end, lengths (B,), gold (N,)."""
        return nn.functional.cross_entropy(self.scores(states), gold, reduction="sum")

    def chain(self, states: Tensor, lengths: IntArray) -> Chain:
        """The log-potentials of sequences of states (N, D)."""
        emission = doubles(self.scores(states).log_softmax(1))
        tags = emission.shape[1]
        return Chain(emission, lengths, np.zeros((tags, tags)), np.zeros(tags), np.zeros(tags))


class CRFTags(nn.Module):
    """P(tags | words) as one softmax over all sequences of tags (Lafferty et al. 2001; on recurrent states: Huang et al. 2015).

    Tags that spell spans (B-PER, I-PER, O; also with E- and S-) cannot be put together wrongly: such steps have no weight.
    """

    def __init__(self, size: int, labels: Sequence[str]) -> None:
        super().__init__()
        tags = len(labels)
        self.scores = nn.Linear(size, tags)
        self.transition = nn.Parameter(torch.zeros(tags, tags))
        self.initial = nn.Parameter(torch.zeros(tags))
        self.final = nn.Parameter(torch.zeros(tags))
        for name, may in allowed(labels)._asdict().items():
            never = torch.zeros(may.shape).masked_fill(torch.from_numpy(~may), -torch.inf)
            self.register_buffer(f"never_{name}", never, persistent=False)

    def potentials(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transition (K, K), initial and final (K,); -inf where the tags forbid it."""
        never = (self.get_buffer(f"never_{name}") for name in Allowed._fields)
        transition, initial, final = (own + no for own, no in zip((self.transition, self.initial, self.final), never, strict=True))
        return transition, initial, final

    def loss(self, states: Tensor, lengths: IntArray, gold: Tensor) -> Tensor:
        """-log P(gold), summed: states (N, D) of sequences end to end, lengths (B,), gold (N,)."""
        return -log_likelihood(self.scores(states), lengths, gold, *self.potentials()).sum()

    def chain(self, states: Tensor, lengths: IntArray) -> Chain:
        """The log-potentials of sequences of states (N, D)."""
        transition, initial, final = (doubles(each) for each in self.potentials())
        return Chain(doubles(self.scores(states)), lengths, transition, initial, final)


def doubles(tensor: Tensor) -> AnyArray:
    """As the chain wants its numbers."""
    found: AnyArray = np.asarray(view(tensor.cpu()), dtype=np.float64)
    return found


class Allowed(NamedTuple):
    """Which steps tags allow."""

    transition: BoolArray  # (K, K) from, to
    initial: BoolArray  # (K,)
    final: BoolArray  # (K,)


def allowed(labels: Sequence[str]) -> Allowed:
    """What can follow what, if all labels are O or begin with B-, I- (and E-, S-); otherwise everything.

    >>> may = allowed(["B-PER", "I-LOC", "I-PER", "O"])
    >>> may.transition.astype(int).tolist()
    [[1, 0, 1, 1], [1, 1, 0, 1], [1, 0, 1, 1], [1, 0, 0, 1]]
    >>> may.initial.tolist(), may.final.tolist()
    ([True, False, False, True], [True, True, True, True])
    """
    parts = [(label[0], label[2:]) if label[1:2] == "-" and label[0] in "BIES" else (label, "") for label in labels]
    spans = all(place in "BIES" or place == "O" for place, _ in parts) and any(place == "B" for place, _ in parts)
    if not spans:
        return Allowed(*(np.ones((len(labels),) * dimensions, dtype=bool) for dimensions in (2, 1, 1)))
    closed = any(place in "ES" for place, _ in parts)  # spans say where they end
    inside = np.array([place in "IE" for place, _ in parts])
    open_after = np.array([place in "BI" for place, _ in parts])
    same = np.array([[one[1] == other[1] for other in parts] for one in parts])
    goes_on = open_after[:, None] & inside[None, :] & same
    fresh = ~inside[None, :] & ~(open_after[:, None] & closed)
    return Allowed(goes_on | fresh, ~inside, ~(open_after & closed))
