"""What a page that compares systems of one test set shows: scores, charts and segments; `page` writes it.

There may be more segments than can be held: `Histogram` and `Selection` take their scores batch by batch and keep what is
shown.

>>> histogram, selection = Histogram(systems=2, metrics=1), Selection([False], limit=1)
>>> scores = np.array([[[20.0], [90.0]], [[50.0], [55.0]]])  # (B, S, M)
>>> histogram.add(scores)
>>> selection.add(1, [["A cat."], ["No."]], [["Cat.", "A cat."], ["Now.", "Not."]], scores)
>>> histogram.counts[0, 0, [4, 10]].tolist(), [example.line for example in selection.examples()]
([1, 1], [1])
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from seqcli.data.examples import DoubleArray, FloatArray, IntArray

WIDTH = 5  # points of score a bin of the histogram
EDGES = tuple(range(0, 101, WIDTH))
LENGTHS = (0, 10, 20, 30, 40, 50, 60)  # words at which a bin of length begins
LENGTH_LABELS = ("0–9", "10–19", "20–29", "30–39", "40–49", "50–59", "60+")
EXAMPLES = 300
# Scripts that put no spaces between words (Thai, Lao, Burmese, Khmer, kana, Han): a character counts as a word.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff"
                      "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric as the page names it."""

    name: str
    signature: str = ""  # all that another needs to compute the same number
    lower_is_better: bool = False


@dataclass(frozen=True, slots=True)
class CorpusScore:
    """One metric of one system; nan where there is none."""

    score: float
    low: float = math.nan  # ends of the 95 % interval
    high: float = math.nan
    p_value: float = math.nan  # of a test against the first system


@dataclass(frozen=True, slots=True)
class Example:
    """A segment that the page shows."""

    line: int  # in the files, from 1
    references: Sequence[str]  # those that are there; marks are against the first
    hypotheses: Sequence[str]  # (S,)
    scores: FloatArray  # (S, M)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Scores by the length of a segment, in words of the first reference or of the source."""

    segments: Sequence[int]  # (K,) segments in each bin; a bin without any is not shown
    scores: FloatArray  # (S, M, K) corpus scores of the bins
    labels: Sequence[str] = LENGTH_LABELS  # (K,)
    side: str = "reference"  # or source: whose words are counted


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is known of S systems by M metrics."""

    title: str
    systems: Sequence[str]  # (S,) names; the first is the baseline
    metrics: Sequence[MetricColumn]  # (M,)
    scores: Sequence[Sequence[CorpusScore]]  # (S, M)
    histograms: IntArray  # (S, M, len(EDGES)), see Histogram
    lengths: Lengths
    examples: Sequence[Example]
    segments: int  # how many there are in all


@dataclass(slots=True)
class Histogram:
    """Counts of segments by score: bins of WIDTH points from 0 to 100, and one for what is over 100, as error rates can be."""

    systems: int
    metrics: int
    counts: IntArray = field(init=False)  # (S, M, len(EDGES))

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.systems, self.metrics, len(EDGES)), np.int64)

    def add(self, scores: FloatArray) -> None:
        """Count the scores (B, S, M) of a batch; nan is not counted, and 100 belongs to the bin below it."""
        for s in range(self.systems):
            for m in range(self.metrics):
                self.counts[s, m] += bin_counts(scores[:, s, m])


def bin_counts(scores: FloatArray) -> IntArray:
    """How many of B scores fall in each bin of the histogram, (len(EDGES),).

    >>> bin_counts(np.array([0.0, 4.9, 5.0, 100.0, 133.3, np.nan])).tolist()
    [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    """
    scores = scores[~np.isnan(scores)].round(9)  # a perfect BLEU may exceed 100 by a hair
    over = scores > EDGES[-1]
    bins = np.clip(scores, 0, EDGES[-1] - WIDTH) // WIDTH
    return np.bincount(np.where(over, len(EDGES) - 1, bins).astype(np.int64), minlength=len(EDGES))


def length_bins(references: Sequence[str]) -> IntArray:
    """The bin of length of each of B references, (B,); see `Lengths`.

    >>> length_bins(["one two", "word " * 12, "", "日本語の文には空白がありません"]).tolist()
    [0, 1, 0, 1]
    """
    return np.searchsorted(LENGTHS, [words(reference) for reference in references], side="right") - 1


def words(line: str) -> int:
    """Words of a line: what is between spaces, or characters in scripts that have no spaces."""
    if line.isascii() or not UNSPACED.search(line):
        return len(line.split())
    return len(UNSPACED.sub(" x ", line).split())


@dataclass(slots=True)
class Selection:
    """The segments that tell most: where systems differ most in a metric, or, of one system, the worst."""

    lower_is_better: Sequence[bool]  # (M,)
    limit: int = EXAMPLES
    kept: dict[int, Example] = field(init=False, default_factory=dict)
    best: list[tuple[DoubleArray, IntArray]] = field(init=False)  # a metric: how telling, on which line; the most telling first

    def __post_init__(self) -> None:
        self.best = [(np.empty(0), np.empty(0, np.int64)) for _ in self.lower_is_better]

    def add(self, line: int, references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]], scores: FloatArray) -> None:
        """A batch of B segments: the line of the first, references (B, R), hypotheses (B, S) and scores (B, S, M)."""
        lines = np.arange(line, line + len(scores))
        for m, telling in enumerate(self.telling(scores).T):
            values, known = (np.concatenate(pair) for pair in zip(self.best[m], (telling, lines), strict=True))
            order = np.argsort(-values, kind="stable")[: self.limit]
            self.best[m] = values[order], known[order]
        wanted = {at for _, known in self.best for at in known.tolist()}
        self.kept = {at: example for at, example in self.kept.items() if at in wanted}
        for i in range(len(scores)):
            if line + i in wanted:
                self.kept[line + i] = Example(line + i, references[i], hypotheses[i], scores[i].copy())

    def telling(self, scores: FloatArray) -> DoubleArray:
        """How much each segment tells by each metric, (B, M), from scores (B, S, M): the spread of the systems."""
        known = np.isfinite(scores)
        if scores.shape[1] == 1:
            spread = np.where(self.lower_is_better, scores[:, 0], -scores[:, 0])
        else:
            spread = np.where(known, scores, -np.inf).max(axis=1) - np.where(known, scores, np.inf).min(axis=1)
        return np.where(np.isfinite(spread), spread, -np.inf)

    def examples(self) -> list[Example]:
        """At most `limit` segments, the most telling of each metric in turn."""
        ranks = zip_longest(*(known.tolist() for _, known in self.best))
        lines = dict.fromkeys(line for rank in ranks for line in rank if line is not None)
        return [self.kept[line] for line in list(lines)[: self.limit]]
