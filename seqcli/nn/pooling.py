"""One vector for a whole sequence: (B, L, D) states and (B,) lengths -> (B, D). A sequence of nothing gives zeros."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcli.errors import UsageFailure, nearest
from seqcli.nn.masks import padding


def mean(states: Tensor, lengths: Tensor) -> Tensor:
    """The mean of the states that are there."""
    present = padding(lengths, states.shape[1])[..., None]  # (B, L, 1)
    return states.masked_fill(~present, 0).sum(1) / lengths[:, None].clamp(min=1)


def maximum(states: Tensor, lengths: Tensor) -> Tensor:
    """The largest value of each dimension (Collobert et al. 2011, max over time)."""
    present = padding(lengths, states.shape[1])[..., None]
    return states.masked_fill(~present, -torch.inf).amax(1).masked_fill(lengths[:, None] == 0, 0)


def first(states: Tensor, lengths: Tensor) -> Tensor:
    """The state at the first place: where BERT has [CLS]."""
    found = states[:, 0]
    return found.masked_fill(lengths[:, None] == 0, 0)


def last(states: Tensor, lengths: Tensor) -> Tensor:
    """The state at the last place of each sequence."""
    found = states[torch.arange(len(states), device=states.device), (lengths - 1).clamp(min=0)]
    return found.masked_fill(lengths[:, None] == 0, 0)


def ends(states: Tensor, lengths: Tensor) -> Tensor:
    """The last state of the forward half and the first of the backward half of bidirectional states: all that each has read.

    >>> ends(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.tensor([2])).tolist()
    [[3.0, 2.0]]
    """
    half = states.shape[-1] // 2
    return torch.cat([last(states[..., :half], lengths), first(states[..., half:], lengths)], -1)


class Attention(nn.Module):
    """A weighted mean: softmax of vᵀ tanh(W s + b) over the places (Lin et al. 2017; Yang et al. 2016, equations 5 to 7)."""

    def __init__(self, size: int, inner: int | None = None) -> None:
        super().__init__()
        self.inner = nn.Linear(size, inner or size)
        self.score = nn.Linear(inner or size, 1, bias=False)

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, L), of which each row sums to 1; 0 at padding."""
        present = padding(lengths, states.shape[1])
        scores: Tensor = self.score(self.inner(states).tanh()).squeeze(-1)  # (B, L)
        return scores.masked_fill(~present, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~present, 0)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """See above."""
        present = padding(lengths, states.shape[1])[..., None]
        return (self.weights(states, lengths)[:, None] @ states.masked_fill(~present, 0)).squeeze(1)


PLAIN = {"mean": mean, "max": maximum, "first": first, "last": last, "ends": ends}
POOLINGS = (*PLAIN, "attention")


class Pool(nn.Module):
    """The pooling of that name, one of `POOLINGS`, over states of `size` dimensions.

    >>> Pool("mean", 2)(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]]), torch.tensor([2])).tolist()
    [[2.0, 3.0]]

    Raises:
        UsageFailure: there is no such pooling.
    """

    def __init__(self, kind: str, size: int) -> None:
        super().__init__()
        if kind not in POOLINGS:
            raise UsageFailure(f"pool={kind}: no such pooling", hint=nearest(kind, POOLINGS))
        self.kind, self.size = kind, size
        self.attention = Attention(size) if kind == "attention" else None

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, L, D), (B,) -> (B, D)."""
        found: Tensor = PLAIN[self.kind](states, lengths) if self.attention is None else self.attention(states, lengths)
        return found
