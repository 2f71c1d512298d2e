"""Work shared among processes: results come in the order of the items, and memory holds only a few of them."""

from __future__ import annotations

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from seqcli.errors import Failure

LARGEST = 31 << 20  # bytes; glibc learns from blocks of less than 32 MB
WORTH = 2  # items for which a copy of the process is worth its start
Item = TypeVar("Item")
Result = TypeVar("Result")


def mapped(work: Callable[[Item], Result], items: Iterable[Item | None], jobs: int = 1, near: int = 0) -> Iterator[Result]:
    """`work(item)` for every item, in order, `jobs` processes at it; at most 2 items a process wait.

    None among the items is a pause of the input: all that came before is finished and handed over before more is waited for. The
    first `near` items are shared with copies of this process, which start in a moment and live for these items only; so a short
    input pays for no more. Where the items end with a Failure, it is raised after the results of those before it.

    >>> list(mapped(abs, [-1, None, -2]))
    [1, 2]
    """
    source = until_failure(items)
    if jobs == 1:
        for item in source:
            yield from one_by_one(work, [] if item is None else [item])
        return
    head: list[Item | Failure] = []
    for item in islice(source, near):
        if item is not None:
            head.append(item)
        else:
            yield from shared(work, head, jobs)
            head = []
    yield from shared(work, head, jobs)
    for item in source:
        if item is not None:
            yield from spread(work, item, source, jobs)


def one_by_one(work: Callable[[Item], Result], items: Iterable[Item | Failure]) -> Iterator[Result]:
    """The items by this process."""
    for item in items:
        if isinstance(item, Failure):
            raise item
        yield work(item)


def shared(work: Callable[[Item], Result], items: Sequence[Item | Failure], jobs: int) -> Iterator[Result]:
    """The items by this process and its copies, dealt out in turn."""
    hands = [items[hand::jobs] for hand in range(min(jobs, len(items) // WORTH))]
    if len(hands) < 2 or not hasattr(os, "fork"):
        yield from one_by_one(work, items)
        return
    copies = [Copy(work, items[hand :: len(hands)]) for hand in range(1, len(hands))]
    try:
        found = [outcomes(work, items[:: len(hands)]), *(copy.outcomes() for copy in copies)]
    finally:
        for copy in copies:
            copy.end()
    for i in range(len(items)):
        outcome = found[i % len(hands)][i // len(hands)]  # every one is there up to the first that failed
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


def outcomes(work: Callable[[Item], Result], items: Iterable[Item | Failure]) -> list[Any]:
    """Results, up to an exception as the last one."""
    found: list[Any] = []
    try:
        for result in one_by_one(work, items):
            found.append(result)  # noqa: PERF402  (what came before an exception counts)
    except Exception as error:
        found.append(error)
    return found


class Copy:
    """A copy of this process that works on some items and sends what came of them."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item | Failure]) -> None:
        receiving, sending = os.pipe()
        self.number = os.fork()
        if not self.number:
            try:
                os.close(receiving)
                adopt(work)
                with os.fdopen(sending, "wb") as pipe:
                    pickle.dump(outcomes(work, items), pipe, pickle.HIGHEST_PROTOCOL)
            finally:
                os._exit(0)  # and not on, as the program that this is a copy of
        os.close(sending)
        self.pipe = os.fdopen(receiving, "rb")

    def outcomes(self) -> list[Any]:
        """See the function; waits for them."""
        try:
            found: list[Any] = pickle.load(self.pipe)  # noqa: S301  (our own copy wrote it)
        except (EOFError, pickle.UnpicklingError):
            raise lost() from None
        return found

    def end(self) -> None:
        """Leave nothing behind, finished or not."""
        self.pipe.close()
        os.kill(self.number, signal.SIGTERM)
        os.waitpid(self.number, 0)


def spread(
    work: Callable[[Item], Result], first: Item | Failure, source: Iterator[Item | Failure | None], jobs: int
) -> Iterator[Result]:
    """The items from `first` on, by `jobs` processes."""
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    global _work  # noqa: PLW0603  (workers inherit it, or are sent it once)
    _work = work
    waiting: deque[Future[Result]] = deque()
    item: Item | Failure | None = first
    end = object()
    with ProcessPoolExecutor(jobs, initializer=adopt, initargs=(work,)) as pool:
        try:
            while item is not end:
                if item is not None and not isinstance(item, Failure):
                    waiting.append(pool.submit(call, item))
                while len(waiting) > (0 if item is None or isinstance(item, Failure) else 2 * jobs):
                    yield waiting.popleft().result()
                if isinstance(item, Failure):
                    raise item
                item = next(source, end)  # type: ignore[assignment]
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise lost() from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def lost() -> Failure:
    """What to say of a process that did not answer."""
    return Failure("a worker process died", hint="out of memory? try fewer --jobs")


def until_failure(items: Iterable[Item | None]) -> Iterator[Item | Failure | None]:
    """The items, and what ended them if they failed."""
    try:
        yield from items
    except Failure as failure:
        yield failure


_work: Callable[[Any], Any] | None = None


def adopt(work: Callable[[Any], Any]) -> None:
    """What a worker process does first: Ctrl-C is the parent's to handle."""
    global _work  # noqa: PLW0603
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def call(item: Any) -> Any:
    """One item in a worker process."""
    assert _work is not None
    return _work(item)


def keep_memory() -> None:
    """Make the C library keep what numpy frees and hand it out again, rather than ask the system for new pages each time.

    glibc returns every block beyond a threshold to the system at once, until it has seen one that large freed (see M_MMAP_THRESHOLD
    in mallopt(3)); arrays of a megabyte, made and dropped all the time, cost a third less so. Elsewhere it does nothing.
    """
    import numpy as np

    np.empty(LARGEST, dtype=np.uint8)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
