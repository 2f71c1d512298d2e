"""Language models: what comes next, from recurrent states or by a Transformer (GPT)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from seqcli.data import folder
from seqcli.data.examples import AnyArray, FloatArray
from seqcli.errors import Failure
from seqcli.heads.language import NextToken
from seqcli.models.language_model import Ids, LanguageModel
from seqcli.models.neural.settings import Recurrent, Transformer
from seqcli.models.neural.weights import load_weights, weights_of
from seqcli.nn import recurrent
from seqcli.nn.linear import pack
from seqcli.nn.positions import Learned
from seqcli.nn.transformer import Shape, Stack
from seqcli.text.codec import Codec

AT_ONCE = 8192  # tokens of a batch in use, padding included


class Network(Protocol):
    """What a language model is made of."""

    head: NextToken
    context: int | None  # the most tokens it looks at

    def states(self, ids: Tensor, carry: Any = None) -> tuple[Tensor, Any]:
        """After each of the tokens (B, L): states (B, L, D), and what the next tokens of the same texts need."""

    def begin(self, ids: Tensor, lengths: Tensor) -> Any:
        """The state after the first `lengths` (N,) of the tokens (N, L); padding is on the right."""

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One token further: states (N, D)."""


class RecurrentNetwork(nn.Module):
    """Embedding, recurrent layers, softmax (Mikolov et al. 2010; dropout where Zaremba et al. 2014 have it)."""

    context: int | None = None

    def __init__(self, tokens: int, recipe: Recurrent) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, recipe.embedding)
        nn.init.normal_(self.embedding.weight, std=recipe.embedding**-0.5)
        self.dropout = nn.Dropout(recipe.dropout)
        self.encoder = recurrent.Recurrent(recipe.cell, recipe.embedding, recipe.size, recipe.layers, dropout=recipe.dropout)
        self.head = NextToken(recipe.size, tokens, self.embedding if recipe.tied else None)

    def states(self, ids: Tensor, carry: Any = None) -> tuple[Tensor, Any]:
        """See `Network`. Padding on the right follows the text, which does not look ahead: it needs no mask."""
        states, carry = self.encoder(self.dropout(self.embedding(ids)), state=carry)
        return self.dropout(states), carry

    def begin(self, ids: Tensor, lengths: Tensor) -> Any:
        """See `Network`."""
        state = self.encoder.begin(len(ids))
        some = lengths > 0  # the others have read nothing
        if some.any():
            found = self.encoder(self.embedding(ids[some]), lengths[some])[1]
            for whole, part in zip(*(each if isinstance(each, tuple) else (each,) for each in (state, found)), strict=True):
                whole[some] = part
        return state

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See `Network`."""
        found: tuple[Tensor, Any] = self.encoder.step(self.embedding(last), state)
        return found


class GPTNetwork(nn.Module):
    """A pre-norm Transformer that looks back (Radford et al. 2019)."""

    def __init__(self, tokens: int, recipe: Transformer) -> None:
        super().__init__()
        self.context: int | None = recipe.window
        self.embedding = nn.Embedding(tokens, recipe.size)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.positions = Learned(recipe.window, recipe.size) if recipe.positions == "learned" else None
        self.dropout = nn.Dropout(recipe.dropout)
        self.stack = Stack(
            Shape(
                recipe.size,
                recipe.heads,
                recipe.layers,
                recipe.inner or 4 * recipe.size,
                recipe.dropout,
                activation=recipe.activation,
                causal=True,
                rotary=recipe.positions == "rotary",
                scaled=True,
            )
        )
        self.head = NextToken(recipe.size, tokens, self.embedding)

    def embedded(self, ids: Tensor, start: int = 0, skipped: Tensor | None = None) -> Tensor:
        """(B, L, D)."""
        found: Tensor = self.embedding(ids)
        if self.positions is not None:
            found = found + self.positions(ids.shape[1], start, skipped, ids.device)
        return found

    def states(self, ids: Tensor, carry: Any = None) -> tuple[Tensor, Any]:  # noqa: ARG002  (each window begins anew)
        """See `Network`."""
        return self.stack(self.dropout(self.embedded(ids))), None

    def begin(self, ids: Tensor, lengths: Tensor) -> Any:
        """See `Network`: the prompts are moved to the right, to end in the same column."""
        longest = int(lengths.max())
        skipped = longest - lengths
        ragged = skipped if bool(skipped.any()) else None
        cache = self.stack.begin(len(ids), ragged)
        if not longest:
            return cache
        column = torch.arange(longest, device=ids.device) - skipped[:, None]  # (N, L)
        moved = ids[:, :longest].gather(1, column.clamp(min=0))
        return self.stack.step(self.embedded(moved, 0, ragged), cache)[1]

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See `Network`."""
        states, state = self.stack.step(self.embedded(last[:, None], state.length, state.skipped), state)
        return states[:, 0], state


def network(tokens: int, recipe: Recurrent | Transformer) -> Network:
    """The network that a recipe describes."""
    return GPTNetwork(tokens, recipe) if isinstance(recipe, Transformer) else RecurrentNetwork(tokens, recipe)


class NeuralLanguageModel(LanguageModel):
    """A network and its codec."""

    def __init__(self, codec: Codec, recipe: Recurrent | Transformer) -> None:
        self.codec, self.recipe = codec, recipe
        self.network = network(codec.size, recipe)

    @property
    def module(self) -> nn.Module:
        """The network as torch knows it."""
        return cast(nn.Module, self.network)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.module.parameters()).device

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its continuation; None: as many as you like."""
        return self.network.context

    @classmethod
    def load(cls, found: folder.Folder, recipe: Recurrent | Transformer) -> Self:
        """From a model folder."""
        model = cls(Codec.load(found), recipe)
        load_weights(model.module, found.tensors)
        return model

    def log_probs(self, texts: Sequence[Ids]) -> list[FloatArray]:
        """See `LanguageModel`. A text longer than the context is looked at in windows that overlap by half."""
        return self.scored([([self.end, *text, self.end], 0) for text in texts])

    def scored(self, texts: Sequence[tuple[Ids, int]]) -> list[FloatArray]:
        """The log-probability of each token of a text but its first, and but so many after that."""
        self.module.eval()
        cut = [list(windows(len(text), done, self.context)) for text, done in texts]
        rows = [text[start:end] for (text, _), places in zip(texts, cut, strict=True) for start, end, _ in places]
        with torch.inference_mode():
            logs = iter(self.batched(rows))
        return [np.concatenate([next(logs)[-new:] if new else np.zeros(0, np.float32) for *_, new in places]) for places in cut]

    def batched(self, rows: Sequence[Ids]) -> list[FloatArray]:
        """The log-probability of each token of each row but the first, rows of like length together."""
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        found: list[FloatArray] = [np.zeros(0, dtype=np.float32)] * len(rows)
        while order:
            count = max(1, AT_ONCE // len(rows[order[-1]]))
            taken, order = order[-count:], order[:-count]
            longest = len(rows[taken[-1]])
            ids = torch.tensor([[*rows[row], *[self.end] * (longest - len(rows[row]))] for row in taken], device=self.device)
            logs = self.of_next(*self.network.states(ids[:, :-1])[:1], ids[:, 1:])
            for row, log in zip(taken, logs.cpu().numpy(), strict=True):
                found[row] = log[: len(rows[row]) - 1]
        return found

    def of_next(self, states: Tensor, after: Tensor) -> Tensor:
        """The log-probabilities (B, L) of the tokens (B, L) that come after the states (B, L, D)."""
        parts = []
        for some, tokens in zip(torch.split(states.flatten(0, 1), AT_ONCE), torch.split(after.flatten(), AT_ONCE), strict=True):
            parts.append(self.network.head.log_probs(some).gather(1, tokens[:, None])[:, 0])
        return torch.cat(parts).view(after.shape)

    def follow(self, texts: Sequence[Ids], state: Any = None) -> tuple[list[FloatArray], Any]:
        """See `LanguageModel`: the state is the last token and the recurrent state, or the last tokens of the context."""
        stream = [token for text in texts for token in (*text, self.end)]
        if self.context is not None:
            before = [self.end] if state is None else cast("list[int]", state)
            logs = self.scored([([*before, *stream], len(before) - 1)])[0]
            state = [*before, *stream][-max(1, self.context // 2) :]
        else:
            logs, state = self.carried(stream, state)
        return np.split(logs, np.cumsum([len(text) + 1 for text in texts])[:-1]), state

    def carried(self, stream: Ids, state: Any) -> tuple[FloatArray, Any]:
        """The log-probabilities of a stream that goes on from a recurrent state."""
        self.module.eval()
        last, carry = (self.end, None) if state is None else state
        logs = [np.zeros(0, dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(stream), AT_ONCE):
                ids = torch.tensor([[last, *stream[start : start + AT_ONCE]]], device=self.device)
                states, carry = self.network.states(ids[:, :-1], carry)
                logs.append(self.of_next(states, ids[:, 1:])[0].cpu().numpy())
                last = int(ids[0, -1])
        return np.concatenate(logs), (last, carry)

    def start(self, batch: Sequence[Ids]) -> tuple[Tensor, Any]:
        """See `LanguageModel`.

        Raises:
            Failure: a prompt that leaves no room in the context.
        """
        self.module.eval()
        pack(self.module)
        for number, prompt in enumerate(batch, 1):
            if self.context is not None and len(prompt) >= self.context:
                raise Failure(f"prompt {number} has {len(prompt)} tokens: the model looks at {self.context}", hint="shorten it")
        texts = [[self.end, *prompt] for prompt in batch]
        lengths = torch.tensor([len(text) - 1 for text in texts], device=self.device)
        ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.int64, device=self.device)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
        with torch.inference_mode():
            state = self.network.begin(ids[:, :-1], lengths)
        return ids.gather(1, lengths[:, None])[:, 0], state

    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See `LanguageModel`."""
        with torch.inference_mode():
            states, state = self.network.step(last, state)
            return self.network.head.log_probs(states), state

    def config(self) -> dict[str, Any]:
        """See `LanguageModel`."""
        return {"codec": self.codec.config(), "head": "language", "context": self.context}

    def tensors(self) -> dict[str, AnyArray]:
        """See `LanguageModel`."""
        return weights_of(self.module)


def windows(length: int, done: int, most: int | None) -> Iterator[tuple[int, int, int]]:
    """Parts of a text of `length` tokens that a model can look at: from, to, and how many tokens at the end are new.

    The first token and `done` more are given. A part has at most `most` tokens to look at, half of them seen before.

    >>> list(windows(11, 0, 4))
    [(0, 5, 4), (2, 7, 2), (4, 9, 2), (6, 11, 2)]
    """
    if most is None or length - 1 <= most:
        yield 0, length, length - 1 - done
        return
    while done < length - 1:
        start = max(0, min(done - most // 2, length - 1 - most))
        end = min(start + most, length - 1)
        yield start, end + 1, end - done
        done = end
