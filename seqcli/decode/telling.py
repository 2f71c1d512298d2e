"""Searches in words: records, the steps of a search, whose the errors are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqcli.text.subword.told import seen

if TYPE_CHECKING:
    from seqcli.decode.errors import Judgement
    from seqcli.decode.generate import Found, Generator, Plan
    from seqcli.decode.trace import Trace

EXAMPLES = 3  # of each kind of error
LAST = 12  # tokens of a hypothesis that a step shows
SAID = {
    "same": "the same as the reference",
    "search": "search errors: the model prefers the reference",
    "model": "model errors: the model prefers its own text",
}


def records(
    generator: Generator, plan: Plan, lines: Sequence[str], found: Sequence[Sequence[Found]], first: int, as_objects: bool
) -> str:
    """The texts of a batch of lines, the first of which has the number `first`, a record each.

    Texts of several lines end with a blank line where the model writes such; else what breaks a line in them is a blank.
    """
    if as_objects:
        rows = (record(generator, first + i, line, each) for i, line in enumerate(lines) for each in found[i])
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    paragraphs = getattr(generator, "record", "line") == "paragraph"
    parts = []
    for each in (each for line in found for each in line):
        text = each.text if paragraphs else each.text.replace("\n", " ")
        head = f"{each.rank}\t{value(each):.6f}\t" if plan.nbest > 1 else ""
        parts.append(f"{head}{text}\n" + "\n" * paragraphs)
    return "".join(parts)


def value(found: Found) -> float:
    """What a text is ranked by."""
    return found.hypothesis.score if found.utility is None else found.utility


def record(generator: Generator, number: int, line: str, found: Found) -> dict[str, Any]:
    """A text as a JSON object."""
    row: dict[str, Any] = {"line": number, **({"prompt": line} if line else {}), "rank": found.rank, "text": found.text}
    row |= {"log_prob": found.hypothesis.log_prob, "score": found.hypothesis.score}
    if found.utility is not None:
        row["utility"] = found.utility
    row |= {"tokens": generator.spell(found.hypothesis.tokens), "ended": found.hypothesis.ended}
    return row if found.hypothesis.complete else row | {"complete": False}


def steps(generator: Generator, number: int, line: str, trace: Trace, found: Sequence[Found]) -> str:
    """The steps of one search: what became of each candidate, its log-probability, that of its last token, and its tokens."""
    parts = [f"line {number}: {line}\n" if line else f"line {number}, from nothing\n"]
    for step, nodes in enumerate(trace.steps(), 1):
        parts.append(f"step {step}\n")
        for each in nodes:
            node = trace.nodes[each]
            parts.append(f"  {node.fate:<8}{node.log_prob:>9.3f}{node.gain:>9.3f}  {hypothesis(generator, trace.tokens(each))}\n")
    parts += [f"rank {each.rank}, score {each.hypothesis.score:.4f}: {one_line(each.text)}\n" for each in found]
    return "".join(parts) + "\n"


def hypothesis(generator: Generator, tokens: Sequence[int]) -> str:
    """The last tokens of a hypothesis, side by side."""
    return "… " * (len(tokens) > LAST) + " ".join(map(seen, generator.spell(tokens[-LAST:])))


def one_line(text: str) -> str:
    r"""A text on one line.

    >>> one_line("a\nb")
    'a⏎b'
    """
    return text.replace("\n", "⏎").replace("\t", "⇥").replace("\r", "␍")


@dataclass(frozen=True, slots=True)
class Case:
    """A line, what was written, what is right, and whose error it is."""

    line: int
    prompt: str
    text: str
    reference: str
    judgement: Judgement


def case_objects(cases: Sequence[Case]) -> str:
    """Cases as JSON objects."""
    parts = []
    for case in cases:
        judgement = case.judgement
        row = {
            "line": case.line,
            **({"prompt": case.prompt} if case.prompt else {}),
            "verdict": judgement.verdict,
            "text": case.text,
            "reference": case.reference,
            "log_prob": finite(judgement.hypothesis),
            "reference_log_prob": finite(judgement.reference),
            "score": finite(judgement.hypothesis_score),
            "reference_score": finite(judgement.reference_score),
        }
        parts.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(parts)


def finite(number: float) -> float | None:
    """A number as JSON knows them: what is impossible has none."""
    return number if math.isfinite(number) else None


class Blame:
    """Counts whose the errors are, and keeps of each kind the lines where the two scores are furthest apart."""

    def __init__(self) -> None:
        from seqcli.decode.errors import VERDICTS

        self.counts = dict.fromkeys(VERDICTS, 0)
        self.examples: dict[str, list[Case]] = {verdict: [] for verdict in VERDICTS[1:]}

    def add(self, cases: Sequence[Case]) -> None:
        """More lines."""
        for case in cases:
            self.counts[case.judgement.verdict] += 1
        for verdict, kept in self.examples.items():
            every = [*kept, *(case for case in cases if case.judgement.verdict == verdict)]
            self.examples[verdict] = sorted(every, key=gap, reverse=True)[:EXAMPLES]

    def __str__(self) -> str:
        lines = sum(self.counts.values())
        parts = [f"{lines:>8}          line{'s' * (lines != 1)}\n"]
        for verdict, count in self.counts.items():
            parts.append(f"{count:>8}  {100 * count / max(lines, 1):>5.1f} %  {SAID[verdict]}\n")
        return "".join([*parts, *(example(case) for kept in self.examples.values() for case in kept)])


def gap(case: Case) -> float:
    """How far apart the scores of hypothesis and reference are."""
    return abs(case.judgement.reference_score - case.judgement.hypothesis_score)


def example(case: Case) -> str:
    """One case: score and log-probability of both texts."""
    judgement = case.judgement
    rows = [f"\nline {case.line}, {judgement.verdict} error" + (f": {one_line(case.prompt)}" if case.prompt else "") + "\n"]
    for who, score, log_prob, text in (
        ("found", judgement.hypothesis_score, judgement.hypothesis, case.text),
        ("reference", judgement.reference_score, judgement.reference, case.reference),
    ):
        rows.append(f"  {who:<10}{score:>9.4f}{log_prob:>11.3f}  {one_line(text)}\n")
    return "".join(rows)
