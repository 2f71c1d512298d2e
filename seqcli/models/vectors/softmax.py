"""Skip-gram with the full softmax over the vocabulary: what the other objectives stand in for, for small vocabularies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.errors import UsageFailure
from seqcli.models.vectors.inputs import Damping, Inputs, tiles
from seqcli.models.vectors.loop import Rows, Update, tensors
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.stream import Stretch
from seqcli.models.vectors.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

MOST = 50_000  # words


@dataclass(frozen=True)
class Block:
    """N places."""

    x: Any  # N inputs
    pairs: Tensor  # (N, 2 window + 1) weights
    around: Tensor  # (N, 2 window + 1) outputs


class FullSoftmax:
    """Each word predicts those around it, against all others."""

    def __init__(self, vocabulary: Vocabulary, inputs: Inputs, outputs: Tensor, settings: Settings) -> None:
        if len(vocabulary) > MOST:
            raise UsageFailure(f"full softmax over {len(vocabulary)} words", hint=f"--set max_vocabulary={MOST}, or loss=negative")
        self.inputs, self.outputs, self.settings = inputs, outputs, settings
        self.tables = [inputs.table, outputs]
        self.kept = vocabulary.kept(settings.sample)
        self.rows = Rows.of(np.arange(len(vocabulary))[None], settings.threads, settings.device)[0]
        seen = vocabulary.counts * self.kept
        often = 2 * (settings.window + 1) * seen / seen.sum()  # pairs of a place: as their word, and against it
        self.size = tiles(2 * inputs.alike(seen / seen.sum()), settings, 1)
        inputs.damp(self.size * settings.threads * often, 0.25)
        self.damp_y = Damping(self.size * settings.threads * often, settings, 0.25)

    def prepare(self, part: AnyArray, generator: np.random.Generator) -> list[Block]:
        """A chunk as blocks."""
        window, device = self.settings.window, self.settings.device
        stretch = Stretch.of(part, self.kept, generator, self.size, window)
        around = np.lib.stride_tricks.sliding_window_view(stretch.ids, 2 * window + 1).copy().reshape(-1, self.size, 2 * window + 1)
        pairs = tensors(stretch.pairs().reshape(around.shape), device)
        places = self.inputs.places(stretch.words.reshape(-1, self.size))
        return [Block(*each) for each in zip(places, pairs, tensors(around, device), strict=True)]

    def settle(self) -> None:
        """See Objective."""
        self.inputs.settle(self.outputs)
        self.damp_y.settle(self.inputs.table)

    def scratch(self) -> None:
        """None is needed."""

    def gradients(self, block: Block, scratch: None) -> Sequence[Update]:  # noqa: ARG002  (see Objective)
        """Of the log-likelihood, by the rows of both tables."""
        x = self.inputs.gather(block.x)
        g = (x @ self.outputs.T).softmax(dim=1).mul_(-block.pairs.sum(dim=1, keepdim=True))  # (N, V)
        g.scatter_add_(1, block.around, block.pairs)
        change_y = g.T @ x
        self.damp_y(change_y, self.rows)
        return [*self.inputs.updates(block.x, g @ self.outputs), Update(1, self.rows, change_y)]

    def loss(self, block: Block) -> float:
        """-log P of an output given its input, in the mean over pairs."""
        logs = (self.inputs.gather(block.x) @ self.outputs.T).log_softmax(dim=1)
        return float(-(logs.gather(1, block.around) * block.pairs).sum() / block.pairs.sum().clamp(min=1))
