"""The files that GPT-2 and BERT came with, as tokenizers of the `tokenizers` library: vocab.json with merges.txt, and vocab.txt.

What stands beside them in a Hugging Face folder (tokenizer_config.json, special_tokens_map.json, added_tokens.json) is heeded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli.errors import Failure

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

VOCAB_JSON, MERGES, VOCAB_TXT = "vocab.json", "merges.txt", "vocab.txt"
ROLES = ("unk_token", "bos_token", "eos_token", "sep_token", "cls_token", "pad_token", "mask_token")
GPT2_SPECIAL = ("<|endoftext|>",)
ROBERTA_SPECIAL = ("<s>", "</s>", "<unk>", "<pad>", "<mask>")
BERT_SPECIAL = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")


def gpt2(path: Path) -> Tokenizer:
    """Byte-level BPE from `vocab.json` and the `merges.txt` beside it.

    Raises:
        Failure: one of them is missing, or is not what GPT-2 has.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = path.parent
    vocab = read_vocab_json(path)
    merges = read_merges(folder / MERGES, path)
    if not any("\u0120" in piece for piece in vocab) and any(piece.endswith("</w>") for piece in vocab):
        raise Failure(f"{path} has pieces with </w>, so it is not GPT-2's byte-level layout", hint="use its tokenizer.json")
    for left, right in merges:
        for piece in (left, right, left + right):
            if piece not in vocab:
                raise Failure(f"{folder / MERGES} does not belong to {path}: {piece!r} is not in the vocabulary")
    settings = read_settings(folder)
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=bool(settings.get("add_prefix_space", False)))
    tokenizer.decoder = decoders.ByteLevel()
    roberta = all(name in vocab for name in ROBERTA_SPECIAL)
    add_special(tokenizer, vocab, settings, ROBERTA_SPECIAL if roberta else GPT2_SPECIAL, "<mask>" if roberta else "")
    return tokenizer


def bert(path: Path) -> Tokenizer:
    """WordPiece from a `vocab.txt`, a piece a line.

    Text is lower-cased where tokenizer_config.json says so or, without one, where the vocabulary has no capital letters.

    Raises:
        Failure: it has no piece for the unknown.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    vocab = {line.removesuffix("\r"): i for i, line in enumerate(read_text(path).removesuffix("\n").split("\n"))}
    settings = read_settings(path.parent)
    unknown = content(settings.get("unk_token", "[UNK]"))
    if unknown not in vocab:
        raise Failure(f"{path} is not a vocabulary of BERT: it has no {unknown}")
    lower = settings.get("do_lower_case")
    if lower is None:
        lower = not any(piece != piece.lower() for piece in vocab if not piece.startswith("["))
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        strip_accents=settings.get("strip_accents"),
        lowercase=bool(lower),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    add_special(tokenizer, vocab, settings, BERT_SPECIAL)
    return tokenizer


def read_vocab_json(path: Path) -> dict[str, int]:
    """A vocabulary as a JSON object of pieces and their ids."""
    found = read_json(path)
    if not isinstance(found, dict) or not found or not all(type(i) is int and i >= 0 for i in found.values()):
        raise Failure(f"{path} is not a vocabulary: it has to be a JSON object of pieces and their ids")
    return found


def read_merges(path: Path, vocab: Path) -> list[tuple[str, str]]:
    """The merges, a pair a line, the first merged first."""
    if not path.is_file():
        raise Failure(f"{vocab} needs {path.name} beside it, and there is none in {path.parent}")
    merges: list[tuple[str, str]] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        pair = line.removesuffix("\r").split(" ")
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        if len(pair) != 2 or not all(pair):
            raise Failure(f"{path}, line {number}: expected two pieces with a blank between them")
        merges.append((pair[0], pair[1]))
    return merges


def add_special(
    tokenizer: Tokenizer, vocab: Mapping[str, int], settings: Mapping[str, Any], usual: tuple[str, ...], greedy: str = ""
) -> None:
    """Make the special pieces those that text is first cut at; `greedy` takes the blank before it."""
    from tokenizers import AddedToken

    found: dict[str, AddedToken] = {
        name: AddedToken(name, special=True, normalized=False, lstrip=name == greedy) for name in usual if name in vocab
    }
    for token in special_tokens(settings):
        name = content(token)
        flags = {key: bool(token[key]) for key in ("lstrip", "rstrip", "single_word", "normalized") if key in token} if isinstance(
            token, dict
        ) else {"normalized": False, "lstrip": name == greedy}  # fmt: skip
        found[name] = AddedToken(name, special=True, **flags)
    order = sorted(found, key=lambda name: vocab.get(name, len(vocab)))
    tokenizer.add_special_tokens([found[name] for name in order])


def special_tokens(settings: Mapping[str, Any]) -> Iterator[Any]:
    """What a folder's settings name as special, as text or with flags."""
    for role in ROLES:
        if settings.get(role):
            yield settings[role]
    extra = settings.get("additional_special_tokens") or settings.get("extra_special_tokens") or []
    yield from extra.values() if isinstance(extra, dict) else extra
    decoder = settings.get("added_tokens_decoder") or {}
    yield from (decoder[key] for key in sorted(decoder, key=int))


def content(token: Any) -> str:
    """A special token's text, which may come with flags."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)


def read_settings(folder: Path) -> dict[str, Any]:
    """What tokenizer_config.json and special_tokens_map.json of a folder say together; nothing where there are none."""
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            part = read_json(folder / name)
            if not isinstance(part, dict):
                raise Failure(f"{folder / name} is not a JSON object")
            found |= part
    return found


def read_json(path: Path) -> Any:
    """Raises Failure: not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path} is not JSON: {error}") from None


def read_text(path: Path) -> str:
    """Raises Failure: unreadable, or not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 text: byte {error.start + 1}") from None
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
