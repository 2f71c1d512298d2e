"""How sure a score and a difference are, for metrics that are functions of sums, in sacreBLEU's numbers.

Koehn (2004) for the bootstrap, Riezler & Maxwell (2005) for approximate randomization. The draws come from the generator,
in the order and with the precision that sacreBLEU uses, so that the same seed gives the same interval and p-value; but
they are made a few at a time, so that a million segments need no more than their statistics.

>>> first, second = np.array([[9, 10], [1, 10], [5, 10]]), np.array([[8, 10], [4, 10], [5, 10]])
>>> percent = lambda sums: 100 * sums[..., 0] / sums[..., 1]
>>> scores = [percent(sums) for sums in resampled([first, second], 1000, 12345)]
>>> sure = confidence(scores[0])
>>> round(sure.mean, 2), sure.margin, sure.low, sure.high
(49.37, 40.0, 10.0, 90.0)
>>> observed = percent(second.sum(axis=0)) - percent(first.sum(axis=0))
>>> round(paired_bootstrap(*scores, observed), 3)
0.161
>>> [(one, other)] = exchanged([(first, second)], 1000, 12345)
>>> round(paired_randomization(percent(one), percent(other), observed), 3)
0.509
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray

TRIALS = {"bs": 1000, "ar": 10_000}  # sacreBLEU's numbers of draws
CELLS = 1 << 22  # draws held at once
CHUNK = 1 << 15  # segments multiplied at once


@dataclass(frozen=True, slots=True)
class Confidence:
    """What resampling says of one score."""

    mean: float
    margin: float  # half the width of the 95 % interval; sacreBLEU prints mean ± margin
    low: float
    high: float


def confidence(scores: FloatArray) -> Confidence:
    """The middle 95 % of the scores of R draws (R,): a fortieth of them lies beyond each end."""
    ordered = np.sort(scores)
    tail = len(ordered) // 40
    low, high = ordered[tail], ordered[len(ordered) - tail - 1]
    return Confidence(float(scores.mean()), float(0.5 * (high - low)), float(low), float(high))


def paired_bootstrap(baseline: FloatArray, system: FloatArray, observed: float) -> float:
    """The p-value of a difference of scores, from the scores of both on the same draws, (R,) each: could the choice of
    segments alone bring it about?
    """
    differences = np.abs(system - baseline)
    return p_value(differences - differences.mean(), observed)


def paired_randomization(first: FloatArray, second: FloatArray, observed: float) -> float:
    """The p-value of a difference of scores, from those of two mixtures of both systems, (R,) each: does it matter which of
    them wrote a segment?
    """
    return p_value(np.abs(first - second), observed)


def p_value(differences: FloatArray, observed: float) -> float:
    """How often chance alone goes beyond what was observed; never 0."""
    return (int((differences > abs(observed)).sum()) + 1) / (len(differences) + 1)


def resampled(statistics: Sequence[AnyArray], resamples: int, seed: int) -> list[AnyArray]:
    """Sums (R, F) in single precision of the same R draws with replacement from each of several (S, F)."""
    rng = np.random.default_rng(seed)
    S = len(statistics[0])
    step = max(1, CELLS // S)
    counts = [each for each in statistics if counted(each)]
    singles = [each.astype(np.float32) for each in statistics if not counted(each)]
    parts: list[list[AnyArray]] = []
    for done in range(0, resamples, step):
        places = rng.integers(0, S, size=(min(step, resamples - done), S))
        found: Iterator[AnyArray] = iter(())
        if counts:
            times = np.stack([np.bincount(row, minlength=S) for row in places])  # (r, S) how often each segment was drawn
            found = (sums.astype(np.float32) for sums in products(times, counts))
        summed = (np.stack([single[row].sum(axis=0) for row in places]) for single in singles)  # fractions: in sacreBLEU's order
        parts.append([next(found if counted(each) else summed) for each in statistics])
    return [np.concatenate(sums) for sums in zip(*parts, strict=True)]


def exchanged(pairs: Sequence[tuple[AnyArray, AnyArray]], trials: int, seed: int) -> list[tuple[AnyArray, AnyArray]]:
    """Sums (R, F) of two mixtures of each pair (S, F): in every trial a coin says for each segment which goes where."""
    rng = np.random.default_rng(seed)
    S = len(pairs[0][0])
    step = max(32, CELLS // S // 32 * 32)  # the generator hands out 32 coins at a time and forgets what is left of them
    wide = [np.int64 if counted(one) and counted(other) else np.float64 for one, other in pairs]
    narrow = {np.int64: np.int32, np.float64: np.float64}  # of one segment
    swaps = [one.astype(narrow[kind]) - other for (one, other), kind in zip(pairs, wide, strict=True)]
    coins = (rng.integers(2, size=(min(step, trials - done), S), dtype=bool) for done in range(0, trials, step))
    parts = [products(each, swaps) for each in coins]
    found = []
    for (one, other), kind, swapped in zip(pairs, wide, zip(*parts, strict=True), strict=True):
        first = other.sum(axis=0, dtype=kind) + np.concatenate(swapped).astype(kind)
        found.append((first, one.sum(axis=0, dtype=kind) + other.sum(axis=0, dtype=kind) - first))
    return found


def counted(statistics: AnyArray) -> bool:
    """Whether these are whole numbers, whose sums are exact in any order."""
    return statistics.dtype.kind in "iub"


def products(times: AnyArray, statistics: Sequence[AnyArray]) -> list[DoubleArray]:
    """(r, S) times each (S, F), by stretches of segments, so that only that much is held in double precision."""
    sums = [np.zeros((len(times), each.shape[1])) for each in statistics]
    for begin in range(0, times.shape[1], CHUNK):
        stretch = slice(begin, begin + CHUNK)
        some = times[:, stretch].astype(np.float64)
        for whole, each in zip(sums, statistics, strict=True):
            whole[:] += some @ each[stretch].astype(np.float64)
    return sums
