"""What a tagger may know of a word without its neighbours: the word, its edges, its shape, its cluster.

Every feature here is a function of the word type alone. That is what makes the tagger fast: a type is described once, its feature
weights are summed to one row of scores, and from then on tagging is looking rows up.

>>> describe("Walking").center[:4]
['w=Walking', 'l=walking', 'x=Xx', 's1=g']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WORD, SHAPE, CLASS = range(3)
RUNS = ("XX", "xx", "dd", "oo")
SUFFIXES = tuple((f"s{n}=", -n) for n in range(1, 7))
PREFIXES = tuple((f"p{n}=", n) for n in range(1, 5))
BOUNDARY = "\n"  # the type that stands before the first word and after the last: no word contains it


class Features(NamedTuple):
    """What is known of a type, by whose tag it speaks of."""

    center: list[str]  # say something about the word's own tag
    near: list[str]  # say something about the tags of the two words on either side
    values: tuple[str, str, str]  # what of it stands in pairs: WORD, SHAPE, CLASS


class Shapes(dict[int, str]):
    """Character classes for `str.translate`: X upper, x lower, d digit, other letters o; the rest stands for itself."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isupper():
            kind = "X"
        elif char.islower():
            kind = "x"
        elif char.isdigit():
            kind = "d"
        else:
            kind = "o" if char.isalpha() else char
        self[code] = kind
        return kind


SHAPES = Shapes()


def shape(word: str) -> str:
    """The word's character classes, runs of a class shortened to one, cut at 8.

    >>> shape("McDonald's"), shape("F-16"), shape("2,000"), shape("...")
    ("XxXx'x", 'X-d', 'd,d', '...')
    """
    if word.isascii() and word.isalpha() and word.islower():
        return "x"
    form = word.translate(SHAPES)
    for run in RUNS:
        while run in form:
            form = form.replace(run, run[0])
    return form[:8]


def describe(word: str, classes: Sequence[str] = ()) -> Features:
    """The features of a word type, by name; `classes` are those of its clusters."""
    if word == BOUNDARY:
        return Features([], ["edge"], (BOUNDARY, BOUNDARY, BOUNDARY))
    lower = word.lower()
    form = shape(word)
    center = ["w=" + word, "l=" + lower, "x=" + form]
    size = len(lower)
    center += [name + lower[start:] for name, start in SUFFIXES[:size]]
    center += [name + word[:end] for name, end in PREFIXES[:size]]
    near = ["l=" + lower, "x=" + form]
    if size > 2:
        near += ["s2=" + lower[-2:], "s3=" + lower[-3:]]
    if "-" in word:
        center.append("hyphen")
    if size > 1 and lower != word:
        center.append("upper" if word.isupper() else "mixed")
    return Features([*center, *classes], [*near, *classes], (lower, form, classes[1] if len(classes) > 1 else "-" + lower[-3:]))
