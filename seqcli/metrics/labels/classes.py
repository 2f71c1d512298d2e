"""One label a line: accuracy, F1 in its averages, Matthews' correlation, confusions.

All of them are functions of three counts a label, **correct, gold, predicted**, summed over lines (see `tagging`). Lines
with the same pair of labels are alike, so the statistics of a corpus are its table of confusions, and an interval costs
as much for a million lines as for a hundred.

>>> counts = np.array([[2.0, 3, 2], [1, 1, 2]])  # two labels
>>> float(accuracy(counts)), round(float(weighted(counts)), 2), round(float(matthews(counts)), 4)
(75.0, 76.67, 0.5774)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from seqcli.data.blocks import name_of
from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.metrics import Request, tagging
from seqcli.metrics.corpus import Vocabulary
from seqcli.metrics.labels import reading
from seqcli.metrics.labels.scoring import Metric, Namer, Sums, f1_table, of_kinds, same_count
from seqcli.metrics.report import Evaluation, Score, Segment, Table, number

DEFAULT = ("accuracy", "macro-f1", "micro-f1", "weighted-f1", "mcc")
GROUPS = ("f1", "confusion")  # metrics of many scores, told in tables of their own
SQUARE = 12  # labels up to which the table of confusions is shown whole
BLANK = "(blank)"  # a line without a label, in reports


@dataclass(frozen=True, slots=True)
class Answers:
    """The labels of N lines, by number."""

    name: str
    ids: IntArray  # (N,)
    first_line: int  # line number of the first


@dataclass(frozen=True, slots=True)
class Confusions:
    """How often each of C pairs of labels occurs, of the K labels there are."""

    gold: IntArray  # (C,)
    pred: IntArray  # (C,)
    times: IntArray  # (C,)
    K: int

    @classmethod
    def of(cls, gold: IntArray, pred: IntArray, K: int) -> Confusions:
        """Count the pairs of N lines' labels (N,)."""
        pairs, times = np.unique(gold * K + pred, return_counts=True)
        return cls(pairs // K, pairs % K, times, K)

    def counts(self, times: IntArray) -> FloatArray:
        """Correct, gold and predicted lines of each label (…, K, 3) where the pairs occur so often (…, C)."""
        correct = np.where(self.gold == self.pred, times, 0)
        parts = (grouped(correct, self.gold, self.K), grouped(times, self.gold, self.K), grouped(times, self.pred, self.K))
        return np.stack(parts, axis=-1)

    def sums(self, resamples: int, seed: int) -> Sums:
        """The counts of all lines and of each draw of them, (K, 3) and (R, K, 3)."""
        return of_kinds(self.times, self.counts, resamples, seed)


def grouped(values: IntArray, groups: IntArray, K: int) -> FloatArray:
    """Sums (…, K) of values (…, C) by group (C,).

    >>> grouped(np.array([5, 1, 2]), np.array([2, 0, 2]), 3).tolist()
    [1.0, 0.0, 7.0]
    """
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((*values.shape[:-1], K))
    sums[..., present] = np.add.reduceat(values[..., order], starts, axis=-1)
    return sums


def accuracy(counts: FloatArray) -> FloatArray:
    """Percent of right lines; also micro-averaged F1, since each line has one label on either side."""
    return tagging.ratio(counts[..., 0].sum(axis=-1), counts[..., 1].sum(axis=-1))


def macro(counts: FloatArray) -> FloatArray:
    """Mean F1 of the labels that occur on either side."""
    return tagging.macro(tagging.f1(counts))


def weighted(counts: FloatArray) -> FloatArray:
    """Mean F1, each label weighted by its lines in the reference."""
    gold = counts[..., 1]
    total: FloatArray = (np.nan_to_num(tagging.f1(counts)) * gold).sum(axis=-1)
    return tagging.ratio(total / 100, gold.sum(axis=-1))


def matthews(counts: FloatArray) -> FloatArray:
    """Matthews' correlation coefficient for K labels, -1 to 1 (Gorodkin 2004, R_K); 0 where one side has only one label."""
    correct, gold, predicted = np.moveaxis(counts, -1, 0)  # (…, K) each
    n = gold.sum(axis=-1)
    covariance = n * correct.sum(axis=-1) - (gold * predicted).sum(axis=-1)
    spread: FloatArray = np.sqrt(n**2 - (gold**2).sum(axis=-1)) * np.sqrt(n**2 - (predicted**2).sum(axis=-1))
    return np.where(spread == 0, 0.0, covariance / np.where(spread == 0, 1, spread))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy, "macro-f1": macro, "micro-f1": accuracy, "weighted-f1": weighted, "mcc": matthews,
}  # fmt: skip


def evaluate(request: Request) -> list[Evaluation]:
    """All systems against the reference.

    Files of different lengths and empty ones raise Failure; `f1/LABEL` of an unknown label raises UsageFailure.
    """
    labels = Vocabulary()
    gold = read(request.reference, request, labels)
    systems = [read(path, request, labels) for path in request.systems]
    for pred in systems:
        same_count(gold.name, len(gold.ids), pred.name, len(pred.ids), "labels")
    scored = np.flatnonzero(gold.ids != labels[""])
    if not len(scored):
        raise Failure(f"{gold.name}: no labels, only blank lines")
    scorer = Scorer(request, tuple(label or BLANK for label in labels), gold, scored)
    return [scorer.evaluation(pred) for pred in systems]


def read(path: Path, request: Request, labels: Vocabulary) -> Answers:
    """The labels of one file, without blanks around them."""
    parts: list[IntArray] = []
    first_line = 1
    for lines, name, line in reading.read(path, request.column, request.errors):
        first_line = first_line if parts else line
        known = len(labels)
        parts.append(labels.ids([line.strip() for line in lines]))
        wide = next((label for label in islice(labels, known, None) if "\t" in label), None)
        if wide is not None:
            raise Failure(f"{name} has {wide.count(chr(9)) + 1} columns", hint="say which holds the label with --column")
    return Answers(name_of(path), np.concatenate([np.zeros(0, np.int64), *parts]), first_line)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Turns labels into scores: the request, the reference, and the names behind the ids."""

    request: Request
    labels: tuple[str, ...]  # K
    reference: Answers
    scored: IntArray  # (N,) lines that have a label in the reference

    def evaluation(self, answers: Answers) -> Evaluation:
        """All that was asked for of one system."""
        gold, pred = self.reference.ids[self.scored], answers.ids[self.scored]
        pairs = Confusions.of(gold, pred, len(self.labels))
        sums = pairs.sums(self.request.resamples, self.request.seed)
        namer = Namer(answers.name, self.request, ("labels",))
        by_label = self.by_label(namer, sums) if self.wants("f1") else []
        confused = self.confused(namer, pairs) if self.wants("confusion") else []
        tables = [f1_table(by_label, "label")] if by_label else []
        if confused:
            tables.append(square(pairs, sums.total, self.labels) if len(self.labels) <= SQUARE else confusion_table(confused))
        headline = [self.one(namer, name, sums) for name in self.names()]
        details = [*by_label, *confused]
        return Evaluation(answers.name, self.about(answers), headline, details, tables, self.segments(answers))

    def names(self) -> list[str]:
        """The metrics of one score each, in the order asked for."""
        asked = self.request.metrics or ("classes",)
        return [name for metric in asked for name in (DEFAULT if metric == "classes" else [metric]) if name not in GROUPS]

    def wants(self, group: str) -> bool:
        """Whether a group was asked for, or nothing in particular."""
        return not self.request.metrics or group in self.request.metrics or "classes" in self.request.metrics

    def one(self, namer: Namer, name: str, sums: Sums) -> Score:
        """A metric of one score."""
        if name in METRICS:
            correct, lines, _ = sums.total.sum(axis=0).tolist()
            counts = {"correct": int(correct), "n": int(lines)} if name in {"accuracy", "micro-f1"} else {"n": int(lines)}
            return namer.score(name, sums.score(METRICS[name]), counts)
        label = name.removeprefix("f1/")
        occur = [known for known, counts in zip(self.labels, sums.total, strict=True) if counts.any()]
        if label not in self.labels:
            raise UsageFailure(f"--metric {name}: no such label in these files", hint=nearest(label, occur))
        at = self.labels.index(label)
        return namer.counted(name, sums.score(lambda counts: tagging.f1(counts[..., at, :])), sums.total[at])

    def by_label(self, namer: Namer, sums: Sums) -> list[Score]:
        """F1 of each label that occurs, the most frequent first."""
        found = sums.score(tagging.f1)  # (3, K)
        return [namer.counted(f"f1/{self.labels[at]}", found[:, at], sums.total[at]) for at in frequent(sums.total).tolist()]

    def confused(self, namer: Namer, pairs: Confusions) -> list[Score]:
        """The pairs of labels that cost most; the score is the share of all errors."""
        wrong = np.flatnonzero(pairs.gold != pairs.pred)
        errors = pairs.times[wrong].sum()
        scores: list[Score] = []
        for at in wrong[np.argsort(-pairs.times[wrong], kind="stable")][: self.request.confusions].tolist():
            gold, pred, times = self.labels[pairs.gold[at]], self.labels[pairs.pred[at]], int(pairs.times[at])
            share = np.array([100 * times / errors, np.nan, np.nan])
            scores.append(namer.score(f"confusion/{gold}>{pred}", share, {"gold": gold, "predicted": pred, "count": times}))
        return scores

    def about(self, answers: Answers) -> str:
        """What was compared with what."""
        blank = len(self.reference.ids) - len(self.scored)
        kinds = len(np.unique(self.reference.ids[self.scored]))
        left_out = f"; {blank} without a label left out" if blank else ""
        return f"labels of {answers.name} against {self.reference.name}: {len(self.scored)} lines, {kinds} labels{left_out}"

    def segments(self, answers: Answers) -> Iterator[Segment]:
        """Each line: 100 or 0, and the two labels."""
        for at in self.scored.tolist():
            gold, pred = int(self.reference.ids[at]), int(answers.ids[at])
            text = f"{self.labels[gold]} → {self.labels[pred]}"
            yield Segment(100.0 * (gold == pred), {}, at + self.reference.first_line, text)


def frequent(counts: AnyArray) -> IntArray:
    """The labels that occur, by counts (K, 3): the most frequent of the reference first."""
    order = np.argsort(-counts[:, 1], kind="stable")
    present: IntArray = order[counts[order, 1:].any(axis=1)]
    return present


def square(pairs: Confusions, counts: FloatArray, labels: Sequence[str]) -> Table:
    """All pairs: a row a label of the reference, a column a label of the system."""
    order = frequent(counts)
    table = np.zeros((pairs.K, pairs.K), np.int64)
    table[pairs.gold, pairs.pred] = pairs.times
    names = [labels[at] for at in order.tolist()]
    rows = [["gold \\ predicted", *names]]
    rows += [[name, *map(str, row)] for name, row in zip(names, table[np.ix_(order, order)].tolist(), strict=True)]
    return Table("the confusions", rows)


def confusion_table(scores: Sequence[Score]) -> Table:
    """One row a pair."""
    rows = [["gold", "predicted", "count", "% of errors"]]
    rows += [[*(str(score.counts[key]) for key in ("gold", "predicted", "count")), number(score.score)] for score in scores]
    return Table("the confusions that cost most", rows, left=(0, 1))
