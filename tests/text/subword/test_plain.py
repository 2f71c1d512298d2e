"""What Python does by itself is what the `tokenizers` package does, or it is left to the package."""

import json
import pickle
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.text.subword import plain
from seqcli.text.subword.engine import Engine
from seqcli.text.subword.library import Library
from seqcli.text.subword.open import open_tokenizer
from seqcli.text.subword.plain import NotPlainError, Plain
from seqcli.text.subword.shown import Texts
from tests.test_startup import HEAVY, modules_after
from tests.text.subword.test_learn import ANY, TEXT, learned

SETTINGS: dict[str, Any] = {
    "as it is": {},
    "words": {"pre_tokenization": "words"},
    "whole lines": {"pre_tokenization": "none", "vocab_size": 500},
    "digits": {"split_digits": True, "pre_tokenization": "words"},
    "no bytes": {"byte_fallback": False, "coverage": 0.9},
    "lower case": {"normalization": ("nfkc", "lowercase")},
    "nfc": {"normalization": ("nfc",)},
    "other special tokens": {"special_tokens": ("<é>", "[a]"), "pre_tokenization": "words"},
}
LINES = st.lists(
    st.one_of(ANY, st.sampled_from([*TEXT.split("\n"), "the cat", "  A ", "a\tb", '"\\', "é\u0301 ²½ ٣", "x" * 70])), max_size=4
)


def folder(path, kind="bpe", **changes):
    """A folder with what training gives."""
    path.mkdir(exist_ok=True)
    (path / "tokenizer.json").write_text(learned(kind, **changes).tokenizer, encoding="utf-8")
    (path / "config.json").write_text(json.dumps({"model": kind}))
    return path


@pytest.mark.parametrize("name", SETTINGS)
def test_ids_and_texts_are_those_of_the_package(name, tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "ENOUGH", 1 << 30)
    tokenizer = open_tokenizer(str(folder(tmp_path, **SETTINGS[name])))
    package = Library.read(tmp_path / "tokenizer.json")
    assert isinstance(tokenizer, Plain)
    assert list(tokenizer.vocabulary) == list(package.vocabulary)

    @settings(max_examples=150)
    @given(LINES, st.lists(st.integers(0, len(package.vocabulary) - 1)))
    def law(lines, ids):
        for line, wanted in zip(lines, package.encode(lines), strict=True):
            assert tokenizer.row(line) in (wanted, None)
            assert tokenizer.decode(wanted) == package.decode(wanted)
        assert tokenizer.decode(ids) == package.decode(ids)

    law()
    assert tokenizer.row("The cat sat on the mat, and the dog saw the cat.") is not None
    assert not tokenizer.loaded


@pytest.mark.parametrize("options", ["", "--ids"])
def test_a_short_text_does_not_load_the_package(options, tmp_path):
    assert not modules_after("tokenize", "-m", folder(tmp_path), *options.split()) & {*HEAVY, "numpy"}


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_every_character(step, tmp_path):
    tokenizer = Plain.read(folder(tmp_path) / "tokenizer.json")
    package = Library.read(tmp_path / "tokenizer.json")
    lines = [
        f"a{c}b {c} 1{c}{c}2 .{c}\t{c}" for c in map(chr, range(0, 0x110000, step)) if unicodedata.category(c) != "Cs" and c != "\n"
    ]
    words = [(line, words) for line in lines if (words := tokenizer.words(line)) is not None]
    assert len(words) > 80_000 // step
    cut = package.tokenizer.pre_tokenizer
    assert all(found == [word for word, _ in cut.pre_tokenize_str(" " + line)] for line, found in words)


def test_what_the_package_does(tmp_path, monkeypatch):
    path = folder(tmp_path)
    package = Library.read(path / "tokenizer.json")
    for lines in (["the cat", "\u3000"], ["a\0"], ["x" * 65], ["😀"]):
        tokenizer = Plain.read(path / "tokenizer.json", "bpe")
        assert tokenizer.encode(lines[:1] * (len(lines) - 1)) == package.encode(lines[:1] * (len(lines) - 1))
        assert not tokenizer.loaded
        assert tokenizer.encode(lines) == package.encode(lines)
        assert tokenizer.loaded
    for use in ("separable", "unknown"):
        assert getattr(Plain.read(path / "tokenizer.json"), use) == getattr(package, use)
    assert Plain.read(path / "tokenizer.json").pieces("the cat") == package.pieces("the cat")
    assert Plain.read(path / "tokenizer.json").scores() == package.scores()
    assert pickle.loads(pickle.dumps(Plain.read(path / "tokenizer.json"))).encode(["the"]) == package.encode(["the"])
    monkeypatch.setattr(plain, "ENOUGH", 3)
    tokenizer = Plain.read(path / "tokenizer.json")
    assert tokenizer.encode(["the cat on", "the"]) == package.encode(["the cat on", "the"])
    assert not tokenizer.loaded
    assert tokenizer.encode(["the cat on the mat"]) == package.encode(["the cat on the mat"])
    assert tokenizer.loaded


def test_ids_out_of_range(tmp_path):
    tokenizer = Plain.read(folder(tmp_path) / "tokenizer.json")
    for number in (-1, len(tokenizer.vocabulary)):
        with pytest.raises(Failure, match="not in the vocabulary"):
            tokenizer.decode([number])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_symbols_keep_lines_separable(kind, tmp_path):
    tokenizer = open_tokenizer(str(folder(tmp_path, kind, symbols=("<sep>", "@", "the"), vocab_size=500)))
    assert tokenizer.separable
    assert not isinstance(tokenizer, Plain)
    engine = Engine(tokenizer, Texts(tokenizer, ids=True).__getitem__, bits=12, units=1 << 14)
    pieces = st.sampled_from(["<sep>", "@", "the", "<s>", " ", "  ", "a", "cat", ".", "<", "é", "\t", "▁"])

    @settings(max_examples=200)
    @given(st.lists(st.lists(pieces, max_size=9).map("".join), max_size=9))
    def law(lines):
        wanted = "".join(" ".join(map(str, ids)) + "\n" for ids in tokenizer.encode(lines))
        assert engine("".join(line + "\n" for line in lines).encode()).decode() == wanted

    law()


OTHERS = {
    "merges": lambda parts: parts["model"]["merges"].reverse(),
    "merges in one": lambda parts: parts["model"].update(merges=[" ".join(pair) for pair in parts["model"]["merges"]]),
    "an option": lambda parts: parts["model"].update(ignore_merges=True),
    "dropout": lambda parts: parts["model"].update(dropout=0.1),
    "ids": lambda parts: parts["model"]["vocab"].update({"<pad>": 1, "<s>": 0}),
    "bytes": lambda parts: parts["model"]["vocab"].pop("<0xFF>"),
    "no normalizer": lambda parts: parts.update(normalizer=None),
    "a normalizer": lambda parts: parts["normalizer"].update(prepend="▁"),
    "another": lambda parts: parts["normalizer"].update(type="Replace"),
    "an added token": lambda parts: parts["added_tokens"].append({"id": 0, "content": "<s>"}),
    "no pre-tokenizer": lambda parts: parts.update(pre_tokenizer=None),
    "behavior": lambda parts: parts["pre_tokenizer"].update(behavior="Removed"),
    "a pattern": lambda parts: parts["pre_tokenizer"]["pattern"].update(Regex=r"\p{Han}+"),
    "a group": lambda parts: parts["pre_tokenizer"]["pattern"].update(Regex=r"(a)"),
    "a string": lambda parts: parts["pre_tokenizer"].update(pattern={"String": " "}),
    "decoder": lambda parts: parts["decoder"]["decoders"].pop(),
    "no model": lambda parts: parts.pop("model"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_tokenizers_of_another_form(name, tmp_path):
    parts = json.loads(learned("bpe").tokenizer)
    OTHERS[name](parts)
    (tmp_path / "tokenizer.json").write_text(json.dumps(parts))
    with pytest.raises(NotPlainError):
        Plain.read(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "1", '{"model": []}', "\udcff"])
def test_what_is_no_tokenizer_is_said_so(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(content, errors="surrogateescape")
    (tmp_path / "config.json").write_text('{"model": "bpe"}')
    with pytest.raises(Failure, match=re.escape(str(tmp_path))):
        open_tokenizer(str(tmp_path))
