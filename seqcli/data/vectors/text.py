"""Word vectors as text: a word and its numbers on each line; word2vec's files begin with a line that says how many of both.

Fields are separated by blanks, or by tabs where the first row has one. A word may hold blanks: the numbers are the last fields.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path

import numpy as np

from seqcli.data.blocks import check_readable, name_of, open_input, refuse_binary
from seqcli.data.examples import IntArray
from seqcli.data.vectors.numbers import MARGIN, NUMBER, NotNumber, parsed
from seqcli.data.vectors.rows import Rows
from seqcli.errors import Failure
from seqcli.workers import keep_memory

BLOCK = 200_000  # bytes of text at a time, about: its arrays stay in the processor's cache
EDGE = b" " * MARGIN
END = ord("\n")


def read(path: Path, header: bool) -> Rows:
    """The rows of a text file; what its header says must be true.

    Raises:
        Failure: a row is short or long, holds what is no number, or the header does not fit; names the line.
    """
    keep_memory()
    check_readable(path)
    with open_input(path) as stream:
        rows = Rows(name_of(path))
        lines = stream.readlines(BLOCK)
        refuse_binary(b"".join(lines[:1]), rows.name)
        if not lines:
            raise Failure(f"{rows.name} is empty")
        lines[0] = lines[0].removeprefix(BOM_UTF8)
        said = read_header(lines.pop(0), rows.name) if header else None
        lines = lines or stream.readlines(BLOCK)
        line = lines[0] if lines else b""
        separator = b"\t" if b"\t" in line else b" "
        width = said[1] if said else numbers_in(line, separator)
        if not width:
            raise Failure(f"{rows.name}, line 1: a word without numbers")
        number = 2 if header else 1
        while lines:
            add(rows, b"".join(lines), number, separator, width)
            number += len(lines)
            lines = stream.readlines(BLOCK)
    rows.check_count(said[0] if said else None)
    return rows


def read_header(line: bytes, name: str) -> tuple[int, int]:
    """How many words, and numbers of each. Raises Failure."""
    fields = line.split()
    if len(fields) != 2 or not all(each.isdigit() for each in fields) or int(fields[1]) == 0:
        said = line[:40].rstrip(b"\r\n").decode("utf-8", "replace")
        raise Failure(f"{name}, line 1: not a header of word2vec: {said!r}", hint="two numbers: words, numbers of each; or try glove")
    return int(fields[0]), int(fields[1])


def numbers_in(line: bytes, separator: bytes) -> int:
    """How many numbers follow the word, which may hold blanks."""
    fields = [each for each in line.rstrip(b"\r\n").split(separator) if each]
    word = next((i for i, each in enumerate(fields) if i and NUMBER.fullmatch(each)), len(fields))
    return len(fields) - word


def add(rows: Rows, text: bytes, first_line: int, separator: bytes, width: int) -> None:
    """Take some whole lines."""
    text = text if b"\r" not in text else text.replace(b"\r\n", b"\n")
    data = b"%b%b%b%b" % (EDGE, text, b"" if text.endswith(b"\n") else b"\n", EDGE)
    starts, ends, counts = cut(data, ord(separator))
    lines = first_line + np.flatnonzero(counts)
    counts = counts[counts > 0]
    last = np.cumsum(counts)
    if len(starts) == len(counts) * (width + 1) and (counts == width + 1).all():
        places = np.arange(len(starts)).reshape(-1, width + 1)[:, 1:]
    else:
        check(rows.name, lines, [data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)], counts, width)
        places = last[:, None] + np.arange(-width, 0)
    begins, stops = starts[last - counts], ends[last - width - 1]
    places = places.ravel()
    starts, ends = starts[places], ends[places]
    try:
        found = parsed(data, starts, ends)
        strange = np.flatnonzero(~np.isfinite(found))
        if len(strange):
            place = int(strange[0])
            raise NotNumber(place, data[starts[place] : ends[place]])
    except NotNumber as wrong:
        row, column = divmod(wrong.place, width)
        said = wrong.text[:40].decode("utf-8", "replace")
        raise Failure(f"{rows.name}, line {lines[row]}: {said!r} is no finite number (the {column + 1}. of {width})") from None
    rows.words.extend([data[a:b] for a, b in zip(begins.tolist(), stops.tolist(), strict=True)])
    rows.lines.extend(lines.tolist())
    rows.parts.append(found.reshape(-1, width))


def cut(data: bytes, separator: int) -> tuple[IntArray, IntArray, IntArray]:
    """Where the fields begin and end, (N,) each, and how many each line has."""
    letters = np.frombuffer(data, np.uint8)[: len(data) - MARGIN]
    marks = np.flatnonzero((letters == separator) | (letters == END))
    marks = marks[np.searchsorted(marks, MARGIN) :]
    starts = np.empty_like(marks)
    starts[0], starts[1:] = MARGIN, marks[:-1] + 1
    line_ends = np.flatnonzero(letters[marks] == END)
    full = marks > starts
    if full.all():
        return starts, marks, np.diff(line_ends, prepend=-1)
    return starts[full], marks[full], np.diff(np.cumsum(full)[line_ends], prepend=0)


def check(name: str, lines: IntArray, fields: list[bytes], counts: IntArray, width: int) -> None:
    """Raises Failure: a line has too few numbers, or too many."""
    last = np.cumsum(counts).tolist()
    for line, end, count in zip(lines.tolist(), last, counts.tolist(), strict=True):
        if count <= width or (count > width + 1 and NUMBER.fullmatch(fields[end - count + 1])):
            raise Failure(f"{name}, line {line}: {count - 1} numbers, expected {width}")
