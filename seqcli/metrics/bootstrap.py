"""How sure a score is: percentile intervals from resampled segments (Efron 1979; Koehn 2004 for test sets of text).

A test set of S segments is one draw of many that could have been made. Draw S of its segments with replacement, R
times, score each draw, and the middle 95 % of the R scores are the interval. Since a metric is a function of sums of
sufficient statistics, no text is scored again: the sums of R draws are one matrix product, (R, S) times (S, F).

>>> right_and_total = np.array([[3, 4], [5, 5], [1, 4]])
>>> low, high = interval(right_and_total, lambda sums: 100 * sums[..., 0] / sums[..., 1])
>>> float(low), float(high)
(25.0, 100.0)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from seqcli.data.examples import FloatArray

RESAMPLES = 1000
SEED = 12345
CELLS = 1 << 20  # draws held at once


def interval(
    statistics: npt.NDArray[Any],
    score: Callable[[FloatArray], FloatArray],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = 95.0,
) -> tuple[FloatArray, FloatArray]:
    """Low and high end of M scores, each (M,), from the sufficient statistics (S, F) of S segments.

    `score` takes sums (…, F) to M scores (…, M), or to one (…,); nan where a draw leaves it undefined. `resamples` is
    R, the same `seed` gives the same draws, and `level` percent of them are inside.
    """
    point = score(statistics.sum(axis=0, dtype=np.float64))
    return ends(score(resampled_sums(statistics, resamples, seed)), point, level)


def resampled_sums(statistics: npt.NDArray[Any], resamples: int = RESAMPLES, seed: int = SEED) -> FloatArray:
    """The sums (R, F) of S segments' statistics (S, F) over each of R draws."""
    rng = np.random.default_rng(seed)
    S = len(statistics)
    values = statistics.astype(np.float64, copy=False)
    step = max(1, CELLS // S)
    sums: list[FloatArray] = []
    for done in range(0, resamples, step):
        r = min(step, resamples - done)
        drawn = rng.integers(0, S, size=(r, S)) + np.arange(r)[:, None] * S
        times = np.bincount(drawn.ravel(), minlength=r * S).reshape(r, S)  # how often each segment was drawn
        sums.append(times.astype(np.float64) @ values)
    return np.concatenate(sums)


def ends(scores: FloatArray, point: FloatArray, level: float = 95.0) -> tuple[FloatArray, FloatArray]:
    """The middle `level` percent of R draws' scores (R, M), as low and high (M,).

    The score of the whole set, `point` (M,), is always inside: rare segments can pull the draws of a skewed score past
    it.
    """
    tails = [(100.0 - level) / 2, (100.0 + level) / 2]
    percentile = np.nanpercentile if np.isnan(scores).any() else np.percentile  # the former is slow
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a score that is undefined in every draw
        low, high = percentile(scores, tails, axis=0)
    return np.fmin(low, point), np.fmax(high, point)
