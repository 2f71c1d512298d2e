"""Tensors of a safetensors file as views into the file: nothing is read before it is used, and no library is loaded."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.errors import Failure

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "BOOL": "?"}
TYPES |= {"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"}


def open_tensors(path: Path) -> dict[str, AnyArray]:
    """The tensors of a file by name; they are read-only.

    Raises:
        Failure: the file is missing, truncated, no safetensors, or holds numbers of an unknown kind.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
    except FileNotFoundError:
        raise Failure(f"model folder {path.parent}: {path.name} is missing") from None
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        return {name: view(data, start, **entry) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise Failure(f"model folder {path.parent}: {path.name} is truncated or not safetensors: {error}") from None


def view(data: mmap.mmap | bytes, start: int, dtype: str, shape: list[int], data_offsets: list[int]) -> AnyArray:
    """One tensor. Raises ValueError, KeyError: what the header says cannot be."""
    if dtype not in TYPES:
        raise ValueError(f"numbers of the kind {dtype} are not known here")
    first, last = data_offsets
    kind = np.dtype(TYPES[dtype])
    count = int(np.prod(shape, dtype=np.int64))
    if first < 0 or min(shape, default=0) < 0 or last - first != count * kind.itemsize or start + last > len(data):
        raise ValueError("a tensor lies outside the file")
    return np.frombuffer(data, kind, count, start + first).reshape(shape)
