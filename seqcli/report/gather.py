"""From batches of scored segments to the page that compares systems: what is shown is kept, all else only counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.data.parallel import Batch
from seqcli.metrics.report import Evaluation
from seqcli.metrics.text import Measured, segment_scores
from seqcli.metrics.text.metric import Metric
from seqcli.report.comparison import (
    LENGTHS,
    Comparison,
    CorpusScore,
    Histogram,
    Lengths,
    MetricColumn,
    Selection,
    length_bins,
)
from seqcli.report.page import page


class Gatherer:
    """Watches `seqcli.metrics.text.evaluate`: call it with each batch, then ask for the page."""

    def __init__(self, title: str, systems: int, absent: str | None = None) -> None:
        self.title = title
        self.systems = systems
        self.absent = absent  # what a reference says where it has no such segment
        self.metrics: Sequence[Metric] = ()
        self.segments = 0
        self.sums: list[list[AnyArray]] = []  # (S, M) statistics of each bin of length, (K, F)
        self.counts = np.zeros(len(LENGTHS), dtype=np.int64)

    def __call__(self, batch: Batch, metrics: Sequence[Metric], measured: Measured) -> None:
        """Take in what is shown of a batch."""
        if not self.metrics:
            self.metrics = metrics
            self.histogram = Histogram(self.systems, len(metrics))
            self.selection = Selection([metric.lower_is_better for metric in metrics])
            self.sums = [[np.zeros((len(LENGTHS), each.shape[1])) for each in row] for row in measured.statistics]
        scores = segment_scores(metrics, measured.statistics)
        columns = batch.segments
        references, hypotheses = columns[: -self.systems], columns[-self.systems :]
        self.histogram.add(scores)
        beside = [[text for text in texts if text != self.absent] for texts in zip(*references, strict=True)]
        self.selection.add(batch.first_line, beside, list(zip(*hypotheses, strict=True)), scores)
        bins = length_bins([texts[0] for texts in beside])
        self.counts += np.bincount(bins, minlength=len(LENGTHS))
        for row, found in zip(self.sums, measured.statistics, strict=True):
            for sums, statistics in zip(row, found, strict=True):
                np.add.at(sums, bins, statistics)
        self.segments += len(batch)

    def page(self, evaluations: Sequence[Evaluation]) -> str:
        """The page, once all batches are in."""
        by_length = np.array([[metric.score(sums) for metric, sums in zip(self.metrics, row, strict=True)] for row in self.sums])
        scores = [
            [CorpusScore(score.score, score.low, score.high, score.p_value) for score in evaluation.headline]
            for evaluation in evaluations
        ]
        columns = [
            MetricColumn(score.name, score.signature, metric.lower_is_better)
            for metric, score in zip(self.metrics, evaluations[0].headline, strict=True)
        ]
        comparison = Comparison(
            title=self.title,
            systems=labels([evaluation.system for evaluation in evaluations]),
            metrics=columns,
            scores=scores,
            histograms=self.histogram.counts,
            lengths=Lengths(self.counts.tolist(), by_length),
            examples=self.selection.examples(),
            segments=self.segments,
        )
        return page(comparison)


def labels(systems: Sequence[str]) -> list[str]:
    """Names of systems without the folders that all of them share.

    >>> labels(["out/a.txt", "out/b.txt"]), labels(["out/a.txt"])
    (['a.txt', 'b.txt'], ['a.txt'])
    """
    names = [Path(system).name for system in systems]
    return names if len(set(names)) == len(names) else list(systems)
