"""Scores of tags: accuracy, known and unknown words, precision, recall and F1 of each tag, confusions.

Everything is a sum over words of three counts, **correct, gold, predicted**; precision is correct/predicted, recall
correct/gold and F1 their harmonic mean, 2·correct/(gold + predicted). Accuracy is the case gold = predicted, so one
formula and one bootstrap serve them all.

>>> gold, pred = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
>>> accuracy(gold, pred, known=np.array([True, True, True, False]))
Accuracy(correct=3, total=4, unknown_correct=1, unknown_total=1)
>>> score_tags(gold, pred, known=np.array([True, True, True, False]))
{'accuracy': 75.0, 'accuracy/known': 66.66666666666667, 'accuracy/unknown': 100.0, 'macro-f1': 77.77777777777779}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqcli.data.examples import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Counts of right words; add those of batches to have those of a corpus."""

    correct: int
    total: int
    unknown_correct: int = 0
    unknown_total: int = 0

    def __add__(self, other: Accuracy) -> Accuracy:
        return Accuracy(
            self.correct + other.correct,
            self.total + other.total,
            self.unknown_correct + other.unknown_correct,
            self.unknown_total + other.unknown_total,
        )

    @property
    def all(self) -> float:
        """Percent of all words; nan where there are none, here and below."""
        return percent(self.correct, self.total)

    @property
    def known(self) -> float:
        """Percent of the known words."""
        return percent(self.correct - self.unknown_correct, self.total - self.unknown_total)

    @property
    def unknown(self) -> float:
        """Percent of the unknown words."""
        return percent(self.unknown_correct, self.unknown_total)


def percent(part: float, whole: float) -> float:
    """A share in percent; nan of nothing."""
    return 100.0 * part / whole if whole else float("nan")


def accuracy(gold: IntArray, pred: IntArray, known: BoolArray | None = None) -> Accuracy:
    """Right words of N, given tag ids (N,) and, where it matters, which words the training data held (N,)."""
    right = gold == pred
    if known is None:
        return Accuracy(int(right.sum()), len(gold))
    return Accuracy(int(right.sum()), len(gold), int((right & ~known).sum()), int((~known).sum()))


def score_tags(gold: IntArray, pred: IntArray, known: BoolArray | None = None) -> dict[str, float]:
    """The headline scores of N words in percent, by the names that `seq score` uses; for training's journal."""
    counts = accuracy(gold, pred, known)
    scores = {"accuracy": counts.all}
    if known is not None:
        scores |= {"accuracy/known": counts.known, "accuracy/unknown": counts.unknown}
    K = int(max(gold.max(initial=-1), pred.max(initial=-1))) + 1
    return scores | {"macro-f1": float(macro(f1(tag_counts(gold, pred, K))))}


def tag_counts(gold: IntArray, pred: IntArray, K: int) -> IntArray:
    """Correct, gold and predicted words of each of K tags, (K, 3).

    >>> tag_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 2, 1], [1, 1, 2]]
    """
    right = gold[gold == pred]
    return np.stack([np.bincount(ids, minlength=K) for ids in (right, gold, pred)], axis=1)


def segment_tag_counts(gold: IntArray, pred: IntArray, segment: IntArray, S: int, K: int) -> IntArray:
    """`tag_counts` of each of S segments, (S, K, 3); `segment` (N,) says to which a word belongs."""
    return tag_counts(segment * K + gold, segment * K + pred, S * K).reshape(S, K, 3)


def f1(counts: npt.NDArray[Any]) -> FloatArray:
    """F1 in percent of (…, 3) correct, gold, predicted; nan where both sides have none."""
    return ratio(2.0 * counts[..., 0], counts[..., 1] + counts[..., 2])


def recall(counts: npt.NDArray[Any]) -> FloatArray:
    """Recall in percent of (…, 3) counts; 0 where gold has none, as is usual, and nan where both sides have none."""
    return ratio(counts[..., 0], counts[..., 1], counts[..., 2])


def precision(counts: npt.NDArray[Any]) -> FloatArray:
    """Precision in percent of (…, 3) counts; 0 where nothing was predicted, and nan where both sides have none."""
    return ratio(counts[..., 0], counts[..., 2], counts[..., 1])


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any], other: npt.NDArray[Any] | int = 0) -> FloatArray:
    """`part` of `whole` in percent; where that is 0 of 0, nan, or 0 if there is something on the `other` side."""
    empty = np.asarray(whole) == 0
    value: FloatArray = 100.0 * part / np.where(empty, 1, whole)
    return np.where(empty & (np.asarray(other) == 0), np.nan, value)


def macro(scores: FloatArray) -> FloatArray:
    """Mean over the tags (…, K) that occur at all, (…,); nan where none does.

    >>> macro(np.array([[100.0, 50.0], [80.0, np.nan]])).tolist()
    [75.0, 80.0]
    """
    present = ~np.isnan(scores)
    count = present.sum(axis=-1)
    total: FloatArray = np.where(present, scores, 0.0).sum(axis=-1)
    return np.where(count == 0, np.nan, total / np.maximum(count, 1))


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of tags that were confused, by id."""

    gold: int
    pred: int
    count: int
    share: float  # percent of all errors
    examples: list[tuple[int, int]]  # (form, count), most frequent first


def confusions(gold: IntArray, pred: IntArray, forms: IntArray, top: int, examples: int = 3) -> list[Confusion]:
    """The `top` pairs that cost most; pairs that tie go by tag id, examples by place.

    >>> gold, pred, forms = np.array([0, 0, 0, 1, 2]), np.array([1, 1, 2, 0, 2]), np.array([7, 8, 9, 9, 7])
    >>> confusions(gold, pred, forms, top=1)
    [Confusion(gold=0, pred=1, count=2, share=50.0, examples=[(7, 1), (8, 1)])]
    """
    wrong = gold != pred
    gold, pred, forms = gold[wrong], pred[wrong], forms[wrong]
    pairs, which = np.unique(np.stack([gold, pred], axis=1), axis=0, return_inverse=True)  # (P, 2), (errors,)
    counts = np.bincount(which, minlength=len(pairs))
    found: list[Confusion] = []
    for pair in np.argsort(-counts, kind="stable")[:top].tolist():
        words, first, times = np.unique(forms[which == pair], return_index=True, return_counts=True)
        best = np.lexsort((first, -times))[:examples]
        found.append(
            Confusion(
                int(pairs[pair, 0]),
                int(pairs[pair, 1]),
                int(counts[pair]),
                percent(int(counts[pair]), len(gold)),
                list(zip(words[best].tolist(), times[best].tolist(), strict=True)),
            )
        )
    return found
