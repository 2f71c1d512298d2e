"""What a subword tokenizer is to the rest of the program, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Piece(NamedTuple):
    """A piece of a text."""

    id: int
    piece: str  # as the vocabulary spells it
    start: int  # characters of the text that it stands for, from here
    end: int  # to here


class Subword(Protocol):
    """A tokenizer over whole lines. Ids are those of the tool that made it, without special tokens around the line."""

    @property
    def kind(self) -> str:
        """The method: bpe, byte-bpe, unigram, wordpiece, char or word."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """The pieces by id, (V,); an id that is not used has ''."""

    @property
    def unknown(self) -> int | None:
        """The id of what the vocabulary lacks; None where nothing can be unknown."""

    @property
    def separable(self) -> bool:
        """Whether a text may be cut before every stretch of blanks (U+0020), the cuts tokenized by themselves and the ids joined.

        That holds if no piece and no rule of the method looks across such a place, but for the beginning and end of a line.
        """

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each line, exactly as the owner's tool gives them."""

    def encode_inside(self, chunks: Sequence[str]) -> Sequence[list[int] | None]:
        """The ids of chunks (a stretch of blanks, then what is not blank) that follow another word on their line.

        None for a chunk that depends on its neighbours: a line with one of these has to be encoded whole.
        """

    def encode_begin(self, chunks: Sequence[str]) -> Sequence[list[int] | None]:
        """The ids of chunks that begin a line and have others after them; None as above.

        `encode` may give others for a chunk that is all of a line, since then its end is the line's.
        """

    def pieces(self, text: str) -> list[Piece]:
        """One line with offsets."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text that ids stand for; an id out of range raises Failure."""

    def scores(self) -> Sequence[float] | None:
        """A number for each piece, where the method has them: log-probabilities of Unigram, ranks of BPE's merges; else None."""
