"""The optimisers, what of a model they change, and the gradients that they are given.

AdamW: Loshchilov & Hutter 2019; Adam: Kingma & Ba 2015; Adafactor: Shazeer & Stern 2018. They are torch's, in one fused kernel
where the device has it. Adafactor's rate is relative to the root mean square of each tensor, and never above 1 / √step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seqcli.errors import UsageFailure, nearest
from seqcli.models.learning import Training


def optimiser(model: nn.Module, settings: Training) -> Optimizer:
    """The optimiser of a model's weights that are not frozen: in groups with and without weight decay, of the full rate and a share.

    Raises:
        UsageFailure: a pattern of `slow` fits no weight.
    """
    slow = named_by(model, settings.slow, "slow")
    parts: list[dict[str, Any]] = []
    for weights, decay in zip(groups(model, settings.decay_embeddings), (settings.weight_decay, 0.0), strict=True):
        for share, here in ((1.0, weights.keys() - slow.keys()), (settings.slow_rate, weights.keys() & slow.keys())):
            chosen = [weight for name, weight in weights.items() if name in here]
            parts += [{"params": chosen, "weight_decay": decay, "share": share, "lr": settings.rate * share}] if chosen else []
    fused = all(weight.device.type in ("cpu", "cuda") for part in parts for weight in part["params"])
    if settings.optimizer == "adafactor":
        return torch.optim.Adafactor(parts, lr=settings.rate)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parts, lr=settings.rate, momentum=settings.momentum, fused=fused)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(parts, lr=settings.rate, betas=(settings.beta1, settings.beta2), eps=settings.epsilon, fused=fused)


def groups(model: nn.Module, decay_embeddings: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights that decay, and the others: biases, norms, what is frozen nowhere, and embeddings unless they shall, too.

    A matrix that is an embedding and an output layer in one is an embedding.

    >>> model = nn.ModuleDict({"embed": nn.Embedding(5, 2), "norm": nn.LayerNorm(2), "out": nn.Linear(2, 5)})
    >>> [list(group) for group in groups(model, decay_embeddings=False)]
    [['out.weight'], ['embed.weight', 'norm.weight', 'norm.bias', 'out.bias']]
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
    weights = trainable(model)
    decayed = {name: w for name, w in weights.items() if w.ndim > 1 and (decay_embeddings or id(w) not in embeddings)}
    return decayed, {name: weight for name, weight in weights.items() if name not in decayed}


def trainable(model: nn.Module) -> dict[str, Tensor]:
    """The weights that learn, by name; a tied one once."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def named_by(model: nn.Module, patterns: Sequence[str], setting: str) -> dict[str, Tensor]:
    """The weights whose name fits one of the patterns of a setting.

    Raises:
        UsageFailure: a pattern fits none.
    """
    weights = dict(model.named_parameters())
    parts = dict.fromkeys(f"{name.partition('.')[0]}.*" for name in weights)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in weights):
            raise UsageFailure(f"{setting}={pattern}: no weight has such a name", hint=nearest(pattern, parts))
    return {name: weight for name, weight in weights.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}


@contextmanager
def frozen(model: nn.Module, patterns: Sequence[str]) -> Iterator[None]:
    """While this lasts, weights whose name fits one of the patterns do not learn.

    Raises:
        UsageFailure: a pattern fits no weight, or they leave nothing to learn.
    """
    stopped = [weight for weight in named_by(model, patterns, "freeze").values() if weight.requires_grad]
    for weight in stopped:
        weight.requires_grad_(False)
    try:
        if not trainable(model):
            raise UsageFailure(f"freeze={','.join(patterns)}: nothing is left to learn")
        yield
    finally:
        for weight in stopped:
            weight.requires_grad_(True)


@torch.no_grad()
def settle(gradients: list[Tensor], units: float, settings: Training) -> Tensor:
    """Turn the gradients of a summed loss into those of its mean over `units`, and clip them, in place.

    Returns:
        the norm of the mean's gradient before it was clipped, a scalar.
    """
    norm = torch.nn.utils.get_total_norm(gradients) / units
    factor = torch.ones_like(norm)
    if settings.clip_norm:
        factor = (settings.clip_norm / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(gradients, factor / units)
    if settings.clip_value:
        torch._foreach_clamp_min_(gradients, -settings.clip_value)
        torch._foreach_clamp_max_(gradients, settings.clip_value)
    return norm


def state_of(found: Optimizer, names: Mapping[int, str]) -> dict[str, Tensor]:
    """What an optimiser remembers, as tensors named `weight/what`; `names` are those of the weights by identity."""
    state: dict[str, Tensor] = {}
    for group in found.param_groups:
        for weight in group["params"]:
            for what, value in found.state.get(weight, {}).items():
                if value is not None:
                    state[f"{names[id(weight)]}/{what}"] = torch.as_tensor(value)
    return state


def restore(found: Optimizer, names: Mapping[int, str], state: Mapping[str, Tensor]) -> None:
    """Give an optimiser its memory back."""
    remembered: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        name, _, what = key.rpartition("/")
        remembered.setdefault(name, {})[what] = value
    weights = [weight for group in found.param_groups for weight in group["params"]]
    by_number = {number: remembered[names[id(weight)]] for number, weight in enumerate(weights) if names[id(weight)] in remembered}
    found.load_state_dict({"state": by_number, "param_groups": found.state_dict()["param_groups"]})
