"""What is known of the bias of some vectors, for people and programs.

>>> along = Direction(np.array([[1.0, 0.0]]), "pca", np.array([0.75]), 10, ["Mary"], dropped=1)
>>> before, after = (Examination(along, 300, bias, 1.0) for bias in (0.0834, 1e-9))
>>> print(show(before, after))
direct bias (c = 1) of 300 words along 'pca' of 10 sets (75 % of their differences)
<BLANKLINE>
             before   after
direct bias  0.0834  0.0000
<BLANKLINE>
1 set left out; not in the vocabulary: Mary
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli.data.examples import DoubleArray, IntArray
from seqcli.metrics.report import NONE, align, rounded
from seqcli.tasks.bias.association import DRAWS, Association, run
from seqcli.tasks.bias.directions import Direction, direct_bias
from seqcli.tasks.bias.lists import TESTS, WeatTest
from seqcli.tasks.bias.lookup import Space

NAMED = 8  # missing words that are named


@dataclass(frozen=True, slots=True)
class Examination:
    """Measures of bias of one matrix of vectors."""

    along: Direction
    neutral: int  # words whose direct bias it is
    direct: float
    strictness: float
    tests: list[Association] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # tests that could not be made, and why


def examine(
    space: Space,
    along: Direction,
    neutral: IntArray,
    tests: Sequence[WeatTest] = TESTS,
    strictness: float = 1.0,
    draws: int = DRAWS,
    seed: int = 1,
) -> Examination:
    """Direct bias of the neutral words along a direction, and tests of association."""
    done, left_out = run(space, tests, draws, seed)
    return Examination(along, len(neutral), direct_bias(space, neutral, along, strictness), strictness, done, left_out)


def show(before: Examination, after: Examination | None = None) -> str:
    """Two tables and what was left out: one column of values, or two where there is an after."""
    along, both = before.along, [before] if after is None else [before, after]
    what = f"direct bias (c = {before.strictness:g}) of {before.neutral} words"
    share = 100 * float(along.shares.sum())
    lines = [f"{what} along {along.method!r} of {along.sets} sets ({share:.0f} % of their differences)", ""]
    heads = ["", *(["before", "after"] if after else ["value"])]
    lines += [align([heads, ["direct bias", *(f"{each.direct:.4f}" for each in both)]]), ""]
    if before.tests:
        lines += [align(tests_table(both)), ""]
    return "\n".join([*lines, *notes(before)]).rstrip("\n")


def tests_table(both: Sequence[Examination]) -> list[list[str]]:
    """Rows of effects and p-values by test."""
    times = ["before ", "after "] if len(both) == 2 else [""]
    rows = [["WEAT", *(f"{time}{what}" for time in times for what in ("effect", "p")), "targets", "attributes"]]
    for tests in zip(*(each.tests for each in both), strict=True):
        values = [value for test in tests for value in (fixed(test.effect), chance(test))]
        sizes = tests[0].sizes
        rows.append([tests[0].test.name, *values, f"{sizes[0]}+{sizes[1]}", f"{sizes[2]}+{sizes[3]}"])
    return rows


def notes(before: Examination) -> list[str]:
    """What was left out, a line each."""
    found = []
    if before.along.dropped:
        sets = f"{before.along.dropped} set{'s' * (before.along.dropped > 1)} left out"
        found.append(sets + (f"; not in the vocabulary: {some(before.along.missing)}" if before.along.missing else ""))
    for test in before.tests:
        parts = [f"not in the vocabulary: {some(test.missing)}"] * bool(test.missing)
        parts += [f"left out for equal sets: {test.surplus}"] * bool(test.surplus)
        if parts:
            found.append(f"{test.test.name}: {'; '.join(parts)}")
    return found + before.left_out


def some(words: Sequence[str]) -> str:
    """The first of many words, and how many more there are."""
    rest = len(words) - NAMED
    return " ".join(words[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def fixed(value: float) -> str:
    """Three decimals, or a dash for what is not defined.

    >>> fixed(1.23456), fixed(math.nan)
    ('1.235', '–')
    """
    return NONE if math.isnan(value) else f"{value:.3f}"


def chance(test: Association) -> str:
    """A p-value; what a sample cannot tell apart from less has a sign before it."""
    least = test.p_value * test.draws < 1.5 and not test.exact
    return f"{'≤ ' if least else ''}{test.p_value:.2g}"


def record(examination: Examination) -> dict[str, Any]:
    """The same as a JSON object."""
    along = examination.along
    return {
        "direction": along.method,
        "dimensions": len(along.basis),
        "sets": along.sets,
        "sets_left_out": along.dropped,
        "missing": along.missing,
        "share": [rounded(share) for share in along.shares.tolist()],
        "neutral": examination.neutral,
        "c": examination.strictness,
        "direct_bias": rounded(examination.direct),
        "weat": [test_record(test) for test in examination.tests],
        "weat_left_out": examination.left_out,
    }


def test_record(test: Association) -> dict[str, Any]:
    """A test of association as a JSON object."""
    names = [each.name for each in (test.test.first, test.test.second, test.test.this, test.test.that)]
    return {
        "name": test.test.name,
        "targets": dict(zip(names[:2], test.sizes[:2], strict=True)),
        "attributes": dict(zip(names[2:], test.sizes[2:], strict=True)),
        "effect": rounded(test.effect),
        "p_value": rounded(test.p_value),
        "exact": test.exact,
        "draws": test.draws,
        "missing": test.missing,
        "surplus": test.surplus,
    }


def projections(words: Sequence[str], values: DoubleArray) -> str:
    """Words with their cosine to the direction, the highest first.

    >>> print(projections(["he", "nurse"], np.array([-0.5, 0.25])))
    nurse  +0.2500
    he     -0.5000
    """
    order = np.argsort(-values, kind="stable").tolist()
    return align([[words[i], f"{values[i]:+.4f}"] for i in order])
