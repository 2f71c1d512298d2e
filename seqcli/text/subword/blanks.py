"""What bpe and unigram have in common: pieces that keep the blank before a word, and bytes for what the vocabulary lacks.

A blank goes before every line, a word is a blank and what follows it, and decoding takes one blank away again: nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli.text.subword import learn
from seqcli.text.subword.learn import UNKNOWN, Json, Learned, Material, Report, literal

BYTES = learn.BYTES


@dataclass(frozen=True)
class Settings(learn.Settings):
    """The settings of bpe and unigram, whose pieces keep the blanks."""

    pre_tokenization: str = "punctuation"  # words | punctuation (apart from letters and from digits) | none (whole lines)
    split_digits: bool = False  # every digit by itself
    byte_fallback: bool = True  # else what the vocabulary lacks is <unk>
    coverage: float = 0.9995  # of the text by the characters in the vocabulary, as SentencePiece means it
    max_piece_length: int = 16  # characters


def gather(files: Sequence[str], settings: Settings, unknown: bool, report: Report) -> tuple[Material, Settings]:
    """What bpe and unigram learn from, and their settings with the symbols as normalization leaves them, after which they are sought.

    `unknown` is whether the vocabulary has `<unk>`.
    """
    found = learn.gather(files, settings, learn.whole_lines if settings.pre_tokenization == "none" else learn.begun)
    symbols = tuple(dict.fromkeys(learn.through(symbol, found.steps) for symbol in settings.symbols))
    settings = replace(settings, symbols=symbols)
    spelled = 256 * settings.byte_fallback
    special = len(first_pieces(settings, unknown)) - spelled - len(symbols)
    parts = {"special tokens": special, "bytes": spelled, "symbols": len(symbols), "characters": len(found.characters) + 1}
    learn.check_size(settings, parts)
    report(found.summary)
    return found, settings


def first_pieces(settings: Settings, unknown: bool) -> list[str]:
    """The pieces that are not learned, in the order of their ids."""
    missing = [UNKNOWN] if unknown and UNKNOWN not in settings.special_tokens else []
    return [*settings.special_tokens, *missing, *BYTES[: 256 * settings.byte_fallback], *settings.symbols]


def finish(model: Json, material: Material, settings: Settings) -> Learned:
    """The tokenizer of a bpe or unigram model."""
    from tokenizers import decoders, normalizers

    join = [*[decoders.ByteFallback()] * settings.byte_fallback, decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    steps = [*material.steps, normalizers.Prepend(" ")]
    made = learn.assemble(model, steps=steps, pre_tokenizer=pre_tokenizer(settings), decoder=decoders.Sequence(join))
    return Learned(made, material.text)


def marks(settings: Settings) -> str:
    """Punctuation that the pre-tokenizer takes off the end of a word."""
    return '.,;:!?"' if settings.pre_tokenization == "punctuation" else ""


def pre_tokenizer(settings: Settings) -> Any:
    """The pre-tokenizer of bpe and unigram: words with the blank before them, nothing lost.

    A run of blanks leaves its last one to the word. What spells a special token or a byte (`<0x41>`) is cut after its first
    character, so that no piece can be taken for one; with punctuation apart from letters that cannot happen anyway.
    """
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Sequence as Chain
    from tokenizers.pre_tokenizers import Split

    mode = settings.pre_tokenization
    rest = [r"[^\S ]+", r"\p{Cc}", " +"]  # white space of other kinds, control characters, blanks at the end
    number = [r" ?\p{N}" if settings.split_digits else r" ?\p{N}+"]
    patterns = {
        "words": [*number * settings.split_digits, r" ?[^\s\p{N}\p{Cc}]+" if settings.split_digits else r" ?[^\s\p{Cc}]+"],
        "punctuation": [r" ?[\p{L}\p{M}]+", *number, r" ?[^\s\p{L}\p{M}\p{N}\p{Cc}]+"],
    }
    symbols = [literal(settings.symbols)] if settings.symbols else []
    guards = [f"{re.escape(token[0])}(?={re.escape(token[1:])})" for token in (*settings.special_tokens, UNKNOWN)]
    guards = [] if mode == "punctuation" else [*guards, "<(?=0x[0-9A-F]{2}>)"]
    steps = [[*symbols, *guards]] if symbols or guards else []
    steps += [[*symbols, r" +(?= [^ ])", *patterns[mode], *rest]] if mode in patterns else []
    found = [Split(Regex("|".join(step)), "isolated") for step in steps]
    return found[0] if len(found) == 1 else Chain(found)
