"""Lines in, translations out.

Lines are gathered in windows; inside one, like lines are searched together, the longest first, and a line that comes again is not
searched again. A line that is longer than what the model has learned is cut into its sentences, and their translations are joined.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from seqcli.data.blocks import Block
from seqcli.data.folder import Folder
from seqcli.decode.generate import WINDOW, Found, Plan, Writer
from seqcli.decode.settings import Hypothesis, Settings
from seqcli.errors import UsageFailure
from seqcli.models import registry
from seqcli.text.segment import RuleSegmenter

if TYPE_CHECKING:
    from seqcli.decode.generate import Generator

KNOWN = 20_000  # lines whose translations are remembered
ROOM, SHARE = 20, 3  # a translation may have so many tokens, and so many times those of its source
EMPTY = Found(1, "", Hypothesis([], 0.0, 0.0))


def limit(source: int, longest: int) -> int:
    """Tokens of a translation at most, its end among them, of a source of so many.

    >>> limit(10, 256), limit(200, 256)
    (50, 257)
    """
    return min(ROOM + SHARE * source, longest + 1)


class TranslationWriter(Writer):
    """A writer whose texts have room by the length of their sources."""

    def room(self, prompts: list[Any]) -> list[int]:
        """See `Writer.room`: a translator's sources do not take from it."""
        settings, longest = self.plan.settings, longest_of(self.generator)
        needed = max(settings.min_length, len(settings.prefix) + sum(map(len, settings.phrases))) + 1
        sizes = [size(prompt) for prompt in prompts]
        return [min(settings.max_length, max(limit(each, longest), needed)) for each in sizes]


@dataclass(frozen=True, slots=True)
class Joint:
    """Translations of the first parts of a line: the last of them, and those before."""

    value: float = 0.0  # of all together
    last: Found | None = None
    before: Joint | None = None

    def parts(self) -> tuple[Found, ...]:
        """From the first to the last."""
        found: list[Found] = []
        joint: Joint | None = self
        while joint is not None and joint.last is not None:
            found.append(joint.last)
            joint = joint.before
        return tuple(reversed(found))


@dataclass
class Job:
    """How lines are translated, and what is known of those that were."""

    generator: Generator
    plan: Plan
    segmenter: RuleSegmenter
    as_objects: bool = False
    alignment: bool = False
    errors: str = "strict"
    watch: Callable[[int, str, Sequence[Found]], None] | None = None  # is shown each line that was searched whole, and what was found

    def __post_init__(self) -> None:
        self.writer = TranslationWriter(self.generator, self.plan)
        self.known: dict[str, list[Found]] = {}
        self.cut: list[int] = []  # numbers of lines whose sentences had to be cut
        self.line = 0

    def __call__(self, source: Iterable[Block]) -> Iterator[bytes]:
        """The records of all lines of the blocks."""
        for lines in windows(source, self.errors):
            found = self.translated(lines)
            if self.watch is not None:
                for number, (line, each) in enumerate(zip(lines, found, strict=True), self.line + 1):
                    if each and self.fits(line):
                        self.watch(number, line, each)
            parts = (self.told(self.line + i, line, each) for i, (line, each) in enumerate(zip(lines, found, strict=True), 1))
            yield "".join(parts).encode("utf-8", "backslashreplace")
            self.line += len(lines)

    def translated(self, lines: Sequence[str]) -> list[list[Found]]:
        """What is found for each line; nothing for a blank one."""
        parts = {line: self.pieces(line, self.line + i) for i, line in enumerate(lines, 1) if line.strip() and line not in self.known}
        if self.plan.method == "sample":  # each line draws its own, in order
            asked = [part for line in lines for part in parts.get(line, ())]
            drawn = iter(self.searched(asked))
            return [self.joined([next(drawn) for _ in parts[line]]) if line in parts else [] for line in lines]
        asked = list(dict.fromkeys(part for found in parts.values() for part in found if part not in self.known))
        found = dict(zip(asked, self.searched(asked), strict=True))
        fresh = {line: self.joined([found.get(part) or self.known[part] for part in cut]) for line, cut in parts.items()}
        translations = [fresh.get(line) or self.known.get(line, []) for line in lines]
        self.known = {} if len(self.known) > KNOWN else self.known
        self.known |= fresh
        return translations

    def searched(self, texts: Sequence[str]) -> list[list[Found]]:
        """Search for all of some texts, those of like length together; where they are drawn, in order.

        What leaves nothing for the model to read has an empty translation.
        """
        prompts = self.generator.prepare(texts)
        order = [i for i, prompt in enumerate(prompts) if size(prompt) > 1]
        if self.plan.method != "sample":
            order.sort(key=lambda i: -size(prompts[i]))
        found: list[list[Found]] = [[EMPTY]] * len(texts)
        for start in range(0, len(order), self.writer.batch):
            some = order[start : start + self.writer.batch]
            batch = [prompts[i] for i in some]
            for i, hypotheses in zip(some, self.writer.search(batch, self.writer.room(batch)), strict=True):
                found[i] = self.writer.ranked(hypotheses)
            self.writer.line += len(some)
        return found

    # Long lines ----------------------------------------------------------------------------------------------------------

    def pieces(self, line: str, number: int) -> list[str]:
        """A line that is short enough as it is; else its sentences, and what is still too long in halves."""
        if self.fits(line):
            return [line]
        sentences = self.sentences(line)
        found = [part for sentence in sentences for part in self.halves(sentence)]
        if len(found) > len(sentences):
            self.cut.append(number)
        return found

    def fits(self, text: str) -> bool:
        """Whether the model has learned texts of this length."""
        longest = longest_of(self.generator)
        return len(text.encode("utf-8", "surrogatepass")) < longest or size(self.generator.prepare([text])[0]) - 1 <= longest

    def sentences(self, line: str) -> list[str]:
        """The sentences of a line."""
        found = self.segmenter.segment([line])
        spans, ends = found.spans(), found.lengths.cumsum()
        return [line[spans[end - count, 0] : spans[end - 1, 1]] for end, count in zip(ends, found.lengths, strict=True)]

    def halves(self, text: str) -> list[str]:
        """A text cut in two as often as it takes, at the blank that is nearest to the middle."""
        if self.fits(text) or len(text) < 2:
            return [text]
        middle = len(text) // 2
        blanks = [place for place, character in enumerate(text) if character == " " and 0 < place < len(text) - 1]
        at = min(blanks, key=lambda place: abs(place - middle), default=middle)
        return [*self.halves(text[:at].strip()), *self.halves(text[at:].strip())]

    def joined(self, parts: Sequence[list[Found]]) -> list[Found]:
        """The best joint translations of the parts of a line."""
        if len(parts) == 1:
            return parts[0]
        kept, most = [Joint()], max(map(len, parts))
        for options in parts:
            longer = (Joint(joint.value + value(option), option, joint) for joint in kept for option in options)
            kept = sorted(longer, key=lambda joint: -joint.value)[:most]
        texts = [one_text(joint.parts(), self.plan.settings) for joint in kept]
        return [Found(rank, text, hypothesis, utility) for rank, (text, hypothesis, utility) in enumerate(texts, 1)]

    # Records -------------------------------------------------------------------------------------------------------------

    def told(self, number: int, line: str, found: Sequence[Found]) -> str:
        """The translations of a line, a record each; a blank line for a blank line."""
        if self.as_objects:
            rows = self.objects(number, line, found) if found else [{"line": number, "source": line, "text": ""}]
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        several = self.plan.nbest > 1
        rows_of_text = ((f"{each.rank}\t{value(each):.6f}\t" if several else "") + each.text.replace("\n", " ") for each in found)
        return "".join(row + "\n" for row in rows_of_text) or "\n"

    def objects(self, number: int, line: str, found: Sequence[Found]) -> list[dict[str, Any]]:
        """The same as JSON objects."""
        from seqcli.decode.telling import record

        rows = []
        for each in found:
            row = record(self.generator, number, line, each)
            aligned = self.aligned(line, each.hypothesis) if self.alignment and self.fits(line) else {}
            rows.append({"source" if key == "prompt" else key: one for key, one in row.items()} | aligned)
        return rows

    def aligned(self, line: str, hypothesis: Hypothesis) -> dict[str, Any]:
        """Where the last layer looked for each token: the tokens of the source, and a row of weights a token of the target."""
        model = cast(Any, getattr(self.generator, "first", self.generator))  # of several
        (source,) = model.prepare([line])
        (weights,) = model.alignments([source], [hypothesis.tokens])
        rows = weights[-1].mean(0)[: len(hypothesis.tokens) + hypothesis.ended].astype(np.float64).round(4)
        return {"source_tokens": model.codecs.source.spell(source), "alignment": rows.tolist()}


def one_text(parts: Sequence[Found], settings: Settings) -> tuple[str, Hypothesis, float | None]:
    """Translations of parts as one: tokens and log-probabilities together, normalised as the search does."""
    whole = [part.hypothesis for part in parts]
    tokens = [token for each in whole for token in each.tokens]
    log_prob = sum(each.log_prob for each in whole)
    score = sum(each.score * settings.norm(len(each.tokens) + 1) for each in whole) / settings.norm(len(tokens) + len(whole))
    ended, complete = all(each.ended for each in whole), all(each.complete for each in whole)
    utilities = [part.utility for part in parts if part.utility is not None]
    utility = sum(utilities) / len(utilities) if utilities else None
    return " ".join(part.text for part in parts if part.text), Hypothesis(tokens, log_prob, score, ended, complete), utility


def windows(source: Iterable[Block], errors: str) -> Iterator[list[str]]:
    """Lines in windows, which are smaller where the input pauses."""
    waiting: list[str] = []
    for block in source:
        waiting += block.lines(errors) if block.data else []
        while len(waiting) >= WINDOW or (waiting and not block.data):
            yield waiting[:WINDOW]
            del waiting[:WINDOW]
    if waiting:
        yield waiting


def size(source: Any) -> int:
    """Tokens of what `prepare` gives: ids, or of several models a tuple of such."""
    return max(map(len, source)) if isinstance(source, tuple) else len(source)


def value(found: Found) -> float:
    """What a translation is ranked by."""
    return found.hypothesis.score if found.utility is None else found.utility


def longest_of(generator: Generator) -> int:
    """Tokens of a source or a target that a translator has learned."""
    return int(cast(Any, generator).longest)


def check_writable(generator: Generator, option: str, text: str) -> None:
    """Raises UsageFailure: a text with something that the vocabulary of the targets lacks."""
    model = cast(Any, getattr(generator, "first", generator))
    (ids,) = model.targets([text])
    if model.codecs.target.unknown in ids:
        raise UsageFailure(f"{option} {text}: the model cannot write it", hint="its vocabulary lacks some of it")


def load(folders: Sequence[Folder]) -> Any:
    """The translator in a folder, or those of several folders as one.

    Raises:
        Failure: a model of another task, or one that does not fit together.
        UsageFailure: models that write different tokens.
    """
    models = [registry.load(found, registry.TRANSLATION) for found in folders]
    if len(models) == 1:
        return models[0]
    from seqcli.decode.translators import Translators

    return Translators(models)
