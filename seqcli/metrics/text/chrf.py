r"""chrF and chrF++ (Popović 2015, 2017), number for number as sacreBLEU computes them.

>>> chrf = Chrf()
>>> statistics = chrf.statistics(Lines(["The cat sat."]), [Lines(["The cat sits."])])
>>> statistics.tolist()                                       # n-grams of hypothesis and reference, matches; for each order
[[10, 11, 9, 9, 10, 6, 8, 9, 5, 7, 8, 4, 6, 7, 3, 5, 6, 2]]
>>> chrf.name, round(float(chrf.score(statistics.sum(axis=0))), 4)
('chrF2', 55.216)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.metrics.text import tokens
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.ngrams import matches

EPSILON = 1e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class Chrf:
    """The metric, by sacreBLEU's options; two word orders make it chrF++."""

    char_order: int = 6
    word_order: int = 0
    beta: int = 2
    lowercase: bool = False
    whitespace: bool = False
    eps_smoothing: bool = False

    lower_is_better = False

    @property
    def name(self) -> str:
        """chrF2 or chrF2++."""
        return f"chrF{self.beta}" + "+" * self.word_order

    @property
    def fields(self) -> tuple[str, ...]:
        """Three numbers an order, characters first."""
        orders = [f"char_{n}" for n in range(1, self.char_order + 1)] + [f"word_{n}" for n in range(1, self.word_order + 1)]
        return tuple(f"{what}_{order}" for order in orders for what in ("hyp", "ref", "matches"))

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> IntArray:
        """(B, 3 N) for N orders, from the reference that gives the segment the best score, the first of equals."""
        best = self.against(hypothesis, references[0])
        if len(references) == 1:
            return best
        score = self.there(best, references[0])
        for reference in references[1:]:
            other = self.against(hypothesis, reference)
            found = self.there(other, reference)
            better = found > score
            best[better], score = other[better], np.where(better, found, score)
        return best

    def there(self, statistics: IntArray, reference: Lines) -> FloatArray:
        """Scores of segments (B,), below all others where the reference has none."""
        scores = self.score(statistics)
        return scores if reference.present is None else np.where(reference.present, scores, -1.0)

    def against(self, hypothesis: Lines, reference: Lines) -> IntArray:
        """The statistics with one reference, (B, 3 N)."""
        parts = []
        characters, tokenized = letters(self.lowercase, self.whitespace), words(self.lowercase)
        for tokenization, orders in ((characters, self.char_order), (tokenized, self.word_order)):
            if orders:
                mine, theirs = hypothesis.tokens(tokenization), reference.tokens(tokenization)
                n = np.arange(orders)
                total, wanted = (np.maximum(side.lengths[:, None] - n, 0) for side in (mine, theirs))
                found = matches(mine, [theirs], orders)
                parts.append(np.stack([np.where(wanted, total, 0), wanted, found], axis=2).reshape(len(found), 3 * orders))
        return np.concatenate(parts, axis=1)

    def score(self, sums: AnyArray) -> FloatArray:
        """F-beta (…,) of precisions and recalls averaged over the orders, from (…, 3 N); in the precision of the sums."""
        mine, theirs, found = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
        kind = np.float32 if sums.dtype == np.float32 else np.float64
        precision = np.where(mine > 0, found / np.where(mine > 0, mine, 1), EPSILON).astype(kind)
        recall = np.where(theirs > 0, found / np.where(theirs > 0, theirs, 1), EPSILON).astype(kind)
        if self.eps_smoothing:
            each = total(self.f_score(precision, recall, EPSILON))
            return np.asarray(100 * each / precision.shape[-1])
        both = (mine > 0) & (theirs > 0)
        orders = np.maximum(both.sum(axis=-1), 1).astype(kind)
        return np.asarray(100 * self.f_score(total(precision * both) / orders, total(recall * both) / orders, 0.0))

    def f_score(self, precision: AnyArray, recall: AnyArray, nothing: float) -> AnyArray:
        """(1 + b²) P R / (b² P + R); `nothing` where both are zero."""
        factor = self.beta**2
        below = factor * precision + recall
        found: AnyArray = np.where(below > 0, (1 + factor) * precision * recall / np.where(below > 0, below, 1), nothing)
        return found.astype(below.dtype)

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """The score of each segment, (B,)."""
        return self.score(statistics)

    def signature(self) -> dict[str, str]:
        """As sacreBLEU's."""
        return {
            "case": "lc" if self.lowercase else "mixed",
            "eff": "no" if self.eps_smoothing else "yes",
            "nc": str(self.char_order),
            "nw": str(self.word_order),
            "space": "yes" if self.whitespace else "no",
        }

    def verbose(self, sums: AnyArray) -> str:  # noqa: ARG002
        """Nothing, as sacreBLEU."""
        return ""


def total(values: AnyArray) -> AnyArray:
    """Sums over the last axis, from left to right: numpy's own order of additions is another."""
    summed: AnyArray = np.zeros_like(values[..., 0])
    for n in range(values.shape[-1]):
        summed = summed + values[..., n]
    return summed


@cache
def letters(lowercase: bool, whitespace: bool) -> tokens.Tokenization:
    """Lines as characters, blanks left out unless they are wanted."""
    if lowercase:
        plain = letters(False, whitespace)
        return lambda data: plain(data.decode().lower().encode())
    return (lambda data: tokens.code_points(data, blanks=True)) if whitespace else tokens.characters


@cache
def words(lowercase: bool) -> tokens.Tokenization:
    """Lines as words, a punctuation mark at the end or else at the beginning of a word apart."""
    if lowercase:
        plain = words(False)
        return lambda data: plain(data.decode().lower().encode())
    return tokens.punctuation_apart
