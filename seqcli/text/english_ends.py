"""Where English sentences end: rules over the bits of a chunk and of its neighbours.

Well-formed text needs little: a full stop that is no abbreviation's, a question or exclamation mark.  The rest is for
text whose line breaks are lost, such as mail and reviews: titles, greetings, signatures, headers and addresses have no
stop, and only what stands around tells ("Poor service We waited", "Thanks, Bob", "Ann Lee 03/15/2001 04:11 PM").
Each rule is kept because it finds more ends in the Web Treebank's training part than it invents.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.text.chunk import ENDS
from seqcli.text.english_bits import (
    ABBREVIATION,
    ADDRESS,
    BULLET,
    CAPITALS,
    CLOCK,
    CLOSED,
    COLON,
    COMMA,
    DATE,
    DIGIT,
    DOTS,
    FIELD,
    GOES_ON,
    GREETING,
    INITIAL,
    IT_IS,
    ITEM,
    ITS,
    LIST_NUMBER,
    LONE,
    LOWER,
    MERIDIEM,
    NAME,
    NO_END,
    NUMBER_FOLLOWS,
    QUOTE,
    REGARDS,
    RULE,
    SHOUT,
    SIGN_OFF,
    SMILEY,
    STARTER,
    STOP,
    THANK,
    TITLE,
    TO_ADDRESS,
    UPPER,
    YOU,
    I,
)

_NOT_PLAIN = STOP | DOTS | TITLE | NUMBER_FOLLOWS | ABBREVIATION | INITIAL | COMMA | COLON | NO_END | CLOSED | BULLET
_LONGEST_TITLE = 6  # words of a title, where only "I" tells that a sentence begins after it


def inner_ends(words: Sequence[str], marks: MutableSequence[int]) -> None:
    """Mark the words that end a sentence although their chunk goes on: a stop, then a word without a space."""
    for place in range(1, len(words) - 1):
        word, before, after = words[place], words[place - 1], words[place + 1]
        if not (after[0].isalpha() and before[-1].isalnum() and len(before) > 1):
            continue
        if word[-1] in "?!" or (word == "." and before[1:].islower() and after[0].isupper()):
            marks[place] |= ENDS


def read_neighbours(bits: IntArray, line_end: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Where sentences end, and which chunks have their other reading: two (T,) arrays for T chunks.

    `bits` (T,) is how the chunks begin and end, `line_end` (T,) whether a line ends after the chunk.
    """
    around = _Around(bits, line_end)
    ends = _stops(around)
    ends |= _starters(around)
    ends |= _headers(around, ends)
    ends |= _greetings(around, ends)
    ends |= _titles(around, ends)
    ends |= line_end
    its = around.has(ITS)
    return ends, (ends & ~its) | (its & around.next(IT_IS))


class _Around:
    """The bits of T chunks and of those near them in the line; every answer is a (T,) array."""

    def __init__(self, bits: IntArray, line_end: BoolArray) -> None:
        self._near = [bits]  # of the chunk 0, 1, 2, 3 places on; 0 beyond the line
        self._line_end = line_end
        for _ in range(3):
            self._near.append(np.append(np.where(line_end[:-1], 0, self._near[-1][1:]), 0))
        self.plain = ~self.has(_NOT_PLAIN)  # the last word may end a sentence, and no mark follows it
        self.name = self.plain & self.has(NAME)
        self.upper = self.next(UPPER)

    def has(self, mask: int, ahead: int = 0) -> BoolArray:
        """Whether the chunk, or the one so many places on, has any of the bits."""
        found: BoolArray = (self._near[ahead] & mask) != 0
        return found

    def next(self, mask: int) -> BoolArray:
        return self.has(mask, 1)

    def before(self, flags: BoolArray) -> BoolArray:
        """The flag of the chunk before; False at the start of a line."""
        return np.append(False, flags[:-1] & ~self._line_end[:-1])

    def starts(self, ends: BoolArray) -> BoolArray:
        """Whether a sentence starts with the chunk."""
        return np.append(True, ends[:-1] | self._line_end[:-1])


def _stops(a: _Around) -> BoolArray:
    """A stop in its place."""
    ends = a.has(STOP) & ~(a.has(CLOSED) & a.next(LOWER)) & ~a.next(GOES_ON)  # "What?" he said
    ends |= a.has(DOTS) & a.next(UPPER | DIGIT)
    ends |= a.has(ABBREVIATION) & a.next(STARTER | I) | a.has(INITIAL) & a.next(STARTER)
    ends |= a.has(NUMBER_FOLLOWS) & ~a.next(DIGIT | LOWER)
    return ends & ~(a.has(LIST_NUMBER) & a.starts(ends))


def _starters(a: _Around) -> BoolArray:
    """No stop, but what begins a sentence, a list item or another kind of text follows."""
    ends = a.plain & a.next(STARTER) & ~(a.has(CAPITALS) & a.next(SHOUT))
    ends |= (a.has(ADDRESS) & ~a.next(SHOUT) | a.has(SMILEY)) & a.upper
    return ends | a.plain & (a.has(ADDRESS) & a.next(BULLET | TO_ADDRESS) | a.next(ITEM | FIELD | RULE) | a.has(RULE))


def _headers(a: _Around, ends: BoolArray) -> BoolArray:
    """The headers of mail: Ann Lee 03/15/2001 04:11 PM."""
    found = a.plain & a.next(DATE) & a.has(CLOCK, 2)
    found |= a.has(MERIDIEM) & a.before(a.before(a.has(DATE)))
    found |= a.has(CLOCK) & a.before(a.has(DATE)) & ~a.next(MERIDIEM) & a.upper
    before_name = a.name & a.has(NAME, 1) & a.has(NAME, 2) & a.has(DATE, 3) & ~a.next(LONE)  # Jeff | Ann Lee 03/15/..
    return found | before_name & a.starts(ends)


def _greetings(a: _Around, ends: BoolArray) -> BoolArray:
    """Dear Ann, | Thanks, | Best regards | Bob | Ann: |"""
    thanked = (a.has(SIGN_OFF) & ~a.has(CLOSED | QUOTE)) | (a.has(YOU) & a.before(a.has(THANK)))
    found = thanked & a.upper & ~a.next(I | STOP)  # not "Thanks, I will", nor "Thanks, Bob."
    found |= a.plain & a.has(REGARDS) & a.upper
    greeted = a.has(GREETING) | a.before(a.has(GREETING))
    greeted |= a.before(greeted)
    found |= (greeted & a.has(COMMA | COLON) | a.before(greeted) & a.has(BULLET)) & a.upper
    signed = a.starts(ends | found) & a.name & ~a.has(STARTER | QUOTE)
    found |= signed & a.upper & a.next(COMMA | COLON) & a.has(STARTER | I, 2)  # .. Bob | Ann, I ..
    start = a.starts(ends | found)
    called = start & a.has(UPPER)
    found |= called & ~a.has(NO_END) & a.has(COMMA) & a.next(STARTER)
    found |= called & a.has(COLON) & ~a.has(CAPITALS | FIELD) & a.next(STARTER | I)
    return found | a.has(BULLET) & a.before(start & a.name) & a.next(STARTER | I)


def _titles(a: _Around, ends: BoolArray) -> BoolArray:
    """A short first sentence of the line before "I", or the name of who signs."""
    line_start = a.starts(np.zeros_like(ends))
    place = np.arange(len(ends))
    first = np.maximum.accumulate(np.where(line_start, place, 0))
    not_title = ends | a.has(COMMA | COLON) | (line_start & a.has(NO_END | QUOTE))
    broken = np.maximum.accumulate(np.where(not_title, place, -1)) >= first
    title = a.plain & ~broken & (place - first < _LONGEST_TITLE)
    signed = a.name & a.before(a.has(SIGN_OFF))
    return (title | signed) & a.next(I) & ~a.next(QUOTE)
