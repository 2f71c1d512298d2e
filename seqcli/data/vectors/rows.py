"""The rows of a file of word vectors while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seqcli.data.examples import FloatArray
from seqcli.errors import Failure


@dataclass
class Rows:
    """Words and vectors so far."""

    name: str  # the file's, for messages
    words: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)  # where each word stands, from 1
    parts: list[FloatArray] = field(default_factory=list)
    unit: str = "line"  # what `lines` counts

    def matrix(self) -> FloatArray:
        """(V, D)."""
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)

    def check_count(self, said: int | None) -> None:
        """Raises Failure: there are no rows, or not as many as the header says."""
        if said is not None and said != len(self.words):
            hint = "the file is cut off" if said > len(self.words) else "correct the header"
            raise Failure(f"{self.name}, line 1: the header says {said} words, but there are {len(self.words)}", hint=hint)
        if not self.words:
            raise Failure(f"{self.name} holds no vectors")

    def distinct(self, errors: str = "strict") -> list[str]:
        """The words as text.

        Raises:
            Failure: a word stands there twice, or is not UTF-8; names the line.
        """
        words = self.decoded(errors)
        if len(set(words)) == len(words):
            return words
        seen: dict[str, int] = {}
        for word, line in zip(words, self.lines, strict=True):
            if word in seen:
                where = f"{self.name}, {self.unit} {line}"
                raise Failure(f"{where}: the word {word!r} stands in {self.unit} {seen[word]} already", hint="keep one of the two")
            seen[word] = line
        return words

    def decoded(self, errors: str) -> list[str]:
        """Raises Failure: a word is not UTF-8."""
        try:
            return b"\n".join(self.words).decode("utf-8", errors).split("\n")
        except UnicodeDecodeError:
            pass
        for word, line in zip(self.words, self.lines, strict=True):
            try:
                word.decode()
            except UnicodeDecodeError:
                hint = "convert the file, or pass --errors replace"
                raise Failure(f"{self.name}, {self.unit} {line}: the word is not valid UTF-8", hint=hint) from None
        raise AssertionError
