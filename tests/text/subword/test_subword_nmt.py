"""subword-nmt's codes: what they imply, a vocabulary beside them, errors."""

import pytest

from seqcli.errors import Failure
from seqcli.text.subword.open import open_tokenizer
from seqcli.text.subword.subword_nmt import SubwordNmt

CODES = "#version: 0.2\na b\nab c</w>\nd d\n"


def codes(tmp_path, text=CODES, name="codes"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def test_pieces_that_codes_imply(tmp_path):
    ours = open_tokenizer(codes(tmp_path))
    assert list(ours.vocabulary) == ["<unk>", "a@@", "a", "b@@", "b", "c@@", "c", "d@@", "d", "ab@@", "abc", "dd@@"]
    assert ours.encode(["abc  ddda x"]) == [[10, 11, 7, 2, 0]]
    assert ours.scores() == [0.0] * 9 + [0.0, -1.0, -2.0]
    assert (ours.kind, ours.unknown, ours.separable) == ("bpe", 0, True)
    assert ours.decode([10, 11, 7, 2, 9]) == "abc ddda ab"


def test_codes_of_the_oldest_version(tmp_path):
    """The end of a word is a symbol of its own."""
    ours = SubwordNmt([("a", "b"), ("ab", "</w>"), ("c", "</w>")], (0, 1))
    assert [ours.split(word) for word in ("ab", "aba", "abc", "xab")] == [["ab"], ["ab", "a"], ["ab", "c"], ["x", "ab"]]
    assert [ours.vocabulary[i] for i in ours.encode(["abab"])[0]] == ["ab@@", "ab"]
    found = open_tokenizer(codes(tmp_path, "a b\nab </w>\n"))
    assert [found.vocabulary[i] for i in found.encode(["ab"])[0]] == ["ab"]


def test_a_vocabulary_beside(tmp_path):
    path = codes(tmp_path, name="bpe.codes")
    (tmp_path / "bpe.vocab").write_text("abc 12\nd@@ 3\n")
    ours = open_tokenizer(path)
    assert list(ours.vocabulary) == ["abc", "d@@", "<unk>"]
    assert ours.encode(["abc da abd"]) == [[0, 1, 2, 2, 2]]
    assert ours.unknown == 2


def test_offsets():
    ours = SubwordNmt([("a", "b")])
    assert [(piece.piece, piece.start, piece.end) for piece in ours.pieces("  abc ä\r")] == [
        ("ab@@", 2, 4),
        ("<unk>", 4, 5),
        ("<unk>", 6, 7),
    ]
    assert ours.pieces(" \r ") == []


def test_a_chunk_whose_end_may_be_the_lines():
    ours = SubwordNmt([("a", "b")])
    assert ours.encode_inside([" a\r", " a", "  "]) == [None, [ours.ids["a"]], []]


@pytest.mark.parametrize(("text", "said"), [
    ("#version: 0.2\na b\nabc\n", "line 3: expected two symbols"),
    ("#version: 0.2\na b c\n", "line 2: expected two symbols"),
    ("#version: 0.9\na b\n", "version 0.9 are not known here"),
])  # fmt: skip
def test_broken_codes(tmp_path, text, said):
    with pytest.raises(Failure, match=said):
        open_tokenizer(codes(tmp_path, text))


def test_ids_out_of_range():
    with pytest.raises(Failure, match="no piece has the id 9"):
        SubwordNmt([("a", "b")]).decode([9])
