"""How sure a score and a difference are, for metrics that are functions of sums, in sacreBLEU's numbers.

Koehn (2004) for the bootstrap, Riezler & Maxwell (2005) for approximate randomization. The draws come from the generator,
in the order and with the precision that sacreBLEU uses, so that the same seed gives the same interval and p-value; but
they are made a few at a time, so that a million segments need no more than their statistics.

>>> first, second = np.array([[9, 10], [1, 10], [5, 10]]), np.array([[8, 10], [4, 10], [5, 10]])
>>> percent = lambda sums: 100 * sums[..., 0] / sums[..., 1]
>>> sure = confidence(bootstrap(first, percent, 1000, 12345))
>>> round(sure.mean, 2), sure.margin, sure.low, sure.high
(49.37, 40.0, 10.0, 90.0)
>>> round(paired_bootstrap(first, second, percent, 1000, 12345).p_value, 3)
0.161
>>> round(paired_randomization(first, second, percent, 1000, 12345), 3)
0.509
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray

RESAMPLES = {"bs": 1000, "ar": 10_000}
CELLS = 1 << 22  # draws held at once
CHUNK = 1 << 16  # segments multiplied at once

Score = Callable[[AnyArray], FloatArray]  # of sums (…, F), giving (…,)


@dataclass(frozen=True, slots=True)
class Confidence:
    """What resampling says of one score."""

    mean: float
    margin: float  # half the width of the 95 % interval; sacreBLEU prints mean ± margin
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """What a paired bootstrap says of a system beside the baseline."""

    p_value: float
    confidence: Confidence


def bootstrap(statistics: AnyArray, score: Score, resamples: int, seed: int) -> FloatArray:
    """Scores (R,) of R draws with replacement of S segments, given their statistics (S, F)."""
    rng = np.random.default_rng(seed)
    return np.concatenate([score(sums) for sums in drawn(rng, statistics, resamples)])


def confidence(scores: FloatArray) -> Confidence:
    """The middle 95 % of R scores: a fortieth of them lies beyond each end."""
    ordered = np.sort(scores)
    tail = len(ordered) // 40
    low, high = ordered[tail], ordered[len(ordered) - tail - 1]
    return Confidence(float(scores.mean()), float(0.5 * (high - low)), float(low), float(high))


def paired_bootstrap(baseline: AnyArray, system: AnyArray, score: Score, resamples: int, seed: int) -> Paired:
    """Whether a difference as large comes about by the choice of segments alone: both systems on the same draws."""
    rng = np.random.default_rng(seed)
    F = baseline.shape[1]
    of_baseline, of_system = [], []
    for sums in drawn(rng, np.concatenate([baseline, system], axis=1), resamples):
        of_baseline.append(score(sums[:, :F]))
        of_system.append(score(sums[:, F:]))
    scores = np.concatenate(of_system)
    differences = np.abs(scores - np.concatenate(of_baseline))
    return Paired(p_value(differences - differences.mean(), difference(baseline, system, score)), confidence(scores))


def paired_randomization(baseline: AnyArray, system: AnyArray, score: Score, trials: int, seed: int) -> float:
    """The p-value of a difference if it did not matter which system wrote which of the two outputs of a segment."""
    rng = np.random.default_rng(seed)
    mine, theirs = baseline.astype(np.float64), system.astype(np.float64)
    both = mine.sum(axis=0) + theirs.sum(axis=0)
    swapped = mine - theirs
    rest = theirs.sum(axis=0)
    S = len(baseline)
    step = max(32, CELLS // S // 32 * 32)  # the generator hands out 32 bits at a time and forgets what is left of them
    found: list[FloatArray] = []
    for done in range(0, trials, step):
        chosen = rng.integers(2, size=(min(step, trials - done), S), dtype=bool)
        first = whole(product(chosen, swapped) + rest, baseline, system)
        found.append(np.abs(score(first) - score(whole(both - first, baseline, system))))
    return p_value(np.concatenate(found), difference(baseline, system, score))


def difference(baseline: AnyArray, system: AnyArray, score: Score) -> float:
    """How far the scores of two systems are apart."""
    return float(abs(score(baseline.sum(axis=0)) - score(system.sum(axis=0))))


def p_value(differences: FloatArray, observed: float) -> float:
    """How often chance alone goes beyond what was observed; never 0."""
    return (int((differences > observed).sum()) + 1) / (len(differences) + 1)


def whole(sums: DoubleArray, *like: AnyArray) -> AnyArray:
    """Sums of counts as the integers that they are, others as they are."""
    return np.rint(sums).astype(np.int64) if all(each.dtype.kind in "iu" for each in like) else sums


def drawn(rng: np.random.Generator, statistics: AnyArray, resamples: int) -> Iterator[AnyArray]:
    """Sums (r, F) in single precision of r draws of S from (S, F), a few draws at a time."""
    S = len(statistics)
    step = max(1, CELLS // S)
    for done in range(0, resamples, step):
        r = min(step, resamples - done)
        places = rng.integers(0, S, size=(r, S))
        if statistics.dtype.kind in "iu":
            times = np.stack([np.bincount(row, minlength=S) for row in places])  # (r, S) how often each segment was drawn
            yield product(times, statistics).astype(np.float32)
        else:  # sums of fractions depend on the order of additions
            single = statistics.astype(np.float32)
            yield np.stack([single[row].sum(axis=0) for row in places])


def product(times: AnyArray, statistics: AnyArray) -> DoubleArray:
    """(r, S) times (S, F), a stretch of segments after the other, so that only that much is held in double precision."""
    sums = np.zeros((len(times), statistics.shape[1]))
    for begin in range(0, len(statistics), CHUNK):
        end = begin + CHUNK
        sums += times[:, begin:end].astype(np.float64) @ statistics[begin:end].astype(np.float64)
    return sums
