"""What an English chunk tells its neighbours: how it ends and how it begins, as the bits of a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from seqcli.text.english_lists import (
    AFTER_IT_IS,
    CALENDAR,
    FIELDS,
    FILE_SUFFIXES,
    GREETINGS,
    NO_LAST_WORDS,
    NUMBERED,
    SIGN_OFFS,
    STARTERS,
    TITLES,
)

# How the chunk ends, brackets and quotes apart.
STOP = 1 << 0  # a full stop, question or exclamation mark
DOTS = 1 << 1  # two dots or more
CLOSED = 1 << 2  # a bracket or quote closes
TITLE = 1 << 3  # an abbreviation before a name: Mr.
NUMBER_FOLLOWS = 1 << 4  # an abbreviation before a number: No.
ABBREVIATION = 1 << 5  # any other abbreviation: etc.
INITIAL = 1 << 6  # J.
LIST_NUMBER = 1 << 7  # the chunk is a small number and a stop: 1.
COMMA = 1 << 8  # or a semicolon
COLON = 1 << 9
ADDRESS = 1 << 10  # a web or mail address or a file
SMILEY = 1 << 11
NO_END = 1 << 12  # a word that does not end a sentence: the
SIGN_OFF = 1 << 13  # Regards, or Thanks, with the comma
REGARDS = 1 << 14  # Regards without a comma
NAME = 1 << 15  # a capital
CAPITALS = 1 << 16  # capitals throughout
MERIDIEM = 1 << 17  # am, pm
GREETING = 1 << 18  # Dear, Hello
THANK = 1 << 19
YOU = 1 << 20  # you,
ITS = 1 << 21
# How the chunk begins.
LOWER = 1 << 22
UPPER = 1 << 23
I = 1 << 24  # noqa: E741 - the pronoun
STARTER = 1 << 25  # a capitalised word that begins sentences: The
DIGIT = 1 << 26
BULLET = 1 << 27
QUOTE = 1 << 28  # a bracket or quote opens
FIELD = 1 << 29  # the name of a line in a header: Subject:
DATE = 1 << 30
CLOCK = 1 << 31
GOES_ON = 1 << 32  # a mark that belongs to what comes before it
RULE = 1 << 33  # a line drawn of five marks or more
ITEM = 1 << 34  # a small number and a bracket: 1)
TO_ADDRESS = 1 << 35
SHOUT = 1 << 36  # capitals throughout
LONE = 1 << 37  # one capital is the whole chunk
IT_IS = 1 << 38  # what may follow it's but not its

_CLOSERS = frozenset("\"'”’)]}»*_") | {"''", "’’", "**"}
_OPENERS = frozenset("\"'“‘([{«*_`") | {"''", "‘‘", "``", "‘’", "**"}


def chunk_bits(words: Sequence[str]) -> int:
    """How a chunk of these words begins and ends."""
    return _first_bits(words) | _last_bits(words)


def _last_bits(words: Sequence[str]) -> int:
    last = len(words) - 1
    while last > 0 and words[last] in _CLOSERS:
        last -= 1
    word, before = words[last], words[last - 1] if last else ""
    bits = CLOSED if last < len(words) - 1 else 0
    if word[-1] == "." and word[0].isalnum():
        return bits | _abbreviation_bit(word[:-1])
    if not word[0].isalnum() and word[-1] in ".?!…,;:":
        return bits | _mark_bits(word, before, first=last == 1)
    if _address().search(word):
        return bits | ADDRESS
    if len(word) > 1 and word[0] in ":;=" and word[-1] in ")(DPp":
        return SMILEY
    return bits | _word_bits(word, alone=last == 0)


def _mark_bits(mark: str, before: str, *, first: bool) -> int:
    """What the punctuation at the end of a chunk tells, after the word before it, the chunk's first or not."""
    end = mark[-1]
    if end == ":":
        return COLON
    if end in ",;":
        return COMMA | (SIGN_OFF if before in SIGN_OFFS else YOU if before == "you" else 0)
    if mark.startswith("..") or "…" in mark:
        return DOTS
    listed = mark == "." and first and before.isdecimal() and len(before) < 3
    return STOP | (LIST_NUMBER if listed else 0)


def _abbreviation_bit(stem: str) -> int:
    """The kind of an abbreviation, given without its full stop."""
    if len(stem) == 1 and stem.isupper():
        return INITIAL
    for group, bit in ((TITLES, TITLE), (NUMBERED, NUMBER_FOLLOWS)):
        if stem in group or (stem.isupper() and stem.capitalize() in group):
            return bit
    return NO_END if stem.lower() in NO_LAST_WORDS else ABBREVIATION


def _word_bits(word: str, *, alone: bool) -> int:
    """What the last word of a chunk tells when no mark follows it."""
    low = word.lower()
    if word in ("AM", "PM", "pm") or (word == "am" and not alone):
        return MERIDIEM
    if word in GREETINGS:
        return GREETING | NO_END
    if word == "Thank":
        return THANK | NO_END
    if low in NO_LAST_WORDS:
        return NO_END | (ITS if low == "its" and alone else 0)
    bits = REGARDS if low in ("cheers", "regards", "sincerely") else 0
    if word[0].isupper() and word not in CALENDAR:
        bits |= NAME | (CAPITALS if word.isupper() and len(word) > 1 else 0)
    return bits


def _first_bits(words: Sequence[str]) -> int:
    first = 0
    while first < len(words) - 1 and words[first] in _OPENERS:
        first += 1
    word, after = words[first], words[first + 1] if first < len(words) - 1 else ""
    bits = (QUOTE if first else 0) | (TO_ADDRESS if _address().search(word) else 0)
    if word[0].islower():
        return bits | LOWER | (IT_IS if word in AFTER_IT_IS else 0)
    if word[0].isdecimal():
        item = len(words) == 2 and after == ")" and len(word) < 3
        return bits | DIGIT | (CLOCK if ":" in word else 0) | (DATE if _date().fullmatch(word) else 0) | ITEM * item
    if not word[0].isalpha():
        return bits | _first_mark_bits(word)
    bits |= UPPER | (FIELD if after == ":" and word.capitalize() in FIELDS else 0)
    if word == "I":
        return bits | I
    if word.isupper():
        bits |= SHOUT if len(word) > 1 else LONE if len(words) == 1 else 0
    return bits | (STARTER if word in STARTERS and not first else 0)


def _first_mark_bits(mark: str) -> int:
    """What punctuation or a symbol at the beginning of a chunk tells."""
    if mark[0] in ".,;:!?)]}…%":
        return GOES_ON
    if len(mark) >= 5 and mark[0] in "-=*_~+#":
        return RULE
    return BULLET if mark in ("-", "*", "•", "·", "–", "—", "--", ">") else 0


@cache
def _date() -> re.Pattern[str]:
    return re.compile(r"\d{1,4}[-/]\d{1,2}[-/]\d{2,4}")


@cache
def _address() -> re.Pattern[str]:
    return re.compile(rf"\S@\S|://|^www\.|\.(?i:{'|'.join(FILE_SUFFIXES.split())})$")
