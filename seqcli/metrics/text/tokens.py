r"""Text as numbers, many lines at once: equal tokens have equal numbers, and that is all that matching needs.

A tokenization takes UTF-8 whose lines end with `\n` and works on its bytes as on one array: which bytes are inside of
tokens, which begin one. A token's number is a 64-bit hash of its bytes, so no vocabulary has to be kept, no memory grows,
and processes need not agree. (Two different words of one segment share a number once in about 10^15 segments.)

>>> words(b"the cat the\n\nthe\n").lengths.tolist()
[3, 0, 1]
>>> ids = words(b"the cat the\n").ids
>>> bool(ids[0] == ids[2]), bool(ids[0] == ids[1])
(True, False)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray

ASCII_BLANKS = b"\t\x0b\x0c\r\x1c\x1d\x1e\x1f"  # what str.split() drops beside the blank and the line end
UNICODE_BLANKS = tuple(
    map(str.encode, "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000")
)
LEADS = sorted({blank[0] for blank in UNICODE_BLANKS})  # how these begin
TWOS, THREES = ([int.from_bytes(blank) for blank in UNICODE_BLANKS if len(blank) == length] for length in (2, 3))
PLAIN = bytes(32 if byte in ASCII_BLANKS else byte for byte in range(256))
BLANK, OTHER, DIGIT, SYMBOL, MARK, HYPHEN = range(6)  # classes of bytes
CLASSES = bytes(
    BLANK if byte in b" \n" else
    DIGIT if byte in b"0123456789" else
    MARK if byte in b".," else
    HYPHEN if byte == ord("-") else
    SYMBOL if byte in b"!\"#$%&()*+/:;<=>?@[\\]^_`{|}~" else
    OTHER
    for byte in range(256)
)  # fmt: skip
ENTITIES = ((b"&quot;", b'"'), (b"&amp;", b"&"), (b"&lt;", b"<"), (b"&gt;", b">"))
MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)  # the first n bytes of eight


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """B sequences of numbers, end to end."""

    ids: AnyArray  # (N,)
    lengths: IntArray  # (B,), their sum is N

    @property
    def starts(self) -> IntArray:
        """Where each sequence begins, (B,)."""
        return np.cumsum(self.lengths) - self.lengths

    def row(self, row: int) -> list[int]:
        """One of the sequences."""
        end = int(self.lengths[: row + 1].sum())
        numbers: list[int] = self.ids[end - int(self.lengths[row]) : end].tolist()
        return numbers

    def take(self, rows: IntArray) -> Ragged:
        """Some of the sequences, in this order."""
        lengths = self.lengths[rows]
        starts = np.cumsum(lengths) - lengths
        places = np.repeat(self.starts[rows] - starts, lengths) + np.arange(lengths.sum())
        return Ragged(self.ids[places], lengths)


Tokenization = Callable[[bytes], Ragged]


def words(data: bytes) -> Ragged:
    """What blanks of any kind separate, as `str.split()`."""
    codes = np.frombuffer(plain(data), dtype=np.uint8)
    inside = (codes != 32) & (codes != 10)
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    return cut(codes, inside, begins)


def thirteen_a(data: bytes) -> Ragged:
    """The tokenization of mteval-v13a, WMT's and sacreBLEU's default.

    Symbols stand alone; a period or comma does unless digits are on both sides; a hyphen does after a digit.
    """
    if b"<" in data:
        data = data.replace(b"<skipped>", b"")
    if has_entity(data):
        for entity, character in ENTITIES:
            data = data.replace(entity, character)
    data = plain(data)
    codes = np.frombuffer(data, dtype=np.uint8)
    kinds = np.frombuffer(data.translate(CLASSES), dtype=np.uint8)
    digit, mark = kinds == DIGIT, kinds == MARK
    after_digit, before_digit = after(digit), before(digit)
    alone = (kinds == SYMBOL) | ((kinds == HYPHEN) & after_digit)
    alone |= mark & ~(after_digit & before_digit)  # right unless marks follow each other, see below
    glued = np.zeros_like(mark)  # to the digit that follows
    if (mark[1:] & mark[:-1]).any():
        alone |= mark & (after(mark) | before(mark))
        glued[glued_marks(mark, digit)] = True
    inside = kinds != BLANK
    begins = inside & (after(~inside, True) | alone | after(alone & ~glued))
    return cut(codes, inside, begins)


def has_entity(data: bytes) -> bool:
    """Whether any of ENTITIES occurs: from ampersand to ampersand, faster than a search for each."""
    known = tuple(entity for entity, _ in ENTITIES)
    place = data.find(b"&")
    while place >= 0 and not data.startswith(known, place):
        place = data.find(b"&", place + 1)
    return place >= 0


def glued_marks(mark: BoolArray, digit: BoolArray) -> list[int]:
    """Places of the last of several marks in a row that stays with the digit after it, as the `5` of `x.,.5` does not.

    The rule "a mark after what is not a digit" consumes both, so along a run it sees every second mark only.
    """
    places = []
    for last in np.flatnonzero(mark & after(mark) & before(digit)).tolist():
        first = last
        while first and mark[first - 1]:
            first -= 1
        run = last - first + 1
        seen = run % 2 == 1 if first == 0 or not digit[first - 1] else run % 2 == 0
        if not seen:
            places.append(last)
    return places


def punctuation_apart(data: bytes) -> Ragged:
    """Words with the mark at their end apart, or else the one at their beginning: chrF++'s rule."""
    data = plain(data)
    codes = np.frombuffer(data, dtype=np.uint8)
    kinds = np.frombuffer(data.translate(CLASSES), dtype=np.uint8)
    marks = (kinds == SYMBOL) | (kinds == MARK) | (kinds == HYPHEN) | (codes == ord("'"))
    inside = kinds != BLANK
    first, last = inside & after(~inside, True), inside & before(~inside, True)
    closing = marks & last & ~first
    bereft = np.searchsorted(np.flatnonzero(last), np.flatnonzero(closing))  # words that lose their end keep their beginning
    opening = marks & first & ~last
    opening[np.flatnonzero(first)[bereft]] = False
    return cut(codes, inside, first | closing | after(opening))


def characters(data: bytes) -> Ragged:
    """Every character but blanks, by its code point."""
    return code_points(plain(data), blanks=False)


def code_points(data: bytes, blanks: bool) -> Ragged:
    """Every character of each line, with or without the blanks (ASCII's)."""
    if data.isascii():
        codes: AnyArray = np.frombuffer(data, dtype=np.uint8)
    else:
        codes = np.frombuffer(data.decode().encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    ends = codes == 10
    kept = ~ends if blanks else ~(ends | (codes == 32))
    counts = np.cumsum(kept)[ends]
    return Ragged(codes[kept].astype(np.uint64), np.diff(counts, prepend=0))


def by_chunk(tokenize: Callable[[str], Sequence[str]], strips: bool = False, keep: int = 1 << 16) -> Tokenization:
    """A tokenization in Python whose rules look no farther than a blank: each distinct chunk between blanks is tokenized once.

    It may tell a chunk at the beginning or end of the line from one beside a blank; a tokenization that `strips` lines
    does not see a blank at their beginning.
    """
    known: dict[tuple[str, bool, bool], tuple[int, ...]] = {}

    def ids(chunk: str, left: bool, right: bool) -> tuple[int, ...]:
        found = known.get((chunk, left, right))
        if found is None:
            if len(known) >= keep:
                known.clear()
            beside = tokenize(("x " if left else "") + chunk + (" x" if right else ""))  # neighbours that are tokens of their own
            found = known[chunk, left, right] = tuple(map(hash, beside[left : len(beside) - right]))
        return found

    def line_ids(line: str) -> list[int]:
        chunks = line.split()
        last = len(chunks) - 1
        indented = not strips and line[:1].isspace()
        return [number for i, chunk in enumerate(chunks) for number in ids(chunk, indented or i > 0, i < last)]

    return by_line(line_ids)


def by_line(tokenize: Callable[[str], Sequence[object]]) -> Tokenization:
    """A tokenization in Python of whole lines, into strings or into numbers that stand for them."""

    def tokens(data: bytes) -> Ragged:
        rows = [tokenize(line) for line in data.decode().split("\n")[:-1]]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter(map(hash, chain.from_iterable(rows)), np.int64, int(lengths.sum()))
        return Ragged(ids.view(np.uint64), lengths)

    return tokens


def plain(data: bytes) -> bytes:
    """The same text with every kind of blank as plain ones, one a byte; line ends stay."""
    if not data.isascii():
        data = without_unicode_blanks(data)
    return data.translate(PLAIN) if any(byte in data for byte in ASCII_BLANKS) else data


def without_unicode_blanks(data: bytes) -> bytes:
    """The same text with the blanks beyond ASCII as plain ones; mostly there are few, so one look at every byte has to do."""
    codes = np.frombuffer(data, dtype=np.uint8)
    leads = codes == LEADS[0]
    for lead in LEADS[1:]:
        leads |= codes == lead
    places = np.flatnonzero(leads)
    threes = codes[np.minimum(places[:, None] + np.arange(3), len(codes) - 1)].astype(np.int64) @ [65536, 256, 1]  # (leads,)
    blank = np.isin(threes, THREES), np.isin(threes >> 8, TWOS)
    if not any(found.any() for found in blank):
        return data
    changed = codes.copy()
    for found, length in zip(blank, (3, 2), strict=True):
        for i in range(length):
            changed[places[found] + i] = 32
    return changed.tobytes()


def after(flags: BoolArray, first: bool = False) -> BoolArray:
    """Whether the byte before has the flag."""
    shifted = np.empty_like(flags)
    shifted[:1] = first
    shifted[1:] = flags[:-1]
    return shifted


def before(flags: BoolArray, last: bool = False) -> BoolArray:
    """Whether the byte after has the flag."""
    shifted = np.empty_like(flags)
    shifted[-1:] = last
    shifted[:-1] = flags[1:]
    return shifted


def cut(codes: AnyArray, inside: BoolArray, begins: BoolArray) -> Ragged:
    """The tokens of lines of bytes (T,): where they begin, and which bytes are in one at all, both (T,)."""
    ends = inside.copy()
    ends[:-1] &= ~inside[1:] | begins[1:]
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    counts = np.searchsorted(first, np.flatnonzero(codes == 10))
    return Ragged(hashes(codes, first, last - first + 1), np.diff(counts, prepend=0))


def hashes(codes: AnyArray, first: IntArray, length: IntArray) -> AnyArray:
    """A number for each stretch of bytes, (N,): eight bytes at a time, so that most words take one step.

    >>> codes = np.frombuffer(b"a ab a", dtype=np.uint8)
    >>> h = hashes(codes, np.array([0, 2, 5]), np.array([1, 2, 1]))
    >>> bool(h[0] == h[2]), bool(h[0] == h[1])
    (True, False)
    """
    padded = codes.tobytes() + bytes(8)
    eights = np.ndarray(shape=(len(codes),), dtype="<u8", buffer=padded, strides=(1,))  # the eight bytes from each place
    found = mixed((eights[first] & MASKS[np.minimum(length, 8)]) + length.astype(np.uint64))
    more = np.flatnonzero(length > 8)
    step = 8
    while len(more):
        rest = length[more] - step
        found[more] = mixed(found[more] ^ (eights[first[more] + step] & MASKS[np.minimum(rest, 8)]))
        more = more[rest > 8]
        step += 8
    return found


def mixed(numbers: AnyArray) -> AnyArray:
    """Every bit of a 64-bit number spread over all of its bits; no two numbers become one."""
    numbers = numbers * MIX[0]
    numbers ^= numbers >> np.uint64(32)
    numbers *= MIX[1]
    numbers ^= numbers >> np.uint64(32)
    return numbers
