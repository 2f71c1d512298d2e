"""Sentences of words as the pieces of a WordPiece vocabulary, from which BERT reads them, and how each word is written.

A sentence is a row of pieces, [CLS] before and [SEP] after it; one that has more than fit is cut between words into several rows. A
word's state is that of its first piece (Devlin et al. 2019, section 5.3). Of a text that gets one label as a whole all pieces count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.errors import Failure
from seqcli.models.neural.words import Sentences, numbered, padded
from seqcli.text.subword.library import Library
from seqcli.text.subword.open import TOKENIZER, open_folder

if TYPE_CHECKING:
    from seqcli.data.folder import Folder
    from seqcli.models.bert.checkpoint import Shape

BEGIN, END = "[CLS]", "[SEP]"
MOST = 16  # pieces of a tagged word that are read: a link has hundreds
WRITTEN = ("", "lower", "upper", "title", "digit", "other")  # how a word is written; nothing is no word


class PaddedPieces(NamedTuple):
    """B sentences of up to L words, in R rows of up to P pieces."""

    pieces: Tensor  # (R, P)
    sizes: Tensor  # (R,) pieces of each row
    rows: Tensor  # (B, L) where the first piece of each word stands
    columns: Tensor  # (B, L)
    written: Tensor  # (B, L) numbers of WRITTEN
    lengths: Tensor  # (B,)

    def to(self, device: torch.device) -> PaddedPieces:
        """On another device."""
        return PaddedPieces(*(each.to(device) for each in self))


@dataclass(frozen=True)
class Pieces:
    """What BERT sees of words: the counterpart of `words.Features`."""

    tokenizer: Library
    places: int  # pieces of a row, at most
    each: bool = False  # whether every piece is a word of its own

    @classmethod
    def load(cls, found: Folder, shape: Shape, head: str) -> Pieces:
        """From a folder, ours or Hugging Face's, for a head of some kind.

        Raises:
            Failure: there is no tokenizer in it, it is not BERT's, or not that of the encoder.
        """
        tokenizer = open_folder(found.path)
        if not isinstance(tokenizer, Library) or tokenizer.kind != "wordpiece":
            raise Failure(f"{found.path}: the tokenizer is {tokenizer.kind}, BERT's is wordpiece")
        for piece in (BEGIN, END):
            if tokenizer.tokenizer.token_to_id(piece) is None:
                raise Failure(f"{found.path}: the tokenizer has no piece {piece}")
        if len(tokenizer.vocabulary) > shape.pieces:
            raise Failure(f"{found.path}: the tokenizer has {len(tokenizer.vocabulary)} pieces, the encoder knows {shape.pieces}")
        return cls(tokenizer, shape.places, head == "class")

    def tensors(self) -> dict[str, AnyArray]:
        """None: see `files`."""
        return {}

    def files(self) -> dict[str, str]:
        """For a model folder."""
        return {TOKENIZER: self.tokenizer.tokenizer.to_str()}

    @property
    def ends(self) -> tuple[int, int]:
        """What stands before and after each row."""
        begin, end = (self.tokenizer.tokenizer.token_to_id(piece) or 0 for piece in (BEGIN, END))
        return begin, end

    def read(self, tokens: Sequence[str], lengths: IntArray) -> PieceSentences:
        """Sentences end to end as numbers."""
        types, distinct = numbered(tokens)
        unknown = [self.tokenizer.unknown or 0]
        most = None if self.each else min(MOST, self.places - 2)
        cut = Cut.of([(ids or unknown)[:most] for ids in self.tokenizer.encode(distinct)])
        written = np.array([way(word) for word in distinct], dtype=np.int64)
        if self.each:
            types, lengths = cut.places(types), segment_sums(cut.sizes[types], lengths)
            cut, written = Cut(cut.flat, np.ones_like(cut.flat), np.arange(len(cut.flat))), np.repeat(written, cut.sizes)
        return PieceSentences(types, lengths, cut, written, self.places, self.ends)


class Cut(NamedTuple):
    """The pieces of distinct words, end to end."""

    flat: IntArray  # (T,)
    sizes: IntArray  # (U,)
    starts: IntArray  # (U,)

    @classmethod
    def of(cls, words: Sequence[Sequence[int]]) -> Cut:
        """From the ids of each."""
        sizes = np.array([len(ids) for ids in words], dtype=np.int64)
        return cls(np.array([number for ids in words for number in ids], dtype=np.int64), sizes, np.cumsum(sizes) - sizes)

    def places(self, types: IntArray) -> IntArray:
        """Where in `flat` the pieces of words stand, end to end."""
        sizes = self.sizes[types]
        return np.repeat(self.starts[types] - np.cumsum(sizes) + sizes, sizes) + np.arange(int(sizes.sum()))


def segment_sums(values: IntArray, lengths: IntArray) -> IntArray:
    """Sums of so many values each.

    >>> segment_sums(np.array([1, 2, 3]), np.array([2, 0, 1])).tolist()
    [3, 0, 3]
    """
    ends = np.cumsum(lengths)
    total = np.concatenate([[0], np.cumsum(values)])
    found: IntArray = total[ends] - total[ends - lengths]
    return found


@dataclass(frozen=True)
class PieceSentences:
    """N words of B sentences as numbers, from which batches are put together: the counterpart of `words.Sentences`."""

    types: IntArray  # (N,) the distinct word at each place
    lengths: IntArray  # (B,)
    cut: Cut
    written: IntArray  # (U,)
    places_in_row: int
    around: tuple[int, int]  # what stands before and after a row

    @cached_property
    def plain(self) -> Sentences:
        """The same without their pieces."""
        return Sentences(self.types, self.lengths)

    def places(self, some: IntArray) -> IntArray:
        """Where the words of some sentences stand, end to end."""
        return self.plain.places(some)

    def batch(self, some: IntArray) -> PaddedPieces:
        """Some sentences side by side."""
        lengths, types = self.lengths[some], self.types[self.places(some)]
        sizes = self.cut.sizes[types]  # (N,) pieces of each word
        fresh = begins(sizes, lengths, self.places_in_row - 2)
        row = np.cumsum(fresh) - 1  # (N,)
        before = np.cumsum(sizes) - sizes
        column = 1 + before - before[fresh][row]  # (N,) behind [CLS]
        filled = np.bincount(row, weights=sizes).astype(np.int64) + 2  # (R,)
        pieces = np.zeros((len(filled), int(filled.max(initial=2))), dtype=np.int64)
        pieces[:, 0], pieces[np.arange(len(filled)), filled - 1] = self.around
        within = np.arange(int(sizes.sum())) - np.repeat(before, sizes)
        pieces[np.repeat(row, sizes), np.repeat(column, sizes) + within] = self.cut.flat[self.cut.places(types)]
        parts = (pieces, filled, *(padded(each, lengths) for each in (row, column, self.written[types])), lengths)
        return PaddedPieces(*(torch.from_numpy(each) for each in parts))


def begins(sizes: IntArray, lengths: IntArray, most: int) -> BoolArray:
    """Whether a row begins with a word, of words of so many pieces in sentences of so many words: rows hold `most` pieces at most.

    >>> begins(np.array([1, 1, 2, 1, 1]), np.array([1, 4]), 3).astype(int).tolist()
    [1, 1, 0, 1, 0]
    """
    ends = np.cumsum(lengths)
    fresh = np.zeros(len(sizes), dtype=bool)
    fresh[(ends - lengths)[lengths > 0]] = True
    for sentence in np.flatnonzero(segment_sums(sizes, lengths) > most).tolist():
        used = 0
        for word in range(int(ends[sentence] - lengths[sentence]), int(ends[sentence])):
            used += int(sizes[word])
            if used > most:
                fresh[word], used = True, int(sizes[word])
    return fresh


def way(word: str) -> int:
    """How a word is written, as a number of WRITTEN: what a vocabulary without capitals cannot see.

    >>> [WRITTEN[way(word)] for word in ("cat", "NASA", "Ann", "I", "B2B", "iPad", "!")]
    ['lower', 'upper', 'title', 'title', 'digit', 'other', 'other']
    """
    kinds = {
        "digit": any(letter.isdigit() for letter in word),
        "lower": word.islower(),
        "upper": word.isupper() and len(word) > 1,
        "title": word[:1].isupper(),
    }
    return WRITTEN.index(next((name for name, holds in kinds.items() if holds), "other"))
