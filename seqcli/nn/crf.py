"""The log-likelihood of a linear-chain conditional random field, with its exact gradient (Lafferty et al. 2001).

The norm log Z is the chain's scan; its gradient is the chain's expectations, found by forward-backward instead of by unrolling the
scan on torch's tape. On the CPU the scan runs on numpy views of the same memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqcli.data.examples import IntArray
from seqcli.nn.chain import Chain, Forward, Scaled, backward, beside, expectations, forward, scalable

FADED = -200.0  # added to what is ruled out: nothing is left of it in double precision, and scaled doubles still hold the rest


class LogPartition(torch.autograd.Function):
    """log Z (B,) of emission (N, K), transition (K, K), initial (K,), final (K,), with its gradient."""

    @staticmethod
    def forward(ctx: Any, lengths: IntArray, *potentials: Tensor) -> Tensor:
        """Left to right; what the way back needs is kept."""
        emission, transition, initial, final = (view(potential) for potential in potentials)
        ctx.chain = chain = Chain(emission, lengths, transition, initial, final)
        ctx.like = potentials[0]
        if not scalable(chain):
            ctx.scaled, found = None, expectations(chain).log_partition
        else:
            ctx.scaled = Scaled(chain)
            ctx.ahead = forward(ctx.scaled)
            found = ctx.ahead.log_partition
        return torch.as_tensor(found, device=ctx.like.device).to(ctx.like.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Expected counts, each sequence weighted by the gradient of its log Z."""
        weights = view(gradients[0].double())
        if ctx.scaled is None:
            found = expectations(ctx.chain, weights)
        else:
            ahead: Forward = ctx.ahead
            found = backward(ctx.scaled, ahead, weights[beside(weights, ctx.chain.layout.ranked)])
        like: Tensor = ctx.like
        parts = (found.emission, found.transition, found.initial, found.final)
        return (None, *(torch.as_tensor(part, device=like.device).to(like.dtype) for part in parts))


def view(tensor: Tensor) -> Any:
    """The tensor's memory as a numpy array on the CPU; elsewhere the tensor itself, off the tape."""
    detached = tensor.detach()
    return detached.numpy() if detached.device.type == "cpu" else detached


def log_likelihood(emission: Tensor, lengths: IntArray, tags: Tensor, transition: Tensor, initial: Tensor, final: Tensor) -> Tensor:
    """Log P(tags | words) of each sequence, (B,).

    Args:
        emission: (N, K), B sequences end to end. lengths: (B,), all > 0. tags: (N,) the gold tags.
        transition: (K, K) from, to. initial, final: (K,).
    """
    ends = np.cumsum(lengths)
    last = torch.as_tensor(ends - 1, device=tags.device)
    first = torch.as_tensor(ends - lengths, device=tags.device)
    step = transition[tags[:-1], tags[1:]]
    inside = torch.ones(len(tags), dtype=torch.bool, device=tags.device)
    inside[last] = False
    score = emission.gather(1, tags[:, None]).squeeze(1)
    score = score + torch.nn.functional.pad(step * inside[:-1], (0, 1))
    score = score.index_add(0, first, initial[tags[first]]).index_add(0, last, final[tags[last]])
    sequence = torch.as_tensor(np.repeat(np.arange(len(lengths)), lengths), device=tags.device)
    gold = torch.zeros(len(lengths), dtype=score.dtype, device=score.device).index_add(0, sequence, score)
    log_z: Tensor = LogPartition.apply(lengths, emission, transition, initial, final)  # type: ignore[no-untyped-call]  # torch's own is untyped
    return gold - log_z


def partial_log_likelihood(
    emission: Tensor, lengths: IntArray, allowed: Tensor, transition: Tensor, initial: Tensor, final: Tensor
) -> Tensor:
    """Log P(each tag is one of those allowed | words) of each sequence, (B,): for words whose tags are known in part.

    The sum over the paths that are allowed is a chain of its own, in which the others have faded (Tsuboi et al. 2008).

    Args:
        allowed: (N, K), a tag or more in each row. The rest as in `log_likelihood`.
    """
    held = emission + torch.where(allowed, 0.0, FADED)
    some: Tensor = LogPartition.apply(lengths, held, transition, initial, final)  # type: ignore[no-untyped-call]  # torch's own is untyped
    log_z: Tensor = LogPartition.apply(lengths, emission, transition, initial, final)  # type: ignore[no-untyped-call]  # torch's own is untyped
    return some - log_z
