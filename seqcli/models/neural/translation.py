"""Translators: a source is read as a whole, a target is written token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from seqcli.data import folder
from seqcli.data.examples import AnyArray, FloatArray
from seqcli.errors import UsageFailure
from seqcli.heads.language import NextToken
from seqcli.models.neural.codecs import Codecs, Sides
from seqcli.models.neural.encoder_decoder import TransformerNetwork
from seqcli.models.neural.recurrent_translation import RecurrentNetwork
from seqcli.models.neural.settings import EncoderDecoder, RecurrentTranslation
from seqcli.models.neural.weights import load_weights, weights_of
from seqcli.nn.linear import pack
from seqcli.text.codec import LEARNED

AT_ONCE = 8192  # tokens of a batch in use, padding included


class Network(Protocol):
    """What a translator is made of. Sources are (B, S), padded on the right, with `lengths` (B,) > 0."""

    head: NextToken

    def states(self, source: Tensor, lengths: Tensor, before: Tensor, sampled: float = 0.0) -> Tensor:
        """What the next token follows from, (B, T, D), after each of the target's tokens (B, T).

        A share `sampled` of these is replaced by what the model itself would have written there.
        """

    def begin(self, source: Tensor, lengths: Tensor) -> Any:
        """The state before the first token; it has a row a source, which search may repeat and reorder."""

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One token further: states (N, D)."""

    def attention(self, state: Any) -> tuple[Tensor, Tensor]:
        """Where the last step looked, (N, S), and which places are real, (N, S)."""

    def explained(self, source: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
        """Where each layer and head looks after each of the target's tokens, (B, layers, heads, T, S)."""


class Translator(Sides):
    """A network and its codecs: P(target given source). It is a `Stepper` and a `Generator`: search needs nothing else."""

    recipe: EncoderDecoder | RecurrentTranslation
    context: int | None = None  # sources and targets do not share the places that there are: see `longest`

    def __init__(self, codecs: Codecs, recipe: EncoderDecoder | RecurrentTranslation) -> None:
        if recipe.shared != codecs.shared and recipe.units in LEARNED:
            raise UsageFailure(f"shared={str(recipe.shared).lower()}: the vocabularies say otherwise")
        self.codecs, self.recipe = codecs, recipe
        make = TransformerNetwork if isinstance(recipe, EncoderDecoder) else RecurrentNetwork
        self.network: Network = cast(Callable[..., Network], make)(codecs.source.size, codecs.target.size, recipe)

    @property
    def module(self) -> nn.Module:
        """The network as torch knows it."""
        return cast(nn.Module, self.network)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.module.parameters()).device

    @property
    def defaults(self) -> dict[str, Any]:
        """How it is searched unless asked otherwise: as CTranslate2 does."""
        return {"stop": "full"}

    @property
    def size(self) -> int:
        """V, of the target."""
        return self.codecs.target.size

    @property
    def end(self) -> int:
        """The token that ends a target, and stands before it."""
        return self.codecs.target.end

    # Text in, text out ---------------------------------------------------------------------------------------------------

    def text(self, ids: Sequence[int]) -> str:
        """What was written, as text."""
        return self.codecs.target.decode(ids)

    def spell(self, ids: Sequence[int]) -> list[str]:
        """What was written, token by token."""
        return self.codecs.target.spell(ids)

    # Step by step --------------------------------------------------------------------------------------------------------

    def start(self, batch: Sequence[Sequence[int]]) -> tuple[Tensor, Any]:
        """Read N sources as `prepare` gives them; the first tokens (N,), which are ends, and the state."""
        self.module.eval()
        pack(self.module)
        with torch.inference_mode():
            state = self.network.begin(*self.padded(batch, self.codecs.source.end))
        return torch.full((len(batch),), self.end, device=self.device), state

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The log-probabilities (N, V) of what comes after the last tokens (N,), and the state after these."""
        with torch.inference_mode():
            states, state = self.network.step(last, state)
            return self.network.head.log_probs(states), state

    def attention(self, state: Any) -> tuple[Tensor, Tensor]:
        """Where the last step looked, (N, S), each row's sum 1, and which places are real, (N, S).

        Raises:
            UsageFailure: the model looks nowhere.
        """
        self.check_attends()
        with torch.inference_mode():
            return self.network.attention(state)

    # Whole targets -------------------------------------------------------------------------------------------------------

    def log_probs(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[FloatArray]:
        """Log P of each token of the targets, and then of the end, given its source and what stands before: (n + 1,) a target."""
        found: list[FloatArray] = [np.zeros(0, dtype=np.float32)] * len(sources)
        for rows, source, lengths, before in self.forced(sources, targets):
            states = self.network.states(source, lengths, before)
            for row, each in zip(rows, states, strict=True):
                after = torch.tensor([*targets[row], self.end], device=self.device)
                logs = self.network.head.log_probs(each[: len(after)]).gather(1, after[:, None])[:, 0]
                found[row] = logs.cpu().numpy()
        return found

    def alignments(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[FloatArray]:
        """Where each layer and head looks before it writes each token and the end: (layers, heads, n + 1, S) a target.

        Raises:
            UsageFailure: the model looks nowhere.
        """
        self.check_attends()
        found: list[FloatArray] = [np.zeros((0, 0, 0, 0), dtype=np.float32)] * len(sources)
        for rows, source, lengths, before in self.forced(sources, targets):
            for row, weights in zip(rows, self.network.explained(source, lengths, before), strict=True):
                found[row] = weights[:, :, : len(targets[row]) + 1, : len(sources[row])].cpu().numpy()
        return found

    def forced(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """Pairs of like length together: which these are, sources (B, S), lengths (B,), the end and the targets (B, T)."""
        self.module.eval()
        sizes = [max(len(source), len(target) + 1) for source, target in zip(sources, targets, strict=True)]
        order = sorted(range(len(sizes)), key=sizes.__getitem__)
        with torch.inference_mode():
            while order:
                count = max(1, AT_ONCE // sizes[order[-1]])
                rows, order = order[-count:], order[:-count]
                before = self.padded([[self.end, *targets[row]] for row in rows], self.end)[0]
                yield rows, *self.padded([sources[row] for row in rows], self.codecs.source.end), before

    def check_attends(self) -> None:
        """Raises UsageFailure: the model has no attention."""
        if getattr(self.recipe, "attention", "") == "none":
            raise UsageFailure(
                "this model does not look at its source while it writes (attention=none)", hint="no --coverage, no --alignment"
            )

    def padded(self, batch: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
        """Ids (B, L) and lengths (B,)."""
        longest = max(map(len, batch))
        ids = torch.tensor([[*row, *[filler] * (longest - len(row))] for row in batch], device=self.device)
        return ids, torch.tensor([len(row) for row in batch], device=self.device)

    # The folder ----------------------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, found: folder.Folder, recipe: EncoderDecoder | RecurrentTranslation) -> Self:
        """From a model folder."""
        model = cls(Codecs.load(found), recipe)
        load_weights(model.module, found.tensors)
        return model

    def config(self) -> dict[str, Any]:
        """What `load` needs beside the tensors, as JSON values."""
        return {**self.codecs.config(), "head": "translation"}

    def tensors(self) -> Mapping[str, AnyArray]:
        """The parameters by name."""
        return weights_of(self.module)

    def files(self) -> dict[str, str]:
        """Further files of the model folder: name to text."""
        return self.codecs.files()
