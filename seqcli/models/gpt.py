"""GPT: a Transformer that reads from left to right, as a language model (Radford et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.models.neural.build import load
from seqcli.models.neural.settings import Transformer

__all__ = ["Recipe", "load"]


@dataclass(frozen=True)
class Recipe(Transformer):
    """Hyper-parameters of `seq train gpt`."""

    head: str = "language"
    dropout: float = 0.1
    schedule: str = "cosine"
    warmup: int = 100
    beta2: float = 0.98
    weight_decay: float = 0.1
