"""The loop of training: processes that each take a block, then all of them together change the vectors.

A round is a chunk of the corpus a process. Each thins out and prepares its own chunk; then, block by block, each finds the gradients of
its block from the vectors as they are, and when all have, each adds all of them to its share of the rows, in the same order. So no
number is written by two, and the same seed and the same number of threads give the same vectors, to the last bit.

What is drawn at random depends on the seed, the epoch and the chunk alone: a training that was cut off goes on from any chunk.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.errors import Failure
from seqcli.models.vectors.corpus import Corpus
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.team import Team

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1 << 16  # numbers of the corpus that are prepared at once
DIVERGED = 1e3  # a loss that only vectors without end have
SETTLE = 16  # steps from one look at the tables to the next


@dataclass(frozen=True)
class Rows:
    """Rows of a table, which may occur several times, and which each thread looks after: those of its number modulo threads."""

    all: Tensor  # (N,)
    places: Sequence[Tensor]  # a thread: where among the N its rows stand
    mine: Sequence[Tensor]  # a thread: its rows

    @classmethod
    def of(cls, rows: AnyArray, threads: int, device: str) -> list[Rows]:
        """For blocks of N rows each, (B, N); one below 0 stands for none, and nobody looks after it.

        >>> found = Rows.of(np.array([[4, 7, 4, 2]]), 2, "cpu")[0]
        >>> [each.tolist() for each in found.places], [each.tolist() for each in found.mine]
        ([[0, 2, 3], [1]], [[4, 4, 2], [7]])
        """
        whose = np.where(rows < 0, threads, rows % threads).astype(np.uint8 if threads < 256 else np.int64)
        order = np.argsort(whose, axis=1, kind="stable")
        ends = np.cumsum([(whose == hand).sum(axis=1) for hand in range(threads)], axis=0).T.tolist()  # (B, threads)
        split = (tensors(each, device) for each in (np.maximum(rows, 0), order, np.take_along_axis(rows, order, axis=1)))
        found = []
        for every, places, mine, cuts in zip(*split, ends, strict=True):
            spans = [slice(begin, end) for begin, end in zip([0, *cuts[:-1]], cuts, strict=True)]
            found.append(cls(every, [places[span] for span in spans], [mine[span] for span in spans]))
        return found


def tensors(array: AnyArray, device: str) -> Sequence[Tensor]:
    """The parts of an array along its first dimension."""
    import torch

    if device == "cpu":
        return [torch.from_numpy(each) for each in array]  # in a tenth of the time of unbind
    parts: Sequence[Tensor] = torch.from_numpy(array).to(device).unbind(0)
    return parts


@dataclass(frozen=True)
class Update:
    """What to add to some rows of a table, before the rate of learning."""

    table: int
    rows: Rows
    change: Tensor  # (N, D)


class Objective(Protocol):
    """What is learned, and how."""

    @property
    def tables(self) -> Sequence[Tensor]:
        """What is learned: the inputs' vectors, then the outputs'."""

    def prepare(self, part: AnyArray, generator: np.random.Generator) -> Sequence[Any]:
        """A chunk of the corpus as blocks."""

    def settle(self) -> None:
        """Called every so many steps: a look at how the tables are by now."""

    def scratch(self) -> Any:
        """Memory that one thread works in."""

    def gradients(self, block: Any, scratch: Any) -> Sequence[Update]:
        """What one block has to say."""

    def loss(self, block: Any) -> float:
        """Of one block, a pair."""


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    done: float  # from 0 to 1
    words: int  # of the text, all epochs together
    seconds: float
    loss: float

    def __str__(self) -> str:
        speed = self.words / max(self.seconds, 1e-9)
        left = self.seconds / max(self.done, 1e-9) * (1 - self.done)
        return f"{100 * self.done:.1f} %, {speed:,.0f} words/s, {left:.0f} s left, loss {self.loss:.4f}"


@dataclass
class Loop:
    """One training."""

    objective: Objective
    corpus: Corpus
    settings: Settings
    report: Callable[[Progress], None] = lambda _: None
    save: Callable[[int], None] = lambda _: None  # called between rounds with the number of the next one
    first: int = 0  # the round to begin with

    def run(self) -> None:
        """Train to the end.

        Raises:
            Failure: one of the processes died.
        """
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)  # in an operation; the processes are ours
        gc.collect()
        gc.freeze()  # a chunk is many small objects: collections should look at those only
        try:
            self.team = Team(self.settings.threads)
            self.began = time.perf_counter()
            self.team.run(self.work)
        finally:
            gc.unfreeze()
            torch.set_num_threads(before)

    def work(self, hand: int) -> None:
        """What one process does."""
        import torch

        with torch.inference_mode():
            for turn in range(self.first, self.rounds * self.settings.epochs):
                self.round(turn, hand)

    @property
    def chunks(self) -> int:
        """In an epoch."""
        return -(-len(self.corpus) // CHUNK)

    @property
    def rounds(self) -> int:
        """In an epoch."""
        return -(-self.chunks // self.settings.threads)

    def round(self, turn: int, hand: int) -> None:
        """A chunk a thread."""
        epoch, part = divmod(turn, self.rounds)
        chunk = part * self.settings.threads + hand
        blocks: Sequence[Any] = ()
        if chunk < self.chunks:
            generator = np.random.default_rng([self.settings.seed, epoch, chunk])
            blocks = self.objective.prepare(self.corpus.ids(chunk * CHUNK, (chunk + 1) * CHUNK), generator)
        team = self.team
        team.numbers[hand] = len(blocks)
        team.meet()
        steps, scratch = int(team.numbers.max()), self.objective.scratch()
        for step in range(steps):
            if step % SETTLE == 0:
                self.objective.settle()
            found = self.objective.gradients(blocks[step], scratch) if step < len(blocks) else ()
            self.send(hand, found)
            team.meet()
            self.apply(hand, found, self.rate((turn + step / steps) / (self.rounds * self.settings.epochs)))
            team.meet()
        if hand == 0:
            self.tell(turn + 1, blocks)
        team.meet()

    def send(self, hand: int, found: Sequence[Update]) -> None:
        """Tell each other process what concerns its rows."""
        for other in range(self.settings.threads):
            if other != hand:
                parts = [(each.table, each.rows.mine[other], each.change, each.rows.places[other]) for each in found]
                self.team.letters[hand, other].write(parts)

    def rate(self, done: float) -> float:
        """Of learning, when so much is done."""
        return self.settings.rate + done * (self.settings.last_rate - self.settings.rate)

    def apply(self, hand: int, found: Sequence[Update], rate: float) -> None:
        """Add what all processes found to this one's rows, in the order of the processes."""
        tables = self.objective.tables
        for other in range(self.settings.threads):
            if other != hand:
                for table, rows, change in self.team.letters[other, hand].read():
                    tables[table].index_add_(0, rows, change, alpha=rate)
                continue
            for update in found:
                if self.settings.threads == 1:
                    tables[update.table].index_add_(0, update.rows.all, update.change, alpha=rate)
                    continue
                mine = update.change.index_select(0, update.rows.places[hand])
                tables[update.table].index_add_(0, update.rows.mine[hand], mine, alpha=rate)

    def tell(self, turn: int, blocks: Sequence[Any]) -> None:
        """Progress, and a chance to save."""
        done = turn / (self.rounds * self.settings.epochs)
        since = done - self.first / (self.rounds * self.settings.epochs)
        loss = self.objective.loss(blocks[-1]) if blocks else 0.0
        if not loss < DIVERGED:
            raise Failure(f"the training diverged: loss {loss:.3g}", hint="a smaller rate or block: --set rate=… --set block=…")
        words = int(since * self.corpus.words * self.settings.epochs)
        self.report(Progress(done, words, time.perf_counter() - self.began, loss))
        self.save(turn)
