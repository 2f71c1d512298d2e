"""What the families of labels and values share: sums of statistics, scores with intervals, signatures.

>>> statistics = np.array([[1, 1], [0, 1], [1, 1], [1, 1]])  # right, all
>>> of_segments(statistics, 200, 1).score(lambda sums: 100 * sums[..., 0] / sums[..., 1]).tolist()
[75.0, 25.0, 100.0]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import __version__
from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.errors import Failure
from seqcli.metrics import Request, bootstrap
from seqcli.metrics.report import Score, Table, interval, number, rounded
from seqcli.metrics.tagging import precision, recall

Metric = Callable[[FloatArray], FloatArray]  # sums (…, *F) to scores (…,) or (…, M)
DRAWN = 1 << 27  # numbers drawn for the intervals of one system: some ten seconds; above it there are none
HELD = 1 << 25  # sums of all draws; likewise
CELLS = 1 << 20  # of them held at once
FEW = 8  # segments for each kind of segment from which on kinds are drawn
COUNTS = ("correct", "gold", "predicted")
NO_SHARES = ("mcc", "pearson", "spearman", "mae", "rmse", "mse", "mase")  # all other scores are percent


@dataclass(frozen=True, slots=True)
class Sums:
    """Sufficient statistics, F of them in some shape, summed over all segments and over each of R draws of these."""

    total: FloatArray  # (*F,)
    draws: FloatArray  # (R, *F); R is 0 where no intervals are wanted

    def score(self, metric: Metric) -> FloatArray:
        """A metric's score with the ends of its interval, (3,), or (3, M) of M scores; ends are nan where R is 0."""
        with np.errstate(all="ignore"):
            point = metric(self.total)
            if not len(self.draws):
                return np.stack([point, np.full_like(point, np.nan), np.full_like(point, np.nan)])
            return np.stack([point, *bootstrap.ends(metric(self.draws), point)])


def of_segments(statistics: AnyArray, resamples: int, seed: int) -> Sums:
    """The sums of S segments' statistics (S, F), each drawn by itself."""
    with np.errstate(all="ignore"):
        total = statistics.sum(axis=0, dtype=np.float64)
        draws = bootstrap.resampled_sums(statistics, resamples, seed) if resamples else np.zeros((0, *total.shape))
        return Sums(total, draws)


def of_kinds(times: IntArray, add: Callable[[IntArray], FloatArray], resamples: int, seed: int) -> Sums:
    """The sums of segments that come in C kinds, `times` (C,) each; `add` takes counts (…, C) to sums (…, *F).

    Segments of one kind cannot be told apart, so what S draws hold of each kind is one draw of a multinomial: the same
    bootstrap at the cost of C numbers a draw in place of S.
    """
    total = add(times)
    largest = max(len(times), total.size, 1)
    if not resamples or len(times) * resamples > DRAWN or total.size * resamples > HELD:
        return Sums(total, np.zeros((0, *total.shape)))
    rng = np.random.default_rng(seed)
    S = int(times.sum())
    step = max(1, CELLS // largest)
    sizes = [min(step, resamples - done) for done in range(0, resamples, step)]
    return Sums(total, np.concatenate([add(rng.multinomial(S, times / S, size=r)) for r in sizes]))


def of_rows(statistics: IntArray, resamples: int, seed: int) -> Sums:
    """The sums of S segments' counts (S, F), by kinds where many segments have the same counts.

    >>> of_rows(np.array([[0, 1]] * 30 + [[1, 1]] * 30), 100, seed=1).draws[:2].tolist()
    [[30.0, 60.0], [34.0, 60.0]]
    """
    active = statistics.any(axis=1)
    kinds, times = np.unique(statistics[active], axis=0, return_counts=True)
    idle = len(statistics) - int(active.sum())
    if (len(kinds) + 1) * FEW > len(statistics):
        return of_segments(statistics, resamples, seed)
    rows = np.concatenate([kinds, np.zeros((1, statistics.shape[1]), np.int64)]).astype(np.float64)
    return of_kinds(np.append(times, idle), lambda counts: counts @ rows, resamples, seed)


@dataclass(frozen=True, slots=True)
class Namer:
    """Puts names to the numbers of one system."""

    system: str
    request: Request
    parts: tuple[str, ...]  # of the signature: all that shapes every score of the family

    def score(self, name: str, found: FloatArray, counts: dict[str, Any] | None = None, *parts: str) -> Score:
        """A score from its value, low and high end (3,); `parts` are further ones of the signature."""
        value, low, high = found.tolist()
        draws = [] if np.isnan(low) else [f"seed:{self.request.seed}", f"resamples:{self.request.resamples}"]
        signature = "|".join([*self.parts, *parts, *draws, f"version:{__version__}"])
        return Score(self.system, name, value, signature, low, high, counts or {}, percent=name not in NO_SHARES)

    def counted(self, name: str, found: FloatArray, counts: FloatArray) -> Score:
        """An F1 with precision, recall and the counts (3,) behind it."""
        shares = {"precision": precision(counts), "recall": recall(counts)}
        whole = dict(zip(COUNTS, map(int, counts.tolist()), strict=True))
        return self.score(name, found, {key: rounded(float(share)) for key, share in shares.items()} | whole)


def f1_table(scores: Sequence[Score], what: str) -> Table:
    """One row a score of `Namer.counted`, named by what stands behind the slash; `what` says what these are."""
    rows = [[what, "F1", "95 % interval", "precision", "recall", *COUNTS]]
    for score in scores:
        shares = [number(np.nan if score.counts[key] is None else score.counts[key]) for key in ("precision", "recall")]
        rows.append(
            [score.name.partition("/")[2], number(score.score), interval(score), *shares, *(str(score.counts[k]) for k in COUNTS)]
        )
    return Table("", rows)


def same_count(reference: str, n: int, system: str, m: int, what: str) -> None:
    """Raise Failure where two files are not of one length."""
    if n != m:
        raise Failure(
            f"{reference} has {n} {what}, {system} has {m}", hint=f"give one answer for each of its {what}, in the same order"
        )
