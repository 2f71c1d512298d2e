"""Questions of bias to word vectors: how far words lie along a direction, and tests of association.

>>> vectors = Vectors.of(["she", "he", "nurse"], np.array([[1, 1], [-1, 1], [1, 3]], np.float32))
>>> found = project(vectors, ["he", "nurse"], [("she", "he")])
>>> list(tell_projections(found, False)), list(tell_projections(found, True))[1]
(['nurse  +0.3162', 'he     -0.7071'], '{"word": "he", "projection": -0.707107}')
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqcli.data.blocks import check_readable, name_of
from seqcli.data.examples import DoubleArray
from seqcli.data.vectors import Vectors
from seqcli.errors import Failure, UsageFailure
from seqcli.metrics.report import align
from seqcli.tasks.bias.association import Association, run, weat
from seqcli.tasks.bias.directions import Direction, direction
from seqcli.tasks.bias.lists import DEFINING, TESTS, WeatTest, named
from seqcli.tasks.bias.lookup import Space, unit
from seqcli.tasks.bias.reading import is_json, parse_words, read_sets, read_tests, text_of
from seqcli.tasks.bias.report import chance, fixed, projections, some, test_record
from seqcli.tasks.vectors.chosen import choose
from seqcli.tasks.vectors.telling import objects, rounded


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Words and their cosines to a direction."""

    words: list[str]
    values: DoubleArray  # (N,)
    along: Direction
    notes: list[str]  # what was left out


def space_of(vectors: Vectors) -> Space:
    """Word vectors as bias is measured on them."""
    return Space.of(list(vectors.words), vectors.matrix)


def list_of(value: str) -> list[str]:
    """The words between blanks; or, for `@FILE`, or `-`, those of a file or of standard input, a word a line or as JSON.

    >>> list_of("nurse  doctor")
    ['nurse', 'doctor']

    Raises:
        Failure: the file cannot be read or holds no words.
        UsageFailure: no words are quoted.
    """
    if value != "-" and not value.startswith("@"):
        if not value.split():
            raise UsageFailure("--bias names no words", hint='as in --bias "nurse doctor"')
        return value.split()
    path = Path(value.removeprefix("@"))
    check_readable(path)
    text = text_of(path)
    words = parse_words(text, name_of(path))
    return words if is_json(text) else [word for line in words for word in line.split()]


def pairs_of(path: Path | None) -> Sequence[Sequence[str]]:
    """The pairs of a file, or those of gender (Bolukbasi et al. 2016)."""
    return DEFINING if path is None else read_sets(path)


def project(vectors: Vectors, words: Sequence[str], pairs: Sequence[Sequence[str]], method: str = "pca") -> Projected:
    """How far words lie along the direction of bias that pairs make; n-grams stand in for unknown words.

    Raises:
        Failure: no word has a vector, or no pair is whole.
    """
    found = choose(vectors, words)
    along = direction(space_of(vectors), pairs, method)
    return Projected(found.words, unit(found.matrix.astype(np.float64)) @ along.basis[0], along, found.notes)


def tell_projections(found: Projected, as_objects: bool) -> Iterator[str]:
    """A line a word, the highest first."""
    if not as_objects:
        yield from projections(found.words, found.values).split("\n")
        return
    for i in np.argsort(-found.values, kind="stable").tolist():
        yield objects({"word": found.words[i], "projection": rounded(float(found.values[i]))})


def tell_direction(along: Direction) -> Iterator[str]:
    """What a direction is made of, and what was left out."""
    sets = f"{along.sets} pair{'s' * (along.sets != 1)}"
    yield f"along {along.method!r} of {sets} ({100 * float(along.shares.sum()):.0f} % of their differences)"
    if along.dropped:
        missing = f"; not in the vocabulary: {some(along.missing)}" if along.missing else ""
        yield f"{along.dropped} pair{'s' * (along.dropped != 1)} left out{missing}"


def tests_of(value: str) -> Sequence[WeatTest]:
    """The tests that `--weat` means: one by name, those of a file, or all there are.

    Raises:
        Failure: the file cannot be read, or is none of tests.
        UsageFailure: there is no such test.
    """
    path = Path(value)
    if value == "all":
        return TESTS
    if value == "-" or path.suffix or path.exists() or len(path.parts) > 1:
        check_readable(path)
        return read_tests(path)
    return [named(value)]


def associate(vectors: Vectors, tests: Sequence[WeatTest]) -> tuple[list[Association], list[str]]:
    """The tests that can be made, and a line on each of the others.

    Raises:
        Failure: none can.
    """
    space = space_of(vectors)
    if len(tests) == 1:
        return [weat(space, tests[0])], []
    done, left_out = run(space, tests)
    if not done:
        raise Failure(f"none of {len(tests)} tests can be made: {left_out[0]}")
    return done, left_out


def tell_tests(found: Sequence[Association], as_objects: bool) -> Iterator[str]:
    """A line a test: effect size, p-value and how many words counted; and the words that did not."""
    if as_objects:
        yield from (objects(test_record(test)) for test in found)
        return
    rows = [["WEAT", "effect", "p", "targets", "attributes"]]
    for test in found:
        first, second, this, that = test.sizes
        rows.append([test.test.name, fixed(test.effect), chance(test), f"{first}+{second}", f"{this}+{that}"])
    yield from align(rows).split("\n")
    lines = [line for test in found for line in without(test)]
    yield from ["", *lines] if lines else []


def without(test: Association) -> Iterator[str]:
    """The words that did not count."""
    if test.missing:
        yield f"{test.test.name}: not in the vocabulary: {some(test.missing)}"
    if test.surplus:
        yield f"{test.test.name}: left out for equal sets: {test.surplus}"
