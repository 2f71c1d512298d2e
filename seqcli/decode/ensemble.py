"""Several models as one: the mean of their probabilities, token by token. Search does not know the difference.

>>> import torch
>>> from seqcli.decode.stepper import Table
>>> one, other = Table(torch.tensor([[0.0, 1.0], [0.5, 0.5]])), Table(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
>>> both = Ensemble([one, other])
>>> last, state = both.start([([], [])])
>>> both.step(last, state)[0].exp().tolist()
[[0.25, 0.75]]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqcli.decode.stepper import State, Stepper


class Ensemble:
    """Models that write the same tokens; of each source there is what each of them reads."""

    def __init__(self, models: Sequence[Stepper]) -> None:
        self.models = list(models)
        self.size, self.end = models[0].size, models[0].end

    def start(self, batch: Sequence[Sequence[Any]]) -> tuple[Tensor, State]:
        """See `Stepper`."""
        begun = [model.start([sources[i] for sources in batch]) for i, model in enumerate(self.models)]
        return begun[0][0], tuple(state for _, state in begun)

    def step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        """See `Stepper`."""
        found, states = zip(*(model.step(last, each) for model, each in zip(self.models, state, strict=True)), strict=True)
        return torch.stack(found).logsumexp(0) - math.log(len(found)), states
