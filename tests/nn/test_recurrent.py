"""Recurrent layers: the kernels equal the definition, step by step equals all at once, and both equal torch's own modules."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import nn

from seqcli.errors import UsageFailure
from seqcli.nn.dropout import Embedding, Locked, weights_dropped
from seqcli.nn.recurrent import KINDS, Recurrent

LENGTHS = torch.tensor([3, 7, 1, 5])
SHAPES = [
    {"layers": layers, "bidirectional": both, "residual": residual}
    for layers, both, residual in product((1, 3), (False, True), (False, True))
]


def close(mine, theirs, atol=1e-5):
    if isinstance(mine, tuple):
        for one, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=atol, rtol=0)
    else:
        torch.testing.assert_close(mine, theirs, atol=atol, rtol=0)


def pair(kind, state):
    """A state of that kind, from a tensor."""
    return (state, state.flip(0)) if kind == "lstm" else state


def network(kind, **shape):
    torch.manual_seed(0)
    model = Recurrent(kind, 6, 5, **shape).eval()
    for parameter in model.parameters():  # larger than at the start, so that gates matter
        nn.init.normal_(parameter, std=0.2 if kind == "irnn" else 0.6)
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("ragged", [False, True])
def test_kernels_are_the_definition(kind, shape, ragged):
    model = network(kind, **shape)
    x = torch.randn(4, 7, 6)
    lengths = LENGTHS if ragged else None
    state = pair(kind, torch.randn(4, model.layers * model.directions, 5))
    for before in (None, state):
        found, defined = model(x, lengths, before), model.unrolled(x, lengths, before)
        assert found[0].shape == (4, 7, model.size)
        close(found[0], defined[0])
        close(found[1], defined[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
def test_torchs_modules_with_the_same_weights(kind, layers, both):
    model = network(kind, layers=layers, bidirectional=both)
    theirs = KINDS[kind].kernel(6, 5, layers, batch_first=True, bidirectional=both)
    theirs.load_state_dict({name.removeprefix("kernels.0."): value for name, value in model.state_dict().items()})
    x = torch.randn(4, 7, 6)
    states, last = model.unrolled(x)
    expected, reached = theirs(x)
    close(states, expected)
    close(last, tuple(each.transpose(0, 1) for each in reached) if kind == "lstm" else reached.transpose(0, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if not shape["bidirectional"]], ids=str)
def test_a_step_at_a_time_is_all_at_once(kind, shape):
    model = network(kind, **shape)
    x = torch.randn(4, 7, 6)
    state, out = model.begin(4), []
    for t in range(7):
        states, state = model.step(x[:, t], state)
        out.append(states)
    expected, last = model(x)
    close(torch.stack(out, 1), expected)
    close(state, last)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("residual", [False, True])
def test_a_padded_batch_is_its_rows(kind, residual):
    model = network(kind, layers=2, bidirectional=True, residual=residual)
    x = torch.randn(4, 7, 6)
    states, last = model(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, reached = model(x[row : row + 1, :length])
        close(states[row, :length], alone[0])
        assert not states[row, length:].any()
        for mine, other in zip(last if kind == "lstm" else [last], reached if kind == "lstm" else [reached], strict=True):
            close(mine[row], other[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_carries_over(kind):
    model = network(kind, layers=2)
    x = torch.randn(4, 7, 6)
    first, state = model(x[:, :3])
    second, last = model(x[:, 3:], state=state)
    whole, end = model(x)
    close(torch.cat([first, second], 1), whole)
    close(last, end)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_kernel_and_definition_agree(kind):
    model = network(kind, layers=2, bidirectional=True)
    x = torch.randn(4, 7, 6)
    found = []
    for run in (model.forward, model.unrolled):
        model.zero_grad()
        run(x, LENGTHS)[0].square().sum().backward()
        found.append([parameter.grad.clone() for parameter in model.parameters()])
    for mine, other in zip(*found, strict=True):
        assert mine.abs().sum() > 0
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


def test_how_they_begin():
    lstm = Recurrent("lstm", 6, 5, layers=2, bidirectional=True)
    for layer, direction in product(range(2), range(2)):
        weights = lstm.weights(layer, direction)
        assert (weights.input_bias + weights.hidden_bias)[5:10].tolist() == [1.0] * 5
    irnn = Recurrent("irnn", 6, 5).weights(0)
    assert torch.equal(irnn.hidden, torch.eye(5))
    assert not irnn.input_bias.any()
    with pytest.raises(UsageFailure, match="did you mean 'lstm'"):
        Recurrent("lsmt", 6, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_weights_reach_the_weights(kind):
    model = Recurrent(kind, 6, 5, weight_drop=0.5).train()
    x = torch.randn(4, 7, 6)
    torch.manual_seed(3)
    states, _ = model(x, LENGTHS)
    states.sum().backward()
    hidden = model.weights(0).hidden
    assert hidden.grad is not None
    torch.manual_seed(3)
    dropped = copy.deepcopy(model).eval()
    with torch.no_grad():
        weights = dropped.weights(0).hidden
        weights.copy_(nn.functional.dropout(weights, 0.5))
    close(states, dropped(x, LENGTHS)[0])
    gone = (dropped.weights(0).hidden == 0) & (hidden != 0)
    assert gone.any()
    assert not hidden.grad[gone].any()  # a weight that was dropped had no part in it
    close(model.eval()(x)[0], model.unrolled(x)[0])


def test_weights_are_whole_again_after_an_error():
    kernel = nn.LSTM(3, 3)
    with pytest.raises(ZeroDivisionError), weights_dropped(kernel, 0.5):
        raise ZeroDivisionError
    assert kernel._flat_weights[1] is kernel.weight_hh_l0


def test_locked_dropout_drops_the_same_everywhere():
    torch.manual_seed(0)
    x = torch.ones(3, 50, 200)
    dropped = Locked(0.3).train()(x)
    assert (dropped == dropped[:, :1]).all()
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(Locked(0.3).eval()(x), x)


def test_embedding_dropout_drops_whole_words():
    torch.manual_seed(0)
    embedding = Embedding(50, 8, 0.4).train()
    ids = torch.arange(50).repeat(2, 2)
    found = embedding(ids) / embedding.weight[ids]
    close(found[0, :50], found[1, 50:])
    close(found, found[..., :1].expand_as(found))
    assert {round(value, 3) for value in found.flatten().tolist()} == {0.0, round(1 / 0.6, 3)}


def test_dropout_is_between_layers_only():
    x = torch.randn(2, 4, 6)
    for locked in (False, True):
        single = Recurrent("gru", 6, 5, dropout=0.9, locked=locked).train()
        close(single(x)[0], single.unrolled(x)[0])
        deep = Recurrent("gru", 6, 5, layers=2, dropout=0.9, locked=locked).train()
        assert not torch.allclose(deep(x)[0], deep.unrolled(x)[0])
        close(deep.eval()(x)[0], deep.unrolled(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_learning_to_carry_a_bit(kind):
    """The first input, remembered over 12 places of noise."""
    torch.manual_seed(0)
    model, head = Recurrent(kind, 2, 16), nn.Linear(16, 1)
    optimiser = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=0.01)
    for _ in range(150):
        x = torch.randn(64, 12, 2) * 0.3
        bits = torch.randint(2, (64,)).float()
        x[:, 0, 0] = 2 * bits - 1
        loss = nn.functional.binary_cross_entropy_with_logits(head(model(x)[0][:, -1])[:, 0], bits)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    assert loss.item() < 0.1
