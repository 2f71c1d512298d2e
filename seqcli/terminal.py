"""Records out, progress, notes: what touches the terminal. (Input is read by `seqcli.data.blocks`.)

Output is written in the order of the input, and a file named by `-o` appears whole or not at all.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from seqcli.data.blocks import Block
from seqcli.errors import Failure, UsageFailure, nearest


def nothing_to_read(files: Sequence[Path]) -> bool:
    """True on a bare terminal with no file named: a verb then shows its help rather than hang."""
    return not files and sys.stdin is not None and sys.stdin.isatty()


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
                import tempfile

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
        except BrokenPipeError:
            raise
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
