"""The Transformer from sequence to sequence (Vaswani et al. 2017): an encoder reads the source, a decoder writes and looks at it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from seqcli.heads.language import NextToken
from seqcli.models.neural.settings import EncoderDecoder
from seqcli.models.neural.sources import Sources
from seqcli.nn.attention import MultiHead, Past, distribution
from seqcli.nn.dropout import Embedding
from seqcli.nn.masks import padding, spread
from seqcli.nn.positions import Learned, Sinusoidal
from seqcli.nn.transformer import Layer, Shape, Stack


@dataclass
class Written:
    """N half-written targets. Each tensor but those of the sources has N first."""

    layers: list[Past]  # what the decoder's layers wrote
    which: Tensor  # (N,) the source of each
    query: Tensor  # (N, 1, D) what the last layer asked the source at the last step
    sources: Sources  # a layer's keys, its values, then the next layer's


class TransformerNetwork(nn.Module):
    """Embeddings, encoder, decoder, softmax. With one vocabulary all three of embeddings and softmax have the same weights."""

    def __init__(self, source_tokens: int, target_tokens: int, recipe: EncoderDecoder) -> None:
        super().__init__()
        size = recipe.size
        self.scale = math.sqrt(size) if recipe.scaled else 1.0
        self.target = embedding(target_tokens, size, recipe.word_dropout)
        together = recipe.shared and recipe.tied
        self.source = self.target if together else embedding(source_tokens, size, recipe.word_dropout)
        self.positions: nn.Module | None = None
        if recipe.positions != "rotary":
            halves = recipe.positions == "sinusoidal-halves"
            self.positions = Learned(recipe.longest + 1, size) if recipe.positions == "learned" else Sinusoidal(size, halves)
        self.dropout = nn.Dropout(recipe.dropout)
        self.encoder = Stack(shape(recipe, recipe.layers, decoder=False))
        self.decoder = Stack(shape(recipe, recipe.decoder_layers or recipe.layers, decoder=True))
        self.head = NextToken(size, target_tokens, self.target if recipe.tied else None)

    def embedded(self, table: nn.Module, ids: Tensor, start: int = 0) -> Tensor:
        """(B, L) -> (B, L, D)."""
        found: Tensor = table(ids) * self.scale
        if self.positions is not None:
            found = found + self.positions(ids.shape[1], start, device=ids.device)
        return cast(Tensor, self.dropout(found))

    def read(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """The encoder's states (B, S, D) of sources (B, S), and which are real, (B, S): None if all are."""
        real = padding(lengths, source.shape[1])
        mask = None if bool(real.all()) else real
        return self.encoder(self.embedded(self.source, source), mask), mask

    def states(self, source: Tensor, lengths: Tensor, before: Tensor, sampled: float = 0.0) -> Tensor:  # noqa: ARG002  (a whole at once)
        """See `translation.Network`."""
        memory, mask = self.read(source, lengths)
        return cast(Tensor, self.decoder(self.embedded(self.target, before), None, memory, mask))

    def begin(self, source: Tensor, lengths: Tensor) -> Written:
        """See `translation.Network`; what the sources offer to each layer is computed here, once."""
        memory, mask = self.read(source, lengths)
        offered = [each for layer in self.layers for each in cross(layer).offered(memory)]
        real = torch.ones(source.shape, dtype=torch.bool, device=source.device) if mask is None else mask
        pasts = [layer.attention.begin(len(source)) for layer in self.layers]
        return Written(pasts, torch.arange(len(source), device=source.device), memory[:, :1], Sources(offered, real))

    def step(self, last: Tensor, state: Written) -> tuple[Tensor, Written]:
        """See `translation.Network`. As `Stack.step`, but the K targets of a source look at it together."""
        sources, which, together = state.sources.seen_by(state.which)
        place = state.layers[0].length
        x = self.embedded(self.target, last[:, None], place)  # (N, 1, D)
        angles = None if self.decoder.rotary is None else self.decoder.rotary(1, place, device=x.device)
        mask = None if sources.mask is None else spread(sources.mask)
        query, pasts = x, []
        for number, (layer, past) in enumerate(zip(self.layers, state.layers, strict=True)):
            found, new = layer.attention.step(layer.into(x, layer.attention_norm), past, None, angles)
            x = layer.added(x, found, layer.attention_norm)
            query = layer.into(x, cast(nn.Module, layer.cross_norm))
            keys, values = sources.offered[2 * number : 2 * number + 2]
            memory = Past(keys, values, keys.shape[2])
            found = cross(layer).recall(query.view(-1, together, x.shape[2]), memory, mask)  # (B, K, D)
            x = layer.added(x, found.reshape(x.shape), cast(nn.Module, layer.cross_norm))
            x = layer.added(x, layer.feed(layer.into(x, layer.feed_norm)), layer.feed_norm)
            pasts.append(new)
        return self.decoder.norm(x)[:, 0], Written(pasts, which, query, sources)

    def attention(self, state: Written) -> tuple[Tensor, Tensor]:
        """See `translation.Network`: the mean over the heads of the last layer."""
        sources, _, together = state.sources.seen_by(state.which)
        layer, keys = cross(self.layers[-1]), sources.offered[-2]
        queries = layer.asked(state.query.view(-1, together, state.query.shape[2]))  # (B, h, K, d)
        mask = None if sources.mask is None else spread(sources.mask)
        weights = distribution(queries @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1]), mask)
        real = sources.real.repeat_interleave(together, 0)
        return weights.mean(1).reshape(real.shape), real

    def explained(self, source: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
        """See `translation.Network`."""
        memory, mask = self.read(source, lengths)
        x = self.embedded(self.target, before)
        angles = None if self.decoder.rotary is None else self.decoder.rotary(x.shape[1], device=x.device)
        found = []
        for layer in self.layers:
            x = layer.added(x, layer.attention(layer.into(x, layer.attention_norm), None, None, True, angles), layer.attention_norm)
            context, weights = cross(layer).explained(layer.into(x, cast(nn.Module, layer.cross_norm)), memory, mask)
            x = layer.added(x, context, cast(nn.Module, layer.cross_norm))
            x = layer.added(x, layer.feed(layer.into(x, layer.feed_norm)), layer.feed_norm)
            found.append(weights)
        return torch.stack(found, 1)

    @property
    def layers(self) -> list[Layer]:
        """The decoder's."""
        return [cast(Layer, layer) for layer in self.decoder.layers]


def cross(layer: Layer) -> MultiHead:
    """A decoder layer's attention to the source."""
    assert layer.cross is not None
    return layer.cross


def shape(recipe: EncoderDecoder, layers: int, decoder: bool) -> Shape:
    """What the encoder or the decoder looks like."""
    return Shape(
        recipe.size,
        recipe.heads,
        layers,
        recipe.inner or 4 * recipe.size,
        recipe.dropout,
        recipe.attention_dropout,
        recipe.activation,
        recipe.prenorm,
        causal=decoder,
        cross=decoder,
        rotary=recipe.positions == "rotary",
    )


def embedding(tokens: int, size: int, word_dropout: float) -> Embedding:
    """Vectors whose numbers have a variance of 1 / size, so that as weights of a softmax they give scores of order 1."""
    found = Embedding(tokens, size, word_dropout)
    nn.init.normal_(found.weight, std=size**-0.5)
    return found
