"""Streams of words to vectors, a block of the input at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli.data.blocks import Block
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.writing import Labelled
from seqcli.tasks.vectors.neighbours import at_length_one

NAMED = 10  # unknown words that are told one by one
AT_ONCE = 4096  # words


@dataclass
class Words:
    """How single words become vectors; blanks separate them."""

    vectors: Vectors
    errors: str = "strict"
    normalize: bool = False
    unknown: dict[str, None] = field(default_factory=dict)  # those that will be told, in their order
    without: int = 0  # words that have no vector

    def __call__(self, source: Iterable[Block]) -> Iterator[Labelled]:
        """A vector a word; zeros for one that has none."""
        for block in source:
            words = block.text(self.errors).split()
            for start in range(0, len(words), AT_ONCE):
                yield self.batch(words[start : start + AT_ONCE])

    def batch(self, words: Sequence[str]) -> Labelled:
        """Some words."""
        found, known = self.vectors.look_up(words)
        records: list[dict[str, Any]] = [{"word": word} for word in words]
        for i in np.flatnonzero(~known).tolist():
            records[i]["unknown"] = True
            self.without += 1
            if len(self.unknown) < NAMED:
                self.unknown[words[i]] = None
        return Labelled(words, at_length_one(found) if self.normalize else found, records)

    @property
    def dimensions(self) -> int:
        """D."""
        return self.vectors.dimensions

    def notes(self) -> list[str]:
        """What to tell at the end: the unknown words and those spelt most like them."""
        from seqcli.tasks.vectors.questions import advice

        told = [f"no vector for {word!r}: zeros ({advice(self.vectors, word)})" for word in self.unknown]
        more = self.without > len(self.unknown)
        return [*told, f"{self.without} words in all have no vector"] if more else told
