r"""One column of a file, a block of lines at a time.

A file is all answers, one a line, or has columns with a tab between; `--column` then says which, by its number from 1
or by its name in the first line (which is then a heading and no answer).

>>> pick("text\tlabel", "label", "dev.tsv"), pick("text\tlabel", "2", "dev.tsv"), pick("pos", "2", "out.txt")
((1, True), (1, False), (None, False))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from seqcli.data.blocks import blocks, name_of
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.metrics.corpus import Part

NO_COLUMN = ("", "upos")  # the latter: what the option says unless it is used


def read(path: Path, column: str, errors: str = "strict") -> Iterator[Part]:
    """The answers of a file (`-` is standard input), blank lines included.

    A file without lines and a line that lacks the column raise Failure, a column that there is not UsageFailure.
    """
    name = name_of(path)
    at: int | None = None
    started = False
    for block in blocks([path]):
        lines, first_line = block.lines(errors), block.first_line
        if lines and not started:
            started = True
            at, heading = pick(lines[0], column, name)
            lines, first_line = lines[heading:], first_line + heading
        if lines:
            yield Part(lines if at is None else cut(lines, at, name, first_line), name, first_line)
    if not started:
        raise Failure(f"{name} is empty")


def pick(first: str, column: str, name: str) -> tuple[int | None, bool]:
    """Where the answers stand in lines like the first, and whether that one is a heading; None: they are the whole line."""
    names = first.split("\t")
    if column in NO_COLUMN:
        return None, False
    if column.isdecimal():
        if len(names) > 1 and not 1 <= int(column) <= len(names):
            raise UsageFailure(f"--column {column}: {name} has {len(names)} columns")
        return (int(column) - 1 if len(names) > 1 else None), False
    if column in names:
        return (names.index(column) if len(names) > 1 else None), True
    if len(names) == 1:
        return None, False
    raise UsageFailure(f"--column {column}: no such column in the first line of {name}", hint=nearest(column, names))


def cut(lines: Sequence[str], at: int, name: str, first_line: int) -> list[str]:
    """One column; a blank line stays blank."""
    found: list[str] = []
    for number, line in enumerate(lines, first_line):
        fields = line.split("\t", at + 1)
        if line and len(fields) <= at:
            raise Failure(f"{name}, line {number}: no column {at + 1}", hint="the columns have a tab between them")
        found.append(fields[at] if line else "")
    return found
