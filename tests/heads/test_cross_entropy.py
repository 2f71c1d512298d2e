"""A softmax a few rows at a time has the loss and the gradients of one that is written down."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from seqcli.heads import cross_entropy as module
from seqcli.heads.cross_entropy import LinearCrossEntropy, linear_cross_entropy


def problem(rows=7, size=4, tokens=11, dtype=torch.float32):
    torch.manual_seed(1)
    softmax = nn.Linear(size, tokens, dtype=dtype)
    return torch.randn(rows, size, dtype=dtype, requires_grad=True), softmax, torch.randint(0, tokens, (rows,))


@pytest.mark.parametrize("numbers", [1, 33, 1 << 22])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_loss_and_gradients(monkeypatch, numbers, smoothing, scale):
    monkeypatch.setattr(module, "NUMBERS", numbers)
    states, softmax, gold = problem()
    everything = (states, softmax.weight, softmax.bias)
    expected = cross_entropy(softmax(states), gold, reduction="sum", label_smoothing=smoothing)
    found = linear_cross_entropy(states, softmax, gold, smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    wanted = torch.autograd.grad(expected * scale, everything)
    for mine, theirs in zip(torch.autograd.grad(found * scale, everything), wanted, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


def test_in_mixed_precision_as_torch():
    states, softmax, gold = problem(rows=40, size=16, tokens=50)
    found = []
    for loss in (
        lambda: linear_cross_entropy(states, softmax, gold, 0.1),
        lambda: cross_entropy(softmax(states), gold, reduction="sum", label_smoothing=0.1),
    ):
        states.grad = softmax.weight.grad = softmax.bias.grad = None
        with torch.autocast("cpu", torch.bfloat16):
            value = loss()
        value.backward()
        assert states.grad.dtype == softmax.weight.grad.dtype == torch.float32
        found.append((value.detach(), states.grad, softmax.weight.grad, softmax.bias.grad))
    for ours, torchs in zip(*found, strict=True):
        torch.testing.assert_close(ours, torchs.float(), rtol=2e-2, atol=2e-2)


def test_against_finite_differences():
    states, softmax, gold = problem(dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *x: LinearCrossEntropy.apply(*x, gold, 0.1, torch.float64), (states, softmax.weight, softmax.bias)
    )


def test_weights_that_are_an_embedding_too():
    """Both uses add to the gradient."""
    embedding, softmax = nn.Embedding(11, 4), nn.Linear(4, 11)
    softmax.weight = embedding.weight
    ids, gold = torch.tensor([1, 5, 5]), torch.tensor([5, 2, 0])
    expected = cross_entropy(softmax(embedding(ids)), gold, reduction="sum")
    (wanted,) = torch.autograd.grad(expected, [embedding.weight])
    (found,) = torch.autograd.grad(linear_cross_entropy(embedding(ids), softmax, gold), [embedding.weight])
    assert torch.allclose(found, wanted, atol=1e-5)


def test_no_rows_and_no_gradient():
    states, softmax, gold = problem(0)
    loss = linear_cross_entropy(states, softmax, gold)
    loss.backward()
    assert loss.item() == 0
    with torch.no_grad():
        assert not linear_cross_entropy(*problem()).requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        assert linear_cross_entropy(*problem()).item() == pytest.approx(linear_cross_entropy(*problem()).item(), rel=0.05)
