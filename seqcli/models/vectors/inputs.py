"""Where the vector of an input word comes from: a row of its own, or the mean over that and the rows of its n-grams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, IntArray
from seqcli.models.vectors.loop import Rows, Update
from seqcli.models.vectors.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

EASY = 1 / 32  # σ (1 - σ) where most pairs are noise, which is told apart with ease
SAMPLE = 2_000  # rows whose length stands for all
ALIKE = 0.25  # pairs of a step that push the same row, in the mean, in units of 1 / rate


class Damping:
    """Holds rows back that so many pairs change at once that they would overshoot.

    A pair bends the log-likelihood along the other side's vector v by σ (1 - σ) |v|², so a step that adds up P pairs swings, and from
    there grows without end, where rate · P · σ (1 - σ) |v|² is more than 2. At worst σ (1 - σ), the `bend`, is 1/4.
    """

    def __init__(self, often: DoubleArray, settings: Settings, bend: float) -> None:
        import torch

        self.load = torch.from_numpy((often * settings.rate * bend).astype(np.float32)[:, None]).to(settings.device)  # (V, 1)
        self.factors: Tensor | None = None

    def settle(self, others: Tensor) -> None:
        """Look how long the vectors of the other side are by now."""
        length = float(others[:SAMPLE].square().sum(dim=1).mean())
        factors = 2 / (self.load * length).clamp(min=2)
        self.factors = factors if float(factors.min()) < 1 else None

    def __call__(self, change: Tensor, rows: Rows) -> None:
        """Make changes smaller, in place."""
        if self.factors is not None:
            change.mul_(self.factors.index_select(0, rows.all))


class Inputs(Protocol):
    """Vectors of words, and what becomes of their gradients."""

    table: Tensor

    def damp(self, often: DoubleArray, bend: float) -> None:
        """Be told how many pairs of each word there are in a step, in the mean, (V,); see Damping."""

    def alike(self, share: DoubleArray) -> float:
        """How far one word moves with another, in the mean, where words are drawn with probabilities `share`, (V,)."""

    def settle(self, outputs: Tensor) -> None:
        """Now and then: see Damping."""

    def places(self, words: AnyArray) -> list[Any]:
        """What `gather` and `updates` need of blocks of words, (B, N)."""

    def gather(self, words: Any) -> Tensor:
        """The vectors of N words, (N, D)."""

    def updates(self, words: Any, change: Tensor) -> Sequence[Update]:
        """What to add to the table so that the words' vectors change so, (N, D)."""


class Words:
    """A row a word."""

    def __init__(self, table: Tensor, settings: Settings) -> None:
        self.table, self.settings = table, settings  # (V, D)
        self.damping: Damping | None = None

    def damp(self, often: DoubleArray, bend: float) -> None:
        """See Inputs."""
        self.damping = Damping(often, self.settings, bend)

    def alike(self, share: DoubleArray) -> float:
        """See Inputs."""
        return float(share @ share)

    def settle(self, outputs: Tensor) -> None:
        """See Inputs."""
        if self.damping is not None:
            self.damping.settle(outputs)

    def places(self, words: AnyArray) -> list[Any]:
        """See Inputs."""
        return Rows.of(words, self.settings.threads, self.settings.device)

    def gather(self, words: Rows) -> Tensor:
        """See Inputs."""
        return self.table.index_select(0, words.all)

    def updates(self, words: Rows, change: Tensor) -> Sequence[Update]:
        """See Inputs."""
        if self.damping is not None:
            self.damping(change, words)
        return [Update(0, words, change)]


@dataclass(frozen=True)
class Bags:
    """The rows of the U words of a block, each once."""

    rows: Rows  # (M,) of all words, end to end
    starts: Tensor  # (U,)
    owner: Tensor  # (M,) the word of each row
    which: Tensor  # (N,) the word at each place
    count: int  # U


class Pieces:
    """A word's vector is the mean of several rows of the table: its own, and those of its n-grams.

    As in fastText the gradient goes to each of them in full, so the mean moves as far as a row of its own would.
    """

    def __init__(self, table: Tensor, starts: IntArray, rows: IntArray, settings: Settings) -> None:
        self.table, self.settings = table, settings
        self.starts, self.rows = starts, rows  # (V + 1,), (P,) the rows of each word, end to end
        self.damping: Damping | None = None

    def damp(self, often: DoubleArray, bend: float) -> None:
        """See Inputs."""
        per_row = np.bincount(self.rows, np.repeat(often, np.diff(self.starts)), len(self.table)).astype(np.float64)
        self.damping = Damping(per_row, self.settings, bend)

    def alike(self, share: DoubleArray) -> float:
        """See Inputs."""
        sizes = np.diff(self.starts)
        moved = np.bincount(self.rows, np.repeat(share, sizes))
        return float(moved @ np.bincount(self.rows, np.repeat(share / sizes, sizes)))

    def settle(self, outputs: Tensor) -> None:
        """See Inputs."""
        if self.damping is not None:
            self.damping.settle(outputs)

    def places(self, words: AnyArray) -> list[Any]:
        """See Inputs."""
        import torch

        device, found = self.settings.device, []
        for block in words:
            distinct, which = np.unique(block, return_inverse=True)
            sizes = self.starts[distinct + 1] - self.starts[distinct]
            begin = np.cumsum(sizes) - sizes
            owner = np.repeat(np.arange(len(distinct)), sizes)
            rows = self.rows[np.arange(len(owner)) + (self.starts[distinct] - begin)[owner]]
            first, whose, places = (torch.from_numpy(each).to(device) for each in (begin, owner, which))
            found.append(Bags(Rows.of(rows[None], self.settings.threads, device)[0], first, whose, places, len(distinct)))
        return found

    def gather(self, words: Bags) -> Tensor:
        """See Inputs."""
        return self.means(words.rows.all, words.starts).index_select(0, words.which)

    def means(self, rows: Tensor, starts: Tensor) -> Tensor:
        """Of rows that lie end to end."""
        from torch.nn.functional import embedding_bag

        return embedding_bag(rows, self.table, starts, mode="mean")

    def updates(self, words: Bags, change: Tensor) -> Sequence[Update]:
        """See Inputs."""
        each = change.new_zeros(words.count, change.shape[1]).index_add_(0, words.which, change).index_select(0, words.owner)
        if self.damping is not None:
            self.damping(each, words.rows)
        return [Update(0, words.rows, each)]

    def vectors(self) -> Tensor:
        """Of all words, (V, D)."""
        import torch

        return self.means(*(torch.from_numpy(each).to(self.settings.device) for each in (self.rows, self.starts[:-1])))


def tiles(chance: float, settings: Settings, tile: int) -> int:
    """How many tiles a process takes in a step: as many as make a block, if the words of two places are not alike too often.

    Pairs whose words are alike push the same rows, none of them knowing of the others; `chance` says how often two are.
    """
    most = settings.block / (settings.threads * tile)
    if settings.rate > 0:
        most = min(most, ALIKE / settings.rate / (settings.window + 1) / max(chance, 1e-9) / (settings.threads * tile))
    return max(1, int(most))
