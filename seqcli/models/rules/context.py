"""What rules of context may look at, where in a batch it stands, and how rules are applied.

>>> layout = Layout(np.array([4]))
>>> tags = layout.padded(np.array([0, 1, 0, 1]), border=2)
>>> step = Step(source=1, target=0, checks=(Check("tag", (-1,), 0),))  # after a 0, a 1 becomes 0
>>> apply([step], {}, {}, tags, may=lambda target: layout.at)
>>> tags[layout.at].tolist()
[0, 0, 0, 0]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray

REACH = 3  # the farthest word a context looks at, and so the border between two sentences
NO_VALUE, BORDER = 0, 1  # ids of a word's features: a value no rule names; beyond the sentence. Named ones follow
WHERE: dict[str, tuple[int, ...]] = {
    "this": (0,),
    "previous": (-1,),
    "next": (1,),
    "second previous": (-2,),
    "second next": (2,),
    "either of two previous": (-1, -2),
    "any of three previous": (-1, -2, -3),
    "any of three next": (1, 2, 3),
}
SPELT = (
    "previous tag; next tag; second next tag; either of two previous tag; previous tag and next tag;"
    "second previous tag and previous tag; next tag and second next tag; previous tag and second next tag;"
    "previous word; next word; second previous word; second next word; either of two previous word;"
    "any of three previous word; any of three next word; this word and previous word; this word and next word;"
    "this word and any of three previous word; this word and any of three next word;"
    "this word and previous tag; this word and next tag; this word and second next tag;"
    "this word and any of three previous tag; this word and any of three next tag;"
    "previous word and second previous tag; next word and second next tag; second previous word and previous tag;"
    "previous word and next tag; next word and previous tag;"
    "this ending; this ending and previous tag; this ending and next tag;"
    "previous ending; next ending; previous ending and next tag; next ending and previous tag;"
    "this shape and previous tag; this shape and next tag; this shape and next shape;"
    "this shape and previous word; next shape and this word"
)


class Condition(NamedTuple):
    """One thing a rule looks at: `feature` at any of `offsets` from the word, e.g. the previous tag."""

    where: str
    feature: str

    @property
    def offsets(self) -> tuple[int, ...]:
        """Word distances; the condition holds if the feature has the value at one or more of them."""
        return WHERE[self.where]


Template = tuple[Condition, ...]


def parse_template(text: str) -> Template:
    """The template spelt `this word and previous tag`."""
    return tuple(Condition(*part.rsplit(" ", 1)) for part in text.strip().split(" and "))


TEMPLATES = tuple(map(parse_template, SPELT.split(";")))


def shape(word: str) -> str:
    """What kind of characters a word is made of.

    >>> [shape(word) for word in ("word", "Word", "W", "USA", "1995", "B2B", "...", "eBay", "語")]
    ['lower', 'Capitalised', 'Letter', 'UPPER', 'digits', 'alphanumeric', 'symbols', 'other', 'other']
    """
    if word.isdigit():
        return "digits"
    if not any(map(str.isalnum, word)):
        return "symbols"
    if any(map(str.isdigit, word)):
        return "alphanumeric"
    if word.islower():
        return "lower"
    if word.isupper():
        return "UPPER" if len(word) > 1 else "Letter"
    return "Capitalised" if word[0].isupper() and word[1:].islower() else "other"


VIEWS: dict[str, Callable[[str], str]] = {
    "word": str.lower,
    "ending": lambda word: word.lower()[-3:],
    "shape": shape,
}


def view_ids(words: Sequence[str], values: Mapping[str, Sequence[str]]) -> dict[str, IntArray]:
    """Ids (words,) of each feature of the words; `values` are those that have a name, in the order of their ids."""
    found = {}
    for feature, view in VIEWS.items():
        number = {value: i for i, value in enumerate(values[feature], start=BORDER + 1)}
        found[feature] = np.array([number.get(view(word), NO_VALUE) for word in words], dtype=np.int64)
    return found


class Layout:
    """Where the words of a batch lie once `REACH` positions of border surround every sentence.

    >>> layout = Layout(np.array([2, 1]))
    >>> layout.padded(np.array([7, 8, 9]), border=0).tolist()
    [0, 0, 0, 7, 8, 0, 0, 0, 9, 0, 0, 0]
    """

    def __init__(self, lengths: IntArray) -> None:
        self.at = np.arange(lengths.sum()) + REACH * np.repeat(np.arange(1, len(lengths) + 1), lengths)  # (N,)
        self.size = int(lengths.sum()) + REACH * (len(lengths) + 1)

    def padded(self, ids: IntArray, border: int) -> IntArray:
        """Ids (N,) spread over (size,) positions."""
        spread = np.full(self.size, border, np.int64)
        spread[self.at] = ids
        return spread


class Check(NamedTuple):
    """A condition with its value, in numbers: `feature` is `value` at any of `offsets`."""

    feature: str
    offsets: tuple[int, ...]
    value: int

    @property
    def indexed(self) -> bool:
        """Whether an index of values leads to where it holds: tags change, and borders are no words."""
        return self.feature != "tag" and len(self.offsets) == 1 and self.value != BORDER


class Step(NamedTuple):
    """A rule of context in numbers: the tag `source` becomes `target` where all checks hold."""

    source: int
    target: int
    checks: tuple[Check, ...]


class Places:
    """Where in a column each id from 0 to `size` - 1 stands."""

    def __init__(self, column: AnyArray, size: int) -> None:
        self.order = np.argsort(column, kind="stable")
        self.ends = np.cumsum(np.bincount(column, minlength=size)).tolist()

    def count(self, value: int) -> int:
        """How often the id stands there."""
        return int(self.ends[value] - self.ends[value - 1])

    def __getitem__(self, value: int) -> IntArray:
        """The positions of an id above 0, ascending."""
        found: IntArray = self.order[self.ends[value - 1] : self.ends[value]]
        return found


def apply(
    steps: Sequence[Step],
    columns: Mapping[str, AnyArray],
    sizes: Mapping[str, int],
    tags: IntArray,
    may: Callable[[int], IntArray],
) -> None:
    """Apply rules one after the other to `tags` (size,), in place; a rule changes all places at once.

    `columns` are the ids (size,) of each feature of words, of which there are `sizes`; `may` says which positions, ascending, may
    ever take a tag.
    """
    places = {feature: Places(column, sizes[feature]) for feature, column in columns.items()}
    columns = {**columns, "tag": tags}
    candidates = cache(may)
    allowed = cache(lambda target: mask(len(tags), candidates(target)))
    for source, target, checks in steps:
        at, known = candidates(target), None
        for check in checks:
            if check.indexed and places[check.feature].count(check.value) < len(at):
                at, known = places[check.feature][check.value] - check.offsets[0], check
        if known is not None:
            at = at[allowed(target)[at]]  # all of them words, so that nothing within reach is outside the array
        at = at[tags[at] == source]
        for check in checks:
            if not len(at):
                break
            if check is not known:
                at = at[holds(check, columns[check.feature], at)]
        tags[at] = target


def holds(check: Check, column: AnyArray, at: IntArray) -> BoolArray:
    """At which of some positions a check holds."""
    found: BoolArray = column[at + check.offsets[0]] == check.value
    for offset in check.offsets[1:]:
        found |= column[at + offset] == check.value
    return found


def mask(size: int, at: IntArray) -> BoolArray:
    """True at some of `size` positions."""
    found = np.zeros(size, bool)
    found[at] = True
    return found
