"""Byte pair encoding in Python, for texts so short that they are done before the `tokenizers` package is loaded.

Only for tokenizers that `seq train bpe` makes, and only for lines of which it is certain how they are cut into words. The package does
everything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli.text.subword.library import BYTES, Library
from seqcli.text.subword.words import CLASSES, Words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ENOUGH = 1000  # distinct words, which take about as long as the package to load
LONGEST = 64  # characters of a word, for merging takes a square of them
NEVER = 1 << 60  # rank of a pair that is not merged
BYTE = "<0x"
MERGES, END = '"merges": [', "]}}"  # what is before and after them in the file
OPTIONS = {"type": "BPE", "dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
           "ignore_merges": False}  # fmt: skip
NORMALIZERS = [{"type": "NFC"}, {"type": "NFKC"}, {"type": "Lowercase"}]
PREPEND = {"type": "Prepend", "prepend": " "}
DECODERS = [{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
OTHER, UNSURE = "\x83", "\x84"  # for shapes: neither letter nor mark nor number; what is not certain


class Plain(Library):
    """A tokenizer of ours that loads the package when it must."""

    def __init__(self, path: Path, kind: str, text: str) -> None:
        """`text` is what the file says.

        Raises:
            NotPlainError: something that is not done here; or another error where something is missing.
        """
        self.path, self.kind = path, kind
        head, _, merges = text.partition(MERGES)
        parts = json.loads(head + MERGES + END)
        self.normalizers = normalizers(parts)
        self.regexes = regexes(parts)
        self.patterns = [Words.ascii(regex, group=True) for regex in self.regexes]
        if any(pattern.groups > 1 for pattern in self.patterns):
            raise NotPlainError("a pattern with groups")
        self.model = model(parts)
        self.ids: dict[str, int] = self.model["vocab"]
        self.ranks = Ranks(self.ids, pairs(merges))
        if self.vocabulary[self.ranks.first :] != joined(self.ranks.merges):
            raise NotPlainError("merges that do not each give the next piece")
        self.known: dict[str, list[int] | None] = {}

    @classmethod
    def read(cls, path: Path, kind: str = "") -> Plain:
        """From a tokenizer.json.

        Raises:
            NotPlainError: it cannot be read, or is of another form.
        """
        try:
            return cls(path, kind, path.read_bytes().decode())
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, re.error) as error:
            raise NotPlainError(path) from error

    @cached_property
    def tokenizer(self) -> Tokenizer:  # type: ignore[override]
        """The package's."""
        return Library.read(self.path, self.kind).tokenizer

    @property
    def loaded(self) -> bool:
        """Whether the package has it."""
        return "tokenizer" in self.__dict__

    @cached_property
    def vocabulary(self) -> Sequence[str]:
        """The pieces by id, (V,)."""
        return list(self.ids)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each line."""
        if not self.loaded:
            found = []
            for text in texts:
                row = self.row(text)
                if row is None:
                    break
                found.append(row)
            else:
                return found
        return super().encode(texts)

    def row(self, text: str) -> list[int] | None:
        """The ids of a line; None if it is for the package."""
        words = self.words(text) if text else []
        if words is None:
            return None
        found: list[int] = []
        for word in words:
            ids = self.known[word] if word in self.known else self.learned(word)
            if ids is None:
                return None
            found += ids
        return found

    def words(self, text: str) -> list[str] | None:
        """A line as it is cut before merging; None where that is not certain."""
        if text.isascii() and text.isprintable():
            return self.cut(" " + (text.lower() if {"type": "Lowercase"} in self.normalizers else text))
        if self.normalizers or not all(map(str.isascii, self.regexes)):
            return None
        shape = " " + text.translate(SHAPES)
        if UNSURE in shape:
            return None
        ends = list(accumulate(map(len, self.cut(shape)), initial=0))
        text = " " + text
        return [text[start:end] for start, end in pairwise(ends)]

    def cut(self, text: str) -> list[str]:
        """A normalized text, or its shape, cut."""
        found = [text]
        for pattern in self.patterns:
            found = [part for each in found for part in pattern.split(each) if part]
        return found

    def learned(self, word: str) -> list[int] | None:
        """The ids of a word that was not met before; None if it is for the package."""
        if len(self.known) >= ENOUGH or len(word) > LONGEST:
            return None
        pieces, ranks = [piece for character in word for piece in self.spelled(character)], self.ranks
        while len(pieces) > 1:
            rank, at = min([(ranks[pair], at) for at, pair in enumerate(pairwise(pieces))])
            if rank == NEVER:
                break
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        ids = [self.ids[piece] for piece in pieces if piece in self.ids]
        self.known[word] = ids if len(ids) == len(pieces) else None
        return self.known[word]

    def spelled(self, character: str) -> list[str]:
        """What merging begins with: the character if it is a piece, else what stands for it."""
        if character in self.ids:
            return [character]
        if not self.model["byte_fallback"]:
            return [self.model["unk_token"]]
        return [f"<0x{byte:02X}>" for byte in character.encode()]

    def decode(self, ids: Sequence[int]) -> str:
        """The text that ids stand for.

        Raises:
            Failure: an id that the vocabulary has not.
        """
        if self.loaded or not all(0 <= number < len(self.vocabulary) for number in ids):
            return super().decode(ids)
        pieces = [self.vocabulary[number] for number in ids]
        if any(piece.startswith(BYTE) and piece not in BYTES for piece in pieces):
            return super().decode(ids)
        runs = groupby(pieces, key=BYTES.__contains__ if self.model["byte_fallback"] else lambda _: False)
        return "".join([of_bytes(run) if spelled else "".join(run) for spelled, run in runs]).removeprefix(" ")


class Ranks(dict[tuple[str, str], int]):
    """When a pair is merged, if the merges, which are still JSON, give the last pieces of the vocabulary one by one.

    >>> ranks = Ranks({"a": 0, "b": 1, "ab": 2, "aab": 3}, ['a", "b', 'a", "ab'])
    >>> ranks["a", "ab"], ranks["aa", "b"] == ranks["b", "a"] == NEVER
    (1, True)
    """

    def __init__(self, ids: Mapping[str, int], merges: Sequence[str]) -> None:
        super().__init__()
        self.ids, self.merges = ids, merges
        self.first = len(ids) - len(merges)  # id

    def __missing__(self, pair: tuple[str, str]) -> int:
        rank = self.ids.get(pair[0] + pair[1], -1) - self.first
        self[pair] = rank if rank >= 0 and json.loads(f'["{self.merges[rank]}"]') == list(pair) else NEVER
        return self[pair]


class NotPlainError(Exception):
    """A tokenizer of another form."""


class Shapes(dict[int, str]):
    """What stands for a character where a line is cut: itself within ASCII, else one for its kind.

    The kind counts if it is what it was in Unicode 3.2: it is the same in every later version then.
    """

    def __missing__(self, number: int) -> str:
        import unicodedata

        kind = unicodedata.category(chr(number))
        kinds = {"L": CLASSES["L"][-1], "M": CLASSES["M"], "N": CLASSES["N"][-1], "P": OTHER, "S": OTHER}
        same = kind == unicodedata.ucd_3_2_0.category(chr(number))
        self[number] = kinds.get(kind[0], UNSURE) if same else UNSURE
        return self[number]


SHAPES = Shapes({number: chr(number) for number in (9, *range(32, 127))})


def of_bytes(pieces: Iterable[str]) -> str:
    r"""Pieces of one byte each as text; each is U+FFFD if they are none.

    >>> of_bytes(["<0xC3>", "<0xA9>"]), of_bytes(["<0xC3>"])
    ('é', '\ufffd')
    """
    found = bytes([BYTES[piece] for piece in pieces])
    try:
        return found.decode()
    except UnicodeDecodeError:
        return "\ufffd" * len(found)


def normalizers(parts: Mapping[str, Any]) -> list[Any]:
    """The normalizers before the blank is put in front.

    Raises:
        NotPlainError: there are others, or no blank is.
    """
    step = parts["normalizer"]
    *found, last = step["normalizers"] if step["type"] == "Sequence" else [step]
    if last != PREPEND or not all(each in NORMALIZERS for each in found) or parts["added_tokens"]:
        raise NotPlainError("a normalizer")
    return found


def regexes(parts: Mapping[str, Any]) -> list[str]:
    """What the pre-tokenizer looks for, one after the other.

    Raises:
        NotPlainError: it does something else.
    """
    step = parts["pre_tokenizer"]
    steps = step["pretokenizers"] if step["type"] == "Sequence" else [step]
    if any((each["type"], each["behavior"], each["invert"]) != ("Split", "Isolated", False) for each in steps):
        raise NotPlainError("a pre-tokenizer")
    return [each["pattern"]["Regex"] for each in steps]


def model(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The model.

    Raises:
        NotPlainError: it has other options, a vocabulary in another order, or another decoder.
    """
    found: dict[str, Any] = parts["model"]
    ids, spelled = found["vocab"], found["byte_fallback"]
    decoders = [*[{"type": "ByteFallback"}] * spelled, *DECODERS]
    right = (
        OPTIONS.items() <= found.items()
        and parts["decoder"] == {"type": "Sequence", "decoders": decoders}
        and list(ids.values()) == list(range(len(ids)))
        and (all(byte in ids for byte in BYTES) if spelled else found["unk_token"] in ids)
    )
    if not right:
        raise NotPlainError("a model")
    return found


def pairs(text: str) -> list[str]:
    r"""The merges as JSON has them, from the first to the end of the file: to read them all would take longer than to use a few.

    >>> pairs('["a", "b"], ["ab", "\\""]]}}')
    ['a", "b', 'ab", "\\"']
    """
    text = text.rstrip().removesuffix(END)
    if text[:2] + text[-2:] != '[""]':
        raise NotPlainError("merges of another form")
    return text[2:-2].split('"], ["')


def joined(merges: Sequence[str]) -> list[str]:
    r"""The pieces that merges give.

    >>> joined(['a", "b', 'ab", "\\"'])
    ['ab', 'ab"']
    """
    found = [pair.replace('", "', "", 1) for pair in merges]
    return [json.loads(f'"{piece}"') if "\\" in piece else piece for piece in found]
