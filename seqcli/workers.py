"""Work shared among processes: results come in the order of the items, and memory holds only a few of them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from seqcli.errors import Failure

Item = TypeVar("Item")
Result = TypeVar("Result")


def mapped(work: Callable[[Item], Result], items: Iterable[Item | None], jobs: int = 1, alone: int = 0) -> Iterator[Result]:
    """`work(item)` for every item, in order, `jobs` processes at it; at most 2 items a process wait.

    None among the items is a pause of the input: all that came before is finished and handed over before more is waited for. The
    first `alone` items are done in this process, so that a short input starts no other. Where the items end with a Failure, it is
    raised after the results of those before it.

    >>> list(mapped(abs, [-1, None, -2]))
    [1, 2]
    """
    source = until_failure(items)
    for item in source if jobs == 1 else islice(source, alone):
        if isinstance(item, Failure):
            raise item
        if item is not None:
            yield work(item)
    if jobs > 1 and (first := next(source, None)) is not None:
        yield from spread(work, first, source, jobs)


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
            raise Failure("a worker process died", hint="out of memory? try fewer --jobs") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def until_failure(items: Iterable[Item | None]) -> Iterator[Item | Failure | None]:
    """The items, and what ended them if they failed."""
    try:
        yield from items
    except Failure as failure:
        yield failure


_work: Callable[[Any], Any] | None = None


def adopt(work: Callable[[Any], Any]) -> None:
    """What a worker process does first: Ctrl-C is the parent's to handle."""
    import signal

    global _work  # noqa: PLW0603
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def call(item: Any) -> Any:
    """One item in a worker process."""
    assert _work is not None
    return _work(item)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
