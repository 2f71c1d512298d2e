"""The mean of a text's word vectors and a softmax over classes: the plainest text classifier."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.models.neural.build import load
from seqcli.models.neural.settings import Recurrent

__all__ = ["Recipe", "load"]


@dataclass(frozen=True)
class Recipe(Recurrent):
    """Hyper-parameters of `seq train average`."""

    head: str = "class"
    layers: int = 0
    pool: str = "mean"
    lowercase: bool = True
