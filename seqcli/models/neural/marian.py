"""Marian's models as our translators: another token than the end stands before a target, and some tokens are never written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from seqcli.data import folder
from seqcli.data.examples import FloatArray
from seqcli.heads.language import NextToken
from seqcli.models.marian.checkpoint import Writing
from seqcli.models.marian.codec import MarianCodec
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.encoder_decoder import TransformerNetwork
from seqcli.models.neural.settings import EncoderDecoder
from seqcli.models.neural.translation import Translator
from seqcli.models.neural.weights import load_weights


class Chosen(NextToken):
    """A softmax from which some tokens are taken out afterwards; `renormalized`, the probabilities of the others sum to 1."""

    def __init__(self, size: int, tokens: int, tied: nn.Embedding | None, never: Sequence[int], renormalized: bool) -> None:
        super().__init__(size, tokens, tied)
        self.never, self.renormalized = list(never), renormalized

    @torch.no_grad()
    def log_probs(self, states: Tensor) -> Tensor:
        """(…, V) in nats."""
        found = super().log_probs(states)
        found[..., self.never] = -torch.inf
        return found.log_softmax(-1) if self.renormalized else found


class Marian(Translator):
    """A Marian model. A target that has become as long as it may ends there, at no cost: so do its scores."""

    recipe: EncoderDecoder

    def __init__(self, codecs: Codecs, recipe: EncoderDecoder, writing: Writing) -> None:
        super().__init__(codecs, recipe)
        self.writing = writing
        network = cast(TransformerNetwork, self.network)
        tied = network.target if recipe.tied else None
        network.head = Chosen(recipe.size, codecs.target.size, tied, writing.never, writing.renormalized)

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings of search that the model comes with."""
        return self.writing.defaults

    def start(self, batch: Sequence[Sequence[int]]) -> tuple[Tensor, Any]:
        """See `Translator.start`; the first tokens are those that stand before targets."""
        last, state = super().start(batch)
        return torch.full_like(last, self.writing.start), state

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See `Translator.step`."""
        found, state = super().step(last, state)
        if state.layers[0].length == self.writing.places - 1:
            found = torch.full_like(found, -torch.inf).index_fill(1, torch.tensor([self.end], device=found.device), 0.0)
        return found, state

    def log_probs(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[FloatArray]:
        """See `Translator.log_probs`."""
        found = super().log_probs(sources, targets)
        for target, logs in zip(targets, found, strict=True):
            if len(target) == self.writing.places - 2:
                logs[-1] = 0.0
        return found

    def forced(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """See `Translator.forced`."""
        for rows, source, lengths, before in super().forced(sources, targets):
            before[:, 0] = self.writing.start
            yield rows, source, lengths, before

    @classmethod
    def load(cls, found: folder.Folder, recipe: Any) -> Self:
        """From a model folder of ours."""
        said = found.parameters
        source = MarianCodec(found, "source", said["source"]["size"], said["source"]["end"])
        target = MarianCodec(found, "target", said["codec"]["size"], said["codec"]["end"])
        writing = Writing(**{**said["writing"], "never": tuple(said["writing"]["never"])})
        model = cls(Codecs(source, target), recipe, writing)
        load_weights(model.module, found.tensors)
        return model

    def config(self) -> dict[str, Any]:
        """What `load` needs beside the tensors, as JSON values."""
        return {**super().config(), "writing": self.writing.config()}

    def files(self) -> dict[str, Any]:
        """Further files of the model folder, text or bytes."""
        return {**self.codecs.source.files(), **self.codecs.target.files()}
