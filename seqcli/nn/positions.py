"""Where a token stands, in three ways: waves (Vaswani et al. 2017), a learned row a place, rotations (RoFormer, Su et al. 2021).

All three are asked in the same way, for `length` places from `start` on. `skipped` (B,) counts the padding on the left of each row:
the first real token of a row stands at place 0, wherever its column is.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from seqcli.errors import Failure


def places(length: int, start: int, skipped: Tensor) -> Tensor:
    """(B, length) the place of each column from `start` on; padding gets place 0.

    >>> places(3, 1, torch.tensor([0, 2])).tolist()
    [[1, 2, 3], [0, 0, 1]]
    """
    columns = torch.arange(start, start + length, device=skipped.device)
    return (columns - skipped[:, None]).clamp(min=0)


class Fixed(nn.Module):
    """Rows that follow from the place alone, computed once for as many places as were asked for. Nothing of it is saved."""

    table: Tensor | None = None

    @abstractmethod
    def rows(self, places: Tensor) -> Tensor:
        """(L, 1) places, as doubles -> (L, D)."""

    def forward(self, length: int, start: int = 0, skipped: Tensor | None = None, device: torch.device | None = None) -> Tensor:
        """(length, D), or (B, length, D) with `skipped`."""
        table, device = self.table, device if skipped is None else skipped.device
        if table is None or len(table) < start + length or (device is not None and table.device != device):
            room = 1 << max(start + length, 64).bit_length()
            with torch.inference_mode(False), torch.no_grad():  # what is made in inference mode could not be trained with later
                table = self.table = self.rows(torch.arange(room, dtype=torch.float64)[:, None]).float().to(device)
        return table[start : start + length] if skipped is None else table[places(length, start, skipped)]


class Sinusoidal(Fixed):
    """PE(t, 2i) = sin(t / 10000^(2i / D)), PE(t, 2i + 1) = cos of the same (Vaswani et al. 2017, section 3.5).

    `halves` puts all sines before all cosines, as tensor2tensor, fairseq and MarianMT do.

    >>> (100 * Sinusoidal(4)(2)).int().tolist()
    [[0, 100, 0, 100], [84, 54, 0, 99]]
    """

    def __init__(self, size: int, halves: bool = False, base: float = 10000.0) -> None:
        super().__init__()
        self.size, self.halves, self.base = size, halves, base

    def rows(self, places: Tensor) -> Tensor:
        """See `Fixed.rows`."""
        sines = (self.size + 1) // 2  # one more than cosines, for an odd size
        angles = places * self.base ** (-2 * torch.arange(sines, dtype=torch.float64) / self.size)  # (L, D / 2)
        waves = torch.stack([angles.sin(), angles.cos()], 1 if self.halves else 2).flatten(1)
        return torch.cat([waves[:, :sines], waves[:, sines : self.size]], 1)


class Learned(nn.Module):
    """A row of `weight` (room, D) a place, learned. There is no place beyond `room`."""

    def __init__(self, room: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(room, size))
        nn.init.normal_(self.weight, std=0.02)

    @property
    def room(self) -> int:
        """The places there are."""
        return len(self.weight)

    def forward(
        self,
        length: int,
        start: int = 0,
        skipped: Tensor | None = None,
        device: torch.device | None = None,  # noqa: ARG002  (other positions need it)
    ) -> Tensor:
        """(length, D), or (B, length, D) with `skipped`.

        Raises:
            Failure: a place beyond the last one.
        """
        found = None if skipped is None else places(length, start, skipped)
        if (last := start + length) > self.room and (found is None or (last := int(found.max()) + 1) > self.room):
            raise Failure(f"a text of {last} tokens: the model has positions for {self.room}", hint="shorten it, or cut it up")
        return self.weight[start : start + length] if found is None else self.weight[found]


class Rotary(Fixed):
    """Angles t · base^(-2i / d) for queries and keys of d dimensions a head: their product then depends on their distance only.

    Each row is d / 2 cosines, then d / 2 sines. `rotated` turns dimension i with dimension i + d / 2, as GPT-NeoX and Llama do.
    """

    def __init__(self, dimensions: int, base: float = 10000.0) -> None:
        super().__init__()
        if dimensions % 2:
            raise Failure(
                f"rotary positions turn pairs of dimensions: {dimensions} a head is odd",
                hint="choose size and heads so that it is even",
            )
        self.dimensions, self.base = dimensions, base

    def rows(self, places: Tensor) -> Tensor:
        """See `Fixed.rows`."""
        angles = places * self.base ** (-2 * torch.arange(self.dimensions // 2, dtype=torch.float64) / self.dimensions)
        return torch.cat([angles.cos(), angles.sin()], 1)

    def extra_repr(self) -> str:
        """For people who print the model."""
        return f"{self.dimensions}, base={self.base:g}"


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Queries or keys (..., L, d) turned by `angles` (..., L, d) of `Rotary`.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> (100 * rotated(x, Rotary(2)(1, start=1))).int().tolist()   # by one radian
    [[54, 84]]
    """
    cos, sin = angles.to(x.dtype).chunk(2, -1)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
