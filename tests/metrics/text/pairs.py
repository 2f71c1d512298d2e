"""Pairs of sequences for the tests of kernels: unrelated ones, and ones that differ by a few edits."""

import numpy as np
from hypothesis import strategies as st

from seqcli.metrics.text.tokens import Ragged


def ragged(rows):
    return Ragged(
        np.array([token for row in rows for token in row], dtype=np.uint64), np.array([len(row) for row in rows], dtype=np.int64)
    )


@st.composite
def pair(draw, longest=200):
    """Two lists of small numbers, of any length to several machine words."""
    size = draw(st.sampled_from([1, 4, 12, 64, 65, longest]))
    token = st.integers(0, draw(st.sampled_from([1, 2, 5, 30])))
    first = draw(st.lists(token, max_size=size))
    if draw(st.booleans()):
        return first, draw(st.lists(token, max_size=size))
    second = list(first)
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(second)))
        second[place : place + draw(st.integers(0, 2))] = draw(st.lists(token, max_size=2))
    return first, second


pairs = st.lists(pair(), min_size=1, max_size=6)
