"""Finer tags for the words that behave unlike others of their tag.

*to* is not followed by what follows other particles, nor *that* by what follows other pronouns. A hidden Markov model can only know if
such words have states of their own: "lexicalised" states (Pla and Molina 2004). A state here is a tag and a class of words, and a word
has one class; given the word, tags and states are the same thing, so nothing is added to what has to be found.

Which (tag, word) pairs deserve a state: those that make the tags beside them most predictable, by the log-likelihood ratio of
"own neighbours" against "the tag's neighbours". Then states of one tag are merged again, always the two whose merging costs the
state bigrams least likelihood (Brown et al. 1992, inside each tag), until few enough are left for a second-order model. The capitalised
words of a tag take part as if they were a word.

>>> words = "to go to sleep up they go to sing up he runs".split()
>>> tags = np.array([0, 1, 0, 1, 0, 2, 1, 0, 1, 0, 2, 1])          # particles, verbs, pronouns
>>> subtags = find(words, tags, np.array([12]), Limits(candidates=2, states=4, min_count=2))
>>> subtags.tag.tolist(), subtags.states(["to", "up"])[:, 0].tolist()   # "up" is another kind of particle
([0, 1, 2, 0], [0, 3])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import FloatArray, IntArray

PLAIN, CAPITAL = "", "\t"  # two classes that are no words: all others, and all others with a capital letter


@dataclass(frozen=True)
class Limits:
    """How many states there may be."""

    candidates: int  # (tag, word) pairs that get a state at first
    states: int  # left after merging; never fewer than there are tags
    min_count: int = 10  # of a pair


class Subtags:
    """S states, each of one tag, and the state that a word has under each tag."""

    def __init__(self, tag: IntArray, words: Sequence[str], members: IntArray) -> None:
        self.tag = tag  # (S,) the tag of each state
        self.words = list(words)  # (C,) lower-cased words with a class of their own, after PLAIN and CAPITAL
        self.members = members  # (C, K) the state of a class under each tag
        self.index = {word: row for row, word in enumerate(self.words)}

    def states(self, words: Sequence[str]) -> IntArray:
        """(words, K) the state that each word has under each tag."""
        capital = self.index[CAPITAL]
        get = self.index.get
        found: IntArray = self.members[[get(word.lower(), capital if word[:1].isupper() else 0) for word in words]]
        return found


def find(tokens: Sequence[str], tags: IntArray, lengths: IntArray, limits: Limits) -> Subtags:
    """Choose the states from tagged text: N words, the tags (N,) as indices, B sentences."""
    size = int(tags.max()) + 1  # K
    pairs = promising(tokens, tags, lengths, limits)
    words = [PLAIN, CAPITAL, *dict.fromkeys(word for _, word in pairs if word != CAPITAL)]
    row = {word: i for i, word in enumerate(words)}
    members = np.tile(np.arange(size), (len(words), 1))
    own = {pair: size + i for i, pair in enumerate(pairs)}
    for tag in range(size):
        members[1, tag] = own.get((tag, CAPITAL), tag)
    for (tag, word), state in own.items():
        members[row[word], tag] = state
    everything = Subtags(np.array([*range(size), *(tag for tag, _ in pairs)]), words, members)
    vocabulary, symbols = number(tokens)
    sequence = everything.states(vocabulary)[symbols, tags]  # (N,)
    group = merge(bigrams(sequence, lengths, len(everything.tag)), everything.tag, max(limits.states, size))
    return Subtags(everything.tag[np.unique(group, return_index=True)[1]], words, group[members])


def number(tokens: Sequence[str]) -> tuple[list[str], IntArray]:
    """Distinct words in order of appearance, and the index of each token (N,).

    >>> number(["a", "b", "a"])
    (['a', 'b'], array([0, 1, 0]))
    """
    index = {word: i for i, word in enumerate(dict.fromkeys(tokens))}
    return list(index), np.array([index[word] for word in tokens], dtype=np.int64)


def neighbours(tags: IntArray, lengths: IntArray, edge: int) -> IntArray:
    """The tags (2, N) before and after each word; `edge` beyond the ends of a sentence."""
    last = np.cumsum(lengths) - 1
    before, after = np.append(edge, tags[:-1]), np.append(tags[1:], edge)
    after[last], before[last - lengths + 1] = edge, edge
    return np.stack([before, after])


def promising(tokens: Sequence[str], tags: IntArray, lengths: IntArray, limits: Limits) -> list[tuple[int, str]]:
    """The (tag, word) pairs with the most to tell of the tags beside them, the best first."""
    size = int(tags.max()) + 1
    words, symbols = number([word.lower() for word in tokens])
    words.append(CAPITAL)
    capital = np.array([word[:1].isupper() for word in tokens], dtype=bool)
    beside = neighbours(tags, lengths, size)  # (2, N)
    key = np.concatenate([tags * len(words) + symbols, tags[capital] * len(words) + len(words) - 1])
    beside = np.concatenate([beside, beside[:, capital]], axis=1)
    pairs, place = np.unique(key, return_inverse=True)
    counts = np.stack([tally((place, found), (len(pairs), size + 1)) for found in beside], axis=1)  # (pairs, 2, K + 1)
    tag = pairs // len(words)
    whole = np.stack([tally((tags, found[: len(tags)]), (size, size + 1)) for found in beside], axis=1)  # (K, 2, K + 1)
    gain = (fit(counts) + fit(whole[tag] - counts) - fit(whole[tag])).sum(axis=1)
    gain[counts[:, 0].sum(axis=1) < limits.min_count] = 0
    best = np.argsort(-gain, kind="stable")[: limits.candidates]
    return [(int(tag[i]), words[int(pairs[i]) % len(words)]) for i in best if gain[i] > 0]


def tally(columns: Sequence[IntArray], shape: tuple[int, ...]) -> FloatArray:
    """How often each tuple of indices occurs, as a table of that shape."""
    return np.bincount(np.ravel_multi_index(tuple(columns), shape), minlength=math.prod(shape)).reshape(shape).astype(float)


def fit(counts: FloatArray) -> FloatArray:
    """Log-likelihood of counts (…, V) under their own relative frequencies, (…)."""
    found: FloatArray = entropy_sum(counts).sum(axis=-1) - entropy_sum(counts.sum(axis=-1))
    return found


def entropy_sum(counts: FloatArray) -> FloatArray:
    """Each x log x, 0 for 0."""
    found: FloatArray = counts * np.log(np.where(counts > 0, counts, 1))
    return found


def bigrams(states: IntArray, lengths: IntArray, size: int) -> FloatArray:
    """Counts of neighbouring states, (S + 1, S + 1), the edge of the sentence last."""
    before, _ = neighbours(states, lengths, size)
    ends = states[np.cumsum(lengths) - 1]
    return tally((np.append(before, ends), np.append(states, np.full_like(ends, size))), (size + 1, size + 1))


def merge(counts: FloatArray, tag: IntArray, states: int) -> IntArray:
    """Merge states of the same tag until so many are left; returns the new number of each state, (S,).

    After a merge, costs are reckoned anew for its outcome; those of other pairs, which it hardly moves, are kept.
    """
    counts = counts.copy()
    group = np.arange(len(tag))
    alive = list(range(len(tag)))
    costs = {(i, j): merging_cost(counts, i, j) for i in alive for j in alive if i < j and tag[i] == tag[j]}
    while len(alive) > states and costs:
        i, j = min(costs, key=costs.__getitem__)
        counts[i] += counts[j]
        counts[:, i] += counts[:, j]
        counts[j] = counts[:, j] = 0
        group[group == j] = i
        alive.remove(j)
        costs = {pair: cost for pair, cost in costs.items() if j not in pair}
        for k in alive:
            if k != i and tag[k] == tag[i]:
                pair = (min(i, k), max(i, k))
                costs[pair] = merging_cost(counts, *pair)
    renumbered = np.zeros(len(tag), dtype=np.int64)
    renumbered[alive] = np.arange(len(alive))
    return renumbered[group]


def merging_cost(counts: FloatArray, i: int, j: int) -> float:
    """What the class bigram model, Σ c log (c / row sum / column sum), loses if states i and j become one."""
    columns = counts[:, [i, j]].T.copy()  # as they are once the rows are one
    columns[:, i] += columns[:, j]
    columns[:, j] = 0
    return sum(float(fit(pair).sum() - fit(pair.sum(axis=0))) for pair in (counts[[i, j]], columns))
