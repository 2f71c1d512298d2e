"""Which weights decay and which are frozen; clipping; Adafactor as in its paper."""

import pytest
import torch
from torch import nn

from seqcli.errors import UsageFailure
from seqcli.models.learning import Training
from seqcli.training import optimiser
from tests.training.tiny import Net


def test_what_decays():
    model = Net()
    decayed, others = optimiser.groups(model, decay_embeddings=False)
    assert set(decayed) == {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "out.weight"}
    assert set(decayed) | set(others) == {name for name, _ in model.named_parameters()}
    assert "embed.weight" in optimiser.groups(model, decay_embeddings=True)[0]


def test_frozen_weights_get_no_gradient_and_come_back():
    model = Net()
    with optimiser.frozen(model, ["lstm.*", "embed.weight"]):
        assert set(optimiser.trainable(model)) == {"norm.weight", "norm.bias", "out.weight", "out.bias"}
    assert len(optimiser.trainable(model)) == 9


@pytest.mark.parametrize(("pattern", "said"), [("lstn.*", "no weight"), ("*", "nothing is left")])
def test_freezing_nothing_or_all_is_refused(pattern, said):
    with pytest.raises(UsageFailure, match=said), optimiser.frozen(Net(), [pattern]):
        pass


@pytest.mark.parametrize(("limit", "value"), [(0.0, 0.0), (0.5, 0.0), (1e6, 0.0), (0.0, 0.01), (0.3, 0.02)])
def test_settle_is_the_mean_clipped_as_torch_does(limit, value):
    torch.manual_seed(1)
    sums = [torch.randn(3, 4) * 50, torch.randn(5) * 50]
    weights = [nn.Parameter(torch.zeros_like(each)) for each in sums]
    for weight, each in zip(weights, sums, strict=True):
        weight.grad = each / 40
    norm = torch.nn.utils.clip_grad_norm_(weights, limit or 1e9)
    if value:
        torch.nn.utils.clip_grad_value_(weights, value)
    found = optimiser.settle(sums, 40.0, Training(clip_norm=limit, clip_value=value))
    assert torch.allclose(found, norm)
    for weight, each in zip(weights, sums, strict=True):
        assert weight.grad is not None
        assert torch.allclose(each, weight.grad, atol=1e-7)


def test_adafactor_is_the_papers():
    """Shazeer & Stern 2018, algorithms 4 and 5, with relative step sizes (section 8)."""
    torch.manual_seed(1)
    layer = nn.Linear(4, 3).double()
    wanted = {"weight": layer.weight.detach().clone(), "bias": layer.bias.detach().clone()}
    rows, columns, full = torch.zeros(3).double(), torch.zeros(4).double(), torch.zeros(3).double()
    found = optimiser.optimiser(layer, Training(optimizer="adafactor", rate=0.01, weight_decay=0.0))
    for step in range(1, 6):
        gradients = {"weight": torch.randn(3, 4).double(), "bias": torch.randn(3).double()}
        layer.weight.grad, layer.bias.grad = gradients["weight"].clone(), gradients["bias"].clone()
        found.step()
        keep = 1 - step**-0.8
        square = gradients["weight"] ** 2
        rows, columns = keep * rows + (1 - keep) * square.mean(1), keep * columns + (1 - keep) * square.mean(0)
        full = keep * full + (1 - keep) * gradients["bias"] ** 2
        changes = {
            "weight": gradients["weight"] / (rows[:, None] * columns[None] / rows.mean()).sqrt(),
            "bias": gradients["bias"] / full.sqrt(),
        }
        for name, change in changes.items():
            clipped = change / max(1.0, float(change.square().mean().sqrt()))
            scale = max(1e-3, float(wanted[name].square().mean().sqrt()))
            wanted[name] -= min(0.01, step**-0.5) * scale * clipped
    assert torch.allclose(layer.weight, wanted["weight"], atol=1e-9)
    assert torch.allclose(layer.bias, wanted["bias"], atol=1e-9)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "adafactor"])
def test_an_optimiser_forgets_nothing_on_the_way_through_tensors(name):
    settings = Training(optimizer=name, momentum=0.9)

    def after(steps: int, torn: bool) -> list[torch.Tensor]:
        torch.manual_seed(2)
        model = Net()
        names = {id(weight): each for each, weight in model.named_parameters()}
        found = optimiser.optimiser(model, settings)
        for step in range(steps):
            if torn and step == 3:
                state = {key: value.clone() for key, value in optimiser.state_of(found, names).items()}
                found = optimiser.optimiser(model, settings)
                optimiser.restore(found, names, state)
            for weight in model.parameters():
                weight.grad = torch.randn_like(weight)
            found.step()
        return list(model.parameters())

    assert all(torch.equal(one, other) for one, other in zip(after(6, False), after(6, True), strict=True))


def test_what_has_learned_before_learns_more_slowly():
    found = optimiser.optimiser(Net(), Training(rate=0.5, slow=("lstm.*",), slow_rate=0.1))
    slow = {id(weight) for group in found.param_groups if group["share"] == 0.1 for weight in group["params"]}
    assert slow == {id(weight) for group in found.param_groups if group["lr"] == 0.05 for weight in group["params"]}
    assert len(slow) == 4  # of 9
    with pytest.raises(UsageFailure, match="slow=lstn"):
        optimiser.optimiser(Net(), Training(slow=("lstn.*",)))
