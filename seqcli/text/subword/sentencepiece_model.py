"""What a SentencePiece `.model` file says: a protobuf message, read with a few lines of our own.

Fields are numbered; a field is a varint, four or eight bytes, or a length and that many bytes (text or a message inside).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from seqcli.errors import Failure

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5  # how a field is written
LONGEST = 8000  # bytes of a piece
METHODS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
BYTE_PIECES = {f"<0x{byte:02X}>": byte for byte in range(256)}
FLOAT = struct.Struct("<f")
Value = int | bytes


class Type(IntEnum):
    """What a piece is there for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Normalization:
    """How text is changed before it is cut into pieces, or after it was put together."""

    charsmap: bytes = b""  # rules as a trie, see sentencepiece_normalizer
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True  # blanks become U+2581


@dataclass(frozen=True, slots=True)
class Model:
    """A model file as read; V pieces."""

    method: str
    pieces: list[str]  # (V,)
    scores: list[float]  # (V,) float32 numbers
    types: list[int]  # (V,)
    normalization: Normalization
    denormalization: Normalization
    byte_fallback: bool = False
    blank_is_suffix: bool = False
    unknown_surface: str = " \u2047 "  # what an unknown piece is decoded to

    @property
    def unknown(self) -> int:
        """The id of the unknown piece; -1 where there is none, which byte fallback allows."""
        return self.types.index(Type.UNKNOWN) if Type.UNKNOWN in self.types else -1


def parse(data: bytes, name: str) -> Model:
    """The model in a file's bytes.

    Raises:
        Failure: this is not a SentencePiece model, it is cut short, or its pieces contradict each other.
    """
    try:
        return check(read(data), name)
    except (ValueError, IndexError, struct.error, TypeError, KeyError) as error:
        raise Failure(f"{name} is not a SentencePiece model, or it is cut short: {error}") from None


def read(data: bytes) -> Model:
    """The message by its field numbers."""
    pieces: list[str] = []
    scores: list[float] = []
    types: list[int] = []
    parts: dict[int, bytes] = {2: b"", 3: b"", 5: b""}
    for number, value in fields(data):
        if number == 1:
            piece, score, kind = read_piece(message(value))
            pieces.append(piece)
            scores.append(score)
            types.append(kind)
        elif number in parts:
            parts[number] += message(value)  # a message in several parts is all of them
    trainer = dict(fields(parts[2]))
    method = METHODS[integer(trainer.get(3, 1))]
    return Model(
        method, pieces, scores, types, read_normalization(parts[3]), read_normalization(parts[5]),
        byte_fallback=bool(trainer.get(35, 0)),
        blank_is_suffix=bool(trainer.get(24, 0)),
        unknown_surface=text(trainer[44]) if 44 in trainer else " \u2047 ",
    )  # fmt: skip


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    r"""The fields of a message: number and value.

    >>> list(fields(b"\x08\x96\x01\x12\x02hi"))
    [(1, 150), (2, b'hi')]
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = varint(data, at)
        value: Value
        if tag & 7 == VARINT:
            value, at = varint(data, at)
        elif tag & 7 in (BYTES, EIGHT, FOUR):
            size = 8 if tag & 7 == EIGHT else 4
            if tag & 7 == BYTES:
                size, at = varint(data, at)
            value = data[at : at + size]
            at += size
            if at > end:
                raise ValueError(f"a field ends at byte {at} of {end}")
        else:
            raise ValueError(f"a field of kind {tag & 7} at byte {at}")
        if tag < 8:
            raise ValueError(f"a field without a number at byte {at}")
        yield tag >> 3, value


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError(f"a number too long at byte {at}")


def read_piece(data: bytes) -> tuple[str, float, int]:
    """A piece, its score and its type."""
    if data[:1] == b"\n" and data[1] < 128:  # as they are mostly written
        end = 2 + data[1]
        if len(data) == end + 5 and data[end] == 0x15:
            return data[2:end].decode("utf-8", "surrogateescape"), FLOAT.unpack_from(data, end + 1)[0], int(Type.NORMAL)
    piece, score, kind = "", 0.0, int(Type.NORMAL)
    for number, value in fields(data):
        if number == 1:
            piece = text(value)
        elif number == 2:
            score = FLOAT.unpack(message(value))[0]
        elif number == 3:
            kind = integer(value)
    return piece, score, kind


def read_normalization(data: bytes) -> Normalization:
    """What the specification of a normalizer says."""
    found = dict(fields(data))
    return Normalization(message(found.get(2, b"")), *(bool(found.get(number, 1)) for number in (3, 4, 5)))


def message(value: Value) -> bytes:
    """The value of a field that has to be bytes."""
    if not isinstance(value, bytes):
        raise TypeError("a number where text is due")
    return value


def text(value: Value) -> str:
    """The value of a field that has to be text; broken UTF-8 stays apart from all that text can have."""
    return message(value).decode("utf-8", "surrogateescape")


def integer(value: Value) -> int:
    """The value of a field that has to be a number."""
    if not isinstance(value, int):
        raise TypeError("text where a number is due")
    return value


def check(model: Model, name: str) -> Model:
    """What the owner's tool refuses.

    Raises:
        Failure: says which piece.
    """
    if not model.pieces:
        raise Failure(f"{name} is not a SentencePiece model: it has no pieces")
    seen: set[str] = set()
    for i, piece in enumerate(model.pieces):
        kind = model.types[i]
        wrong = (
            "is empty" if not piece else
            "has an unknown type" if kind not in Type.__members__.values() else
            "is too long" if len(piece) >= LONGEST else
            "is there twice" if piece in seen else
            "is a byte, but there is no byte fallback" if kind == Type.BYTE and not model.byte_fallback else
            "is not a byte" if kind == Type.BYTE and piece not in BYTE_PIECES else
            "has a score that is no number" if not math.isfinite(model.scores[i]) else
            "has a NUL in it" if "\0" in piece and not (piece == "\0" and (model.byte_fallback or kind == Type.UNUSED)) else
            ""
        )  # fmt: skip
        if wrong:
            raise Failure(f"{name}: the piece {piece!r} (id {i}) {wrong}")
        seen.add(piece)
    if model.types.count(Type.UNKNOWN) > 1:
        raise Failure(f"{name}: more than one unknown piece")
    if model.byte_fallback:
        bytes_there = sum(kind == Type.BYTE for kind in model.types)
        if bytes_there != len(BYTE_PIECES):
            raise Failure(f"{name}: byte fallback needs 256 pieces for bytes, there are {bytes_there}")
    elif model.unknown < 0:
        raise Failure(f"{name} is not a SentencePiece model: no piece stands for the unknown")
    return model
