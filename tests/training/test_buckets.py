"""Laws of dynamic batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcli.training.buckets import row_batches, token_batches

LENGTHS = st.lists(st.integers(0, 50), max_size=60).map(lambda found: np.array(found, dtype=np.int64))


@given(LENGTHS, st.integers(1, 200), st.integers(0, 5), st.integers(0, 3))
def test_each_once_and_none_too_large(lengths, tokens, rows, epoch):
    batches = token_batches(lengths, tokens, 1, epoch, rows)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch)
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens
        assert not rows or len(batch) <= rows


@given(LENGTHS, st.integers(1, 200))
def test_the_same_for_the_same_epoch(lengths, tokens):
    first, again = (token_batches(lengths, tokens, 5, 2) for _ in range(2))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]


def test_other_epochs_have_other_batches_of_other_company():
    lengths = np.random.default_rng(1).integers(1, 40, 500)
    first, second = ([set(batch.tolist()) for batch in token_batches(lengths, 100, 1, epoch)] for epoch in (0, 1))
    assert sum(batch in second for batch in first) < len(first) / 4


def test_little_is_padding():
    lengths = np.random.default_rng(1).integers(1, 100, 5000)
    batches = token_batches(lengths, 4000, 1, 0)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.97
    assert len(batches) < 1.05 * padded / 4000 + 1


@given(st.integers(0, 50), st.integers(1, 9), st.booleans())
def test_rows(count, rows, shuffle):
    batches = row_batches(count, rows, 1, 0, shuffle)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(count))
    assert all(len(batch) == rows for batch in batches[:-1])
