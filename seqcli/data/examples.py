"""Sentences in batches, the one shape that readers hand to models and models to writers.

A batch is ragged: the words of all its sentences lie end to end in one flat list, and `lengths` says where each sentence
ends. Nothing is padded, and whole batches go through array operations.

>>> batch = Batch.of([["The", "cat", "sat"], ["Hello"]])
>>> batch.tokens, batch.lengths.tolist()
(['The', 'cat', 'sat', 'Hello'], [3, 1])
>>> [sentence for sentence in batch.split(["DET", "NOUN", "VERB", "INTJ"])]
[['DET', 'NOUN', 'VERB'], ['INTJ']]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import numpy as np

# What numpy.typing calls NDArray, without the 6 ms that importing numpy.typing costs every start.
AnyArray = np.ndarray[tuple[Any, ...], np.dtype[Any]]
IntArray = np.ndarray[tuple[Any, ...], np.dtype[np.int64]]
FloatArray = np.ndarray[tuple[Any, ...], np.dtype[np.floating[Any]]]
DoubleArray = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
BoolArray = np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]
T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """B sentences of N words in all, read from R records (lines, JSON objects, CoNLL-U sentences)."""

    tokens: list[str]  # (N,)
    lengths: IntArray  # (B,) words in each sentence
    sentences: IntArray  # (R,) sentences in each record; 0 for a blank one
    records: Sequence[Any] = ()  # (R,) what a writer needs to lay the tags back
    spans: Callable[[], IntArray] | None = None  # -> (N, 2) characters of each word in its record's text
    joined: BoolArray | None = None  # (N,) the word continues the multi-word token of the word before it
    tags: list[str] = field(default_factory=list)  # (N,) gold tags, where the source has them

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]] = ()) -> Batch:
        """One record a sentence; an empty sentence becomes a blank record."""
        sizes = np.array([len(words) for words in sentences], dtype=np.int64)
        return cls(
            tokens=list(chain.from_iterable(sentences)),
            lengths=sizes[sizes > 0],
            sentences=(sizes > 0).astype(np.int64),
            records=sentences,
            tags=list(chain.from_iterable(tags)),
        )

    @classmethod
    def concatenated(cls, parts: Sequence[Batch]) -> Batch:
        """Batches one after another: their words, tags and records."""
        return cls(
            tokens=list(chain.from_iterable(part.tokens for part in parts)),
            lengths=np.concatenate([part.lengths for part in parts]),
            sentences=np.concatenate([part.sentences for part in parts]),
            records=list(chain.from_iterable(part.records for part in parts)),
            tags=list(chain.from_iterable(part.tags for part in parts)),
        )

    def split(self, values: Sequence[T]) -> Iterator[list[T]]:
        """Cut N values, one a word, into B lists, one a sentence."""
        start = 0
        for length in self.lengths.tolist():
            yield list(values[start : start + length])
            start += length


@dataclass(slots=True)
class Tagging:
    """What a tagger says of a batch: a tag a word and, where asked for, how sure it is."""

    labels: tuple[str, ...]  # (K,) names of the tags
    ids: IntArray  # (N,) index of each word's tag in `labels`
    proba: FloatArray | None = None  # (N, K) posterior of every tag, rows sum to 1
    nbest: list[list[tuple[float, IntArray]]] | None = None  # a sentence: (log-probability, ids), best first
    certainty: FloatArray | None = None  # (M,) posterior of each span as a whole, in order, where the tags spell spans
    loglik: FloatArray | None = None  # (B,) log-likelihood of each sentence, from models that have one

    def tags(self) -> list[str]:
        """The tags by name, (N,)."""
        return [self.labels[i] for i in self.ids.tolist()]

    def confidence(self) -> list[float] | None:
        """The posterior of each word's tag, (N,), where posteriors were asked for."""
        if self.proba is None:
            return None
        found: list[float] = np.take_along_axis(self.proba, self.ids[:, None], axis=1)[:, 0].tolist()
        return found
