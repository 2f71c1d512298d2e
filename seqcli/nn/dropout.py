"""Dropout that fits sequences: the pieces of AWD-LSTM (Merity, Keskar and Socher 2018). Plain dropout is `torch.nn.Dropout`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional


class Locked(nn.Module):
    """The same units dropped at every place of a sequence (variational dropout: Gal and Ghahramani 2016).

    >>> import torch
    >>> dropped = Locked(0.5)(torch.ones(1, 3, 8))
    >>> bool((dropped == dropped[:, :1]).all()), sorted(set(dropped.flatten().tolist()) | {0.0, 2.0})
    (True, [0.0, 2.0])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        if not (self.training and self.p):
            return x
        return x * functional.dropout(x.new_ones(len(x), 1, x.shape[-1]), self.p)

    def extra_repr(self) -> str:
        """For people who print the model."""
        return f"p={self.p:g}"


class Embedding(nn.Embedding):
    """Vectors of words of which whole words are dropped, wherever they stand in the batch (Gal and Ghahramani 2016)."""

    def __init__(self, words: int, size: int, p: float = 0.0, padding_idx: int | None = None) -> None:
        super().__init__(words, size, padding_idx)
        self.p = p

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) -> (B, L, D)."""
        vectors = super().forward(ids)
        if not (self.training and self.p):
            return vectors
        return vectors * functional.dropout(vectors.new_ones(self.num_embeddings, 1), self.p)[ids]


@contextmanager
def weights_dropped(kernel: nn.RNNBase, p: float) -> Iterator[None]:
    """Inside, the recurrent weights of torch's RNN, GRU or LSTM have each entry dropped with probability p (DropConnect).

    The gradient reaches the weights themselves.
    """
    whole = kernel._flat_weights
    names = kernel._flat_weights_names
    kernel._flat_weights = [
        functional.dropout(weight, p) if name.startswith("weight_hh") and weight is not None else weight
        for name, weight in zip(names, whole, strict=True)
    ]
    try:
        yield
    finally:
        kernel._flat_weights = whole
