"""Files of word vectors in, whatever their format.

`word2vec` (text), `word2vec-bin`, `glove`, `tsv`, `jsonl` (objects with `word` and `vector`) and `npy`, whose words stand in a file of
the same name that ends with `.words`, one a line. Any but `npy` may be packed by gzip or xz.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seqcli.data.blocks import blocks, check_readable, name_of, open_input
from seqcli.data.examples import AnyArray
from seqcli.data.vectors import Vectors, binary, text
from seqcli.data.vectors.rows import Rows
from seqcli.data.vectors.writing import FORMATS, by_name
from seqcli.errors import Failure, UsageFailure, nearest

WORDS = ".words"  # the ending of the file beside a `.npy`


def read_vectors(path: Path, kind: str = "", errors: str = "strict") -> Vectors:
    """The vectors of a file, in its order; they are looked up in lower case if no word has a capital.

    Raises:
        Failure: the file cannot be read; names the line.
    """
    check_readable(path)
    kind = kind or guess(path)
    if kind not in FORMATS:
        raise UsageFailure(f"no format is called {kind!r}", hint=nearest(kind, FORMATS))
    rows = READERS[kind](path)
    return Vectors.of(rows.distinct(errors), rows.matrix())


def guess(path: Path) -> str:
    """The format, by the file's name and first lines."""
    named = by_name(path)
    if named in ("jsonl", "npy", "tsv") or str(path) == "-":
        return named or "word2vec"
    with open_input(path) as stream:
        fields = stream.readline(100).removeprefix(BOM_UTF8).split()
        if len(fields) == 2 and all(field.isdigit() for field in fields):
            return "word2vec-bin" if binary.looks_binary(stream) else "word2vec"
    return named or "glove"


def read_jsonl(path: Path) -> Rows:
    """Objects with `word` and `vector`. Raises Failure: one is something else; names the line."""
    rows = Rows(name_of(path))
    width = -1
    for block in blocks([path]):
        for number, line in enumerate(block.lines(), block.first_line):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
                word, exact = value["word"], np.array(value["vector"], dtype=np.float64)
            except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
                what = f"lacks {error}" if isinstance(error, KeyError) else f"no object with `word` and `vector`: {error}"
                raise Failure(f"{rows.name}, line {number}: {what}") from None
            with np.errstate(over="ignore"):
                vector = exact.astype(np.float32)
            width = len(vector) if width < 0 and vector.ndim == 1 else width
            if not isinstance(word, str) or vector.shape != (width,) or not width or "\n" in word:
                raise Failure(f"{rows.name}, line {number}: a word with {vector.size} numbers, expected {max(width, 1)} in a list")
            if not np.isfinite(vector).all():
                raise Failure(f"{rows.name}, line {number}: a number that is not finite")
            rows.words.append(word.encode("utf-8", "surrogatepass"))
            rows.lines.append(number)
            rows.parts.append(vector[None])
    rows.check_count(None)
    return rows


def read_npy(path: Path) -> Rows:
    """An array (V, D), and its words beside it. Raises Failure: one is missing or does not fit the other."""
    words = path.with_suffix(WORDS)
    if not words.is_file():
        raise Failure(f"{path}: its words are missing", hint=f"write them to {words}, one a line")
    try:
        matrix: AnyArray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Failure(f"{path} is not an array of numpy's: {error}") from None
    if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "fiu":
        raise Failure(f"{path} has shape {list(matrix.shape)} and kind {matrix.dtype}, expected numbers in rows, one a word")
    rows = Rows(str(words), parts=[matrix.astype(np.float32)])
    for block in blocks([words]):
        rows.words.extend(block.data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n") if block.data else [])
    rows.lines = list(range(1, len(rows.words) + 1))
    if len(rows.words) != len(matrix):
        raise Failure(f"{path} has {len(matrix)} rows, but {words} has {len(rows.words)} words")
    strange = np.flatnonzero(~np.isfinite(rows.parts[0]).all(axis=1))
    if len(strange):
        raise Failure(f"{path}, row {int(strange[0]) + 1}: a number that is not finite")
    return rows


READERS: dict[str, Callable[[Path], Rows]] = {
    "word2vec": lambda path: text.read(path, header=True),
    "word2vec-bin": binary.read,
    "glove": lambda path: text.read(path, header=False),
    "tsv": lambda path: text.read(path, header=False),
    "jsonl": read_jsonl,
    "npy": read_npy,
}
