"""CoNLL-U: ten tab-separated columns a word, a blank line after each sentence.

A sentence keeps its lines as they were read, so that writing it back with new tags keeps every column and comment, every
multi-word token (`3-4`) and empty node (`8.1`). Format: https://universaldependencies.org/format.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from seqcli.data.examples import Batch, Tagging
from seqcli.data.fields import beside
from seqcli.errors import Failure

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
COLUMN = {name: index for index, name in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as it stands in the file."""

    lines: tuple[str, ...]  # comments and rows, as read
    words: tuple[int, ...]  # index in `lines` of each syntactic word
    ranges: tuple[tuple[int, int, int], ...]  # multi-word tokens: index in `lines`, first and last word (from 0)
    first_line: int = 1  # line number of the first line in its file

    def column(self, name: str) -> list[str]:
        """A column of the syntactic words: `form`, `upos`, `xpos`, `feats`, `misc` …"""
        index = COLUMN[name]
        return [self.lines[row].split("\t")[index] for row in self.words]

    def comment(self, key: str) -> str | None:
        """The value of a `# key = value` comment."""
        head = f"# {key} ="
        return next((line[len(head) :].strip() for line in self.lines if line.startswith(head)), None)


def read(lines: Iterable[str], name: str = "<input>", first_line: int = 1) -> Iterator[Sentence]:
    """Sentences, lazily.

    Raises:
        Failure: a row without ten columns, an id that is out of order or not a number, an empty form; names file and line.
    """
    pending: list[str] = []
    start = first_line
    for number, line in enumerate(lines, first_line):
        if line:
            if not pending:
                start = number
            pending.append(line)
        elif pending:
            yield parse(pending, name, start)
            pending = []
    if pending:
        yield parse(pending, name, start)


def parse(  # noqa: C901  (one branch a kind of row)
    lines: Sequence[str], name: str = "<input>", first_line: int = 1
) -> Sentence:
    """One sentence from its lines; raises Failure as `read` does."""
    words: list[int] = []
    ranges: list[tuple[int, int, int]] = []
    for index, line in enumerate(lines):
        if line.startswith("#"):
            continue
        head, *rest = line.split("\t")
        if len(rest) != len(COLUMNS) - 1:
            found = f"{len(rest) + 1} column{'s' * bool(rest)}"
            raise broken(name, first_line + index, f"expected 10 tab-separated columns, found {found}")
        if head.isdecimal():
            if int(head) != len(words) + 1:
                raise broken(name, first_line + index, f"expected word {len(words) + 1}, found {head}")
            if not rest[0]:
                raise broken(name, first_line + index, "the form (column 2) is empty")
            words.append(index)
        elif "-" in head:
            first, _, last = head.partition("-")
            inside = bool(ranges) and ranges[-1][2] >= len(words)
            if inside or not (first.isdecimal() and last.isdecimal() and int(first) == len(words) + 1 <= int(last)):
                raise broken(name, first_line + index, f"bad word range {head!r}")
            ranges.append((index, int(first) - 1, int(last) - 1))
        elif not head.replace(".", "", 1).isdecimal():
            raise broken(name, first_line + index, f"bad word id {head!r}")
    if ranges and ranges[-1][2] >= len(words):
        raise broken(name, first_line + ranges[-1][0], "a word range reaches past the sentence")
    return Sentence(tuple(lines), tuple(words), tuple(ranges), first_line)


def broken(name: str, line: int, what: str) -> Failure:
    """The error that names file and line."""
    return Failure(f"{name}, line {line}: {what}", hint="is it CoNLL-U?")


def batch(sentences: Sequence[Sentence], column: str = "") -> Batch:
    """Sentences as one batch, with the gold tags of `column` where one is named; a sentence of comments only is blank."""
    forms = [sentence.column("form") for sentence in sentences]
    sizes = np.array([len(words) for words in forms], dtype=np.int64)
    return Batch(
        tokens=list(chain.from_iterable(forms)),
        lengths=sizes[sizes > 0],
        sentences=(sizes > 0).astype(np.int64),
        records=sentences,
        tags=list(chain.from_iterable(s.column(column) for s in sentences)) if column else [],
    )


def annotated(batch: Batch) -> bool:
    """Whether a batch comes from CoNLL-U and so has all columns."""
    return all(isinstance(record, Sentence) for record in batch.records)


def column(batch: Batch, name: str) -> list[str]:
    """A column of the words of a batch from CoNLL-U."""
    return list(chain.from_iterable(record.column(name) for record in batch.records))


def retag(sentences: Sequence[Sentence], columns: Mapping[str, Tagging]) -> str:
    """The sentences as text again, all as it was but for some columns (and `Prob=` in MISC where posteriors were asked for)."""
    best = confidence(columns)
    written = {COLUMN[name]: found.tags() for name, found in columns.items()}
    out: list[str] = []
    position = 0
    for sentence in sentences:
        lines = list(sentence.lines)
        for row in sentence.words:
            values = lines[row].split("\t")
            for field, tags in written.items():
                values[field] = tags[position]
            if best is not None:
                others = [part for part in values[9].split("|") if part != "_" and not part.startswith("Prob=")]
                values[9] = "|".join([*others, f"Prob={best[position]:.4f}"])
            lines[row] = "\t".join(values)
            position += 1
        out.extend(lines)
        out.append("")
    return "\n".join(out) + "\n" if out else ""


def confidence(columns: Mapping[str, Tagging]) -> list[float] | None:
    """That of the column that has one."""
    return next((best for found in columns.values() if (best := found.confidence()) is not None), None)


def from_text(batch: Batch, columns: Mapping[str, Tagging], first_line: int = 1) -> str:
    """A batch read from text lines as CoNLL-U: `# text`, `SpaceAfter=No` and multi-word tokens, so that nothing is lost.

    Sentences are numbered by the line they stand on and their place in it, `12.1`, which holds however the input is cut.
    """
    assert batch.spans is not None
    spans = batch.spans().tolist()
    joined = [False] * len(spans) if batch.joined is None else batch.joined.tolist()
    best = confidence(columns)
    empty = Tagging(("_",), np.zeros(len(spans), np.int64))
    middle = beside([columns.get(name, empty) for name in COLUMNS[2:-1]], "\t").tags()
    lengths = iter(batch.lengths.tolist())
    out: list[str] = []
    word = 0
    for number, (line, count) in enumerate(zip(batch.records, batch.sentences.tolist(), strict=True), first_line):
        last_of_line = word + sum(lengths_of := [next(lengths) for _ in range(count)])
        for place, length in enumerate(lengths_of, 1):
            end = word + length
            out.append(f"# sent_id = {number}.{place}\n# text = {line[spans[word][0] : spans[end - 1][1]]}\n")
            for i in range(word, end):
                glued = "SpaceAfter=No" if i + 1 < last_of_line and spans[i + 1][0] == spans[i][1] else "_"
                if not joined[i] and i + 1 < end and joined[i + 1]:
                    stop = next((j for j in range(i + 1, end) if not joined[j]), end)
                    outside = stop < last_of_line and spans[stop][0] == spans[stop - 1][1]
                    form = line[spans[i][0] : spans[stop - 1][1]]
                    out.append(f"{i - word + 1}-{stop - word}\t{form}" + "\t_" * 7 + f"\t{'SpaceAfter=No' if outside else '_'}\n")
                if joined[i] or (i + 1 < end and joined[i + 1]):
                    glued = "_"  # the multi-word token's own line says it
                if best is not None:
                    glued = f"Prob={best[i]:.4f}" if glued == "_" else f"{glued}|Prob={best[i]:.4f}"
                out.append(f"{i - word + 1}\t{batch.tokens[i]}\t{middle[i]}\t{glued}\n")
            out.append("\n")
            word = end
    return "".join(out)
