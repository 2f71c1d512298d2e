"""Word vectors in word2vec's binary format: a header, then each word, a blank and its numbers as bytes, perhaps a line end."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from seqcli.data.blocks import check_readable, name_of, open_input
from seqcli.data.vectors.rows import Rows
from seqcli.data.vectors.text import read_header
from seqcli.errors import Failure

BLOCK = 1 << 22  # bytes read at once
FASTTEXT = b"\xba\x16O/"  # how fastText's own files begin
CONTROL = set(range(32)) - set(b"\t\n\v\f\r")  # bytes that are not in text
LONGEST = 1 << 16  # bytes of a word; more without a blank is no word


def read(path: Path) -> Rows:
    """The rows of a binary file.

    Raises:
        Failure: the header does not fit, the file is cut off, or a number is not finite; names the word.
    """
    check_readable(path)
    with open_input(path) as stream:
        rows = Rows(name_of(path), unit="word")
        if stream.peek(4).startswith(FASTTEXT):  # type: ignore[attr-defined]
            raise Failure(f"{rows.name} is a model in fastText's own format", hint="import its .vec file, which is text")
        count, width = read_header(stream.readline(LONGEST), rows.name)
        left = b""
        while len(rows.words) < count:
            more = stream.read(BLOCK)
            left = add(rows, left + more, count, width)
            if not more:
                break
        rows.check_count(count)
        if (left + stream.read(1)).strip():
            raise Failure(f"{rows.name}: data after the last of {count} words", hint="correct the header")
    return rows


def add(rows: Rows, data: bytes, count: int, width: int) -> bytes:
    """Take the whole rows at the beginning; what is left of the data."""
    at, size = 0, 4 * width
    numbers = []
    first = len(rows.words)
    while len(rows.words) < count:
        blank = data.find(b" ", at)
        if blank < 0 or blank + 1 + size > len(data):
            if blank - at > LONGEST or (blank < 0 and len(data) - at > LONGEST):
                raise Failure(f"{rows.name}, word {len(rows.words) + 1}: no blank ends it", hint="is it word2vec's binary format?")
            break
        rows.words.append(data[at:blank].lstrip(b"\n"))
        at = blank + 1 + size
        numbers.append(data[blank + 1 : at])
    if numbers:
        part = np.frombuffer(b"".join(numbers), "<f4").reshape(-1, width)
        strange = np.flatnonzero(~np.isfinite(part).all(axis=1))
        if len(strange):
            row = first + int(strange[0])
            word = rows.words[row].decode("utf-8", "replace")
            raise Failure(f"{rows.name}, word {row + 1} ({word!r}): a number that is not finite")
        rows.lines.extend(range(first + 1, len(rows.words) + 1))
        rows.parts.append(part)
    return data[at:]


def looks_binary(stream: BinaryIO) -> bool:
    """Whether what follows the header is words and bytes rather than words and digits."""
    data = stream.read(1 << 12)
    first = data.partition(b" ")[2][:4]
    return bool(set(data) & CONTROL) or any(byte >= 128 for byte in first)
