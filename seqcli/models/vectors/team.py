"""Processes that change the same numbers in turn: memory that they share, barriers, and letters from each to each.

They are copies of this process, made by fork, so whatever was prepared before is there for all. Threads would wait for each other
after every small operation, because only one of them can be in the interpreter.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.errors import Failure

if TYPE_CHECKING:
    from torch import Tensor

LETTER = 1 << 27  # bytes that a letter can have; the system gives memory only where something is written
SPINS = 2_000  # looks at a semaphore before the processor is left to others
HEAD = 64  # numbers


def shared(shape: tuple[int, ...], dtype: type = np.float32) -> AnyArray:
    """Zeros that copies of this process share.

    >>> shared((2, 3)).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    size = int(np.prod(shape))
    return np.frombuffer(mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize)), dtype=dtype, count=size).reshape(shape)


class Letter:
    """What one member tells another: rows of tables and what to add to them."""

    def __init__(self) -> None:
        import torch

        memory, rows = mmap.mmap(-1, LETTER), LETTER // 32
        self.head = np.frombuffer(memory, dtype=np.int64, count=HEAD)
        self.rows = torch.frombuffer(memory, dtype=torch.int64, offset=8 * HEAD, count=rows)
        self.changes = torch.frombuffer(memory, dtype=torch.float32, offset=8 * (HEAD + rows), count=LETTER // 4 - 2 * (HEAD + rows))

    def write(self, parts: Sequence[tuple[int, Tensor, Tensor, Tensor]]) -> None:
        """The table, rows, changes and which of those changes belong to the rows, for each update."""
        import torch

        at, start = 0, 0
        for number, (table, rows, change, places) in enumerate(parts):
            count, width = len(rows), change.shape[1]
            self.head[1 + 3 * number : 4 + 3 * number] = table, count, width
            self.rows[at : at + count] = rows
            torch.index_select(change, 0, places, out=self.changes[start : start + count * width].view(count, width))
            at, start = at + count, start + count * width
        self.head[0] = len(parts)

    def read(self) -> Sequence[tuple[int, Tensor, Tensor]]:
        """The table, rows and changes of each update."""
        at, start, found = 0, 0, []
        for table, count, width in self.head[1 : 1 + 3 * self.head[0]].reshape(-1, 3).tolist():
            found.append((table, self.rows[at : at + count], self.changes[start : start + count * width].view(count, width)))
            at, start = at + count, start + count * width
        return found


class Team:
    """So many members, of which this process is the first."""

    def __init__(self, size: int) -> None:
        from multiprocessing import get_context

        self.size, self.hand = size, 0
        context = get_context("fork") if size > 1 else None
        others = [(a, b) for a in range(size) for b in range(size) if a != b]
        self.signals = {pair: context.Semaphore(0) for pair in others} if context else {}
        self.letters = {pair: Letter() for pair in others}
        self.numbers = shared((size,), np.int64)
        self.first = os.getpid()
        self.copies: list[int] = []

    def run(self, work: Callable[[int], None]) -> None:
        """`work(hand)` by all members.

        Raises:
            Failure: one of the others died.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            for hand in range(1, self.size):
                number = os.fork()
                if not number:
                    self.copy(hand, work)
                self.copies.append(number)
            work(0)
            while self.copies:
                if os.waitstatus_to_exitcode(os.waitpid(self.copies.pop(), 0)[1]):
                    raise lost()
        finally:
            for number in self.copies:
                os.kill(number, signal.SIGKILL)
                os.waitpid(number, 0)
            self.copies.clear()

    def copy(self, hand: int, work: Callable[[int], None]) -> None:
        """What a copy does in its life; Ctrl-C is the first one's to handle."""
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.hand, self.copies = hand, []
            work(hand)
            code = 0
        except BaseException:  # told here, for nobody else can
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)  # and not on, as the program that this is a copy of

    def meet(self) -> None:
        """Wait until all members are here."""
        for other in range(self.size):
            if other != self.hand:
                self.signals[self.hand, other].release()
        for other in range(self.size):
            if other != self.hand:
                self.wait(self.signals[other, self.hand])

    def wait(self, semaphore: Any) -> None:
        """For one signal: at first with an eye on it, for the others are about to be here too."""
        for _ in range(SPINS):
            if semaphore.acquire(False):
                return
        until = time.monotonic() + 0.005
        while time.monotonic() < until:
            os.sched_yield()
            if semaphore.acquire(False):
                return
        while not semaphore.acquire(True, 0.5):
            self.look()

    def look(self) -> None:
        """Raises Failure: a member is gone."""
        if self.hand and os.getppid() != self.first:
            os._exit(1)
        for number in list(self.copies):
            if os.waitpid(number, os.WNOHANG)[0]:
                self.copies.remove(number)
                raise lost()


def lost() -> Failure:
    """What to say of a member that is gone."""
    return Failure("a worker process died", hint="out of memory? try fewer threads")
