"""Matches by masks are those of counting, whatever the length of the segments."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.metrics.text import masks, ngrams
from seqcli.metrics.text.tokens import words

texts = st.lists(st.sampled_from("abc"), max_size=150).map(" ".join)


def brute_force(hypothesis, references, orders):
    def counts(line, n):
        tokens = line.split()
        return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))

    found = []
    for n in range(1, orders + 1):
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= counts(reference, n)
        found.append((counts(hypothesis, n) & most).total())
    return found


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5), st.integers(1, 7))
def test_matches_are_those_of_counting(rows, orders):
    for several in (1, 2):
        sides = [words("".join(f"{row[i]}\n" for row in rows).encode()) for i in range(several + 1)]
        assert ngrams.matches(sides[0], sides[1:], orders).tolist() == [
            brute_force(row[0], row[1 : several + 1], orders) for row in rows
        ]


@pytest.mark.parametrize("length", [63, 64, 65, 127, 128, 129, 1000, masks.LONGEST, masks.LONGEST + 1])
def test_edges_of_words_of_bits(length):
    line = " ".join("abcab"[i % 5] for i in range(length))
    other = " ".join("abcad"[i % 5] for i in range(length - 1))
    sides = [words(f"{text}\n\n".encode()) for text in (line, other)]
    assert ngrams.matches(sides[0], [sides[1]], 4).tolist() == [brute_force(line, [other], 4), [0, 0, 0, 0]]


def test_many_segments_keep_their_order():
    lines = [" ".join("ab"[(i >> k) % 2] for k in range(i % 40)) for i in range(3000)]
    side = words("".join(f"{line}\n" for line in lines).encode())
    found = ngrams.matches(side, [side], 2)
    assert found[:, 0].tolist() == [i % 40 for i in range(3000)]
