r"""Lines of text in, lines of ids or shown pieces out, at the speed of a look-up: few distinct chunks make up a text.

Where a tokenizer is `separable` each distinct chunk is tokenized once, and what it becomes is kept as bytes, ready to be copied.
Memory is of fixed size. The result is that of `Subword.encode` line by line, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.text.subword.chunks import LONGEST, Chunks, Table
from seqcli.text.subword.tokenizer import Subword
from seqcli.text.subword.words import Inside, inside
from seqcli.workers import keep_memory

BATCH = 1 << 18  # bytes of text at a time: all arrays about them fit the processor's cache
BITS = 20  # of a slot's number in the table
UNITS = 1 << 21  # of eight bytes, for all outputs
FILLER = 0xFF  # fills units; no byte of UTF-8 is like it
SHIFT, MOST = 16, (1 << 16) - 1  # bits of an output that say how many units it has, and the most they can say
WHOLE = -2  # in place of an output: lines with this chunk are tokenized whole


class Outputs:
    """Bytes to copy, in units of eight; an output is its first unit and, in its low bits, how many there are."""

    def __init__(self, units: int) -> None:
        self.pool = np.full(units, -1, dtype=np.int64)
        self.used = 0

    @property
    def room(self) -> int:
        """How many units are free."""
        return len(self.pool) - self.used

    def places(self, outputs: IntArray) -> IntArray:
        """The units of outputs end to end."""
        counts = outputs & MOST
        firsts = (outputs >> SHIFT) - np.cumsum(counts)
        firsts += counts
        places = np.repeat(firsts, counts)
        places += np.arange(len(places))
        return places

    def gather(self, outputs: IntArray) -> AnyArray:
        """The bytes of outputs end to end."""
        flat = self.pool.take(self.places(outputs)).view(np.uint8)
        return flat.compress(flat != FILLER)

    def add(self, units: AnyArray) -> None:
        """Append units."""
        self.pool[self.used : self.used + len(units)] = units
        self.used += len(units)


class Engine:
    """A tokenizer with outputs ready for the chunks that it has seen.

    `text` has the bytes to write for an id, a blank before them.
    """

    def __init__(
        self, tokenizer: Subword, text: Callable[[int], bytes], bits: int = BITS, units: int = UNITS, batch: int = BATCH
    ) -> None:
        keep_memory()
        self.tokenizer = tokenizer
        self.text = text
        self.inside = inside(tokenizer)
        self.batch = batch
        filled = [each + b"\xff" * (-len(each) % 8) for each in map(text, range(len(tokenizer.vocabulary)))]
        sizes = np.fromiter(map(len, filled), np.int64, len(filled)) >> 3
        self.pieces = Outputs(0)
        self.pieces.pool = np.frombuffer(b"".join(filled), dtype=np.int64)
        self.of_piece: IntArray = ((np.cumsum(sizes) - sizes) << SHIFT) + sizes  # (V,)
        self.table, self.outputs = Table(bits), Outputs(units)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget all chunks but the line end."""
        self.table.clear()
        self.outputs.used = 0
        self.outputs.add(np.frombuffer(b"\n".ljust(8, b"\xff"), dtype=np.int64))
        _, slots = self.table.claim(Chunks(b"\n").keys())
        self.table.set(slots, np.array([1]))

    def __call__(self, data: bytes) -> bytes:
        r"""What becomes of whole lines of valid UTF-8, each with its line end (`\n`)."""
        if not self.tokenizer.separable:
            return self.whole(data.decode().split("\n")[:-1])
        found = [each for part in parts(data, self.batch) for each in self.part(part)]
        others = iter(self.tokenizer.encode([each for each in found if isinstance(each, str)]))
        return b"".join([each if isinstance(each, bytes) else self.output(next(others)) for each in found])

    def whole(self, lines: Sequence[str]) -> bytes:
        """What becomes of lines, without the table."""
        return b"".join([self.output(ids) + b"\n" for ids in self.tokenizer.encode(lines)])

    def output(self, ids: Sequence[int]) -> bytes:
        """What is written for a line's ids."""
        return b"".join([self.text(number) for number in ids])[1:]

    def part(self, data: bytes) -> list[bytes | str]:
        """The same for as many lines as are handled at once; the text of a line stands for what it becomes if it is tokenized whole."""
        chunks = Chunks(data)
        keys = chunks.keys()
        found = self.table.get(keys)
        unseen = np.flatnonzero(found == -1)
        if len(unseen):
            if not self.learn(chunks, keys, unseen):
                self.start_anew()
                if not self.learn(chunks, keys, np.flatnonzero(~chunks.is_end)):
                    self.start_anew()
                    return [self.whole(data.decode().split("\n")[:-1])]
                unseen = np.arange(len(keys))
            found[unseen] = self.table.get(keys[unseen])
        if found.min() >= 0:
            return [self.outputs.gather(found).tobytes()]
        return self.spliced(chunks, found)

    def spliced(self, chunks: Chunks, found: IntArray) -> list[bytes | str]:
        """The same where some lines have to be tokenized whole."""
        rows = chunks.lines(np.flatnonzero(found < 0))
        ends = np.flatnonzero(chunks.is_end)
        firsts = np.append(0, ends + 1)
        lines = []
        for first, end in zip(firsts[rows].tolist(), ends[rows].tolist(), strict=True):
            lines.append(chunks.data[chunks.first[first] : chunks.first[end]].decode())
            found[first:end] = 0
        others = self.outputs.gather(found)
        places = np.flatnonzero(others == 10)[rows].tolist()
        rest = others.tobytes()
        out: list[bytes | str] = []
        at = 0
        for place, line in zip(places, lines, strict=True):
            out += rest[at:place], line
            at = place
        return [*out, rest[at:]]

    def learn(self, chunks: Chunks, keys: AnyArray, unseen: IntArray) -> bool:
        """Tokenize chunks and keep what they become; False if there is no room: the table is spoilt then."""
        if len(unseen) > self.table.room:
            return False
        places, slots = self.table.claim(keys[unseen])
        places = unseen[places]
        begins, alone, last = chunks.begins[places], chunks.alone[places], chunks.last(places)
        tails = ~begins & (last == 32)
        kept = chunks.length[places] <= LONGEST
        doubtful = np.flatnonzero(((last > 127) | (last < 32)) & kept & ~alone)
        white = [text[-1].isspace() for text in chunks.texts(places[doubtful])]
        kept[doubtful[np.array(white, dtype=np.bool_)]] = False  # a rule may add it to the blanks that come next
        numbers = np.full(len(places), WHOLE)
        ways: Sequence[tuple[BoolArray, Inside]] = (
            (alone, self.tokenizer.encode), (begins & ~alone, self.firsts), (tails, self.tails), (~begins & ~tails, self.inside)
        )  # fmt: skip
        for kind, encode in ways:
            chosen = np.flatnonzero(kind & kept)
            if len(chosen) and not self.keep(encode(chunks.texts(places[chosen])), numbers, chosen, bool(begins[chosen[0]])):
                return False
        self.table.set(slots, numbers)
        return True

    def keep(self, found: Sequence[Sequence[int] | None], numbers: IntArray, chosen: IntArray, begins: bool) -> bool:
        """Put what chunks become into the outputs, and where into `numbers`; False if there is no room."""
        known = np.fromiter((ids is not None for ids in found), np.bool_, len(found))
        rows = [ids for ids in found if ids is not None]
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        pieces = self.of_piece.take(np.fromiter(chain.from_iterable(rows), np.int64, int(counts.sum())))
        units = self.pieces.pool.take(self.pieces.places(pieces))
        ends = np.append(0, np.cumsum(pieces & MOST))
        at = np.append(0, np.cumsum(counts))
        sizes = ends[at[1:]] - ends[at[:-1]]
        if len(units) > self.outputs.room:
            return False
        firsts = self.outputs.used + ends[at[:-1]]
        if begins:
            units.view(np.uint8)[ends[at[:-1]][counts > 0] * 8] = FILLER  # no blank before the line's first piece
        self.outputs.add(units)
        numbers[chosen[known]] = np.where(sizes <= MOST, (firsts << SHIFT) + sizes, WHOLE)
        return True

    def firsts(self, chunks: Sequence[str]) -> list[Sequence[int] | None]:
        """Chunks that begin a line with others after them; not if they become nothing: the next would have a blank before it."""
        return [ids or None for ids in self.tokenizer.encode_begin(chunks)]

    def tails(self, chunks: Sequence[str]) -> list[Sequence[int] | None]:
        """Blanks at the end of a line, if they are the same after any word: as inside, or nothing."""
        word, *both = self.tokenizer.encode(["a", *("a" + blanks for blanks in chunks)])
        inside = self.tokenizer.encode_inside(chunks)
        return [
            None if alone is None or ids not in (word, word + list(alone)) else ids[len(word) :]
            for ids, alone in zip(both, inside, strict=True)
        ]


def parts(data: bytes, size: int) -> Iterator[bytes]:
    """Data cut after line ends into parts of about so many bytes."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at + size - 1) + 1 or len(data)
        yield data[at:end]
        at = end
