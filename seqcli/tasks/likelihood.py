"""How probable a model finds a text: log-likelihood and perplexity, a record a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from seqcli.data.blocks import Block
from seqcli.tasks.tagging import WORDS, Job, pieces


def perplexity(log_likelihood: float, words: int) -> float:
    """Of a word, on average: exp of minus the log-likelihood of one.

    >>> round(perplexity(4 * math.log(0.1), 4), 6)
    10.0
    """
    try:
        return math.exp(-log_likelihood / words) if words else math.nan
    except OverflowError:
        return math.inf


class Likelihood:
    """Scores blocks of text and keeps the sum."""

    def __init__(self, job: Job, as_objects: bool = False) -> None:
        self.job, self.as_objects = job, as_objects
        self.total, self.words, self.records = 0.0, 0, 0

    def __call__(self, source: Iterator[Block]) -> Iterator[bytes]:
        """For each record its log-likelihood in nats, its words and the perplexity of one; a blank record has no words."""
        for block in source:
            yield "".join(self.lines(block)).encode()

    @property
    def separator(self) -> bytes:
        """What ends a record of the input."""
        return self.job.separator

    @property
    def perplexity(self) -> float:
        """Of a word."""
        return perplexity(self.total, self.words)

    def __str__(self) -> str:
        return f"{self.words} words, log-likelihood {self.total:.4f}, perplexity of a word {self.perplexity:.4f}"

    def values(self) -> dict[str, Any]:
        """The sum for JSON; what is not a number is null."""
        found = {"log_likelihood": self.total, "words": self.words, "perplexity": self.perplexity}
        return {name: value if math.isfinite(value) else None for name, value in found.items()}

    def lines(self, block: Block) -> Iterator[str]:
        """One block's rows, with a tab between, or JSON objects."""
        batch = self.job.read(block)
        found = [
            self.job.tagger.log_likelihood(batch.tokens[words], batch.lengths[sentences])
            for sentences, words in pieces(batch.lengths, WORDS)
        ]
        by_sentence = np.concatenate([np.zeros(0), *found])
        ends = np.cumsum(batch.sentences)
        scores = np.diff(np.concatenate([[0.0], np.cumsum(by_sentence)])[ends], prepend=0.0)
        sizes = np.diff(np.concatenate([[0], np.cumsum(batch.lengths)])[ends], prepend=0)
        for score, size in zip(scores.tolist(), sizes.tolist(), strict=True):
            self.total, self.words, self.records = self.total + score, self.words + size, self.records + 1
            if self.as_objects:
                row = {
                    "line": self.records,
                    "log_likelihood": score,
                    "words": size,
                    "perplexity": perplexity(score, size) if size else None,
                }
                yield json.dumps(row) + "\n"
            else:
                yield f"{score:.6f}\t{size}\t{perplexity(score, size):.4f}\n" if size else "\n"
