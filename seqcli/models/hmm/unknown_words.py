"""Which tags a word can have, told from how it is written: P(tag | spelling), for words never seen and, as a prior, for rare ones.

Counted are the rare words of the training text, for new words are like rare ones (Brants 2000, section 2.3). A spelling is looked at
from three sides: its shape, its last letters, its first letters. An ending is smoothed by the ending one letter shorter, and so on
down to the shape and to all rare words alike:

    P(tag | ending) = (count(ending, tag) + β P(tag | ending less one letter)) / (count(ending) + β)

which is TnT's successive abstraction with a weight that gives way as evidence grows. What the first letters say is multiplied in, in
so far as it differs from what the shape says, raised to a power below 1 as the two overlap.

>>> shape("walked"), shape("Paris"), shape("NATO"), shape("e-mail"), shape("3.14"), shape("www.x.org"), shape("?!")
('a', 'Aa', 'A', 'a-', '1', 'url', '.')
>>> guesser = Guesser.count(["walked", "talked", "tables"], np.array([[0, 2], [0, 1], [3, 0]]), Spelling())
>>> guesser(["baked", "cables"]).argmax(axis=1).tolist()
[1, 0]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import FloatArray, IntArray

ADDRESS = ("@", "/", "_", "www.", ".com", ".org")  # marks of e-mail addresses, links and file names


def shape(word: str) -> str:
    """The class of a word's characters: one of about 20."""
    if not word.isalpha():
        return mixed_shape(word)
    if word.islower():
        return "a"
    if word.isupper():
        return "A" if len(word) > 1 else "I"
    return "Aa" if word[:1].isupper() and word[1:].islower() else "aA"


def mixed_shape(word: str) -> str:
    """The shape of a word with more than letters in it."""
    if not any(map(str.isalnum, word)):
        return "."
    digits, letters = any(map(str.isdigit, word)), any(map(str.isalpha, word))
    if digits and not letters:
        return "1"
    if any(mark in word for mark in ADDRESS):
        return "url"
    case = "A" if word[0].isupper() else "a"
    if digits:
        return case + "1"
    for mark in "-'’":
        if mark in word:
            return case + ("-" if mark == "-" else "'")
    if word.endswith("."):
        return case + "."
    return "url" if "." in word else "x"


@dataclass(frozen=True)
class Spelling:
    """How spellings are read."""

    ending: int = 10  # letters, at most
    beginning: int = 4
    ending_strength: float = 4.0  # β: counts that the shorter ending is worth
    beginning_strength: float = 5.0
    beginning_power: float = 0.7


class Affixes:
    """A tree of affixes, the shorter above the longer: counts of tags, and P(tag | affix).

    A key is a shape, a tab, and letters; the shape alone stands above all its affixes, and all words above the shapes.
    """

    def __init__(self, keys: Sequence[str], counts: IntArray, strength: float, first: bool) -> None:
        self.keys, self.counts = list(keys), counts  # (A,), (A, K)
        self.index = {key: node for node, key in enumerate(self.keys)}
        self.first = first  # whether the letters are a word's first, not its last
        depth = np.array([len(key) - key.index("\t") for key in self.keys], dtype=np.int64)  # 1 for a shape alone
        above = np.array([self.index[self.shorter(key)] if d > 1 else -1 for key, d in zip(self.keys, depth, strict=True)])
        shapes = counts[depth == 1]
        root = (shapes.sum(axis=0) + 0.1) / (shapes.sum() + 0.1 * counts.shape[1])
        self.probability = np.concatenate([np.zeros(counts.shape), root[None]])  # (A + 1, K), the root last
        for level in range(1, int(depth.max(initial=0)) + 1):
            rows = np.flatnonzero(depth == level)
            self.probability[rows] = smooth(counts[rows], self.probability[above[rows]], strength if level > 1 else 1.0)

    def shorter(self, key: str) -> str:
        """The key one letter up the tree."""
        form, letters = key.split("\t", 1)
        return f"{form}\t{letters[:-1] if self.first else letters[1:]}"

    def find(self, form: str, letters: str, longest: int) -> int:
        """The node of the longest known affix; the root, -1, where not even the shape is known."""
        get = self.index.get
        for size in range(min(len(letters), longest), -1, -1):
            node = get(f"{form}\t{letters[:size] if self.first else letters[len(letters) - size :]}")
            if node is not None:
                return node
        return -1

    @classmethod
    def count(cls, words: Sequence[str], counts: IntArray, longest: int, strength: float, first: bool) -> Affixes:
        """Every affix of the words, with the sum of their counts (words, K); those of one word only are left out."""
        keys: dict[str, int] = {}
        rows: list[int] = []
        owners: list[int] = []
        for owner, word in enumerate(words):
            for key in affixes(word, longest, first):
                rows.append(keys.setdefault(key, len(keys)))
                owners.append(owner)
        total = np.zeros((len(keys), counts.shape[1]), dtype=np.int64)
        np.add.at(total, rows, counts[owners])
        kept = np.bincount(np.array(rows, dtype=np.int64), minlength=len(keys)) > 1
        kept |= np.array([key.endswith("\t") for key in keys], dtype=bool)
        return cls([key for key, keep in zip(keys, kept, strict=True) if keep], total[kept], strength, first)


def affixes(word: str, longest: int, first: bool) -> Iterator[str]:
    r"""The keys of a word, the shortest first.

    >>> list(affixes("Sat", 2, first=False))
    ['Aa\t', 'Aa\tt', 'Aa\tat']
    """
    form, letters = shape(word), word.lower()
    for size in range(min(len(letters), longest) + 1):
        yield f"{form}\t{letters[:size] if first else letters[len(letters) - size :]}"


def smooth(counts: FloatArray | IntArray, prior: FloatArray, strength: float) -> FloatArray:
    """Relative frequencies of counts (…, K) to which the prior (…, K) is added as if seen `strength` times.

    >>> smooth(np.array([3, 0]), np.array([0.5, 0.5]), 1.0).tolist()
    [0.875, 0.125]
    """
    found: FloatArray = (counts + strength * prior) / (counts.sum(axis=-1, keepdims=True) + strength)
    return found


class Guesser:
    """P(tag | spelling) for any word."""

    def __init__(self, endings: Affixes, beginnings: Affixes, spelling: Spelling) -> None:
        self.endings, self.beginnings, self.spelling = endings, beginnings, spelling

    @classmethod
    def count(cls, words: Sequence[str], counts: IntArray, spelling: Spelling) -> Guesser:
        """Learn from rare words and how often each had each tag, (words, K)."""
        return cls(
            Affixes.count(words, counts, spelling.ending, spelling.ending_strength, first=False),
            Affixes.count(words, counts, spelling.beginning, spelling.beginning_strength, first=True),
            spelling,
        )

    def __call__(self, words: Sequence[str]) -> FloatArray:
        """P(tag | spelling) of each word, (words, K); no probability is 0."""
        found = np.empty((3, len(words)), dtype=np.int64)
        for i, word in enumerate(words):
            form, letters = shape(word), word.lower()
            found[0, i] = self.endings.find(form, letters, self.spelling.ending)
            found[1, i] = self.beginnings.find(form, letters, self.spelling.beginning)
            found[2, i] = self.beginnings.index.get(form + "\t", -1)
        ending = self.endings.probability[found[0]]
        beginning, plain = self.beginnings.probability[found[1]], self.beginnings.probability[found[2]]
        score = ending * (beginning / plain) ** self.spelling.beginning_power  # (words, K)
        probability: FloatArray = score / score.sum(axis=1, keepdims=True)
        return probability
