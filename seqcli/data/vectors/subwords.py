"""Vectors for unseen words from their character n-grams (Bojanowski et al. 2017).

A word is put between `<` and `>` and cut into all its n-grams; an n-gram's vector stands in the bucket that its hash names, so several
may share one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray

OFFSET, PRIME = 2166136261, 16777619  # of FNV-1a with 32 bits


@dataclass(frozen=True, eq=False)
class Subwords:
    """The vectors of n-grams, by bucket."""

    ngrams: AnyArray  # (buckets, D)
    min_n: int
    max_n: int

    def of(self, word: str) -> FloatArray | None:
        """The mean over a word's n-grams, (D,); None if the word has none."""
        found = buckets(word, self.min_n, self.max_n, len(self.ngrams))
        return self.ngrams[found].mean(axis=0, dtype=np.float32) if found else None


def ngrams(word: str, min_n: int, max_n: int) -> list[str]:
    """The n-grams of a word; a bracket alone is none.

    >>> ngrams("cat", 3, 4)
    ['<ca', '<cat', 'cat', 'cat>', 'at>']
    """
    text = f"<{word}>"
    starts = range(len(text))
    return [
        text[start : start + n]
        for start in starts
        for n in range(min_n, max_n + 1)
        if start + n <= len(text) and not (n == 1 and start in (0, len(text) - 1))
    ]


def buckets(word: str, min_n: int, max_n: int, count: int) -> list[int]:
    """The bucket of each n-gram of a word."""
    return [fnv(ngram.encode("utf-8", "surrogatepass")) % count for ngram in ngrams(word, min_n, max_n)] if count else []


def fnv(data: bytes) -> int:
    """The FNV-1a hash with 32 bits, bytes counted as signed: beyond ASCII this is fastText's hash and nobody else's.

    >>> fnv(b"<ca"), fnv("é".encode())
    (1066916747, 1023043777)
    """
    found = OFFSET
    for byte in data:
        found = ((found ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * PRIME) & 0xFFFFFFFF
    return found
