"""Lists of strings as tensors, and a way to look a few of them up without unpacking all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.errors import Failure


def pack(strings: Sequence[str]) -> AnyArray:
    r"""Strings as one tensor of UTF-8 bytes, a `\n` between them (a `\n` or `\` inside is escaped).

    >>> unpack(pack(["a", "", "é"]))
    ['a', '', 'é']
    """
    escaped = [s.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in s or "\\" in s else s for s in strings]
    data = "".join(s + "\n" for s in escaped).encode("utf-8", "surrogatepass")
    return np.frombuffer(data, dtype=np.uint8)


def unpack(tensor: AnyArray) -> list[str]:
    """The strings that `pack` packed."""
    text = tensor.tobytes().decode("utf-8", "surrogatepass")
    strings = text.split("\n")[:-1]
    if "\\" in text:
        strings = [s.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\") if "\\" in s else s for s in strings]
    return strings


class Names:
    """Distinct strings in the order of their packed form, numbered from 0.

    A short text asks for a hundred of fifty thousand names: those are searched for in the packed bytes. Who asks for thousands gets
    a dictionary.

    >>> names = Names.of(["walk", "the", "a"])
    >>> list(names), names.numbers(["the", "cat"]).tolist()      # one that is not there is numbered beyond the last
    (['a', 'the', 'walk'], [1, 3])
    """

    MANY = 1_000  # look-ups that pay for a dictionary

    def __init__(self, packed: AnyArray) -> None:
        if len(packed) and packed[-1] != ord("\n"):
            raise Failure("a list of names is cut off", hint="train the model again")
        self.packed = packed
        self.data = packed.tobytes()
        self.ends = np.flatnonzero(packed == ord("\n"))
        self.index: dict[str, int] | None = None
        self.asked = 0

    @classmethod
    def of(cls, strings: Sequence[str]) -> Names:
        """Any strings, once each, sorted."""
        return cls(pack([strings[i] for i in order(strings)]))

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        return iter(unpack(self.packed))

    def numbers(self, strings: Sequence[str]) -> IntArray:
        """The number of each string, (N,); `len` of these names for one that is none of them."""
        self.asked += len(strings)
        if self.index is None and self.asked > self.MANY:
            self.index = dict(zip(self, range(len(self)), strict=True))
        found = map(self.search, strings) if self.index is None else map(self.index.get, strings, repeat(len(self)))
        return np.fromiter(found, np.int64, len(strings))

    def search(self, name: str) -> int:
        """The number of one string, by bisection."""
        wanted = pack([name]).tobytes()[:-1]
        low, high = 0, len(self.ends)
        while low < high:
            middle = (low + high) // 2
            begin = int(self.ends[middle - 1]) + 1 if middle else 0
            found = self.data[begin : int(self.ends[middle])]
            if found == wanted:
                return middle
            low, high = (middle + 1, high) if found < wanted else (low, middle)
        return len(self.ends)


def order(strings: Sequence[str]) -> list[int]:
    """The places of the strings in the order of their packed form."""
    packed = [pack([string]).tobytes()[:-1] for string in strings]
    return sorted(range(len(strings)), key=packed.__getitem__)
