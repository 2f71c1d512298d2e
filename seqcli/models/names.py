"""Lists of strings as tensors, and a way to look a few of them up without unpacking all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from seqcli.data.examples import AnyArray


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
    >>> names.find(1)("the"), names.find(1)("cat"), list(names)
    (1, None, ['a', 'the', 'walk'])
    """

    MANY = 2_000  # look-ups that pay for a dictionary

    def __init__(self, packed: AnyArray) -> None:
        self.packed = packed
        self.data = packed.tobytes()
        self.ends = np.flatnonzero(packed == ord("\n"))
        self.index: dict[str, int] | None = None

    @classmethod
    def of(cls, strings: Sequence[str]) -> Names:
        """Any strings, once each, sorted."""
        return cls(pack([strings[i] for i in order(strings)]))

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        return iter(unpack(self.packed))

    def find(self, lookups: int) -> Callable[[str], int | None]:
        """What finds a name's number, None if it is none of these; `lookups` is how often it will be asked, about."""
        if self.index is None and lookups > self.MANY:
            self.index = dict(zip(self, range(len(self)), strict=True))
        return self.search if self.index is None else self.index.get

    def search(self, name: str) -> int | None:
        """By bisection."""
        wanted = pack([name]).tobytes()[:-1]
        low, high = 0, len(self.ends)
        while low < high:
            middle = (low + high) // 2
            begin = int(self.ends[middle - 1]) + 1 if middle else 0
            found = self.data[begin : int(self.ends[middle])]
            if found == wanted:
                return middle
            low, high = (middle + 1, high) if found < wanted else (low, middle)
        return None


def order(strings: Sequence[str]) -> list[int]:
    """The places of the strings in the order of their packed form."""
    packed = [pack([string]).tobytes()[:-1] for string in strings]
    return sorted(range(len(strings)), key=packed.__getitem__)
