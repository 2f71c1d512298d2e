"""What search knows of a model: given the last tokens, how probable is each next one?

N-gram, RNN, Transformer, captioner, an ensemble of them: whatever writes a token at a time is a `Stepper`. What it has to remember (a
hidden state, a key-value cache) is a tree of tensors with a row a hypothesis, which search reorders, repeats and cuts without looking
inside.

>>> bigrams = Table(torch.tensor([[0.0, 0.9, 0.1], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]), end=0)   # row: the token before
>>> last, state = bigrams.start([[], [2, 1]])
>>> last.tolist()                           # the empty prompt begins as every text does: after an end
[0, 1]
>>> log_probs, state = bigrams.step(last, state)
>>> (100 * log_probs.exp()).round().tolist()
[[0.0, 90.0, 10.0], [50.0, 0.0, 50.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

State = Any  # a tree (tuple, list, dict, dataclass or tensor; None, too) of tensors whose FIRST dimension is N


class Stepper(Protocol):
    """A model that writes from left to right."""

    @property
    def size(self) -> int:
        """V, how many tokens there are."""

    @property
    def end(self) -> int:
        """The token that ends a hypothesis."""

    def start(self, batch: Sequence[Any]) -> tuple[Tensor, State]:
        """Read N prompts (lists of ids) or sources (whatever the model reads); returns the first tokens (N,) and the state.

        Of a language model's prompt all ids but the last are read here; the last is the first token. For an empty prompt that is `end`,
        which also stands before every text.
        """

    def step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        """From the last tokens (N,) the log-probabilities (N, V) of the next ones, in nats, and the state after."""


@runtime_checkable
class Attending(Protocol):
    """A stepper that can say where it looked: what the coverage penalty asks for."""

    def attention(self, state: State) -> tuple[Tensor, Tensor]:
        """The weights of the last step over S places of the source, (N, S), and which of these places are real, (N, S) bool."""


def rows(state: State, indices: Tensor) -> State:
    """The rows of a state at `indices` (M,), in this order: one `index_select` a tensor.

    >>> rows((torch.tensor([[1], [2]]), None), torch.tensor([1, 1, 0]))[0].tolist()
    [[2], [2], [1]]
    """
    return mapped(state, lambda tensor: tensor.index_select(0, indices))


def mapped(state: State, change: Callable[[Tensor], Tensor]) -> State:
    """A state with each of its tensors changed; what is no tensor and holds none is shared by all rows, and stays."""
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, dict):
        return {key: mapped(value, change) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):  # a NamedTuple
        return type(state)(*(mapped(value, change) for value in state))
    if isinstance(state, (tuple, list)):
        return type(state)(mapped(value, change) for value in state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{field.name: mapped(getattr(state, field.name), change) for field in fields(state) if field.init})
    return state


def reorder(state: State, indices: Tensor) -> State:
    """As `rows` with as many indices as rows, which takes the state over: where most rows stay, only the others are written, in place.

    >>> cache = torch.tensor([[1], [2], [3], [4], [5]])
    >>> reorder(cache, torch.tensor([0, 1, 2, 0, 4])) is cache, cache.flatten().tolist()
    (True, [1, 2, 3, 1, 5])
    """
    moved = (indices != torch.arange(len(indices), device=indices.device)).nonzero()[:, 0]
    if 2 * len(moved) > len(indices):
        return rows(state, indices)
    sources, seen = indices[moved], set()

    def move(tensor: Tensor) -> Tensor:
        if not tensor.is_contiguous():  # its memory may hold a value for several places
            return tensor.index_select(0, indices)
        if tensor.data_ptr() not in seen and len(moved):
            seen.add(tensor.data_ptr())
            tensor.index_copy_(0, moved, tensor.index_select(0, sources))
        return tensor

    return mapped(state, move)


def repeat(state: State, times: int, count: int) -> State:
    """Each of the `count` rows of a state so many times, copies side by side.

    >>> repeat({"h": torch.tensor([3, 4])}, 2, 2)["h"].tolist()
    [3, 3, 4, 4]
    """
    return rows(state, torch.arange(count).repeat_interleave(times))


class Table:
    """A toy: a distribution for every history of the last n tokens, written down. What search does can be checked by hand with it.

    `probs` is (V,) * (n + 1), the next token last. A text begins after n ends.
    """

    def __init__(self, probs: Tensor, end: int = 0) -> None:
        self.log_probs = probs.log()
        self.size, self.end = int(probs.shape[-1]), end
        self.order = probs.dim() - 1
        self.steps = 0  # rows that were asked about, all steps together

    @classmethod
    def random(cls, size: int, order: int = 1, seed: int = 0, sharpness: float = 2.0, end: int = 0) -> Table:
        """Distributions drawn at random: the larger `sharpness`, the surer they are."""
        generator = torch.Generator().manual_seed(seed)
        logits = sharpness * torch.randn((size,) * (order + 1), generator=generator, dtype=torch.float64)
        return cls(logits.softmax(-1), end)

    def start(self, batch: Sequence[Sequence[int]]) -> tuple[Tensor, State]:
        """See `Stepper.start`; the state is the n - 1 tokens before the last, (N, n - 1)."""
        history = torch.tensor([[*[self.end] * self.order, *prompt][-self.order :] for prompt in batch])
        history = history.reshape(len(batch), self.order)
        return history[:, -1], history[:, :-1]

    def step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        """See `Stepper.step`."""
        history = torch.cat([state, last[:, None]], 1)  # (N, n)
        self.steps += len(last)
        return self.log_probs[tuple(history.T)], history[:, 1:]
