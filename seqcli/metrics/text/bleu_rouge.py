"""One number from the two habits of a field: BLEU as the precision p, ROUGE recall as the recall r, F1 = 2 p r / (p + r).

Of a corpus, p is the corpus' BLEU and r the mean recall of its segments; of one segment, p is its smoothed BLEU by its
effective order. It is no metric of the literature, but one that courses and reports ask for.

>>> metric = BleuRouge()
>>> statistics = metric.statistics(Lines(["The cat sat on the mat."]), [Lines(["The cat sat on a mat."])])
>>> metric.verbose(statistics[0]), round(float(metric.score(statistics[0])), 2)
('BLEU 48.89 R 83.33', 61.63)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray
from seqcli.metrics.text.bleu import Bleu
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.rouge import Rouge, mean


@dataclass(frozen=True, slots=True, kw_only=True)
class BleuRouge:
    """The metric, by the options of both; `kind` is ROUGE's."""

    kind: str = "L"
    tokenize: str = "13a"
    lowercase: bool = False
    smooth: str = "exp"
    smooth_value: float | None = None
    max_order: int = 4
    stem: bool = False
    unicode: bool = False

    name = "BLEU-ROUGE-F1"
    lower_is_better = False

    @property
    def bleu(self) -> Bleu:
        """The precision."""
        return Bleu(
            tokenize=self.tokenize,
            lowercase=self.lowercase,
            smooth=self.smooth,
            smooth_value=self.smooth_value,
            max_order=self.max_order,
        )

    @property
    def rouge(self) -> Rouge:
        """The recall."""
        return Rouge(kind=self.kind, stem=self.stem, unicode=self.unicode)

    @property
    def fields(self) -> tuple[str, ...]:
        """BLEU's, then recall and how many of it are summed."""
        return (*self.bleu.fields, "recall", "segments")

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> FloatArray:
        """(B, F + 2) for the F of BLEU."""
        rouge = self.rouge.statistics(hypothesis, references)
        return np.column_stack([self.bleu.statistics(hypothesis, references), rouge[:, [1, 3]]])

    def score(self, sums: AnyArray) -> FloatArray:
        """F1 (…,) of corpora, of (…, F + 2)."""
        return harmonic(self.bleu.score(sums[..., :-2]), recall(sums))

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """F1 (B,) of each segment."""
        return harmonic(self.bleu.segment_score(statistics[..., :-2]), recall(statistics))

    def signature(self) -> dict[str, str]:
        """ROUGE's options after BLEU's."""
        rouge = self.rouge.signature()
        return {**self.bleu.signature(), "rouge": self.rouge.name, "stem": rouge["stem"], "rtok": rouge["tok"]}

    def verbose(self, sums: AnyArray) -> str:
        """The two numbers."""
        return f"BLEU {float(self.bleu.score(sums[:-2])):.2f} R {float(recall(sums)):.2f}"


def recall(sums: AnyArray) -> FloatArray:
    """The mean recall in percent, (…,)."""
    return mean(sums, -2, -1)


def harmonic(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """F1 (…,); 0 where both are."""
    both = precision + recall
    found: FloatArray = 2 * precision * recall / np.where(both == 0, 1, both)
    return found
