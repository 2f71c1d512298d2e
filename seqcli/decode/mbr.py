"""Minimum Bayes risk: of many candidates the one that is most like all the others (Kumar and Byrne 2004; Eikema and Aziz 2020).

Texts drawn from the model stand for what it believes; the utility of a candidate is its mean score with each of them for a reference.
All pairs are scored at once: a text is a row of n-gram counts, and how many n-grams two texts share, Σ min(a, b), is Σ over k of
[a ≥ k] [b ≥ k], a product of matrices.

>>> drawn = ["the cat sat", "a cat sat", "the dog", "the cat sat down"]
>>> expected(drawn, drawn, "bleu").round(1).tolist()
[63.6, 48.6, 37.2, 51.8]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, IntArray
from seqcli.metrics.text.bleu import Bleu, tokenizer
from seqcli.metrics.text.chrf import Chrf, letters, words
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.rouge import subsequences
from seqcli.metrics.text.rouge_tokens import tokenization
from seqcli.metrics.text.tokens import Ragged

UTILITIES = ("bleu", "chrf", "chrf++", "rouge", "rouge-1", "rouge-2")
CELLS = 1 << 22  # of a matrix of counts


def expected(candidates: Sequence[str], references: Sequence[str], utility: str = "chrf") -> DoubleArray:
    """The expected utility (H,) of H candidates, the R references being equally likely, in percent; equal texts are scored once."""
    places: dict[str, int] = {}
    mine, theirs = (np.array([places.setdefault(text, len(places)) for text in texts]) for texts in (candidates, references))
    rows, row_of = np.unique(mine, return_inverse=True)
    columns, counts = np.unique(theirs, return_counts=True)
    found = Pairs(Lines(list(places)), rows, columns).utilities(utility) @ counts / len(references)
    means: DoubleArray = found[row_of]
    return means


@dataclass(frozen=True, slots=True)
class Pairs:
    """H candidates and R references among T texts."""

    texts: Lines  # T
    mine: IntArray  # (H,) which of the texts are candidates
    theirs: IntArray  # (R,) which are references

    def utilities(self, utility: str) -> DoubleArray:
        """The score (H, R) of each candidate with each reference, as the metrics score segments: BLEU, chrF, the F of ROUGE-1, 2, L."""
        if utility == "bleu":
            return self.bleu()
        if utility.startswith("chrf"):
            return self.chrf(Chrf(word_order=2 if utility == "chrf++" else 0))
        return self.rouge(utility)

    def bleu(self) -> DoubleArray:
        """BLEU of segments."""
        tokens = self.texts.tokens(tokenizer("13a", False))
        shared, total = self.overlaps(tokens, 4)
        lengths = np.broadcast_arrays(tokens.lengths[self.mine, None], tokens.lengths[None, self.theirs])
        each = np.broadcast_to(total[self.mine, None], shared.shape)
        statistics = np.concatenate([np.stack(lengths, 2), shared, each], 2)  # (H, R, 2 + 2 N)
        return np.asarray(Bleu().segment_score(statistics), dtype=np.float64)

    def chrf(self, metric: Chrf) -> DoubleArray:
        """ChrF of segments."""
        sides = (self.texts.tokens(letters(False, False)), metric.char_order), (self.texts.tokens(words(False)), metric.word_order)
        parts = []
        for tokens, orders in sides:
            if orders:
                shared, total = self.overlaps(tokens, orders)
                wanted = np.broadcast_to(total[None, self.theirs], shared.shape)
                ours = np.where(wanted > 0, total[self.mine, None], 0)
                parts.append(np.stack([ours, wanted, shared], axis=3).reshape(*shared.shape[:2], 3 * orders))
        return np.asarray(metric.score(np.concatenate(parts, axis=2)), dtype=np.float64)

    def rouge(self, utility: str) -> DoubleArray:
        """The F of n-grams in common or, where the name tells no n, of the longest common subsequence."""
        tokens = self.texts.tokens(tokenization())
        order = int(utility[-1]) if utility[-1].isdigit() else 1
        if utility == "rouge":
            first, second = np.repeat(self.mine, len(self.theirs)), np.tile(self.theirs, len(self.mine))
            shared = subsequences(tokens.take(first), (tokens.take(second),)).reshape(len(self.mine), -1)
        else:
            shared = self.overlaps(tokens, order)[0][:, :, -1]
        total = np.maximum(tokens.lengths - order + 1, 1)
        precision, recall = shared / total[self.mine, None], shared / total[None, self.theirs]
        f_score: DoubleArray = 200 * precision * recall / np.where(shared > 0, precision + recall, 1)
        return f_score

    def overlaps(self, tokens: Ragged, orders: int) -> tuple[IntArray, IntArray]:
        r"""N-grams that each candidate shares with each reference, (H, R, orders), and n-grams of each text, (T, orders).

        >>> from seqcli.metrics.text.tokens import words
        >>> pairs = Pairs(Lines(["a b a b", "a b b"]), np.array([0]), np.array([1]))
        >>> shared, total = pairs.overlaps(pairs.texts.tokens(words), 2)
        >>> shared.tolist(), total.tolist()
        ([[[3, 1]]], [[4, 3], [3, 2]])
        """
        row = np.repeat(np.arange(len(tokens.lengths)), tokens.lengths)
        rest = np.repeat(np.cumsum(tokens.lengths), tokens.lengths) - np.arange(len(row))  # tokens from here to the text's end
        shared = np.zeros((len(self.mine), len(self.theirs), orders), dtype=np.int64)
        first = grams = numbered(tokens.ids)
        kinds = int(first.max(initial=0)) + 1
        for n in range(1, orders + 1):
            inside = rest[: len(grams)] >= n
            if not inside.any():
                break
            if n > 1:  # an n-gram is the one before it and a token
                grams = numbered(grams[:-1] * kinds + first[n - 1 :])
                inside = inside[:-1]
            shared[:, :, n - 1] = self.in_common(grams[inside], row[: len(grams)][inside])
        return shared, np.maximum(tokens.lengths[:, None] - np.arange(orders), 0)

    def in_common(self, grams: IntArray, row: IntArray) -> AnyArray:
        """How many of N n-grams, each in the text of its row, two texts have in common, (H, R)."""
        T, kinds = len(self.texts), int(grams.max(initial=-1)) + 1
        found = np.zeros((len(self.mine), len(self.theirs)), dtype=np.float32)
        width = max(1, CELLS // T)
        for start in range(0, kinds, width):
            part = slice(None) if kinds <= width else (grams >= start) & (grams < start + width)
            size = min(width, kinds - start)
            counts = np.bincount(row[part] * size + grams[part] - start, minlength=T * size).reshape(T, size)
            least = 1
            while counts.shape[1]:
                at_least = (counts >= least).astype(np.float32)
                found += at_least[self.mine] @ at_least[self.theirs].T
                counts = counts[:, counts.max(axis=0) > least]
                least += 1
        return found


def numbered(values: AnyArray) -> IntArray:
    """Values (N,) as numbers from 0 on, equal ones alike."""
    numbers: IntArray = np.unique(values, return_inverse=True)[1]
    return numbers
