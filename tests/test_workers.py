"""Work among processes: the same results in the same order, whoever did it."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.workers import mapped


def work(item):
    if item == 13:
        raise Failure("thirteen")
    if item == 66:
        raise ValueError("sixty-six")
    if item == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    return item, item * item


def source(items, failing):
    yield from items
    if failing:
        raise Failure("no more")


def results(items, failing, **options):
    found: list[object] = []
    try:
        found.extend(mapped(work, source(items, failing), **options))
    except (Failure, ValueError) as error:
        found.append(str(error))
    return found


@given(st.lists(st.none() | st.integers(0, 70), max_size=12), st.booleans(), st.integers(2, 3), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_as_in_one_process(items, failing, jobs, near):
    """Pauses and failures anywhere: what comes before a failure comes, then it."""
    one = results(items, failing)
    assert results(items, failing, jobs=jobs, near=near) == one


def test_nothing_is_held_back_at_a_pause():
    """What came before a pause is handed over before more is asked for."""
    asked = []

    def items():
        for item in (1, 2, None, 3, None, 4, 5, 6, None, 7):
            asked.append(item)
            yield item

    seen = []
    for _, square in mapped(work, items(), jobs=2, near=6):
        seen.append(square)
        if square == 36:
            assert asked[-1] is None
    assert seen == [1, 4, 9, 16, 25, 36, 49]


def test_copies_are_other_processes():
    """And this one is not idle."""
    found = list(mapped(lambda item: (item, os.getpid()), range(8), jobs=2, near=8))
    assert [item for item, _ in found] == list(range(8))
    assert len({number for _, number in found}) == 2
    assert os.getpid() in {number for _, number in found}


@pytest.mark.parametrize("near", [0, 8])
def test_a_process_that_dies(near):
    """Killed for memory, say: one line, no hang."""
    with pytest.raises(Failure, match="a worker process died"):
        list(mapped(work, [1, 99, 1, 99, 1, 2, 3, 4] if not near else [1, 99, 3, 4, 5, 6], jobs=2, near=near))


def test_no_copy_is_left_behind(monkeypatch):
    """Whatever ends the work here."""
    copies: list[int] = []
    fork, me = os.fork, os.getpid()

    def noted():
        copies.append(fork())
        return copies[-1]

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(ZeroDivisionError):
        list(mapped(lambda item: item // (os.getpid() != me), range(8), jobs=2, near=8))
    assert len(copies) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(copies[0], 0)
