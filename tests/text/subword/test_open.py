"""What a name means, and what is said of one that means nothing."""

import json

import pytest

from seqcli.data import folder
from seqcli.errors import Failure
from seqcli.text.subword import open as opening
from seqcli.text.subword.open import open_tokenizer
from tests.text.subword.test_sentencepiece import GOOD


def library(path, words=("the", "cat", "?")):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(1)
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("name", ["tokenizer.json", "other.json", "no-suffix"])
def test_a_tokenizer_json(tmp_path, name):
    found = open_tokenizer(str(library(tmp_path / name)))
    assert found.encode(["the cat the"]) == [[0, 1, 0]]


def test_folders(tmp_path):
    library(tmp_path / "tokenizer.json")
    assert open_tokenizer(str(tmp_path)).kind == "word"
    (tmp_path / "config.json").write_text('{"model": "unigram"}')
    assert open_tokenizer(str(tmp_path)).kind == "unigram"
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(Failure, match=r"holds no tokenizer \(known: tokenizer.json"):
        open_tokenizer(str(tmp_path))
    (tmp_path / "spiece.model").write_bytes(GOOD)
    assert list(open_tokenizer(str(tmp_path)).vocabulary) == ["<unk>", "a", "b"]
    (tmp_path / "other.model").write_bytes(GOOD)
    with pytest.raises(Failure, match=r"several tokenizers: other.model, spiece.model"):
        open_tokenizer(str(tmp_path))


def test_shipped_names(tmp_path, monkeypatch):
    (tmp_path / "en-small").mkdir()
    library(tmp_path / "en-small" / "tokenizer.json")
    monkeypatch.setattr(folder, "PRETRAINED", tmp_path)
    assert opening.shipped() == ["en-small"]
    assert open_tokenizer("en-small").kind == "word"
    with pytest.raises(Failure, match=r"no tokenizer 'en-smal'.*did you mean 'en-small'\?"):
        open_tokenizer("en-smal")


@pytest.mark.parametrize(("name", "data", "said"), [
    ("a.json", b"{", "a.json is not JSON"),
    ("a.json", b"[1, 2]", "but a JSON list"),
    ("a.json", b"{}", "but a JSON object without a model"),
    ("a.json", b'{"model": "unigram", "task": "x"}', "not a tokenizer.json: it has model, task"),
    ("a.json", b'{"model": {"type": "Magic"}}', "not a tokenizer.json"),
    ("tokenizer.json", b"{}", "JSON object without a model"),
    ("a.json", b"\xff\xfe", "not UTF-8"),
    ("a.model", b"hello there", "not a SentencePiece model, or it is cut short"),
    ("a.model", GOOD[:15], "not a SentencePiece model, or it is cut short"),
    ("a.model", b"", "is empty"),
    ("a.txt", b"just some text\nhere\n", "no tokenizer that is known here"),
    ("vocab.txt", b"a\nb\n", r"has no \[UNK\]"),
    ("picture.png", b"\x89PNG\r\n\x1a\n\0\0", "not a SentencePiece model"),
])  # fmt: skip
def test_files_that_are_something_else(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Failure, match=said) as raised:
        open_tokenizer(str(tmp_path / name))
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_vocabulary_that_looks_like_a_tokenizer(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({'"model"': 0}))
    with pytest.raises(Failure, match=r"vocab.json"):
        open_tokenizer(str(tmp_path / "vocab.json"))


def test_model_files_by_content(tmp_path):
    (tmp_path / "no-suffix").write_bytes(GOOD)
    assert open_tokenizer(str(tmp_path / "no-suffix")).kind == "unigram"
