"""How probable a translator finds targets, given their sources: log P(target | source), a record a pair, and the sum.

What is scored is a text's tokens as the vocabulary cuts it. A model may have written the same text in other tokens, and given these
another probability: the records of `seq translate --json` keep them, and where these are the input it is they that are scored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seqcli.data.blocks import Block
from seqcli.data.examples import FloatArray
from seqcli.data.parallel import Source, batches
from seqcli.errors import Failure
from seqcli.tasks.language import Sum, Summing
from seqcli.tasks.likelihood import perplexity

if TYPE_CHECKING:
    from seqcli.text.codec import Codec

    class Sides(Protocol):
        """Of a translator."""

        @property
        def target(self) -> Codec:
            """That of the targets."""

    class Translating(Protocol):
        """A translator, whichever engine runs it."""

        @property
        def codecs(self) -> Sides:
            """Texts as ids, and back."""

        @property
        def size(self) -> int:
            """V, of the targets."""

        @property
        def end(self) -> int:
            """The token that ends a target."""

        @property
        def longest(self) -> int:
            """Tokens of a source or a target as the model has learned them."""

        def prepare(self, lines: Sequence[str]) -> list[list[int]]:
            """Lines as sources: ids, and the end."""

        def targets(self, texts: Sequence[str]) -> list[list[int]]:
            """Texts as ids, without the end."""

        def spell(self, ids: Sequence[int]) -> list[str]:
            """Ids one by one."""

        def log_probs(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[FloatArray]:
            """Log P of each token of the targets, and then of the end: (n + 1,) a target."""


AT_ONCE = 1024  # pairs
NAMED = 5  # lines that a note names


@dataclass(frozen=True)
class Pair:
    """A source and a target. With a blank side, unless the target's tokens are given, it is not scored.

    Nor is it where the source leaves nothing for the model to read.
    """

    where: str  # file and line
    source: str
    text: str
    tokens: list[str] | None = None  # as a model has written them
    ended: bool = True  # False: the end is not part of the target
    said: dict[str, Any] = field(default_factory=dict)  # what else the record has

    @property
    def blank(self) -> bool:
        """Whether there is nothing to score."""
        return not self.source.strip() or (self.tokens is None and not self.text.strip())


class Conditional(Summing):
    """Scores targets, and keeps the sum. A model that is `rigid` has no places beyond what it has learned."""

    def __init__(self, model: Translating, as_objects: bool = False, errors: str = "strict", rigid: bool = False) -> None:
        self.model, self.as_objects, self.errors, self.rigid = model, as_objects, errors, rigid
        self.sum = Sum()
        self.records = 0
        self.one_sided: list[str] = []  # pairs of which one side is blank
        self.long: list[str] = []  # pairs of which a side is longer than what the model has learned

    @property
    def notes(self) -> Iterator[str]:
        """What a reader of the scores should know."""
        if self.one_sided:
            yield f"not scored, one side is blank: {listed(self.one_sided)}"
        if self.long:
            yield f"longer than what the model has learned: {listed(self.long)}"

    # Input ---------------------------------------------------------------------------------------------------------------

    def lines(self, source: Path, target: Path) -> Iterator[bytes]:
        """A row for each pair of lines: log-likelihood in nats, tokens, the perplexity of one; a blank row for a blank side.

        Raises:
            Failure: the files differ in length, or cannot be read.
        """
        for batch in batches([Source(source), Source(target)], AT_ONCE, errors=self.errors):
            pairs = zip(*batch.segments, strict=True)
            yield self.rows([Pair(f"line {number}", *pair) for number, pair in enumerate(pairs, batch.first_line)])

    def __call__(self, source: Iterator[Block]) -> Iterator[bytes]:
        """The same for records as `seq translate --json` writes them: their tokens are scored, each by its own source."""
        for block in source:
            lines = block.lines(self.errors)
            pairs = [record(line, f"{block.name}, line {number}") for number, line in enumerate(lines, block.first_line)]
            for first in range(0, len(pairs), AT_ONCE):
                yield self.rows(pairs[first : first + AT_ONCE])

    # Scores --------------------------------------------------------------------------------------------------------------

    def rows(self, pairs: Sequence[Pair]) -> bytes:
        """The rows of some pairs."""
        sources = self.model.prepare([pair.source for pair in pairs])
        scored = [n for n, pair in enumerate(pairs) if not pair.blank and len(sources[n]) > 1]
        chosen = [pairs[n] for n in scored]
        targets = self.targets(chosen)
        sources = [sources[n] for n in scored]
        self.check_lengths(chosen, sources, targets)
        found = dict(zip(scored, zip(targets, self.model.log_probs(sources, targets), strict=True), strict=True))
        rows = (self.row(pair, *found[n]) if n in found else self.nothing(pair) for n, pair in enumerate(pairs))
        return "".join(rows).encode("utf-8", "backslashreplace")

    def nothing(self, pair: Pair) -> str:
        """The row of a pair that is not scored."""
        self.records += 1
        if pair.source.strip() or pair.text.strip():
            self.one_sided.append(pair.where)
        return self.written(pair, [], np.zeros(0)) if self.as_objects else "\n"

    def targets(self, pairs: Sequence[Pair]) -> list[list[int]]:
        """The ids of the targets: those of the tokens where they are given, else those of the text.

        Raises:
            Failure: a token that the model does not write.
        """
        texts = iter(self.model.targets([pair.text for pair in pairs if pair.tokens is None]))
        return [next(texts) if pair.tokens is None else [self.number(token, pair) for token in pair.tokens] for pair in pairs]

    def number(self, token: str, pair: Pair) -> int:
        """The id of a token."""
        if token not in self.numbers:
            raise Failure(f"{pair.where}: the model does not write the token {token!r}", hint="was it another model that wrote this?")
        return self.numbers[token]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The ids by what the model calls them; of two with one name the first."""
        names = self.model.spell(range(self.model.size))
        return {name: number for number, name in reversed(list(enumerate(names)))}

    def check_lengths(self, pairs: Sequence[Pair], sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> None:
        """Note what is longer than what the model has learned.

        Raises:
            Failure: the model has no places for it.
        """
        for pair, source, target in zip(pairs, sources, targets, strict=True):
            count = max(len(source) - 1, len(target))
            if count <= self.model.longest:
                continue
            if self.rigid:
                raise Failure(f"{pair.where} has {count} tokens, the model has places for {self.model.longest}", hint="leave it out")
            self.long.append(pair.where)

    def row(self, pair: Pair, ids: Sequence[int], log_probs: FloatArray) -> str:
        """One pair's row; it is added to the sum.

        Raises:
            Failure: the model gives something that is not a number.
        """
        self.records += 1
        log_probs = log_probs[: len(ids) + pair.ended]
        total = float(log_probs.sum(dtype=np.float64))
        if math.isnan(total):
            raise Failure(f"{pair.where}: the model gives no number", hint="its weights hold NaN: train it again")
        self.sum.log_likelihood += total
        self.sum.tokens += len(log_probs)
        self.sum.unknown += list(ids).count(-1 if self.model.codecs.target.unknown is None else self.model.codecs.target.unknown)
        self.sum.words += len(pair.text.split())
        self.sum.texts += 1
        self.sum.bytes += len(pair.text.encode("utf-8", "surrogatepass")) + 1
        if self.as_objects:
            return self.written(pair, [*ids, self.model.end][: len(log_probs)], log_probs)
        return f"{total:.6f}\t{len(log_probs)}\t{perplexity(total, len(log_probs)):.4f}\n"

    def written(self, pair: Pair, ids: Sequence[int], log_probs: FloatArray) -> str:
        """One pair as a JSON object, with what its record had."""
        total = float(log_probs.sum(dtype=np.float64))
        tokens = [
            {"piece": piece, "log_prob": finite(value)} for piece, value in zip(self.model.spell(ids), log_probs.tolist(), strict=True)
        ]
        row = {
            "line": self.records,
            **pair.said,
            "log_likelihood": finite(total),
            "words": len(pair.text.split()),
            "perplexity": finite(perplexity(total, len(ids))),
            "tokens": tokens,
        }
        return json.dumps(row, ensure_ascii=False) + "\n"


def finite(number: float) -> float | None:
    """A number as JSON knows them: what is impossible, or of nothing, has none."""
    return number if math.isfinite(number) else None


def listed(places: Sequence[str]) -> str:
    """The first few of some places.

    >>> listed(["line 1", "line 7"]), listed([f"line {n}" for n in range(1, 8)])
    ('line 1, line 7', 'line 1, line 2, line 3, line 4, line 5 … (7)')
    """
    more = len(places) > NAMED
    return ", ".join(places[:NAMED]) + f" … ({len(places)})" * more


def record(line: str, where: str) -> Pair:
    """The pair in a line as `seq translate --json` writes it; a blank line is a blank pair.

    >>> record('{"line": 7, "source": "cat", "text": "Katze", "tokens": ["Katze"], "score": -1.5}', "out.jsonl, line 1").said
    {'line': 7, 'source': 'cat', 'text': 'Katze', 'score': -1.5}

    Raises:
        Failure: it is something else.
    """
    if not line.strip():
        return Pair(where, "", "")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    hint = "beside plain lines their sources are needed: --src FILE"
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in ("source", "text")):
        raise Failure(f"{where}: not a record of seq translate --json, with source and text", hint=hint)
    tokens, ended = said.get("tokens"), said.get("ended", True)
    if tokens is not None and not (isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)):
        raise Failure(f"{where}: tokens must be a list of strings, as seq translate --json writes them")
    rest = {name: value for name, value in said.items() if name != "tokens"}
    return Pair(where, said["source"], said["text"], tokens, bool(ended), rest)
