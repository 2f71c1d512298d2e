"""What the rules of a language say of one chunk, the text between two white spaces."""

from __future__ import annotations

from dataclasses import dataclass

JOINED = 1  # the word belongs to the same multi-word token as the one before it
ENDS = 2  # the word ends a sentence although its chunk goes on


@dataclass(frozen=True, slots=True)
class Chunk:
    """One reading of a chunk: the words that tile it, and what its neighbours must know of it."""

    words: tuple[str, ...]
    marks: bytes  # JOINED and ENDS, a byte a word
    bits: int  # how the chunk begins and ends, in the language's own bits
    other: Chunk | None = None  # another reading, for when the neighbours ask for it ("etc." at the end of a sentence)
    widths: tuple[int, ...] = ()  # characters that each word stands for, where the words do not spell the chunk; 0: of the one before
