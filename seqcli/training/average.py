"""Weights that are means of weights: the moving average that follows a training, and the mean of its last evaluations.

Exponential moving average: Polyak & Juditsky 1992, with a decay that starts low, min(decay, (1 + t) / (10 + t)), so that the
weights of the beginning are soon forgotten. The mean of checkpoints: Vaswani et al. 2017, section 6.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]


def weights(model: nn.Module) -> Weights:
    """The model's own parameters and buffers by name, none copied; a tied one once.

    >>> model = nn.ModuleDict({"embed": nn.Embedding(5, 2), "out": nn.Linear(2, 5)})
    >>> model["out"].weight = model["embed"].weight
    >>> list(weights(model))
    ['embed.weight', 'out.bias']
    """
    found: Weights = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[name] = tensor.detach()
    return found


def copied(found: Mapping[str, Tensor]) -> Weights:
    """The same numbers in other memory, on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in found.items()}


@torch.no_grad()
def put(model: nn.Module, new: Mapping[str, Tensor]) -> None:
    """Give the model these weights; those not named stay."""
    own = weights(model)
    for name, tensor in new.items():
        own[name].copy_(tensor)


def mean(several: Sequence[Weights]) -> Weights:
    """The mean of each tensor, whole numbers from the last.

    >>> mean([{"w": torch.tensor([1.0])}, {"w": torch.tensor([3.0])}])
    {'w': tensor([2.])}
    """
    last = several[-1]
    return {
        name: torch.stack([each[name].double() for each in several]).mean(0).to(tensor.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in last.items()
    }


class MovingAverage:
    """The exponential moving average of a model's parameters."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.own = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
        self.shadow = {name: weight.clone() for name, weight in self.own.items()}

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Come nearer to the weights after step `step`, the first of which is 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.shadow.values()), list(self.own.values()), 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this lasts, the model has the average for weights."""
        kept = {name: weight.clone() for name, weight in self.own.items()}
        self.assign(self.own, self.shadow)
        try:
            yield
        finally:
            self.assign(self.own, kept)

    @staticmethod
    @torch.no_grad()
    def assign(to: Weights, new: Mapping[str, Tensor]) -> None:
        """Copy the numbers of tensors of the same names."""
        for name, tensor in to.items():
            tensor.copy_(new[name])


class Keeper:
    """The weights that a training will end with: the best, or the mean of the last few, of those that were evaluated."""

    def __init__(self, keep: str, count: int) -> None:
        self.keep, self.count = keep, count
        self.kept: list[Weights] = []

    def see(self, model: nn.Module, is_best: bool) -> None:
        """The weights of an evaluation, and whether none before were as good."""
        if self.keep == "average":
            self.kept = [*self.kept, copied(weights(model))][-self.count :]
        elif self.keep == "best" and is_best:
            self.kept = [copied(weights(model))]

    def chosen(self) -> Weights:
        """What to end with; nothing where that is the weights as they are."""
        return mean(self.kept) if self.kept else {}
