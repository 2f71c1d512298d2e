"""The greedy learner of transformation rules.

Brill (1995), "Transformation-Based Error-Driven Learning and Natural Language Processing": from some first tagging, choose again and
again the one rule *source -> target in this context* that repairs most errors net of the errors it makes, apply it everywhere at
once, and go on from there. Recounting every rule each time would cost minutes. Here every (context, source, target) that occurs owns
a slot in one array of scores, and each word adds what it would gain to the slots it falls in; after a rule is applied, only the words
near a changed tag move to other slots.

    >>> window = Window([(Condition("previous", "tag"),)], {}, {"tag": 3})
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seqcli.data.examples import IntArray
from seqcli.models.rules.context import NO_VALUE, REACH, WHERE, Condition, Template

BLOCK = 1 << 16  # pairs keyed at a time when learning starts: bounds the memory of what lies between
ROOM = 1 << 18  # scores grow by this many slots at a time
Worth = Callable[[IntArray, IntArray], NDArray[np.generic]]


class Transformation(NamedTuple):
    """A rule as learnt: where the context is `code`, `source` becomes `target`; `score` is the gain in training."""

    code: int
    source: int
    target: int
    score: int


class Contexts(Protocol):
    """What `learn` must know of contexts, which are whole numbers to it."""

    def codes(self, tags: IntArray, items: IntArray) -> IntArray:
        """The contexts (R, n) that `items` (n,) are in, none twice for an item; -1 fills the places left over."""

    def rows(self, code: int) -> slice:
        """Those of the R rows in which `code` can occur."""

    def affected(self, items: IntArray) -> IntArray:
        """All items, without doubles, whose contexts or own tag may change when the tags of `items` do."""


class Window:
    """The `Contexts` of words in sentences: templates over tags and features of the words around.

    `columns` hold for each feature other than the tag an id for every position, `sizes` how many ids there are.
    """

    def __init__(self, templates: Sequence[Template], columns: Mapping[str, IntArray], sizes: Mapping[str, int]) -> None:
        self.templates, self.columns, self.sizes = templates, columns, sizes
        self.layout: list[tuple[int, tuple[int, ...]]] = []  # a row is a template and an offset for each condition
        self.row_of: list[slice] = []
        for number, template in enumerate(templates):
            choices = list(itertools.product(*(range(len(condition.offsets)) for condition in template)))
            self.row_of.append(slice(len(self.layout), len(self.layout) + len(choices)))
            self.layout += [(number, choice) for choice in choices]
        self.span = max((self.size_of(template) for template in templates), default=1)

    def size_of(self, template: Template) -> int:
        """How many codes the template needs."""
        return int(np.prod([self.sizes[condition.feature] for condition in template], dtype=object))

    def codes(self, tags: IntArray, items: IntArray) -> IntArray:
        """See `Contexts`; a code is the template's number, then its values, as digits."""
        seen: dict[tuple[str, int], IntArray] = {}

        def value(feature: str, offset: int) -> IntArray:
            if (feature, offset) not in seen:
                seen[feature, offset] = (tags if feature == "tag" else self.columns[feature])[items + offset]
            return seen[feature, offset]

        codes = np.empty((len(self.layout), len(items)), np.int64)
        for row, (number, choice) in enumerate(self.layout):
            code, void = np.zeros(len(items), np.int64), np.zeros(len(items), bool)
            for (where, feature), chosen in zip(self.templates[number], choice, strict=True):
                here = value(feature, WHERE[where][chosen])
                if feature != "tag":
                    void |= here == NO_VALUE
                for nearer in WHERE[where][:chosen]:  # the same value nearer by has already led to this context
                    void |= value(feature, nearer) == here
                code *= self.sizes[feature]
                code += here
            codes[row] = np.where(void, -1, code + number * self.span)
        return codes  # (R, n)

    def rows(self, code: int) -> slice:
        """See `Contexts`."""
        return self.row_of[code // self.span]

    def affected(self, items: IntArray) -> IntArray:
        """See `Contexts`."""
        return np.unique(items[:, None] + np.arange(-REACH, REACH + 1))

    def read(self, code: int) -> list[tuple[Condition, int]]:
        """The conditions of a code with the values they ask for."""
        number, rest = divmod(code, self.span)
        values = []
        for condition in reversed(self.templates[number]):
            rest, value = divmod(rest, self.sizes[condition.feature])
            values.append((condition, value))
        return values[::-1]


class Fixed:
    """The `Contexts` of items that tags do not change, as a matrix (items, R) of codes, none twice in a line."""

    def __init__(self, matrix: IntArray) -> None:
        self.matrix = matrix

    def codes(self, tags: IntArray, items: IntArray) -> IntArray:  # noqa: ARG002
        """See `Contexts`."""
        codes: IntArray = self.matrix[items].T
        return codes

    def rows(self, code: int) -> slice:  # noqa: ARG002
        """All of them: see `Contexts`."""
        return slice(None)

    def affected(self, items: IntArray) -> IntArray:
        """See `Contexts`."""
        return items


class Slots:
    """Dense numbers for sparse keys: those known at the start by binary search, later ones by a dictionary."""

    def __init__(self, keys: IntArray) -> None:
        self.base = keys  # distinct and sorted
        self.later: dict[int, int] = {}
        self.later_keys: list[int] = []

    def __len__(self) -> int:
        return len(self.base) + len(self.later_keys)

    def __call__(self, keys: IntArray) -> NDArray[np.int32]:
        """The numbers of keys; new ones get new numbers."""
        slots = np.searchsorted(self.base, keys)
        slots[slots == len(self.base)] = 0
        unseen = np.flatnonzero(self.base[slots] != keys)
        new = keys[unseen].tolist()
        for key in new:
            if key not in self.later:
                self.later[key] = len(self)
                self.later_keys.append(key)
        slots[unseen] = [self.later[key] for key in new]
        return slots.astype(np.int32)

    def key(self, slot: int) -> int:
        """The key that has a number."""
        known = len(self.base)
        return int(self.base[slot]) if slot < known else self.later_keys[slot - known]


class Scores:
    """The net gain of every rule, kept up to date while tags change. A pair is an item and a tag it may take."""

    def __init__(self, contexts: Contexts, tags: IntArray, options: tuple[IntArray, IntArray], worth: Worth, *, K: int) -> None:
        self.contexts, self.tags, self.worth, self.K = contexts, tags, worth, K
        self.items, self.targets = options  # (P,) each, by rising item
        self.starts = np.searchsorted(self.items, np.arange(len(tags) + 1))
        pairs = np.arange(len(self.items))
        blocks = [self.keys(pairs[at : at + BLOCK]) for at in range(0, max(len(pairs), 1), BLOCK)]
        keys = np.concatenate(blocks, axis=1)
        blocks.clear()
        self.slots_of = Slots(distinct(np.concatenate([[-1], *(distinct(row) for row in keys)])))
        self.slots = np.empty(keys.shape, np.int32)  # (R, P); slot 0 is for no context
        self.gains = self.gains_of(pairs)  # (P,)
        self.scores = np.zeros(len(self.slots_of) + ROOM, np.int32)
        for row, row_keys in zip(self.slots, keys, strict=True):
            row[:] = self.slots_of(row_keys)
            np.add.at(self.scores, row, self.gains)

    def keys(self, pairs: IntArray) -> IntArray:
        """The rules (R, n) that would bring about the pairs, as numbers; -1 for none."""
        items, targets = self.items[pairs], self.targets[pairs]
        first = np.diff(items, prepend=-1) != 0
        now, codes = self.tags[items], self.contexts.codes(self.tags, items[first])[:, np.cumsum(first) - 1]
        return np.where((codes < 0) | (now == targets), -1, (codes * self.K + now) * self.K + targets)  # (R, n)

    def gains_of(self, pairs: IntArray) -> NDArray[np.int32]:
        """What each pair would gain over the tag its item has now."""
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
        self.add(pairs, -1)
        self.gains[pairs] = self.gains_of(pairs)
        self.slots[:, pairs] = self.slots_of(self.keys(pairs).ravel()).reshape(len(self.slots), -1)
        if len(self.slots_of) > len(self.scores):
            grown = np.zeros(len(self.slots_of) + ROOM, np.int32)
            grown[: len(self.scores)] = self.scores
            self.scores = grown
        self.add(pairs, +1)

    def add(self, pairs: IntArray, sign: int) -> None:
        """Add the gains of pairs to the scores of their rules, or take them away."""
        np.add.at(self.scores, self.slots[:, pairs].ravel(), np.tile(sign * self.gains[pairs], len(self.slots)))


def distinct(keys: IntArray) -> IntArray:
    """Sorted, without doubles; no key is below -1. (`np.unique` hashes, which is far slower here.)"""
    keys = np.sort(keys)
    return keys[np.flatnonzero(np.diff(keys, prepend=-2))]


def learn(
    contexts: Contexts,
    tags: IntArray,
    options: tuple[IntArray, IntArray],
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
    state = Scores(contexts, tags, options, worth, K=K)
    for _ in range(max_rules):
        rule = state.best(max(min_score, 1))
        if rule is None:
            return
        state.apply(rule)
        yield rule
