"""The words nearest to a vector, by cosine; many vectors at once cost less than one after the other.

>>> vectors = Vectors.of(["king", "queen", "man"], np.array([[1, 1, 0], [1, 0.9, 0.1], [0, 1, 1]], np.float32))
>>> [(vectors.words[row], round(score, 3)) for row, score in nearest(vectors, vectors.matrix[:1], 2)[0]]
[('king', 1.0), ('queen', 0.996)]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli.data.examples import FloatArray, IntArray
from seqcli.data.vectors import Vectors

PART = 4096  # words whose scores against all queries stay in the processor's cache
LANES = 64  # groups whose best are looked at first


def nearest(vectors: Vectors, queries: FloatArray, top: int, without: Sequence[Sequence[int]] = ()) -> list[list[tuple[int, float]]]:
    """The `top` words nearest to each of Q vectors (Q, D): rows and cosines, best first, of two alike the more frequent first.

    Args:
        vectors: V words
        queries: (Q, D) of any length; one of zeros is as near to all
        top: how many of each
        without: rows that do not count, for each query
    """
    found = []
    units = at_length_one(queries)
    for start in range(0, len(units), LANES):
        scores = cosines(vectors, units[start : start + LANES])
        for i, row in enumerate(scores, start):
            if len(without):
                row[list(without[i])] = -np.inf
            rows = best(row, min(top, len(row) - (len(set(without[i])) if len(without) else 0)))
            found.append(list(zip(rows.tolist(), row[rows].tolist(), strict=True)))
    return found


def cosines(vectors: Vectors, units: FloatArray) -> FloatArray:
    """Cosines of all words with Q vectors of length 1, (Q, V)."""
    matrix, lengths = vectors.matrix, vectors.lengths
    if len(units) == 1:
        scores: FloatArray = (matrix @ units[0])[None]
        scores /= lengths
        return scores
    scores = np.empty((len(units), len(matrix)), np.float32)
    for start in range(0, len(matrix), PART):
        part = slice(start, start + PART)
        np.divide(units @ matrix[part].T, lengths[part], out=scores[:, part])
    return scores


def best(scores: FloatArray, top: int) -> IntArray:
    """Where the `top` highest of V scores stand, highest first; of two alike the one that comes first.

    The scores are dealt out to groups. As many groups as are wanted have a best score not below the `top`-th highest of these, so
    what is lower than that need not be sorted.
    """
    count = len(scores)
    width = count // LANES
    candidates: IntArray
    if 0 < top < width:
        bests = scores[: width * LANES].reshape(LANES, width).max(axis=0)
        candidates = np.flatnonzero(scores >= np.partition(bests, width - top)[width - top])
    else:
        candidates = np.arange(count)
    order = np.argsort(-scores[candidates], kind="stable")[: max(top, 0)]
    return candidates[order]


def at_length_one(matrix: FloatArray) -> FloatArray:
    """Each row divided by its length; zeros stay zeros."""
    lengths = np.sqrt(np.einsum("nd,nd->n", matrix, matrix))[:, None]
    return np.asarray(matrix / np.where(lengths > 0, lengths, 1), dtype=np.float32)
