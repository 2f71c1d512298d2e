"""The tokenizer that a name, a folder or a file means, whoever made it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.data import folder
from seqcli.errors import Failure, nearest
from seqcli.text.subword.layouts import MERGES, VOCAB_JSON, VOCAB_TXT, bert, gpt2, read_json, read_text
from seqcli.text.subword.tokenizer import Subword

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER = "tokenizer.json"
RANKS = rb"[A-Za-z0-9+/]+={0,2} \d+\s*$"  # a line of a .tiktoken file; compiled when needed
CODES = r"\S+ \S+"  # a line of subword-nmt's
FORMATS = "tokenizer.json, a SentencePiece .model, vocab.json with merges.txt, vocab.txt, .tiktoken, subword-nmt codes"
KINDS = {"bpe": "bpe", "byte-bpe": "byte-bpe", "byte_bpe": "byte-bpe", "unigram": "unigram", "wordpiece": "wordpiece",
         "char": "char", "word": "word"}  # fmt: skip


def open_tokenizer(name: str) -> Subword:
    """A shipped name, a model folder of ours, a Hugging Face folder, or a file of a format in FORMATS.

    Raises:
        Failure: there is no such thing, or it is not what it looks like; says what, and what is known.
    """
    path = Path(name)
    if path.is_dir():
        return open_folder(path)
    if path.is_file():
        return open_file(path)
    if path.exists():
        raise Failure(f"{name} is neither a file nor a folder")
    if (folder.PRETRAINED / name / TOKENIZER).is_file():
        return open_folder(folder.PRETRAINED / name)
    raise Failure(f"no tokenizer {name!r}: neither a file, nor a folder, nor a shipped one", hint=nearest(name, shipped()))


def shipped() -> list[str]:
    """The names of the tokenizers that come with the package."""
    return sorted(entry.parent.name for entry in folder.PRETRAINED.glob(f"*/{TOKENIZER}"))


def open_folder(path: Path) -> Subword:
    """The tokenizer in a folder: tokenizer.json, else vocab.json, else vocab.txt, else a SentencePiece model, else ranks."""
    if (path / TOKENIZER).is_file():
        kind = kind_of(path)
        return plain(path / TOKENIZER, kind) if kind == "bpe" else library(path / TOKENIZER, kind)
    if (path / VOCAB_JSON).is_file() and ((path / MERGES).is_file() or not (path / VOCAB_TXT).is_file()):
        return wrapped_gpt2(path / VOCAB_JSON)
    if (path / VOCAB_TXT).is_file():
        return wrapped_bert(path / VOCAB_TXT)
    for pattern in ("*.model", "*.tiktoken"):
        found = sorted(path.glob(pattern))
        if len(found) > 1:
            raise Failure(f"{path} has several tokenizers: {', '.join(file.name for file in found)}", hint="name one of them")
        if found:
            return open_file(found[0])
    raise Failure(f"{path} holds no tokenizer", hint=f"known: {FORMATS}")


def kind_of(path: Path) -> str:
    """The method that a model folder of ours names; empty where it is not ours."""
    if not (path / folder.CONFIG).is_file():
        return ""
    try:
        found = json.loads((path / folder.CONFIG).read_bytes())
    except (ValueError, RecursionError, OSError):
        return ""
    model = found.get("model") if isinstance(found, dict) else None
    return KINDS.get(model, "") if isinstance(model, str) else ""


def open_file(path: Path) -> Subword:
    """The tokenizer in a file, by its name and its beginning."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    if not head:
        raise Failure(f"{path} is empty")
    text = head.lstrip(b"\xef\xbb\xbf").lstrip()
    first = text.split(b"\n", 1)[0]
    if path.suffix == ".json" or text[:1] == b"{":
        return open_json(path)
    if path.suffix == ".tiktoken" or re.match(RANKS, first):
        from seqcli.text.subword import tiktoken

        return wrapped(tiktoken.load(path), "byte-bpe")
    if path.suffix == ".model" or b"\0" in head or head[:1] == b"\n":
        from seqcli.text.subword import sentencepiece

        return sentencepiece.load(path)
    if path.name == MERGES and (path.parent / VOCAB_JSON).is_file():
        return wrapped_gpt2(path.parent / VOCAB_JSON)
    if path.name == MERGES and "\u0120".encode() in head:
        raise Failure(f"{path} needs {VOCAB_JSON} beside it, and there is none in {path.parent}")
    if first.startswith(b"#version"):
        from seqcli.text.subword import subword_nmt

        return subword_nmt.load(path)
    return open_text(path)


def open_json(path: Path) -> Subword:
    """A tokenizer.json, or GPT-2's vocab.json."""
    text = read_text(path)
    if '"model"' in text:
        return library(path, "")
    found = read_json(path)
    if isinstance(found, dict) and found and all(type(i) is int for i in found.values()):
        return wrapped_gpt2(path)
    what = "a JSON object without a model" if isinstance(found, dict) else f"a JSON {type(found).__name__}"
    raise Failure(f"{path} is neither a tokenizer.json nor a vocab.json, but {what}")


def open_text(path: Path) -> Subword:
    """BERT's vocab.txt, or subword-nmt's codes of the oldest version, which have no first line."""
    lines = read_text(path).split("\n")
    if "[UNK]" in lines or path.name == VOCAB_TXT:
        return wrapped_bert(path)
    if len(lines) > 1 and all(re.fullmatch(CODES, line) for line in lines[:100][:-1]) and any("</w>" in line for line in lines):
        from seqcli.text.subword import subword_nmt

        return subword_nmt.load(path)
    raise Failure(f"{path} is no tokenizer that is known here", hint=f"known: {FORMATS}")


def plain(path: Path, kind: str) -> Subword:
    """A tokenizer.json of ours, for which the package is loaded only if it must be."""
    from seqcli.text.subword.plain import NotPlainError, Plain

    try:
        return Plain.read(path, kind)
    except NotPlainError:
        return library(path, kind)


def library(path: Path, kind: str) -> Subword:
    """A tokenizer.json."""
    from seqcli.text.subword.library import Library

    try:
        return Library.read(path, kind)
    except Failure:
        found = read_json(path)  # what it says is more to the point where it is no JSON at all
        if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
            what = f"it has {', '.join(list(map(str, found))[:4])}" if isinstance(found, dict) else f"it is a {type(found).__name__}"
            raise Failure(f"{path} is not a tokenizer.json: {what}") from None
        raise


def wrapped_gpt2(path: Path) -> Subword:
    """GPT-2's layout."""
    return wrapped(gpt2(path), "byte-bpe")


def wrapped_bert(path: Path) -> Subword:
    """BERT's layout."""
    return wrapped(bert(path), "wordpiece")


def wrapped(tokenizer: Tokenizer, kind: str) -> Subword:
    """A tokenizer of the package behind the protocol."""
    from seqcli.text.subword.library import Library

    return Library(tokenizer, kind)
