"""Scores as people and programs read them: aligned text, or one JSON object a system and metric.

>>> print(as_json(Score("a.tsv", "accuracy", 95.068, "upos|gold words", low=94.7, high=95.41, counts={"n": 500})))
... # doctest: +NORMALIZE_WHITESPACE
{"system": "a.tsv", "name": "accuracy", "score": 95.068, "low": 94.7, "high": 95.41, "n": 500,
 "signature": "upos|gold words"}
>>> print(align([["tag", "F1"], ["NOUN", "95.00"], ["X", "8.00"]], left=(0,)))
tag      F1
NOUN  95.00
X      8.00
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqcli.errors import Failure

NONE = "–"
COUNTS = ("precision", "recall", "correct", "n", "gold", "predicted", "tags", "verbose_score")  # columns of a headline, where present
HEADINGS = {"n": "of", "verbose_score": ""}


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one system."""

    system: str
    name: str
    score: float  # percent; nan where there is nothing to score
    signature: str  # all that another needs to compute the same number
    low: float = math.nan  # ends of the 95 % interval; nan where there is none
    high: float = math.nan
    counts: dict[str, Any] = field(default_factory=dict)  # what the metric was computed from
    p_value: float = math.nan  # of the difference from the first system; nan where there was no test
    percent: bool = True  # printed with two decimals; else with four digits


@dataclass(frozen=True, slots=True)
class Table:
    """Details for the reader of a text report; the first row holds the headings."""

    title: str
    rows: list[list[str]]
    left: tuple[int, ...] = (0,)  # columns of words; the others hold numbers and are set right


@dataclass(frozen=True, slots=True)
class Segment:
    """The score of one sentence, or of the least stretch of text that both files have whole."""

    score: float
    counts: dict[str, int]
    line: int  # where it begins in the reference
    text: str
    percent: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that is said of one system."""

    system: str
    about: str  # one line: what was compared with what
    headline: list[Score]  # the number that matters most first
    details: list[Score]
    tables: list[Table]  # the details once more, for people
    segments: Iterable[Segment]
    footnotes: list[Table] = field(default_factory=list)  # tables for all systems, told once
    notes: list[str] = field(default_factory=list)  # what the reader should know before trusting the scores


def brief(evaluations: Iterable[Evaluation], width: int = 2) -> Iterator[str]:
    """The first score of each system and nothing else."""
    for evaluation in evaluations:
        scores = [*evaluation.headline, *evaluation.details]
        if not scores:
            raise Failure(f"{evaluation.system}: nothing to print as one number", hint="ask for another --metric")
        yield number(scores[0].score, scores[0].percent, width)


def json_lines(evaluations: Iterable[Evaluation]) -> Iterator[str]:
    """All scores, one object a system and metric."""
    for evaluation in evaluations:
        yield from map(as_json, [*evaluation.headline, *evaluation.details])


def by_line(evaluations: Sequence[Evaluation], as_objects: bool, width: int = 2) -> Iterator[str]:
    """Every segment: its score, counts, line in the reference and text; with several systems, the system first."""
    for evaluation in evaluations:
        for segment in evaluation.segments:
            if as_objects:
                place = {"line": segment.line, "text": segment.text}
                yield dump({"system": evaluation.system, "score": rounded(segment.score), **segment.counts, **place})
            else:
                row = [
                    number(segment.score, segment.percent, width),
                    *map(str, segment.counts.values()),
                    str(segment.line),
                    segment.text,
                ]
                yield "\t".join(row if len(evaluations) == 1 else [evaluation.system, *row])


def text(evaluations: Sequence[Evaluation], details: bool, width: int = 2) -> Iterator[str]:
    """A report: several systems side by side; in full where there is one, `details` are wanted, or there is nothing else."""
    compared = len(evaluations) > 1 and bool(evaluations[0].headline)
    if compared:
        yield from side_by_side(evaluations, width)
    if details or not compared:
        for position, evaluation in enumerate(evaluations):
            if position or compared:
                yield ""
            yield evaluation.about
            yield from headline(evaluation.headline, width)
            for table in evaluation.tables:
                yield ""
                yield from show(table)
    for table in evaluations[0].footnotes if evaluations else ():
        yield ""
        yield from show(table)


def show(table: Table) -> Iterator[str]:
    """A table under its title."""
    if table.title:
        yield table.title
    yield align(table.rows, table.left)


def headline(scores: Sequence[Score], width: int = 2) -> Iterator[str]:
    """One row a metric."""
    if not scores:
        return
    keys = [key for key in COUNTS if any(score.counts.get(key) for score in scores)]
    sure = not all(math.isnan(score.low) for score in scores)
    rows = [["metric", "score", *["95 % interval"] * sure, *(HEADINGS.get(key, key) for key in keys)]]
    for score in scores:
        ends = [interval(score, width)] * sure
        rows.append([score.name, number(score.score, score.percent, width), *ends, *(cell(score.counts.get(key)) for key in keys)])
    yield ""
    yield align(rows, (0, rows[0].index("")) if "" in rows[0] else (0,))


def cell(value: object) -> str:
    """A count as it is, a share with two decimals, nothing as nothing."""
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def side_by_side(evaluations: Sequence[Evaluation], width: int = 2) -> Iterator[str]:
    """One row a system; a headline metric has a column, and others for its intervals and p-values where there are any."""
    columns = [["system", *(evaluation.system for evaluation in evaluations)]]
    for scores in zip(*(evaluation.headline for evaluation in evaluations), strict=True):
        columns.append([scores[0].name, *(number(score.score, score.percent, width) for score in scores)])
        if not all(math.isnan(score.low) for score in scores):
            columns.append(["95 % interval", *(interval(score, width) for score in scores)])
        if not all(math.isnan(score.p_value) for score in scores):
            columns.append(["p", *("" if math.isnan(score.p_value) else f"{score.p_value:.4f}" for score in scores)])
            columns.append(["", *(stars(score.p_value) for score in scores)])
    yield align(list(zip(*columns, strict=True)), [0, *(i for i, column in enumerate(columns) if not column[0])])


def stars(p_value: float) -> str:
    """The usual marks of significance.

    >>> stars(0.0009), stars(0.03), stars(0.05), stars(math.nan)
    ('***', '*', '', '')
    """
    return "*" * sum(p_value < level for level in (0.05, 0.01, 0.001))


def interval(score: Score, width: int = 2) -> str:
    """The two ends, `94.71–95.41`."""
    ends = (number(end, score.percent, width) for end in (score.low, score.high))
    return NONE if math.isnan(score.low) else "–".join(ends)


def number(value: float, percent: bool = True, width: int = 2) -> str:
    """A percentage with `width` decimals, anything else with two digits more; a dash for what is not defined."""
    return NONE if math.isnan(value) else f"{value:.{width}f}" if percent else f"{value:.{width + 2}g}"


def rounded(value: float) -> float | None:
    """Ten digits, and None (JSON's null) for nan."""
    return None if math.isnan(value) else float(f"{value:.10g}")


def as_json(score: Score) -> str:
    """One line of JSON."""
    ends = {} if math.isnan(score.low) else {"low": rounded(score.low), "high": rounded(score.high)}
    head = {"system": score.system, "name": score.name, "score": rounded(score.score)}
    test = {} if math.isnan(score.p_value) else {"p_value": rounded(score.p_value)}
    return dump({**head, **ends, **test, **score.counts, "signature": score.signature})


def dump(record: dict[str, Any]) -> str:
    """JSON with letters left as they are."""
    import json

    return json.dumps(record, ensure_ascii=False)


def align(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Columns two spaces apart; those in `left` begin, the others end at the same place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)
