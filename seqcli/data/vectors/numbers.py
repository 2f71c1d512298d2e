r"""Decimal numbers to float32 and back, thousands at a time.

Reading: the digits of a number are taken eight at a time as one 64-bit word, and a few multiplications turn all eight into their value;
so each step is one array operation over all numbers of a block. What is not written as `-1.234567` is read one by one.

Writing: the fewest digits that give the same float32 again.

>>> shown(np.array([[0.1, -25.0], [1e-7, 0.0]], np.float32), b" ")
[b'0.1 -25.0', b'1e-07 0.0']
"""

from __future__ import annotations

import re

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

MARGIN = 16  # bytes that may be looked at before and after a text
DIGITS = 15  # after the point, in which a number and its power of ten are exact
ZEROS = np.uint64(0x3030303030303030)  # eight characters '0'
ABOVE_NINE = np.uint64(0x7676767676767676)  # lifts bytes beyond 9 to 128
HIGH_BITS = np.uint64(0x8080808080808080)
KEEP = np.array([0, *((0xFFFFFFFFFFFFFFFF << 8 * (8 - n)) & 0xFFFFFFFFFFFFFFFF for n in range(1, 9))], np.uint64)  # the last n bytes
POWERS = 10.0 ** np.arange(DIGITS + 8)
WHOLE_POWERS = (10 ** np.arange(DIGITS + 1)).astype(np.uint64)
EXACT = np.uint64(1 << 53)  # whole numbers up to here are exact
TIE = np.uint64(1 << 28)  # a double between two neighbouring float32 has these lower bits
LOWER = np.uint64((1 << 29) - 1)
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf(inity)?)", re.IGNORECASE)


class NotNumber(ValueError):
    """A field that should be a number."""

    def __init__(self, place: int, text: bytes) -> None:
        super().__init__(place, text)
        self.place = place
        self.text = text


def parsed(data: bytes, starts: IntArray, ends: IntArray) -> FloatArray:
    """The numbers of a text between starts (N,) and ends (N,), correctly rounded, (N,) float32.

    The text has MARGIN bytes of no account before the first number and after the last.

    Raises:
        NotNumber: one is something else; has its place among them.
    """
    found, plain = decimals(data, starts, ends)
    others = np.flatnonzero(~plain)
    if len(others):
        found[others] = general([data[a:b] for a, b in zip(starts[others].tolist(), ends[others].tolist(), strict=True)], others)
    return found


def decimals(data: bytes, starts: IntArray, ends: IntArray) -> tuple[FloatArray, BoolArray]:
    """Numbers with one digit before the point, DIGITS or fewer after it; and which are such numbers, (N,)."""
    letters = np.frombuffer(data, np.uint8)
    eight = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))  # the eight bytes that begin at each place
    negative = letters[starts] == ord("-")
    starts = starts + negative
    first = letters[starts] - np.uint8(ord("0"))
    size = ends - starts - 2
    plain = (first <= 9) & (letters[starts + 1] == ord(".")) & (size > 0) & (size <= DIGITS)
    size = np.where(plain, size, 1)
    low = (eight[ends - 8] ^ ZEROS) & KEEP[np.minimum(size, 8)]
    high = (eight[ends - 16] ^ ZEROS) & KEEP[np.maximum(size - 8, 0)]
    plain &= (((low + ABOVE_NINE) | low | (high + ABOVE_NINE) | high) & HIGH_BITS) == 0
    whole = first * WHOLE_POWERS[size] + value(high) * np.uint64(10**8) + value(low)
    plain &= whole <= EXACT
    exact = whole.astype(np.float64) / POWERS[size]
    plain &= (exact.view(np.uint64) & LOWER) != TIE
    np.negative(exact, out=exact, where=negative)
    return exact.astype(np.float32), plain


def value(digits: AnyArray) -> AnyArray:
    """The value of eight digits that are the bytes of a word, the first digit in the lowest byte."""
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    mask = np.uint64(0x000000FF000000FF)
    upper = (pairs & mask) * np.uint64(100 + (1000000 << 32))
    lower = ((pairs >> np.uint64(16)) & mask) * np.uint64(1 + (10000 << 32))
    return np.asarray((upper + lower) >> np.uint64(32))


def general(texts: list[bytes], places: IntArray) -> FloatArray:
    """Numbers in any notation, one by one. Raises NotNumber."""
    wrong = next((i for i, text in enumerate(texts) if not NUMBER.fullmatch(text)), None)
    if wrong is not None:
        raise NotNumber(int(places[wrong]), texts[wrong])
    found = np.array(list(map(float, texts)))
    from fractions import Fraction

    for i in np.flatnonzero((found.view(np.uint64) & LOWER) == TIE).tolist():
        exact, near = Fraction(texts[i].decode()), Fraction(float(found[i]))
        if exact != near:  # a hair from the middle: the second rounding must not forget on which side
            found[i] = np.nextafter(found[i], np.inf if exact > near else -np.inf)
    with np.errstate(over="ignore"):
        return found.astype(np.float32)


DECIMALS = 12  # places after the point that are laid out
LIMITS = 10.0 ** np.arange(-4, 4)  # smaller numbers are written with an exponent
LARGE = 1e4  # as are these, at last
FIELD = 1 + 4 + 1 + DECIMALS  # sign, whole part, point, decimals; the widest float32 with an exponent fits, too
MOST, FEWEST = 9, 6  # significant digits that are tried; nine tell any two float32 apart
QUADS = (np.arange(10_000)[:, None] // (1000, 100, 10, 1) % 10 + ord("0")).astype(np.uint8).view(np.uint32)[:, 0]  # 4 digits as a word


def shown(matrix: AnyArray, separator: bytes) -> list[bytes]:
    """The rows of (N, D) as text, each number with the fewest digits that give the same float32."""
    count, width = matrix.shape
    if not width:
        return [b""] * count
    numbers = np.ascontiguousarray(matrix, dtype=np.float32).ravel()
    letters = np.empty((len(numbers), FIELD + len(separator)), np.uint8)
    shown_there = np.ones(letters.shape, np.bool_)
    lay_out(numbers, letters, shown_there)
    letters[:, FIELD:] = np.frombuffer(separator, np.uint8)
    last = slice(width - 1, None, width)
    letters[last, FIELD:] = ord("\n")
    shown_there[last, 1 + FIELD :] = False
    return letters[shown_there].tobytes().split(b"\n")[:-1]


def lay_out(numbers: FloatArray, letters: AnyArray, there: BoolArray) -> None:
    """Write N numbers into (N, at least FIELD) letters, and mark those that are not there."""
    size = np.abs(numbers).astype(np.float64)
    plain = (size == 0) | ((size >= LIMITS[0]) & (size < LARGE))
    size[~plain] = 0
    digits, places = shortest(size, numbers)
    whole = np.floor(digits / POWERS[places])
    rest = ((digits - whole * POWERS[places]) * POWERS[DECIMALS - places]).astype(np.int64)
    letters[:, 0] = ord("-")
    there[:, 0] = np.signbit(numbers)
    letters[:, 1:5] = quads(whole.astype(np.int64))
    for i, limit in enumerate((1000, 100, 10), 1):
        there[:, i] = whole >= limit
    letters[:, 5] = ord(".")
    upper, lower = np.divmod(rest, 10_000)
    upper, middle = np.divmod(upper, 10_000)
    for i, part in enumerate((upper, middle, lower)):
        letters[:, 6 + 4 * i : 10 + 4 * i] = quads(part)
    needed = np.zeros(len(numbers), np.bool_)
    for i in range(FIELD - 1, 6, -1):  # zeros at the end are not, the first decimal is there in any case
        needed |= letters[:, i] != ord("0")
        there[:, i] = needed
    for i in np.flatnonzero(~plain).tolist():
        text = str(numbers[i]).encode()
        letters[i, : len(text)] = np.frombuffer(text, np.uint8)
        there[i, :FIELD] = np.arange(FIELD) < len(text)


def shortest(size: DoubleArray, numbers: FloatArray) -> tuple[DoubleArray, IntArray]:
    """Whole numbers (N,) and places after the point (N,) such that digits / 10^places is the same float32; 0 for those of size 0."""
    magnitude = np.abs(numbers)
    passed = np.maximum(sum((size >= limit).astype(np.int64) for limit in LIMITS), 1)
    most = MOST + 4 - passed
    digits, places = np.rint(size * POWERS[most]), most
    for fewer in range(1, MOST - FEWEST + 1):
        power = POWERS[most - fewer]
        tried = np.rint(size * power)
        same = (tried / power).astype(np.float32) == magnitude
        digits, places = np.where(same, tried, digits), np.where(same, most - fewer, places)
    return digits, places


def quads(numbers: IntArray) -> AnyArray:
    """Whole numbers below 10,000 (N,) as four digits each, (N, 4)."""
    return QUADS[numbers].view(np.uint8).reshape(-1, 4)
