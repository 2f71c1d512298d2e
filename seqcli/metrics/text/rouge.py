r"""ROUGE (Lin 2004), number for number as rouge-score 0.1.2 computes it: n-grams, the longest common subsequence, and its
union over the sentences of a summary.

>>> rouge = Rouge(kind="L")
>>> statistics = rouge.statistics(Lines(["the cat sat"]), [Lines(["the cat sat on the mat"])])
>>> statistics.round(4).tolist()                                     # precision, recall, F, and one segment
[[1.0, 0.5, 0.6667, 1.0]]
>>> rouge.name, round(float(rouge.score(statistics.sum(axis=0))), 2), rouge.verbose(statistics.sum(axis=0))
('ROUGE-L', 66.67, 'P 100.00 R 50.00')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, FloatArray, IntArray
from seqcli.metrics.text import lcs
from seqcli.metrics.text.masks import LONGEST, Group, groups, longest_of
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.ngrams import counted, matched, matches
from seqcli.metrics.text.rouge_tokens import tokenization
from seqcli.metrics.text.rows import by_row
from seqcli.metrics.text.tokens import Ragged

PAIRS = 1 << 14  # of sentences at once
VERSION = "rouge-score-0.1.2"  # whose numbers these are


@dataclass(frozen=True, slots=True, kw_only=True)
class Rouge:
    """The metric; the score of a corpus is the mean F of its segments.

    Of several references the one with the best F counts. With `jackknife` M references are left out in turn, and the M
    scores by the others averaged, so that a human can be scored the same way (Lin 2004).
    """

    kind: str = "1"  # 1, 2, … for n-grams, L, Lsum
    stem: bool = False  # Porter's, for English
    unicode: bool = False  # words of any script, Han and kana one by one; rouge-score knows a to z
    separator: str = ""  # stands between the sentences of a segment
    jackknife: bool = False

    lower_is_better = False

    @property
    def name(self) -> str:
        """ROUGE-1, ROUGE-L."""
        return f"ROUGE-{self.kind}"

    @property
    def fields(self) -> tuple[str, ...]:
        """Shares from 0 to 1, and how many of them are summed."""
        return ("precision", "recall", "f1", "segments")

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> FloatArray:
        """(B, 4); means over the sets of references where there is jackknifing."""
        tokens = tokenization(self.stem, self.unicode, self.separator)
        mine = hypothesis.tokens(tokens)
        theirs = tuple(reference.tokens(tokens) for reference in references)
        if self.kind == "Lsum" and self.separator:
            hits = np.column_stack([self.union_hits(hypothesis, reference) for reference in references])
        elif self.kind in ("L", "Lsum"):
            hits = subsequences(mine, theirs)
        else:
            hits = ngrams(mine, theirs, int(self.kind))
        less = int(self.kind) - 1 if self.kind.isdigit() else 0
        precision = hits / np.maximum(mine.lengths - less, 1)[:, None]
        recall = hits / np.maximum(np.column_stack([side.lengths for side in theirs]) - less, 1)
        both = precision + recall
        f_score = 2 * precision * recall / np.where(both > 0, both, 1)
        found = np.stack([precision, recall, f_score, np.ones_like(both)], axis=2)  # (B, R, 4)
        there = present(references, len(found))
        return jackknifed(found, there) if self.jackknife else best(found, there)

    def union_hits(self, hypothesis: Lines, reference: Lines) -> IntArray:
        """Tokens of the reference's sentences that are in their longest common subsequence with any sentence of the hypothesis.

        (B,); a token counts no more often than the hypothesis has it.
        """
        tokens = tokenization(self.stem, self.unicode, self.separator)
        mine, theirs = hypothesis.tokens(tokens), reference.tokens(tokens)
        (my_counts, my_lengths), (counts, lengths) = (self.sentences(side) for side in (hypothesis, reference))
        used = in_union(Ragged(mine.ids, my_lengths), my_counts, Ragged(theirs.ids, lengths), counts)
        kept = np.bincount(np.repeat(np.arange(len(counts)), theirs.lengths)[used], minlength=len(counts))
        return matches(mine, [Ragged(theirs.ids[used], kept)], 1)[:, 0]

    def sentences(self, side: Lines) -> tuple[IntArray, IntArray]:
        """How many sentences each segment has, (B,), and how many tokens each of them, in the order of the text."""
        separator = self.separator.encode()
        counts = np.array([line.count(separator) + 1 for line in side.data.split(b"\n")[:-1]], dtype=np.int64)
        lengths = tokenization(self.stem, self.unicode)(side.data.replace(separator, b"\n")).lengths
        return counts, lengths if side.present is None else np.where(np.repeat(side.present, counts), lengths, 0)

    def score(self, sums: AnyArray) -> FloatArray:
        """Mean F (…,) in percent, of (…, 4)."""
        return mean(sums, 2)

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """F of each segment, (B,)."""
        return self.score(statistics)

    def signature(self) -> dict[str, str]:
        """What was done to the words, and what several references mean."""
        return {
            "stem": "porter" if self.stem else "no",
            "tok": "unicode" if self.unicode else "rouge-score",
            **({"sep": self.separator} if self.separator else {}),
            "refs": "jackknife" if self.jackknife else "max",
            "version": VERSION,
        }

    def verbose(self, sums: AnyArray) -> str:
        """Mean precision and recall."""
        return f"P {float(mean(sums, 0)):.2f} R {float(mean(sums, 1)):.2f}" if sums[3] else ""


def mean(sums: AnyArray, column: int, segments: int = 3) -> FloatArray:
    """The mean of a share in percent, (…,), by the columns of its sum and of the count; nan where there are no segments."""
    count = sums[..., segments]
    found: FloatArray = 100.0 * sums[..., column] / np.where(count == 0, np.nan, count)
    return found


@lru_cache(maxsize=1)
def grouped(hypothesis: Ragged, references: tuple[Ragged, ...]) -> list[Group]:
    """The masks of a batch, kept until the next one: all kinds of ROUGE begin with them."""
    return list(groups(hypothesis, references))


def too_long(hypothesis: Ragged, references: tuple[Ragged, ...]) -> list[int]:
    """Segments that have no masks."""
    found: list[int] = np.flatnonzero(longest_of(hypothesis, references) > LONGEST).tolist()
    return found


def ngrams(hypothesis: Ragged, references: tuple[Ragged, ...], n: int) -> IntArray:
    """N-grams in common with each of R references, (B, R)."""
    found = np.zeros((len(hypothesis.lengths), len(references)), dtype=np.int64)
    for group in grouped(hypothesis, references):
        for k, equal in enumerate(group.equal):
            found[group.segments, k] = matched(group._replace(equal=(equal,)), n)[:, -1]
    for segment in too_long(hypothesis, references):
        for k, reference in enumerate(references):
            found[segment, k] = counted([hypothesis.row(segment), reference.row(segment)], n)[-1]
    return found


def subsequences(hypothesis: Ragged, references: tuple[Ragged, ...]) -> IntArray:
    """Lengths of the longest common subsequences with each of R references, (B, R)."""
    found = np.zeros((len(hypothesis.lengths), len(references)), dtype=np.int64)
    for group in grouped(hypothesis, references):
        for k in range(len(references)):
            rows = by_row(group, k)
            found[rows.segments, k] = lcs.lengths(rows)
    for segment in too_long(hypothesis, references):
        for k, reference in enumerate(references):
            found[segment, k] = lcs.length_of_one(hypothesis.row(segment), reference.row(segment))
    return found


def in_union(hypothesis: Ragged, mine: IntArray, reference: Ragged, theirs: IntArray) -> BoolArray:
    """Tokens of the reference, (N,), that a longest common subsequence of two sentences has.

    Both sides come as sentences, of which segment b has `mine[b]` and `theirs[b]`, (B,) each; every sentence of a side meets
    every one of the other.
    """
    used = np.zeros(len(reference.ids), dtype=bool)
    pairs = mine * theirs
    segment = np.repeat(np.arange(len(pairs)), pairs)
    number = np.arange(len(segment)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    left = (np.cumsum(mine) - mine)[segment] + number % mine[segment]
    right = (np.cumsum(theirs) - theirs)[segment] + number // mine[segment]
    places = Ragged(np.arange(len(reference.ids)), reference.lengths)
    for start in range(0, len(left), PAIRS):
        chunk = slice(start, start + PAIRS)
        found = lcs.common(hypothesis.take(left[chunk]), reference.take(right[chunk]))
        used[places.take(right[chunk]).ids[found]] = True
    return used


def present(references: Sequence[Lines], B: int) -> BoolArray:
    """Which references each segment has, (B, R)."""
    return np.column_stack([np.ones(B, dtype=bool) if side.present is None else side.present for side in references])


def best(found: FloatArray, there: BoolArray) -> FloatArray:
    """Of statistics with each of R references (B, R, 4) those with the highest F, the first of equals, (B, 4)."""
    if found.shape[1] == 1:
        return found[:, 0]
    chosen: FloatArray = found[np.arange(len(found)), np.where(there, found[..., 2], -1.0).argmax(axis=1)]
    return chosen


def jackknifed(found: FloatArray, there: BoolArray) -> FloatArray:
    """Means over the sets that lack one of the M references a segment has: the best one is in all sets but the one that lacks it.

    >>> found = np.array([[[0.5, 0.5, 0.5, 1], [1.0, 1.0, 1.0, 1], [0.2, 0.2, 0.2, 1]]])
    >>> jackknifed(found, np.ones((1, 3), dtype=bool)).round(4).tolist()
    [[0.8333, 0.8333, 0.8333, 1.0]]
    """
    rows = np.arange(len(found))
    f_score = np.where(there, found[..., 2], -1.0)
    first = f_score.argmax(axis=1)
    f_score[rows, first] = -2.0
    second = f_score.argmax(axis=1)
    M = there.sum(axis=1)[:, None]
    means: FloatArray = ((M - 1) * found[rows, first] + found[rows, second]) / M
    return np.where(M > 1, means, found[rows, first])
