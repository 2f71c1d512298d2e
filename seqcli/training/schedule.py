"""How the rate of learning rises and falls: a function of the step, as a factor of the highest rate.

==============  ==================================================================================================
constant        1
inverse-sqrt    √(warmup / step), as in Vaswani et al. 2017, section 5.3, which reaches its highest at the warm-up's end
cosine          half a wave from 1 to the last rate (Loshchilov & Hutter 2017, equation 5, without restarts)
linear          a line from 1 to the last rate
step            times `decay_factor` every `decay_steps`
==============  ==================================================================================================

Before them all, the warm-up: a line from 0.

>>> rates = Schedule(Training(rate=1.0, schedule="linear", warmup=2, last_rate=0.0), steps=6)
>>> [rates(step) for step in range(1, 7)]
[0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any

from seqcli.models.learning import Training


@dataclass(frozen=True)
class Schedule:
    """The rate of each step of a training of `steps`; they count where the decay lasts to the end."""

    settings: Training
    steps: int = 0

    @classmethod
    def of(cls, settings: Training, batches: Callable[[int], Iterable[Any]]) -> Schedule:
        """The schedule of a training on the batches of each epoch; if it must be known how many those are, the first's are counted."""
        if settings.max_steps or settings.decay_steps or settings.schedule not in ("cosine", "linear"):
            return cls(settings, settings.max_steps)
        first = batches(0)
        return cls(settings, settings.epochs * (len(first) if isinstance(first, Sized) else sum(1 for _ in first)))

    def __call__(self, step: int) -> float:
        """The rate of a step; the first is 1."""
        settings = self.settings
        if step <= settings.warmup:
            return settings.rate * step / settings.warmup
        if settings.schedule == "inverse-sqrt":
            return settings.rate * math.sqrt(settings.warmup / step)
        if settings.schedule == "step":
            return max(settings.rate * settings.decay_factor ** ((step - settings.warmup) // settings.decay_steps), settings.last_rate)
        left = {"cosine": (1 + math.cos(math.pi * self.decayed(step))) / 2, "linear": 1 - self.decayed(step)}
        return settings.last_rate + (settings.rate - settings.last_rate) * left.get(settings.schedule, 1.0)

    def decayed(self, step: int) -> float:
        """How much of the decay is behind, from 0 to 1."""
        lasts = self.settings.decay_steps or max(self.steps - self.settings.warmup, 1)
        return min(1.0, (step - self.settings.warmup) / lasts)
