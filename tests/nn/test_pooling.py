"""Pooling against a loop over the rows."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from seqcli.errors import UsageFailure
from seqcli.nn.pooling import POOLINGS, Pool

LENGTHS = [4, 1, 6, 0]
ROWS = {
    "mean": lambda row: row.mean(0),
    "max": lambda row: row.amax(0),
    "first": lambda row: row[0],
    "last": lambda row: row[-1],
    "ends": lambda row: torch.cat([row[-1, :3], row[0, 3:]]),
}


@pytest.mark.parametrize("kind", POOLINGS)
def test_a_padded_batch_is_its_rows(kind):
    torch.manual_seed(0)
    states, pool = torch.randn(4, 6, 6), Pool(kind, 6)
    if pool.attention is not None:
        attention = pool.attention
        ROWS["attention"] = lambda row: attention.score(attention.inner(row).tanh()).softmax(0).T.squeeze(0) @ row
    for junk in (0.0, 1e4, float("nan")):  # whatever stands at padding
        for row, length in enumerate(LENGTHS):
            states[row, length:] = junk
        found = pool(states, torch.tensor(LENGTHS))
        for row, length in enumerate(LENGTHS):
            expected = ROWS[kind](states[row, :length]) if length else torch.zeros(6)
            torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", POOLINGS)
def test_gradients(kind):
    torch.manual_seed(0)
    pool = Pool(kind, 4).double()
    assert gradcheck(lambda x: pool(x, torch.tensor([3, 1, 0])), torch.randn(3, 3, 4, dtype=torch.float64, requires_grad=True))


def test_weights_of_attention_sum_to_one():
    pool = Pool("attention", 4)
    assert pool.attention is not None
    weights = pool.attention.weights(torch.randn(2, 3, 4), torch.tensor([2, 3]))
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert weights[0, 2] == 0


def test_an_unknown_pooling():
    with pytest.raises(UsageFailure, match="did you mean 'mean'"):
        Pool("meen", 4)
