"""Several processes that train one model: each has a copy and takes parts of every batch; the gradients are added up.

`torchrun --nproc-per-node 2 -m seqcli train …` starts them. A step sends one flat array: all gradients, which weights had one, the
sums of loss and units, and what the first process has decided (it alone looks at the clock), so that all save and stop together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from seqcli.errors import Failure

PATIENCE = timedelta(hours=24)  # the others wait while the first evaluates; one that is dead is noticed at once


@dataclass(frozen=True)
class Processes:
    """One process, and how it speaks with the others."""

    device: str
    rank: int = 0
    size: int = 1

    def begin_alike(self, model: nn.Module) -> None:
        """Give all processes the first one's weights."""
        if self.size > 1:
            for tensor in [*model.parameters(), *model.buffers()]:
                dist.broadcast(tensor.detach(), 0)

    def add_up(self, weights: Sequence[Tensor], numbers: Tensor) -> Tensor:
        """Sum the gradients of weights in place, and some numbers, (n,), over all processes.

        A weight without a gradient in any process has none afterwards; one without in some has zeros there.
        """
        if self.size == 1:
            return numbers
        kind = torch.float64 if any(weight.dtype == torch.float64 for weight in weights) else torch.float32
        present = torch.tensor([float(weight.grad is not None) for weight in weights], device=self.device, dtype=kind)
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        flat = torch.cat([*(gradient.reshape(-1).to(kind) for gradient in gradients), present, numbers.to(kind)])
        dist.all_reduce(flat)
        sizes = [weight.numel() for weight in weights]
        *summed, counts, numbers = torch.split(flat, [*sizes, len(weights), len(numbers)])
        for weight, gradient, count in zip(weights, summed, counts.tolist(), strict=True):
            weight.grad = gradient.view_as(weight).to(weight.dtype) if count else None
        return numbers

    def gather(self, mine: Any) -> list[Any]:
        """What each process has, in the first; nothing in the others."""
        if self.size == 1:
            return [mine]
        found: list[Any] = [None] * self.size
        dist.gather_object(mine, found if self.rank == 0 else None, 0)
        return found if self.rank == 0 else []

    def share(self, mine: Any) -> Any:
        """What the first process has, in all."""
        if self.size == 1:
            return mine
        found = [mine]
        dist.broadcast_object_list(found, 0)
        return found[0]


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """The process among those that torchrun started; alone without.

    Raises:
        Failure: another process has ended.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Processes(device)
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
        yield Processes(device, dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "peer" not in str(error):
            raise
        raise Failure("another process of this training has ended", hint="see what it said") from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
