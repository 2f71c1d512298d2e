"""Streams of lines or JSON objects to vectors, a block of the input at a time; and searches through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli.data import jsonl
from seqcli.data.blocks import Block
from seqcli.data.examples import FloatArray
from seqcli.data.vectors.writing import Labelled
from seqcli.tasks.vectors.encoding import Encoder, Line
from seqcli.tasks.vectors.neighbours import at_length_one

INPUTS = ("text", "jsonl")
AT_ONCE = 4096  # lines


@dataclass
class Lines:
    """How lines become vectors."""

    encoder: Encoder
    source: str = "text"  # one of INPUTS
    errors: str = "strict"
    normalize: bool = False
    without: int = 0  # lines of which nothing was known

    def __call__(self, source: Iterable[Block]) -> Iterator[Labelled]:
        """A vector a line; a blank line has zeros, and so has one without a known word."""
        for block in source:
            texts, records = read(block, self.source, self.errors)
            for start in range(0, len(texts), AT_ONCE):
                part = slice(start, start + AT_ONCE)
                found = self.encoder.encode(texts[part])
                labels = [line if isinstance(line, str) else " ".join(line) for line in texts[part]]
                empty = np.flatnonzero(~found.any(axis=1)).tolist()
                self.without += sum(bool(labels[i].strip()) for i in empty)
                yield Labelled(labels, at_length_one(found) if self.normalize else found, records[part])

    @property
    def dimensions(self) -> int:
        """D."""
        return self.encoder.dimensions

    def notes(self) -> list[str]:
        """What to tell at the end."""
        many = self.without
        return [f"{many} line{'s have' if many > 1 else ' has'} no known word: zeros"] if many else []


def read(block: Block, source: str, errors: str) -> tuple[list[Line], list[dict[str, Any]]]:
    """The lines of a block, and the objects that their vectors are added to."""
    lines = block.lines(errors)
    if source == "text":
        return list(lines), [{"text": line} for line in lines]
    records = jsonl.parse(lines, block.name, block.first_line)
    return [value["tokens"] if "tokens" in value else jsonl.line_of(value["text"]) for value in records], records


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that was found."""

    score: float  # cosine
    name: str  # of the file
    line: int
    record: dict[str, Any]


def search(job: Lines, query: FloatArray, source: Iterable[Block], top: int) -> list[Hit]:
    """The `top` lines nearest to a vector (D,), best first, of two alike the earlier; in memory are these and the block at hand."""
    unit = at_length_one(query[None])[0]
    hits: list[Hit] = []
    for block in source:
        texts, records = read(block, job.source, job.errors)
        for start in range(0, len(texts), AT_ONCE):
            found = job.encoder.encode(texts[start : start + AT_ONCE])
            scores = np.einsum("nd,d->n", at_length_one(found), unit)
            scores[~found.any(axis=1)] = -np.inf
            floor = hits[-1].score if len(hits) == top else -np.inf
            better = np.flatnonzero(scores > floor)
            better = better[np.argsort(-scores[better], kind="stable")][:top]
            hits += [Hit(float(scores[i]), block.name, block.first_line + start + i, records[start + i]) for i in better.tolist()]
            hits = sorted(hits, key=lambda hit: -hit.score)[:top]
    return hits
