"""The journal of a training: `journal.jsonl`, one JSON object a line.

    {"step": 50, "epoch": 1, "loss": 2.31, "rate": 0.001, "gradient_norm": 0.8, "tokens_per_second": 8120.0, "seconds": 12.1}
    {"step": 100, "epoch": 1, "seconds": 24.0, "dev": {"accuracy": 0.91}}

`loss` is the mean a token, in nats, since the line before. A checkpoint knows how long the journal was; a training that goes on from
it cuts the journal there.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqcli.errors import Failure

NAME = "journal.jsonl"


class Journal:
    """Writes lines, to a file or to nowhere, and to TensorBoard if it is asked for.

    Raises:
        Failure: TensorBoard is not installed.
    """

    def __init__(self, folder: Path | None, position: int = 0, tensorboard: bool = False) -> None:
        self.path = folder / NAME if folder else None
        self.position = position  # bytes
        self.board = board(folder / "tensorboard") if folder and tensorboard else None
        if self.path:
            self.cut()

    def cut(self) -> None:
        """Forget what was written after `position`."""
        assert self.path
        with self.path.open("ab") as file:
            size = file.seek(0, os.SEEK_END)
            self.position = min(self.position, size)
            file.truncate(self.position)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line; numbers that JSON has not become null.

        Raises:
            OSError: the disk cannot take it; then nothing of it is there.
        """
        if self.board:
            for name, value in scalars(entry):
                self.board.add_scalar(name, value, entry["step"])
        if not self.path:
            return
        line = (json.dumps(jsonable(entry), ensure_ascii=False) + "\n").encode()
        try:
            with self.path.open("ab") as file:
                file.write(line)
        except OSError:
            self.cut()
            raise
        self.position += len(line)

    def close(self) -> None:
        """Let TensorBoard finish its file."""
        if self.board:
            self.board.close()


def jsonable(value: Any) -> Any:
    """A value as JSON can have it.

    >>> jsonable({"loss": float("nan"), "dev": {"accuracy": 0.123456789}})
    {'loss': None, 'dev': {'accuracy': 0.12345679}}
    """
    if isinstance(value, Mapping):
        return {key: jsonable(each) for key, each in value.items()}
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value


def scalars(entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of a line by name.

    >>> list(scalars({"step": 5, "epoch": 1, "loss": 2.0, "dev": {"accuracy": 0.5}}))
    [('train/loss', 2.0), ('dev/accuracy', 0.5)]
    """
    for key, value in entry.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}/{name}", each) for name, each in value.items())
        elif key not in ("step", "epoch", "seconds"):
            yield f"train/{key}", value


def board(folder: Path) -> Any:
    """A writer for TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise Failure("tensorboard=true: TensorBoard is not installed", hint="pip install tensorboard") from None
    return SummaryWriter(str(folder))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal.

    Raises:
        Failure: it cannot be read, or is no journal; says where.
    """
    found: list[dict[str, Any]] = []
    try:
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            entry = json.loads(line)
            entry["step"]
            found.append(entry)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{path}, line {len(found) + 1}: not a line of a training's journal") from None
    return found
