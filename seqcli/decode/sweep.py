"""What the width of the beam brings: scores, log-probability and time, width by width."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from seqcli.decode.generate import Plan, Writer
from seqcli.errors import Failure, UsageFailure

if TYPE_CHECKING:
    from seqcli.decode.generate import Found, Generator

METRICS = ("bleu", "chrf")


@dataclass(frozen=True, slots=True)
class Point:
    """One width."""

    width: int
    seconds: float
    log_prob: float  # mean over the lines
    score: float  # mean of what texts are ranked by
    tokens: float  # mean length
    bleu: float | None = None  # in percent, where there are references
    chrf: float | None = None
    search_errors: float | None = None  # share of lines, from 0 to 1


def widths(text: str) -> list[int]:
    """The widths of `1,2,4`, each once, in order.

    Raises:
        UsageFailure: what is no width.
    """
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UsageFailure(f"--sweep {text}: widths are numbers with commas between, as 1,2,4,8") from None
    if found[0] < 1:
        raise UsageFailure(f"--sweep {text}: a beam holds 1 hypothesis at least")
    return found


def sweep(
    generator: Generator, plan: Plan, lines: Sequence[str], references: Sequence[str] | None, wanted: Sequence[int], truncate: bool
) -> Iterator[Point]:
    """Search all lines with each width in turn.

    Raises:
        Failure: there are no lines.
    """
    if not lines:
        raise Failure("there is nothing to search", hint="a prompt a line; an empty line asks for a text from nothing")
    for settings in [replace(plan.settings, beam=width).check() for width in wanted]:
        writer = Writer(generator, replace(plan, settings=settings), truncate)
        start, found = time.perf_counter(), []
        for batch in writer.batches(lines):
            found += [each[0] for each in writer(batch)]
        seconds = time.perf_counter() - start
        hypotheses = [each.hypothesis for each in found]
        log_prob, score, tokens = (
            sum(values) / len(found)
            for values in zip(*((each.log_prob, each.score, float(len(each.tokens))) for each in hypotheses), strict=True)
        )
        point = Point(settings.beam, seconds, log_prob, score, tokens)
        if references is not None:
            texts = [each.text for each in found]
            bleu, chrf = scores(texts, references)
            point = replace(
                point, bleu=bleu, chrf=chrf, search_errors=search_errors(writer, lines, [[each] for each in found], references)
            )
        yield point


def scores(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """BLEU and chrF of all lines."""
    from seqcli.metrics.text.metric import Lines
    from seqcli.metrics.text.registry import make

    mine, theirs = Lines(texts), Lines(references)
    return [float(metric.score(metric.statistics(mine, [theirs]).sum(axis=0))) for metric in make(METRICS, {})]


def search_errors(writer: Writer, lines: Sequence[str], found: Sequence[Sequence[Found]], references: Sequence[str]) -> float:
    """The share of lines in which the model prefers the reference."""
    from seqcli.decode.errors import shares

    judgements = []
    writer.line = 0
    for start in range(0, len(lines), writer.batch):
        part = slice(start, start + writer.batch)
        writer.line += len(lines[part])
        judgements += writer.judge(lines[part], found[part], references[part])
    return shares(judgements)["search"]


def rows_of(points: Sequence[Point]) -> str:
    """Points as JSON objects."""
    return "".join(json.dumps({name: each for name, each in asdict(point).items() if each is not None}) + "\n" for point in points)


def columns(points: Sequence[Point]) -> list[tuple[str, list[str]]]:
    """The table by columns: heading, and a cell a point."""
    found = [("beam", [str(point.width) for point in points])]
    if points and points[0].bleu is not None:
        found += [
            ("BLEU", [f"{point.bleu:.2f}" for point in points]),
            ("chrF", [f"{point.chrf:.2f}" for point in points]),
            ("search errors", [f"{100 * (point.search_errors or 0.0):.1f} %" for point in points]),
        ]
    return [
        *found,
        ("log P", [f"{point.log_prob:.3f}" for point in points]),
        ("score", [f"{point.score:.4f}" for point in points]),
        ("tokens", [f"{point.tokens:.1f}" for point in points]),
        ("seconds", [f"{point.seconds:.2f}" for point in points]),
    ]


def table(points: Sequence[Point]) -> str:
    """A row a width; log P, score and tokens are means over the lines."""
    cells = [[head, *rows] for head, rows in columns(points)]
    sizes = [max(map(len, column)) for column in cells]
    return "".join(
        "  ".join(cell.rjust(size) for cell, size in zip(row, sizes, strict=True)) + "\n" for row in zip(*cells, strict=True)
    )
