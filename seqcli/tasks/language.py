"""How probable a language model finds a text: a record for each text, a sum at the end, by which models of any units compare."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data.blocks import Block, blocks
from seqcli.data.examples import FloatArray
from seqcli.errors import Failure
from seqcli.models.language_model import LanguageModel
from seqcli.tasks.likelihood import perplexity
from seqcli.text.codec import separator, texts_of

SEVERAL = 1 << 16  # characters scored at a time


@dataclass
class Sum:
    """What the texts add up to. The end of a text is one of its tokens, and counts as a word and as bytes of the file."""

    log_likelihood: float = 0.0  # nats
    tokens: int = 0
    unknown: int = 0  # tokens that the vocabulary lacks: models with many cannot be compared with others
    words: int = 0  # between blanks
    texts: int = 0
    bytes: int = 0  # of UTF-8

    @property
    def perplexity(self) -> float:
        """Of a token."""
        return perplexity(self.log_likelihood, self.tokens)

    @property
    def word_perplexity(self) -> float:
        """Of a word or the end of a text, whatever the tokens are."""
        return perplexity(self.log_likelihood, self.words + self.texts)

    @property
    def bits_per_byte(self) -> float:
        """What compression by the model would need.

        >>> Sum(log_likelihood=-16 * math.log(2), bytes=8).bits_per_byte
        2.0
        """
        return -self.log_likelihood / math.log(2) / self.bytes if self.bytes else math.nan

    def __str__(self) -> str:
        unknown = f" ({self.unknown} unknown)" * bool(self.unknown)
        return (
            f"{self.tokens} tokens{unknown}, log-likelihood {self.log_likelihood:.4f}, perplexity of a token {self.perplexity:.4f}, "
            f"of a word {self.word_perplexity:.4f}, {self.bits_per_byte:.4f} bits a byte"
        )

    def values(self) -> dict[str, Any]:
        """For JSON; what is not a number is null."""
        found = {
            **vars(self),
            "perplexity": self.perplexity,
            "word_perplexity": self.word_perplexity,
            "bits_per_byte": self.bits_per_byte,
        }
        return {name: value if math.isfinite(value) else None for name, value in found.items()}


class Summing:
    """A scorer that says what its texts add up to."""

    sum: Sum

    def __str__(self) -> str:
        return str(self.sum)

    @property
    def perplexity(self) -> float:
        """Of a token."""
        return self.sum.perplexity

    def values(self) -> dict[str, Any]:
        """The sum for JSON."""
        return self.sum.values()


class TextScorer(Summing):
    """Scores the texts of blocks, and keeps the sum.

    By default each text is by itself, and a blank line is no text. With `stream` each text goes on after the one before it in its file,
    as language models are usually measured, and a blank line is an empty text: its end is a token.
    """

    def __init__(self, model: LanguageModel, as_objects: bool = False, stream: bool = False, errors: str = "strict") -> None:
        self.model, self.as_objects, self.stream, self.errors = model, as_objects, stream, errors
        self.sum = Sum()
        self.records = 0
        self.file, self.state = "", None

    @property
    def separator(self) -> bytes:
        """What ends a record of the input."""
        return separator(self.model.codec.record)

    def __call__(self, source: Iterator[Block]) -> Iterator[bytes]:
        """A row for each text: log-likelihood in nats, tokens, the perplexity of one; a blank row for a blank line."""
        for block in source:
            if block.name != self.file:
                self.file, self.state = block.name, None
            for texts in pieces(texts_of(block, self.model.codec.record, self.errors), SEVERAL):
                yield "".join(self.rows(texts)).encode("utf-8", "backslashreplace")

    def rows(self, texts: Sequence[str]) -> Iterator[str]:
        """The rows of some texts."""
        scored = [text for text in texts if self.stream or text.strip()]
        ids = self.model.codec.encode(scored)
        found = iter(zip(ids, self.log_probs(ids), strict=True))
        for text in texts:
            self.records += 1
            if self.stream or text.strip():
                row, log_probs = next(found)
                yield self.row(text, row, log_probs)
            elif self.as_objects:
                yield self.written(text, [], np.zeros(0))
            else:
                yield "\n"

    def log_probs(self, ids: Sequence[Sequence[int]]) -> list[FloatArray]:
        """Of every token and every end."""
        if not ids:
            return []
        if not self.stream:
            return self.model.log_probs(ids)
        found, self.state = self.model.follow(ids, self.state)
        return found

    def row(self, text: str, ids: Sequence[int], log_probs: FloatArray) -> str:
        """One text's row; it is added to the sum.

        Raises:
            Failure: the model gives something that is not a number.
        """
        total = float(log_probs.sum(dtype=np.float64))
        if math.isnan(total):
            raise Failure(f"{self.file}, record {self.records}: the model gives no number", hint="its weights hold NaN: train it again")
        self.sum.log_likelihood += total
        self.sum.tokens += len(log_probs)
        self.sum.unknown += 0 if self.model.codec.unknown is None else list(ids).count(self.model.codec.unknown)
        self.sum.words += len(text.split())
        self.sum.texts += 1
        self.sum.bytes += len(text.encode("utf-8", "surrogatepass")) + len(self.separator)
        if self.as_objects:
            return self.written(text, [*ids, self.model.end], log_probs)
        return f"{total:.6f}\t{len(log_probs)}\t{perplexity(total, len(log_probs)):.4f}\n"

    def written(self, text: str, ids: Sequence[int], log_probs: FloatArray) -> str:
        """One text as a JSON object."""
        numbers = log_probs.tolist()
        total = float(log_probs.sum(dtype=np.float64))
        row = {
            "line": self.records,
            "log_likelihood": total,
            "words": len(text.split()),
            "perplexity": perplexity(total, len(ids)) if ids else None,
            "tokens": [{"piece": piece, "log_prob": p} for piece, p in zip(self.model.codec.spell(ids), numbers, strict=True)],
        }
        return json.dumps(row, ensure_ascii=False) + "\n"


def pieces(texts: Sequence[str], characters: int) -> Iterator[Sequence[str]]:
    """Texts in groups of about so many characters.

    >>> list(pieces(["abc", "d", "efgh", "i"], 4))
    [['abc', 'd'], ['efgh'], ['i']]
    """
    first = size = 0
    for at, text in enumerate(texts):
        if at > first and size + len(text) > characters:
            yield texts[first:at]
            first, size = at, 0
        size += len(text)
    if first < len(texts):
        yield texts[first:]


def measure(model: LanguageModel, files: Sequence[str], stream: bool = True) -> Sum:
    """The sum over some files.

    Raises:
        Failure: a file cannot be read, or there is no text in any.
    """
    scorer = TextScorer(model, stream=stream)
    for _ in scorer(blocks([Path(name) for name in files], scorer.separator)):
        pass
    if not scorer.sum.tokens:
        raise Failure(f"no text in {', '.join(files)}")
    return scorer.sum


def import_arpa(file: Path, output: Path, force: bool, errors: str) -> None:
    """A file of n-grams as a model folder.

    Raises:
        Failure: it is not ARPA, and where; the folder may not be written.
    """
    from seqcli.data import folder
    from seqcli.models.ngram.arpa import read_arpa

    model = read_arpa(file, errors=errors)
    config = {"model": "ngram", "task": "language modelling", "version": 1, "licence": f"that of {file.name}", "scores": {}}
    config |= {"trained_on": {"files": [file.name]}, "recipe": {}, "parameters": model.config()}
    card = f"# {output.name}\n\nN-grams imported from `{file.name}`.\n\n## Licence\n\nThat of `{file.name}`.\n"
    folder.write(output, config, model.tensors(), {folder.CARD: card, **model.files()}, force)


def export_arpa(name: str) -> Iterator[bytes]:
    """The n-grams of a model folder as an ARPA file.

    Raises:
        Failure: there is no such model, or it is more than n-grams.
    """
    from seqcli.data import folder
    from seqcli.models.ngram import load
    from seqcli.models.ngram.arpa import write_arpa

    for part in write_arpa(load(folder.read(folder.find(name)))):
        yield part.encode()
