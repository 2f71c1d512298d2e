"""The words of word vectors, numbered from 0, most frequent first.

One question costs a search through the packed bytes, which takes less time than a dictionary of all words would; who asks for many
gets the dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.errors import Failure

UNKNOWN = -1
END = ord("\n")


class Vocabulary:
    r"""V distinct words.

    >>> words = Vocabulary.of(["the", "cat", "Zoë"])
    >>> len(words), words[2], words.rows(["Zoë", "dog", "the"]).tolist()
    (3, 'Zoë', [2, -1, 0])
    """

    FEW = 32  # questions that are answered by searching

    def __init__(self, packed: AnyArray) -> None:
        if len(packed) and packed[-1] != END:
            raise Failure("the list of words is cut off", hint="the last word has no line end")
        self.packed = packed  # UTF-8, a line end after each word
        self.size = int(np.count_nonzero(packed == END))
        self.data = b""
        self.index: dict[str, int] | None = None
        self.folded = Folded({})
        self.asked = 0

    @classmethod
    def of(cls, words: Iterable[str]) -> Vocabulary:
        """Distinct words without line ends, in this order."""
        return cls(np.frombuffer("".join(word + "\n" for word in words).encode("utf-8", "surrogatepass"), dtype=np.uint8))

    def __len__(self) -> int:
        return self.size

    @cached_property
    def ends(self) -> IntArray:
        """Where each word ends, (V,)."""
        return np.flatnonzero(self.packed == END)

    def __iter__(self) -> Iterator[str]:
        return iter(decoded(self.packed.tobytes()).split("\n")[:-1])

    def __getitem__(self, row: int) -> str:
        begin = int(self.ends[row - 1]) + 1 if row else 0
        return decoded(self.packed[begin : int(self.ends[row])].tobytes())

    def names(self, rows: Iterable[int]) -> list[str]:
        """The words of some rows."""
        return [self[row] for row in rows]

    def first(self, count: int) -> Vocabulary:
        """The most frequent ones."""
        return self if count >= len(self) else Vocabulary(self.packed[: self.ends[count - 1] + 1] if count else self.packed[:0])

    def rows(self, words: Sequence[str], lowercase: bool = False) -> IntArray:
        """The row of each word, or of its lower case, (N,); UNKNOWN for one that is not there."""
        self.asked += len(words)
        if self.index is None and self.asked > self.FEW:
            self.index = dict(zip(self, range(len(self)), strict=True))
            self.folded = Folded(self.index)
        found: Iterator[int]
        if self.index is None:
            found = map(self.search, [word.lower() for word in words] if lowercase else words)
        elif lowercase:
            found = map(self.folded.__getitem__, words)
        else:
            found = map(self.index.get, words, repeat(UNKNOWN))
        return np.fromiter(found, np.int64, len(words))

    def search(self, word: str) -> int:
        """The row of one word."""
        wanted = b"\n%b\n" % word.encode("utf-8", "surrogatepass")
        if wanted.count(b"\n") != 2:
            return UNKNOWN
        self.data = self.data or b"\n" + self.packed.tobytes()
        at = self.data.find(wanted)
        return self.data.count(b"\n", 0, at) if at >= 0 else UNKNOWN

    def nearest(self, word: str, count: int = 3) -> list[str]:
        """The words spelt most like one that is not there, at most two edits away: the fewest edits first, then the more frequent.

        >>> Vocabulary.of(["the", "queen", "Green", "king"]).nearest("qeuen")
        ['queen']
        """
        wanted = np.frombuffer(word.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        most = 1 if len(wanted) <= 4 else 2
        lengths = np.diff(self.ends, prepend=-1) - 1
        rows = np.flatnonzero(np.abs(lengths - len(wanted)) <= most)
        lengths = lengths[rows]
        places = (self.ends[rows] - lengths) + np.arange(len(wanted) + most)[:, None]  # (L, N)
        letters = self.packed[np.minimum(places, len(self.packed) - 1)]
        edits = edit_distances(wanted, letters, lengths)
        close = np.flatnonzero(edits <= most)
        other = letters[0, close] != wanted[0] if len(wanted) else np.zeros(len(close), np.bool_)
        best = close[np.lexsort((close, other, edits[close]))[:count]]
        return self.names(rows[best].tolist())


class Folded(dict[str, int]):
    """The row of each word's lower case; a word met again costs no second folding."""

    MANY = 1 << 20  # words remembered

    def __init__(self, index: Mapping[str, int]) -> None:
        super().__init__()
        self.index = index

    def __missing__(self, word: str) -> int:
        if len(self) > self.MANY:
            self.clear()
        row = self[word] = self.index.get(word.lower(), UNKNOWN)
        return row


def edit_distances(word: AnyArray, letters: AnyArray, lengths: IntArray) -> AnyArray:
    """How many edits lie between a word and each of N others, (N,): insert, delete, replace, or swap two neighbours.

    Args:
        word: (M,)
        letters: (L, N) the others, a letter a row; what stands beyond a word's end does not matter
        lengths: (N,) of the others, at most L
    """
    size, count = letters.shape
    before, last = np.zeros((2, size + 1, count), np.int16)
    row = np.repeat(np.arange(size + 1, dtype=np.int16)[:, None], count, axis=1)
    for i, letter in enumerate(word.tolist(), 1):
        before, last, row = last, row, before
        row[0] = i
        differ = letters != letter  # (L, N)
        row[1:] = np.minimum(last[1:] + 1, last[:-1] + differ)
        if i > 1:
            swapped = (letters[:-1] == letter) & (letters[1:] == word[i - 2])
            np.minimum(row[2:], before[:-2] + 1, out=row[2:], where=swapped)
        for j in range(1, size + 1):
            np.minimum(row[j], row[j - 1] + 1, out=row[j])
    return np.asarray(row[lengths, np.arange(count)])


def decoded(data: bytes) -> str:
    """Words as they were packed."""
    return data.decode("utf-8", "surrogatepass")
