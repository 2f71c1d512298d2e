"""Attention: a query is compared with every key, and the values are mixed by how well their keys fit.

=====================  =============================================  =================================
`Additive`             vᵀ tanh(W q + U k)                             Bahdanau, Cho and Bengio 2015
`Luong("dot")`         q · k                                          Luong, Pham and Manning 2015
`Luong("general")`     q · W k                                        the same
`Luong("concat")`      vᵀ tanh(W [q; k])                              the same
`scaled_dot_product`   q · k / √d                                     Vaswani et al. 2017, equation 1
`MultiHead`            the same, h times side by side                 the same, section 3.2.2
=====================  =============================================  =================================

A mask is True where a key may be looked at. A query that may look at no key at all gets zeros.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import scaled_dot_product_attention

from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.nn.linear import Linear
from seqcli.nn.masks import look_ahead, spread
from seqcli.nn.positions import rotated


def distribution(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the last dimension; 0 where masked, even if all is.

    >>> distribution(torch.zeros(2, 3), torch.tensor([[True, True, False], [False, False, False]])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    if mask is None:
        return scores.softmax(-1)
    if mask.dtype != torch.bool:  # added to the scores: the bias of T5 and ALiBi
        return (scores + mask).softmax(-1)
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~mask, 0)


# One head over a source, for recurrent decoders ----------------------------------------------------------------------


class Source(NamedTuple):
    """Keys that will be looked at many times, with what depends on them alone."""

    keys: Tensor  # (B, S, D)
    projected: Tensor  # (B, S, …)


class Looking(nn.Module, ABC):
    """What `Additive` and `Luong` share: `prepare` the keys once, then ask with one query or many."""

    @abstractmethod
    def prepare(self, keys: Tensor) -> Source:
        """Keys (B, S, D), which are the values too."""

    @abstractmethod
    def score(self, query: Tensor, source: Source) -> Tensor:
        """(B, T, query size) -> (B, T, S)."""

    def forward(self, query: Tensor, keys: Tensor | Source, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Look once, or T times at once.

        Args:
            query: (B, query size) or (B, T, query size).
            keys: (B, S, D), or what `prepare` made of them.
            mask: (B, S).

        Returns:
            context (B, D) or (B, T, D), and weights (B, S) or (B, T, S).
        """
        source = keys if isinstance(keys, Source) else self.prepare(keys)
        queries = query if query.dim() == 3 else query[:, None]
        weights = distribution(self.score(queries, source), None if mask is None else mask[:, None])
        context = weights @ source.keys
        return (context, weights) if query.dim() == 3 else (context[:, 0], weights[:, 0])


class Additive(Looking):
    """vᵀ tanh(W q + U k) (Bahdanau, Cho and Bengio 2015, appendix A.1.2).

    >>> attention = Additive(query_size=4, key_size=6, inner=5)
    >>> source = attention.prepare(torch.randn(2, 3, 6))
    >>> context, weights = attention(torch.randn(2, 4), source)
    >>> context.shape, weights.shape
    (torch.Size([2, 6]), torch.Size([2, 3]))
    """

    def __init__(self, query_size: int, key_size: int, inner: int) -> None:
        super().__init__()
        self.query = Linear(query_size, inner)
        self.key = Linear(key_size, inner, bias=False)
        self.value = Linear(inner, 1, bias=False)

    def prepare(self, keys: Tensor) -> Source:
        """See `Looking.prepare`."""
        return Source(keys, self.key(keys))

    def score(self, query: Tensor, source: Source) -> Tensor:
        """See `Looking.score`."""
        scores: Tensor = self.value((self.query(query)[:, :, None] + source.projected[:, None]).tanh())  # (B, T, S, 1)
        return scores.squeeze(-1)


class Luong(Looking):
    """The three scores of Luong, Pham and Manning 2015, equation 8: `dot`, `general` or `concat`.

    Raises:
        UsageFailure: there is no such score.
        Failure: `dot` of a query and keys of different sizes.
    """

    SCORES = ("dot", "general", "concat")

    def __init__(self, kind: str, query_size: int, key_size: int) -> None:
        super().__init__()
        if kind not in self.SCORES:
            raise UsageFailure(f"attention={kind}: no such score", hint=nearest(kind, self.SCORES))
        if kind == "dot" and query_size != key_size:
            raise Failure(
                f"attention=dot: a query of {query_size} and keys of {key_size} dimensions", hint="attention=general fits any"
            )
        self.kind = kind
        self.key = Linear(key_size, query_size, bias=False) if kind != "dot" else nn.Identity()
        self.query = Linear(query_size, query_size, bias=False) if kind == "concat" else nn.Identity()
        self.value = Linear(query_size, 1, bias=False) if kind == "concat" else None

    def prepare(self, keys: Tensor) -> Source:
        """See `Looking.prepare`: q · W k needs W k once; so does W [q; k], which is W_q q + W_k k."""
        return Source(keys, self.key(keys))

    def score(self, query: Tensor, source: Source) -> Tensor:
        """See `Looking.score`."""
        if self.value is None:
            return query @ source.projected.transpose(1, 2)
        scores: Tensor = self.value((self.query(query)[:, :, None] + source.projected[:, None]).tanh())
        return scores.squeeze(-1)


# Many heads ----------------------------------------------------------------------------------------------------------


def scaled_dot_product(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The definition: softmax(Q Kᵀ / √d) V, with its weights. `fused` is the same, faster, without them.

    Args:
        queries: (B, h, T, d).
        keys, values: (B, h, S, d).
        mask: broadcasts to (B, h, T, S): bool, True = may be looked at; or floats, added to the scores.
        dropout: of weights.

    Returns:
        context (B, h, T, d), weights (B, h, T, S) before dropout.
    """
    weights = distribution(queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1]), mask)
    return drop(weights, dropout) @ values, weights


def fused(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, dropout: float = 0.0, causal: bool = False
) -> Tensor:
    """As `scaled_dot_product`, by torch's kernels, which never write the weights down; `causal` without a mask is a fast path."""
    if causal and (mask is not None or queries.shape[-2] != keys.shape[-2]):
        ahead = look_ahead(queries.shape[-2], keys.shape[-2], queries.device)
        mask, causal = both(mask, ahead), False
    if queries.device.type == "cpu" and torch.is_autocast_enabled("cpu"):  # its kernels' gradients are slower in bf16
        with torch.autocast("cpu", enabled=False):
            return fused(queries.float(), keys.float(), values.float(), mask, dropout, causal)
    return scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=dropout, is_causal=causal)


def both(mask: Tensor | None, allowed: Tensor) -> Tensor:
    """A mask, bool or of floats, and another on top."""
    if mask is None:
        return allowed
    return mask & allowed if mask.dtype == torch.bool else mask.masked_fill(~allowed, -torch.inf)


@dataclass
class Past:
    """The keys and values of `length` places, (N, h, room, d): room doubles, so that a step copies one place and not all.

    All rows stand in the same column. `extended` writes into the room of the old one, which is then not to be extended again.
    """

    keys: Tensor
    values: Tensor
    length: int = 0

    def extended(self, keys: Tensor, values: Tensor) -> Past:
        """With L more places, (N, h, L, d) each."""
        end = self.length + keys.shape[2]
        room = self
        if end > self.keys.shape[2]:
            size = max(32, 1 << end.bit_length())
            room = Past(self.moved(self.keys, keys, size), self.moved(self.values, values, size))
        room.keys[:, :, self.length : end] = keys
        room.values[:, :, self.length : end] = values
        return Past(room.keys, room.values, end)

    def moved(self, old: Tensor, like: Tensor, room: int) -> Tensor:
        """The places so far in a larger room."""
        new = like.new_empty(*like.shape[:2], room, like.shape[3])
        new[:, :, : self.length] = old[:, :, : self.length]
        return new

    def seen(self) -> tuple[Tensor, Tensor]:
        """Keys and values, (N, h, length, d)."""
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class MultiHead(nn.Module):
    """h attentions of size / h dimensions side by side, to oneself or to a memory.

    `inputs` holds the projections for queries, keys and values one below the other, (3 D, D), so that looking at oneself is one
    product. Weights of other models: BERT's and Marian's three matrices stacked; GPT-2's `c_attn`, transposed.

    Raises:
        Failure: the size is no multiple of the heads.
    """

    def __init__(self, size: int, heads: int, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        if size % heads:
            raise Failure(f"size={size} is no multiple of heads={heads}", hint="each head has size / heads dimensions")
        self.size, self.heads, self.dropout = size, heads, dropout
        self.inputs = Linear(size, 3 * size, bias=bias)
        self.output = Linear(size, size, bias=bias)
        self.reset()

    def reset(self) -> None:
        """Begin anew (Glorot and Bengio 2010)."""
        nn.init.xavier_uniform_(self.inputs.weight)
        nn.init.xavier_uniform_(self.output.weight)
        for part in (self.inputs, self.output):
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
        angles: Tensor | None = None,
    ) -> Tensor:
        """(B, T, D) looks at itself, or at `memory` (B, S, D).

        Args:
            x: (B, T, D).
            memory: (B, S, D).
            mask: (B, S), (B, T, S) or (B, h, T, S): bool, True = may be looked at; or floats, added to the scores.
            causal: nobody looks ahead. Padding on the right then needs no mask.
            angles: (T, d) or (B, T, d) of `Rotary`.

        Returns:
            (B, T, D).
        """
        queries, keys, values = self.projected(x, angles) if memory is None else (self.asked(x), *self.offered(memory))
        mask = None if mask is None else spread(mask)
        return self.mixed(fused(queries, keys, values, mask, self.dropout if self.training else 0.0, causal))

    def explained(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
        angles: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, by the definition, with the weights (B, h, T, S)."""
        queries, keys, values = self.projected(x, angles) if memory is None else (self.asked(x), *self.offered(memory))
        mask = None if mask is None else spread(mask)
        if causal:
            mask = both(mask, look_ahead(x.shape[1], keys.shape[2], x.device))
        context, weights = scaled_dot_product(queries, keys, values, mask, self.dropout if self.training else 0.0)
        return self.mixed(context), weights

    def begin(self, rows: int) -> Past:
        """No past yet."""
        nothing = self.inputs.weight.new_empty(rows, self.heads, 0, self.size // self.heads)
        return Past(nothing, nothing)

    def step(self, x: Tensor, past: Past, mask: Tensor | None = None, angles: Tensor | None = None) -> tuple[Tensor, Past]:
        """The next L places of N rows, (N, L, D), look at their past and at themselves; nobody looks ahead.

        `mask` (N, 1, L, S), over past and present, says the same and more, where there is padding.
        """
        queries, keys, values = self.projected(x, angles)
        past = past.extended(keys, values)
        return self.mixed(fused(queries, *past.seen(), mask, causal=mask is None and x.shape[1] > 1)), past

    def remember(self, memory: Tensor) -> Past:
        """The keys and values of a memory (N, S, D), once for all steps."""
        return Past(*self.offered(memory), memory.shape[1])

    def recall(self, x: Tensor, past: Past, mask: Tensor | None = None) -> Tensor:
        """(N, L, D) looks at what was remembered; mask (N, 1, 1, S)."""
        return self.mixed(fused(self.asked(x), *past.seen(), mask))

    def projected(self, x: Tensor, angles: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of one and the same, (B, h, L, d) each."""
        queries, keys, values = self.split(self.inputs(x), 3)
        if angles is not None:
            angles = angles if angles.dim() == 2 else angles[:, None]  # (B, 1, L, d)
            queries, keys = rotated(queries, angles), rotated(keys, angles)
        return queries, keys, values

    def asked(self, x: Tensor) -> Tensor:
        """Queries alone, (B, h, T, d)."""
        return self.split(self.inputs.some(x, 0, self.size), 1)[0]

    def offered(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of a memory, (B, h, S, d) each."""
        keys, values = self.split(self.inputs.some(memory, self.size, 3 * self.size), 2)
        return keys, values

    def split(self, x: Tensor, parts: int) -> list[Tensor]:
        """(B, L, parts × D) -> so many times (B, h, L, d), views."""
        return [part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in x.chunk(parts, -1)]

    def mixed(self, context: Tensor) -> Tensor:
        """What the heads found, (B, h, T, d) -> (B, T, D)."""
        return cast(Tensor, self.output(context.transpose(1, 2).flatten(2)))

    def extra_repr(self) -> str:
        """For people who print the model."""
        return f"{self.size}, heads={self.heads}, dropout={self.dropout:g}"
