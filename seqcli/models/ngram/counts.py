"""The distinct n-grams of a text with their counts, order by order, by sorting.

Texts lie end to end in one stream, with the end token before the first and after each. So the end stands for the beginning of a text
where it is an n-gram's first word, and for its end where it is the last; an n-gram that has it in between would reach from one text
into the next, and is not counted.

An n-gram is a row: that of its first n - 1 words in the order below (the `context`), and its last word. Rows are sorted by these two,
and so by their words from left to right.

>>> stream = np.array([2, 0, 1, 2, 0, 0, 2])        # end a b end a a end
>>> _, bigrams = count(stream, 2, 3)
>>> list(zip(bigrams.context.tolist(), bigrams.word.tolist(), bigrams.count.tolist()))
[(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 2, 1), (2, 0, 2)]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Grams:
    """The R distinct n-grams of one order."""

    context: AnyArray  # (R,) the row of the first n - 1 words, in the order below
    word: AnyArray  # (R,) the last word
    count: AnyArray  # (R,)
    suffix: AnyArray  # (R,) the row of the last n - 1 words, in the order below
    begins: BoolArray  # (R,) whether the n-gram begins a text

    def __len__(self) -> int:
        return len(self.word)


def count(stream: AnyArray, order: int, size: int) -> list[Grams]:
    """The n-grams of orders 1 … `order` of a stream (N,) of ids below `size`, its first id the end.

    All words are unigrams, those that do not occur too; their context is the one row of order 0.
    """
    nothing = np.zeros(size, np.int32)
    counts = np.bincount(stream[1:], minlength=size)
    found = [Grams(nothing, np.arange(size, dtype=np.int32), counts, nothing, np.zeros(size, bool))]
    rows: AnyArray = stream.astype(np.int32)  # (N,) the row of the n-gram that begins at each place, -1 where there is none
    for length in range(2, order + 1):
        grams, rows = longer(stream, rows, length, found[-1], size)
        found.append(grams)
    return found


def longer(stream: AnyArray, rows: AnyArray, length: int, below: Grams, size: int) -> tuple[Grams, AnyArray]:
    """The n-grams of one order from the rows of the order below; and the rows of this one."""
    end = stream[0]
    last = max(0, len(stream) - length + 1)
    goes_on = rows[:last] >= 0
    if length > 2:
        goes_on &= stream[length - 2 : length - 2 + last] != end
    places = np.flatnonzero(goes_on)
    keys = rows[places].astype(np.int64)
    keys *= size
    keys += stream[places + length - 1]
    by_key = np.argsort(keys)
    keys = keys[by_key]
    places = places[by_key]
    del by_key
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(firsts, append=len(keys))
    number: AnyArray = np.full(len(rows), -1, np.int32)
    number[places] = np.repeat(np.arange(len(firsts), dtype=np.int32), counts)
    context, word = np.divmod(keys[firsts], size)
    begins = context == end if length == 2 else below.begins[context]
    suffix = rows[places[firsts] + 1]
    return Grams(context.astype(np.int32), word.astype(np.int32), counts.astype(np.int32), suffix, begins), number


def continuations(grams: Grams, above: Grams) -> IntArray:
    """How many distinct words stand before each n-gram (R,): what Kneser-Ney counts below the highest order.

    Nothing stands before one that begins a text: for these it is how often they occur.
    """
    found: IntArray = np.bincount(above.suffix, minlength=len(grams))
    return np.where(grams.begins, grams.count, found)
