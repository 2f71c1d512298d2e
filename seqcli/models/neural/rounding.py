"""Weights in a quarter of the space: each row of a matrix as whole numbers from -127 to 127, and one scale.

A number is off by at most half a scale, 1/254 of the largest of its row. What is no matrix (biases, norms), and positions, stay as they
are. The scales of `NAME.weight` are called `NAME.scales`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqcli.data.examples import AnyArray

LEVELS = 127  # on either side of 0
WEIGHT, SCALES = ".weight", ".scales"
WHOLE = ("positions.weight",)  # few numbers, which are added to vectors and not multiplied


def rounded(tensors: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """The tensors with their matrices rounded, and scales beside these.

    >>> found = rounded({"a.weight": np.array([[2.0, -1.0], [0.0, 0.0]], np.float32), "a.bias": np.zeros(2, np.float32)})
    >>> found["a.weight"].tolist(), (127 * found["a.scales"]).tolist(), found["a.bias"].dtype
    ([[127, -64], [0, 0]], [2.0, 0.0], dtype('float32'))
    >>> (100 * whole(found)["a.weight"]).astype(int).tolist()
    [[200, -100], [0, 0]]
    """
    found: dict[str, AnyArray] = {}
    for name, tensor in tensors.items():
        if tensor.ndim != 2 or not name.endswith(WEIGHT) or name in WHOLE or tensor.dtype == np.int8:
            found[name] = tensor
            continue
        scales = (np.abs(tensor).max(axis=1, initial=0) / LEVELS).astype(np.float32)
        steps = np.rint(tensor / np.where(scales > 0, scales, 1)[:, None]).clip(-LEVELS, LEVELS)
        found |= {name: steps.astype(np.int8), name.removesuffix(WEIGHT) + SCALES: scales}
    return found


def is_rounded(tensors: Mapping[str, AnyArray]) -> bool:
    """Whether there are rounded matrices among some tensors."""
    return any(tensor.dtype == np.int8 for tensor in tensors.values())


def whole(tensors: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """The tensors as floating numbers, scales left out."""
    found = {}
    for name, tensor in tensors.items():
        scales = tensors.get(name.removesuffix(WEIGHT) + SCALES) if name.endswith(WEIGHT) else None
        if scales is not None and tensor.dtype == np.int8 and scales.shape == tensor.shape[:1]:
            found[name] = tensor.astype(np.float32) * scales[:, None]
        elif not (name.endswith(SCALES) and name.removesuffix(SCALES) + WEIGHT in tensors):
            found[name] = tensor
    return found
