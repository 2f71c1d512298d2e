"""SentencePiece's own ids, offsets and text on models that it trains here, on corpora and on odd text."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.text.subword.sentencepiece import SentencePiece
from seqcli.text.subword.sentencepiece_model import parse
from tests.text.subword.odd import CORPORA, LINES, PARTS, WORDS, corpus, in_chunks, same, training
from tests.text.subword.test_sentencepiece import written

SENTENCEPIECE: dict[str, dict[str, Any]] = {
    "plain": {},
    "bytes": {"byte_fallback": True},
    "identity": {"normalization_rule_name": "identity"},
    "casefold": {"normalization_rule_name": "nmt_nfkc_cf"},
    "symbols": {"user_defined_symbols": ["<sep>", "in", "a ", "ein"]},
    "without prefix": {"add_dummy_prefix": False, "byte_fallback": True, "user_defined_symbols": ["▁x", "in"]},
    "all blanks": {"remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True},
    "llama": {"remove_extra_whitespaces": False, "byte_fallback": True, "normalization_rule_name": "identity", "split_digits": True},
    "suffix": {"treat_whitespace_as_suffix": True},
    "across": {"split_by_whitespace": False, "normalization_rule_name": "nfkc"},
}
CASES = [(kind, name) for kind in ("unigram", "bpe") for name in SENTENCEPIECE] + [
    ("char", "plain"), ("char", "symbols"), ("char", "bytes"), ("word", "plain"), ("word", "all blanks"),
]  # fmt: skip


@cache
def pair(kind: str, name: str, size: int = 500):
    """The same model, ours and theirs."""
    spm = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(training()), model_writer=model, model_type=kind, vocab_size=size, hard_vocab_limit=False,
        character_coverage=0.995, num_threads=1, minloglevel=3, **SENTENCEPIECE[name],
    )  # fmt: skip
    data = model.getvalue()
    return SentencePiece(parse(data, name)), spm.SentencePieceProcessor(model_proto=data)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_sentencepiece_on_odd_text(kind, name):
    ours, theirs = pair(kind, name)
    assert list(ours.vocabulary) == [theirs.id_to_piece(i) for i in range(len(theirs))]
    assert ours.scores() == [theirs.get_score(i) for i in range(len(theirs))]

    @settings(max_examples=25)
    @given(LINES)
    def check(texts):
        wanted = theirs.encode(texts)
        same(ours.encode(texts), wanted, texts)
        same([ours.decode(ids) for ids in wanted], theirs.decode(wanted), texts)
        for text in texts[:3]:
            found = theirs.encode(text, out_type="offset_mapping")
            pieces = ours.pieces(text)
            assert [(piece.id, (piece.start, piece.end)) for piece in pieces] == list(zip(found["ids"], found["offsets"], strict=True))
        if ours.separable:
            in_chunks(ours, texts)

    check()
    check_decode(ours, theirs)


def check_decode(ours, theirs):
    @settings(max_examples=50)
    @given(st.lists(st.integers(0, len(theirs) - 1), max_size=8))
    def check(ids):
        assert ours.decode(ids) == theirs.decode(ids)

    check()


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("name", ["plain", "bytes", "llama"])
def test_sentencepiece_on_corpora(kind, name):
    ours, theirs = pair(kind, name)
    for part in PARTS:
        texts = corpus(part, 600)
        same(ours.encode(texts), theirs.encode(texts), texts)


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("name", ["plain", "bytes", "llama"])
def test_sentencepiece_on_whole_corpora(kind, name):
    spm = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus("multi30k/train.en") + corpus("multi30k/train.de")), model_writer=model, model_type=kind,
        vocab_size=8000, num_threads=1, minloglevel=3, **SENTENCEPIECE[name],
    )  # fmt: skip
    theirs = spm.SentencePieceProcessor(model_proto=model.getvalue())
    ours = SentencePiece(parse(model.getvalue(), name))
    for part in CORPORA:
        texts = corpus(part)
        same(ours.encode(texts), theirs.encode(texts), texts)


@pytest.mark.parametrize("name", ["plain", "bytes"])
def test_long_lines_whose_scores_are_brought_back_to_zero(name):
    ours, theirs = pair("unigram", name)
    texts = [" ".join(WORDS * 60), "".join(WORDS * 60), "漢" * 12_000]
    same(ours.encode(texts), theirs.encode(texts), ("words", "no blanks", "unknown"))


def test_rounding_decides_between_words_that_are_as_likely():
    """Pieces whose scores sum up alike: which is taken depends on the sum before them, and chunks say so."""
    spm = pytest.importorskip("sentencepiece")
    scores = {"▁": -3.3, "a": -1.1, "b": -2.3, "ab": -3.4, "ba": -3.3999999, "▁a": -4.4000001, "▁ab": -6.7, "aba": -4.5, "c": -0.7}
    data = written([("<unk>", 0.0, 2), *((piece, score, 1) for piece, score in scores.items())])
    theirs = spm.SentencePieceProcessor(model_proto=data)
    ours = SentencePiece(parse(data, "made"))
    texts = ["c" * n + " " + word + " ab aba" for n in range(120) for word in ("ab", "aba", "baba", "abab")]
    wanted = theirs.encode(texts)
    same(ours.encode(texts), wanted, texts)
    assert None in ours.encode_inside([" ab", " aba"])
    assert len({tuple(ids[-8:]) for ids in wanted}) > 4  # the sum before does decide
    in_chunks(ours, texts)


def test_rules_of_ones_own(tmp_path):
    """Rules over several characters, with blanks among them."""
    spm = pytest.importorskip("sentencepiece")
    rules = tmp_path / "rules.tsv"
    rules.write_text("".join(
        " ".join(f"{ord(c):X}" for c in key) + "\t" + " ".join(f"{ord(c):X}" for c in value) + "\n"
        for key, value in {"ab": "x", "abc": "y z", "d ": "d", "e": "  ", "f": "", "g": "a", "\t": " ", "h": " h "}.items()
    ))  # fmt: skip
    for removes in (True, False):
        model = io.BytesIO()
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(training()), model_writer=model, model_type="bpe", vocab_size=300, hard_vocab_limit=False,
            num_threads=1, minloglevel=3, normalization_rule_tsv=str(rules), remove_extra_whitespaces=removes,
        )  # fmt: skip
        theirs = spm.SentencePieceProcessor(model_proto=model.getvalue())
        ours = SentencePiece(parse(model.getvalue(), "rules"))
        assert not ours.separable

        @settings(max_examples=40)
        @given(st.lists(st.text("abcdefgh \t", max_size=10), min_size=1, max_size=10))
        def check(texts):
            same(ours.encode(texts), theirs.encode(texts), texts)  # noqa: B023
            for text in texts:
                assert ours.normalizer.traced(text)[0] == theirs.normalize(text)  # noqa: B023

        check()


def test_a_denormalizer(tmp_path):
    spm = pytest.importorskip("sentencepiece")
    rules = tmp_path / "back.tsv"
    rules.write_text("61\t41\n")
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(training()), model_writer=model, model_type="bpe", vocab_size=300, hard_vocab_limit=False,
        num_threads=1, minloglevel=3, denormalization_rule_tsv=str(rules),
    )  # fmt: skip
    theirs = spm.SentencePieceProcessor(model_proto=model.getvalue())
    ours = SentencePiece(parse(model.getvalue(), "back"))
    ids = theirs.encode("a man and a cat")
    assert ours.decode(ids) == theirs.decode(ids)
    assert "A" in ours.decode(ids)
