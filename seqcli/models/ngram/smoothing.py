"""From counts to tables: what is taken from the n-grams that were seen, and who gets it.

All methods end as a back-off model. An n-gram that has a row has its probability there; any other has that of its last n - 1 words
times the weight of its context, 1 for a context that has no row:

    P(w | c₁ … c_m) = table[c₁ … c_m w], or else weight[c₁ … c_m] · P(w | c₂ … c_m)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import BoolArray, DoubleArray, FloatArray, IntArray
from seqcli.models.ngram.counts import Grams, continuations

FALLBACK = (0.5, 1.0, 1.5)  # discounts where the counts of counts give none, as in KenLM


@dataclass(frozen=True, eq=False)
class Table:
    """The R n-grams of one order with base-10 logarithms, as ARPA files have them."""

    keys: IntArray  # (R,) row of the context in the order below · V + last word; sorted
    log_probs: FloatArray  # (R,) float32
    backoffs: FloatArray  # (R,) float32, of the n-gram as a context; 0 for one that is none

    def __len__(self) -> int:
        return len(self.keys)


Step = tuple[DoubleArray, DoubleArray]  # P(last word | context) of each n-gram (R,); the weight of each row of the order below
Method = Callable[[Sequence[Grams], int, DoubleArray, BoolArray], Step]  # counts, order, probabilities of the order below, kept


def smoothed(counts: Sequence[Grams], method: Method, least_counts: Sequence[int]) -> list[Table]:
    """The tables of all orders from the counts of all; n-grams rarer than the least count of their order get no row."""
    size = len(counts[0])
    below: DoubleArray = np.full(1, 1 / size)
    found: list[tuple[IntArray, FloatArray]] = []
    weights: list[FloatArray] = []
    new_rows: IntArray = np.zeros(1, np.int64)
    was_kept: BoolArray = np.ones(1, bool)
    for order, (grams, least) in enumerate(zip(counts, least_counts, strict=True), start=1):
        kept = grams.count >= least if order > 1 else np.ones(size, bool)
        below, weight = method(counts, order, below, kept)
        weights.append(logs(weight[was_kept]))
        found.append((new_rows[grams.context[kept]] * size + grams.word[kept], logs(below[kept])))
        new_rows, was_kept = np.cumsum(kept) - 1, kept
    weights.append(np.zeros(len(found[-1][0]), np.float32))
    return [Table(keys, log_probs, backoffs) for (keys, log_probs), backoffs in zip(found, weights[1:], strict=True)]


def logs(numbers: DoubleArray) -> FloatArray:
    """To base 10, float32."""
    with np.errstate(divide="ignore"):
        return np.log10(numbers).astype(np.float32)


def kneser_ney(counts: Sequence[Grams], order: int, below: DoubleArray, kept: BoolArray) -> Step:
    """Interpolated modified Kneser-Ney (Chen & Goodman 1999, section 4.1.6).

    Of the count a of each n-gram a discount D(a) is taken, and what was taken under a context goes to all words by the probabilities of
    the order below:

        P(w | c) = (a(c w) - D(a(c w))) / a(c ·) + weight(c) · P(w | c without its first word)

    Below the highest order, a(…) is not how often an n-gram occurs but how many words occur before it. Below the unigrams is 1 / V.
    What is not kept counts as taken.
    """
    grams = counts[order - 1]
    raw = grams.count if order == len(counts) else continuations(grams, counts[order])
    taken = np.array([0.0, *discounts(raw)])[np.minimum(raw, 3)]
    rows = len(below)
    total = np.bincount(grams.context, raw, rows)
    rest = np.bincount(grams.context, np.where(kept, taken, raw), rows)
    left = np.subtract(raw, taken, out=taken)
    weight = np.divide(rest, total, out=np.ones(rows), where=total > 0)
    left /= total[grams.context]
    given = weight[grams.context]
    given *= below[grams.suffix]
    left += given
    return left, weight


def discounts(counts: IntArray) -> tuple[float, ...]:
    """What is taken from counts of 1, of 2, and of 3 or more, from how many n-grams there are with each of the counts 1 to 4.

    FALLBACK where there are none of one, or the formula leaves the range from 0 to the count.

    >>> discounts(np.array([1] * 8 + [2] * 4 + [3] * 2 + [4]))
    (0.5, 1.25, 2.0)
    """
    one, two, three, four = (int(np.count_nonzero(counts == each)) for each in (1, 2, 3, 4))
    if not (one and two and three and four):
        return FALLBACK
    share = one / (one + 2 * two)
    found = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    return found if all(0 < each <= most for each, most in zip(found, (1, 2, 3), strict=True)) else FALLBACK


def stupid_backoff(alpha: float) -> Method:
    """Relative frequencies, and `alpha` for each word of the context that is given up (Brants et al. 2007).

    These are scores: they do not sum to 1. A word that was never seen gives up once more, and has `alpha` / V.
    """

    def method(counts: Sequence[Grams], order: int, below: DoubleArray, kept: BoolArray) -> Step:  # noqa: ARG001
        grams = counts[order - 1]
        total = np.bincount(grams.context, grams.count, len(below))
        score = np.where(grams.count > 0, grams.count / total[grams.context], alpha * below[grams.suffix])
        return score, np.full(len(below), alpha)

    return method


def add_k(k: float) -> Method:
    """(count + `k`) / (count of the context + `k` V), by contexts of the full length alone; shorter where the text begins.

    In a context that was never seen all words are alike.
    """

    def method(counts: Sequence[Grams], order: int, below: DoubleArray, kept: BoolArray) -> Step:
        grams, size, rows = counts[order - 1], len(counts[0]), len(below)
        counted = kept & (grams.begins | (order == len(counts)))
        total = np.bincount(grams.context[counted], grams.count[counted], rows)
        known = np.bincount(grams.context[counted], minlength=rows) > 0
        share = (grams.count + k) / (total[grams.context] + k * size)
        return np.where(counted, share, 1 / size), np.where(known, k * size / (total + k * size), 1.0)

    return method
