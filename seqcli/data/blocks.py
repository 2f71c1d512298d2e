"""Input as bytes, in blocks of whole records, so that a block can be decoded here or in another process.

Nothing is held back: a block ends where the input pauses, so a slow pipe has its answer to a line before it sends the next.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from seqcli.errors import Failure, nearest

BLOCK = 1 << 20  # bytes read at once when the input keeps up
PATIENCE = 0.02  # seconds without input that count as a pause
GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
BINARY = {b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text", b"\x7fELF": "a program", b"PK\x03\x04": "a zip file",
          b"%PDF-": "a PDF", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"\x28\xb5\x2f\xfd": "zstd data",
          **{b"BZh%d1AY&SY" % level: "bzip2 data" for level in range(1, 10)}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of one input, still as bytes; none where the input pauses."""

    data: bytes
    name: str  # the file's name, `<stdin>` for standard input
    first_line: int  # number of its first line in that file, from 1

    def text(self, errors: str = "strict") -> str:
        """The block decoded, without the byte order mark that some programs put first.

        Raises:
            Failure: invalid UTF-8 under `strict`; names file, line and byte in that line.
        """
        try:
            text = self.data.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            line = self.first_line + self.data.count(b"\n", 0, error.start)
            byte = error.start - (self.data.rfind(b"\n", 0, error.start) + 1) + 1
            raise Failure(
                f"{self.name}, line {line}, byte {byte}: not valid UTF-8 (0x{self.data[error.start]:02x})",
                hint="convert it, or pass --errors replace",
            ) from None
        return text.removeprefix("\ufeff") if self.first_line == 1 else text

    def lines(self, errors: str = "strict") -> list[str]:
        r"""The block's lines without their ends; a trailing `\r` is dropped, and only `\n` ends a line.

        >>> Block("one\r\n\ntwo\u2028three".encode(), "notes.txt", 1).lines()
        ['one', '', 'two\u2028three']
        """
        text = self.text(errors)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if "\r" in text:
            lines = [line.removesuffix("\r") for line in lines]
        return lines


def blocks(files: Sequence[Path], end: bytes = b"\n", size: int = BLOCK) -> Iterator[Block]:
    r"""The inputs in blocks that end with `end` (`\n` for lines, `\n\n` for CoNLL-U sentences), or with the input.

    No file, or `-`, is standard input; gzip and xz are recognised by their first bytes. All files are checked before the first is
    read. Where an input pauses there is a block without data.

    Raises:
        Failure: a file that is missing, a folder, unreadable, binary, UTF-16, or packed data that is broken.
    """
    for path in files:
        check_readable(path)
    for path in files or [Path("-")]:
        with open_input(path) as stream:
            yield from cut(stream, name_of(path), end, size)


def name_of(path: Path) -> str:
    """What an input is called in messages."""
    return "<stdin>" if str(path) == "-" else str(path)


def check_readable(path: Path) -> None:
    """Raises Failure: missing, a folder, or not ours to read."""
    if str(path) == "-":
        return
    if path.is_dir():
        raise Failure(f"{path} is a folder", hint="name the files in it")
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = nearest(path.name, siblings) if siblings else ""
        raise Failure(f"no such file: {path}", hint=hint if hint.startswith("did") else "")
    if not os.access(path, os.R_OK):
        raise Failure(f"cannot read {path}: permission denied")


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """A file or standard input as bytes, gzip and xz undone."""
    with contextlib.ExitStack() as stack:
        if str(path) != "-":
            stream: BinaryIO = stack.enter_context(path.open("rb"))
        elif sys.stdin is None:
            raise Failure("standard input is closed", hint="name a file")
        else:
            stream = sys.stdin.buffer
        yield from unpacked(stream, name_of(path))


def unpacked(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The stream, unpacked if its first bytes say so."""
    head = cast(io.BufferedReader, stream).peek(len(XZ))
    if head.startswith(GZIP):
        import gzip
        import zlib

        try:
            with gzip.GzipFile(fileobj=stream) as plain:
                yield cast(BinaryIO, io.BufferedReader(plain, BLOCK))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Failure(f"{name}: broken gzip data: {error}") from None
    elif head.startswith(XZ):
        import lzma

        try:
            with lzma.LZMAFile(stream) as plain:
                yield cast(BinaryIO, io.BufferedReader(plain, BLOCK))
        except (lzma.LZMAError, EOFError) as error:
            raise Failure(f"{name}: broken xz data: {error}") from None
    else:
        yield stream


def cut(stream: BinaryIO, name: str, end: bytes, size: int) -> Iterator[Block]:
    """Blocks of about `size` bytes that end with `end`; less where the input is slower than we are."""
    pending: list[bytes] = []  # the beginning of a record
    first_line = 1
    data = fill(stream, size)
    refuse_binary(data, name)
    while data:
        before = b"".join(pending[-2:])[-2:] if len(end) > 1 else b""  # what ends a record may straddle two reads
        at = last_end(before + data, end) - len(before)
        if at > 0:
            whole = b"".join([*pending, data[:at]])
            yield Block(whole, name, first_line)
            first_line += whole.count(b"\n")
            pending = []
            data = data[at:]
        if data:
            pending.append(data)
        if not ready(stream, PATIENCE):
            yield Block(b"", name, first_line)
        data = fill(stream, size)
    if pending:
        yield Block(b"".join(pending), name, first_line)


def last_end(data: bytes, end: bytes) -> int:
    r"""Where the last whole record ends, 0 if none does; the line ends may be `\r\n`.

    >>> last_end(b"1 a\n\n1 b", b"\n\n"), last_end(b"1 a\r\n\r\n1 b", b"\n\n"), last_end(b"a\nb", b"\n\n")
    (5, 7, 0)
    """
    ends = (end, b"\n\r\n") if end == b"\n\n" else (end,)
    return max((data.rfind(each) + len(each) for each in ends if each in data), default=0)


def fill(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes: waits for the first, takes the others only while they are there already."""
    data: bytes = stream.read1(size)  # type: ignore[attr-defined]
    if not data or len(data) >= size:
        return data
    parts = [data]
    missing = size - len(data)
    while missing > 0 and ready(stream):
        more: bytes = stream.read1(missing)  # type: ignore[attr-defined]
        if not more:
            break
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)


def ready(stream: BinaryIO, patience: float = 0) -> bool:
    """Whether a read would not wait longer than `patience` seconds."""
    try:
        return bool(select.select([stream], [], [], patience)[0])
    except (OSError, ValueError, io.UnsupportedOperation):
        return True  # an in-memory stream never waits


def refuse_binary(head: bytes, name: str) -> None:
    """NUL bytes in text are data; the first bytes of UTF-16 or of a packed file say that this is no text."""
    for magic, kind in BINARY.items():
        if head.startswith(magic):
            raise Failure(f"{name} is {kind}, not UTF-8 text", hint="convert or unpack it first")
