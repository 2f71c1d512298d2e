"""BiLSTM-CRF: words and their characters, read from both ends, tagged as one chain (Huang et al. 2015; Ma and Hovy 2016)."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.models.neural.build import load
from seqcli.models.neural.settings import Recurrent

__all__ = ["Recipe", "load"]


@dataclass(frozen=True)
class Recipe(Recurrent):
    """Hyper-parameters of `seq train bilstm-crf`."""

    head: str = "crf"
    lowercase: bool = True
    bidirectional: bool = True
    size: int = 200
    embedding: int = 100
    characters: int = 25
    word_dropout: float = 0.05
    dropout: float = 0.4
    rate: float = 2e-3
    epochs: int = 20
    batch: int = 16
    clip_norm: float = 5.0
