"""A trie over the characters of pieces, walked from every place of many texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, IntArray

MIX = np.uint64(0x9E3779B97F4A7C15)
CHARACTER = 21  # bits of a code point
CODES = 0x110000


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """C texts of N characters in all, end to end."""

    codes: IntArray  # (N,) code points
    lengths: IntArray  # (C,)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """From strings."""
        joined = "".join(texts).encode("utf-32-le", "surrogatepass")
        return cls(np.frombuffer(joined, dtype="<u4").astype(np.int64), np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))

    @property
    def starts(self) -> IntArray:
        """Where each text begins, (C,)."""
        return np.cumsum(self.lengths) - self.lengths


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Every place where a piece stands, (M,), by length."""

    at: IntArray  # its first character
    length: IntArray
    id: IntArray


class Trie:
    """Pieces by their characters. State 0 is the beginning; a step is looked up in a hash table by state and character.

    >>> trie = Trie(["a", "ab", "c"], [7, 8, 9])
    >>> found = trie.matches(Texts.of(["abc", "ca"]))
    >>> found.at.tolist(), found.length.tolist(), found.id.tolist()
    ([0, 2, 3, 4, 0], [1, 1, 1, 1, 2], [7, 9, 9, 7, 8])
    """

    def __init__(self, pieces: Sequence[str], ids: Sequence[int]) -> None:
        texts = Texts.of(pieces)
        self.depth = int(texts.lengths.max(initial=0))
        state = np.zeros(len(pieces), dtype=np.int64)
        alive = np.arange(len(pieces))
        keys: list[IntArray] = []
        count = 1
        for step in range(self.depth):
            alive = alive[texts.lengths[alive] > step]
            key = state[alive] << CHARACTER | texts.codes[texts.starts[alive] + step]
            unique, inverse = np.unique(key, return_inverse=True)
            state[alive] = count + inverse
            count += len(unique)
            keys.append(unique)
        self.id = np.full(count, -1, dtype=np.int64)  # of the piece that ends in a state
        self.id[state] = ids
        sizes = [len(each) for each in keys]
        self.length: IntArray = np.append(0, np.repeat(np.arange(1, 1 + len(sizes)), sizes))  # of what leads to a state
        self.singles = sum(sizes[:1])  # states after one character: they are the first
        self.first = np.zeros(CODES, dtype=np.int32)  # the state after one character
        self.first[keys[0] if keys else []] = np.arange(1, 1 + self.singles)
        self.keys: IntArray = np.concatenate([np.full(1 + self.singles, -1), *keys[1:]])  # the step that leads to a state
        self.shift = np.uint64(64 - max(4, (4 * (count - self.singles)).bit_length()))
        self.inner = np.zeros(count, dtype=np.bool_)  # states with states after them
        self.inner[self.keys[1 + self.singles :] >> CHARACTER] = True
        self.slots = self.table(np.arange(1 + self.singles, count))

    def table(self, states: IntArray) -> AnyArray:
        """States by the hash of the step to them or, where that is taken, at the next free place; 0 where there is none."""
        size = 1 << (64 - int(self.shift))
        slots = np.zeros(size, dtype=np.int32)
        place = self.home(self.keys[states])
        while len(states):
            free = slots[place] == 0
            slots[place[free]] = states[free]
            left = slots[place] != states
            states, place = states[left], (place[left] + 1) & (size - 1)
        return slots

    def home(self, keys: IntArray) -> IntArray:
        """Where the search for each step begins."""
        place = keys.view(np.uint64) * MIX
        place >>= self.shift
        found: IntArray = place.view(np.int64)
        return found

    def step(self, keys: IntArray) -> IntArray:
        """Where steps (a state and a character's code in one number) lead; 0 if nowhere."""
        place = self.home(keys)
        to: IntArray = self.slots.take(place).astype(np.int64)
        right = self.keys.take(to) == keys
        again = np.flatnonzero(~right & (to != 0))
        to *= right
        while len(again):
            place[again] = (place[again] + 1) & (len(self.slots) - 1)
            found = self.slots[place[again]].astype(np.int64)
            right = self.keys[found] == keys[again]
            to[again[right]] = found[right]
            again = again[~right & (found != 0)]
        return to

    def matches(self, texts: Texts) -> Matches:
        """The pieces from every place of the texts, none across the end of one."""
        ends = np.repeat(texts.starts + texts.lengths, texts.lengths)  # (N,)
        at = np.arange(len(texts.codes))
        state: IntArray = self.first[texts.codes].astype(np.int64)
        found: list[tuple[IntArray, IntArray, IntArray]] = []
        for length in range(1, self.depth + 1):
            there = state > 0
            at, state = at[there], state[there]
            ids = self.id[state]
            hits = ids >= 0
            found.append((at[hits], np.full(int(hits.sum()), length), ids[hits]))
            inside = np.flatnonzero((at + length < ends[at]) & self.inner[state])
            at, state = at[inside], state[inside]
            if not len(at):
                break
            state = self.step(state << CHARACTER | texts.codes[at + length])
        return Matches(*(np.concatenate(part) for part in zip(*found, strict=True)))
