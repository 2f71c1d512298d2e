r"""Lines of text as chunks, each a word with the blanks before it, and a table from chunks to ready-made bytes of output.

A chunk of at most 15 bytes is its own key: 16 bytes that hold the chunk, its length and whether it begins a line or is all of it,
so two chunks never share one. The key of a longer chunk is a hash of 120 bits whose multipliers are drawn anew in each process:
among 10^6 entries and 10^12 questions two such chunks share a key once in 10^18 runs, and nobody can choose a text that makes it
likelier.

>>> cut = Chunks(b"the cat\n\n  sat\n")
>>> [cut.data[a : a + n].decode() for a, n in zip(cut.first.tolist(), cut.length.tolist())]
['the', ' cat', '\n', '\n', '  sat', '\n']
>>> cut.begins.tolist(), cut.alone.tolist()
([True, False, False, False, True, False], [False, False, False, False, True, False])
"""

from __future__ import annotations

import os

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray

MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)  # the first n bytes of eight
INSIDE = 15  # bytes of a chunk that its key can hold
LONGEST = 64  # bytes of a chunk that is looked up at all
LENGTH = np.uint64(56)  # bits below a key's length
BEGINS, ALONE, HASHED = np.uint64(63), np.uint64(62), np.uint64(1 << 61)  # flags of a key beside the length
LOW = np.uint64((1 << 56) - 1)
HALF = np.uint64(32)
SECRET = np.frombuffer(os.urandom(32), dtype=np.uint64) | np.uint64(1)  # odd, so that no bit is lost
FULL = 0.6  # share of slots in use from which the table is slow


class Chunks:
    r"""The N chunks of whole lines, line ends included."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        codes = np.frombuffer(data, dtype=np.uint8)
        ends, blanks = codes == 10, codes == 32
        starts = ends | after(ends, True)
        starts |= blanks & ~after(blanks)
        self.first: IntArray = np.flatnonzero(starts)  # (N,) the byte that each begins with
        self.length: IntArray = np.diff(self.first, append=len(data))  # (N,) in bytes
        self.is_end: BoolArray = ends[self.first]  # (N,) whether it is a line end
        self.begins: BoolArray = after(self.is_end, True) & ~self.is_end  # (N,) whether it begins a line
        self.alone = self.begins.copy()  # (N,) whether it is a line
        self.alone[:-1] &= self.is_end[1:]

    def texts(self, places: IntArray) -> list[str]:
        """Some of the chunks, none of them a line end."""
        if len(places) == 0:
            return []
        length = self.length[places] + 1  # one more for a line end to part them
        ends = np.cumsum(length)
        gathered = np.repeat(self.first[places] - ends + length, length)
        gathered += np.arange(len(gathered))
        codes = np.frombuffer(self.data, dtype=np.uint8).take(gathered, mode="clip")
        codes[ends - 1] = 10
        return codes[:-1].tobytes().decode().split("\n")

    def last(self, places: IntArray) -> AnyArray:
        """The last bytes of some of the chunks."""
        codes = np.frombuffer(self.data, dtype=np.uint8)
        found: AnyArray = codes[self.first[places] + self.length[places] - 1]
        return found

    def lines(self, chunks: IntArray) -> IntArray:
        """The numbers of the lines that some chunks stand in, from 0, each line once."""
        return np.unique(np.searchsorted(np.flatnonzero(self.is_end), chunks))

    def keys(self) -> AnyArray:
        """What chunks are looked up by, (N, 2): equal for equal chunks at places of a kind: a line's all, its beginning, elsewhere."""
        padded = self.data + bytes(8)
        eights = np.ndarray(shape=(len(self.data),), dtype="<u8", buffer=padded, strides=(1,))  # the eight bytes from each place
        first, length = self.first, self.length
        keys = np.empty((len(first), 2), dtype=np.uint64)
        keys[:, 0] = eights[first] & MASKS.take(length, mode="clip")
        keys[:, 1] = length.astype(np.uint64) << LENGTH
        more = np.flatnonzero(length > 8)
        if len(more):
            rest = length[more] - 8
            keys[more, 1] |= eights[first[more] + 8] & MASKS.take(rest, mode="clip") & LOW
            more = more[rest > INSIDE - 8]
        if len(more):
            keys[more] = hashed(eights, first[more], length[more])
        keys[:, 1] |= (self.begins.astype(np.uint64) << BEGINS) | (self.alone.astype(np.uint64) << ALONE)
        return keys


def hashed(eights: AnyArray, first: IntArray, length: IntArray) -> AnyArray:
    """The keys (M, 2) of chunks that are longer than a key: of their length and first `LONGEST` bytes."""
    one = spread(length.astype(np.uint64) + SECRET[2], SECRET[0])
    two = spread(length.astype(np.uint64) + SECRET[3], SECRET[1])
    left, length = np.arange(len(first)), np.minimum(length, LONGEST)
    step = 0
    while len(left):
        rest = length[left] - step
        eight = eights[first[left] + step] & MASKS.take(rest, mode="clip")
        one[left] = spread(one[left] ^ eight, SECRET[0])
        two[left] = spread(two[left] + eight, SECRET[1])
        left = left[rest > 8]
        step += 8
    return np.stack([one, (two & LOW) | HASHED], axis=1)


def spread(numbers: AnyArray, multiplier: AnyArray) -> AnyArray:
    """Every bit of a 64-bit number spread over all of its bits; no two numbers become one."""
    numbers = numbers * multiplier
    numbers ^= numbers >> HALF
    numbers *= SECRET[3]
    numbers ^= numbers >> HALF
    return numbers


class Table:
    """Keys to numbers, by open addressing in one array of fixed size.

    >>> table = Table(4)
    >>> keys = np.array([[7, 1], [8, 1], [7, 1]], dtype=np.uint64)
    >>> places, slots = table.claim(keys)
    >>> table.set(slots, places * 10)
    >>> table.get(keys).tolist(), table.get(keys + np.uint64(1)).tolist()
    ([0, 10, 0], [-1, -1, -1])
    """

    def __init__(self, bits: int) -> None:
        self.rows = np.zeros((1 << bits, 4), dtype=np.uint64)  # key, key, number, nothing: half a cache line, one access
        self.shift, self.last = np.uint64(64 - bits), (1 << bits) - 1
        self.used = 0

    @property
    def room(self) -> int:
        """How many keys may still be added."""
        return int(FULL * len(self.rows)) - self.used

    def clear(self) -> None:
        """Forget all keys."""
        self.rows[:] = 0
        self.used = 0

    def home(self, keys: AnyArray) -> IntArray:
        """The slot where the search for each key begins, (N,)."""
        mixed = keys[:, 0] * SECRET[0]
        mixed ^= mixed >> HALF
        mixed += keys[:, 1]
        mixed *= SECRET[1]
        mixed >>= self.shift
        slots: IntArray = mixed.view(np.int64)
        return slots

    def get(self, keys: AnyArray) -> IntArray:
        """The numbers of keys (N, 2); -1 for a key that is not there."""
        slots = self.home(keys)
        rows = self.rows.take(slots, axis=0)
        found = rows[:, 2].astype(np.int64)
        astray = np.flatnonzero((rows[:, 0] != keys[:, 0]) | (rows[:, 1] != keys[:, 1]))
        held = rows[astray, 1]
        found[astray] = -1
        while len(astray := astray[held != 0]):
            slots[astray] = (slots[astray] + 1) & self.last
            rows, wanted = self.rows.take(slots[astray], axis=0), keys[astray]
            same = (rows[:, 0] == wanted[:, 0]) & (rows[:, 1] == wanted[:, 1])
            found[astray[same]] = rows[same, 2].view(np.int64)
            astray, held = astray[~same], rows[~same, 1]
        return found

    def claim(self, keys: AnyArray) -> tuple[IntArray, IntArray]:
        """Add keys (M, 2) that are not there yet, at most `room`: where each distinct one stands among them, and its slot.

        Their numbers are to be `set`.
        """
        slots = self.home(keys)
        left = np.arange(len(keys))
        places, taken = [left[:0]], [left[:0]]
        while len(left):
            free = left[self.rows[slots[left], 1] == 0]
            wanted, one = np.unique(slots[free], return_index=True)  # several may want a slot: one gets it
            places.append(free[one])
            taken.append(wanted)
            self.rows[wanted, :2] = keys[free[one]]
            settled = (self.rows[slots[left], :2] == keys[left]).all(axis=1)  # or its like is
            left = left[~settled]
            slots[left] = (slots[left] + 1) & self.last
        found = np.concatenate(places)
        self.used += len(found)
        return found, np.concatenate(taken)

    def set(self, slots: IntArray, numbers: IntArray) -> None:
        """Give keys their numbers, by slot."""
        self.rows[slots, 2] = numbers.view(np.uint64)


def after(flags: BoolArray, first: bool = False) -> BoolArray:
    """Whether the one before has the flag."""
    shifted = np.empty_like(flags)
    shifted[:1] = first
    shifted[1:] = flags[:-1]
    return shifted
