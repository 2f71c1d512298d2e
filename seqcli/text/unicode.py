"""Words and sentences of languages without rules of their own, by Unicode character category.

Letters, marks and digits that stand together are a word, with an apostrophe, a middle dot or a stop inside (l'an,
col·legi, 3.14, example.org); runs of one repeated punctuation mark stay together, every other mark is a word.  Chinese
characters and hiragana are a word each, for they show no word boundary; katakana, which mostly spells one foreign
word, stays together.  A sentence ends at a full stop unless a lower-case letter follows.

>>> read_chunk("«Où?»").words, read_chunk("東京タワー。").words
(('«', 'Où', '?', '»'), ('東', '京', 'タワー', '。'))
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.text.chunk import ENDS, Chunk

# The class of a character, an ASCII letter, so that a short pattern over the classes finds the words.
_LETTER, _DIGIT, _EXTEND, _IDEOGRAPH, _KATAKANA, _MIDDLE, _STOP, _COMMA, _OTHER = "LDXIKMSCO"
_WORDS = "K[KX]*+|IX*+|[LD][LDX]*+(?:(?:[MS]|(?<=D)C(?=D))[LD][LDX]*+)*+"

_CLASS_OF_MARK = {"_": _LETTER, ".": _STOP} | dict.fromkeys("'’·‧", _MIDDLE) | dict.fromkeys(",:", _COMMA)
_KATAKANA_RANGES = ((0x30A0, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))
_IDEOGRAPH_RANGES = ((0x3040, 0x309F), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))  # with hiragana

_STOPS = ".!?…؟۔।॥။።‽⁇⁈⁉"  # end a sentence unless a lower-case letter follows
_WIDE_STOPS = "。！？｡．"  # end a sentence always, for no space follows and no letter has case
_CLOSERS = "\"'”’»›)]}」』）】》〉］｣*_"
_ENDS, _ENDS_FIRMLY, _STARTS_LOWER = 1, 2, 4


def read_chunk(text: str) -> Chunk:
    """Cut a chunk, a text without white space, into its words."""
    classes = text.translate(_classes())
    words: list[str] = []
    at = 0
    for match in _pattern().finditer(classes):
        words += _marks_between(text, classes, at, match.start())
        at = match.end()
        words.append(text[match.start() : at])
    words += _marks_between(text, classes, at, len(text))
    return Chunk(tuple(words), _inner_ends(words), _bits(words))


def read_neighbours(bits: IntArray, line_end: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Where sentences end, and which chunks have their other reading (none): two (T,) arrays for T chunks."""
    lower_follows = np.append(bits[1:] & _STARTS_LOWER, 0) != 0
    ends = line_end | ((bits & _ENDS_FIRMLY) != 0) | (((bits & _ENDS) != 0) & ~lower_follows)
    return ends, np.zeros_like(ends)


def is_foreign(text: str) -> bool:
    """Whether a letter of another script than the Latin one stands in the text."""
    return not text.isascii() and _foreign().search(text) is not None


def _marks_between(text: str, classes: str, start: int, stop: int) -> list[str]:
    """Punctuation and symbols: a run of one character is a word, and joiners and variants stay with their symbol."""
    words = []
    while start < stop:
        end = start + 1
        while end < stop and (text[end] == text[start] or classes[end] == _EXTEND or text[end - 1] == "\u200d"):
            end += 1
        words.append(text[start:end])
        start = end
    return words


def _inner_ends(words: Sequence[str]) -> bytes:
    """The marks of the words: ENDS after a full stop, with what closes it, that more words follow without a space."""
    marks = bytearray(len(words))
    stopped = False
    for place, word in enumerate(words[:-1]):
        stopped = word[0] in _WIDE_STOPS or (stopped and word[0] in _CLOSERS) or word[0] in "؟।॥"
        if stopped and words[place + 1][0] not in _CLOSERS + _WIDE_STOPS:
            marks[place] = ENDS
    return bytes(marks)


def _bits(words: Sequence[str]) -> int:
    last = len(words) - 1
    while last > 0 and words[last][0] in _CLOSERS:
        last -= 1
    stop = words[last][0]
    bits = _STARTS_LOWER if words[0][0].islower() else 0
    if stop in _WIDE_STOPS:
        return bits | _ENDS_FIRMLY
    if stop not in _STOPS:
        return bits
    before = words[last - 1] if last else ""
    ordinal_or_initial = (before.isdecimal() and len(before) < 3) or (before.isalpha() and len(before) == 1)
    if words[last] == "." and ordinal_or_initial:  # 3. Mai, J. Verne
        return bits
    return bits | _ENDS


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(_WORDS)


@cache
def _foreign() -> re.Pattern[str]:
    return re.compile("[\u0370-\u1dff\u2c00-\u2dff\u2e80-\ud7ff\uf900-\ufdff\ufe70-\uffef\U00010000-\U0001bfff\U00020000-\U0003ffff]")


class _Classes(dict[int, str]):
    """The class of each code point, found when first asked for."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _class_of(chr(code))
        return found


@cache
def _classes() -> _Classes:
    return _Classes()


def _class_of(character: str) -> str:
    code, category = ord(character), unicodedata.category(character)
    if category == "Cf" or category[0] == "M" or 0x1F3FB <= code <= 0x1F3FF:  # the last: tones of skin
        return _EXTEND
    if character in _CLASS_OF_MARK:
        return _CLASS_OF_MARK[character]
    if category[0] == "N":
        return _DIGIT
    if category[0] != "L":
        return _OTHER
    for kind, ranges in ((_KATAKANA, _KATAKANA_RANGES), (_IDEOGRAPH, _IDEOGRAPH_RANGES)):
        if any(low <= code <= high for low, high in ranges):
            return kind
    return _LETTER
