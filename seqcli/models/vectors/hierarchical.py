"""Skip-gram with hierarchical softmax (Morin and Bengio 2005; Mikolov et al. 2013a) as matrix products.

P(i given j) is the product of σ(±x_j · n) over the inner nodes n on the path to word i in a Huffman tree. The nodes near the root are
on nearly every path, so all inputs of a block meet all of the first nodes in one product, G = A - B σ(X Nᵀ), where A and B, how much of
a place's pairs goes through each node, are products too: the weights of its pairs times what lies on which path. Deeper nodes are
gathered for a tile of words that stand together, as many as their paths have; each takes the weights of the word whose path it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqcli.data.examples import AnyArray, BoolArray, DoubleArray, IntArray
from seqcli.models.vectors.huffman import Tree
from seqcli.models.vectors.inputs import Damping, Inputs, tiles
from seqcli.models.vectors.loop import Rows, Update, tensors
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.stream import Stretch
from seqcli.models.vectors.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

TILE = 16
TOP = 255  # nodes that all inputs of a block meet


@dataclass(frozen=True)
class Block:
    """n tiles."""

    x: Any  # n * T inputs
    around: Tensor  # (n * T + 2 window,) the same with what stands before and after
    pairs: Tensor  # (n, T, 2 window + 1) their weights
    deep: Rows  # n * C deep nodes of the tiles' outputs
    owner: Tensor  # (n * C,) the row of the output in all tiles' weights; beyond the last where there is none
    label: Tensor  # (n, C, 1)


class Scratch:
    """Memory for weights as matrices (n, T + 2 window, T) and one row of zeros after them; all but the diagonal band stays 0."""

    def __init__(self, most: int, window: int, device: str) -> None:
        import torch

        self.height = TILE + 2 * window
        self.rows = torch.zeros(most * self.height + 1, TILE, device=device)
        self.weights = self.rows[:-1].view(most, self.height, TILE)  # (n, T + 2 window, T)
        self.band = self.weights.as_strided((most, TILE, 2 * window + 1), (self.height * TILE, TILE + 1, TILE))


class Hierarchical:
    """Skip-gram with a Huffman tree."""

    def __init__(self, vocabulary: Vocabulary, inputs: Inputs, nodes: Tensor, settings: Settings) -> None:
        import torch

        self.inputs, self.nodes, self.settings = inputs, nodes, settings
        self.tables = [inputs.table, nodes]
        self.kept = vocabulary.kept(settings.sample)
        self.top = min(TOP, len(nodes))
        tree = Tree.of(vocabulary.counts)
        self.deep = tree.below(self.top)
        self.paths = torch.from_numpy(tree.top(self.top)).to(settings.device)  # (V, 2 top)
        self.top_rows = Rows.of(np.arange(self.top)[None], settings.threads, settings.device)[0]
        seen = vocabulary.counts * self.kept
        often: DoubleArray = (settings.window + 1) * seen / seen.sum()  # pairs of a place, in the mean
        self.tiles = tiles(2 * inputs.alike(seen / seen.sum()), settings, TILE)
        places = self.tiles * settings.threads * TILE
        nodes_a_pair = float(often @ np.diff(tree.starts)) / (settings.window + 1)
        inputs.damp(places * often * max(1.0, nodes_a_pair), 0.25)
        through = places * np.bincount(tree.nodes, np.repeat(often, np.diff(tree.starts)), len(nodes)).astype(np.float64)
        self.damp_n = Damping(through, settings, 0.25)

    def prepare(self, part: AnyArray, generator: np.random.Generator) -> list[Block]:
        """A chunk as blocks."""
        import torch

        window, device, size = self.settings.window, self.settings.device, TILE * self.tiles
        stretch = Stretch.of(part, self.kept, generator, size, window)
        count = len(stretch) // size
        ids, lines = (sliding_window_view(each, size + 2 * window)[::size] for each in (stretch.ids, stretch.lines))
        found = []
        for around, x, pairs, there in zip(
            tensors(ids.copy(), device),
            self.inputs.places(stretch.words.reshape(count, -1)),
            tensors(stretch.pairs().reshape(count, self.tiles, TILE, -1), device),
            lines >= 0,
            strict=True,
        ):
            nodes, owner, label = self.deep_paths(around.cpu().numpy(), there)
            rows = Rows.of(nodes.reshape(1, -1), self.settings.threads, device)[0]
            found.append(Block(x, around, pairs, rows, torch.from_numpy(owner).to(device), torch.from_numpy(label).to(device)))
        return found

    def deep_paths(self, around: IntArray, there: BoolArray) -> tuple[IntArray, IntArray, AnyArray]:
        """The deep nodes of all outputs of each tile, end to end; see Block."""
        height = TILE + 2 * self.settings.window
        words = sliding_window_view(around, height)[::TILE].ravel()
        sizes = (self.deep.starts[1:] - self.deep.starts[:-1])[words] * sliding_window_view(there, height)[::TILE].ravel()
        in_tile = sizes.reshape(self.tiles, height)
        most = max(1, int(in_tile.sum(axis=1).max()))
        begin = (np.cumsum(in_tile, axis=1) - in_tile + most * np.arange(self.tiles)[:, None]).ravel()  # in the result, a word
        output = np.repeat(np.arange(len(words)), sizes)
        step = np.arange(len(output)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        place, source = begin[output] + step, self.deep.starts[words[output]] + step
        shape = self.tiles * most
        nodes, owner, label = np.full(shape, -1), np.full(shape, self.tiles * height), np.zeros(shape, np.float32)
        nodes[place], owner[place], label[place] = self.deep.nodes[source], output, self.deep.labels[source]
        return nodes, owner, label.reshape(self.tiles, most, 1)

    def settle(self) -> None:
        """See Objective."""
        self.inputs.settle(self.nodes)
        self.damp_n.settle(self.inputs.table)

    def scratch(self) -> Scratch:
        """See the class."""
        return Scratch(self.tiles, self.settings.window, self.settings.device)

    def logits(self, block: Block) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """X (n, T, D), X Nᵀ at the first nodes (n, T, top), the deep nodes' vectors (n, C, D) and N Xᵀ at those (n, C, T)."""
        import torch

        x = self.inputs.gather(block.x)
        top = (x @ self.nodes[: self.top].T).view(self.tiles, TILE, self.top)
        deep = self.nodes.index_select(0, block.deep.all).view(self.tiles, -1, x.shape[1])
        x = x.view(self.tiles, TILE, -1)
        return x, top, deep, torch.bmm(deep, x.transpose(1, 2))

    def weights(self, block: Block, scratch: Scratch) -> tuple[Tensor, Tensor]:
        """A and B at the first nodes (n, T, 2 top), B at the deep ones (n, C, T)."""
        import torch

        scratch.band.copy_(block.pairs)
        paths = self.paths.index_select(0, block.around)
        width = paths.shape[1]
        paths = paths.as_strided((self.tiles, scratch.height, width), (TILE * width, width, 1))
        top = torch.bmm(scratch.weights.transpose(1, 2), paths)
        return top, scratch.rows.index_select(0, block.owner).view(self.tiles, -1, TILE)

    def gradients(self, block: Block, scratch: Scratch) -> Sequence[Update]:
        """Of the log-likelihood, by the rows of both tables."""
        import torch

        top_weight, deep_weight = self.weights(block, scratch)
        x, top, deep_nodes, deep = self.logits(block)
        top = torch.addcmul(top_weight[..., : self.top], top_weight[..., self.top :], top.sigmoid_(), value=-1).view(-1, self.top)
        deep = torch.sub(block.label, deep.sigmoid_()).mul_(deep_weight)
        flat = x.view(-1, x.shape[2])
        change_x = (top @ self.nodes[: self.top]).view(x.shape)
        change_x.baddbmm_(deep.transpose(1, 2), deep_nodes)
        change_top = top.T @ flat
        change_deep = torch.bmm(deep, x).view(-1, flat.shape[1])
        change_x = change_x.view(flat.shape)
        self.damp_n(change_top, self.top_rows)
        self.damp_n(change_deep, block.deep)
        updates = [Update(1, self.top_rows, change_top), Update(1, block.deep, change_deep)]
        return [*self.inputs.updates(block.x, change_x), *updates]

    def loss(self, block: Block) -> float:
        """-log P of an output given its input, in the mean over pairs."""
        import torch

        top_weight, deep_weight = self.weights(block, self.scratch())
        _, top, _, deep = self.logits(block)
        log_sigmoid = torch.nn.functional.logsigmoid
        one, both = top_weight[..., : self.top], top_weight[..., self.top :]
        total = (one * log_sigmoid(top) + (both - one) * log_sigmoid(-top)).sum()
        total += (deep_weight * torch.where(block.label > 0, log_sigmoid(deep), log_sigmoid(-deep))).sum()
        return float(-total / block.pairs.sum().clamp(min=1))
