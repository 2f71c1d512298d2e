"""Positions against their formulas and against transformers."""

from __future__ import annotations

import math

import pytest
import torch

from seqcli.errors import Failure
from seqcli.nn.positions import Learned, Rotary, Sinusoidal, places, rotated


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("size", [2, 7, 16])
def test_sinusoidal_is_the_papers_formula(size, halves):
    table = Sinusoidal(size, halves)(50, start=3)
    for place in (3, 10, 52):
        sines = [math.sin(place / 10000 ** (2 * i / size)) for i in range((size + 1) // 2)]
        cosines = [math.cos(place / 10000 ** (2 * i / size)) for i in range(size // 2)]
        expected = [*sines, *cosines] if halves else [wave for i in range(size) for wave in ((sines, cosines)[i % 2][i // 2],)]
        torch.testing.assert_close(table[place - 3], torch.tensor(expected), atol=1e-6, rtol=0)


def test_marian_has_halves():
    from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

    theirs = MarianSinusoidalPositionalEmbedding(20, 16)
    theirs.weight.data = theirs.create_weight()
    torch.testing.assert_close(Sinusoidal(16, halves=True)(20), theirs.weight.detach(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "make", [lambda: Learned(200, 8), lambda: Sinusoidal(8), lambda: Rotary(8)], ids=["learned", "sinusoidal", "rotary"]
)
def test_places_from_a_start_and_with_padding(make):
    positions = make()
    whole = positions(130)
    assert torch.equal(positions(5, start=100), whole[100:105])
    skipped = torch.tensor([0, 2, 7])
    found = positions(4, 3, skipped)
    for row, count in enumerate(skipped.tolist()):
        for column in range(4):
            assert torch.equal(found[row, column], whole[max(0, 3 + column - count)])
    assert places(1, 9, skipped).tolist() == [[9], [7], [2]]


def test_learned_positions_end_somewhere():
    positions = Learned(8, 4)
    with pytest.raises(Failure, match="a text of 9 tokens: the model has positions for 8"):
        positions(9)
    assert positions(4, 6, torch.tensor([2, 5])).shape == (2, 4, 4)  # counted without padding, all within
    with pytest.raises(Failure, match="10 tokens"):
        positions(4, 6, torch.tensor([0, 5]))


def test_rotary_is_llamas():
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    theirs = LlamaRotaryEmbedding(LlamaConfig(hidden_size=64, num_attention_heads=4))
    torch.manual_seed(0)
    queries, keys = torch.randn(2, 3, 4, 20, 16).unbind()
    cos, sin = theirs(queries, torch.arange(5, 25)[None])
    angles = Rotary(16)(20, start=5)
    for mine, other in zip(
        (rotated(queries, angles), rotated(keys, angles)), apply_rotary_pos_emb(queries, keys, cos, sin), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=0)


def test_rotated_products_depend_on_the_distance_alone():
    torch.manual_seed(1)
    query, key = torch.randn(2, 1, 8)
    rotary = Rotary(8)
    products = [rotated(query, rotary(1, t + 3)) @ rotated(key, rotary(1, t)).T for t in (0, 4, 90)]
    torch.testing.assert_close(products[1], products[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(products[2], products[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(rotated(query, rotary(1, 7)).norm(), query.norm())


def test_rotary_needs_pairs():
    with pytest.raises(Failure, match="odd"):
        Rotary(5)


def test_fixed_positions_are_not_saved_and_can_be_trained_with_after_inference():
    positions = Sinusoidal(4)
    with torch.inference_mode():
        positions(3)
    assert not positions.state_dict()
    x = torch.randn(3, 4, requires_grad=True)
    (x * positions(3)).sum().backward()
    assert x.grad is not None
