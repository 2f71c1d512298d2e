"""Masks against loops that say who may look at whom."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.nn import masks

LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=5)


@given(LENGTHS)
def test_padding_on_either_side(lengths):
    size = max(lengths)
    right = masks.padding(torch.tensor(lengths))
    left = masks.left_padding(size - torch.tensor(lengths), size)
    assert right.tolist() == [[place < length for place in range(size)] for length in lengths]
    assert left.tolist() == [row[::-1] for row in right.tolist()]


@given(st.integers(0, 5), st.integers(0, 5))
def test_look_ahead(queries, more):
    found = masks.look_ahead(queries, queries + more)
    assert found.shape == (queries, queries + more)
    assert found.tolist() == [[key <= query + more for key in range(queries + more)] for query in range(queries)]


@given(LENGTHS)
def test_right_aligned_keeps_what_is_there(lengths):
    size = max(lengths)
    x = torch.zeros(len(lengths), size, 2)
    for row, length in enumerate(lengths):
        x[row, :length] = torch.arange(1, 2 * length + 1).view(length, 2)
    moved = masks.right_aligned(x, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        assert not moved[row, : size - length].any()
        assert torch.equal(moved[row, size - length :], x[row, :length])


@given(LENGTHS, st.integers(1, 6))
def test_written_is_look_ahead_without_padding(lengths, queries):
    size = max(*lengths, queries)
    skipped = [size - max(length, 1) for length in lengths]
    found = masks.written(torch.tensor(skipped), queries, size)
    for row, skip in enumerate(skipped):
        for query in range(size - queries, size):
            expected = [skip <= key <= query or key == query for key in range(size)]
            assert found[row, query - size + queries].tolist() == expected


def test_spread_broadcasts_to_heads_and_queries():
    assert masks.spread(torch.ones(2, 5)).shape == (2, 1, 1, 5)
    assert masks.spread(torch.ones(2, 3, 5)).shape == (2, 1, 3, 5)
    assert masks.spread(torch.ones(2, 4, 3, 5)).shape == (2, 4, 3, 5)
