"""The greedy learner of transformation rules, and the sentence contexts that rules may look at.

Brill (1995), "Transformation-Based Error-Driven Learning and Natural Language Processing": from some first tagging,
choose again and again the one rule *source -> target in this context* that repairs most errors net of the errors it
makes, apply it everywhere at once, and go on from there.  Recounting every rule each time would cost minutes.  Here
every (context, source, target) that occurs owns a slot in one array of scores, and each word adds what it would gain
to the slots it falls in; after a rule is applied, only the words near a changed tag move to other slots.

    >>> window = Window([parse_conditions("previous tag")], {}, {"tag": 3})
    >>> tags = np.array([2, 2, 2, 0, 1, 1, 0, 2, 2, 2])                # four words between borders of tag 2
    >>> truth = np.array([2, 2, 2, 0, 1, 0, 0, 2, 2, 2])
    >>> options = np.repeat(np.arange(3, 7), 2), np.tile([0, 1], 4)    # any of them may become 0 or 1
    >>> list(learn(window, tags, options, lambda word, tag: truth[word] == tag, K=2, min_score=1, max_rules=9))
    [Transformation(code=1, source=1, target=0, score=1)]
    >>> tags[3:7].tolist()
    [0, 1, 0, 0]
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REACH = 3  # the farthest word a context looks at, and so the border between two sentences
NO_VALUE, BORDER = 0, 1  # ids of a word's features: a value no rule names; beyond the sentence.  Named ones follow
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
BLOCK = 1 << 16  # pairs keyed at a time when learning starts: bounds the memory of what lies between
ROOM = 1 << 18  # scores grow by this many slots at a time
Worth = Callable[[Ints, Ints], NDArray[np.generic]]


class Condition(NamedTuple):
    """One thing a rule looks at: `feature` at any of `offsets` from the word, e.g. the previous tag."""

    where: str
    feature: str

    @property
    def offsets(self) -> tuple[int, ...]:
        """Word distances; the condition holds if the feature has the value at one or more of them."""
        return WHERE[self.where]


Template = tuple[Condition, ...]


def parse_conditions(text: str) -> Template:
    """The template spelt `this word and previous tag`."""
    return tuple(Condition(*part.rsplit(" ", 1)) for part in text.strip().split(" and "))


_TEMPLATES = (
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
TEMPLATES = tuple(parse_conditions(template) for template in _TEMPLATES.split(";"))


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


class Layout:
    """Where the words of a batch lie once `REACH` positions of border surround every sentence.

    >>> layout = Layout(np.array([2, 1]))
    >>> layout.padded(np.array([7, 8, 9]), border=0).tolist()
    [0, 0, 0, 7, 8, 0, 0, 0, 9, 0, 0, 0]
    """

    def __init__(self, lengths: Ints) -> None:
        self.at = np.arange(lengths.sum()) + REACH * np.repeat(np.arange(1, len(lengths) + 1), lengths)  # (N,)
        self.size = int(lengths.sum()) + REACH * (len(lengths) + 1)

    def padded(self, ids: Ints, border: int) -> Ints:
        """Ids (N,) spread over (size,) positions."""
        spread = np.full(self.size, border, np.int64)
        spread[self.at] = ids
        return spread

    def columns(self, words: Sequence[str], kinds: Ints, values: Mapping[str, Sequence[str]]) -> dict[str, Ints]:
        """Ids (size,) of each feature of the words, whose distinct forms are `words` and `kinds` (N,) says which."""
        columns = {}
        for feature, view in VIEWS.items():
            number = {value: i for i, value in enumerate(values[feature], start=BORDER + 1)}
            ids = np.array([number.get(view(word), NO_VALUE) for word in words], np.int64)
            columns[feature] = self.padded(ids[kinds], BORDER)
        return columns


class Transformation(NamedTuple):
    """A rule as learnt: where the context is `code`, `source` becomes `target`; `score` is the gain in training."""

    code: int
    source: int
    target: int
    score: int


class Contexts(Protocol):
    """What `learn` must know of contexts, which are whole numbers to it."""

    def codes(self, tags: Ints, items: Ints) -> Ints:
        """The contexts (R, n) that `items` (n,) are in, none twice for an item; -1 fills the places left over."""

    def rows(self, code: int) -> slice:
        """Those of the R rows in which `code` can occur."""

    def affected(self, items: Ints) -> Ints:
        """All items, without doubles, whose contexts or own tag may change when the tags of `items` do."""


class Window:
    """The `Contexts` of words in sentences: templates over tags and features of the words around.

    `columns` hold for each feature other than the tag an id for every position, `sizes` how many ids there are.
    """

    def __init__(self, templates: Sequence[Template], columns: Mapping[str, Ints], sizes: Mapping[str, int]) -> None:
        self.templates, self.columns, self.sizes = templates, columns, sizes
        self._layout: list[tuple[int, tuple[int, ...]]] = []  # a row is a template and an offset for each condition
        self._rows: list[slice] = []
        for number, template in enumerate(templates):
            choices = list(itertools.product(*(range(len(condition.offsets)) for condition in template)))
            self._rows.append(slice(len(self._layout), len(self._layout) + len(choices)))
            self._layout += [(number, choice) for choice in choices]
        self._span = max((self._size(template) for template in templates), default=1)

    def _size(self, template: Template) -> int:
        return int(np.prod([self.sizes[condition.feature] for condition in template], dtype=object))

    def codes(self, tags: Ints, items: Ints) -> Ints:
        """See `Contexts`; a code is the template's number, then its values, as digits."""
        seen: dict[tuple[str, int], Ints] = {}

        def value(feature: str, offset: int) -> Ints:
            if (feature, offset) not in seen:
                seen[feature, offset] = (tags if feature == "tag" else self.columns[feature])[items + offset]
            return seen[feature, offset]

        codes = np.empty((len(self._layout), len(items)), np.int64)
        for row, (number, choice) in enumerate(self._layout):
            code, void = np.zeros(len(items), np.int64), np.zeros(len(items), bool)
            for (where, feature), chosen in zip(self.templates[number], choice, strict=True):
                here = value(feature, WHERE[where][chosen])
                if feature != "tag":
                    void |= here == NO_VALUE
                for nearer in WHERE[where][:chosen]:  # the same value nearer by has already led to this context
                    void |= value(feature, nearer) == here
                code *= self.sizes[feature]
                code += here
            codes[row] = np.where(void, -1, code + number * self._span)
        return codes  # (R, n)

    def rows(self, code: int) -> slice:
        """See `Contexts`."""
        return self._rows[code // self._span]

    def affected(self, items: Ints) -> Ints:
        """See `Contexts`."""
        return np.unique(items[:, None] + np.arange(-REACH, REACH + 1))

    def read(self, code: int) -> list[tuple[Condition, int]]:
        """The conditions of a code with the values they ask for."""
        number, rest = divmod(code, self._span)
        values = []
        for condition in reversed(self.templates[number]):
            rest, value = divmod(rest, self.sizes[condition.feature])
            values.append((condition, value))
        return values[::-1]


class Fixed:
    """The `Contexts` of items that tags do not change, as a matrix (items, R) of codes, none twice in a line."""

    def __init__(self, matrix: Ints) -> None:
        self.matrix = matrix

    def codes(self, tags: Ints, items: Ints) -> Ints:  # noqa: ARG002
        """See `Contexts`."""
        codes: Ints = self.matrix[items].T
        return codes

    def rows(self, code: int) -> slice:  # noqa: ARG002
        """All of them: see `Contexts`."""
        return slice(None)

    def affected(self, items: Ints) -> Ints:
        """See `Contexts`."""
        return items


class Matcher:
    """Finds where rules match in a batch whose `tags` (size,) the caller changes between one rule and the next.

    `values` are the named values of each column, in the order of their ids.
    """

    def __init__(
        self, columns: Mapping[str, Ints], values: Mapping[str, Sequence[str]], tags: Ints, labels: Sequence[str]
    ) -> None:
        self.columns, self.tags = {**columns, "tag": tags}, tags
        self.ids: dict[str, dict[str | None, int]] = {"tag": {label: i for i, label in enumerate((*labels, None))}}
        self._places: dict[str, tuple[Ints, Ints]] = {}
        for feature, column in columns.items():
            self.ids[feature] = {value: i for i, value in enumerate((None, *values[feature]), start=BORDER)}
            order = np.argsort(column, kind="stable")
            self._places[feature] = order, np.searchsorted(column[order], np.arange(len(values[feature]) + BORDER + 2))

    def matches(self, source: str, conditions: Iterable[tuple[Condition, str | None]]) -> Ints:
        """The positions, of words tagged `source`, at which all conditions have their values (None: the border)."""
        wanted = [(condition, self.ids[condition.feature][value]) for condition, value in conditions]
        tag = self.ids["tag"][source]
        near = [self._at(condition, value) for condition, value in wanted if self._is_indexed(condition, value)]
        at: Ints = min(near, key=len) if near else np.flatnonzero(self.tags == tag)
        at = at[self.tags[at] == tag]  # all of them words, so that nothing within reach is outside the array
        for (where, feature), value in wanted:
            column = self.columns[feature]
            at = at[np.any([column[at + offset] == value for offset in WHERE[where]], axis=0)]
        return at

    @staticmethod
    def _is_indexed(condition: Condition, value: int) -> bool:
        return condition.feature != "tag" and len(condition.offsets) == 1 and value != BORDER

    def _at(self, condition: Condition, value: int) -> Ints:
        order, starts = self._places[condition.feature]
        at: Ints = order[starts[value] : starts[value + 1]] - condition.offsets[0]
        return at


class _Slots:
    """Dense numbers for sparse keys: those known at the start by binary search, later ones by a dictionary."""

    def __init__(self, keys: Ints) -> None:
        self._base = keys  # distinct and sorted
        self._later: dict[int, int] = {}
        self._later_keys: list[int] = []

    def __len__(self) -> int:
        return len(self._base) + len(self._later_keys)

    def __call__(self, keys: Ints) -> NDArray[np.int32]:
        slots = np.searchsorted(self._base, keys)
        slots[slots == len(self._base)] = 0
        unseen = np.flatnonzero(self._base[slots] != keys)
        new = keys[unseen].tolist()
        for key in new:
            if key not in self._later:
                self._later[key] = len(self)
                self._later_keys.append(key)
        slots[unseen] = [self._later[key] for key in new]
        return slots.astype(np.int32)

    def key(self, slot: int) -> int:
        known = len(self._base)
        return int(self._base[slot]) if slot < known else self._later_keys[slot - known]


class _Scores:
    """The net gain of every rule, kept up to date while tags change.  A pair is an item and a tag it may take."""

    def __init__(self, contexts: Contexts, tags: Ints, options: tuple[Ints, Ints], worth: Worth, *, K: int) -> None:
        self.contexts, self.tags, self.worth, self.K = contexts, tags, worth, K
        self.items, self.targets = options  # (P,) each, by rising item
        self.starts = np.searchsorted(self.items, np.arange(len(tags) + 1))
        pairs = np.arange(len(self.items))
        blocks = [self._keys(pairs[at : at + BLOCK]) for at in range(0, max(len(pairs), 1), BLOCK)]
        keys = np.concatenate(blocks, axis=1)
        blocks.clear()
        self.slots_of = _Slots(_distinct(np.concatenate([[-1], *(_distinct(row) for row in keys)])))
        self.slots = np.empty(keys.shape, np.int32)  # (R, P); slot 0 is for no context
        self.gains = self._gains(pairs)  # (P,)
        self.scores = np.zeros(len(self.slots_of) + ROOM, np.int32)
        for row, row_keys in zip(self.slots, keys, strict=True):
            row[:] = self.slots_of(row_keys)
            np.add.at(self.scores, row, self.gains)

    def _keys(self, pairs: Ints) -> Ints:
        items, targets = self.items[pairs], self.targets[pairs]
        first = np.diff(items, prepend=-1) != 0
        now, codes = self.tags[items], self.contexts.codes(self.tags, items[first])[:, np.cumsum(first) - 1]
        return np.where((codes < 0) | (now == targets), -1, (codes * self.K + now) * self.K + targets)  # (R, n)

    def _gains(self, pairs: Ints) -> NDArray[np.int32]:
        items = self.items[pairs]
        gains = self.worth(items, self.targets[pairs]).astype(np.int32)
        return gains - self.worth(items, self.tags[items]).astype(np.int32)

    def best(self, min_score: int) -> Transformation | None:
        """The rule that gains most; of equals that with the smallest code, then source, then target."""
        self.scores[0] = 0
        top = int(self.scores.max())
        if top < min_score:
            return None
        key = min(map(self.slots_of.key, np.flatnonzero(self.scores == top).tolist()))
        return Transformation(key // self.K**2, key // self.K % self.K, key % self.K, top)

    def apply(self, rule: Transformation) -> None:
        """Set the tags that the rule changes, all at once, and move the pairs near them to their new slots."""
        slot = self.slots_of(np.array([(rule.code * self.K + rule.source) * self.K + rule.target]))
        rows = self.slots[self.contexts.rows(rule.code)]
        changed = self.items[np.flatnonzero((rows == slot).any(axis=0))]
        self.tags[changed] = rule.target
        near = self.contexts.affected(changed)
        sizes = self.starts[near + 1] - self.starts[near]
        pairs = np.repeat(self.starts[near] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        self._add(pairs, -1)
        self.gains[pairs] = self._gains(pairs)
        self.slots[:, pairs] = self.slots_of(self._keys(pairs).ravel()).reshape(len(self.slots), -1)
        if len(self.slots_of) > len(self.scores):
            grown = np.zeros(len(self.slots_of) + ROOM, np.int32)
            grown[: len(self.scores)] = self.scores
            self.scores = grown
        self._add(pairs, +1)

    def _add(self, pairs: Ints, sign: int) -> None:
        np.add.at(self.scores, self.slots[:, pairs].ravel(), np.tile(sign * self.gains[pairs], len(self.slots)))


def _distinct(keys: Ints) -> Ints:
    """Sorted, without doubles; no key is below -1.  (`np.unique` hashes, which is far slower here.)"""
    keys = np.sort(keys)
    return keys[np.flatnonzero(np.diff(keys, prepend=-2))]


def learn(
    contexts: Contexts,
    tags: Ints,
    options: tuple[Ints, Ints],
    worth: Worth,
    *,
    K: int,
    min_score: int,
    max_rules: int,
) -> Iterator[Transformation]:
    """Yield the best rule, apply it to `tags` (in place), and again, until none scores `min_score` (at least 1).

    `options` are the (item, tag) pairs that rules may bring about, (P,) each, sorted by item; `worth(items, tags)`
    says what it is worth that those items have those tags: 1 for the gold tag and 0 for others, or counts.
    """
    state = _Scores(contexts, tags, options, worth, K=K)
    for _ in range(max_rules):
        rule = state.best(max(min_score, 1))
        if rule is None:
            return
        state.apply(rule)
        yield rule
