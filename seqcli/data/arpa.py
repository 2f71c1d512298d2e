r"""ARPA files: n-gram models as text, as SRILM, KenLM and others exchange them.

    \data\
    ngram 1=4
    ngram 2=2

    \1-grams:
    -99 <s> -0.30103              log10 P, the n-gram, and where it is a context its log10 back-off weight
    …
    \end\

Numbers are float32, written with as many digits as tell them apart, so that a file read and written again says the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from seqcli.data.blocks import blocks, name_of
from seqcli.data.examples import AnyArray, FloatArray
from seqcli.errors import Failure

SEVERAL = 1 << 16  # lines made or read at a time
HEADING = re.compile(r"\\(\d+)-grams:")
PROMISE = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")
DATA, END = "\\data\\", "\\end\\"


@dataclass(frozen=True, eq=False)
class Section:
    """The R n-grams of one order, as they stand in the file."""

    words: AnyArray  # (R, order) int32, numbers of the unigrams
    log_probs: FloatArray  # (R,) float32, base 10
    backoffs: FloatArray  # (R,) float32, base 10; 0 where there is none
    first_lines: Sequence[tuple[int, int]] = ()  # (row, line of the file) where stretches of rows begin

    def line(self, row: int) -> int:
        """The line of the file that a row stands in."""
        first, line = max(start for start in self.first_lines if start[0] <= row)
        return line + row - first


def write(names: Sequence[str], sections: Sequence[Section]) -> Iterator[str]:
    """The text of a file, part by part; `names` are those of the unigrams. A weight of 0 is left out."""
    yield DATA + "\n" + "".join(f"ngram {order}={len(each.words)}\n" for order, each in enumerate(sections, start=1))
    spelled = np.array(names, dtype=object)
    for order, section in enumerate(sections, start=1):
        yield f"\n\\{order}-grams:\n"
        for first in range(0, len(section.words), SEVERAL):
            part = slice(first, first + SEVERAL)
            grams = [" ".join(row) for row in spelled[section.words[part]].tolist()]
            weights = ["" if weight == "0" else "\t" + weight for weight in digits(section.backoffs[part])]
            rows = zip(digits(section.log_probs[part]), grams, weights, strict=True)
            yield "".join([f"{log_prob}\t{gram}{weight}\n" for log_prob, gram, weight in rows])
    yield f"\n{END}\n"


def digits(numbers: FloatArray) -> list[str]:
    """float32 as text, shortest form.

    >>> digits(np.array([-0.30103, -99, -0.0, 0.1], np.float32))
    ['-0.30103', '-99', '0', '0.1']
    """
    found: list[str] = (numbers + np.float32(0)).astype(np.float32).astype("U").tolist()
    return [each.removesuffix(".0") for each in found]


@dataclass
class Place:
    """Where a reader is, for its messages."""

    name: str
    line: int = 0

    def fail(self, message: str, hint: str = "", line: int | None = None) -> NoReturn:
        """Raises Failure with the line."""
        raise Failure(f"{self.name}, line {self.line if line is None else line}: {message}", hint=hint)


def read(path: Path, errors: str = "strict") -> tuple[list[str], list[Section]]:
    """The names of the unigrams, in the order of the file, and the sections.

    Raises:
        Failure: the file cannot be read, is cut off, or is no ARPA file; names the line.
    """
    place = Place(name_of(path))
    promised: dict[int, int] = {}
    index: dict[str, int] = {}
    parts: dict[int, list[Section]] = {}
    order, begun, ended = 0, False, False
    for block in blocks([path]):
        lines = block.lines(errors)
        at = 0
        while at < len(lines) and not ended:
            line, place.line = lines[at].strip(), block.first_line + at
            if order and line and not line.startswith("\\"):
                last = next((i for i in range(at, len(lines)) if not lines[i] or lines[i][0] in "\\ \t\r"), len(lines))
                last = min(max(last, at + 1), at + SEVERAL)
                parts[order].append(grams(lines[at:last], order, index, place))
                at = last
                continue
            at += 1
            begun |= line == DATA
            if not begun or not line or line == DATA:
                continue
            ended = line == END
            heading, promise = HEADING.fullmatch(line), PROMISE.fullmatch(line)
            if heading:
                order = next_order(int(heading[1]), order, promised, place)
                parts[order] = []
            elif promise and not order:
                promised[int(promise[1])] = int(promise[2])
            elif not ended:
                place.fail(f"{line[:40]!r} is neither a count nor a heading", hint=r"an ARPA file has \data\, \1-grams: … \end\ ")
    if not begun:
        raise Failure(f"{place.name} is not an ARPA file: there is no line {DATA}")
    if not ended:
        raise Failure(f"{place.name} is cut off: there is no line {END}")
    return list(index), whole(parts, promised, place)


def next_order(order: int, before: int, promised: dict[int, int], place: Place) -> int:
    """The order of a section that begins."""
    if order != before + 1 or order not in promised:
        place.fail(
            f"{order}-grams where {before + 1}-grams were to come" if order != before + 1 else f"no count of {order}-grams was given"
        )
    return order


def whole(parts: dict[int, list[Section]], promised: dict[int, int], place: Place) -> list[Section]:
    """The sections, with as many n-grams as were promised."""
    if not promised or sorted(promised) != list(range(1, len(promised) + 1)):
        raise Failure(f"{place.name}: the counts under {DATA} are not those of 1-grams, 2-grams …")
    found = []
    for order, count in promised.items():
        several = parts.get(order, [])
        rows = sum(len(each.words) for each in several)
        if rows != count:
            raise Failure(f"{place.name}: {count} {order}-grams are promised, and there are {rows}", hint="is the file complete?")
        if not several:
            found.append(Section(np.zeros((0, order), np.int32), np.zeros(0, np.float32), np.zeros(0, np.float32)))
            continue
        starts = np.cumsum([0, *(len(each.words) for each in several)]).tolist()
        lines = [(start, each.first_lines[0][1]) for start, each in zip(starts, several, strict=False)]
        words = np.concatenate([each.words for each in several])
        log_probs = np.concatenate([each.log_probs for each in several])
        found.append(Section(words, log_probs, np.concatenate([each.backoffs for each in several]), lines))
    return found


def grams(lines: Sequence[str], order: int, index: dict[str, int], place: Place) -> Section:
    """N-grams from their lines, of which `place` is the first; unigrams are added to the index."""
    rows = [split(line) for line in lines]
    first = place.line
    for at, row in enumerate(rows):
        if not order < len(row) <= order + 2:
            place.fail(f"expected log10 P, {order} words and perhaps a back-off weight", line=first + at)
    if order == 1:
        for at, row in enumerate(rows):
            if row[1] in index:
                place.fail(f"the unigram {row[1]!r} is there already", line=first + at)
            index[row[1]] = len(index)
    try:
        words = np.array([[index[word] for word in row[1 : order + 1]] for row in rows], np.int32)
        log_probs = np.array([float(row[0]) for row in rows]).astype(np.float32)
        backoffs = np.array([float(row[-1]) if len(row) > order + 1 else 0.0 for row in rows]).astype(np.float32)
    except (KeyError, ValueError):
        blame(rows, order, index, place)
    wrong = np.flatnonzero(~(log_probs <= 0) | np.isnan(backoffs) | (backoffs == np.inf))
    if len(wrong):
        number = rows[wrong[0]][0] if not log_probs[wrong[0]] <= 0 else rows[wrong[0]][-1]
        place.fail(
            f"{number} is no log10 of a {'probability' if number == rows[wrong[0]][0] else 'weight'}", line=first + int(wrong[0])
        )
    return Section(words, log_probs, backoffs, [(0, first)])


def split(line: str) -> list[str]:
    """Fields, which tabs or blanks separate; other white space is part of words."""
    fields = line.rstrip("\r").replace("\t", " ").split(" ")
    return [field for field in fields if field] if "" in fields else fields


def blame(rows: Sequence[Sequence[str]], order: int, index: dict[str, int], place: Place) -> NoReturn:
    """Raises Failure: names the line that holds no number where one has to be, or a word that is no unigram."""
    for at, row in enumerate(rows):
        for number in (row[0], *row[order + 1 :]):
            try:
                float(number)
            except ValueError:
                place.fail(f"{number!r} is not a number", line=place.line + at)
        for word in row[1 : order + 1]:
            if word not in index:
                place.fail(f"{word!r} is not among the unigrams", line=place.line + at)
    raise AssertionError("nothing is wrong")
