"""The weights of a network as the tensors of a model folder."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from seqcli.data import folder
from seqcli.data.examples import AnyArray
from seqcli.errors import Failure
from seqcli.models.neural.rounding import whole


def weights_of(module: nn.Module) -> dict[str, AnyArray]:
    """The weights by name; what is tied to another once."""
    return {name: weight.detach().cpu().numpy() for name, weight in module.named_parameters()}


def load_weights(module: nn.Module, tensors: Mapping[str, AnyArray]) -> None:
    """Put weights from a model folder, rounded or not, into a network.

    Raises:
        Failure: they do not fit, or are not numbers.
    """
    own, tensors = dict(module.named_parameters()), whole(tensors)
    for name, weight in own.items():
        array = folder.take(tensors, name, *weight.shape)
        if not np.isfinite(array).all():
            raise Failure(f"{folder.WEIGHTS}: the tensor {name!r} has values that are not numbers", hint="train it again")
        with torch.no_grad():
            weight.copy_(torch.from_numpy(array))
    module.eval()
