r"""ARPA files: what is written is read back to the bit, others' files are read, and what is wrong is named with its line."""

import gzip
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import arpa
from seqcli.errors import Failure
from seqcli.models.ngram import Recipe, learn
from seqcli.models.ngram.arpa import escaped, names, read_arpa, write_arpa
from seqcli.text.codec import Codec

WORDS = ["<unk>", "a", "b", "c"]
SMALL = """made by hand

\\data\\
ngram 1=5
ngram  2=3

\\1-grams:
-1\t<unk>
-99\t<s>\t-0.3
-0.7\t</s>
-0.4 a -0.2
-0.5\tb

\\2-grams:
-0.1\ta b
-0.2\t<s> a
-0.3\tb </s>

\\end\\
"""


def model_of(order=3, pieces=WORDS, units="word", seed=0, **settings):
    codec = Codec.of_pieces(pieces, units)
    rng = np.random.default_rng(seed)
    texts = [rng.integers(1, len(pieces), rng.integers(0, 8)).tolist() for _ in range(40)]
    return learn(codec, codec.flat(texts), Recipe(order=order, **settings))


def same(one, other):
    assert len(one.tables) == len(other.tables)
    for a, b in zip(one.tables, other.tables, strict=True):
        np.testing.assert_array_equal(a.keys, b.keys)
        for x, y in ((a.log_probs, b.log_probs), (a.backoffs, b.backoffs)):
            assert x.dtype == y.dtype == np.float32
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("smoothing", ["kneser-ney", "add-k"])
def test_round_trip(tmp_path, order, smoothing):
    model, path = model_of(order, smoothing=smoothing), tmp_path / "m.arpa"
    text = "".join(write_arpa(model))
    path.write_text(text)
    same(read_arpa(path, model.codec), model)
    same(read_arpa(path), model)  # without the codec the words of the file are the words
    assert "".join(write_arpa(read_arpa(path))) == text
    path.write_bytes(gzip.compress(text.encode()))
    same(read_arpa(path), model)


@pytest.mark.parametrize(
    "pieces", [["<unk>", " ", "▁", "\t", "\\", "u2581", "\u2028", "\\u2581"], ["<unk>", "<s>", "</s>", "a", "\xa0"]]
)
def test_pieces_that_a_file_cannot_hold_as_they_are(tmp_path, pieces):
    model = model_of(2, pieces, "char")
    assert len(set(names(model.codec))) == model.size
    path = tmp_path / "m.arpa"
    path.write_text("".join(write_arpa(model)))
    same(read_arpa(path, model.codec), model)


@given(st.lists(st.text(st.sampled_from(" ▁\\u2581\t\n<>s/0"), min_size=1), unique=True))
def test_no_two_pieces_are_spelled_alike(pieces):
    found = [escaped(piece) for piece in pieces]
    assert len(set(found)) == len(found)
    assert not any(set(" \t\n") & set(each) or each in ("<s>", "</s>") for each in found)


def test_a_file_of_others(tmp_path):
    path = tmp_path / "small.arpa"
    path.write_text(SMALL.replace("\n", "\r\n"))
    model = read_arpa(path)
    assert model.codec.pieces == ["<unk>", "a", "b"]
    found = model.log_probs(model.codec.encode(["a b", "b", "zzz"]))
    wanted = [[-0.2, -0.1, -0.3], [-0.3 - 0.5, -0.3], [-0.3 - 1, -0.7]]
    for row, by_hand in zip(found, wanted, strict=True):
        np.testing.assert_allclose(row, np.array(by_hand) * math.log(10), rtol=1e-6)


def test_a_file_without_unknown_words(tmp_path):
    path = tmp_path / "small.arpa"
    path.write_text(SMALL.replace("-1\t<unk>\n", "").replace("1=5", "1=4"))
    [row] = read_arpa(path).log_probs([[0]])
    assert row[0] == pytest.approx((-0.3 - 100) * math.log(10))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("-0.1\ta b", "-0.1\ta", "line 15: expected log10 P, 2 words"),
        ("-0.1\ta b", "-0.1\ta b c d e", "line 15: expected log10 P, 2 words"),
        ("-0.1\ta b", "-x.1\ta b", "line 15: '-x.1' is not a number"),
        ("-0.1\ta b", "0.1\ta b", "line 15: 0.1 is no log10 of a probability"),
        ("-0.1\ta b", "nan\ta b", "line 15: nan is no log10 of a probability"),
        ("-0.1\ta b", "-0.1\ta b\tnan", "line 15: nan is no log10 of a weight"),
        ("-0.2\t<s> a", "-0.2\t<s> z", "line 16: 'z' is not among the unigrams"),
        ("-0.2\t<s> a", "-0.2\ta b", "line 16: this 2-gram is there already"),
        ("-0.5\tb", "-0.5\ta", "line 12: the unigram 'a' is there already"),
        ("-0.5\tb", "-0.5\tb\noops", "line 13: expected log10 P, 1 words"),
        ("ngram  2=3", "ngram  2=4", "4 2-grams are promised, and there are 3"),
        ("ngram  2=3", "ngram two", "line 5: 'ngram two' is neither"),
        ("ngram  2=3", "ngram  3=3", r"line 14: no count of 2-grams"),
        ("\\2-grams:", "\\3-grams:", "line 14: 3-grams where 2-grams were to come"),
        ("\\end\\", "", "is cut off"),
        ("\\data\\", "", "is not an ARPA file"),
        ("</s>", "</S>", "there is no unigram </s>"),
    ],
)
def test_what_is_wrong(tmp_path, old, new, said):
    path = tmp_path / "bad.arpa"
    assert old in SMALL
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(Failure) as failure:
        read_arpa(path)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def test_ngrams_need_their_beginnings(tmp_path):
    path = tmp_path / "bad.arpa"
    text = SMALL.replace("ngram  2=3", "ngram  2=3\nngram 3=2").replace("\\end\\", "\\3-grams:\n-0.1\t<s> a b\n-0.1\tb b a\n\n\\end\\")
    path.write_text(text)
    with pytest.raises(Failure, match="line 22: the first 2 words of this 3-gram"):
        read_arpa(path)
    model = model_of()
    path.write_text(SMALL.replace("a b", "z b").replace("-0.4 a", "-0.4 z").replace("<s> a", "<s> z"))
    with pytest.raises(Failure, match="'z' is not a token of the model"):
        read_arpa(path, model.codec)


def test_lines_in_stretches(tmp_path, monkeypatch):
    """The same, however many lines are read at a time; the line of an error, too."""
    model, path = model_of(3), tmp_path / "m.arpa"
    path.write_text("".join(write_arpa(model)))
    monkeypatch.setattr(arpa, "SEVERAL", 7)
    same(read_arpa(path), model)
    lines = path.read_text().split("\n")
    at = lines.index("\\3-grams:") + 20
    lines[at] = lines[at - 1]
    path.write_text("\n".join(lines))
    with pytest.raises(Failure, match=f"line {at + 1}: this 3-gram is there already"):
        read_arpa(path)


@given(st.lists(st.floats(-99, 0, width=32), min_size=1))
def test_digits_tell_numbers_apart(numbers):
    wanted = np.array(numbers, np.float32)
    np.testing.assert_array_equal(np.array([float(each) for each in arpa.digits(wanted)]).astype(np.float32), wanted)
