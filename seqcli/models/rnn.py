"""Recurrent network with tanh (Elman 1990): a language model, a tagger or a text classifier, by its training data."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.models.neural.build import load
from seqcli.models.neural.settings import Recurrent

__all__ = ["Recipe", "load"]


@dataclass(frozen=True)
class Recipe(Recurrent):
    """Hyper-parameters of `seq train rnn`."""

    cell: str = "rnn"
