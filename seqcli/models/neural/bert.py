"""BERT's encoder (Devlin et al. 2019) under the heads that label words and texts.

What a vocabulary without capitals cannot see is said beside a word's state: how the word and its two neighbours are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from seqcli.models.bert.checkpoint import Shape
from seqcli.models.neural.pieces import WRITTEN, PaddedPieces
from seqcli.models.neural.tagger import Network
from seqcli.nn import transformer
from seqcli.nn.masks import padding

if TYPE_CHECKING:
    from seqcli.models.bert import Recipe


class Encoder(nn.Module):
    """Pieces to states: (R, P) -> (R, P, D)."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.pieces, shape.size)
        self.places = nn.Embedding(shape.places, shape.size)
        self.kinds = nn.Embedding(shape.kinds, shape.size)
        self.norm = nn.LayerNorm(shape.size, shape.epsilon)
        self.dropout = nn.Dropout(dropout)
        self.stack = transformer.Stack(
            transformer.Shape(
                size=shape.size,
                heads=shape.heads,
                layers=shape.layers,
                inner=shape.inner,
                dropout=dropout,
                activation=shape.activation,
                prenorm=False,
                epsilon=shape.epsilon,
            )
        )

    def forward(self, pieces: Tensor, sizes: Tensor) -> Tensor:
        """Rows of `sizes` (R,) pieces, all of the first kind."""
        places = torch.arange(pieces.shape[1], device=pieces.device)
        x = self.norm(self.words(pieces) + self.places(places) + self.kinds.weight[0])
        mask = padding(sizes, pieces.shape[1])
        found: Tensor = self.stack(self.dropout(x), None if bool(mask.all()) else mask)
        return found


class BertNetwork(Network):
    """The encoder, what is said beside it, and a head."""

    def __init__(self, shape: Shape, labels: Sequence[str], recipe: Recipe) -> None:
        super().__init__(recipe)
        self.shape = shape
        self.encoder = Encoder(shape, recipe.dropout)
        self.written = nn.Embedding(len(WRITTEN), recipe.written) if recipe.written else None
        size = shape.size + 3 * recipe.written
        self.hidden = nn.Linear(size, recipe.hidden) if recipe.hidden else None
        self.dropout = nn.Dropout(recipe.dropout)
        self.put_on(recipe.hidden or size, labels, recipe.pool)

    def config(self) -> dict[str, Any]:
        """See `Network.config`."""
        return {"encoder": asdict(self.shape)}

    def states(self, batch: PaddedPieces) -> Tensor:
        """(B, L, D): of each word its first piece's."""
        if not len(batch.pieces):
            return self.head.scores.weight.new_zeros(*batch.rows.shape, self.head.scores.in_features)
        states = self.encoder(batch.pieces, batch.sizes)[batch.rows, batch.columns]
        if self.written is not None:
            written = self.written(pad(batch.written, (1, 1)))  # (B, L + 2, W)
            states = torch.cat([states, written[:, :-2], written[:, 1:-1], written[:, 2:]], -1)
        found: Tensor = self.dropout(states)
        return found if self.hidden is None else cast(Tensor, self.dropout(gelu(self.hidden(found))))
