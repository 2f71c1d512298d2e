"""A direction of bias, and how much of it words have (Bolukbasi et al. 2016, sections 4 and 5).

>>> space = Space.of(["she", "he", "nurse"], np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, 3.0]], np.float32))
>>> gender = direction(space, [("she", "he")])
>>> gender.basis.round(6).tolist(), project(space, np.array([0, 1, 2]), gender).round(3).tolist()
([[1.0, 0.0]], [0.707, -0.707, 0.316])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import DoubleArray, IntArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.tasks.bias.lookup import Space

METHODS = ("pca", "svd", "mean")


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction of bias, or a space of several; the first words of the sets lie on its positive side."""

    basis: DoubleArray  # (K, D) orthonormal rows
    method: str
    shares: DoubleArray  # (K,) of the squared differences within the sets, how much lies along each row
    sets: int  # that it was made from
    missing: list[str]  # words of the sets that are not in the vocabulary
    dropped: int = 0  # sets left out


def direction(space: Space, sets: Sequence[Sequence[str]], method: str = "pca", dimensions: int = 1) -> Direction:
    """The direction in which the words of each set differ; the sets are pairs in most cases.

    `mean` is the mean of the differences of pairs. `pca` and `svd` take the first principal axes of all words, each less the
    mean of its set; for `svd` every set weighs the same, as in the paper (C = Σ Σ (w − μ)(w − μ)ᵀ / |set|), for `pca` every word.
    With pairs only the two are the same.

    Raises:
        Failure: no set is in the vocabulary, or the sets do not differ in so many dimensions.
        UsageFailure: an unknown method, or one that does not fit the sets.
    """
    if method not in METHODS:
        raise UsageFailure(f"no way to make a direction is called {method!r}", hint=nearest(method, METHODS))
    if dimensions < 1 or (method == "mean" and dimensions > 1):
        most = "one direction" if method == "mean" else "1 or more"
        raise UsageFailure(f"{dimensions} dimensions of bias: {method!r} gives {most}")
    found = space.find_sets(sets)
    if not found.sets:
        some = ", ".join(map(repr, found.missing[:5])) + (" …" if len(found.missing) > 5 else "")
        hint = f"not in the vocabulary: {some}" if some else "name pairs of different words"
        raise Failure(f"none of {len(sets)} sets of words can make a direction", hint=hint)
    centred, first = offsets(space, found.sets, method)
    basis = mean_difference(space, found.sets) if method == "mean" else axes(centred, dimensions)
    basis = np.where(basis @ first < 0, -1.0, 1.0)[:, None] * basis
    along = ((centred @ basis.T) ** 2).sum(axis=0)
    return Direction(basis, method, along / (centred**2).sum(), len(found.sets), found.missing, found.dropped)


def offsets(space: Space, sets: Sequence[IntArray], method: str) -> tuple[DoubleArray, DoubleArray]:
    """Each word less the mean of its set, (N, D); and the sum of those that come first, (D,)."""
    parts, first = [], np.zeros(space.matrix.shape[1])
    for rows in sets:
        vectors = space.unit(rows)
        vectors = vectors - vectors.mean(axis=0)
        first += vectors[0]
        parts.append(vectors / np.sqrt(len(rows)) if method == "svd" else vectors)
    return np.concatenate(parts), first


def axes(centred: DoubleArray, dimensions: int) -> DoubleArray:
    """The first right singular vectors, (K, D)."""
    _, sizes, found = np.linalg.svd(centred, full_matrices=False)
    rank = int((sizes > 1e-7 * max(1.0, float(sizes[0]))).sum())
    if rank < dimensions:
        raise Failure(f"the sets of words differ in {rank} dimensions, {dimensions} were asked for", hint="name more sets")
    basis: DoubleArray = found[:dimensions]
    return basis


def mean_difference(space: Space, sets: Sequence[IntArray]) -> DoubleArray:
    """The mean of first less second at length 1, (1, D)."""
    if any(len(rows) != 2 for rows in sets):
        raise UsageFailure("a direction by 'mean' is made of pairs, and a set has more words", hint="use 'pca' or 'svd'")
    first, second = (space.unit(np.array([rows[side] for rows in sets])) for side in (0, 1))
    found: DoubleArray = (first - second).mean(axis=0, keepdims=True)
    length = float(np.linalg.norm(found))
    if length < 1e-7:
        raise Failure("the differences of the pairs cancel out", hint="name each pair in the same order, or use 'pca'")
    return found / length


def project(space: Space, rows: IntArray, along: Direction) -> DoubleArray:
    """The cosine of words to the first direction, (N,)."""
    return coordinates(space, rows, along)[:, 0]


def coordinates(space: Space, rows: IntArray, along: Direction) -> DoubleArray:
    """The cosines of words to all directions, (N, K)."""
    parts = [vectors @ along.basis.T for _, vectors in space.pieces(rows)]
    return np.concatenate([np.zeros((0, len(along.basis))), *parts])


def direct_bias(space: Space, neutral: IntArray, along: Direction, strictness: float = 1.0) -> float:
    """The mean of |cos|^strictness of words that should be neutral; 0 is none, 1 is all (section 5.2).

    With several directions, the length of a word's part in their space stands for |cos|. A strictness of 0 counts the words
    that have any bias at all.

    Raises:
        Failure: there is no word.
    """
    if not len(neutral):
        raise Failure("no neutral word is in the vocabulary: there is no direct bias to measure")
    if strictness < 0:
        raise UsageFailure(f"a strictness of {strictness:g}: expected 0 or more")
    sizes = np.linalg.norm(coordinates(space, neutral, along), axis=1)
    return float(np.mean(sizes > 0 if strictness == 0 else sizes**strictness))
