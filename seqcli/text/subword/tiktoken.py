"""tiktoken's `.tiktoken` files: byte sequences, each with its rank, which is its id.

tiktoken merges the two neighbours whose bytes together have the lowest rank. That is BPE with a list of merges: before any two
neighbours are merged to a sequence, what led to them was the run of the method over that sequence by itself, since nothing reached
across its ends; so each sequence comes from one pair only, and pairs that the run never meets do no harm in the list.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.errors import Failure

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# How text is cut before merging; white space as far as it goes with nothing visible after it, `\s++(?!\S)`, ends the text.
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s+(?!\S)|\s"
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++(?!\S)|\s*[\r\n]|\s+(?!\S)|\s"
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENDING}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENDING}?|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = rf"{ENDING}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA3.replace("{1,3}", "")

END, PREFIX, MIDDLE, SUFFIX, PROMPT = "<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endofprompt|>"
CODE = {END: 100257, PREFIX: 100258, MIDDLE: 100259, SUFFIX: 100260, PROMPT: 100276}
ENCODINGS: dict[str, tuple[str, int, dict[str, int]]] = {  # pattern, number of ranks, ids of special pieces
    "gpt2": (GPT2, 50256, {END: 50256}),
    "r50k_base": (GPT2, 50256, {END: 50256}),
    "p50k_edit": (GPT2, 50280, {END: 50256, PREFIX: 50281, MIDDLE: 50282, SUFFIX: 50283}),
    "p50k_base": (GPT2, 50280, {END: 50256}),
    "cl100k_base": (CL100K, 100256, CODE),
    "o200k_harmony": (O200K, 199998, {END: 199999, PROMPT: 200018}),
    "o200k_base": (O200K, 199998, {END: 199999, PROMPT: 200018}),
    "llama3": (LLAMA3, 128000, {"<|begin_of_text|>": 128000, "<|end_of_text|>": 128001}),
    "qwen": (QWEN, 151643, {END: 151643}),
}


def load(path: Path) -> Tokenizer:
    """The tokenizer of a file of ranks; how text is cut is known by the file's name or the number of ranks.

    Raises:
        Failure: a broken line, a byte without a rank, or an encoding that cannot be told.
    """
    ranks = read(path)
    return build(ranks, *known(path, len(ranks)))


def known(path: Path, size: int) -> tuple[str, dict[str, int]]:
    """How text is cut, and the special pieces.

    Raises:
        Failure: neither the name nor the number of ranks says.
    """
    for name, (pattern, _, special) in ENCODINGS.items():
        if name in path.name.lower():
            return pattern, special
    for pattern, count, special in reversed(ENCODINGS.values()):
        if count == size:
            return pattern, special
    raise Failure(
        f"{path} has {size} ranks, which is no encoding that is known here, so how it cuts text is not either",
        hint=f"name the file after one of {', '.join(ENCODINGS)}",
    )


def read(path: Path) -> dict[bytes, int]:
    """The ranks: a line has a byte sequence in base64, a blank, a number."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            sequence, rank = line.split()
            ranks[base64.b64decode(sequence, validate=True)] = int(rank)
        except (ValueError, binascii.Error):
            raise Failure(f"{path}, line {number}: expected bytes in base64, a blank and a rank") from None
    if len(set(ranks.values())) < len(ranks) or min(ranks.values(), default=0) < 0:
        raise Failure(f"{path} is not a file of ranks: some rank is there twice or negative")
    missing = next((byte for byte in range(256) if bytes([byte]) not in ranks), None)
    if missing is not None:
        raise Failure(f"{path} is not a file of ranks: the byte 0x{missing:02x} has none")
    return ranks


def build(ranks: dict[bytes, int], pattern: str, special: dict[str, int]) -> Tokenizer:
    """The same as BPE with merges, over the characters that stand for bytes."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    shown = characters()
    vocab = {sequence.decode("latin-1").translate(shown): rank for sequence, rank in ranks.items()}
    vocab |= {name: i for name, i in special.items() if i not in ranks.values()}
    tokenizer = Tokenizer(models.BPE(vocab, merges(ranks), ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def merges(ranks: dict[bytes, int]) -> list[tuple[str, str]]:
    """The pairs that give each sequence, by its rank.

    >>> merges({b"a": 0, b"b": 1, b"ab": 2, b"abb": 3})
    [('a', 'b'), ('ab', 'b')]
    """
    shown = characters()
    found: list[tuple[str, str]] = []
    for sequence in sorted((each for each in ranks if len(each) > 1), key=ranks.__getitem__):
        text = sequence.decode("latin-1").translate(shown)
        cuts = range(1, len(sequence))
        found += [(text[:at], text[at:]) for at in cuts if sequence[:at] in ranks and sequence[at:] in ranks]
    return found


def characters() -> dict[int, int]:
    """GPT-2's character for each byte: itself if it can be seen, else one from U+0100 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return {byte: byte for byte in seen} | {byte: 256 + i for i, byte in enumerate(sorted(set(range(256)) - set(seen)))}
