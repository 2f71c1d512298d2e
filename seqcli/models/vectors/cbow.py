"""Continuous bag of words with negative sampling (Mikolov et al. 2013a, b) as matrix products.

A tile is T words that stand together. With W (T, T + 2 window) the windows drawn for its places, a row each that sums to 1, the hidden
vectors are H = W X, X the input vectors of its words and their neighbours. Each predicts the word at its place, whose output vectors
are Y, against S words drawn as noise for the tile, each of which stands for k / S noise words. As in word2vec, the gradient of H goes
to each word of the window in full, not divided by their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.models.vectors.inputs import EASY, Damping, Inputs, tiles
from seqcli.models.vectors.loop import Rows, Update, tensors
from seqcli.models.vectors.negative import shared
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.stream import Stretch
from seqcli.models.vectors.vocabulary import Alias, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Block:
    """n tiles."""

    x: Any  # n * (T + 2 window) inputs
    y: Rows  # n * T outputs
    noise: Rows  # n * S
    window: Tensor  # (n, T, 2 window + 1) whether a word is in the window, along the diagonal
    share: Tensor  # (n, T, 1) 1 / words in the window; 0 where there is none
    there: Tensor  # (n, T, 1) whether the window has a word
    own: Tensor  # (n, T, 1) what of the output's own noise is left: 1 - k p(output)


class Scratch:
    """Memory for windows as matrices, of which all but the diagonal band stays 0."""

    def __init__(self, most: int, tile: int, window: int, device: str) -> None:
        import torch

        width = tile + 2 * window
        self.windows = torch.zeros(most, tile, width, device=device)
        self.band = self.windows.as_strided((most, tile, 2 * window + 1), (tile * width, width + 1, 1))


class BagOfWords:
    """CBOW: the mean of the words around predicts the word, and not the noise."""

    def __init__(self, vocabulary: Vocabulary, inputs: Inputs, outputs: Tensor, settings: Settings) -> None:
        self.inputs, self.outputs, self.settings = inputs, outputs, settings
        self.tables = [inputs.table, outputs]
        self.kept = vocabulary.kept(settings.sample)
        share = vocabulary.noise(settings.noise_power)
        self.alias = Alias.of(share)
        self.own = (1 - settings.negative * share).astype(np.float32)
        seen = vocabulary.counts * self.kept
        often = seen / seen.sum()
        self.shared = shared(settings, settings.tile)
        self.tiles = tiles(inputs.alike(often), settings, settings.tile)
        places = self.tiles * settings.threads * settings.tile
        inputs.damp(places * often, EASY)  # each of a window's words moves the mean by its share only
        of_one_draw = settings.tile * settings.negative / self.shared
        self.damp_y = Damping(places * (often + settings.negative * share) + of_one_draw, settings, EASY)

    def prepare(self, part: AnyArray, generator: np.random.Generator) -> list[Block]:
        """A chunk as blocks."""
        tile, shared, most, device = self.settings.tile, self.shared, self.tiles, self.settings.device
        stretch = Stretch.of(part, self.kept, generator, tile * most, self.settings.window)
        count = len(stretch) // (tile * most)  # blocks
        window = stretch.pairs(generator).reshape(count, most, tile, -1)
        size = window.sum(axis=3, keepdims=True)
        there = (size > 0).astype(np.float32)
        words = stretch.words.reshape(count, -1)
        return [
            Block(*each)
            for each in zip(
                self.inputs.places(stretch.tiles(tile).reshape(count, -1)),
                Rows.of(words, self.settings.threads, device),
                Rows.of(self.alias.draw(generator, count * most * shared).reshape(count, -1), self.settings.threads, device),
                tensors(window, device),
                tensors(there / np.maximum(size, 1), device),
                tensors(there, device),
                tensors(self.own[words].reshape(there.shape), device),
                strict=True,
            )
        ]

    def settle(self) -> None:
        """See Objective."""
        self.inputs.settle(self.outputs)
        self.damp_y.settle(self.inputs.table)

    def scratch(self) -> Scratch:
        """See the class."""
        return Scratch(self.tiles, self.settings.tile, self.settings.window, self.settings.device)

    def hidden(self, block: Block, scratch: Scratch) -> tuple[Tensor, Tensor, Tensor]:
        """H (n, T, D), Y (n, T, D) and the noise's vectors (n, S, D)."""
        import torch

        scratch.band.copy_(block.window)
        x = self.inputs.gather(block.x).view(self.tiles, self.settings.tile + 2 * self.settings.window, -1)
        h = torch.bmm(scratch.windows, x).mul_(block.share)
        y = self.outputs.index_select(0, block.y.all).view(h.shape)
        return h, y, self.outputs.index_select(0, block.noise.all).view(self.tiles, self.shared, -1)

    def gradients(self, block: Block, scratch: Scratch) -> Sequence[Update]:
        """Of the log-likelihood, by the rows of both tables."""
        import torch

        h, y, noise = self.hidden(block, scratch)
        right = (h * y).sum(dim=2, keepdim=True).sigmoid_()  # (n, T, 1)
        right = block.there - right.mul_(block.own).mul_(block.there)
        wrong = torch.bmm(h, noise.transpose(1, 2)).sigmoid_()  # (n, T, S)
        wrong *= block.there * (-self.settings.negative / self.shared)
        change_noise = torch.bmm(wrong.transpose(1, 2), h).view(-1, h.shape[2])
        change_h = torch.baddbmm(y.mul_(right), wrong, noise)
        change_x = torch.bmm(scratch.windows.transpose(1, 2), change_h).view(-1, h.shape[2])
        change_y = h.mul_(right).view(-1, h.shape[2])
        self.damp_y(change_y, block.y)
        self.damp_y(change_noise, block.noise)
        return [*self.inputs.updates(block.x, change_x), Update(1, block.y, change_y), Update(1, block.noise, change_noise)]

    def loss(self, block: Block) -> float:
        """-log σ of a word and its noise, in the mean over words."""
        import torch

        h, y, noise = self.hidden(block, self.scratch())
        log_sigmoid = torch.nn.functional.logsigmoid
        right = (h * y).sum(dim=2, keepdim=True)
        total = block.there * (log_sigmoid(right) + (block.own - 1) * log_sigmoid(-right))
        wrong = log_sigmoid(-torch.bmm(h, noise.transpose(1, 2))).sum(dim=2, keepdim=True)
        total += block.there * wrong * (self.settings.negative / self.shared)
        return float(-total.sum() / block.there.sum().clamp(min=1))
