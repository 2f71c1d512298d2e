"""The loss of a softmax over a large vocabulary without its scores in memory: a few rows at a time, in the processor's cache.

The scores z = W x + b of N states over V tokens are N × V numbers, far more than all else in a small model, and a softmax goes over
them again and again. But the gradient of a row's loss with respect to its scores, softmax(z) minus what is right, needs that row only.
So rows are taken in parts, each of which leaves the gradients of x, W and b behind and is forgotten.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

NUMBERS = 1 << 22  # scores at a time: 16 MB


class LinearCrossEntropy(torch.autograd.Function):
    """-Σ log P(gold), where all tokens together take the share `smoothing` of the gold."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, gold: Tensor, smoothing: float, dtype: torch.dtype) -> Tensor:
        """States (N, D), weight (V, D), bias (V,), gold (N,) -> a scalar, in nats; products are computed in `dtype`."""
        V = len(weight)
        total = states.new_zeros(())
        gradients = torch.empty_like(states, dtype=dtype), torch.zeros_like(weight), torch.zeros_like(bias)
        rows = max(1, NUMBERS // V)
        states, weight, bias = states.to(dtype), weight.to(dtype), bias.to(dtype)
        parts = (torch.split(each, rows) for each in (states, gold, gradients[0]))
        for x, right, into in zip(*parts, strict=True):
            log_probs = torch.addmm(bias, x, weight.t()).to(total.dtype).log_softmax(-1)  # (n, V)
            total -= (1 - smoothing) * log_probs.gather(1, right[:, None]).sum()
            if smoothing:
                total -= smoothing / V * log_probs.sum()
            errors = log_probs.exp_()
            if smoothing:
                errors -= smoothing / V
            errors.scatter_add_(1, right[:, None], errors.new_full((len(x), 1), smoothing - 1))
            gradients[2].add_(errors.sum(0))
            errors = errors.to(dtype)
            torch.mm(errors, weight, out=into)
            if dtype == gradients[1].dtype:
                gradients[1].addmm_(errors.t(), x)
            else:
                gradients[1].add_(errors.t() @ x)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """What was found on the way, times the gradient of the loss."""
        found = ctx.saved_tensors
        return *(found if bool(gradient == 1) else (each * gradient for each in found)), None, None, None


def linear_cross_entropy(states: Tensor, softmax: nn.Linear, gold: Tensor, smoothing: float = 0.0) -> Tensor:
    """-Σ log softmax(W x + b)[gold] of states (N, D) and gold (N,), a scalar.

    As `torch.nn.functional.cross_entropy` of the scores, with `reduction="sum"`. Where memory is fast (a GPU), or where nothing is to
    be learned, it is just that.

    >>> softmax, states, gold = nn.Linear(4, 9), torch.randn(5, 4, requires_grad=True), torch.tensor([1, 8, 0, 0, 3])
    >>> expected = cross_entropy(softmax(states), gold, reduction="sum", label_smoothing=0.1)
    >>> torch.allclose(linear_cross_entropy(states, softmax, gold, 0.1), expected)
    True
    """
    plain = states.is_cuda or not torch.is_grad_enabled() or softmax.bias is None
    if plain:
        return cross_entropy(softmax(states), gold, reduction="sum", label_smoothing=smoothing)
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else softmax.weight.dtype
    return cast(Tensor, LinearCrossEntropy.apply(states.to(softmax.weight.dtype), softmax.weight, softmax.bias, gold, smoothing, dtype))  # type: ignore[no-untyped-call]
