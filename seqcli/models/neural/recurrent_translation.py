"""Recurrent networks from sequence to sequence.

=====================  ==========================================================  ====================================
`attention`            what the decoder reads, and what it says                    after
=====================  ==========================================================  ====================================
`none`                 y; s                                                        Sutskever, Vinyals and Le 2014
`bahdanau`             [y; c], c by the state before; tanh(W [s; c; y])            Bahdanau, Cho and Bengio 2015
`dot` `general`        [y; h̃ before], c by the state; h̃ = tanh(W [c; s])           Luong, Pham and Manning 2015, with
`concat`                                                                           input feeding
`pre_attention`        c + p, where p reads y alone and asks for c; s              the residual form of Wu et al. 2016
=====================  ==========================================================  ====================================

y is the vector of the word before, s the decoder's state, c what attention found. Without attention all that is known of the source is
the state that the decoder begins with. With `pre_attention` nothing that attention asks for depends on what it found before, so a whole
target is learned from at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from seqcli.heads.language import NextToken
from seqcli.models.neural.encoder_decoder import embedding
from seqcli.models.neural.settings import RecurrentTranslation
from seqcli.models.neural.sources import Sources
from seqcli.nn.attention import Additive, Looking, Luong, Source
from seqcli.nn.masks import padding
from seqcli.nn.recurrent import Recurrent, State


@dataclass
class Written:
    """N half-written targets. Each tensor but those of the sources has N first."""

    hidden: State  # of the decoder
    below: State | None  # of the decoder before attention
    said: Tensor | None  # (N, H) h̃, fed into the next step
    which: Tensor  # (N,) the source of each
    weights: Tensor  # (N, S) where the last step looked
    sources: Sources  # states and what attention makes of them


class RecurrentNetwork(nn.Module):
    """Embeddings, encoder, bridge, decoder with or without attention, softmax."""

    def __init__(self, source_tokens: int, target_tokens: int, recipe: RecurrentTranslation) -> None:
        super().__init__()
        wide, size, layers = recipe.embedding, recipe.size, recipe.decoder_layers or recipe.layers
        self.kind, self.ahead = recipe.attention, recipe.pre_attention
        self.size, self.layers = size, layers
        self.target = embedding(target_tokens, wide, recipe.word_dropout)
        together = recipe.shared and recipe.tied
        self.source = self.target if together else embedding(source_tokens, wide, recipe.word_dropout)
        self.dropout = nn.Dropout(recipe.dropout)
        units = size // 2 if recipe.bidirectional else size
        self.encoder = Recurrent(recipe.cell, wide, units, recipe.layers, recipe.bidirectional, recipe.dropout)
        self.bridge = nn.ModuleList(nn.Linear(size, layers * size) for _ in range(2 if recipe.cell == "lstm" else 1))
        self.look = looking(recipe.attention, size)
        feeds = 0 if self.look is None else size
        self.below = Recurrent(recipe.cell, wide, size) if self.ahead else None
        inputs = size if self.ahead else wide + feeds
        self.decoder = Recurrent(recipe.cell, inputs, size, layers, dropout=recipe.dropout, residual=self.ahead)
        shown = wide if self.kind == "bahdanau" else 0
        self.combine = nn.Linear(2 * size + shown, size) if self.look is not None and not self.ahead else None
        self.head = NextToken(size, target_tokens, self.target if recipe.tied else None)

    def states(self, source: Tensor, lengths: Tensor, before: Tensor, sampled: float = 0.0) -> Tensor:
        """See `translation.Network`."""
        words = self.dropout(self.target(before))  # (B, T, E)
        hidden, sources = self.read(source, lengths)
        if self.look is None and not sampled:
            return cast(Tensor, self.dropout(self.decoder(words, state=hidden)[0]))
        if self.below is not None:
            return self.at_once(words, hidden, sources)
        state = self.beginning(hidden, sources)
        found: list[Tensor] = []
        for t in range(before.shape[1]):
            word = words[:, t]
            if sampled and found:
                word = torch.where(torch.rand(len(word), 1, device=word.device) < sampled, self.own_word(found[-1]), word)
            said, state = self.say(word, state, sources, 1)
            found.append(self.dropout(said))
        return torch.stack(found, 1)

    def own_word(self, said: Tensor) -> Tensor:
        """The vectors (B, E) of the words that the decoder finds likeliest after its states (B, H)."""
        with torch.no_grad():
            likeliest = self.head(said).argmax(1)
        return cast(Tensor, self.dropout(self.target(likeliest[:, None])))[:, 0]

    def read(self, source: Tensor, lengths: Tensor) -> tuple[State, Sources]:
        """What the decoder begins with, and what it may look at."""
        states, ended = self.encoder(self.dropout(self.source(source)), lengths)
        tops = [each[:, -self.encoder.directions :].flatten(1) for each in (ended if isinstance(ended, tuple) else (ended,))]
        h, *c = (bridge(top).view(len(top), self.layers, -1) for bridge, top in zip(self.bridge, tops, strict=True))
        real = padding(lengths, source.shape[1])
        offered = [] if self.look is None else list(self.look.prepare(states))
        return (h.tanh(), c[0]) if c else h.tanh(), Sources(offered, real)

    def at_once(self, words: Tensor, hidden: State, sources: Sources) -> Tensor:
        """Whole targets with pre-attention, (B, T, E) -> (B, T, H)."""
        assert self.below is not None
        assert self.look is not None
        queries, _ = self.below(words, state=None)
        context, _ = self.look(queries, Source(*sources.offered), sources.mask)
        return cast(Tensor, self.dropout(self.decoder(self.dropout(context + queries), state=hidden)[0]))

    def beginning(self, hidden: State, sources: Sources) -> Written:
        """Nothing written yet, a target a source."""
        rows = len(sources.real)
        nothing = sources.real.new_zeros(sources.real.shape, dtype=self.target.weight.dtype)
        said = nothing.new_zeros(rows, self.size) if self.look is not None else None
        below = None if self.below is None else self.below.begin(rows)
        return Written(hidden, below, said, torch.arange(rows, device=nothing.device), nothing, sources)

    def begin(self, source: Tensor, lengths: Tensor) -> Written:
        """See `translation.Network`."""
        return self.beginning(*self.read(source, lengths))

    def step(self, last: Tensor, state: Written) -> tuple[Tensor, Written]:
        """See `translation.Network`."""
        sources, which, together = state.sources.seen_by(state.which)
        said, new = self.say(self.target(last[:, None])[:, 0], state, sources, together)
        new.which, new.sources = which, sources
        return said, new

    def say(self, word: Tensor, state: Written, sources: Sources, together: int) -> tuple[Tensor, Written]:
        """One word (N, E) further: what is said, (N, H), and the state after; each source has the next `together` rows."""
        below, weights = state.below, state.weights
        if self.look is None or state.said is None:
            said, hidden = self.decoder.step(word, state.hidden)
            return said, Written(hidden, below, None, state.which, weights, state.sources)
        if self.below is not None and below is not None:
            query, below = self.below.step(word, below)
            context, weights = self.looked(query, sources, together)
            said, hidden = self.decoder.step(context + query, state.hidden)
        elif self.kind == "bahdanau":
            context, weights = self.looked(top(state.hidden), sources, together)
            now, hidden = self.decoder.step(torch.cat([word, context], 1), state.hidden)
            said = self.combined(now, context, word)
        else:
            now, hidden = self.decoder.step(torch.cat([word, state.said], 1), state.hidden)
            context, weights = self.looked(now, sources, together)
            said = self.combined(context, now)
        return said, Written(hidden, below, said, state.which, weights, state.sources)

    def looked(self, query: Tensor, sources: Sources, together: int) -> tuple[Tensor, Tensor]:
        """What N queries (N, H) find at their sources, (N, H), and where, (N, S)."""
        assert self.look is not None
        context, weights = self.look(query.view(-1, together, query.shape[1]), Source(*sources.offered), sources.mask)
        return context.reshape(query.shape), weights.reshape(len(query), -1)

    def combined(self, *parts: Tensor) -> Tensor:
        """tanh(W [parts])."""
        assert self.combine is not None
        return cast(Tensor, self.combine(torch.cat(parts, 1))).tanh()

    def attention(self, state: Written) -> tuple[Tensor, Tensor]:
        """See `translation.Network`."""
        return state.weights, state.sources.real.index_select(0, state.which)

    def explained(self, source: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
        """See `translation.Network`: one layer, one head."""
        state = self.begin(source, lengths)
        found = []
        for t in range(before.shape[1]):
            state = self.step(before[:, t], state)[1]
            found.append(state.weights)
        return torch.stack(found, 1)[:, None, None]


def looking(kind: str, size: int) -> Looking | None:
    """The attention of a recipe."""
    if kind == "none":
        return None
    return Additive(size, size, size) if kind == "bahdanau" else Luong(kind, size, size)


def top(state: State) -> Tensor:
    """The output of the last layer, (N, layers, H) -> (N, H)."""
    return (state[0] if isinstance(state, tuple) else state)[:, -1]
