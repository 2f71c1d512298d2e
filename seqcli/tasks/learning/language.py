"""Learning what comes next.

As one stream, the data is laid out in `batch` rows, and a step reads the next `window` tokens of each; a recurrent model goes on from
the state it had there. A model that looks back only within its window starts each epoch at another place. Otherwise each text is
learned by itself, texts of like length together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.training.buckets import token_batches
from seqcli.training.task import Loss

if TYPE_CHECKING:
    import torch

    from seqcli.models.neural.language import NeuralLanguageModel


@dataclass(frozen=True)
class Rows:
    """B pieces of text: what is read, and what comes next."""

    before: AnyArray  # (B, L)
    after: AnyArray  # (B, L); below 0 where there is nothing
    first: bool = True  # nothing was read before


class Language:
    """A language model on a stream of ids that ends each text with the model's end."""

    criterion, higher_is_better = "loss", False

    def __init__(self, language: NeuralLanguageModel, ids: AnyArray, dev: AnyArray | None = None) -> None:
        self.language, self.recipe = language, language.recipe
        self.model = language.module
        self.ids, self.dev = ids, dev
        self.carries = language.context is None

    def batches(self, epoch: int) -> Iterator[Rows]:
        """See `Task`."""
        if not self.recipe.stream:
            return self.texts(self.ids, epoch)
        if self.carries:
            return self.stream(self.ids)
        generator = np.random.default_rng([self.recipe.seed, epoch])
        return self.anywhere(generator)

    def stream(self, ids: AnyArray) -> Iterator[Rows]:
        """The rows of the stream side by side, a window at a time."""
        batch, window = self.recipe.batch, self.recipe.window
        batch = max(1, min(batch, len(ids) // window))
        whole = np.concatenate([[self.language.end], ids])
        length = (len(whole) - 1) // batch
        before, after = (whole[start : start + batch * length].reshape(batch, length) for start in (0, 1))
        for start in range(0, length, window):
            yield Rows(before[:, start : start + window], after[:, start : start + window], start == 0)

    def anywhere(self, generator: np.random.Generator) -> Iterator[Rows]:
        """Windows in random order, cut at other places in each epoch."""
        window = min(self.recipe.window, len(self.ids))
        whole = np.concatenate([[self.language.end], self.ids])
        room = len(whole) - 1
        starts = np.arange(int(generator.integers(window)) if room >= 2 * window else 0, room - window + 1, window)
        starts = generator.permutation(starts)
        for some in np.split(starts, range(self.recipe.batch, len(starts), self.recipe.batch)):
            places = some[:, None] + np.arange(window)
            yield Rows(whole[places], whole[places + 1])

    def texts(self, ids: AnyArray, epoch: int) -> Iterator[Rows]:
        """Each text by itself; one longer than the window in pieces."""
        starts, lengths = pieces(ids, self.language.end, self.recipe.window)
        whole = np.concatenate([[self.language.end], ids])
        batches = token_batches(lengths, self.recipe.batch * self.recipe.window, self.recipe.seed, epoch, self.recipe.batch)
        for some in batches:
            inside = np.arange(lengths[some].max()) < lengths[some, None]  # (B, L)
            places = np.where(inside, starts[some, None] + np.arange(inside.shape[1]), 0)
            yield Rows(whole[places], np.where(inside, whole[places + 1], -1))

    def split(self, batch: Rows, parts: int) -> Sequence[Rows]:
        """See `Task`."""
        cuts = (np.array_split(each, min(parts, len(batch.before))) for each in (batch.before, batch.after))
        return [Rows(before, after, batch.first) for before, after in zip(*cuts, strict=True)]

    def loss(self, batch: Rows, carry: Any) -> Loss:
        """See `Task`."""
        before, after = self.tensor(batch.before), self.tensor(batch.after)
        states, carry = self.language.network.states(before, None if batch.first else carry)
        if not self.recipe.stream:
            there = after >= 0
            states, after, carry = states[there], after[there], None
        total = self.language.network.head.loss(states.flatten(0, -2), after.flatten(), self.recipe.smoothing * self.model.training)
        return Loss(total, float(np.count_nonzero(batch.after >= 0)), carry)

    def tensor(self, array: AnyArray) -> torch.Tensor:
        """Where the model is."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(self.language.device)

    def evaluate(self) -> dict[str, float]:
        """Nats a token on dev, the ends of texts among them, and perplexity."""
        if self.dev is None:
            return {}
        import torch

        total = units = 0.0
        carry: Any = None
        with torch.inference_mode():
            for batch in self.stream(self.dev) if self.recipe.stream else self.texts(self.dev, 0):
                found = self.loss(batch, carry)
                total, units, carry = total + float(found.total), units + found.units, found.carry
        return {"loss": total / units, "perplexity": math.exp(min(700.0, total / units))}


def pieces(ids: AnyArray, end: int, window: int) -> tuple[IntArray, IntArray]:
    """Where texts that end with `end` begin, and how long they are; of a longer one the same of its pieces.

    >>> [each.tolist() for each in pieces(np.array([5, 6, 7, 9, 9, 5, 9]), end=9, window=3)]
    [[0, 3, 4, 5], [3, 1, 1, 2]]
    """
    stops = np.flatnonzero(ids == end) + 1
    stops = stops if len(stops) and stops[-1] == len(ids) else np.append(stops, len(ids))
    begins = np.concatenate([[0], stops[:-1]])
    count = -(-(stops - begins) // window)
    inside = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    starts = np.repeat(begins, count) + inside * window
    return starts, np.minimum(window, np.repeat(stops, count) - starts)
