"""The file that CTranslate2 reads a model from: named arrays, one after the other.

In order: the version of the layout, the name of the kind of model and its revision, the variables (name, shape, kind of number, bytes),
and further names for variables that are used twice. Strings are preceded by their length and followed by a zero; all is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from seqcli.data.examples import AnyArray

if TYPE_CHECKING:
    from typing_extensions import Buffer

VERSION = 6
KINDS = {np.dtype(kind): number for number, kind in enumerate(("float32", "int8", "int16", "int32", "float16"))}


def packed(name: str, revision: int, variables: Mapping[str, AnyArray], aliases: Mapping[str, str]) -> bytes:
    """The content of the file. `aliases` are further names, each of a variable.

    >>> len(packed("TransformerSpec", 7, {"encoder/num_heads": np.array(4, np.int16)}, {}))
    62
    """
    found = BytesIO()
    for part in parts(name, revision, variables, aliases):
        found.write(part)
    return found.getvalue()


def parts(name: str, revision: int, variables: Mapping[str, AnyArray], aliases: Mapping[str, str]) -> Iterator[Buffer]:
    """See `packed`; weights are not copied."""
    yield struct.pack("<I", VERSION) + string(name) + struct.pack("<II", revision, len(variables))
    for each, array in variables.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        yield string(each) + shape + struct.pack("<BI", KINDS[array.dtype], array.nbytes)
        yield np.ascontiguousarray(array).data
    yield struct.pack("<I", len(aliases))
    for alias, each in aliases.items():
        yield string(alias) + string(each)


def string(text: str) -> bytes:
    """A string with its length."""
    data = text.encode()
    return struct.pack("<H", len(data) + 1) + data + b"\0"
