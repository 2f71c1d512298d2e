"""Words and characters as numbers, for models that read a word at a time.

>>> lexicon = Lexicon.learn(["the", "cat", "The", "cat"], lowercase=True)
>>> lexicon.words, lexicon.ids(["Cat", "dog", "the"]).tolist()
(('', 'the', 'cat'), [2, 0, 1])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqcli.data.examples import AnyArray, IntArray

UNKNOWN = 0  # the number of what is not in a lexicon


@dataclass(frozen=True)
class Lexicon:
    """V words by number, of which the first stands for all others."""

    words: tuple[str, ...]  # (V,)
    lowercase: bool = False

    @classmethod
    def learn(cls, tokens: Iterable[str], least: int = 1, lowercase: bool = False, most: int = 0, more: Iterable[str] = ()) -> Lexicon:
        """The words that occur `least` times, the most frequent first, `most` of them (0: all), and the words of `more` besides."""
        counts = Counter(token.lower() for token in tokens) if lowercase else Counter(tokens)
        words = [word for word, count in counts.most_common(most or None) if count >= least and word]
        return cls(("", *dict.fromkeys([*words, *(word for word in more if word)])), lowercase)

    @classmethod
    def unpacked(cls, packed: AnyArray, lowercase: bool) -> Lexicon:
        """The reverse of `packed`."""
        return cls(tuple(packed.tobytes().decode("utf-8", "surrogatepass").split("\0")), lowercase)

    def packed(self) -> AnyArray:
        """As bytes, for a model folder."""
        return np.frombuffer("\0".join(self.words).encode("utf-8", "surrogatepass"), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """Word to number."""
        return {word: number for number, word in enumerate(self.words) if number}

    def ids(self, tokens: Sequence[str]) -> IntArray:
        """The numbers of words, (N,); UNKNOWN for one that is not here."""
        known = self.index.get
        if self.lowercase:
            return np.fromiter((known(token.lower(), UNKNOWN) for token in tokens), np.int64, len(tokens))
        return np.fromiter((known(token, UNKNOWN) for token in tokens), np.int64, len(tokens))
