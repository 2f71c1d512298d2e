"""Laws of means of weights."""

import pytest
import torch
from torch import nn

from seqcli.training.average import Keeper, MovingAverage, copied, mean, put, weights
from tests.training.tiny import Net, same


def test_weights_put_back_are_the_same():
    model = Net()
    kept = copied(weights(model))
    other = Net()
    put(other, kept)
    assert same(model, other)
    with torch.no_grad():
        model.out.weight.zero_()
    assert not same(model, other)


def test_tied_weights_count_once():
    model = nn.ModuleDict({"embed": nn.Embedding(4, 3), "out": nn.Linear(3, 4)})
    model["out"].weight = model["embed"].weight
    assert set(weights(model)) == {"embed.weight", "out.bias"}
    assert len(MovingAverage(model, 0.9).shadow) == 2


def test_the_mean_of_one_is_itself_and_whole_numbers_are_the_last():
    one = {"w": torch.randn(3), "n": torch.tensor(4)}
    two = {"w": torch.randn(3), "n": torch.tensor(6)}
    assert torch.equal(mean([one])["w"], one["w"])
    assert torch.allclose(mean([one, two])["w"], (one["w"] + two["w"]) / 2)
    assert mean([one, two])["n"] == 6


def test_the_moving_average_is_its_recurrence():
    torch.manual_seed(1)
    model = nn.Linear(2, 2)
    ema = MovingAverage(model, 0.9)
    wanted = model.weight.detach().clone()
    for step in range(1, 200):
        with torch.no_grad():
            model.weight.copy_(torch.randn(2, 2))
        ema.follow(step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * model.weight.detach()
    assert torch.allclose(ema.shadow["weight"], wanted, atol=1e-6)


def test_weights_that_do_not_move_are_their_own_average():
    model = nn.Linear(2, 2)
    ema = MovingAverage(model, 0.99)
    for step in range(1, 20):
        ema.follow(step)
    assert torch.equal(ema.shadow["weight"], model.weight)


def test_the_average_is_shown_for_a_while():
    model = nn.Linear(2, 2)
    before = copied(weights(model))
    ema = MovingAverage(model, 0.9)
    ema.shadow["weight"].zero_()
    with ema.shown():
        assert not model.weight.any()
    assert torch.equal(model.weight, before["weight"])


@pytest.mark.parametrize(("keep", "wanted"), [("best", 2.0), ("average", 3.5), ("last", None)])
def test_what_is_kept(keep, wanted):
    model = nn.Linear(1, 1, bias=False)
    keeper = Keeper(keep, 2)
    for value, best in ((1.0, True), (2.0, True), (3.0, False), (4.0, False)):
        with torch.no_grad():
            model.weight.fill_(value)
        keeper.see(model, best)
    found = keeper.chosen()
    assert (float(found["weight"]) if found else None) == wanted
