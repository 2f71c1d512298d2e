"""Sentences in one case, all lower or ALL CAPS: their words are other types than those of cased text.

Case says much where a text has both, and nothing where it has one. So the words of a sentence without capitals, or without small
letters, are looked up as folded types: the features of the word in lower case, but for those that tell case. Capitals and small
letters come out alike by construction. Training sees some cased sentences once more as folded ones, so that what a word, a suffix or
a cluster says by itself is learned; whatever is not about case is shared.

>>> letters("London") == LOWER | UPPER, letters("U.S.") == UPPER, letters("2026")
(True, True, 0)
>>> fold("LONDON") == fold("London"), describe_all([fold("London")], [["c0=7"]])[0].center[:4]
(True, ['l=london', 's1=n', 's2=on', 's3=don'])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.models.crf.features import BOUNDARY, CLASS, WORD, Features, describe

LOWER, UPPER = 1, 2  # bits: what letters a word has
ONE_CASE = (LOWER, UPPER)
CASED = ("w=", "x=")  # features that tell case
SHAPE_OF_FOLDED = "?"


def letters(word: str) -> int:
    """Whether a word has small letters, and whether capitals: `LOWER`, `UPPER`, both or 0."""
    return LOWER * (word != word.upper()) | UPPER * (word != word.lower())


def fold(word: str) -> str:
    """The name of a word's folded type; it begins as no word does."""
    return BOUNDARY + word.lower()


def one_case(of_words: IntArray, lengths: IntArray) -> BoolArray:
    """Which of B sentences have letters of one case only, (B,), from the letters of their words (N,)."""
    if not len(lengths):
        return np.empty(0, np.bool_)
    found: BoolArray = np.isin(np.bitwise_or.reduceat(of_words, np.cumsum(lengths) - lengths), ONE_CASE)
    return found


def unfolded(types: Sequence[str]) -> list[str]:
    """The words of types, folded or not."""
    return [name[1:] if name[:1] == BOUNDARY and name != BOUNDARY else name for name in types]


def describe_all(types: Sequence[str], classes: Sequence[Sequence[str]]) -> list[Features]:
    """The features of types, folded or not, by the classes of their words."""
    return [
        without_case(describe(word, found)) if word is not name else describe(word, found)
        for name, word, found in zip(types, unfolded(types), classes, strict=True)
    ]


def without_case(features: Features) -> Features:
    """What remains of the features of a word in lower case."""
    values = features.values
    center = [name for name in features.center if not name.startswith(CASED)]
    near = [name for name in features.near if not name.startswith(CASED)]
    return Features([*center, "folded"], near, (values[WORD], SHAPE_OF_FOLDED, values[CLASS]))
