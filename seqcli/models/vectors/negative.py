"""Skip-gram with negative sampling (Mikolov et al. 2013b) as matrix products.

A tile is T words that stand together. Its inputs X are the vectors of its words, its outputs Z the vectors of the same words and their
neighbours, and of S words drawn as noise for the tile. With L = X Zᵀ the log-likelihood of a pair (j, i) and its k noise words is

    log σ(L_ji) + k E_n log σ(-L_jn),   so   ∂/∂L = A - B σ(L)

where A has the pair's weight, B the same, and for a noise word k / S times the weights of all pairs of j. A noise word that is the
pair's own output does not count: in the mean over draws that takes k p(i) from the pair's B. The gradients are G Z and Gᵀ X, G = ∂/∂L.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray
from seqcli.models.vectors.inputs import EASY, Damping, Inputs, tiles
from seqcli.models.vectors.loop import Rows, Update, tensors
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.stream import Stretch
from seqcli.models.vectors.vocabulary import Alias, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor


def shared(settings: Settings, pairs: int) -> int:
    """How many noise words a tile of so many pairs shares: as set, or so many that one of them does not change too far in a step."""
    return max(settings.shared, int(settings.rate * pairs * settings.negative))


@dataclass(frozen=True)
class Block:
    """n tiles."""

    x: Any  # n * T inputs
    z: Rows  # n * (T + 2 window + S) outputs, then noise
    positive: Tensor  # (n, T, 2 window + 1) A, along the diagonal
    total: Tensor  # (n, T, 2 window + 1) B, along the diagonal
    noise: Tensor  # (n, T, 1) B of noise


class Scratch:
    """Memory for A, B and G, (n, T, T + 2 window + S); in A and B all but a diagonal band and the noise stays 0."""

    def __init__(self, most: int, tile: int, window: int, shared: int, device: str) -> None:
        import torch

        width = tile + 2 * window + shared
        self.a, self.b, self.g = (torch.zeros(most, tile, width, device=device) for _ in range(3))
        shape, strides = (most, tile, 2 * window + 1), (tile * width, width + 1, 1)
        self.band_a, self.band_b = (each.as_strided(shape, strides) for each in (self.a, self.b))
        self.noise_b = self.b[:, :, tile + 2 * window :]


class NegativeSampling:
    """Skip-gram: each word predicts those around it, and not the noise."""

    def __init__(self, vocabulary: Vocabulary, inputs: Inputs, outputs: Tensor, settings: Settings) -> None:
        self.inputs, self.outputs, self.settings = inputs, outputs, settings
        self.tables = [inputs.table, outputs]
        self.kept = vocabulary.kept(settings.sample)
        share = vocabulary.noise(settings.noise_power)
        self.alias = Alias.of(share)
        self.own = (1 - settings.negative * share).astype(np.float32)  # what is left of B for a pair
        seen = vocabulary.counts * self.kept
        often: DoubleArray = (settings.window + 1) * seen / seen.sum()  # pairs of a place, in the mean
        self.shared = shared(settings, settings.tile * (settings.window + 1))
        with_noise = often + settings.negative * (settings.window + 1) * share
        self.tiles = tiles(inputs.alike(seen / seen.sum()), settings, settings.tile)
        places = self.tiles * settings.threads * settings.tile
        inputs.damp(places * often * (1 + settings.negative), EASY)
        of_one_draw = settings.tile * (settings.window + 1) * settings.negative / self.shared
        self.damp_z = Damping(places * with_noise + of_one_draw, settings, EASY)

    def prepare(self, part: AnyArray, generator: np.random.Generator) -> list[Block]:
        """A chunk as blocks."""
        window, tile, most = self.settings.window, self.settings.tile, self.tiles
        stretch = Stretch.of(part, self.kept, generator, tile * most, window)
        count = len(stretch) // (tile * most)  # blocks
        pairs = stretch.pairs()
        weight = pairs.sum(axis=1) * np.float32(self.settings.negative / self.shared)
        around = np.lib.stride_tricks.sliding_window_view(self.own[stretch.ids], 2 * window + 1)
        drawn = self.alias.draw(generator, count * most * self.shared).reshape(-1, self.shared)
        z = np.concatenate([stretch.tiles(tile), drawn], axis=1).reshape(count, -1)
        x = stretch.words.reshape(count, -1)
        return [
            Block(*each)
            for each in zip(
                self.inputs.places(x),
                Rows.of(z, self.settings.threads, self.settings.device),
                tensors(pairs.reshape(count, most, tile, -1), self.settings.device),
                tensors((pairs * around).reshape(count, most, tile, -1), self.settings.device),
                tensors(weight.reshape(count, most, tile, 1), self.settings.device),
                strict=True,
            )
        ]

    def settle(self) -> None:
        """See Objective."""
        self.inputs.settle(self.outputs)
        self.damp_z.settle(self.inputs.table)

    def scratch(self) -> Scratch:
        """See the class."""
        return Scratch(self.tiles, self.settings.tile, self.settings.window, self.shared, self.settings.device)

    def gradients(self, block: Block, scratch: Scratch) -> Sequence[Update]:
        """Of the log-likelihood, by the rows of both tables."""
        import torch

        x, z = self.vectors(block)
        scratch.band_a.copy_(block.positive)
        scratch.band_b.copy_(block.total)
        scratch.noise_b.copy_(block.noise)
        g = scratch.g
        torch.bmm(x, z.transpose(1, 2), out=g)
        g.sigmoid_()
        torch.addcmul(scratch.a, scratch.b, g, value=-1, out=g)
        change_x = torch.bmm(g, z).view(-1, z.shape[2])
        change_z = torch.bmm(g.transpose(1, 2), x).view(-1, z.shape[2])
        self.damp_z(change_z, block.z)
        return [*self.inputs.updates(block.x, change_x), Update(1, block.z, change_z)]

    def vectors(self, block: Block) -> tuple[Tensor, Tensor]:
        """X (n, T, D) and Z (n, T + 2 window + S, D)."""
        x = self.inputs.gather(block.x).view(self.tiles, self.settings.tile, -1)
        return x, self.outputs.index_select(0, block.z.all).view(self.tiles, -1, x.shape[2])

    def loss(self, block: Block) -> float:
        """-log σ(L) of a pair and its noise, in the mean over pairs."""
        import torch

        x, z = self.vectors(block)
        logits = torch.bmm(x, z.transpose(1, 2))
        width = logits.shape[2]
        band = logits.as_strided(block.positive.shape, (logits.stride(0), width + 1, 1))
        log_sigmoid = torch.nn.functional.logsigmoid
        against = (block.total - block.positive) * log_sigmoid(-band)  # below 0: noise that is the pair's own output
        total = (block.positive * log_sigmoid(band)).sum() + against.sum()
        total += (block.noise * log_sigmoid(-logits[:, :, width - self.shared :])).sum()
        return float(-total / block.positive.sum().clamp(min=1))
