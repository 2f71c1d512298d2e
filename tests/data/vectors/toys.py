"""Small word vectors for the tests."""

import numpy as np

from seqcli.data.vectors import Vectors
from seqcli.data.vectors.subwords import Subwords

WORDS = ["the", "of", "king", "queen", "man", "woman", "naïve", "東京", "a.b", "3.14", "-1", "e", "\u2028x"]


def random_vectors(words=WORDS, width=7, seed=1, counts=True, scale=0.3) -> Vectors:
    """Vectors without meaning."""
    rng = np.random.default_rng(seed)
    matrix = (rng.normal(size=(len(words), width)) * scale).astype(np.float32)
    return Vectors.of(words, matrix, sorted(rng.integers(5, 1000, len(words)).tolist(), reverse=True) if counts else None)


def many(count: int, width: int = 20, seed: int = 2) -> Vectors:
    """So many words, w0, w1 …"""
    return random_vectors([f"w{i}" for i in range(count)], width, seed)


def with_subwords(seed: int = 3, width: int = 6, buckets: int = 50) -> Vectors:
    """Words whose n-grams have vectors, too."""
    plain = random_vectors(["the", "running", "runner", "été"], width, seed)
    ngrams = np.random.default_rng(seed).normal(size=(buckets, width)).astype(np.float32)
    return Vectors(plain.words, plain.stored, plain.counts, subwords=Subwords(ngrams, 3, 5), lowercase=True)


def same(left: Vectors, right: Vectors) -> None:
    """Both have the same words and numbers, to the bit."""
    assert list(left.words) == list(right.words)
    assert left.matrix.tobytes() == right.matrix.tobytes()
