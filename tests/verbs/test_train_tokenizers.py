"""`seq train bpe` and its like from end to end: text in, a model folder out, or one line that says why not."""

import gzip
import json
import lzma
from pathlib import Path

import pytest

from seqcli.data import folder
from seqcli.models import registry
from seqcli.text.subword.library import Library
from tests.conftest import SAMPLES, seq

NOTES = SAMPLES / "notes.txt"
SMALL = ("--set", "vocab_size=330")
FILES = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]


def tokenizer_of(path: Path) -> bytes:
    return (path / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
def test_a_tokenizer_is_a_model_folder(kind, invoke, tmp_path):
    model = tmp_path / "my-model"
    found = invoke("train", kind, "--train", NOTES, "-o", model, *SMALL)
    assert (found.code, found.out) == (0, b"")
    assert f"wrote {model}" in found.err
    assert sorted(entry.name for entry in model.iterdir()) == FILES
    config = folder.read(model).config
    assert (config["model"], config["task"]) == (kind, "tokenization")
    assert config["recipe"]["vocab_size"] == 330
    assert config["trained_on"]["files"] == [NOTES.name]
    library = Library.read(model / "tokenizer.json")
    assert config["parameters"] == {"pieces": len(library.vocabulary), "unknown": library.unknown}
    card = (model / "README.md").read_text()
    assert all(f"\n## {part}\n" in card for part in ("Data", "Licence", "Recipe", "Measured", "Limits"))
    assert f"training fertility: {config['scores']['training fertility']:.2f}" in card
    assert str(tmp_path) not in card + json.dumps(config)
    assert invoke("models", "show", model).text == card


def test_names_may_have_an_underscore(invoke, tmp_path):
    for name in ("byte-bpe", "byte_bpe"):
        assert invoke("train", name, "--train", NOTES, "-o", tmp_path / name, *SMALL).code == 0
        assert folder.read_config(tmp_path / name)["model"] == "byte-bpe"
    assert tokenizer_of(tmp_path / "byte-bpe") == tokenizer_of(tmp_path / "byte_bpe")


def test_held_out_text_is_measured(invoke, tmp_path):
    (tmp_path / "dev.txt").write_text("a cat\n\nsat there\n" * 2000)
    found = invoke("train", "bpe", "--train", NOTES, "--dev", tmp_path / "dev.txt", "-o", tmp_path / "model", *SMALL)
    assert found.code == 0
    scores = folder.read_config(tmp_path / "model")["scores"]
    library = Library.read(tmp_path / "model" / "tokenizer.json")
    pieces = sum(map(len, library.encode(["a cat", "sat there"])))
    assert scores == {"dev fertility": round(pieces / 4, 4), "dev characters a piece": round(14 / pieces, 4)}


def test_files_of_every_kind_and_several(invoke, tmp_path):
    text = NOTES.read_bytes()
    half = text.index(b"\n", len(text) // 2) + 1
    (tmp_path / "a.gz").write_bytes(gzip.compress(text[:half]))
    (tmp_path / "b.xz").write_bytes(lzma.compress(text[half:].replace(b"\n", b"\r\n")))
    assert invoke("train", "bpe", "--train", NOTES, "-o", tmp_path / "one", *SMALL).code == 0
    assert invoke("train", "bpe", "--train", tmp_path / "a.gz", "--train", tmp_path / "b.xz", "-o", tmp_path / "two", *SMALL).code == 0
    assert invoke("train", "bpe", "--train", "-", "-o", tmp_path / "three", *SMALL, stdin=text).code == 0
    assert tokenizer_of(tmp_path / "one") == tokenizer_of(tmp_path / "two") == tokenizer_of(tmp_path / "three")
    assert folder.read_config(tmp_path / "two")["trained_on"]["lines"] == text.count(b"\n")


def test_settings(invoke, tmp_path):
    chosen = [
        "normalization=nfkc,lowercase",
        "special_tokens=<a>,<b>",
        'symbols=["<,>"]',
        "pre_tokenization=words",
        "coverage=1",
        "byte_fallback=no",
    ]
    options = [part for setting in chosen for part in ("--set", setting)]
    assert invoke("train", "bpe", "--train", NOTES, "-o", tmp_path / "model", *options).code == 0
    recipe = folder.read_config(tmp_path / "model")["recipe"]
    assert (recipe["normalization"], recipe["special_tokens"], recipe["symbols"]) == (["nfkc", "lowercase"], ["<a>", "<b>"], ["<,>"])
    library = Library.read(tmp_path / "model" / "tokenizer.json")
    assert list(library.vocabulary[:4]) == ["<a>", "<b>", "<unk>", "<,>"]
    (tmp_path / "mine.toml").write_text(
        f'model = "byte_bpe"\ntrain = ["{NOTES}"]\n[settings]\nspecial_tokens = ["<|end|>"]\nvocab_size = 300\n'
    )
    assert invoke("train", tmp_path / "mine.toml", "-o", tmp_path / "mine").code == 0
    assert Library.read(tmp_path / "mine" / "tokenizer.json").vocabulary[0] == "<|end|>"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bpe", "--set", "vocabsize=5"], 2, "unknown key 'vocabsize' (did you mean 'vocab_size'?)"),
        (["byte-bpe", "--set", "coverage=1"], 2, "unknown key 'coverage'"),
        (["bpee"], 2, "no model is called 'bpee' (did you mean 'bpe'?)"),
        (["bpe", "--set", "vocab_size=0"], 2, "vocab_size=0: expected a number from 1"),
        (["bpe", "--set", "vocab_size=many"], 2, "vocab_size=many: expected int"),
        (["bpe", "--set", "vocab_size=50"], 1, "vocab_size=50 is smaller than the alphabet: at least 3"),
        (["unigram", "--set", "normalization=NFC"], 2, "normalization=NFC: no such choice"),
        (["bpe", "--set", "coverage=nan"], 2, "coverage=nan"),
        (["bpe", "--set", "byte_fallback=maybe"], 2, "byte_fallback=maybe: expected bool"),
        (["bpe", "--dev", "missing.txt"], 1, "missing.txt"),
    ],
)
def test_what_cannot_be(arguments, code, said, invoke, tmp_path):
    invoke("train", *arguments, "--train", NOTES, "-o", tmp_path / "model").fails(code, said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
def test_texts_that_are_none(kind, invoke, tmp_path):
    (tmp_path / "empty").write_bytes(b"\n\n")
    invoke("train", kind, "--train", tmp_path / "empty", "-o", tmp_path / "model").fails(
        1, "nothing to learn from: no text in", "empty"
    )
    (tmp_path / "latin").write_bytes(b"good\nna\xefve\n")
    invoke("train", kind, "--train", tmp_path / "latin", "-o", tmp_path / "model").fails(
        1, "latin, line 2, byte 3: not valid UTF-8 (0xef)"
    )
    invoke("train", kind, "--train", tmp_path / "none", "-o", tmp_path / "model").fails(1, "none")
    assert not (tmp_path / "model").exists()


def test_tokenizers_are_listed(invoke):
    names = [line.split()[0] for line in invoke("train", "--list").lines]
    assert {*registry.TOKENIZERS, "en-bpe.toml"} <= set(names)


def test_no_torch_and_no_numpy_of_ours_at_the_start(tmp_path):
    """A process of its own, so that the interpreter's own streams are seen: nothing but the notes, and quiet if told so."""
    found = seq("train", "unigram", "--train", NOTES, "-o", tmp_path / "model", "-q", *SMALL)
    assert (found.code, found.out, found.err) == (0, b"", "")
