"""Who may look at what: boolean masks, True = may be looked at.

A batch of texts is padded on the right for training and on the left for generation, where the next token of every row then stands in
the same column. A model that only looks back needs no mask for padding on the right: no real token ever looks there.
"""

from __future__ import annotations

import torch
from torch import Tensor


def padding(lengths: Tensor, size: int | None = None) -> Tensor:
    """(B,) lengths -> (B, L): the places of each row that are not padding on the right.

    >>> padding(torch.tensor([1, 3])).int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    size = int(lengths.max()) if size is None else size
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def left_padding(skipped: Tensor, size: int) -> Tensor:
    """(B,) places of padding on the left -> (B, L): those that are not.

    >>> left_padding(torch.tensor([2, 0]), 3).int().tolist()
    [[0, 0, 1], [1, 1, 1]]
    """
    return torch.arange(size, device=skipped.device) >= skipped[:, None]


def look_ahead(queries: int, keys: int | None = None, device: torch.device | str | None = None) -> Tensor:
    """(T, S): a place may look at itself and at those before it. The T queries are the last T of the S keys.

    >>> look_ahead(2, 4).int().tolist()
    [[1, 1, 1, 0], [1, 1, 1, 1]]
    """
    keys = queries if keys is None else keys
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def written(skipped: Tensor, queries: int, keys: int) -> Tensor:
    """(B, T, S): as `look_ahead`, in rows with so much padding on the left. Padding sees itself, since softmax has to see something.

    >>> written(torch.tensor([1]), 3, 3).int().tolist()
    [[[1, 0, 0], [0, 1, 0], [0, 1, 1]]]
    """
    real = left_padding(skipped, keys)[:, None]  # (B, 1, S)
    if queries == 1:
        return real  # the last column is never padding
    itself = torch.eye(keys, dtype=torch.bool, device=skipped.device)[keys - queries :]
    return real & look_ahead(queries, keys, skipped.device) | itself


def right_aligned(x: Tensor, lengths: Tensor) -> Tensor:
    """(B, L, ...) padded on the right -> padded on the left, with what padding there was.

    >>> right_aligned(torch.tensor([[7, 8, 0], [4, 5, 6]]), torch.tensor([2, 3])).tolist()
    [[0, 7, 8], [4, 5, 6]]
    """
    places = (torch.arange(x.shape[1], device=x.device) + lengths[:, None]) % max(x.shape[1], 1)  # (B, L)
    return x[torch.arange(len(x), device=x.device)[:, None], places]


def spread(mask: Tensor) -> Tensor:
    """A mask with a dimension for heads and one for queries, (B, h | 1, T | 1, S), from (B, S), (B, T, S) or itself."""
    if mask.dim() == 2:
        return mask[:, None, None]
    return mask[:, None] if mask.dim() == 3 else mask
