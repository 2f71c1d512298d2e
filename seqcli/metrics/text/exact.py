"""Exact match: how many segments are equal to a reference, but for white space at both ends.

>>> exact = ExactMatch()
>>> exact.statistics(Lines(["yes ", "no"]), [Lines(["yes", "yes"]), Lines(["yeah", "No"])]).tolist()
[[1, 1], [0, 1]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import eq

import numpy as np

from seqcli import __version__
from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.metrics.text.metric import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch:
    """The metric; of several references one has to be equal."""

    lowercase: bool = False

    name = "EM"
    lower_is_better = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Equal segments, and all."""
        return ("matched", "segments")

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> IntArray:
        """(B, 2)."""
        mine = self.plain(hypothesis)
        matched = np.zeros(len(mine), dtype=bool)
        for reference in references:
            same = np.fromiter(map(eq, mine, self.plain(reference)), bool, len(mine))
            matched |= same if reference.present is None else same & reference.present
        return np.column_stack([matched, np.ones_like(matched)]).astype(np.int64)

    def plain(self, lines: Lines) -> list[str]:
        """The segments as they are compared."""
        return [text.strip().lower() for text in lines.texts] if self.lowercase else list(map(str.strip, lines.texts))

    def score(self, sums: AnyArray) -> FloatArray:
        """Percent of segments, (…,) of (…, 2)."""
        found: FloatArray = 100.0 * sums[..., 0] / np.where(sums[..., 1] == 0, np.nan, sums[..., 1])
        return found

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """100 or 0, (B,)."""
        return self.score(statistics)

    def signature(self) -> dict[str, str]:
        """All there is to choose."""
        return {"case": "lc" if self.lowercase else "mixed", "version": f"seqcli-{__version__}"}

    def verbose(self, sums: AnyArray) -> str:
        """The counts."""
        return f"{int(sums[0])} of {int(sums[1])}"
