"""Raw text to sentences to words, by rules, fast, and without losing where each word stood.

The idea: text repeats itself.  A line is cut at white space into chunks, and a chunk such as ``"(don't"`` or
``"U.S.,"`` is looked at once: its words and a few bits about how it begins and how it ends go into a table, and
every later occurrence costs one dictionary look-up.  Where a sentence ends depends on those bits of a chunk and of
its neighbours only, so it is decided for the whole text at once with numpy.  One thing flows back: a chunk may have
another reading that its neighbours choose, so the stop of "etc." is a word of its own at the end of a sentence.

>>> text = RuleSegmenter("en").segment(["Dr. Who can't come. He's in the U.S. with Ann.", "", "Bye!"])
>>> text.tokens[:6], text.tokens[-2:]
(['Dr.', 'Who', 'ca', "n't", 'come', '.'], ['Bye', '!'])
>>> text.lengths.tolist(), text.sentences.tolist()              # words in each sentence, sentences in each line
([6, 8, 2], [2, 0, 1])
>>> [word for word, joined in zip(text.tokens, text.joined) if joined]     # the rest of can't and of He's
["n't", "'s"]
>>> text.spans()[:3].tolist()
[[0, 3], [4, 7], [8, 10]]
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Protocol

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.text import english, unicode
from seqcli.text.chunk import ENDS, JOINED, Chunk

_BLOCK = 1 << 20  # characters of text worked on at once: the arrays of a block stay in the processor's cache
_TABLE = 1 << 21  # characters of chunks held in the table before it starts afresh, some 200 thousand chunks


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The words of R lines: N words in B sentences.

    A word is a substring of its line without white space, and all that lies between two words is white space. Where `widths` are
    given, that holds of tokens: the words of a contraction such as French "du" (de, le) share the token's span, and need not spell it.
    """

    tokens: list[str]  # N words, those of all lines one after another
    lengths: IntArray  # (B,) words in each sentence, every one > 0
    sentences: IntArray  # (R,) sentences in each line, 0 for a blank line
    joined: BoolArray  # (N,) the word belongs to the same multi-word token as the one before it: do|n't, I|'m
    lines: Sequence[str]  # R lines
    widths: IntArray | None = None  # (N,) characters of the line that a word stands for, 0: those of the word before it

    def spans(self) -> IntArray:
        """The (N, 2) start and end character of each word in its line, computed when asked for."""
        text = "".join(self.lines)
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        blank = _white_space()
        inked = np.flatnonzero(~blank[np.minimum(codes, len(blank) - 1)])  # where the characters of the words stand
        sizes = self.widths
        if sizes is None:
            sizes = np.fromiter(map(len, self.tokens), np.int64, len(self.tokens))
        own = sizes > 0
        sizes = sizes[np.maximum.accumulate(np.where(own, np.arange(len(sizes)), 0))]
        stops = np.cumsum(np.where(own, sizes, 0))
        spans = np.stack([inked[stops - sizes], inked[stops - 1] + 1], axis=1)
        widths = np.fromiter(map(len, self.lines), np.int64, len(self.lines))
        word_stops = np.concatenate([[0], np.cumsum(self.lengths)])
        words_of_line = np.diff(word_stops[np.concatenate([[0], np.cumsum(self.sentences)])])
        spans -= np.repeat(np.cumsum(widths) - widths, words_of_line)[:, None]
        return spans.astype(np.int64, copy=False)


class Segmenter(Protocol):
    """Whatever cuts lines into sentences and words."""

    def segment(self, lines: Sequence[str]) -> Segmentation:
        """Segment R lines; a line holds no line break, and its end ends a sentence."""
        ...


class RuleSegmenter:
    """Cuts text by rules: those of English (the conventions of Universal Dependencies' EWT), or Unicode's for others.

    An object may be used again and again and gets faster as its table fills; its answers do not depend on the past.
    """

    def __init__(self, language: str = "en") -> None:
        self.language = language
        rules = english if language == "en" else unicode
        self._table = _Table(rules.read_chunk)
        self._read_neighbours: Callable[[IntArray, BoolArray], tuple[BoolArray, BoolArray]] = rules.read_neighbours

    expands = False  # whether a word may be spelled otherwise than in the text

    def segment(self, lines: Sequence[str]) -> Segmentation:
        """Segment R lines; a line holds no line break, and its end ends a sentence."""
        tokens: list[str] = []
        parts = [self._segment_block(block, tokens) for block in _blocks(lines)]
        lengths, sentences, joined, widths = zip(*parts, strict=True) if parts else ((), (), (), ())
        return Segmentation(
            tokens,
            np.concatenate([np.zeros(0, np.int64), *lengths]),
            np.concatenate([np.zeros(0, np.int64), *sentences]),
            np.concatenate([np.zeros(0, np.bool_), *joined]),
            lines,
            np.concatenate([np.zeros(0, np.int64), *widths]) if self.expands else None,
        )

    def prepare(self, rows: Sequence[Sequence[str]]) -> None:
        """Before the chunks of a block are looked up, for those who read many at once."""

    def ends(self, rows: Sequence[Sequence[str]], bits: IntArray, line_end: BoolArray) -> tuple[BoolArray, BoolArray]:  # noqa: ARG002
        """Where sentences end, and which chunks have their other reading: two (T,) arrays for the T chunks of the rows."""
        return self._read_neighbours(bits, line_end)

    def _segment_block(self, lines: Sequence[str], tokens: list[str]) -> tuple[IntArray, IntArray, BoolArray, IntArray]:
        """Segment some lines, add their words to `tokens`; return lengths, sentences, joined and widths of these lines."""
        rows = [line.split() for line in lines]
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        total = int(sizes.sum())
        if not total:
            return np.zeros(0, np.int64), np.zeros(len(rows), np.int64), np.zeros(0, np.bool_), np.zeros(0, np.int64)
        table = self._table
        table.make_room()
        self.prepare(rows)
        ids = table.look_up(chain.from_iterable(rows), total)
        line_end = np.zeros(total, np.bool_)
        line_stop = np.cumsum(sizes)
        line_end[line_stop[sizes > 0] - 1] = True
        ends, other = self.ends(rows, np.frombuffer(table.bits, np.int64)[ids], line_end)
        ids = np.where(other, np.frombuffer(table.other, np.int64)[ids], ids)

        tokens.extend(chain.from_iterable(map(table.words.__getitem__, ids.tolist())))
        counts = np.frombuffer(table.counts, np.int64)[ids]
        word_stop = np.cumsum(counts)
        # The marks of the words of each chunk lie one after another in the table: gather those of every occurrence.
        first = np.frombuffer(table.first, np.int64)[ids]
        where = np.repeat(first - (word_stop - counts), counts) + np.arange(word_stop[-1])
        marks = np.frombuffer(table.marks, np.int8)[where]
        word_ends = (marks & ENDS) != 0
        word_ends[word_stop[ends] - 1] = True

        stops = np.flatnonzero(word_ends) + 1
        lengths = np.diff(stops, prepend=0)
        stop_of_line = np.concatenate([[0], word_stop])[line_stop]
        sentences = np.diff(np.searchsorted(stops, stop_of_line, side="right"), prepend=0)
        widths = np.frombuffer(table.widths, np.int64)[where] if self.expands else marks[:0].astype(np.int64)
        return lengths, sentences, (marks & JOINED) != 0, widths


class _Table:
    """What is known of the chunks met so far; columns are arrays by chunk number."""

    def __init__(self, read: Callable[[str], Chunk]) -> None:
        self._read = read
        self._clear()

    def _clear(self) -> None:
        self._numbers = _Numbers(self._add)
        self._held = 0
        self.words: list[tuple[str, ...]] = []
        self.bits = array("q")  # how the chunk begins and ends, in the language's own bits
        self.counts = array("q")  # words in the chunk
        self.first = array("q")  # where the chunk's words begin in `marks`
        self.other = array("q")  # the number of its other reading, mostly its own
        self.marks = array("b")  # JOINED and ENDS of every word of every chunk
        self.widths = array("q")  # characters of the chunk that each word stands for

    def make_room(self) -> None:
        """Start afresh if much is held: before a block, for what is entered for it has to stay until it is looked up."""
        if self._held > _TABLE:
            self._clear()

    def enter(self, read: Callable[[Sequence[str]], Sequence[Chunk]], chunks: Sequence[str]) -> None:
        """Read the chunks that are not known yet, all at once."""
        new = [text for text in dict.fromkeys(chunks) if text not in self._numbers]
        for text, chunk in zip(new, read(new) if new else (), strict=True):
            self._held += len(text)
            self._numbers[text] = self._append(chunk)

    def look_up(self, chunks: Iterator[str], total: int) -> IntArray:
        """The numbers of `total` chunks, valid until the table is emptied."""
        return np.fromiter(map(self._numbers.__getitem__, chunks), np.int64, total)

    def _add(self, text: str) -> int:
        chunk = self._read(text)
        self._held += len(text)
        number = self._append(chunk)
        if chunk.other is not None:
            self.other[number] = self._append(chunk.other)
        return number

    def _append(self, chunk: Chunk) -> int:
        number = len(self.words)
        self.words.append(chunk.words)
        self.bits.append(chunk.bits)
        self.counts.append(len(chunk.words))
        self.first.append(len(self.marks))
        self.other.append(number)
        self.marks.frombytes(chunk.marks)
        self.widths.extend(chunk.widths or map(len, chunk.words))
        return number


class _Numbers(dict[str, int]):
    """The number of each chunk; one not met before is added to the table."""

    def __init__(self, add: Callable[[str], int]) -> None:
        super().__init__()
        self._add = add

    def __missing__(self, text: str) -> int:
        number = self[text] = self._add(text)
        return number


def _blocks(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of lines of about a million characters: memory beside the result stays small, whatever comes in."""
    start = size = 0
    for stop, line in enumerate(lines, 1):
        size += len(line)
        if size >= _BLOCK:
            yield lines[start:stop]
            start, size = stop, 0
    if start < len(lines):
        yield lines[start:]


@cache
def _white_space() -> BoolArray:
    """Whether `str.split` cuts at a code point; beyond the end of the array it never does."""
    return np.array([chr(code).isspace() for code in range(0x3002)])
