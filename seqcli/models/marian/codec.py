"""Texts as Marian's ids: each side is cut by a SentencePiece model of its own, and vocab.json numbers the pieces of both.

A piece that vocab.json lacks is `<unk>`. A line for a model of several target languages begins with a token that says which, as
`>>fr<<`; it is no part of the text that is cut. The end is one of the numbered tokens, and not what stands before a target.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

from seqcli.data.folder import Folder
from seqcli.errors import Failure
from seqcli.text.codec import END, UNKNOWN, Codec
from seqcli.text.subword.sentencepiece import SentencePiece, decoded, encoded
from seqcli.text.subword.sentencepiece_model import BYTE_PIECES, parse
from seqcli.text.subword.sentencepiece_normalizer import META

SPM = {"source": "source.spm", "target": "target.spm"}
VOCAB, VOCAB_TARGET = "vocab.json", "target_vocab.json"  # the second where each side has a vocabulary of its own
MARIAN = "marian"  # units
PADDING = "<pad>"


class MarianCodec(Codec):
    """One side. `size` is V, that of the embedding, which may have room for more than vocab.json names."""

    def __init__(self, found: Folder, side: str, size: int, end: int | None = None) -> None:
        self.side, self.units, self.record, self.text, self.lowercase = side, MARIAN, "line", "", False
        own = side == "target" and (found.path / VOCAB_TARGET).is_file()
        name = VOCAB_TARGET if own else VOCAB
        self.stored: dict[str, str | bytes] = {SPM[side]: found.data(SPM[side]), name: found.text(name)}
        self.spm = SentencePiece(parse(found.data(SPM[side]), str(found.path / SPM[side])), str(found.path / SPM[side]))
        self.ids = vocabulary(found, name, size)
        self.lost = self.unknown = self.ids[UNKNOWN]
        self.silent = {self.lost, self.ids.get(PADDING)}
        self.last = self.ids[END] if end is None else end
        names = {number: piece for piece, number in self.ids.items()}
        self.pieces = [names.get(number, "") for number in range(size)]

    def config(self) -> dict[str, Any]:
        """What `__init__` needs beside the files."""
        return {"units": self.units, "record": self.record, "size": self.size, "end": self.end}

    def files(self) -> dict[str, Any]:
        """The files of a model folder, text or bytes."""
        return self.stored

    @property
    def size(self) -> int:
        """V."""
        return len(self.pieces)

    @property
    def end(self) -> int:
        """The id that ends every text."""
        return self.last

    @cached_property
    def spelled(self) -> Sequence[str]:
        """(V,) the names of all ids."""
        return self.pieces

    @cached_property
    def numbers(self) -> list[int]:
        """The id of each of SentencePiece's pieces, by its number there."""
        return [self.ids.get(piece, self.lost) for piece in self.spm.vocabulary]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without the end."""
        parts = [language(text) for text in texts]
        lines = self.spm.raw(self.spm.normalizer.lines([text for _, text in parts]))
        return [
            [self.ids.get(code, self.lost)] * bool(code) + self.numbered(ids, text)
            for (code, _), (text, ids) in zip(parts, lines, strict=True)
        ]

    def numbered(self, ids: list[int], text: str) -> list[int]:
        """Our ids for SentencePiece's, of normalized text: what it does not know by itself, vocab.json may."""
        numbers = self.numbers
        if self.spm.lost not in ids:
            return [numbers[i] for i in ids]
        if self.spm.bytes:
            return [numbers[i] for i in self.spm.final(ids, text)]
        found: list[int] = []
        for known, run in groupby(zip(ids, self.spm.surfaces(ids, text), strict=True), lambda each: each[0] != self.spm.lost):
            if known:
                found += [numbers[i] for i, _ in run]
            else:
                found.append(self.ids.get("".join(surface for _, surface in run), self.lost))
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """The text that ids stand for, up to the end where that is among them; `<unk>` and `<pad>` stand for nothing.

        Raises:
            Failure: an id that the vocabulary has not.
        """
        found = list(ids)
        if self.end in found:
            found = found[: found.index(self.end)]
        pieces = self.spell([number for number in found if number not in self.silent])
        said = b"".join(bytes([BYTE_PIECES[piece]]) if self.spm.bytes and piece in BYTE_PIECES else encoded(piece) for piece in pieces)
        return decoded(said).replace(META, " ").strip()


def vocabulary(found: Folder, name: str, size: int) -> Mapping[str, int]:
    """The pieces of a vocab.json and their ids.

    Raises:
        Failure: it is no such file, an id is beyond the model's V, or what every text needs is not among the pieces.
    """
    where = f"model folder {found.path}: {name}"
    try:
        ids = json.loads(found.text(name))
    except (ValueError, RecursionError) as error:
        raise Failure(f"{where} is not JSON: {error}") from None
    if not isinstance(ids, dict) or not all(type(number) is int for number in ids.values()):
        raise Failure(f"{where} is not an object with a number for each piece")
    lacking = [piece for piece in (UNKNOWN, END) if piece not in ids]
    if lacking:
        raise Failure(f"{where} lacks {' and '.join(lacking)}")
    if not 0 <= min(ids.values()) <= max(ids.values()) < size:
        piece = next(piece for piece, number in ids.items() if not 0 <= number < size)
        raise Failure(f"{where}: {piece!r} has the id {ids[piece]}, the model knows 0 to {size - 1}", hint="is it another model's?")
    return ids


def language(text: str) -> tuple[str, str]:
    """The target language that a line names first, and the rest.

    >>> language(">>fr<< Good morning"), language("Good >>fr<<")
    (('>>fr<<', ' Good morning'), ('', 'Good >>fr<<'))
    """
    end = text.find("<<") + 2 if text.startswith(">>") else 0
    return (text[:end], text[end:]) if end > 1 else ("", text)
