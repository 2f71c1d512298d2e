"""What an unknown word gives away: its letters, and the words of the lexicon that it resembles.

>>> clues = Clues(("NOUN", "VERB"), {"walk": Entry((1, 0), True)}, ["s", "ing"])
>>> [clue for clue in clues("Walking") if "is" in clue or "shape C" in clue][:3]
['shape Capitalised', 'shape Capitalised and suffix -g', 'shape Capitalised and suffix -ng']
>>> [clue for clue in clues("Walking") if "VERB" in clue]
['is VERB with -ing']
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seqcli.models.rules.context import shape
from seqcli.models.rules.text import Entry, escaped

ENDINGS = 10  # so many endings are tried on an unknown word, to see whether a known word comes of it
SHORTEST_STEM = 3


class Clues:
    """Clues that a lexicon and its most productive endings make visible."""

    def __init__(self, labels: Sequence[str], lexicon: Mapping[str, Entry], endings: Sequence[str]) -> None:
        self.labels, self.lexicon, self.endings = labels, lexicon, endings

    def __call__(self, word: str) -> list[str]:
        """What rules for unknown words can see in a word, none twice."""
        return list(dict.fromkeys(map(escaped, itertools.chain(letters(word), self.relatives(word)))))

    def relatives(self, word: str) -> Iterator[str]:
        """Words of the lexicon that this word is made from, made into, or shares a stem with."""
        low = word.lower()
        for n in range(1, min(4, len(low) - SHORTEST_STEM) + 1):
            stem, ending = low[:-n], low[-n:]
            yield from self.tagged(stem, "is", f"with -{ending}")
            yield from self.tagged(low[n:], "is", f"after {low[:n]}-")
            for other in self.endings if n < 3 else ():
                if other != ending:
                    yield from self.tagged(stem + other, "is", f"with -{ending} for -{other}")
        for other in self.endings:
            yield from self.tagged(low + other, "makes", f"with -{other}")
        for variant in (word.title(), word.upper()):
            if variant != word:
                yield from self.tagged(variant, "is", f"when {shape(variant)}")
        for mark in "-/.":
            if mark in low:
                head, *_, tail = low.split(mark)
                yield from self.tagged(head, "starts with", f"and {mark}")
                yield from self.tagged(tail, f"ends with {mark} and")

    def tagged(self, word: str, before: str, after: str = "") -> Iterator[str]:
        """The clue that a word of the lexicon gives."""
        if word in self.lexicon:
            yield f"{before} {self.labels[self.lexicon[word].tags[0]]} {after}".rstrip()


def letters(word: str) -> Iterator[str]:
    """Clues in the letters of a word alone."""
    low, kind = word.lower(), shape(word)
    yield f"shape {kind}"
    for n in range(1, min(5, len(low) - 1) + 1):
        yield f"suffix -{low[-n:]}"
        if n < 5:
            yield f"prefix {low[:n]}-"
            yield f"shape {kind} and suffix -{low[-n:]}"
    marks = dict.fromkeys("a digit" if each.isdigit() else each for each in word if not each.isalpha())
    yield from (f"has {mark}" for mark in itertools.islice(marks, 3))
    if len(word) < 4:
        yield f"length {len(word)}"


def productive(words: Iterable[str]) -> list[str]:
    """The endings that most often make one word of another."""
    known = set(words)
    pairs = Counter(word[-n:] for word in known for n in (1, 2, 3) if len(word) - n >= SHORTEST_STEM and word[:-n] in known)
    return sorted(pairs, key=lambda ending: (-pairs[ending], ending))[:ENDINGS]
