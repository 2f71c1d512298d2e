"""Packed products are the products."""

import copy

import pytest
import torch

from seqcli.nn.linear import ACTIVATIONS, Linear, pack
from seqcli.nn.transformer import Shape, Stack


@pytest.mark.parametrize("rows", [(1,), (2,), (5,), (33,), (1, 1), (4, 3), ()])
@pytest.mark.parametrize("bias", [True, False])
def test_packed_is_unpacked(rows, bias):
    torch.manual_seed(0)
    layer = Linear(24, 40, bias=bias)
    x = torch.randn(*rows, 24)
    with torch.inference_mode():
        whole, some = layer(x), layer.some(x, 8, 24)
        pack(layer)
        torch.testing.assert_close(layer(x), whole, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(layer.some(x, 8, 24), some, rtol=1e-5, atol=1e-6)


def test_rows_that_lie_apart():
    layer = Linear(6, 4)
    x = torch.randn(6, 5).T
    with torch.no_grad():
        expected = layer(x)
        pack(layer)
        torch.testing.assert_close(layer(x), expected)
        torch.testing.assert_close(layer(x[:1]), expected[:1])


@pytest.mark.parametrize("rows", [1, 3])
def test_weights_that_change_are_packed_anew(rows):
    layer = Linear(6, 4)
    x = torch.randn(rows, 6)
    with torch.no_grad():
        pack(layer)
        layer(x)
        layer.weight.mul_(2)
        torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_weights_that_are_learned_are_packed_anew():
    layer = Linear(6, 4)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)
    x = torch.randn(3, 6)
    for _ in range(3):
        layer.train()
        layer(x).square().sum().backward()
        optimizer.step()
        layer.eval()
        pack(layer)
        with torch.inference_mode():
            torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_gradients_go_past_what_is_packed():
    layer = Linear(6, 4)
    pack(layer)
    with torch.no_grad():
        layer(torch.randn(3, 6))
    layer(torch.randn(3, 6)).sum().backward()
    assert layer.weight.grad is not None


def test_a_copy_is_not_packed():
    stack = Stack(Shape(size=8, heads=2, layers=1, inner=16)).eval()
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        pack(stack)
        expected = stack(x)
        again = copy.deepcopy(stack)
        torch.testing.assert_close(again(x), expected)
    assert "packed" not in "".join(stack.state_dict())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rows", [1, 7])
def test_activations(activation, rows):
    layer, x = Linear(24, 40), torch.randn(rows, 24)
    expected = ACTIVATIONS[activation].function(x @ layer.weight.T + layer.bias)
    torch.testing.assert_close(layer(x, activation), expected)
    with torch.no_grad():
        pack(layer)
        torch.testing.assert_close(layer(x, activation), expected, rtol=1e-5, atol=1e-5)
