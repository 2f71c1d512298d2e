"""A trie over the characters of pieces, walked from every place of many texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray, IntArray

MIX = np.uint64(0x9E3779B97F4A7C15)
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
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
        self.first = np.zeros(CODES, dtype=np.int32)  # the state after one character
        self.first[keys[0]] = np.arange(1, 1 + len(keys[0]))
        rest = np.concatenate([np.zeros(0, dtype=np.int64), *keys[1:]]).astype(np.uint64)
        self.shift = np.uint64(64 - max(4, (4 * len(rest)).bit_length()))
        self.keys, self.states = self.table(rest, np.arange(count - len(rest), count))

    def table(self, keys: AnyArray, states: IntArray) -> tuple[AnyArray, AnyArray]:
        """The steps, each at its hash or, where that is taken, at the next free place."""
        size = 1 << (64 - int(self.shift))
        taken, values = np.full(size, EMPTY, dtype=np.uint64), np.zeros(size, dtype=np.int64)
        owner = np.zeros(size, dtype=np.int64)
        waiting = np.arange(len(keys))
        place = (keys * MIX >> self.shift).astype(np.int64)
        while len(waiting):
            owner[place] = waiting
            wins = (taken[place] == EMPTY) & (owner[place] == waiting)
            taken[place[wins]], values[place[wins]] = keys[waiting[wins]], states[waiting[wins]]
            waiting, place = waiting[~wins], (place[~wins] + 1) & (size - 1)
        return taken, values

    def step(self, state: IntArray, codes: IntArray) -> IntArray:
        """Where characters lead from states; 0 if nowhere."""
        keys = (state << CHARACTER | codes).astype(np.uint64)
        place = (keys * MIX >> self.shift).astype(np.int64)
        found = self.keys[place]
        to: IntArray = np.where(found == keys, self.states[place], 0)
        again = np.flatnonzero((found != keys) & (found != EMPTY))
        while len(again):
            place[again] = (place[again] + 1) & (len(self.keys) - 1)
            found = self.keys[place[again]]
            to[again] = np.where(found == keys[again], self.states[place[again]], 0)
            again = again[(found != keys[again]) & (found != EMPTY)]
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
            inside = at + length < ends[at]
            at, state = at[inside], state[inside]
            if not len(at):
                break
            state = self.step(state, texts.codes[at + length])
        return Matches(*(np.concatenate(part) for part in zip(*found, strict=True)))
