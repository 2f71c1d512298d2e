"""What training promises: nothing is lost, nothing is confused, the same text gives the same tokenizer; and refusals."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import Failure, UsageFailure
from seqcli.models import registry
from seqcli.text.subword import learn
from seqcli.text.subword.library import Library
from tests.conftest import ENVIRONMENT, ROOT
from tests.text.subword.test_library import joined

TEXT = (
    "The cat sat on the mat, and the dog saw the cat.\n"
    "  Two blanks,\ttabs\t\tand more   blanks  \n\n"
    "Numbers: 3.14, 2024, 1,000; words: don't, naïve, übergroß, Ärger.\n"
    "The <sep> symbol, a byte <0x41>, a tag <s>, ▁ a bar, <unk> and 中文 text, 東京タワー, \u0301x, a\u0085b, 😀😀\n"
) * 30 + "rare: ☃\n"
KEPT = ("bpe", "unigram", "byte-bpe")
ODD = [
    "▁",
    " ",
    "  ",
    "\t",
    "\r",
    "\0",
    "\x85",
    "\u2028",
    "\u0301",
    "\ufeff",
    "\ue000",
    "<0x41>",
    "<s>",
    "</s>",
    "<unk>",
    "<pad>",
    "<sep>",
    "the",
    "ﬁ",
    "é",
    "中",
    "😀",
    "1",
    "<",
    "Ġ",
    "Â",
]
ANY = st.lists(
    st.one_of(st.sampled_from(ODD), st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=4)), max_size=10
).map("".join)


@cache
def text_file(content=TEXT):
    import tempfile

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt", delete=False, newline="\n") as file:
        file.write(content)
    import atexit

    atexit.register(os.unlink, file.name)
    return file.name


def learned(kind, content=TEXT, **changes):
    module = registry.module(kind)
    recipe = replace(module.Recipe(vocab_size=420), **changes)
    return module.train([text_file(content)], recipe, lambda line: None)


@cache
def trained(kind, *changes):
    found = learned(kind, **dict(changes))
    return Library.of(found.tokenizer, kind)


SYMBOLS = ("symbols", ("<sep>", "at", "…"))
VARIANTS = [
    ("bpe",), ("unigram",), ("byte-bpe",),
    *((kind, ("pre_tokenization", mode)) for kind in ("bpe", "unigram") for mode in ("words", "none")),
    *((kind, ("pre_tokenization", mode), SYMBOLS) for kind in ("bpe", "unigram") for mode in ("words", "punctuation")),
    ("bpe", ("split_digits", True), ("pre_tokenization", "words"), ("coverage", 0.5)),
    ("unigram", ("split_digits", True), ("special_tokens", ("<unk>", "[x1]")), ("coverage", 1.0)),
    ("byte-bpe", ("symbols", ("<sep>", "at")), ("special_tokens", ("<|end|>",))),
]  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@settings(max_examples=80)
@given(line=ANY)
def test_nothing_is_lost(variant, line):
    tokenizer = trained(*variant)
    [ids] = tokenizer.encode([line])
    assert tokenizer.decode(ids) == line
    assert all(number < len(tokenizer.vocabulary) for number in ids)
    assert not set(ids) & {
        tokenizer.vocabulary.index(name) for name in dict(variant[1:]).get("special_tokens", ("<pad>", "<s>", "</s>"))
    }
    pieces = tokenizer.pieces(line)
    assert [piece.id for piece in pieces] == ids
    assert [piece.piece for piece in pieces] == [tokenizer.vocabulary[number] for number in ids]
    assert "".join(line[piece.start : piece.end] for piece in pieces) == line
    assert all(left.end == right.start for left, right in pairwise(pieces))
    if pieces:
        assert (pieces[0].start, pieces[-1].end) == (0, len(line))
    if tokenizer.separable:
        check_chunks(tokenizer, line)


def check_chunks(tokenizer, line):
    found = joined(tokenizer, line)
    assert found is None or found == tokenizer.encode([line])[0]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_shown_pieces_can_be_read_back(variant):
    tokenizer = trained(*variant)
    assert tokenizer.separable == (("pre_tokenization", "none") not in variant)
    vocabulary = tokenizer.vocabulary
    assert all(vocabulary)
    assert not any(learn.BLANK in piece or "\n" in piece for piece in vocabulary)
    shown = [piece.replace(" ", learn.BLANK) for piece in vocabulary]
    assert len(set(shown)) == len(vocabulary)
    assert tokenizer.unknown is None
    if variant[0] != "byte-bpe":
        assert not any(ord(character) < 32 and character != "\t" for piece in vocabulary for character in piece)


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
def test_others_know_their_unknown(kind):
    tokenizer = trained(kind, ("coverage", 0.9)) if kind in ("char", "wordpiece") else trained(kind)
    assert tokenizer.kind == kind
    assert tokenizer.separable
    [ids] = tokenizer.encode(["the cat \u2603\u2604"])
    assert (tokenizer.unknown in ids) == (kind not in KEPT)
    for line in ("", " ", "the  cat sat.", "\t", "<unk> [UNK] <pad> ☃"):
        check_chunks(tokenizer, line)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_without_bytes_the_rest_is_unknown(kind):
    tokenizer = trained(kind, ("byte_fallback", False), ("vocab_size", 200))
    assert tokenizer.vocabulary[tokenizer.unknown] == "<unk>"
    assert tokenizer.unknown in tokenizer.encode(["the ☃ cat"])[0]
    assert tokenizer.decode(tokenizer.encode(["the  cat "])[0]) == "the  cat "
    assert tokenizer.unknown not in tokenizer.encode(["<unk>"])[0] or "<" not in tokenizer.vocabulary


def test_kinds_are_found_without_being_told():
    for kind in registry.TOKENIZERS:
        assert Library(trained(kind).tokenizer).kind == kind


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
def test_symbols_are_whole_and_nowhere_else(kind):
    tokenizer = trained(kind, ("symbols", ("<sep>", "ca")), ("vocab_size", 440))
    for line in ("<sep>", "a<sep><sep>b", "the cat", "x <sep> y", "<se<sep>p>"):
        pieces = [piece.piece for piece in tokenizer.pieces(line)]
        assert pieces.count("<sep>") == line.count("<sep>")
        assert pieces.count("ca") == line.count("ca")
    assert not [piece for piece in tokenizer.vocabulary if "ca" in piece and piece != "ca"]


@pytest.mark.parametrize("kind", ["bpe", "byte-bpe", "unigram", "char"])
def test_normalization(kind):
    more = {"char": ("coverage", 1.0), "byte-bpe": ("symbols", ())}.get(kind, ("symbols", ("<SEP>",)))
    tokenizer = trained(kind, ("normalization", ("lowercase", "nfkc")), more)
    line = "laﬆ ÄRGER A\u0308"
    assert tokenizer.decode(tokenizer.encode([line])[0]) == "last ärger ä"
    if kind in ("bpe", "unigram"):
        assert "|".join(piece.piece for piece in tokenizer.pieces("a<SEP>B")).endswith("a|<sep>|b")
    nfc = trained(kind, ("normalization", ("nfc",)))
    assert nfc.decode(nfc.encode(["A\u0308rger"])[0]) == "Ärger"


def test_words_as_units():
    tokenizer = trained("word", ("vocab_size", 8000))
    pieces = [piece.piece for piece in tokenizer.pieces("The cat, don't; 3.14 and 1,000: Ärger... 中文")]
    assert pieces == ["The", "cat", ",", "don't", ";", "3.14", "and", "1,000", ":", "Ärger", "<unk>", "中", "文"]
    assert tokenizer.decode(tokenizer.encode(["the cat"])[0]) == "the cat"


def test_wordpiece_is_laid_out_as_bert_has_it():
    tokenizer = trained("wordpiece", ("normalization", ("lowercase",)))
    assert list(tokenizer.vocabulary[:5]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [piece.piece for piece in tokenizer.pieces("Thecat, NAÏVE ☃")]
    assert "".join(piece.removeprefix("##") for piece in pieces[: pieces.index(",")]) == "thecat"
    assert "".join(piece.removeprefix("##") for piece in pieces[pieces.index(",") + 1 :]).startswith("naive")


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
def test_the_same_text_is_the_same_tokenizer(kind, tmp_path):
    """In another process, with another seed of hashes and another number of threads."""
    script = (
        "import sys; from seqcli.models import registry; module = registry.module(sys.argv[1]);"
        "sys.stdout.write(module.train(sys.argv[2:], module.Recipe(vocab_size=420), str).tokenizer)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script, kind, text_file()], capture_output=True, check=True, cwd=ROOT,
            env=ENVIRONMENT | {"PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads},
        ).stdout
        for seed, threads in (("1", "1"), ("2", "2"))
    }  # fmt: skip
    assert found == {learned(kind).tokenizer.encode()}


def test_the_library_alone_learns_the_same_merges():
    """The trainer is fed words with counts; lines, one after another, give the same."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    lines = [line for line in TEXT.split("\n") if learn.BLANK not in line]
    for kind in ("bpe", "byte-bpe"):
        ours = json.loads(learned(kind, "\n".join(lines), **({"coverage": 1.0} if kind == "bpe" else {})).tokenizer)
        theirs = Tokenizer(models.BPE())
        if kind == "bpe":
            theirs.normalizer = normalizers.Prepend(" ")
            alphabet = []
            theirs.pre_tokenizer = Tokenizer.from_str(json.dumps(ours)).pre_tokenizer
        else:
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        first = ["<pad>", "<s>", "</s>", *(learn.BYTES if kind == "bpe" else ())]
        limit = 16 if kind == "bpe" else 32
        trainer = trainers.BpeTrainer(
            vocab_size=420,
            min_frequency=2,
            special_tokens=first,
            initial_alphabet=alphabet,
            max_token_length=limit,
            show_progress=False,
        )
        theirs.train_from_iterator(lines, trainer)
        found = json.loads(theirs.to_str())["model"]
        assert found["merges"] == ours["model"]["merges"]
        assert found["vocab"] == ours["model"]["vocab"]


@given(lines=st.lists(st.text(st.sampled_from("ab é\t \u00a0"), max_size=12), max_size=6))
def test_chunks_are_what_lies_before_blanks(lines):
    text = "\n".join(lines)
    for cut, begin in ((learn.before_blanks, ""), (learn.begun, " ")):
        expected: Counter[str] = Counter()
        for line in filter(None, lines):
            start = 0
            whole = begin + line
            for at in range(1, len(whole)):
                if whole[at] == " " and whole[at - 1] not in " \t":
                    expected[whole[start:at]] += 1
                    start = at
            expected[whole[start:]] += 1
        assert Counter(filter(None, cut(text))) == expected


def test_words_come_as_often_as_they_occur():
    counts = {"a": 1, " the": 3 * learn.TOGETHER, " b": learn.TOGETHER + 5, " c": learn.TOGETHER - 1, " d": 7}
    items = list(learn.copies(counts.items()))
    assert Counter(word for item in items for word in item.split(learn.END) if word) == counts
    assert max(item.count(learn.END) for item in items) < 3 * learn.TOGETHER


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
@pytest.mark.parametrize("content", ["", "\n\n", " \n  \n\t\n", "\ufeff", "\r\n"])
def test_an_empty_text(kind, content):
    with pytest.raises(Failure, match=r"nothing to learn from: no text in .*txt"):
        learned(kind, content)


@pytest.mark.parametrize("kind", registry.TOKENIZERS)
@pytest.mark.parametrize("content", ["a", "▁", "\x01", "a\n" * 3, "x" * 3000, "中文 text\n"])
def test_texts_with_little_in_them(kind, content):
    found = Library.of(learned(kind, content, vocab_size=600).tokenizer, kind)
    assert len(found.vocabulary) >= 1
    if kind in KEPT:
        assert found.decode(found.encode([content.strip("\n")])[0]) == content.strip("\n")


@pytest.mark.parametrize(("kind", "least"), [("bpe", 260), ("byte-bpe", 259), ("unigram", 261), ("wordpiece", 7)])
def test_a_vocabulary_smaller_than_the_alphabet(kind, least):
    text = "a\n"
    if kind != "byte-bpe":
        least += 1 - (kind == "wordpiece")
    with pytest.raises(Failure, match=rf"vocab_size={least - 1} is smaller than the alphabet: at least {least} are needed"):
        learned(kind, text, vocab_size=least - 1)
    assert len(Library.of(learned(kind, text, vocab_size=least).tokenizer, kind).vocabulary) == least


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"normalization": ("nfkd",)}, "normalization=nfkd: no such choice .did you mean 'nfkc'"),
        ({"pre_tokenization": "word"}, "pre_tokenization=word: no such choice .did you mean 'words'"),
        ({"coverage": 0.0}, "coverage=0.0: expected a share above 0, at most 1"),
        ({"coverage": 1.5}, "coverage=1.5"),
        ({"special_tokens": ("pad",)}, "special token 'pad': a text may spell it .write it as <name>"),
        ({"special_tokens": ("||",)}, "special token '||': a text may spell it"),
        ({"special_tokens": ("<s>", "<s>")}, "'<s>': there is one already"),
        ({"symbols": ("<0x41>",)}, "'<0x41>': there is one already"),
        ({"symbols": ("a b",)}, "'a b': expected characters other than white space"),
        ({"symbols": ("▁x",)}, "expected characters other than white space"),
        ({"symbols": ("<s>x",)}, "special token '<s>' is part of a symbol"),
    ],
)
def test_settings_that_cannot_be(changes, said):
    with pytest.raises(UsageFailure, match=said.replace("|", r"\|")):
        learned("bpe", **changes)


def test_a_special_token_that_a_text_can_spell():
    found = learned("word", special_tokens=("_pad_",))
    with pytest.raises(UsageFailure, match="special token '_pad_': a text may spell it"):
        learn.check_special(Library.of(found.tokenizer), registry.module("word").Recipe(special_tokens=("_pad_",)))
    with pytest.raises(UsageFailure, match="symbol 'é'"):
        learned("byte-bpe", symbols=("é",))


def test_characters_are_covered_as_sentencepiece_does():
    chunks = {" " + "a" * 90 + "b" * 9: 1, " c": 1}
    assert learn.characters(chunks, 0.9)[0] == ["a"]
    assert learn.characters(chunks, 0.91)[0] == ["a", "b"]
    assert learn.characters(chunks, 1.0) == (["a", "b", "c"], "")
    assert learn.characters({" ▁\x01\t": 5}) == (["\t"], "\x01▁")


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_multi30k_twice(kind):
    data = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")) / "multi30k"
    files = [str(data / f"train.{language}.gz") for language in ("en", "de")]
    if not Path(files[0]).is_file():
        pytest.skip(f"no {data}: set SEQ_DATA to the folder of data sets")
    module = registry.module(kind)
    found = [module.train(files, module.Recipe(), lambda line: None).tokenizer for _ in range(2)]
    assert found[0] == found[1]
    assert len(Library.of(found[0]).vocabulary) == 8000


@given(st.text("ab ü\t\n\xa0\x00", max_size=12) | st.from_regex(r"\A(?:[ab]+(?: [abü]+)*\n){0,3}\Z"))
def test_lines_begin_with_a_blank(text):
    """Cut the careful way or the quick one."""
    lines = [" " + line for line in text.split("\n") if line]
    assert [chunk for chunk in learn.begun(text) if chunk] == [chunk for line in lines for chunk in learn.before_blanks(line) if chunk]
