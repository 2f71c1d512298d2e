"""Small tokenizers: those of the `tokenizers` package, and one that is hard to serve."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from seqcli.text.subword.library import Library
from seqcli.text.subword.tokenizer import Piece, Subword

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
LINES = [
    "The cat sat on the mat.", "the cats  sat on mats", "An old man is sleeping", "ein alter Mann schläft", "1984 and 2024", "7",
    "  two blanks before", "and after  ", "don't ask 😀", "naïve café, 猫が座った", "Ωμέγα", "a_b ▁ c", "\ttab\tand \t blanks",
] * 3  # fmt: skip


def library(kind: str) -> Library:
    """A tokenizer of the package that has seen LINES."""
    found = Library(trained(kind), kind)
    assert found.separable
    return found


@cache
def trained(kind: str):
    """A tokenizer of LINES."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    quiet: Any = {"vocab_size": 420, "show_progress": False}
    trainer: Any
    if kind == "byte-bpe":
        inner = Tokenizer(models.BPE())
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **quiet)
    elif kind == "wordpiece":
        inner = Tokenizer(models.WordPiece(unk_token="<unk>"))
        inner.normalizer = normalizers.BertNormalizer(lowercase=True)
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        inner.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(special_tokens=["<unk>"], **quiet)
    else:
        inner = Tokenizer(models.BPE(byte_fallback=True) if kind == "bpe" else models.Unigram())
        inner.normalizer = normalizers.Prepend(" ")
        inner.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[^\s\p{Cc}]+|[^\S ]+|\p{Cc}| +"), "isolated")
        inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        bytes_too = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = (
            trainers.BpeTrainer(special_tokens=bytes_too, **quiet)
            if kind == "bpe"
            else trainers.UnigramTrainer(special_tokens=["<unk>"], unk_token="<unk>", **quiet)
        )
    inner.train_from_iterator([line.replace("▁", "") for line in LINES], trainer)
    return inner


class Awkward:
    """Every character is a piece, but: `x` is nothing; blanks that end a line are one piece, and four blanks are one inside;
    `q` doubles the piece that follows it, be it another word's, and `z` begins or ends no chunk that stands alone."""

    kind = "char"
    separable = True
    unknown = None
    vocabulary: Sequence[str] = [*map(chr, range(32, 127)), "    ", "end"]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.line(text) for text in texts]

    def encode_inside(self, chunks: Sequence[str]) -> list[list[int] | None]:
        return [None if "q" in chunk or "z" in chunk else self.numbers(chunk) for chunk in chunks]

    def encode_begin(self, chunks: Sequence[str]) -> Sequence[list[int] | None]:
        return [None if ids is None else self.line(chunk) for ids, chunk in zip(self.encode_inside(chunks), chunks, strict=True)]

    def line(self, text: str) -> list[int]:
        body = text.rstrip(" ")
        ids = self.numbers(body)
        for i in range(len(ids) - 1, 0, -1):
            if self.vocabulary[ids[i - 1]] == "q":
                ids.insert(i, ids[i])
        return ids + ([len(self.vocabulary) - 1] if body != text else [])

    def numbers(self, text: str) -> list[int]:
        ids = [self.vocabulary.index("    ")] * text.count("    ")
        return ids + [ord(c) % 95 for c in text.replace("    ", "") if c != "x"]

    def pieces(self, text: str) -> list[Piece]:
        raise NotImplementedError

    def decode(self, ids: Sequence[int]) -> str:
        raise NotImplementedError

    def scores(self) -> None:
        return None


KINDS = ("bpe", "unigram", "byte-bpe", "wordpiece")


def checked() -> list[Subword]:
    """All of them; a type checker sees that they keep the protocol."""
    return [*map(library, KINDS), Awkward()]
