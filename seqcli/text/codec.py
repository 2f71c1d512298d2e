r"""Texts as ids for language models, and back: the pieces of a tokenizer, then a token that ends every text.

Ids 0 … P − 1 are the tokenizer's pieces; P is the end, which also stands before every text. Where a text is a paragraph, P + 1 is the
end of a line within it.

>>> codec = Codec.of_pieces(["<unk>", "the", "cat"], "word")
>>> codec.size, codec.end, codec.encode(["the cat", "", "the dog"])
(4, 3, [[1, 2], [], [1, 0]])
>>> codec.decode([1, 2]), codec.spell([1, 2, 3])
('the cat', ['the', 'cat', '</s>'])
>>> tunes = Codec.of_pieces(["<unk>", "A", "B", "|"], "char", record="paragraph")
>>> tunes.encode(["AB|\nA|"]), tunes.decode([1, 2, 3, 5, 1, 3])
([[1, 2, 3, 5, 1, 3]], 'AB|\nA|')
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.blocks import Block, blocks
from seqcli.data.examples import AnyArray
from seqcli.data.folder import Folder
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.text.subword.open import TOKENIZER

if TYPE_CHECKING:
    from seqcli.text.subword.tokenizer import Subword

UNKNOWN, END, NEWLINE = "<unk>", "</s>", "\n"
RECORDS = ("line", "paragraph")
SUBWORD = "subword"  # the units of whatever tokenizer the package has to run
LEARNED = ("char", "word", "bpe", "unigram")
SEPARATORS = r"[\s\x1c-\x1f]+"  # what str.split() splits at
EACH = r"[\s\S]"


@dataclass(frozen=True)
class Settings:
    """What a language model's recipe says of its units."""

    units: str = "word"  # char | word (what blanks separate) | bpe | unigram | a tokenizer's folder, file or name
    vocab_size: int = 0  # pieces at most; 0: all characters or words, 8000 of bpe and unigram
    min_count: int = 1  # rarer words and characters are <unk>
    lowercase: bool = False
    record: str = "line"  # what a text is: a line, or a paragraph (up to a blank line)

    def check_units(self) -> None:
        """Raises UsageFailure: a record of another kind, or settings that a ready tokenizer leaves no room for."""
        if self.record not in RECORDS:
            raise UsageFailure(f"record={self.record}: no such choice", hint=nearest(self.record, RECORDS))
        if self.units not in LEARNED and (self.vocab_size or self.lowercase or self.min_count > 1):
            raise UsageFailure(f"units={self.units} is a ready tokenizer: vocab_size, min_count and lowercase have no effect")


class Codec:
    """Texts ↔ ids. `text` is a tokenizer.json; of its `units`, char and word are cut here, those of SUBWORD by the package."""

    def __init__(self, text: str, units: str, record: str = "line") -> None:
        self.text, self.units, self.record = text, units, record
        self.pieces: Sequence[str]  # (P,)
        self.unknown: int | None  # the id of what the vocabulary lacks; None where nothing is unknown
        self.ids: Mapping[str, int] = {}  # of char and word
        self.lowercase = False
        if units != SUBWORD:
            found = json.loads(text)
            self.ids = found["model"]["vocab"]
            self.pieces, self.unknown = list(self.ids), self.ids[UNKNOWN]
            self.lowercase = found["normalizer"] is not None
        else:
            self.pieces, self.unknown = self.tokenizer.vocabulary, self.tokenizer.unknown

    @classmethod
    def of_pieces(cls, pieces: Sequence[str], units: str, record: str = "line", lowercase: bool = False) -> Codec:
        """Of characters or words: `<unk>` among them is what the others are not."""
        from tokenizers import Regex, decoders
        from tokenizers.normalizers import Lowercase
        from tokenizers.pre_tokenizers import Split

        from seqcli.text.subword.learn import assemble

        model = {"type": "WordLevel", "vocab": {piece: number for number, piece in enumerate(pieces)}, "unk_token": UNKNOWN}
        cut = Split(Regex(EACH), "isolated") if units == "char" else Split(Regex(SEPARATORS), "removed")
        decoder = decoders.Fuse() if units == "char" else None
        steps = [Lowercase()] if lowercase else []
        return cls(assemble(model, steps=steps, pre_tokenizer=cut, decoder=decoder), units, record)

    @classmethod
    def count(cls, files: Sequence[str], settings: Settings) -> Codec:
        """Of the characters or words of some files, the most frequent first.

        Raises:
            Failure: a file cannot be read, or there is no text in any.
        """
        counts: Counter[str] = Counter()
        for block in blocks([Path(name) for name in files]):
            text = lowered("\n".join(block.lines())) if settings.lowercase else "\n".join(block.lines())
            counts.update(text.split() if settings.units == "word" else text)
        counts.pop(NEWLINE, None)
        counts.pop(UNKNOWN, None)
        often = sorted(
            (piece for piece, count in counts.items() if count >= settings.min_count), key=lambda piece: (-counts[piece], piece)
        )
        if not often:
            rare = f": none occurs {settings.min_count} times" * bool(counts)
            raise Failure(f"nothing to learn from: no {settings.units}s in {', '.join(files)}{rare}")
        pieces = [UNKNOWN, *often][: settings.vocab_size or None]
        return cls.of_pieces(pieces, settings.units, settings.record, settings.lowercase)

    @classmethod
    def of_tokenizer(cls, tokenizer: Subword, record: str = "line") -> Codec:
        """Of a tokenizer that is there already.

        Raises:
            Failure: it has no tokenizer.json.
        """
        from seqcli.text.subword.library import Library

        if not isinstance(tokenizer, Library):
            raise Failure(f"a language model cannot keep this {tokenizer.kind} tokenizer", hint="use one with a tokenizer.json")
        text = json.dumps(json.loads(tokenizer.tokenizer.to_str()), ensure_ascii=False) + "\n"
        return cls(text, SUBWORD, record)

    @classmethod
    def load(cls, folder: Folder) -> Codec:
        """From a model folder whose parameters have `config()` under `codec`.

        Raises:
            Failure: tokenizer.json is missing or broken.
        """
        found = folder.parameters["codec"]
        text = folder.text(TOKENIZER)
        try:
            return cls(text, str(found["units"]), str(found["record"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(f"{TOKENIZER} is broken: {error!r}") from None
        except Exception as error:  # the package raises nothing else
            raise Failure(f"{TOKENIZER} is broken: {str(error).splitlines()[0]}") from None

    def config(self) -> dict[str, Any]:
        """What `load` needs beside the file."""
        return {"units": self.units, "record": self.record, "size": self.size}

    def files(self) -> dict[str, str]:
        """The files of a model folder."""
        return {TOKENIZER: self.text}

    @cached_property
    def tokenizer(self) -> Subword:
        """The tokenizer by itself."""
        from seqcli.text.subword.library import Library

        return Library.of(self.text, "" if self.units == SUBWORD else self.units)

    @property
    def size(self) -> int:
        """V: the pieces, the end, and for paragraphs the line end."""
        return len(self.pieces) + 1 + (self.record == "paragraph")

    @property
    def end(self) -> int:
        """The id that ends every text and stands before it."""
        return len(self.pieces)

    @property
    def newline(self) -> int:
        """The id of a line end within a paragraph."""
        return len(self.pieces) + 1

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without the end."""
        if self.record == "line":
            return self.encode_lines(texts)
        parts = [text.split("\n") for text in texts]
        rows = iter(self.encode_lines(list(chain.from_iterable(parts))))
        return [self.joined([next(rows) for _ in lines]) for lines in parts]

    def joined(self, rows: Sequence[list[int]]) -> list[int]:
        """Lines as one text."""
        found = list(rows[0])
        for row in rows[1:]:
            found.append(self.newline)
            found += row
        return found

    def encode_lines(self, lines: Sequence[str]) -> list[list[int]]:
        """The ids of lines."""
        if self.units == SUBWORD:
            return self.tokenizer.encode(lines)
        if self.lowercase:
            lines = [lowered(line) for line in lines]
        get, cut, unknown = self.ids.get, str.split if self.units == "word" else iter, repeat(self.ids[UNKNOWN])
        return [list(map(get, cut(line), unknown)) for line in lines]

    def decode(self, ids: Sequence[int]) -> str:
        """The text that ids stand for, up to the end where that is among them.

        Raises:
            Failure: an id that the vocabulary has not.
        """
        found = list(ids)
        if self.end in found:
            found = found[: found.index(self.end)]
        return NEWLINE.join(self.decode_line(line) for line in split(found, self.newline))

    def decode_line(self, ids: Sequence[int]) -> str:
        """A line without its end."""
        if self.units == SUBWORD:
            return self.tokenizer.decode(ids)
        return ("" if self.units == "char" else " ").join(self.spell(ids))

    def spell(self, ids: Iterable[int]) -> list[str]:
        """The pieces as the vocabulary spells them; the end is `</s>`, the end of a line a line end.

        Raises:
            Failure: an id that the vocabulary has not.
        """
        found = list(ids)
        if found and not 0 <= min(found) <= max(found) < self.size:
            raise Failure(f"an id is not in the vocabulary: {min(found)} or {max(found)}", hint=f"ids go from 0 to {self.size - 1}")
        return [self.spelled[number] for number in found]

    @cached_property
    def spelled(self) -> Sequence[str]:
        """(V,) the names of all ids."""
        return [*self.pieces, END, NEWLINE][: self.size]

    def stream(self, files: Sequence[str]) -> AnyArray:
        """All texts of some files one after the other, (N,) int32: the ids of each and the end; a blank line is an empty text.

        Raises:
            Failure: a file cannot be read, or holds no text.
        """
        parts = [self.flat(self.encode(texts)) for texts in read(files, self.record) if texts]
        if not any(len(part) for part in parts):
            raise Failure(f"no text in {', '.join(files)}")
        return np.concatenate(parts)

    def flat(self, rows: Sequence[Sequence[int]]) -> AnyArray:
        """Texts one after the other with the end after each, (N,) int32.

        >>> Codec.of_pieces(["<unk>", "a"], "char").flat([[1, 1], [], [1]]).tolist()
        [1, 1, 2, 2, 1, 2]
        """
        end = (self.end,)
        size = sum(map(len, rows)) + len(rows)
        return np.fromiter(chain.from_iterable(chain.from_iterable((row, end) for row in rows)), np.int32, size)


def read(files: Sequence[str], record: str, errors: str = "strict") -> Iterator[list[str]]:
    """The texts of some files, many at a time: lines, or paragraphs with line ends inside."""
    for block in blocks([Path(name) for name in files], separator(record)):
        yield texts_of(block, record, errors)


def separator(record: str) -> bytes:
    """What ends a record of the input."""
    return b"\n" if record == "line" else b"\n\n"


def texts_of(block: Block, record: str, errors: str = "strict") -> list[str]:
    r"""The texts of a block of whole records.

    >>> texts_of(Block(b"X:1\nABc|\n\n\nX:2\nd|\n", "tunes.abc", 1), "paragraph")
    ['X:1\nABc|', 'X:2\nd|']
    """
    lines = block.lines(errors)
    if record == "line":
        return lines
    return ["\n".join(found) for blank, found in groupby(lines, lambda line: not line.strip()) if not blank]


def split(ids: Sequence[int], at: int) -> list[Sequence[int]]:
    """Ids cut at every `at`, which is dropped.

    >>> split([1, 9, 2, 3, 9], 9)
    [[1], [2, 3], []]
    """
    found: list[Sequence[int]] = []
    first = 0
    for place in [*(i for i, number in enumerate(ids) if number == at), len(ids)]:
        found.append(ids[first:place])
        first = place + 1
    return found


def lowered(text: str) -> str:
    """In lower case, each character for itself: a final sigma is one like the others, as for the tokenizers package.

    >>> lowered("ΣΑΣ")
    'σασ'
    """
    return text.lower() if "Σ" not in text else "".join(map(str.lower, text))
