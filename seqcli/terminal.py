"""Lines in, records out, progress: everything that touches a stream.

Input is read in blocks of whole records, as bytes, so that a block can be decoded here or in another process; output is
written in the order of the input, and a file named by `-o` appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, cast

from seqcli.errors import Failure, UsageFailure, nearest

BLOCK = 1 << 20  # bytes read at once when the input keeps up
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of one input, still as bytes."""

    data: bytes
    name: str  # the file's name, `<stdin>` for standard input
    first_line: int  # number of its first line in that file, from 1

    def text(self, errors: str = "strict") -> str:
        """The block decoded.

        Raises:
            Failure: invalid UTF-8 under `strict`; names file, line and byte in that line.

        """
        try:
            return self.data.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            line = self.first_line + self.data.count(b"\n", 0, error.start)
            byte = error.start - (self.data.rfind(b"\n", 0, error.start) + 1) + 1
            raise Failure(
                f"{self.name}, line {line}, byte {byte}: not valid UTF-8 (0x{self.data[error.start]:02x})",
                hint="convert it, or pass --errors replace",
            ) from None

    def lines(self, errors: str = "strict") -> list[str]:
        r"""The block's lines without their ends; a trailing `\r` is dropped, and only `\n` ends a line."""
        text = self.text(errors)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if "\r" in text:
            lines = [line.removesuffix("\r") for line in lines]
        return lines


def nothing_to_read(files: Sequence[Path]) -> bool:
    """True on a bare terminal with no file named: a verb then shows its help rather than hang."""
    return not files and sys.stdin is not None and sys.stdin.isatty()


def blocks(files: Sequence[Path], end: bytes = b"\n", size: int = BLOCK) -> Iterator[Block]:
    r"""The inputs in blocks that end with `end` (`\n` for lines, `\n\n` for CoNLL-U sentences), or with the input.

    No file, or `-`, is standard input; gzip is recognised by its first bytes. All files are checked before the first is read.

    Raises:
        Failure: a file that is missing, a folder, unreadable, binary (UTF-16 or with a broken gzip stream).

    """
    for path in files:
        check_readable(path)
    for path in files or [Path("-")]:
        name = "<stdin>" if str(path) == "-" else str(path)
        try:
            with open_input(path) as stream:
                yield from cut(stream, name, end, size)
        except (gzip.BadGzipFile, EOFError) as error:
            raise Failure(f"{name}: broken gzip data: {error}") from None


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
    """A file or standard input as bytes, gzip undone."""
    if str(path) == "-":
        yield from peek_gzip(sys.stdin.buffer)
    else:
        with path.open("rb") as stream:
            yield from peek_gzip(stream)


def peek_gzip(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream, unpacked if its first bytes say so."""
    head = cast(io.BufferedReader, stream).peek(2)[:2]
    if head == GZIP_MAGIC:
        with gzip.GzipFile(fileobj=stream) as plain:
            yield cast(BinaryIO, io.BufferedReader(plain, BLOCK))
    else:
        yield stream


def cut(stream: BinaryIO, name: str, end: bytes, size: int) -> Iterator[Block]:
    """Blocks of about `size` bytes that end with `end`; less where the input is slower than we are."""
    pending: list[bytes] = []
    first_line = 1
    while True:
        data = fill(stream, size)
        at = data.rfind(end) if data else -1
        if not data:
            rest = b"".join(pending)
            if rest:
                yield Block(rest, name, first_line)
            return
        if at < 0 and len(end) > 1:  # the separator may straddle two reads
            data = b"".join([*pending, data])
            pending = []
            at = data.rfind(end)
        if at < 0:
            pending.append(data)
            continue
        whole = b"".join([*pending, data[: at + len(end)]])
        if first_line == 1:
            refuse_binary(whole, name)
        yield Block(whole, name, first_line)
        first_line += whole.count(b"\n")
        pending = [data[at + len(end) :]] if at + len(end) < len(data) else []


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


def ready(stream: BinaryIO) -> bool:
    """Whether a read would not wait."""
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError, io.UnsupportedOperation):
        return True  # an in-memory or unpacked stream never waits


def refuse_binary(head: bytes, name: str) -> None:
    """NUL bytes in text are data; the first bytes of UTF-16 or of a packed file say that this is no text."""
    kinds = {b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text", b"\x7fELF": "a program", b"PK\x03\x04": "a zip file",
             b"%PDF": "a PDF", b"\x89PNG": "a picture", b"\xfd7zXZ": "xz data", b"BZh": "bzip2 data"}  # fmt: skip
    for magic, kind in kinds.items():
        if head.startswith(magic):
            raise Failure(f"{name} is {kind}, not UTF-8 text", hint="convert or unpack it first")


class Output:
    """Where results go: standard output, or a file that appears whole or not at all.

    A regular file is written beside its final place and renamed when all went well; anything else that exists (a pipe,
    `/dev/stdout`) is written to as it is.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path if path is not None and str(path) != "-" else None
        self.temporary: Path | None = None
        self.stream: IO[bytes] = sys.stdout.buffer

    def __enter__(self) -> Output:
        if self.path is None:
            return self
        if self.path.is_dir():
            raise Failure(f"{self.path} is a folder", hint="-o names a file")
        try:
            if self.path.exists() and not self.path.is_file():
                self.stream = self.path.open("wb")
            else:
                target = self.path.resolve()
                handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
                self.temporary = Path(temporary)
                self.stream = os.fdopen(handle, "wb")
        except OSError as error:
            raise Failure(f"cannot write {self.path}: {error.strerror}") from None
        return self

    def write(self, data: bytes) -> None:
        """Hand over one batch of finished records; it is seen by the reader at once."""
        if data:
            self.stream.write(data)
            self.stream.flush()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.path is None:
            return
        try:
            with self.stream:
                if kind is None and self.temporary is not None:
                    self.stream.flush()
                    os.fsync(self.stream.fileno())
            if kind is None and self.temporary is not None:
                mask = os.umask(0)
                os.umask(mask)
                self.temporary.chmod(0o666 & ~mask)
                self.temporary.replace(self.path.resolve())
                self.temporary = None
        except OSError as failure:
            raise Failure(f"cannot write {self.path}: {failure.strerror}") from None
        finally:
            if self.temporary is not None:
                self.temporary.unlink(missing_ok=True)


class Progress:
    """How much has been read and how fast, in one line of standard error; only on a terminal, and not beside results on it."""

    EVERY = 0.5  # seconds

    def __init__(self, quiet: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty() and not sys.stdout.isatty()
        self.start = self.last = time.monotonic()
        self.bytes = 0

    def watch(self, source: Iterator[Block]) -> Iterator[Block]:
        """The blocks as they come."""
        for block in source:
            yield block
            self.bytes += len(block.data)
            now = time.monotonic()
            if self.shown and now - self.last > self.EVERY:
                self.last = now
                rate = self.bytes / 1e6 / (now - self.start)
                sys.stderr.write(f"\r{block.name}: {self.bytes / 1e6:.1f} MB, {rate:.1f} MB/s ")
        if self.shown and self.last != self.start:
            sys.stderr.write("\r\x1b[K")


def note(message: str, quiet: bool = False) -> None:
    """A note to the person at the terminal: standard error, never among the results."""
    if not quiet:
        sys.stderr.write(message + "\n")


def choose(value: str, known: Sequence[str], option: str) -> str:
    """`value` if it is one of `known`, else a usage error that names the nearest."""
    if value not in known:
        raise UsageFailure(f"{option} {value}: no such choice", hint=nearest(value, known))
    return value
