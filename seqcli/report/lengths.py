"""Scores by the length of a segment: what a system loses on long sentences.

Sufficient statistics are summed by the number of words, so bins may be chosen when all segments are in: where they begin, or how many
there are of about the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqcli.data.blocks import name_of
from seqcli.data.examples import AnyArray, IntArray
from seqcli.data.parallel import Batch, Source, batches
from seqcli.errors import Failure, UsageFailure
from seqcli.metrics.report import Evaluation, Score, Table, number
from seqcli.metrics.text import Measured
from seqcli.metrics.text.metric import Metric
from seqcli.report.comparison import Lengths, words

LONGEST = 400  # words: what is longer counts as so long
MOST = 50  # bins


def bins_of(said: str) -> int | list[int]:
    """Where bins begin, or how many there are.

    Raises:
        UsageFailure: neither.

    >>> bins_of("8,12,16,21"), bins_of("5")
    ([0, 8, 12, 16, 21], 5)
    """
    parts = said.split(",")
    numbers = [int(part) for part in parts if part.strip().isascii() and part.strip().isdigit()]
    if len(numbers) == len(parts):
        if len(numbers) == 1 and 2 <= numbers[0] <= MOST:
            return numbers[0]
        if len(numbers) > 1 and numbers == sorted(set(numbers)) and numbers[0] > 0 and numbers[-1] <= LONGEST:
            return [0, *numbers]
    raise UsageFailure(
        f"--by-length {said}: expected the words at which bins begin, or how many there are", hint="as 8,12,16,21 or as 5"
    )


def starts(bins: int | Sequence[int], counts: IntArray) -> list[int]:
    """Where the bins begin; of so many, each has about as many segments, of which `counts` (LONGEST + 1,) have each length.

    >>> starts(2, np.array([0, 5, 1, 1, 3])), starts([0, 3], np.ones(9, dtype=np.int64))
    ([0, 2], [0, 3])
    """
    if not isinstance(bins, int):
        return list(bins)
    before = np.cumsum(counts) - counts  # segments that are shorter
    wanted = counts.sum() * np.arange(1, bins) / bins
    nearest = np.abs(before[:, None] - wanted).argmin(0) if counts.any() else []
    return sorted({0, *map(int, nearest)})


def labels(begin: Sequence[int]) -> list[str]:
    """The bins in words.

    >>> labels([0, 8, 9, 21])
    ['0–7', '8', '9–20', '21+']
    """
    ends = [*(start - 1 for start in begin[1:]), None]
    return [f"{a}+" if b is None else str(a) if a == b else f"{a}–{b}" for a, b in zip(begin, ends, strict=True)]


class ByLength:
    """Watches `seqcli.metrics.text.evaluate`: call it with each batch, then ask for the scores of the bins.

    Args:
        systems: how many there are
        bins: where they begin, or how many there are; see `bins_of`
        source: a file that has the length of each segment; None: the first reference that is there has it
        absent: what a reference says where it has no such segment
        errors: invalid UTF-8 in the source: strict or replace

    Raises:
        Failure: the source cannot be read.
    """

    def __init__(
        self, systems: int, bins: int | Sequence[int], source: Path | None = None, absent: str | None = None, errors: str = "strict"
    ) -> None:
        self.systems, self.bins, self.absent, self.source = systems, bins, absent, source
        self.lengths = None if source is None else lengths_of(source, errors)
        self.metrics: Sequence[Metric] = ()
        self.counts = np.zeros(LONGEST + 1, dtype=np.int64)
        self.sums: list[list[AnyArray]] = []  # (S, M) statistics of each length, (LONGEST + 1, F)
        self.segments, self.beside = 0, ""  # how many, and the name of the first file that has them

    def __call__(self, batch: Batch, metrics: Sequence[Metric], measured: Measured) -> None:
        """Take in a batch."""
        if not self.metrics:
            self.metrics, self.beside = metrics, batch.names[0]
            self.sums = [[np.zeros((LONGEST + 1, each.shape[1])) for each in row] for row in measured.statistics]
        at = np.minimum(self.words(batch), LONGEST)
        self.segments += len(batch)
        self.counts += np.bincount(at, minlength=LONGEST + 1)
        for row, found in zip(self.sums, measured.statistics, strict=True):
            for sums, statistics in zip(row, found, strict=True):
                np.add.at(sums, at, statistics)

    def words(self, batch: Batch) -> IntArray:
        """The length of each segment of a batch, (B,)."""
        if self.lengths is not None:
            found = self.lengths[batch.first_line - 1 :][: len(batch)]
            return np.pad(found, (0, len(batch) - len(found)))  # `scores` tells of a source that is too short
        references = zip(*batch.segments[: -self.systems], strict=True)
        return np.array([words(next(text for text in texts if text != self.absent)) for texts in references], dtype=np.int64)

    def scores(self) -> Lengths:
        """The scores of the bins, once all batches are in.

        Raises:
            Failure: the source has another number of segments.
        """
        if self.source is not None and self.lengths is not None and len(self.lengths) != self.segments:
            raise Failure(
                f"{name_of(self.source)} has {len(self.lengths):,} lines, {self.beside} {self.segments:,}",
                hint="the nth of one belongs to the nth of the other",
            )
        begin = starts(self.bins, self.counts)
        segments = np.add.reduceat(self.counts, begin)
        found = [
            [metric.score(np.add.reduceat(sums, begin, axis=0)) for metric, sums in zip(self.metrics, row, strict=True)]
            for row in self.sums
        ]
        side = "reference" if self.source is None else "source"
        return Lengths(segments.tolist(), np.where(segments > 0, np.array(found), np.nan), labels(begin), side)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add the scores of the bins to what is said of the systems: tables for people, objects for programs.

        Raises:
            Failure: see `scores`.
        """
        found = self.scores()
        used = [k for k, count in enumerate(found.segments) if count]
        for s, evaluation in enumerate(evaluations):
            for m, score in enumerate(evaluation.headline):
                for k in used:
                    counts = {f"{found.side}_words": found.labels[k], "segments": found.segments[k]}
                    value = float(found.scores[s, m, k])
                    evaluation.details.append(Score(score.system, score.name, value, score.signature, counts=counts))
        evaluations[0].footnotes[:0] = tables(found, [each.system for each in evaluations], [each.name for each in self.metrics])


def lengths_of(source: Path, errors: str = "strict") -> IntArray:
    """Words of each segment of a file, which may be a test set of WMT, (N,)."""
    found = [words(text) for batch in batches([Source(source, kind="source")], errors=errors) for text in batch.segments[0]]
    return np.array(found, dtype=np.int64)


def tables(found: Lengths, systems: Sequence[str], metrics: Sequence[str]) -> list[Table]:
    """A table a metric: bins by systems."""
    told = []
    for m, metric in enumerate(metrics):
        rows = [[f"{found.side} words", "segments", *systems]]
        rows += [
            [label, str(count), *(number(float(score)) for score in found.scores[:, m, k])]
            for k, (label, count) in enumerate(zip(found.labels, found.segments, strict=True))
            if count
        ]
        told.append(Table(f"{metric} by length", rows))
    return told
