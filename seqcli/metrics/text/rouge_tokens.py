r"""Tokenizations for ROUGE: rouge-score's runs of ASCII letters and digits, stemmed or not, and one for every script.

>>> plain, stemmed, any_script = tokenization(), tokenization(stem=True), tokenization(unicode=True)
>>> text = "The cats' café; cat\n".encode()
>>> plain(text).lengths.tolist(), any_script(text).lengths.tolist()     # `caf` is a word to the first
([4], [4])
>>> ids = stemmed(text).ids
>>> bool(ids[1] == ids[3])
True
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.metrics.text.tokens import Ragged, Tokenization, after, by_chunk, hashes
from seqcli.text.porter import stem as stem_of

SLOTS = 1 << 17  # of the table of stems; a power of two
KEPT = bytes(
    byte if byte in b"\n0123456789abcdefghijklmnopqrstuvwxyz" else byte + 32 if byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ" else 32
    for byte in range(256)
)
ASCII_WHEN_LOWER = (("\u0130".encode(), b"i "), ("\u212a".encode(), b"k"))  # İ is i and a mark, the kelvin sign is k
ALONE = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFF))  # Han and kana


@cache
def tokenization(stem: bool = False, unicode: bool = False, separator: str = "") -> Tokenization:
    """The tokenization of these options, the same object each time; `separator` is a blank, whatever it looks like."""
    if separator:
        plain = tokenization(stem, unicode)
        return lambda data: plain(data.replace(separator.encode(), b" "))
    if unicode:
        table = Spacing()
        return by_chunk(lambda chunk: [stemmed(word) if stem else word for word in chunk.lower().translate(table).split()])
    stems = Stems(stem_of) if stem else None
    return lambda data: letters_and_digits(data, stems)


def letters_and_digits(data: bytes, stems: Stems | None) -> Ragged:
    """Runs of ASCII letters and digits, in lower case; what has more than three of them is stemmed if there are `stems`."""
    if not data.isascii():
        for character, lower in ASCII_WHEN_LOWER:
            data = data.replace(character, lower)
    data = data.translate(KEPT)
    codes = np.frombuffer(data, dtype=np.uint8)
    inside = codes > 32
    edges = np.flatnonzero(inside ^ after(inside))
    first, length = edges[::2], edges[1::2] - edges[::2]
    ids = hashes(data, first, length)
    if stems is not None:
        long = np.flatnonzero(length > 3)
        ids[long] = stems(data, ids[long], first[long], length[long])
    return Ragged(ids, np.diff(np.searchsorted(first, np.flatnonzero(codes == 10)), prepend=0))


class Stems:
    """From the numbers of words to those of their stems, by a table with a place for each low half of a number.

    A word that is not there is stemmed and takes the place. So frequent words are stemmed once, and memory does not grow.
    """

    def __init__(self, stem: Callable[[str], str], slots: int = SLOTS) -> None:
        self.stem = stem
        self.words = np.zeros(slots, dtype=np.uint64)
        self.stems = np.zeros(slots, dtype=np.uint64)
        self.last = np.zeros(slots, dtype=np.int64)  # of the words that want a place, which comes last

    def __call__(self, data: bytes, ids: AnyArray, first: IntArray, length: IntArray) -> AnyArray:
        """The numbers of the stems of N words, (N,), that stand in `data` at `first`, so long."""
        found = np.empty_like(ids)
        slots = (ids & np.uint64(len(self.words) - 1)).astype(np.int64)
        missing = np.arange(len(ids))
        while len(missing):
            slot = slots[missing]
            known = self.words[slot] == ids[missing]
            found[missing[known]] = self.stems[slot[known]]
            missing, slot = missing[~known], slot[~known]
            self.last[slot] = missing
            new = missing[self.last[slot] == missing]
            words = [data[start : start + size] for start, size in zip(first[new].tolist(), length[new].tolist(), strict=True)]
            stems = [self.stem(word.decode()).encode() for word in words]
            sizes = np.fromiter(map(len, stems), np.int64, len(stems))
            self.words[slots[new]] = ids[new]
            self.stems[slots[new]] = hashes(b"".join(stems), np.cumsum(sizes) - sizes, sizes)
        return found


class Spacing(dict[int, str]):
    """For `str.translate`: letters, marks and digits stay, Han and kana stand alone, all else is a blank.

    >>> "l'an 2°, 東京タ".translate(Spacing()).split()
    ['l', 'an', '2', '東', '京', 'タ']
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = unicodedata.category(character)[0] in "LMN"
        alone = kept and any(first <= code <= last for first, last in ALONE)
        self[code] = found = f" {character} " if alone else character if kept else " "
        return found


def stemmed(word: str) -> str:
    """An English word without its endings; others as they are."""
    return stem_of(word) if len(word) > 3 and word.isascii() else word
