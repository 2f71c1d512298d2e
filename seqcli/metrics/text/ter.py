"""TER, the translation edit rate (Snover et al. 2006), number for number as sacreBLEU computes it.

The edits of a hypothesis are the words inserted, deleted and replaced, and stretches of words shifted as one; the rate is their
number a word of the reference. The definition is sacreBLEU's `lib_ter.translation_edit_rate`, limits and ties included.

>>> ter = Ter()
>>> statistics = ter.statistics(Lines(["on the mat sat the cat"]), [Lines(["The cat sat on the mat"]), Lines(["A cat"])])
>>> statistics.tolist()                                         # least edits, mean length of the references
[[2.0, 4.0]]
>>> float(ter.score(statistics.sum(axis=0)))
50.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray
from seqcli.metrics.text import tokens
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.ter_shifts import edits
from seqcli.metrics.text.tokens import Ragged


@dataclass(frozen=True, slots=True, kw_only=True)
class Ter:
    """The metric, by sacreBLEU's options; `asian_support` changes what `normalized` and `no_punct` do."""

    normalized: bool = False
    no_punct: bool = False
    asian_support: bool = False
    case_sensitive: bool = False

    name = "TER"
    lower_is_better = True
    fields = ("edits", "ref_len")

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> DoubleArray:
        """(B, 2): edits to the nearest reference, and the mean length of the references that are present."""
        options = self.normalized, self.no_punct, self.asian_support, self.case_sensitive
        mine = hypothesis.tokens(tokenizer(*options))
        B = len(mine.lengths)
        rows = [np.arange(B) if each.present is None else np.flatnonzero(each.present) for each in references]
        theirs = [
            each.tokens(tokenizer(*options, reference=True)).take(present) for each, present in zip(references, rows, strict=True)
        ]
        row = np.concatenate(rows)
        other = Ragged(np.concatenate([each.ids for each in theirs]), np.concatenate([each.lengths for each in theirs]))
        least = np.full(B, np.iinfo(np.int64).max)
        np.minimum.at(least, row, edits(mine.take(row), other))
        length = np.bincount(row, other.lengths, minlength=B) / np.bincount(row, minlength=B)
        return np.column_stack([least.astype(np.float64), length])

    def score(self, sums: AnyArray) -> FloatArray:
        """TER (…,) of (…, 2), in single precision where the sums are; 100 for edits of nothing, 0 for no edits of nothing."""
        edited, length = sums[..., 0], sums[..., 1]
        rate = np.where(length > 0, edited / np.where(length > 0, length, 1), edited > 0)
        found: FloatArray = 100 * rate
        return found

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """TER (B,) of each segment alone."""
        return self.score(statistics)

    def signature(self) -> dict[str, str]:
        """As sacreBLEU's."""
        return {
            "case": "mixed" if self.case_sensitive else "lc",
            "tok": "tercom",
            "norm": "yes" if self.normalized else "no",
            "punct": "no" if self.no_punct else "yes",
            "asian": "yes" if self.asian_support else "no",
        }

    def verbose(self, sums: AnyArray) -> str:  # noqa: ARG002
        """Nothing, as sacreBLEU."""
        return ""


@cache
def tokenizer(
    normalized: bool, no_punct: bool, asian_support: bool, case_sensitive: bool, reference: bool = False
) -> tokens.Tokenization:
    """The tokenization with these options; the same object each time, so that texts are tokenized once.

    What sacreBLEU's tokenizer makes of a reference it tokenizes again, and not always is that the same.
    """
    if not (normalized or no_punct):
        return tokens.words if case_sensitive else lower_words
    from sacrebleu.tokenizers.tokenizer_ter import TercomTokenizer

    theirs = TercomTokenizer(normalized, no_punct, asian_support, case_sensitive)
    if reference:
        return tokens.by_line(lambda line: theirs(theirs(line.rstrip())).split())
    return tokens.by_line(lambda line: theirs(line.rstrip()).split())


def lower_words(data: bytes) -> Ragged:
    """What blanks of any kind separate, in lower case."""
    return tokens.words(data.lower() if data.isascii() else data.decode().lower().encode())
