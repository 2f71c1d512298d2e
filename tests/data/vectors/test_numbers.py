"""Numbers to text and back: every float32 survives, and reading rounds as it should."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seqcli.data.vectors.numbers import EXACT, MARGIN, NotNumber, parsed, shown

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def read(*fields: bytes):
    """Numbers that stand in a text."""
    data, starts, ends = b" " * MARGIN, [], []
    for each in fields:
        starts.append(len(data))
        data += each + b" "
        ends.append(len(data) - 1)
    return parsed(data + b" " * MARGIN, np.array(starts), np.array(ends))


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=FINITE))
def test_every_number_comes_back(matrix):
    for separator in (b" ", b", ", b"\t"):
        rows = shown(matrix, separator)
        assert len(rows) == len(matrix)
        for row, wanted in zip(rows, matrix, strict=True):
            found = read(*row.split(separator))
            assert found.tobytes() == wanted.tobytes()
            assert [np.float32(field) for field in row.split(separator)] == wanted.tolist()


def test_the_fewest_digits():
    rng = np.random.default_rng(1)
    numbers = np.concatenate([
        rng.normal(size=20_000), rng.normal(size=20_000) * 10.0 ** rng.integers(-8, 8, 20_000), rng.random(5_000).round(3),
        np.arange(-5_000, 5_000), 10.0 ** np.arange(-9, 9), [0.0, -0.0, 9999.9995, 0.00099999999, 1.17549435e-38, 1e-45, 3.4028235e38],
    ]).astype(np.float32)  # fmt: skip
    assert b" ".join(shown(numbers[:, None], b" ")).decode().split() == [str(number) for number in numbers]


def decimal_texts():
    whole = st.integers(0, 12) | st.integers(0, 10**12)
    parts = st.text("0123456789", min_size=1, max_size=20)
    exponent = st.just("") | st.integers(-50, 45).map(lambda n: f"e{n:+}")
    return st.builds(lambda sign, a, b, e: f"{sign}{a}.{b}{e}", st.sampled_from(["", "-", "+"]), whole, parts, exponent)


@given(st.lists(decimal_texts(), min_size=1, max_size=20))
def test_reading_rounds_to_the_nearest(texts):
    found = read(*(text.encode() for text in texts))
    for text, number in zip(texts, found, strict=True):
        exact = Fraction(text)
        if not np.isfinite(number):
            assert abs(exact) > Fraction(float(np.finfo(np.float32).max))
            continue
        error = abs(Fraction(float(number)) - exact)
        with np.errstate(over="ignore"):
            for other in (np.nextafter(number, np.float32(np.inf)), np.nextafter(number, np.float32(-np.inf))):
                assert not np.isfinite(other) or abs(Fraction(float(other)) - exact) >= error


def test_rounding_once_not_twice():
    """A hair above the middle between two float32, which the nearest double is: a second rounding would forget the hair."""
    low, high = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    middle = (Fraction(float(low)) + Fraction(float(high))) / 2
    text = f"{middle.numerator * 10**40 // middle.denominator:d}"
    for digit, wanted in (("1", high), ("0", low)):  # the even one, exactly in the middle
        found = read(f"{text[0]}.{text[1:]}{digit}".encode())
        assert found[0] == wanted
    assert read(b"16777217.0", b"16777219.0").tolist() == [16777216.0, 16777220.0]
    assert int(EXACT) == 2**53


def test_notations():
    found = read(b"1", b"-2", b".5", b"5.", b"1e3", b"+0.25", b"1E-2", b"12.5", b"-0.0", b"0.000000000000001", b"9.999999999999999")
    assert found.tolist() == np.array([1, -2, 0.5, 5, 1000, 0.25, 0.01, 12.5, 0, 1e-15, 10], np.float32).tolist()
    assert np.signbit(found[8])
    assert np.isnan(read(b"nan")[0])
    assert read(b"-inf", b"1e39").tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize(
    "text", [b"x", b"0.1x", b"1_0", b"0x10", b"-", b"0.1.2", b"1e", b"0,5", b"--1.5", "٣".encode(), b".", b"0.\x00", b"1.5\xff"]
)
def test_what_is_no_number(text):
    with pytest.raises(NotNumber) as caught:
        read(b"0.5", text, b"nope")
    assert (caught.value.place, caught.value.text) == (1, text)


def test_nothing():
    assert shown(np.zeros((0, 3), np.float32), b" ") == []
    assert shown(np.zeros((2, 0), np.float32), b" ") == [b"", b""]
