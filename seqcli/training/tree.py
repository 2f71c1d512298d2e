"""Trees of tensors (tuples, lists, dicts with text for keys, numbers and None in between) as named tensors and JSON, and back.

>>> import torch
>>> structure, tensors = pack((torch.zeros(2), None, [3]), "carry")
>>> structure, sorted(tensors)
(['tuple', [['tensor', 'carry.0'], ['value', None], ['list', [['value', 3]]]]], ['carry.0'])
>>> unpack(structure, tensors)
(tensor([0., 0.]), None, [3])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def pack(tree: Any, name: str) -> tuple[list[Any], dict[str, Tensor]]:
    """A tree as its structure, in JSON's values, and its tensors, whose names begin with `name`."""
    if is_plain(tree):
        return ["value", tree], {}
    if hasattr(tree, "detach"):
        return ["tensor", name], {name: tree}
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    packed = {key: pack(tree[key], f"{name}.{key}") for key in keys}
    inside = {key: structure for key, (structure, _) in packed.items()}
    tensors = {each: tensor for _, found in packed.values() for each, tensor in found.items()}
    return [type(tree).__name__, inside if isinstance(tree, dict) else list(inside.values())], tensors


def unpack(structure: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree that `pack` took apart."""
    kind, inside = structure
    if kind == "value":
        return inside
    if kind == "tensor":
        return tensors[inside]
    if kind == "dict":
        return {key: unpack(each, tensors) for key, each in inside.items()}
    return (tuple if kind == "tuple" else list)(unpack(each, tensors) for each in inside)


def each_tensor(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The tree with every tensor changed.

    Raises:
        TypeError: something is in it that could not be saved.
    """
    if is_plain(tree):
        return tree
    if hasattr(tree, "detach"):
        return change(tree)
    if type(tree) is dict:
        return {key: each_tensor(change, part) for key, part in tree.items()}
    if type(tree) in (tuple, list):
        return type(tree)(each_tensor(change, part) for part in tree)
    raise TypeError(f"a {type(tree).__name__} cannot be carried from batch to batch: tuples, lists, dicts and tensors can")


def is_plain(value: Any) -> bool:
    """What JSON holds as it is."""
    return value is None or isinstance(value, bool | int | float | str)
