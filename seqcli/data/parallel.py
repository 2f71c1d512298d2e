r"""Files read side by side: segment n of each belongs to segment n of the others.

Each file is taken in block by block, always the one of which the fewest segments wait for the others, so memory does not grow
with the input's length. What is complete is handed over in batches, and at once where the input pauses.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     ref, hyp = Path(folder, "ref.txt"), Path(folder, "hyp.tsv")
...     _ = ref.write_text("one\ntwo\nthree\n"), hyp.write_text("1\tOne\n2\tTwo\n3\tThree\n")
...     for batch in batches([Source(ref), Source(hyp, column=2)], size=2):
...         print(batch.columns)
[b'one\ntwo\n', b'One\nTwo\n']
[b'three\n', b'Three\n']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqcli.data.blocks import BLOCK, Block, check_readable, name_of
from seqcli.data.markup import opened
from seqcli.errors import Failure, UsageFailure, nearest

SIZE = 4096  # segments in a batch
MARK = "\ufeff".encode()  # the byte order mark that some programs put first
Column = int | str | None


class Source(NamedTuple):
    """Where one column of segments comes from: a file, or a part of one."""

    path: Path  # `-` is standard input
    column: Column = None  # of tab-separated text: its number from 1, or its name in the first line; None: whole lines
    kind: str = ""  # of a test set of WMT (see `sgm`): source, reference or system; "": whatever comes first
    name: str = ""  # of the reference or system; "": the only or first


@dataclass(frozen=True, slots=True)
class Batch:
    """Segments that belong together."""

    first_line: int  # number of the first segment, from 1
    columns: list[bytes]  # one a source, of as many lines each; not decoded yet, see `check`
    names: list[str]  # of the files
    size: int  # segments

    @property
    def segments(self) -> list[list[str]]:
        """The columns as strings, a list a source."""
        self.check()
        return [column.decode().split("\n")[:-1] for column in self.columns]

    def check(self) -> None:
        """Raises Failure: invalid UTF-8; names file, line and byte."""
        for column, name in zip(self.columns, self.names, strict=True):
            if not column.isascii():
                Block(column, name, self.first_line).text()

    def __len__(self) -> int:
        return self.size


def batches(sources: Sequence[Source], size: int = SIZE, *, errors: str = "strict", block: int = BLOCK) -> Iterator[Batch]:
    r"""The sources side by side, `size` segments at a time; fewer where the input pauses, and at its end.

    Plain text ends its lines at `\n` only; a trailing `\r` is dropped, and so is a byte order mark at the beginning. Text that
    several sources name is read once. `block` is the number of bytes read at once.

    Raises:
        Failure: files of different lengths, an empty file, a missing column, and all that `blocks` and `sgm` raise.
    """
    for source in sources:
        check_readable(source.path)
        if isinstance(source.column, int) and source.column < 1:
            raise UsageFailure(f"{name_of(source.path)}: no column {source.column}", hint="columns are numbered from 1")
    feeds, places = connect(sources, errors, block)
    names = [feeds[feed].name for feed, _ in places]
    first_line = 1
    ended = False
    while not ended:
        more = min(feeds, key=Feed.waiting).read()
        ended = more is None
        ready = min(map(Feed.waiting, feeds))
        while ready >= (size if more else 1):
            count = min(size, ready)
            taken = [feed.take(count) for feed in feeds]
            yield Batch(first_line, [taken[feed][column] for feed, column in places], names, count)
            first_line += count
            ready -= count
    same_length(feeds)


def connect(sources: Sequence[Source], errors: str, block: int) -> tuple[list[Feed], list[tuple[int, int]]]:
    """The files behind the sources, and for each source its file's position there and its column's in that file."""
    feeds: list[Feed] = []
    places: dict[Source, tuple[int, int]] = {}
    for path in dict.fromkeys(source.path for source in sources):
        document, text = opened(path, block)
        ours = [source for source in dict.fromkeys(sources) if source.path == path]
        if document is None:
            wanted = list(dict.fromkeys(source.column for source in ours))
            places |= {source: (len(feeds), wanted.index(source.column)) for source in ours}
            feeds.append(Feed(name_of(path), text, wanted, errors))
            continue
        from seqcli.data.sgm import choose

        known = document.sets(errors)
        for source in ours:
            chosen = choose(known, source.kind, source.name, name_of(path))
            name = name_of(path) if len(known) == 1 else f"{name_of(path)} ({chosen})"
            places[source] = len(feeds), 0
            feeds.append(Feed(name, as_blocks(document.segments(chosen, known, errors), name), [source.column], errors, "segment"))
    return feeds, [places[source] for source in sources]


def as_blocks(segments: Iterator[str], name: str, size: int = SIZE) -> Iterator[Block]:
    """Segments as text, one a line."""
    first_line = 1
    while lines := list(islice(segments, size)):
        yield Block("\n".join([*lines, ""]).encode(), name, first_line)
        first_line += len(lines)


class Feed:
    """One file on its way: its blocks, and the segments that wait for those of the other files."""

    def __init__(self, name: str, source: Iterable[Block], wanted: Sequence[Column], errors: str, unit: str = "line") -> None:
        self.name = name
        self.source = iter(source)
        self.wanted = wanted  # C columns
        self.errors = errors
        self.header = any(isinstance(column, str) for column in wanted)
        self.unit = "row" if self.header else unit
        self.places = [column for column in wanted if isinstance(column, int)]  # of the columns but whole lines, from 1
        self.columns: list[Waiting] = [Waiting() for _ in wanted]
        self.handed_over = 0

    def waiting(self) -> int:
        """The number of segments that are read and not handed over."""
        return len(self.columns[0])

    def read(self) -> bool | None:
        """Take in a block: True if it came, False where the input pauses, None at its end."""
        block = next(self.source, None)
        if block is None:
            if not self.handed_over and not self.waiting():
                raise Failure(f"{self.name} " + (f"has no {self.unit}s after its header" if self.header else "is empty"))
            return None
        if not block.data:
            return False
        if self.wanted == [None]:
            self.columns[0].add(whole_lines(block, self.errors))
        else:
            for column, cells in zip(self.columns, self.cells(block), strict=True):
                column.add("".join(f"{cell}\n" for cell in cells).encode())
        return True

    def cells(self, block: Block) -> list[list[str]]:
        """The C columns of a block."""
        begins = self.header and block.first_line == 1
        if self.places and not begins and None not in self.wanted and (found := regular(block.text(self.errors), self.places)):
            return found
        lines, first_line = block.lines(self.errors), block.first_line
        if begins and lines:
            self.places = places_in(lines.pop(0), self.wanted, self.name)
            first_line += 1
        return split(lines, self.wanted, self.places, self.name, first_line)

    def take(self, count: int) -> list[bytes]:
        """Hand over so many segments of each column."""
        self.handed_over += count
        return [column.take(count) for column in self.columns]

    def length(self) -> int:
        """The number of segments in the whole file; what is not read yet is only counted."""
        rest = sum(block.data.count(b"\n") + (not block.data.endswith(b"\n")) for block in self.source if block.data)
        return self.handed_over + self.waiting() + rest


class Waiting:
    r"""Lines of UTF-8 that wait to be handed over.

    >>> waiting = Waiting()
    >>> waiting.add(b"a\nb\nc\n")
    >>> waiting.take(2), len(waiting)
    (b'a\nb\n', 1)
    """

    def __init__(self) -> None:
        self.data = b""
        self.ends = np.zeros(0, np.int64)  # of the lines that wait
        self.begin = 0  # of the first of them

    def __len__(self) -> int:
        return len(self.ends)

    def add(self, lines: bytes) -> None:
        """More lines, each with its end."""
        self.data = self.data[self.begin :] + lines
        self.begin = 0
        self.ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n")) + 1

    def take(self, count: int) -> bytes:
        """The first so many lines."""
        start, self.begin = self.begin, int(self.ends[count - 1])
        self.ends = self.ends[count:]
        return self.data[start : self.begin]


def whole_lines(block: Block, errors: str) -> bytes:
    r"""The lines of a block, each with `\n` and nothing else at its end; invalid UTF-8 stays unless it is to be replaced.

    >>> whole_lines(Block("one\r\ntwo\r".encode(), "notes.txt", 1), "strict")
    b'one\ntwo\n'
    """
    data = block.data if errors == "strict" else block.text(errors).encode()
    if block.first_line == 1:
        data = data.removeprefix(MARK)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return data if data.endswith(b"\n") or not data else data + b"\n"


def places_in(header: str, wanted: Sequence[Column], name: str) -> list[int]:
    r"""Numbers of the columns that are wanted, by number or by name.

    >>> places_in("id\ten\tde", ["de", 2], "corpus.tsv")
    [3, 2]
    """
    names = header.split("\t")
    for column in wanted:
        if isinstance(column, str) and column not in names:
            raise Failure(f"{name}: no column {column!r}", hint=nearest(column, names))
    return [names.index(column) + 1 if isinstance(column, str) else column for column in wanted if column is not None]


def regular(text: str, places: Sequence[int]) -> list[list[str]] | None:
    r"""The columns at `places`, from 1, of text whose lines all have as many: cut at once, in half the time that `split` takes.

    >>> regular("1\tone\n2\ttwo\n", [2]), regular("1\tone\n2\n", [1])
    ([['one', 'two']], None)
    """
    width = text.count("\t", 0, text.find("\n") + 1) + 1
    if max(places) > width or not text.endswith("\n") or "\r" in text:
        return None
    cells = text.replace("\n", "\t\n\t").split("\t")  # each line's, then a cell for its end
    ends = cells[width :: width + 1]
    if not ends.count("\n") == len(ends) == text.count("\n"):
        return None
    return [cells[place - 1 : -1 : width + 1] for place in places]


def split(lines: list[str], wanted: Sequence[Column], places: Sequence[int], name: str, first_line: int) -> list[list[str]]:
    r"""The wanted columns of tab-separated lines, those that are not whole lines at `places` from 1.

    >>> split(["1\tone\tun", "2\ttwo\tdeux"], [3, None], [3], "numbers.tsv", 1)
    [['un', 'deux'], ['1\tone\tun', '2\ttwo\tdeux']]
    """
    if not places:
        return [lines for _ in wanted]
    last = max(places)
    rows = [line.split("\t", last) for line in lines]
    try:
        found = iter([[row[place - 1] for row in rows] for place in places])
    except IndexError:
        number = next(i for i, row in enumerate(rows) if len(row) < last)
        missing = next(place for place in places if place > len(rows[number]))
        few = f"{len(rows[number])} column" + "s" * (len(rows[number]) != 1)
        raise Failure(f"{name}, line {first_line + number}: no column {missing} ({few})") from None
    return [lines if column is None else next(found) for column in wanted]


def same_length(feeds: Sequence[Feed]) -> None:
    """Raises Failure: files that end at different lengths."""
    lengths = [feed.length() for feed in feeds]
    first, length = feeds[0], lengths[0]
    for other, its_length in zip(feeds[1:], lengths[1:], strict=True):
        if its_length != length:
            unit = first.unit + "s" * (length != 1)
            too = "" if other.unit == first.unit else f" {other.unit}" + "s" * (its_length != 1)
            raise Failure(
                f"{first.name} has {length:,} {unit}, {other.name} {its_length:,}{too}",
                hint="the nth of one belongs to the nth of the other",
            )
