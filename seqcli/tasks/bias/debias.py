"""Vectors without a bias: neutralise, equalise, both (hard), or a transform that trades one for the other (soft).

Bolukbasi et al. 2016, section 6. All vectors come out at length 1, as in the paper.

>>> from seqcli.tasks.bias.directions import direction
>>> space = Space.of(["she", "he", "nurse"], np.array([[1.0, 1.0], [-1.0, 2.0], [1.0, 3.0]], np.float32))
>>> gender = direction(space, [("she", "he")])
>>> repaired = hard(space, gender, specific=np.array([0, 1]), sets=[np.array([0, 1])])
>>> abs(float((repaired.matrix[2] * gender.basis[0]).sum()).__round__(6)), repaired.neutral
(0.0, 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import DoubleArray, FloatArray, IntArray
from seqcli.errors import Failure
from seqcli.tasks.bias.directions import Direction
from seqcli.tasks.bias.lookup import Space, unit
from seqcli.tasks.bias.transform import soft_transform

LAMBDA = 0.2


@dataclass(frozen=True, slots=True)
class Debiased:
    """New vectors, and of how many words."""

    matrix: FloatArray  # (V, D) float32, every row at length 1
    neutral: int  # words that were to lose the bias
    equalised: int = 0  # sets of words made to differ in the bias alone
    kept: float = 1.0  # of the inner products of all words: 1 less the relative error in the root mean square


def neutralise(vectors: DoubleArray, basis: DoubleArray) -> DoubleArray:
    """Vectors (N, D) less their part in the space of the basis (K, D), at length 1.

    >>> neutralise(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0]])).tolist()
    [[0.0, 1.0]]
    """
    rest = vectors - vectors @ basis.T @ basis
    rest -= rest @ basis.T @ basis  # what rounding left
    rest[np.linalg.norm(rest, axis=1) < 1e-6 * np.linalg.norm(vectors, axis=1)] = 0.0  # it was bias and nothing else
    return unit(rest)


def equalise(vectors: DoubleArray, basis: DoubleArray) -> DoubleArray:
    """A set of unit vectors (n, D) that afterwards differ in the space of the basis alone, as far from all that lies outside it.

    >>> equalise(np.array([[0.8, 0.6], [0.0, 1.0]]), np.array([[1.0, 0.0]])).round(9).tolist()
    [[0.6, 0.8], [-0.6, 0.8]]
    """
    mean = vectors.mean(axis=0)
    outside = mean - mean @ basis.T @ basis
    sides = (vectors - mean) @ basis.T  # (n, K)
    lengths = np.linalg.norm(sides, axis=1, keepdims=True)
    if lengths.min() < 1e-9:  # a word has no side
        return unit(np.broadcast_to(outside, vectors.shape).copy())
    inside = np.sqrt(max(0.0, 1.0 - float(outside @ outside))) * (sides / lengths) @ basis
    return unit(outside + inside)


def hard(space: Space, along: Direction, specific: IntArray, sets: Sequence[IntArray] = ()) -> Debiased:
    """All words but the specific ones and those of the sets neutralised, then the sets equalised."""
    matrix = np.empty(space.matrix.shape, np.float32)
    for rows, vectors in space.pieces():
        matrix[rows] = vectors
    neutral = neutral_rows(space, specific, sets)
    for rows, vectors in space.pieces(neutral):
        matrix[rows] = neutralise(vectors, along.basis)
    for rows in sets:
        matrix[rows] = equalise(space.unit(rows), along.basis)
    return Debiased(matrix, len(neutral), len(sets))


def neutral_rows(space: Space, specific: IntArray, sets: Sequence[IntArray] = ()) -> IntArray:
    """All words that should have no bias.

    Raises:
        Failure: there is none.
    """
    found = space.others([*specific.tolist(), *(row for rows in sets for row in rows.tolist())])
    if not len(found):
        raise Failure("every word of the vocabulary is specific: there is none to debias", hint="name fewer specific words")
    return found


def soft(space: Space, along: Direction, specific: IntArray, strength: float = LAMBDA) -> Debiased:
    """All words under one linear map that keeps their inner products and takes the bias of the neutral ones; see `soft_transform`."""
    neutral = neutral_rows(space, specific)
    every = moments(space, np.arange(len(space.words)))
    transform = soft_transform(every, moments(space, neutral), along.basis, strength)
    matrix = np.empty(space.matrix.shape, np.float32)
    for rows, vectors in space.pieces():
        matrix[rows] = unit(vectors @ transform)
    change = transform @ transform - np.eye(len(transform))
    lost = np.trace(every @ change @ every @ change) / np.trace(every @ every)
    return Debiased(matrix, len(neutral), kept=1.0 - float(np.sqrt(max(0.0, lost))))


def moments(space: Space, rows: IntArray) -> DoubleArray:
    """The mean of w wᵀ over words, (D, D)."""
    total = np.zeros((space.matrix.shape[1],) * 2)
    for _, vectors in space.pieces(rows):
        total += vectors.T @ vectors
    return total / len(rows)
