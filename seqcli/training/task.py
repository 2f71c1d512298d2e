"""What the trainer trains: a model with its batches, its loss and its measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass
class Loss:
    """The loss of a part of a batch; the loop divides the sum over all parts by the sum of their units."""

    total: Tensor  # scalar, nats summed
    units: float  # tokens, or examples, that it sums over
    carry: Any = None  # state for the part in the same place of the next batch (truncated back-propagation): a tree of tensors


class Task(Protocol):
    """A training as its model sees it. The task brings its numbers to the device of the model's weights."""

    @property
    def model(self) -> nn.Module:
        """What learns."""

    @property
    def criterion(self) -> str:
        """The measure on dev that decides on the best and on an early end."""

    @property
    def higher_is_better(self) -> bool:
        """Whether the best has the highest."""

    def batches(self, epoch: int) -> Iterable[Any]:
        """The batches of an epoch, the first of which is 0: the same for the same epoch, in any process."""

    def split(self, batch: Any, parts: int) -> Sequence[Any]:
        """A batch cut by rows into at most `parts`: for accumulation and for several processes."""

    def loss(self, batch: Any, carry: Any) -> Loss:
        """The loss of a part; `carry` is what the part before it left, None at the beginning of an epoch.

        Where a text begins anew the task leaves the carry out of account.
        """

    def evaluate(self) -> dict[str, float]:
        """Measures on dev by name; none without dev."""
