"""One vector for a sequence to one of K classes."""

from __future__ import annotations

from torch import Tensor, nn


class Classes(nn.Module):
    """A softmax over classes, after dropout."""

    def __init__(self, size: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(size, classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits (B, K) of pooled states (B, D)."""
        logits: Tensor = self.scores(self.dropout(pooled))
        return logits

    def loss(self, pooled: Tensor, gold: Tensor, smoothing: float = 0.0) -> Tensor:
        """-log P(gold), summed; gold (B,)."""
        return nn.functional.cross_entropy(self(pooled), gold, reduction="sum", label_smoothing=smoothing)
