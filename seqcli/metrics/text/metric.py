"""What a metric of text is: a way to turn segments into numbers once, and a function of the sums of those numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, FloatArray
from seqcli.metrics.text.tokens import Ragged, Tokenization


class Lines:
    r"""B segments of one file: the hypotheses of a system, or one reference of each.

    They come as strings, or as UTF-8 in which every segment ends with a `\n`; either form gives the other when it is asked for.

    >>> Lines(["a b", ""]).data, Lines(b"a b\n\n").texts
    (b'a b\n\n', ['a b', ''])
    """

    def __init__(self, lines: Sequence[str] | bytes, present: BoolArray | None = None) -> None:
        if isinstance(lines, bytes):
            self.data = lines
        else:
            self.texts = lines
        self.present = present  # (B,) False where this reference has no such segment; None: it has all
        self.tokenized: dict[Tokenization, Ragged] = {}

    @cached_property
    def data(self) -> bytes:
        """The lines as bytes; what looks like a line end inside of one is a blank."""
        if any("\n" in text for text in self.texts):
            return "".join(text.replace("\n", " ") + "\n" for text in self.texts).encode()
        return "".join(f"{text}\n" for text in self.texts).encode()

    @cached_property
    def texts(self) -> Sequence[str]:
        """The lines as strings."""
        return self.data.decode().split("\n")[:-1]

    def tokens(self, tokenization: Tokenization) -> Ragged:
        """The lines as numbers, found once however many metrics and systems ask; a line that is not there has none."""
        if tokenization not in self.tokenized:
            ragged = tokenization(self.data)
            self.tokenized[tokenization] = ragged if self.present is None else only(ragged, self.present)
        return self.tokenized[tokenization]

    def __len__(self) -> int:
        return self.data.count(b"\n") if "texts" not in self.__dict__ else len(self.texts)


def only(ragged: Ragged, present: BoolArray) -> Ragged:
    """The sequences with those that are not `present` (B,) emptied."""
    return Ragged(ragged.ids[np.repeat(present, ragged.lengths)], np.where(present, ragged.lengths, 0))


class Metric(Protocol):
    """A metric of text; its numbers are its sufficient statistics, F of them a segment.

    Every segment has at least one reference that is present. A corpus, a resample of it and one segment alone are scored
    by the same function.
    """

    @property
    def name(self) -> str:
        """As papers print it: BLEU, chrF2++, TER, ROUGE-1, WER."""

    @property
    def lower_is_better(self) -> bool:
        """Whether the metric counts errors."""

    @property
    def fields(self) -> tuple[str, ...]:
        """What the F statistics are called in JSON."""

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> AnyArray:
        """The sufficient statistics of B segments, (B, F), integers or doubles."""

    def score(self, sums: AnyArray) -> FloatArray:
        """The scores (…,) of corpora whose statistics sum to (…, F), in percent; nan where there is nothing to score."""

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """The score (B,) of each of B segments alone, from (B, F)."""

    def signature(self) -> dict[str, str]:
        """The options another needs to compute the same number, in the order in which they are printed; all but `nrefs`."""

    def verbose(self, sums: AnyArray) -> str:
        """What is said after the score of a corpus whose statistics sum to (F,): `66.7/50.0 (BP = …)`; may be empty."""
