"""Word vectors in memory and in a model folder.

>>> vectors = Vectors.of(["king", "queen"], np.eye(2, dtype=np.float32), counts=[7, 5])
>>> vectors.look_up(["queen", "qeen"])[0].tolist(), vectors.lowercase
([[0.0, 1.0], [0.0, 0.0]], True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data import folder
from seqcli.data.examples import AnyArray, BoolArray, FloatArray, IntArray
from seqcli.data.vectors.mapped import open_tensors
from seqcli.data.vectors.subwords import Subwords
from seqcli.data.vectors.vocabulary import UNKNOWN, Vocabulary
from seqcli.errors import Failure

TASK = "vectors"
LEVELS = 127  # of a quantised number, on either side of 0
SHIFT = 2.7  # of ranks in Zipf's law, as Mandelbrot has it
SEVERAL = 1 << 15  # rows made floating at a time


@dataclass(frozen=True, eq=False)
class Vectors:
    """V words with D numbers each, most frequent first."""

    words: Vocabulary
    stored: AnyArray  # (V, D) float32; int8 where there are scales
    counts: IntArray | None = None  # (V,) how often each word occurs in the text they were learned from
    scales: FloatArray | None = None  # (V,) what a row's whole numbers are multiplied by
    subwords: Subwords | None = None  # for words that are not there
    lowercase: bool = False  # words are looked up in lower case

    @classmethod
    def of(
        cls, words: Sequence[str], matrix: AnyArray, counts: Sequence[int] | AnyArray | None = None, lowercase: bool | None = None
    ) -> Vectors:
        """From words in the order of falling count; they are looked up in lower case if none has a capital."""
        vocabulary = Vocabulary.of(words)
        many = None if counts is None else np.asarray(counts, dtype=np.int64)
        fold = without_capitals(words) if lowercase is None else lowercase
        return cls(vocabulary, np.asarray(matrix, dtype=np.float32), many, lowercase=fold)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.stored.shape[1])

    @cached_property
    def matrix(self) -> FloatArray:
        """(V, D) float32."""
        if self.scales is None and self.stored.dtype == np.float32 and self.stored.flags.aligned:
            return self.stored
        found = np.empty(self.stored.shape, np.float32)
        for start in range(0, len(found), SEVERAL):
            part = slice(start, start + SEVERAL)
            found[part] = self.stored[part]
            if self.scales is not None:
                found[part] *= self.scales[part, None]
        return found

    @cached_property
    def lengths(self) -> FloatArray:
        """(V,) of the vectors; 1 for one of zeros, which is nobody's neighbour."""
        found: FloatArray = np.sqrt(np.einsum("vd,vd->v", self.matrix, self.matrix))
        found[found == 0] = 1
        return found

    @cached_property
    def frequencies(self) -> FloatArray:
        """(V,) p(w); where there are no counts, Zipf's law by rank."""
        if self.counts is not None and self.counts.any():
            return np.asarray(self.counts / self.counts.sum(), dtype=np.float32)
        shares = 1 / (np.arange(len(self)) + SHIFT)
        return np.asarray(shares / shares.sum(), dtype=np.float32)

    def folded(self, word: str) -> str:
        """A word as it is looked up."""
        return word.lower() if self.lowercase else word

    def rows(self, words: Sequence[str]) -> IntArray:
        """The row of each word, (N,); UNKNOWN for one that is not there."""
        return self.words.rows(words, self.lowercase)

    def take(self, rows: IntArray) -> FloatArray:
        """The vectors of some rows, (N, D); zeros for UNKNOWN."""
        found: FloatArray = self.stored[rows].astype(np.float32, copy=False) if len(self) else np.zeros((len(rows), self.dimensions))
        if self.scales is not None:
            found *= self.scales[rows, None]
        found[rows == UNKNOWN] = 0
        return found

    def look_up(self, words: Sequence[str]) -> tuple[FloatArray, BoolArray]:
        """A vector for each word, (N, D), and which of them have one, (N,); n-grams stand in for words that are not there."""
        rows = self.rows(words)
        return self.completed(words, rows, self.take(rows))

    def completed(self, words: Sequence[str], rows: IntArray, found: FloatArray) -> tuple[FloatArray, BoolArray]:
        """See `look_up`; the vectors of known words are found, those of others are filled in where they can be."""
        known = rows != UNKNOWN
        if self.subwords is not None:
            for place in np.flatnonzero(~known).tolist():
                vector = self.subwords.of(self.folded(words[place]))
                if vector is not None:
                    found[place], known[place] = vector, True
        return found, known

    def limited(self, count: int) -> Vectors:
        """The most frequent words alone; 0 leaves all."""
        if not 0 < count < len(self):
            return self
        counts = None if self.counts is None else self.counts[:count]
        scales = None if self.scales is None else self.scales[:count]
        return Vectors(self.words.first(count), self.stored[:count], counts, scales, self.subwords, self.lowercase)

    def tensors(self) -> dict[str, AnyArray]:
        """What a model folder keeps."""
        parts = {"vectors": self.stored, "words": self.words.packed, "counts": self.counts, "scales": self.scales}
        parts |= {"ngrams": self.subwords.ngrams} if self.subwords else {}
        return {name: tensor for name, tensor in parts.items() if tensor is not None}

    def parameters(self) -> dict[str, Any]:
        """What its configuration keeps."""
        found: dict[str, Any] = {"dimensions": self.dimensions, "lowercase": self.lowercase}
        if self.subwords is not None:
            found |= {"min_n": self.subwords.min_n, "max_n": self.subwords.max_n, "buckets": len(self.subwords.ngrams)}
        return found


def without_capitals(words: Sequence[str]) -> bool:
    """Whether all words are in lower case."""
    text = "\n".join(words)
    return text == text.lower()


def quantised(vectors: Vectors) -> Vectors:
    """The same in a quarter of the space: each row as whole numbers from -127 to 127 and one scale.

    A number is off by at most half a scale, 1/254 of the largest of its row.
    """
    matrix = vectors.matrix
    scales = (np.abs(matrix).max(axis=1, initial=0) / LEVELS).astype(np.float32)
    steps = np.rint(matrix / np.where(scales > 0, scales, 1)[:, None]).clip(-LEVELS, LEVELS).astype(np.int8)
    return Vectors(vectors.words, steps, vectors.counts, scales, vectors.subwords, vectors.lowercase)


def open_vectors(model: str | Path) -> Vectors:
    """The word vectors that `-m MODEL` means: a folder or a shipped name.

    Raises:
        Failure: there is no such model, it holds something else, or its parts do not fit together.
    """
    path = folder.find(str(model))
    config = folder.read_config(path)
    if config["task"] != TASK:
        raise Failure(f"{path} holds {config['model']!r}, not word vectors", hint="train some: seq train skipgram")
    tensors = open_tensors(path / folder.WEIGHTS)
    try:
        return from_tensors(tensors, config)
    except Failure as failure:
        raise Failure(f"model folder {path}: {failure}") from None


def from_tensors(tensors: dict[str, AnyArray], config: dict[str, Any]) -> Vectors:
    """Raises Failure: the tensors do not fit each other."""
    words = Vocabulary(folder.take(tensors, "words", None))
    size = len(words)
    stored = folder.take(tensors, "vectors", size, None)
    counts = folder.take(tensors, "counts", size) if "counts" in tensors else None
    scales = folder.take(tensors, "scales", size) if "scales" in tensors else None
    if (stored.dtype == np.int8) != (scales is not None):
        raise Failure("quantised vectors need scales, and only they do")
    subwords = None
    if "ngrams" in tensors:
        ngrams = folder.take(tensors, "ngrams", None, int(stored.shape[1]))
        subwords = Subwords(ngrams, int(setting(config, "min_n", 3)), int(setting(config, "max_n", 6)))
    return Vectors(words, stored, counts, scales, subwords, bool(setting(config, "lowercase", False)))


def setting(config: dict[str, Any], name: str, default: Any) -> Any:
    """A setting among the parameters, the configuration itself or the recipe."""
    for place in (config.get("parameters"), config, config.get("recipe")):
        if isinstance(place, dict) and name in place:
            return place[name]
    return default
