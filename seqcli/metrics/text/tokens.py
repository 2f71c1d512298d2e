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
BY_LEAD = {
    lead: (len(same[0]), np.array([int.from_bytes(blank[1:]) for blank in same]))
    for lead in sorted({blank[0] for blank in UNICODE_BLANKS})
    for same in ([blank for blank in UNICODE_BLANKS if blank[0] == lead],)
}  # their first byte → how many they have, and the others as one number
POWERS = np.array([256, 1])
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

    def slice(self, begin: int, end: int) -> Ragged:
        """The sequences from one to another."""
        lengths = self.lengths[begin:end]
        first = int(self.lengths[:begin].sum())
        return Ragged(self.ids[first : first + int(lengths.sum())], lengths)

    def take(self, rows: IntArray) -> Ragged:
        """Some of the sequences, in this order."""
        lengths = self.lengths[rows]
        starts = np.cumsum(lengths) - lengths
        places = np.repeat(self.starts[rows] - starts, lengths) + np.arange(lengths.sum())
        return Ragged(self.ids[places], lengths)


Tokenization = Callable[[bytes], Ragged]


def words(data: bytes) -> Ragged:
    """What blanks of any kind separate, as `str.split()`."""
    data = plain(data)
    codes = np.frombuffer(data, dtype=np.uint8)
    return runs(data, (codes != 32) & (codes != 10))


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
    kinds = np.frombuffer(b"".join([b"\n", data, b"\n"]).translate(CLASSES), dtype=np.uint8)  # with neighbours for all
    here = kinds[1:-1]
    digit, mark, inside, alone = kinds == DIGIT, kinds == MARK, kinds != BLANK, kinds == SYMBOL
    stands = alone[1:-1]
    stands |= (here == HYPHEN) & digit[:-2]
    stands |= mark[1:-1] & ~(digit[:-2] & digit[2:])  # right unless marks follow each other
    twice = mark[1:-1] & mark[:-2]
    glued = glued_marks(mark[1:-1], digit[1:-1], twice) if twice.any() else []
    stands |= twice
    stands[:-1] |= twice[1:]
    begins = ~inside[:-2]
    begins |= alone[:-2]
    begins |= stands
    begins &= inside[1:-1]
    begins[[place + 1 for place in glued]] = False
    return cut(data, inside[1:-1], begins)


def has_entity(data: bytes) -> bool:
    """Whether any of ENTITIES occurs: from ampersand to ampersand, faster than a search for each."""
    known = tuple(entity for entity, _ in ENTITIES)
    place = data.find(b"&")
    while place >= 0 and not data.startswith(known, place):
        place = data.find(b"&", place + 1)
    return place >= 0


def glued_marks(mark: BoolArray, digit: BoolArray, twice: BoolArray) -> list[int]:
    """Places of the last of several marks in a row (`twice` says that one is before) that stays with the digit after it.

    The rule "a mark after what is not a digit" consumes both, so along a run it sees every second mark only.
    """
    places = []
    for last in np.flatnonzero(twice & before(digit)).tolist():
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
    return cut(data, inside, first | closing | after(opening))


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
    """The same text with the blanks beyond ASCII as plain ones."""
    codes = np.frombuffer(data, dtype=np.uint8)
    changed: IntArray = np.zeros(0, dtype=np.int64)
    for lead, (length, blanks) in BY_LEAD.items():
        if lead in data:
            places = np.flatnonzero(codes == lead)
            rest = codes[places[:, None] + np.arange(1, length)] @ POWERS[3 - length :]  # (leads,)
            found = places[np.isin(rest, blanks)]
            changed = np.append(changed, found[:, None] + np.arange(length))
    if not len(changed):
        return data
    codes = codes.copy()
    codes[changed] = 32
    return codes.tobytes()


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


def runs(data: bytes, inside: BoolArray) -> Ragged:
    """The tokens of lines where each run of bytes that are inside of one (T,) is one."""
    edges = np.flatnonzero(inside ^ after(inside))
    return numbered(data, edges[::2], edges[1::2])


def cut(data: bytes, inside: BoolArray, begins: BoolArray) -> Ragged:
    """The tokens of lines: where they begin, and which bytes are in one at all, both (T,)."""
    ends = inside.copy()
    ends[:-1] &= ~inside[1:] | begins[1:]
    return numbered(data, np.flatnonzero(begins), np.flatnonzero(ends) + 1)


def numbered(data: bytes, first: IntArray, end: IntArray) -> Ragged:
    """The tokens of lines from where each begins and ends, (N,)."""
    lines = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    return Ragged(hashes(data, first, end - first), np.diff(np.searchsorted(first, lines), prepend=0))


def hashes(data: bytes, first: IntArray, length: IntArray) -> AnyArray:
    """A number for each stretch of bytes, (N,): eight bytes at a time, so that most words take one step.

    >>> h = hashes(b"a ab a", np.array([0, 2, 5]), np.array([1, 2, 1]))
    >>> bool(h[0] == h[2]), bool(h[0] == h[1])
    (True, False)
    """
    eights = np.ndarray(shape=(len(data),), dtype="<u8", buffer=data + bytes(8), strides=(1,))  # the eight bytes from each place
    found = eights[first]
    found &= MASKS[np.minimum(length, 8)]
    found += length.view(np.uint64)
    found = mixed(found)
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
