"""A linear layer that can be packed for writing texts.

A step of generation multiplies every weight by a handful of rows. Such a product takes as long as the weights take to come from memory,
and in the order in which they are kept for training they come slowly. After `pack`, oneDNN has the matrices in blocks of its own order,
and for a single row they are kept transposed: with 1 to 32 rows a product is then 1.5 to 3 times faster.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import linear


class Activation(NamedTuple):
    """A function, and what oneDNN calls it, which applies it while a product is still in the cache."""

    function: Callable[[Tensor], Tensor]
    name: str
    algorithm: str = ""


ACTIVATIONS = {
    "relu": Activation(functional.relu, "relu"),
    "gelu": Activation(functional.gelu, "gelu", "none"),
    "gelu-tanh": Activation(partial(functional.gelu, approximate="tanh"), "gelu", "tanh"),  # GPT-2's
    "silu": Activation(functional.silu, "swish"),  # Marian's, where it is called swish
}
ROWS = 32  # that oneDNN is told to expect; its order for these serves one row and hundreds as well


class Linear(nn.Linear):
    """x Wᵀ + b, as torch's.

    After `pack`, and where no gradients are wanted, products are with packed weights, until the next training.

    >>> layer = Linear(4, 3)
    >>> x = torch.randn(2, 4)
    >>> with torch.no_grad():
    ...     before = layer(x)
    ...     pack(layer)
    ...     torch.allclose(layer(x), before, atol=1e-6), torch.allclose(layer.some(x, 0, 2), before[:, :2], atol=1e-6)
    (True, True)
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.packed: dict[tuple[int, int, bool], Tensor] | None = None  # None: never asked for
        self.state: tuple[int, int] = (0, 0)  # of the weights that were packed

    def forward(self, x: Tensor, activation: str = "") -> Tensor:
        """(…, inputs) -> (…, outputs); with an activation, one of `ACTIVATIONS`, what it makes of them."""
        if self.packed is None or torch.is_grad_enabled():
            y = super().forward(x)
            return ACTIVATIONS[activation].function(y) if activation else y
        return self.product(x, 0, self.out_features, activation)

    def some(self, x: Tensor, start: int, end: int) -> Tensor:
        """The outputs from `start` to `end` alone, (…, inputs) -> (…, end - start)."""
        if self.packed is None or torch.is_grad_enabled():
            return linear(x, self.weight[start:end], None if self.bias is None else self.bias[start:end])
        return self.product(x, start, end)

    def product(self, x: Tensor, start: int, end: int, activation: str = "") -> Tensor:
        """With packed weights, which are packed now if they were not, or have changed."""
        assert self.packed is not None
        state = (self.weight._version, self.weight.data_ptr())
        if state != self.state:
            self.packed, self.state = {}, state
        single = x.numel() == self.in_features
        bias = self.bias if self.bias is None or end - start == self.out_features else self.bias[start:end]
        found = self.packed.get((start, end, single))
        if found is None:
            weight = self.weight[start:end].detach()
            found = weight.T.contiguous() if single else torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
            self.packed[start, end, single] = found
        if single:
            y = x.reshape(1, -1) @ found if bias is None else torch.addmm(bias, x.reshape(1, -1), found)
            y = y.view(*x.shape[:-1], end - start)
            return ACTIVATIONS[activation].function(y) if activation else y
        name, algorithm = ACTIVATIONS[activation][1:] if activation else ("none", "")
        return torch.ops.mkldnn._linear_pointwise(x, found, bias, name, [], algorithm)  # type: ignore[no-any-return]  # torch types no ops

    def train(self, mode: bool = True) -> Self:
        """As torch's. Weights change in training, and fused optimizers do not count it as a new version: what is packed is dropped."""
        if mode:
            self.packed = None
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"packed": None}  # packed weights cannot be copied


def pack(module: nn.Module) -> None:
    """Until they are trained on, the linear layers of a module use packed weights where no gradients are wanted.

    Nothing happens off the CPU, in other precisions than float32, and where torch has no oneDNN.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch's own is untyped
        return
    for layer in module.modules():
        if isinstance(layer, Linear) and layer.weight.device.type == "cpu" and layer.weight.dtype == torch.float32:
            layer.packed = layer.packed if layer.packed is not None else {}
