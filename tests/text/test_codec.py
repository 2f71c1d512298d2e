"""Texts as ids and back: the fast way is the tokenizer's own, nothing is lost, and a folder keeps it all."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import folder
from seqcli.data.blocks import Block
from seqcli.errors import Failure, UsageFailure
from seqcli.models.language_model import learn_codec
from seqcli.text.codec import Codec, Settings, texts_of

TEXT = "the cat sat .\n\nthe <unk> dog sat\r\nA Dog\n"
lines_of = st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=20), max_size=5)
tunes_of = st.lists(
    st.lists(st.text("AB| ", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=4).map("\n".join), max_size=4
)


def learned(tmp_path, text=TEXT, **settings):
    path = tmp_path / "text"
    path.write_bytes(text.encode())
    return learn_codec([str(path)], Settings(**settings), lambda _: None)


def test_words(tmp_path):
    codec = learned(tmp_path)
    assert codec.pieces == ["<unk>", "sat", "the", ".", "A", "Dog", "cat", "dog"]  # the unknown word is no new one
    assert (codec.size, codec.end, codec.unknown) == (9, 8, 0)
    assert codec.encode(["the  cat\tsat", "", "the <unk> bird"]) == [[2, 6, 1], [], [2, 0, 0]]
    assert codec.decode([2, 6, 1, 8, 3]) == "the cat sat"
    assert codec.spell([2, 8]) == ["the", "</s>"]
    assert codec.stream([str(tmp_path / "text")]).tolist() == [2, 6, 1, 3, 8, 8, 2, 0, 7, 1, 8, 4, 5, 8]
    assert learned(tmp_path, min_count=2).pieces == ["<unk>", "sat", "the"]
    assert learned(tmp_path, vocab_size=4).pieces == ["<unk>", "sat", "the", "."]
    assert learned(tmp_path, lowercase=True).pieces == ["<unk>", "dog", "sat", "the", ".", "a", "cat"]


def test_characters_have_no_unknown_ones(tmp_path):
    text = "ab ▁\tc\x01\x85\u2028d\n"
    codec = learned(tmp_path, text, units="char")
    stream = codec.stream([str(tmp_path / "text")])
    assert codec.unknown not in stream.tolist()
    assert codec.decode(stream.tolist()) == text[:-1]
    assert set(codec.pieces) == {"<unk>", *text[:-1]}


@pytest.mark.parametrize("units", ["bpe", "unigram"])
def test_subwords(tmp_path, units):
    text = "the cat sat on the mat, and the dog ate the cat\n" * 30
    codec = learned(tmp_path, text, units=units, vocab_size=320, lowercase=True)
    assert codec.unknown is None
    for line in ("The Cat  sat!", "été 漢", ""):
        [ids] = codec.encode([line])
        assert codec.decode(ids) == line.lower()
        assert max(ids, default=0) < codec.end == len(codec.pieces)


def test_a_ready_tokenizer():
    codec = learn_codec([], Settings(units="en-bpe"), lambda _: None)
    [ids] = codec.encode(["Hello world"])
    assert codec.decode(ids) == "Hello world"
    again = Codec(codec.text, codec.units, codec.record)
    assert again.encode(["Hello world"]) == [ids]
    with pytest.raises(Failure, match=r"units=en-bpee: no tokenizer.*did you mean"):
        learn_codec([], Settings(units="en-bpee"), lambda _: None)
    with pytest.raises(UsageFailure, match="have no effect"):
        learn_codec([], Settings(units="en-bpe", lowercase=True), lambda _: None)


@pytest.mark.parametrize("units", ["word", "char"])
@pytest.mark.parametrize("lowercase", [False, True])
@given(lines_of)
def test_the_fast_way_is_the_packages(units, lowercase, lines):
    pieces = ["<unk>", *dict.fromkeys("ab ΣσςİiAé\u3000\x1c\x85"), *(["the", "σα"] if units == "word" else [])]
    codec = Codec.of_pieces([piece for piece in pieces if units == "char" or piece.strip()], units, lowercase=lowercase)
    lines = [*lines, "Σα a ΣΑ\x1cthe\x85b\u3000the", "İ ΑΣ Σ."]
    assert codec.encode(lines) == codec.tokenizer.encode(lines)


def test_every_character_separates_or_not_as_for_python():
    codec = Codec.of_pieces(["<unk>", "a"], "word")
    text = "a" + "a".join(chr(code) for code in range(0x3100) if code not in (10, ord("a"))) + "a"
    assert codec.tokenizer.encode([text]) == codec.encode([text])
    assert sys.maxunicode > 0xFFFF


@given(tunes_of)
def test_paragraphs(tunes):
    codec = Codec.of_pieces(["<unk>", *"AB| "], "char", record="paragraph")
    assert (codec.end, codec.newline, codec.size) == (5, 6, 7)
    assert [codec.decode(ids) for ids in codec.encode(tunes)] == tunes
    file = Block("\n\n \n".join(tunes).encode(), "tunes", 1)
    assert texts_of(file, "paragraph") == tunes
    assert codec.spell([codec.newline]) == ["\n"]


def test_a_stream_of_paragraphs(tmp_path):
    codec = learned(tmp_path, "AB|\nA|\n\n\nB|\n", units="char", record="paragraph")
    stream = codec.stream([str(tmp_path / "text")]).tolist()
    assert codec.spell(stream) == ["A", "B", "|", "\n", "A", "|", "</s>", "B", "|", "</s>"]


@pytest.mark.parametrize(
    "settings", [{}, {"units": "char", "lowercase": True}, {"units": "bpe", "vocab_size": 300, "record": "paragraph"}]
)
def test_a_folder(tmp_path, settings):
    codec = learned(tmp_path, TEXT * 5, **settings)
    folder.write(tmp_path / "m", {"model": "x", "task": "language", "parameters": {"codec": codec.config()}}, {}, codec.files())
    again = Codec.load(folder.read(tmp_path / "m"))
    assert again.encode(TEXT.split("\n")) == codec.encode(TEXT.split("\n"))
    assert (again.size, again.record, again.files()) == (codec.size, codec.record, codec.files())
    (tmp_path / "m" / "tokenizer.json").write_text("{")
    with pytest.raises(Failure, match=r"tokenizer.json is broken"):
        Codec.load(folder.read(tmp_path / "m"))


def test_what_cannot_be(tmp_path):
    codec = learned(tmp_path)
    with pytest.raises(Failure, match="ids go from 0 to 8"):
        codec.spell([0, 9])
    with pytest.raises(Failure, match="ids go from 0 to 8"):
        codec.spell([-1])
    for text in ("", "\n\n"):
        for units in ("word", "char"):
            with pytest.raises(Failure, match="nothing to learn from"):
                learned(tmp_path, text, units=units)
    with pytest.raises(Failure, match="none occurs 9 times"):
        learned(tmp_path, min_count=9)


def test_ids_of_the_stream_are_small(tmp_path):
    codec = learned(tmp_path)
    assert codec.stream([str(tmp_path / "text")]).dtype == np.int32
    assert json.loads(codec.text)["model"]["type"] == "WordLevel"
