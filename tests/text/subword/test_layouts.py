"""GPT-2's and BERT's files: settings beside them, special pieces, errors."""

import json

import pytest

from seqcli.errors import Failure
from seqcli.text.subword.open import open_tokenizer

VOCAB = {"a": 0, "b": 1, "\u0120": 2, "ab": 3, "\u0120ab": 4, "<|endoftext|>": 5}
MERGES = "#version: 0.2\na b\n\u0120 ab\n"
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "e", "##a", ","]


def gpt2(folder, vocab=VOCAB, merges=MERGES, **settings):
    (folder / "vocab.json").write_text(json.dumps(vocab))
    if merges is not None:
        (folder / "merges.txt").write_text(merges, encoding="utf-8")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def bert(folder, pieces=BERT, **settings):
    (folder / "vocab.txt").write_text("\n".join([*pieces, ""]), encoding="utf-8")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_gpt2(tmp_path):
    for name in (".", "vocab.json", "merges.txt"):
        ours = open_tokenizer(str(gpt2(tmp_path) / name))
        assert ours.encode(["ab ab<|endoftext|>a", ""]) == [[3, 4, 5, 0], []]
        assert (ours.kind, ours.decode([3, 4])) == ("byte-bpe", "ab ab")
    assert open_tokenizer(str(gpt2(tmp_path, add_prefix_space=True))).encode(["ab"]) == [[4]]


def test_roberta(tmp_path):
    """Its mask takes the blank before it."""
    vocab = VOCAB | {"<s>": 6, "</s>": 7, "<unk>": 8, "<pad>": 9, "<mask>": 10}
    assert open_tokenizer(str(gpt2(tmp_path, vocab))).encode(["ab <mask><s>a"]) == [[3, 10, 6, 0]]


@pytest.mark.parametrize(("vocab", "merges", "said"), [
    (VOCAB, None, "vocab.json needs merges.txt beside it"),
    (VOCAB, "#version: 0.2\na b c\n", "merges.txt, line 2: expected two pieces"),
    (VOCAB, "a x\n", "'x' is not in the vocabulary"),
    ({"a": 0, "b</w>": 1}, "a b</w>\n", "not GPT-2's byte-level layout"),
    ({"a": "0"}, MERGES, "is neither a tokenizer.json nor a vocab.json"),
])  # fmt: skip
def test_broken_gpt2(tmp_path, vocab, merges, said):
    with pytest.raises(Failure, match=said):
        open_tokenizer(str(gpt2(tmp_path, vocab, merges) / "vocab.json"))


def test_merges_alone(tmp_path):
    (tmp_path / "merges.txt").write_text(MERGES, encoding="utf-8")
    with pytest.raises(Failure, match=r"needs vocab\.json beside it"):
        open_tokenizer(str(tmp_path / "merges.txt"))


@pytest.mark.parametrize(("pieces", "settings", "text", "ids"), [
    (BERT, {}, "AB, \u00e9", [5, 7, 10, 8]),
    ([*BERT, "A"], {}, "AB a", [1, 5]),
    ([*BERT, "A"], {}, "Ab", [11, 7]),
    ([*BERT, "A"], {"do_lower_case": True}, "AB", [5, 7]),
    (BERT, {"do_lower_case": False}, "A [MASK]a", [1, 4, 5]),
    (BERT, {"strip_accents": False}, "\u00e9", [1]),
])  # fmt: skip
def test_bert(tmp_path, pieces, settings, text, ids):
    ours = open_tokenizer(str(bert(tmp_path, pieces, **settings)))
    assert ours.encode([text]) == [ids]
    assert (ours.kind, ours.unknown) == ("wordpiece", 1)


def test_special_pieces_with_flags(tmp_path):
    ours = open_tokenizer(str(bert(tmp_path, mask_token={"content": "[MASK]", "lstrip": True}, additional_special_tokens=["bb"])))
    assert ours.encode(["a [MASK] bb"]) == [[5, 4, 11]]


def test_broken_bert(tmp_path):
    with pytest.raises(Failure, match=r"vocab.txt is not a vocabulary of BERT: it has no \[UNK\]"):
        open_tokenizer(str(bert(tmp_path, ["a", "b"])))
    (bert(tmp_path) / "tokenizer_config.json").write_text("{")
    with pytest.raises(Failure, match=r"tokenizer_config\.json is not JSON"):
        open_tokenizer(str(tmp_path))
    (tmp_path / "vocab.txt").write_bytes(b"a\n\xff")
    with pytest.raises(Failure, match="not UTF-8 text: byte 3"):
        open_tokenizer(str(tmp_path))
