"""States to the next token: a softmax over the vocabulary, whose weights may be those of the embedding (Press and Wolf 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcli.heads.cross_entropy import linear_cross_entropy
from seqcli.nn.linear import Linear


class NextToken(nn.Module):
    """P(next token | states). With `tied`, an embedding (V, E), the states are projected to E first where their size is another."""

    def __init__(self, size: int, tokens: int, tied: nn.Embedding | None = None) -> None:
        super().__init__()
        width = size if tied is None else tied.embedding_dim
        self.project = nn.Identity() if width == size else Linear(size, width)
        self.scores = Linear(width, tokens)
        if tied is not None:
            self.scores.weight = tied.weight
        nn.init.zeros_(self.scores.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Logits (…, V) of states (…, D)."""
        logits: Tensor = self.scores(self.project(states))
        return logits

    def loss(self, states: Tensor, gold: Tensor, smoothing: float = 0.0) -> Tensor:
        """-log P(gold), summed: states (N, D), gold (N,). With `smoothing`, all tokens together take so large a share of the gold."""
        return linear_cross_entropy(self.project(states), self.scores, gold, smoothing)

    @torch.no_grad()
    def log_probs(self, states: Tensor) -> Tensor:
        """(…, V) in nats."""
        found: Tensor = self(states)
        return found.float().log_softmax(-1)
