"""From batches of scored segments to the page that compares systems: what is shown is kept, all else only counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqcli.data.parallel import Batch
from seqcli.metrics.report import Evaluation
from seqcli.metrics.text import Measured, segment_scores
from seqcli.metrics.text.metric import Metric
from seqcli.report.comparison import (
    LENGTHS,
    Comparison,
    CorpusScore,
    Histogram,
    MetricColumn,
    Selection,
)
from seqcli.report.lengths import ByLength
from seqcli.report.page import page


class Gatherer:
    """Watches `seqcli.metrics.text.evaluate`: call it with each batch, then ask for the page."""

    def __init__(self, title: str, systems: int, absent: str | None = None, lengths: ByLength | None = None) -> None:
        self.title = title
        self.systems = systems
        self.absent = absent  # what a reference says where it has no such segment
        self.metrics: Sequence[Metric] = ()
        self.segments = 0
        self.lengths = lengths or ByLength(systems, LENGTHS, absent=absent)

    def __call__(self, batch: Batch, metrics: Sequence[Metric], measured: Measured) -> None:
        """Take in what is shown of a batch."""
        if not self.metrics:
            self.metrics = metrics
            self.histogram = Histogram(self.systems, len(metrics))
            self.selection = Selection([metric.lower_is_better for metric in metrics])
        scores = segment_scores(metrics, measured.statistics)
        columns = batch.segments
        references, hypotheses = columns[: -self.systems], columns[-self.systems :]
        self.histogram.add(scores)
        beside = [[text for text in texts if text != self.absent] for texts in zip(*references, strict=True)]
        self.selection.add(batch.first_line, beside, list(zip(*hypotheses, strict=True)), scores)
        self.lengths(batch, metrics, measured)
        self.segments += len(batch)

    def page(self, evaluations: Sequence[Evaluation]) -> str:
        """The page, once all batches are in."""
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
            lengths=self.lengths.scores(),
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
