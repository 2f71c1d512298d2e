"""The Transformer (Vaswani et al. 2017): layers of attention and feed-forward, each added to what came in.

One `Stack` is every Transformer there is, by its `Shape`:

=====================  ==============================================================================================
encoder                `Shape(…)` with a mask of padding (BERT, Marian's and T5's encoder)
language model         `Shape(…, causal=True)` (GPT); with `rotary=True` queries and keys carry their positions
decoder                `Shape(…, causal=True, cross=True)` and a memory to look at (Marian's and T5's decoder)
=====================  ==============================================================================================

`forward` takes whole texts at once, as in training. `begin` and `step` go on from a cache, as generation does; both give the same.
Embeddings, positions other than rotary ones and the output layer belong to the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import silu

from seqcli.errors import UsageFailure, nearest
from seqcli.nn import linear
from seqcli.nn.attention import MultiHead, Past
from seqcli.nn.linear import Linear
from seqcli.nn.masks import spread, written
from seqcli.nn.positions import Rotary

ACTIVATIONS = (*linear.ACTIVATIONS, "swiglu")


@dataclass(frozen=True)
class Shape:
    """What a stack looks like."""

    size: int = 256  # D
    heads: int = 4
    layers: int = 4
    inner: int = 1024  # dimensions within a feed-forward
    dropout: float = 0.1  # of what each branch adds
    attention_dropout: float = 0.0  # of attention's weights; torch has no fast kernel with it on a CPU
    activation: str = "relu"
    prenorm: bool = True  # normalise what goes into a branch (Xiong et al. 2020), not what comes out
    causal: bool = False  # nobody looks ahead
    cross: bool = False  # a memory to look at
    rotary: bool = False
    bias: bool = True
    epsilon: float = 1e-5  # of the layer norms
    scaled: bool = False  # begin as GPT-2 did, see `Stack.reset`


class FeedForward(nn.Module):
    """W₂ f(W₁ x), place by place; `swiglu` is W₂ (silu(W₁ x) ⊙ W₃ x) (Shazeer 2020), with W₁ and W₃ one below the other.

    Raises:
        UsageFailure: there is no such activation.
    """

    def __init__(self, size: int, inner: int, activation: str = "relu", bias: bool = True) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise UsageFailure(f"activation={activation}: no such activation", hint=nearest(activation, ACTIVATIONS))
        self.activation, self.gated = activation, activation == "swiglu"
        self.inner = Linear(size, inner * (2 if self.gated else 1), bias=bias)
        self.output = Linear(inner, size, bias=bias)
        self.reset()

    def reset(self) -> None:
        """Begin anew (Glorot and Bengio 2010)."""
        for part in (self.inner, self.output):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) -> (…, D)."""
        if self.gated:
            gate, value = self.inner(x).chunk(2, -1)
            return cast(Tensor, self.output(silu(gate) * value))
        return cast(Tensor, self.output(self.inner(x, self.activation)))


class Layer(nn.Module):
    """Attention to itself, where there is a memory attention to that, feed-forward; each a branch whose result is added.

    Before (`prenorm`): x + f(norm(x)). After, as in the paper and in BERT: norm(x + f(x)).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.prenorm = shape.prenorm
        self.attention = MultiHead(shape.size, shape.heads, shape.attention_dropout, shape.bias)
        self.attention_norm = norm(shape)
        self.cross = MultiHead(shape.size, shape.heads, shape.attention_dropout, shape.bias) if shape.cross else None
        self.cross_norm = norm(shape) if shape.cross else None
        self.feed = FeedForward(shape.size, shape.inner, shape.activation, shape.bias)
        self.feed_norm = norm(shape)
        self.dropout = nn.Dropout(shape.dropout)

    def into(self, x: Tensor, norm: nn.Module) -> Tensor:
        """What a branch is given."""
        return cast(Tensor, norm(x)) if self.prenorm else x

    def added(self, x: Tensor, found: Tensor, norm: nn.Module) -> Tensor:
        """What a branch found, added to what there was."""
        x = x + self.dropout(found)
        return x if self.prenorm else cast(Tensor, norm(x))

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        causal: bool = False,
        angles: Tensor | None = None,
    ) -> Tensor:
        """(B, L, D) -> (B, L, D); masks as in `MultiHead.forward`."""
        found = self.attention(self.into(x, self.attention_norm), None, mask, causal, angles)
        x = self.added(x, found, self.attention_norm)
        if self.cross is not None and self.cross_norm is not None:
            x = self.added(x, self.cross(self.into(x, self.cross_norm), memory, memory_mask), self.cross_norm)
        return self.added(x, self.feed(self.into(x, self.feed_norm)), self.feed_norm)

    def step(
        self,
        x: Tensor,
        past: Past,
        mask: Tensor | None = None,
        memory: Past | None = None,
        memory_mask: Tensor | None = None,
        angles: Tensor | None = None,
    ) -> tuple[Tensor, Past]:
        """The next L places, (N, L, D) -> (N, L, D), given what came before."""
        found, past = self.attention.step(self.into(x, self.attention_norm), past, mask, angles)
        x = self.added(x, found, self.attention_norm)
        if self.cross is not None and self.cross_norm is not None and memory is not None:
            x = self.added(x, self.cross.recall(self.into(x, self.cross_norm), memory, memory_mask), self.cross_norm)
        return self.added(x, self.feed(self.into(x, self.feed_norm)), self.feed_norm), past


@dataclass
class Cache:
    """What N half-written texts need to go on. Every tensor has N first; all rows stand in the same column.

    Texts that begin with prompts of different lengths are padded on the left: `skipped` counts it. So a step writes one column and
    no row needs an index of its own; where no prompt is padded, a step needs no mask either.
    """

    layers: list[Past]
    memory: list[Past]  # a layer: what the memory offers; none without cross-attention
    memory_mask: Tensor | None = None  # (N, 1, 1, S)
    skipped: Tensor | None = None  # (N,)

    @property
    def length(self) -> int:
        """The columns so far, padding included: what `start` is to positions."""
        return self.layers[0].length


class Stack(nn.Module):
    """The layers of a Transformer, with a norm on top if they are pre-norm.

    >>> decoder = Stack(Shape(size=8, heads=2, layers=1, inner=16, causal=True, rotary=True)).eval()
    >>> import torch
    >>> x = torch.randn(3, 5, 8)
    >>> prefix, cache = decoder.step(x[:, :4], decoder.begin(3))
    >>> last, cache = decoder.step(x[:, 4:], cache)
    >>> torch.allclose(torch.cat([prefix, last], 1), decoder(x), atol=1e-6), cache.length
    (True, 5)
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = norm(shape) if shape.prenorm else nn.Identity()
        self.rotary = Rotary(shape.size // shape.heads) if shape.rotary else None
        if shape.scaled:
            self.reset()

    def reset(self, std: float = 0.02) -> None:
        """Begin as GPT-2 (Radford et al. 2019): N(0, std), and what is added to the residual smaller by √(number of branches)."""
        branches = self.shape.layers * (3 if self.shape.cross else 2)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=std / math.sqrt(branches) if name.endswith("output.weight") else std)

    def forward(self, x: Tensor, mask: Tensor | None = None, memory: Tensor | None = None, memory_mask: Tensor | None = None) -> Tensor:
        """Whole texts at once.

        Args:
            x: (B, L, D).
            mask: as in `MultiHead.forward`, most often (B, L) of padding; a causal stack needs none for padding on the right.
            memory: (B, S, D), with cross-attention.
            memory_mask: (B, S).

        Returns:
            (B, L, D); what stands at padding means nothing.
        """
        assert (memory is not None) == self.shape.cross, "a memory is for cross-attention"
        mask, memory_mask = (None if each is None else spread(each) for each in (mask, memory_mask))
        angles = None if self.rotary is None else self.rotary(x.shape[1], device=x.device)
        for layer in self.layers:
            x = layer(x, mask, memory, memory_mask, self.shape.causal, angles)
        return cast(Tensor, self.norm(x))

    def begin(self, rows: int, skipped: Tensor | None = None, memory: Tensor | None = None, memory_mask: Tensor | None = None) -> Cache:
        """The cache of N texts of which nothing is written yet.

        Args:
            rows: N.
            skipped: (N,) places of padding on the left of the prompts; None where there is none, which is faster.
            memory: (N, S, D), with cross-attention; its keys and values are computed here, once.
            memory_mask: (N, S).
        """
        assert (memory is not None) == self.shape.cross, "a memory is for cross-attention"
        layers = [cast(Layer, layer) for layer in self.layers]
        offered = [] if memory is None else [layer.cross.remember(memory) for layer in layers if layer.cross is not None]
        mask = None if memory_mask is None else spread(memory_mask)
        return Cache([layer.attention.begin(rows) for layer in layers], offered, mask, skipped)

    def step(self, x: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """The next L places of every row, (N, L, D): a prompt (padded on the left), then token by token (L = 1).

        The new cache writes into the room of the old one: go on from either, not from both.
        """
        start, end = cache.length, cache.length + x.shape[1]
        angles = None if self.rotary is None else self.rotary(x.shape[1], start, cache.skipped, x.device)
        mask = None if cache.skipped is None else written(cache.skipped, x.shape[1], end)[:, None]  # (N, 1, L, end)
        pasts = []
        for number, (layer, past) in enumerate(zip(self.layers, cache.layers, strict=True)):
            memory = cache.memory[number] if cache.memory else None
            x, new = cast(Layer, layer).step(x, past, mask, memory, cache.memory_mask, angles)
            pasts.append(new)
        return cast(Tensor, self.norm(x)), Cache(pasts, cache.memory, cache.memory_mask, cache.skipped)


def norm(shape: Shape) -> nn.LayerNorm:
    """A layer norm (Ba, Kiros and Hinton 2016)."""
    return nn.LayerNorm(shape.size, shape.epsilon, bias=shape.bias)
