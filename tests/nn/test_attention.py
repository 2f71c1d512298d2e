"""Attention: against its formulas by loops, against torch's own, and a cache against all at once."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seqcli.errors import Failure, UsageFailure
from seqcli.nn.attention import Additive, Luong, MultiHead, Past, distribution, fused, scaled_dot_product
from seqcli.nn.masks import look_ahead, padding
from seqcli.nn.positions import Rotary

LENGTHS = torch.tensor([3, 5, 1])
KINDS = ("additive", "dot", "general", "concat")


def close(mine, theirs, atol=1e-5):
    torch.testing.assert_close(mine, theirs, atol=atol, rtol=0)


def one_head(kind):
    torch.manual_seed(0)
    return Additive(4, 4 if kind == "dot" else 6, 5) if kind == "additive" else Luong(kind, 4, 4 if kind == "dot" else 6)


def by_hand(attention, kind, query, key):
    """The score of one query and one key, as in the papers."""
    if kind == "dot":
        return query @ key
    if kind == "general":
        return query @ attention.key.weight @ key
    if kind == "concat":
        joined = torch.cat([attention.query.weight, attention.key.weight], 1) @ torch.cat([query, key])
        return attention.value.weight[0] @ joined.tanh()
    inner = attention.query.weight @ query + attention.query.bias + attention.key.weight @ key
    return attention.value.weight[0] @ inner.tanh()


@pytest.mark.parametrize("kind", KINDS)
def test_one_head_by_hand(kind):
    attention = one_head(kind)
    keys, queries = torch.randn(3, 5, 4 if kind == "dot" else 6), torch.randn(3, 2, 4)
    context, weights = attention(queries, attention.prepare(keys), padding(LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        for t in range(2):
            scores = torch.stack([by_hand(attention, kind, queries[row, t], keys[row, s]) for s in range(length)])
            close(weights[row, t, :length], scores.softmax(0))
            assert not weights[row, t, length:].any()
            close(context[row, t], scores.softmax(0) @ keys[row, :length])


@pytest.mark.parametrize("kind", KINDS)
def test_one_head_asked_once_or_often(kind):
    attention = one_head(kind)
    keys, queries = torch.randn(3, 5, 4 if kind == "dot" else 6, requires_grad=True), torch.randn(3, 2, 4)
    together = attention(queries, keys, padding(LENGTHS))
    for t in range(2):
        context, weights = attention(queries[:, t], keys, padding(LENGTHS))
        close(context, together[0][:, t])
        close(weights, together[1][:, t])
    together[0].sum().backward()
    assert keys.grad is not None
    assert not keys.grad[~padding(LENGTHS)].any()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in attention.parameters())


def test_wrong_scores_are_refused():
    with pytest.raises(UsageFailure, match="did you mean 'general'"):
        Luong("generl", 4, 4)
    with pytest.raises(Failure, match="4 and keys of 6"):
        Luong("dot", 4, 6)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=4))
def test_a_distribution_sums_to_one_or_to_nothing(mask):
    weights = distribution(torch.randn(len(mask), 4) * 50, torch.tensor(mask))
    for row, allowed in zip(weights, mask, strict=True):
        assert row.sum().item() == pytest.approx(float(any(allowed)), abs=1e-5)
        assert not row[~torch.tensor(allowed)].any()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", ["no", "bool", "float"])
def test_fused_is_the_definition(causal, masked):
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 3, 2, 6, 4).unbind()
    some = torch.rand(3, 1, 6, 6) < 0.6
    some[0, 0, 2] = False  # a query that may look nowhere
    mask = {"no": None, "bool": some, "float": torch.randn(3, 2, 6, 6)}[masked]
    full = mask
    if causal:
        ahead = look_ahead(6)
        full = ahead if mask is None else some & ahead if masked == "bool" else mask.masked_fill(~ahead, -math.inf)
    for inputs in (queries, keys, values):
        inputs.requires_grad_()
    found = []
    for context in (fused(queries, keys, values, mask, causal=causal), scaled_dot_product(queries, keys, values, full)[0]):
        assert context.isfinite().all()
        found.append((context, *torch.autograd.grad(context.square().sum(), (queries, keys, values))))
    for mine, other in zip(*found, strict=True):
        close(mine, other)


def multihead(**more):
    torch.manual_seed(0)
    attention = MultiHead(12, 3, **more).eval()
    nn.init.normal_(attention.inputs.bias)
    nn.init.normal_(attention.output.bias)
    return attention


def torchs(attention):
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = attention.inputs.weight.data, attention.inputs.bias.data
    theirs.out_proj.load_state_dict(attention.output.state_dict())
    return theirs


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cross", [False, True])
def test_torchs_multihead(causal, masked, cross):
    attention = multihead()
    x, memory = torch.randn(3, 5, 12), torch.randn(3, 5, 12) if cross else None
    mask = padding(LENGTHS) if masked else None
    source = x if memory is None else memory
    ahead = None if not causal else ~look_ahead(5)
    expected, weights = torchs(attention)(
        x, source, source, None if mask is None else ~mask, attn_mask=ahead, average_attn_weights=False
    )
    close(attention(x, memory, mask, causal), expected)
    mine, shares = attention.explained(x, memory, mask, causal)
    close(mine, expected)
    close(shares, weights)


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("sizes", [[1] * 40, [7, 1, 1, 30, 1], [40]], ids=str)
def test_a_cache_is_all_at_once(rotary, sizes):
    attention, turn = multihead(), Rotary(4)
    x = torch.randn(2, 40, 12)
    with torch.no_grad():
        past, out, start = attention.begin(2), [], 0
        for size in sizes:
            found, past = attention.step(x[:, start : start + size], past, angles=turn(size, start) if rotary else None)
            out.append(found)
            start += size
        close(torch.cat(out, 1), attention(x, causal=True, angles=turn(40) if rotary else None))
    assert past.length == 40


def test_the_room_doubles_and_a_step_copies_nothing():
    past = MultiHead(12, 3).begin(2)
    places = torch.randn(2, 3, 100, 4)
    moved = 0
    for t in range(100):
        old, past = past.keys.data_ptr(), past.extended(places[:, :, t : t + 1], -places[:, :, t : t + 1])
        moved += past.keys.data_ptr() != old
    assert moved == 3  # 32, 64, 128
    close(past.seen()[0], places)
    close(past.seen()[1], -places)
    assert isinstance(past, Past)


def test_a_memory_remembered():
    attention = multihead()
    x, memory, mask = torch.randn(3, 2, 12), torch.randn(3, 5, 12), padding(LENGTHS)
    close(attention.recall(x, attention.remember(memory), mask[:, None, None]), attention(x, memory, mask))


def test_what_is_masked_changes_nothing():
    attention = multihead()
    x = torch.randn(3, 5, 12)
    before = attention(x, mask=padding(LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        close(before[row, :length], attention(x[row : row + 1, :length])[0])


def test_a_size_that_does_not_fit():
    with pytest.raises(Failure, match="size=10 is no multiple of heads=4"):
        MultiHead(10, 4)
