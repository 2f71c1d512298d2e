"""A corpus as numbers on disk: the text is gone through once, and each epoch reads the numbers a chunk at a time.

While text is read every type gets a number at its first occurrence, and every token's number is appended to a file. When all counts
are known the types that stay are numbered anew, in order of falling count, and the file is rewritten, block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqcli.data.blocks import Block, blocks
from seqcli.data.examples import AnyArray, Batch, IntArray
from seqcli.errors import Failure
from seqcli.metrics.text import tokens
from seqcli.models.vectors.settings import Text
from seqcli.models.vectors.vocabulary import Vocabulary, choose

END = -1  # stands after the last token of each line
LEFT_OUT = -2
STRETCH = 1 << 20  # numbers rewritten at a time
TYPES = 1 << 23  # when there are more, those that were seen once are forgotten
Prepare = Callable[[Block], bytes]
Report = Callable[[str], None]


@dataclass(frozen=True)
class Corpus:
    """Tokens as numbers of the vocabulary, END after each line."""

    path: Path  # of int32 numbers
    vocabulary: Vocabulary
    words: int  # tokens of the text, those that are left out counted too

    def __len__(self) -> int:
        """How many numbers there are."""
        return self.path.stat().st_size // 4

    def ids(self, start: int = 0, stop: int | None = None) -> AnyArray:
        """Some of the numbers, read anew: what is mapped into memory counts as the program's for as long as it runs."""
        return np.fromfile(self.path, np.int32, -1 if stop is None else max(0, stop - start), offset=4 * start)


def read(files: Sequence[str], place: Path, settings: Text) -> Corpus:
    """Read text into a file of numbers at `place`.

    Raises:
        Failure: an input cannot be read, is no UTF-8, or has no word that occurs `min_count` times.
    """
    from seqcli.models.vectors import phrases

    types, prepare = Types(), preparation(settings.lowercase, settings.tokenizer)
    raw = place.with_suffix(".raw")
    try:
        with raw.open("wb") as out:
            for block in blocks([Path(file) for file in files]):
                data = prepare(block) if block.data else b""
                if data:
                    types.number(data).tofile(out)
        counts = types.counts[: len(types.words)]
        for _ in range(settings.phrases):
            counts = phrases.join(raw, types.words, counts, settings.min_count, settings.phrase_score)
        vocabulary, numbers = choose(types.words, counts, settings.min_count, settings.max_vocabulary)
        renumber(raw, place, numbers.astype(np.int32))
    except OSError as error:
        raise Failure(f"cannot write {place}: {error.strerror or error}", hint="is the disk full?") from None
    finally:
        raw.unlink(missing_ok=True)
    return Corpus(place, vocabulary, int(types.tokens))


def stretches(path: Path, size: int = STRETCH) -> Iterator[AnyArray]:
    """The numbers of a file, so many at a time."""
    with path.open("rb") as file:
        while len(part := np.fromfile(file, np.int32, size)):
            yield part


def renumber(source: Path, target: Path, numbers: AnyArray) -> None:
    """The file with new numbers in place of the old, without those that are left out."""
    table = np.append(numbers, np.int32(END))  # END is the last place, from behind
    with target.open("wb") as out:
        for part in stretches(source):
            new = table[part]
            new[new != LEFT_OUT].tofile(out)


def preparation(lowercase: bool, tokenize: str, errors: str = "strict") -> Prepare:
    r"""How a block of text becomes bytes with blanks between tokens: as it stands, lower-cased, cut by the rules of a language.

    >>> preparation(True, "")(Block(b"The Cat\n", "notes.txt", 1))
    b'the cat\n'
    """
    from seqcli.text.segment import RuleSegmenter

    segmenter = RuleSegmenter(tokenize) if tokenize else None

    def prepare(block: Block) -> bytes:
        if segmenter is None:
            text = block.text(errors)
        else:
            found = segmenter.segment(block.lines(errors))
            sentences = Batch(found.tokens, found.lengths, found.sentences).split(found.tokens)
            text = "".join(" ".join(sentence) + "\n" for sentence in sentences)
        data = (text.lower() if lowercase else text).encode("utf-8")
        return data if data.endswith(b"\n") or not data else data + b"\n"

    return prepare


class Types:
    """All distinct words so far, found by a 64-bit hash of their bytes."""

    def __init__(self, most: int = TYPES) -> None:
        self.most = most
        self.hashes: AnyArray = np.empty(0, np.uint64)  # (K,) of the types that are known, sorted
        self.places: IntArray = np.empty(0, np.int64)  # (K,) their numbers
        self.words: list[bytes] = []  # by number, those forgotten too
        self.counts: IntArray = np.zeros(1 << 10, np.int64)  # by number
        self.tokens = 0

    def number(self, data: bytes) -> AnyArray:
        r"""The numbers of the tokens of some lines, each line followed by END.

        >>> types = Types()
        >>> types.number(b"the cat\n\nthe dog\n").tolist()
        [0, 1, -1, -1, 0, 2, -1]
        """
        data = tokens.plain(data)
        codes = np.frombuffer(data, dtype=np.uint8)
        edges = np.flatnonzero(np.diff((codes != 32) & (codes != 10), prepend=False, append=False))
        first, end = edges[::2], edges[1::2]
        hashes = tokens.hashes(data, first, end - first)
        order = np.argsort(hashes, kind="stable")
        sorted_hashes = hashes[order]
        starts = np.flatnonzero(np.append(True, sorted_hashes[1:] != sorted_hashes[:-1])[: len(hashes)])
        unique, counts, where = sorted_hashes[starts], np.diff(starts, append=len(hashes)), order[starts]
        self.add(unique, [data[a:b] for a, b in self.spans(unique, first[where], end[where])], where)
        numbers = self.places[np.searchsorted(self.hashes, unique)]
        self.counts[numbers] += counts
        self.tokens += len(hashes)
        found = np.empty(len(hashes), np.int32)
        found[order] = np.repeat(numbers, counts)
        lines = np.searchsorted(first, np.flatnonzero(codes == 10))  # tokens before each line's end
        marked = np.full(len(hashes) + len(lines), END, np.int32)
        marked[np.arange(len(found)) + np.searchsorted(lines, np.arange(len(found)), side="right")] = found
        if len(self.hashes) > self.most:
            self.forget()
        return marked

    def fresh(self, unique: AnyArray) -> AnyArray:
        """Which of some hashes are not known yet."""
        if not len(self.hashes):
            return np.ones(len(unique), bool)
        at = np.minimum(np.searchsorted(self.hashes, unique), len(self.hashes) - 1)
        return np.asarray(self.hashes[at] != unique)

    def spans(self, unique: AnyArray, first: IntArray, end: IntArray) -> list[tuple[int, int]]:
        """Where the words stand whose hashes are not known yet, in the order of the text."""
        new = self.fresh(unique)
        return sorted(zip(first[new].tolist(), end[new].tolist(), strict=True))

    def add(self, unique: AnyArray, words: list[bytes], where: IntArray) -> None:
        """Number the words that are not known yet, given in the order of the text; `where` says at which token each hash stands."""
        new = np.flatnonzero(self.fresh(unique))
        by_place = np.argsort(where[new])
        numbers = np.empty(len(new), np.int64)
        numbers[by_place] = len(self.words) + np.arange(len(new))
        self.words.extend(words)
        if len(self.words) > len(self.counts):
            self.counts = np.append(self.counts, np.zeros(max(len(self.counts), len(new)), np.int64))
        at = np.searchsorted(self.hashes, unique[new])
        self.hashes = np.insert(self.hashes, at, unique[new])
        self.places = np.insert(self.places, at, numbers)

    def forget(self) -> None:
        """Drop the rarest types; one that comes again is counted anew."""
        least = 1
        while len(self.hashes) > self.most // 2:
            rare = self.counts[self.places] <= least
            for number in self.places[rare].tolist():
                self.words[number] = b""
            self.counts[self.places[rare]] = 0
            self.hashes, self.places = self.hashes[~rare], self.places[~rare]
            least += 1
