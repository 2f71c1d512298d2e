"""A cache: a word that was just used is likelier to come again than its n-grams say (Kuhn & De Mori 1990).

P(w | history) = (1 - share) · P_ngram(w | its last words) + share · (how many of its last C tokens are w) / C
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray, IntArray
from seqcli.models.language_model import Ids, LanguageModel
from seqcli.models.ngram.model import NOTHING, Ngram

if TYPE_CHECKING:
    from torch import Tensor

State = tuple["Tensor", "Tensor"]  # that of the n-grams (N, order - 1), and the tokens of the text so far (N, C), NOTHING on the left


class Cached(LanguageModel):
    """An n-gram model with the last `length` tokens of the text in a cache; where texts follow each other, of all texts."""

    def __init__(self, ngram: Ngram, length: int, share: float) -> None:
        self.ngram, self.length, self.share, self.codec = ngram, length, share, ngram.codec

    def log_probs(self, texts: Sequence[Ids]) -> list[FloatArray]:
        """See `LanguageModel.log_probs`."""
        if not texts:
            return []
        sizes = np.array([len(text) + 1 for text in texts])
        stream = self.codec.flat(texts).astype(np.int64)
        which = np.repeat(np.arange(len(texts)), sizes)
        places = np.arange(len(stream)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        found = self.mixed(self.ngram.log_probs(texts), repeats(which * self.size + stream, self.length), places)
        return np.split(found, np.cumsum(sizes)[:-1])

    def follow(self, texts: Sequence[Ids], state: AnyArray | None = None) -> tuple[list[FloatArray], AnyArray]:
        """See `LanguageModel.follow`; the state is the tokens that are in the cache."""
        before: AnyArray = np.zeros(0, np.int64) if state is None else state
        if not texts:
            return [], before
        stream = np.concatenate([before, self.codec.flat(texts)])
        counts = repeats(stream, self.length)[len(before) :]
        found = self.mixed(self.ngram.log_probs(texts), counts, np.arange(len(before), len(stream)))
        return np.split(found, np.cumsum([len(text) + 1 for text in texts])[:-1]), stream[-self.length :]

    def mixed(self, log_probs: Sequence[FloatArray], counts: IntArray, before: IntArray) -> DoubleArray:
        """The mixture, (N,), where each token is `counts` times among those of `before` that the cache holds; alone if it is empty."""
        own = np.exp(np.concatenate(log_probs))
        cached = counts / np.clip(before, 1, self.length)
        found: DoubleArray = np.log(np.where(before > 0, (1 - self.share) * own + self.share * cached, own))
        return found

    def start(self, batch: Sequence[Ids]) -> tuple[Tensor, State]:
        """See `LanguageModel.start`."""
        import torch

        last, state = self.ngram.start(batch)
        pad = [NOTHING] * self.length
        return last, (state, torch.tensor([[*pad, *prompt[:-1]][-self.length :] for prompt in batch]).reshape(len(batch), self.length))

    def step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        """See `LanguageModel.step`. After the end a new text begins."""
        import torch

        log_probs, words = self.ngram.step(last, state[0])
        recent = torch.cat([state[1], last[:, None]], 1)[:, 1:]
        recent.masked_fill_((last == self.end)[:, None], NOTHING)
        held = recent >= 0
        counts = torch.zeros_like(log_probs).scatter_add_(1, recent.clamp(min=0), held.to(log_probs.dtype))
        many = held.sum(1, keepdim=True)
        mixed = (1 - self.share) * log_probs.exp() + self.share * counts / many.clamp(min=1)
        return torch.where(many > 0, mixed.log(), log_probs), (words, recent)

    def config(self) -> dict[str, Any]:
        """See `LanguageModel.config`."""
        return {**self.ngram.config(), "cache": self.length, "cache_share": self.share}

    def tensors(self) -> Mapping[str, AnyArray]:
        """Those of the n-grams: a cache has none."""
        return self.ngram.tensors()


def repeats(tokens: IntArray, length: int) -> IntArray:
    """How often each token occurs among the `length` tokens before it, (N,).

    >>> repeats(np.array([7, 8, 7, 7, 8]), 2).tolist()
    [0, 0, 1, 1, 0]
    """
    size = len(tokens)
    keys = np.unique(tokens, return_inverse=True)[1].astype(np.int64) * size + np.arange(size)  # sorted by token, then by place
    by_key = np.argsort(keys)
    keys = keys[by_key]
    firsts = np.searchsorted(keys, np.maximum(keys - keys % size, keys - length)) if size else keys
    found: IntArray = np.empty(size, np.int64)
    found[by_key] = np.arange(size) - firsts
    return found
