"""Sentences as tensors, and the vectors of their words: one a word, and one from its characters.

A batch has each distinct word's characters once, however often it occurs: their convolution is most of the work of the inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from seqcli.data import folder
from seqcli.data.examples import AnyArray, IntArray
from seqcli.text.lexicon import UNKNOWN, Lexicon

if TYPE_CHECKING:
    from seqcli.data.vectors import Vectors
    from seqcli.models.neural.settings import Recurrent

LONGEST = 24  # characters of a word that are looked at: so many of its beginning and end


@dataclass(frozen=True)
class Padded:
    """B sequences of up to L words."""

    words: Tensor  # (B, L)
    lengths: Tensor  # (B,)
    ready: Tensor | None = None  # (B, L) words of the ready vectors
    spelling: Tensor | None = None  # (U, C) characters of the distinct words
    which: Tensor | None = None  # (B, L) the distinct word at each place

    def to(self, device: torch.device) -> Padded:
        """On another device."""
        parts = (self.words, self.lengths, self.ready, self.spelling, self.which)
        return Padded(*(each if each is None else each.to(device) for each in parts))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Features:
    """What a model sees of words."""

    words: Lexicon
    characters: Lexicon | None = None
    ready: Lexicon | None = None  # words that have vectors which are not learned …
    width: int = 0  # … of so many numbers

    @classmethod
    def learn(cls, tokens: Sequence[str], settings: Recurrent, vectors: Vectors | None = None) -> Features:
        """From the words of the training data; those of ready vectors stay whether they occur or not."""
        known = () if vectors is None else tuple(vectors.words)
        words = Lexicon.learn(tokens, settings.min_count, settings.lowercase, settings.vocab_size, () if settings.frozen else known)
        characters = Lexicon.learn("".join(tokens), least=2) if settings.characters else None
        ready = Lexicon(("", *known), vectors.lowercase) if vectors is not None and settings.frozen else None
        return cls(words, characters, ready, 0 if vectors is None or ready is None else vectors.dimensions)

    @classmethod
    def load(cls, tensors: Mapping[str, AnyArray], lowercase: bool) -> Features:
        """The reverse of `tensors`."""
        words = Lexicon.unpacked(folder.take(tensors, "words", None), lowercase)
        characters, ready = tensors.get("characters"), tensors.get("ready")
        return cls(
            words,
            None if characters is None else Lexicon.unpacked(characters, lowercase=False),
            None if ready is None else Lexicon.unpacked(ready, lowercase=bool(tensors["ready.lowercase"][0])),
            0 if ready is None else int(folder.take(tensors, "inputs.ready.weight", None, None).shape[1]),
        )

    def tensors(self) -> dict[str, AnyArray]:
        """For a model folder."""
        found = {"words": self.words.packed()}
        if self.characters is not None:
            found["characters"] = self.characters.packed()
        if self.ready is not None:
            found |= {"ready": self.ready.packed(), "ready.lowercase": np.array([self.ready.lowercase], dtype=np.uint8)}
        return found

    def files(self) -> dict[str, str]:
        """For a model folder: none."""
        return {}

    def read(self, tokens: Sequence[str], lengths: IntArray) -> Sentences:
        """Sentences end to end as numbers."""
        ready = None if self.ready is None else self.ready.ids(tokens)
        if self.characters is None:
            return Sentences(self.words.ids(tokens), lengths, ready)
        types, distinct = numbered(tokens)
        return Sentences(self.words.ids(tokens), lengths, ready, types, self.spelled(distinct))

    def spelled(self, words: Sequence[str]) -> AnyArray:
        """The characters of words, (U, C); 0 after the last, 1 for one that is unknown."""
        assert self.characters is not None
        cut = [word if len(word) <= LONGEST else word[: LONGEST // 2] + word[-LONGEST // 2 :] for word in words]
        return padded(self.characters.ids("".join(cut)) + 1, np.array([len(word) for word in cut], dtype=np.int64))


@dataclass(frozen=True)
class Sentences:
    """N words of B sentences as numbers, from which batches are put together."""

    words: IntArray  # (N,)
    lengths: IntArray  # (B,)
    ready: IntArray | None = None  # (N,)
    types: IntArray | None = None  # (N,) the distinct word at each place
    spelling: AnyArray | None = None  # (U, C) characters of the distinct words

    @cached_property
    def ends(self) -> IntArray:
        """(B,)."""
        found: IntArray = np.cumsum(self.lengths)
        return found

    def places(self, some: IntArray) -> IntArray:
        """Where the words of some sentences stand, end to end."""
        lengths = self.lengths[some]
        return np.arange(int(lengths.sum())) + np.repeat(self.ends[some] - np.cumsum(lengths), lengths)

    def batch(self, some: IntArray) -> Padded:
        """Some sentences side by side."""
        lengths, places = self.lengths[some], self.places(some)
        words = torch.from_numpy(padded(self.words[places], lengths))
        ready = None if self.ready is None else torch.from_numpy(padded(self.ready[places], lengths))
        if self.types is None or self.spelling is None:
            return Padded(words, torch.from_numpy(lengths), ready)
        types, which = np.unique(self.types[places], return_inverse=True)
        spelling = self.spelling[types]
        spelling = spelling[:, : max(1, int((spelling > 0).any(axis=0).sum()))]
        which = padded(which, lengths)
        return Padded(words, torch.from_numpy(lengths), ready, torch.from_numpy(spelling), torch.from_numpy(which))


def numbered(tokens: Sequence[str]) -> tuple[IntArray, list[str]]:
    """The distinct words, and which of them stands at each place.

    >>> types, distinct = numbered(["a", "b", "a"])
    >>> types.tolist(), distinct
    ([0, 1, 0], ['a', 'b'])
    """
    distinct: dict[str, int] = {}
    types = np.fromiter((distinct.setdefault(token, len(distinct)) for token in tokens), np.int64, len(tokens))
    return types, list(distinct)


def padded(values: IntArray, lengths: IntArray) -> IntArray:
    """Values end to end as rows, zeros after the last of each.

    >>> padded(np.array([1, 2, 3]), np.array([1, 2])).tolist()
    [[1, 0], [2, 3]]
    """
    found = np.zeros((len(lengths), int(lengths.max(initial=0))), dtype=np.int64)
    found[np.arange(found.shape[1]) < lengths[:, None]] = values
    return found


class WordInputs(nn.Module):
    """The vectors of words: (B, L, `size`)."""

    def __init__(self, features: Features, settings: Recurrent) -> None:
        super().__init__()
        self.word = nn.Embedding(len(features.words), settings.embedding)
        nn.init.normal_(self.word.weight, std=settings.embedding**-0.5)
        self.drop_words = settings.word_dropout
        self.size = settings.embedding
        self.places = nn.Embedding(settings.window, settings.embedding) if settings.positions else None
        self.ready = None
        if features.ready is not None:
            self.ready = nn.Embedding(len(features.ready), features.width)
            nn.init.zeros_(self.ready.weight).requires_grad_(False)
            self.size += features.width
        self.spelling = None
        if features.characters is not None:
            self.spelling = Spelling(len(features.characters) + 1, settings.characters, settings.filters)
            self.size += settings.filters

    def forward(self, batch: Padded) -> Tensor:
        """Look up, spell, put side by side."""
        words = batch.words
        if self.training and self.drop_words:  # an unknown word should be no surprise
            words = words.masked_fill(torch.rand(words.shape, device=words.device) < self.drop_words, UNKNOWN)
        vectors: Tensor = self.word(words)
        if self.places is not None:
            place = torch.arange(words.shape[1], device=words.device).clamp(max=self.places.num_embeddings - 1)
            vectors = vectors + self.places(place)
        parts = [vectors]
        if self.ready is not None:
            parts.append(self.ready(batch.ready))
        if self.spelling is not None and batch.spelling is not None:
            parts.append(self.spelling(batch.spelling)[batch.which])
        return torch.cat(parts, dim=2) if len(parts) > 1 else vectors


class Spelling(nn.Module):
    """A vector for a word from its characters: convolutions over three, the largest of each (Ma and Hovy 2016)."""

    def __init__(self, characters: int, size: int, filters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, size, padding_idx=0)
        self.convolution = nn.Conv1d(size, filters, kernel_size=3, padding=2)

    def forward(self, spelling: Tensor) -> Tensor:
        """(U, C) -> (U, filters)."""
        found = self.convolution(self.embedding(spelling).transpose(1, 2))  # (U, filters, C + 2)
        beyond = torch.nn.functional.pad(spelling == 0, (2, 0), value=False)  # three places without a character
        found = found.masked_fill(beyond[:, None], -torch.inf)
        best: Tensor = found.amax(dim=2)
        return best.relu()


def begin_with(inputs: WordInputs, features: Features, vectors: Vectors) -> int:
    """Copy ready vectors to their place, as long as those that are learned begin; returns how many words have one."""
    lexicon, place = (features.words, inputs.word) if features.ready is None or inputs.ready is None else (features.ready, inputs.ready)
    found, known = vectors.look_up(list(lexicon.words))
    known[UNKNOWN] = False
    ready = torch.from_numpy(np.asarray(found[known], dtype=np.float32))
    with torch.no_grad():
        ready /= ready.std().clamp(min=1e-6) * place.embedding_dim**0.5
        place.weight[torch.from_numpy(np.flatnonzero(known))] = ready
    return int(known.sum())
