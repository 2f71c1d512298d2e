"""Word and line vectors out, batch by batch.

What must begin with the number of rows (`word2vec`, `word2vec-bin`, `npy`) goes to a temporary file first where that number is not
known; memory does not grow with it. Where blanks separate the fields, those of a label become `_`, in `tsv` its tabs become blanks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data.examples import FloatArray
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.numbers import shown
from seqcli.errors import Failure
from seqcli.workers import keep_memory

FORMATS = ("jsonl", "tsv", "npy", "word2vec", "word2vec-bin", "glove")
ENDINGS = {".jsonl": "jsonl", ".json": "jsonl", ".npy": "npy", ".tsv": "tsv", ".bin": "word2vec-bin"}
COUNTED = ("word2vec", "word2vec-bin", "npy")  # begin with how many rows there are
NUMBERS = 20_000  # written at a time: the arrays stay in the processor's cache
COPY = 1 << 20


@dataclass(slots=True)
class Labelled:
    """N vectors and what they belong to."""

    labels: Sequence[str]  # (N,) words or lines
    matrix: FloatArray  # (N, D)
    records: Sequence[dict[str, Any]] | None = None  # (N,) JSON objects to which `vector` is added


def by_name(path: Path | None) -> str:
    """The format that a file's name tells; empty if none.

    >>> by_name(Path("vectors.tsv.gz")), by_name(Path("vectors.txt"))
    ('tsv', '')
    """
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".xz")] if path else []
    return ENDINGS.get(suffixes[-1].lower(), "") if suffixes else ""


def batches(vectors: Vectors, name: str = "word") -> Iterator[Labelled]:
    """All words with their vectors, as `write` takes them."""
    rows = max(1, NUMBERS // vectors.dimensions)
    words = list(vectors.words)
    for start in range(0, len(words), rows):
        part = slice(start, start + rows)
        yield Labelled(words[part], vectors.take(np.arange(*part.indices(len(words)))), [{name: word} for word in words[part]])


def write(kind: str, parts: Iterable[Labelled], width: int, total: int | None = None) -> Iterator[bytes]:
    """The bytes of a file of some format, a batch at a time.

    Args:
        kind: one of FORMATS
        parts: batches; one without rows is a pause of the input and gives nothing
        width: numbers of each vector
        total: how many rows there will be, where that is known
    """
    keep_memory()
    encode = ENCODERS[kind]
    if kind not in COUNTED:
        for part in parts:
            yield from map(encode, pieces(part))
    elif total is not None:
        yield header(kind, total, width)
        for part in parts:
            yield from map(encode, pieces(part))
    else:
        yield from spooled(kind, parts, width)


def spooled(kind: str, parts: Iterable[Labelled], width: int) -> Iterator[bytes]:
    """The rows by way of a temporary file, the header first."""
    import tempfile

    with tempfile.TemporaryFile() as file:
        total = 0
        for part in parts:
            total += len(part.matrix)
            for piece in pieces(part):
                file.write(ENCODERS[kind](piece))
        yield header(kind, total, width)
        file.seek(0)
        while data := file.read(COPY):
            yield data


def pieces(part: Labelled) -> Iterator[Labelled]:
    """A batch in parts of about NUMBERS numbers."""
    rows = max(1, NUMBERS // max(1, part.matrix.shape[1]))
    for start in range(0, len(part.matrix), rows):
        piece = slice(start, start + rows)
        yield Labelled(part.labels[piece], part.matrix[piece], part.records and part.records[piece])


def header(kind: str, total: int, width: int) -> bytes:
    """What stands before the rows."""
    if kind != "npy":
        return b"%d %d\n" % (total, width)
    about = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({total}, {width}), }}"
    about += " " * (-(len(about) + 11) % 64) + "\n"  # the numbers begin at a multiple of 64
    return b"\x93NUMPY\x01\x00%b%b" % (len(about).to_bytes(2, "little"), about.encode())


def encode_blanks(part: Labelled) -> bytes:
    """`word 0.1 0.2`."""
    return join(one_field(part.labels), shown(part.matrix, b" "), b" ")


def encode_tsv(part: Labelled) -> bytes:
    """`word<TAB>0.1<TAB>0.2`."""
    labels = [" ".join(label.replace("\t", "\n").split("\n")) for label in part.labels]
    return join(encoded(labels), shown(part.matrix, b"\t"), b"\t")


def encode_jsonl(part: Labelled) -> bytes:
    """`{"word": "the", "vector": [0.1, 0.2]}`."""
    records = part.records if part.records is not None else [{"word": label} for label in part.labels]
    heads = []
    for record in records:
        record.pop("vector", None)
        said = json.dumps(record, ensure_ascii=False)[:-1]
        heads.append(said + ', "vector": [' if len(said) > 1 else said + '"vector": [')
    return b"".join(b"%b%b]}\n" % pair for pair in zip(encoded(heads, "backslashreplace"), shown(part.matrix, b", "), strict=True))


def encode_npy(part: Labelled) -> bytes:
    """The numbers alone."""
    return np.ascontiguousarray(part.matrix, dtype="<f4").tobytes()


def encode_binary(part: Labelled) -> bytes:
    """The word, a blank, its numbers as bytes, a line end as word2vec writes it."""
    rows = np.ascontiguousarray(part.matrix, dtype="<f4")
    return b"".join(b"%b %b\n" % (label, row.tobytes()) for label, row in zip(one_field(part.labels), rows, strict=True))


def one_field(labels: Sequence[str]) -> list[bytes]:
    """Labels without ASCII's blanks, none empty.

    >>> one_field(["New York", "", "cat"])
    [b'New_York', b'_', b'cat']
    """
    return [b"_".join(label.split()) or b"_" for label in encoded(labels)]


def encoded(labels: Iterable[str], errors: str = "surrogatepass") -> list[bytes]:
    """As UTF-8."""
    return [label.encode("utf-8", errors) for label in labels]


def join(labels: Sequence[bytes], numbers: Sequence[bytes], separator: bytes) -> bytes:
    """A row a label."""
    return b"".join([b"%b%b%b\n" % (label, separator, row) for label, row in zip(labels, numbers, strict=True)])


ENCODERS: dict[str, Callable[[Labelled], bytes]] = {
    "word2vec": encode_blanks,
    "word2vec-bin": encode_binary,
    "glove": encode_blanks,
    "tsv": encode_tsv,
    "jsonl": encode_jsonl,
    "npy": encode_npy,
}


def check_words(kind: str, words: Iterable[str]) -> None:
    """Raises Failure: a word holds a blank, which would come back as another word."""
    if kind in ("word2vec", "word2vec-bin", "glove"):
        wrong = next((word for word in words if not word or set(word) & set(" \t\r\f\v")), None)
        if wrong is not None:
            raise Failure(f"the word {wrong!r} holds a blank or nothing, which {kind} cannot", hint="use -f tsv or -f jsonl")
