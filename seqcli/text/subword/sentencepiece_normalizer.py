"""How SentencePiece changes text before it cuts it into pieces, with the place in the line that each character came from.

The rules of a model are a list of strings and what replaces them, the longest that fits first; a character without a rule stays.
In the file they lie in a double-array trie over UTF-8 bytes, whose leaves point into a list of replacements. Symbols that the
user defined are left as they are. Then blanks are cleared up, and become U+2581.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from seqcli.data.examples import AnyArray, BoolArray, IntArray
from seqcli.errors import Failure
from seqcli.text.subword.sentencepiece_model import Normalization

META = "\u2581"  # stands for a blank
CODES = 0x110000
BLANKS = re.compile("  +")
KEEP = 1 << 16  # what is remembered at most
LONG = 1 << 10  # characters of a rule at most
SEVERAL = 8  # texts for which it pays to look at all of them at once
SAME, OTHER = 1, 2  # what a character becomes by itself


class Normalizer:
    """The rules of one model."""

    def __init__(self, spec: Normalization, symbols: Iterable[str] = (), blank_is_suffix: bool = False) -> None:
        self.spec = spec
        self.blank = META if spec.escape_whitespaces else " "
        self.prefix = self.blank if spec.add_dummy_prefix and not blank_is_suffix else ""
        self.suffix = self.blank if spec.add_dummy_prefix and blank_is_suffix else ""
        self.symbols = sorted(symbols, key=len, reverse=True)
        self.symbol = re.compile("|".join(map(re.escape, self.symbols)) or "(?!)")
        self.trie = Charsmap(spec.charsmap) if spec.charsmap else None
        self.table: dict[int, str] = Table(self.trie) if self.trie else {}
        self.begun: dict[str, int] = {}  # the state of the rules after a character
        self.pairs: dict[tuple[str, str], bool] = {}  # whether a rule begins with two characters

    @cached_property
    def ascii(self) -> dict[int, str] | None:
        """The rules for ASCII, as `str.translate` wants them; None if some rule has two of these characters in a row."""
        return self.trie.ascii() if self.trie else {}

    @cached_property
    def single(self) -> bool:
        """Whether no replacement and no symbol has two blanks side by side, so that runs of blanks can be cleared up afterwards."""
        return not (self.trie and b"  " in self.trie.texts) and not any("  " in symbol for symbol in self.symbols)

    @cached_property
    def whole(self) -> bool:
        """Whether no rule and no symbol looks across a place between what is not blank and a blank."""
        return not (self.trie and self.trie.looks_past_blanks()) and not any(map(re.compile("[^ ] ").search, self.symbols))

    def normalized(self, text: str) -> str:
        """A whole line."""
        if not text:
            return ""
        changed = self.changed(text)
        if changed is None or (self.suffix and not changed.strip(" ")):
            return self.traced(text)[0]
        return self.cleared(changed)

    def cleared(self, changed: str) -> str:
        """A line under the rules with its blanks cleared up."""
        if self.spec.remove_extra_whitespaces:
            changed = changed.lstrip(" ")
            if not changed:
                return ""
            if "  " in changed:
                changed = BLANKS.sub(" ", changed)
        changed = self.prefix + changed.replace(" ", self.blank)
        return (changed.rstrip(self.blank) if self.spec.remove_extra_whitespaces else changed) + self.suffix

    def inside(self, chunk: str) -> str | None:
        """A stretch of blanks and what is not blank, between others on their line; None if they decide."""
        if not chunk.isspace() or chunk.strip(" "):
            changed = self.changed(chunk)
            if changed is None:
                return None
            if self.spec.remove_extra_whitespaces and "  " in changed:
                changed = BLANKS.sub(" ", changed)
            changed = changed.replace(" ", self.blank)
            return changed if changed[:1] == self.blank and changed[-1:] != self.blank else None
        if self.suffix or (changed := self.changed(chunk)) is None:
            return None  # nothing but blanks: the end of the line
        return "" if self.spec.remove_extra_whitespaces else changed.replace(" ", self.blank)

    def begin(self, chunk: str) -> str | None:
        """What is not blank at a line's beginning, with others after it; None if they decide."""
        text = self.normalized(chunk + " .").removesuffix(".")
        return text[:-1] if text[-2:-1] not in ("", self.blank) and text[-1] == self.blank else None

    def insides(self, chunks: Sequence[str]) -> list[str | None]:
        """`inside` of many."""
        blank, inside = self.blank, self.inside
        return [blank + chunk[1:] if same else inside(chunk) for chunk, same in zip(chunks, self.plain(chunks), strict=True)]

    def lines(self, texts: Sequence[str]) -> list[str]:
        """`normalized` of many."""
        if len(texts) < SEVERAL or self.suffix:
            return list(map(self.normalized, texts))
        joined = Joined(texts)
        same = zip(texts, joined.without(self.others(joined.codes)), strict=True)
        return [self.cleared(text) if text and certain else self.normalized(text) for text, certain in same]

    def plain(self, chunks: Sequence[str]) -> list[bool]:
        """Which chunks are a blank and then characters that stay as they are; not all of them if there are rules of some kinds."""
        if not chunks:
            return []
        joined = Joined(chunks)
        others = self.others(joined.codes)
        blanks = joined.codes == ord(" ")
        blanks[joined.starts] ^= True
        others |= blanks | (joined.codes == ord(META))
        others[joined.starts[joined.sizes < 2]] = True
        return joined.without(others)

    def others(self, codes: IntArray) -> BoolArray:
        """Characters that may become something else, by themselves or with the next; NUL stands between texts."""
        if self.symbols or self.ascii is None:
            return np.ones(len(codes), dtype=np.bool_)
        others: BoolArray = self.kinds_of(codes) == OTHER
        high = codes > 127
        at = np.flatnonzero((high[:-1] | high[1:]) & (codes[:-1] > 0) & (codes[1:] > 0))
        if len(at) and self.trie:
            pairs, which = np.unique(codes[at] << 32 | codes[at + 1], return_inverse=True)
            begins = [self.begins_rule(chr(pair >> 32), chr(pair & 0xFFFFFFFF)) for pair in pairs.tolist()]
            others[at] |= np.array(begins)[which]
        return others

    def kinds_of(self, codes: IntArray) -> AnyArray:
        """What is known about each character by itself."""
        kinds: AnyArray = self.kinds.take(codes)
        if not kinds.all():
            for code in np.unique(codes[kinds == 0]).tolist():
                given = self.table[code] if self.trie else chr(code)
                self.kinds[code] = SAME if given == chr(code) else OTHER
            kinds = self.kinds.take(codes)
        return kinds

    @cached_property
    def kinds(self) -> AnyArray:
        """What is known about characters by themselves, by their codes; 0 is nothing."""
        kinds = np.zeros(CODES, dtype=np.uint8)
        kinds[0] = SAME
        return kinds

    def changed(self, text: str) -> str | None:
        """The text under the rules, with its blanks as they are; None where that is not enough to clear them up."""
        if text.isascii() and not self.symbols and self.ascii is not None:
            return text.translate(self.ascii) if self.ascii else text
        if not self.single or not self.one_by_one(text):
            return None
        if not self.symbols:
            return text.translate(self.table)
        parts: list[str] = []
        at = 0
        for found in self.symbol.finditer(text):
            parts += text[at : found.start()].translate(self.table), found.group()
            at = found.end()
        return "".join(parts) + text[at:].translate(self.table)

    def one_by_one(self, text: str) -> bool:
        """Whether no rule takes two or more characters of the text."""
        if self.trie is None:
            return True
        return not any(map(self.begins_rule, text, text[1:]))

    def begins_rule(self, first: str, second: str) -> bool:
        """Whether a rule begins with two characters."""
        if self.trie is None:
            return False
        found = self.pairs.get((first, second))
        if found is None:
            if len(self.pairs) > KEEP:
                self.pairs.clear()
                self.begun.clear()
            if first not in self.begun:
                self.begun[first] = self.trie.follow(self.trie.root, first)
            state = self.begun[first]
            found = self.pairs[first, second] = state >= 0 and self.trie.follow(state, second) >= 0
        return found

    def steps(self, text: str) -> list[tuple[str, int]]:
        """The rules from left to right: what each gives, and how many characters it takes."""
        found: list[tuple[str, int]] = []
        at = 0
        while at < len(text):
            symbol = self.symbol.match(text, at)
            given, size = (symbol.group(), symbol.end() - at) if symbol else self.trie.longest(text, at) if self.trie else (None, 1)
            found.append((text[at] if given is None else given, size))
            at += size
        return found

    def traced(self, text: str) -> tuple[str, list[int]]:
        """A line of C characters with the place that each came from, and the place of the end, (C + 1,)."""
        remove = self.spec.remove_extra_whitespaces
        steps, begin, at = self.steps(text), 0, 0
        while remove and begin < len(steps) and steps[begin][0] == " ":
            at += steps[begin][1]
            begin += 1
        if begin == len(steps):
            return "", []
        found: list[str] = [*self.prefix]
        origins = [at] * len(self.prefix)
        after_blank = remove
        for given, size in steps[begin:]:
            kept = given.lstrip(" ") if after_blank else given
            if kept:
                found += kept.replace(" ", self.blank)
                origins += [at] * len(kept)
                after_blank = remove and kept.endswith(" ")
            at += size
        while remove and found and found[-1] == self.blank:
            found.pop()
            at = origins.pop()
        found += self.suffix
        origins += [at] * (len(self.suffix) + 1)
        return "".join(found), origins


class Joined:
    """Texts end to end with NUL after each."""

    def __init__(self, texts: Sequence[str]) -> None:
        joined = "\0".join([*texts, ""]).encode("utf-32-le", "surrogatepass")
        self.codes: IntArray = np.frombuffer(joined, dtype="<u4").astype(np.int64)
        self.sizes: IntArray = np.fromiter(map(len, texts), np.int64, len(texts))
        self.starts: IntArray = np.cumsum(self.sizes + 1) - self.sizes - 1

    def without(self, flags: BoolArray) -> list[bool]:
        """Which texts have no character with a flag."""
        found: list[bool] = (~np.logical_or.reduceat(flags, self.starts)).tolist()
        return found


class Charsmap:
    """The rules as they lie in the file: the size of a trie, the trie as numbers of four bytes, replacements that end with NUL.

    A number holds the byte that leads to it (bits 0-7), whether a rule ends there (bit 8), and the offset to its children
    (bits 10-30, times 256 if bit 9 is set); a child is at parent XOR offset XOR byte, the replacement's place is the child of NUL.
    """

    def __init__(self, data: bytes) -> None:
        size = struct.unpack_from("<I", data)[0] if len(data) > 4 else 0
        if not 0 < size < len(data) - 4 or size % 1024:
            raise Failure("the rules of normalization are broken")
        self.units: AnyArray = np.frombuffer(data, dtype="<u4", count=size // 4, offset=4).astype(np.int64)
        self.texts = data[4 + size :]

        self.root = self.below(0)

    def below(self, node: int) -> int:
        """A node with its offset applied, ready for the next byte."""
        unit = int(self.units[node])
        return (node ^ ((unit >> 10) << ((unit & 0x200) >> 6))) & 0x7FFFFFFF

    def step(self, state: int, byte: int) -> int:
        """Where a byte leads from a state; -1 if nowhere."""
        node = state ^ byte
        return -1 if node >= len(self.units) or int(self.units[node]) & 0x800000FF != byte else node

    def follow(self, state: int, character: str) -> int:
        """The state that a character leads to, offsets applied; -1 if nowhere."""
        for byte in character.encode("utf-8", "surrogatepass"):
            node = self.step(state, byte) if state >= 0 else -1
            state = self.below(node) if node >= 0 else -1
        return state

    def longest(self, text: str, at: int) -> tuple[str | None, int]:
        """What the longest rule that fits at a place gives, and how many characters it takes; None where none does."""
        found: tuple[str | None, int] = None, 1
        state = self.root
        for size, character in enumerate(text[at:] if len(text) - at < LONG else text[at : at + LONG], 1):
            ends = False
            for byte in character.encode("utf-8", "surrogatepass"):
                node = self.step(state, byte)
                if node < 0:
                    return found
                state, ends = self.below(node), bool(int(self.units[node]) & 0x100)
            if ends:
                found = self.replacement(state), size
        return found

    def replacement(self, state: int) -> str:
        """What a rule gives that ends in a state."""
        at = int(self.units[state]) & 0x7FFFFFFF if state < len(self.units) else len(self.texts)
        if at >= len(self.texts):
            raise Failure("the rules of normalization are broken")
        return self.texts[at : self.texts.index(b"\0", at)].decode("utf-8", "replace")

    def ascii(self) -> dict[int, str] | None:
        """The rules for single ASCII characters; None if some rule has two of them in a row."""
        found: dict[int, str] = {}
        codes = np.arange(1, 128)
        for code in range(1, 128):
            if (node := self.step(self.root, code)) < 0:
                continue
            state = self.below(node)
            to = state ^ codes
            if (self.units[np.where(to < len(self.units), to, 0)] & 0x800000FF == codes).any():
                return None
            if int(self.units[node]) & 0x100:
                found[code] = self.replacement(state)
        return found

    def looks_past_blanks(self) -> bool:
        """Whether some rule has a blank that is not its first character."""
        nodes = np.arange(len(self.units))
        states = nodes ^ ((self.units >> 10) << ((self.units & 0x200) >> 6)) & 0x7FFFFFFF
        labels = self.units & 0x800000FF
        to = states ^ ord(" ")
        before = nodes[(labels < 0x100) & (to < len(nodes)) & (labels[np.where(to < len(nodes), to, 0)] == ord(" "))]
        seen = set(before.tolist()) - {0}
        todo = list(seen)
        while todo:  # up to the root, past what merely looks like a node
            node = todo.pop()
            parents = set(nodes[(labels < 0x100) & (states ^ int(labels[node]) == node)].tolist())
            if 0 in parents:
                return True
            todo += parents - seen
            seen |= parents
        return False


class Table(dict[int, str]):
    """The rules for single characters, as `str.translate` wants them, looked up when they are needed."""

    def __init__(self, trie: Charsmap) -> None:
        super().__init__()
        self.trie = trie

    def __missing__(self, code: int) -> str:
        if len(self) > KEEP:
            self.clear()
        found, _ = self.trie.longest(chr(code), 0)
        self[code] = chr(code) if found is None else found
        return self[code]
