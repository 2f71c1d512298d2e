"""Vectors on a plane: principal components, or t-SNE (van der Maaten and Hinton 2008), exact and in whole matrices.

>>> places, shares = pca(np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [4.0, 1.0, 1.0]]))
>>> places.round(2).tolist(), shares.round(2).tolist()
([[-2.02, 0.17], [-0.08, -0.32], [2.1, 0.15]], [0.98, 0.02])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import DoubleArray, FloatArray
from seqcli.errors import UsageFailure

MOST = 5000  # points of a t-SNE: its time and memory grow with their square
PERPLEXITY = 30.0
STEPS, EARLY = 1000, 250  # in all; with exaggerated attraction
EXAGGERATION = 12.0
CELLS = 1 << 18  # of a block of rows that stays in cache
SMALL = np.float32(1e-12)


def pca(points: FloatArray, dimensions: int = 2) -> tuple[DoubleArray, DoubleArray]:
    """Points (N, D) on their first principal axes, (N, dimensions), and the shares of the variance along these.

    The greatest coefficient of each axis is positive, so that the same points always give the same picture. Axes that the points
    do not have are zero.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    variances = sizes**2
    total = float(variances.sum())
    have = min(dimensions, len(sizes))
    places, shares = np.zeros((len(points), dimensions)), np.zeros(dimensions)
    places[:, :have] = (left * (sizes * signs))[:, :have]
    shares[:have] = variances[:have] / total if total > 0 else 0.0
    return places, shares


@dataclass(frozen=True, slots=True)
class Embedding:
    """The outcome of t-SNE."""

    places: DoubleArray  # (N, 2)
    divergence: float  # Kullback-Leibler, in nats
    perplexity: float


def tsne(
    points: FloatArray,
    perplexity: float = PERPLEXITY,
    seed: int = 1,
    steps: int = STEPS,
    watch: Callable[[int, float], None] | None = None,
) -> Embedding:
    """Points (N, D) on a plane where neighbours stay neighbours; starts from the principal components.

    A perplexity that is too large for so few points becomes (N - 1) / 3. `watch` is told the step and the divergence every 50.

    Raises:
        UsageFailure: too many points, or a perplexity below 1.
    """
    N = len(points)
    if N > MOST:
        raise UsageFailure(f"{N:,} points are too many for t-SNE, which takes {MOST:,}", hint="choose fewer words, or draw with pca")
    if not 1.0 <= perplexity < np.inf:
        raise UsageFailure(f"a perplexity of {perplexity:g}: expected a number of 1 or more")
    perplexity = min(perplexity, max(1.0, (N - 1) / 3))
    start = pca(points)[0]
    if N < 4:
        return Embedding(start, 0.0, perplexity)
    affinities = joint(squared_distances(points), perplexity)
    scale = max(float(start[:, 0].std()), 1e-30)
    noise = np.random.default_rng(seed).normal(scale=1e-6, size=start.shape)  # equal points must come apart
    places = descend(affinities, (1e-4 * start / scale + noise).astype(np.float32), steps, watch)
    return Embedding(places.astype(np.float64), divergence(affinities, places), perplexity)


def squared_distances(points: FloatArray) -> FloatArray:
    """Of all pairs, (N, N), in float32."""
    centred = points.astype(np.float64)
    centred -= centred.mean(axis=0)
    sizes = (centred**2).sum(axis=1)
    found: DoubleArray = np.maximum(sizes[:, None] + sizes[None, :] - 2.0 * centred @ centred.T, 0.0)
    np.fill_diagonal(found, 0.0)
    return found.astype(np.float32)


def joint(distances: FloatArray, perplexity: float) -> FloatArray:
    """Symmetric affinities (N, N) that sum to 1, from squared distances."""
    given = conditional(distances, perplexity)
    found: FloatArray = given + given.T
    found /= np.float32(found.sum(dtype=np.float64))
    return found


def conditional(distances: FloatArray, perplexity: float, tolerance: float = 1e-5, halvings: int = 100) -> FloatArray:
    """Each row's Gaussian over the other points (N, N), as wide as gives it the perplexity; all rows are bisected at once.

    A row whose nearest points are all as near has them alike.
    """
    N = len(distances)
    distances = distances + np.diag(np.full(N, np.inf, np.float32))
    distances -= distances.min(axis=1, keepdims=True)  # it takes no part, and the nearest never underflows
    wanted = np.log(perplexity)
    spread = np.where(np.isfinite(distances), distances, 0.0).mean(axis=1, dtype=np.float64)
    precision = 1.0 / np.maximum(spread, 1e-30)
    low, high = np.zeros(N), np.full(N, np.inf)
    found = np.zeros((N, N), np.float32)
    rows = np.arange(N)
    for _ in range(halvings):
        near = distances[rows]
        weights = np.exp(-near * precision[rows, None].astype(np.float32))
        sums = weights.sum(axis=1, dtype=np.float64)
        mean = np.einsum("ij,ij->i", weights, np.where(np.isfinite(near), near, 0.0), dtype=np.float64) / sums
        excess = np.log(sums) + precision[rows] * mean - wanted  # entropy in nats, less what it should be
        found[rows] = weights / sums[:, None]
        wide, narrow = rows[excess > 0], rows[excess <= 0]
        low[wide], high[narrow] = precision[wide], precision[narrow]
        rows = rows[np.abs(excess) > tolerance]
        if not len(rows):
            break
        middle = (low[rows] + high[rows]) / 2
        precision[rows] = np.where(np.isinf(high[rows]), 2 * low[rows], middle)
    return found


def descend(affinities: FloatArray, places: FloatArray, steps: int, watch: Callable[[int, float], None] | None) -> FloatArray:
    """Gradient descent with momentum and a gain for each coordinate (Jacobs 1988), from places (N, 2)."""
    rate = max(len(places) / EXAGGERATION / 4.0, 50.0)
    velocity, gains = np.zeros_like(places), np.ones_like(places)
    early = min(EARLY, steps // 4)
    for step in range(steps):
        slope = gradient(affinities, places, EXAGGERATION if step < early else 1.0)
        onward = slope * velocity < 0
        gains = np.maximum(np.where(onward, gains + 0.2, gains * 0.8), 0.01).astype(np.float32)
        velocity = (0.5 if step < early else 0.8) * velocity - rate * gains * slope
        places = places + velocity
        places -= places.mean(axis=0)
        if watch is not None and step % 50 == 49:
            watch(step + 1, divergence(affinities, places))
    return places


def gradient(affinities: FloatArray, places: FloatArray, exaggeration: float = 1.0) -> FloatArray:
    """Of the divergence by the places, (N, 2): 4 Σ_j (p_ij − q_ij)(y_i − y_j) / (1 + |y_i − y_j|²).

    Attraction and repulsion are summed apart, by blocks that serve both of their points, so that nothing of size N × N is
    written.
    """
    N = len(places)
    pull, push, total = np.zeros((N, 3), np.float32), np.zeros((N, 3), np.float32), 0.0
    with_ones = np.concatenate([places, np.ones((N, 1), np.float32)], axis=1)  # sums of weights come along
    for rows, after, near in closeness(places):
        total += sum_of_all(near)
        add(pull, affinities[rows, rows.start :] * near, with_ones, rows, after)
        add(push, np.square(near, out=near), with_ones, rows, after)
    attraction = places * pull[:, 2:] - pull[:, :2]
    repulsion = places * push[:, 2:] - push[:, :2]
    found: FloatArray = 4.0 * (exaggeration * attraction - repulsion / np.float32(total))
    return found


def closeness(places: FloatArray) -> Iterator[tuple[slice, slice, FloatArray]]:
    """1 / (1 + |y_i − y_j|²) of each pair once: a block's rows, those after it, and the values by the rows and these, (n, m)."""
    N = len(places)
    size = max(1, CELLS // N)
    x, y = np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1])
    for start in range(0, N, size):
        rows, after = slice(start, min(start + size, N)), slice(min(start + size, N), N)
        near = np.subtract.outer(x[rows], x[start:])
        np.square(near, out=near)
        across = np.subtract.outer(y[rows], y[start:])
        near += np.square(across, out=across)
        near += 1.0
        yield rows, after, np.reciprocal(near, out=near)


def sum_of_all(near: FloatArray) -> float:
    """What a block of `closeness` adds to the sum over all pairs in both orders; a point's 1 to itself does not count."""
    n = len(near)
    return 2 * float(near.sum(dtype=np.float64)) - float(near[:, :n].sum(dtype=np.float64)) - n


def add(sums: FloatArray, weights: FloatArray, values: FloatArray, rows: slice, after: slice) -> None:
    """Add to the sums (N, 3) of both points of each pair the other's values, weighted."""
    sums[rows] += weights @ values[rows.start :]
    sums[after] += weights[:, len(weights) :].T @ values[rows]


def divergence(affinities: FloatArray, places: FloatArray) -> float:
    """Kullback-Leibler: Σ p_ij log (p_ij / q_ij), in nats."""
    total = np.float32(sum(sum_of_all(near) for _, _, near in closeness(places)))
    found = 0.0
    for rows, _, near in closeness(places):
        part = affinities[rows, rows.start :]
        terms = part * np.log(np.maximum(part, SMALL) * total / near)
        found += 2 * float(terms.sum(dtype=np.float64)) - float(terms[:, : len(terms)].sum(dtype=np.float64))
    return found
