"""`token<TAB>tag`: what is written is read back, and a broken row is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import tsv
from seqcli.data.examples import Batch, Tagging
from seqcli.errors import Failure

words = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), min_size=1, max_size=6)
sentences = st.lists(st.lists(words, min_size=1, max_size=4), max_size=4)


@given(sentences, st.randoms())
def test_what_is_written_is_read_back(texts, random):
    labels = ("NOUN", "VERB", "#")
    batch = Batch.of(texts)
    ids = np.array([random.randrange(3) for _ in batch.tokens], dtype=np.int64)
    lines = tsv.write(batch, Tagging(labels, ids)).split("\n")
    found = list(tsv.read(lines))
    assert [list(sentence.words) for sentence in found] == texts
    assert tsv.batch(found).tags == [labels[i] for i in ids.tolist()]


def test_a_record_without_words_is_a_blank_line():
    batch = Batch.of([["a"], [], ["b"]])
    assert tsv.write(batch, Tagging(("X",), np.array([0, 0]))) == "a\tX\n\n\nb\tX\n\n"


def test_a_record_of_two_sentences_has_two_ends():
    batch = Batch(["a", "b"], np.array([1, 1]), np.array([2]))
    assert tsv.write(batch, Tagging(("X",), np.array([0, 0]))) == "a\tX\n\nb\tX\n\n"


def test_posteriors_are_a_third_column_that_is_not_read():
    tagging = Tagging(("X", "Y"), np.array([1]), proba=np.array([[0.25, 0.75]]))
    text = tsv.write(Batch.of([["a"]]), tagging)
    assert text == "a\tY\t0.7500\n\n"
    assert next(tsv.read(text.split("\n"))).tags == ("Y",)


def test_first_lines_are_counted_over_blank_lines_and_blocks():
    found = list(tsv.read(["", "a\tX", "b\tX", "", "", "c\tX"], first_line=10))
    assert [sentence.first_line for sentence in found] == [11, 15]


@pytest.mark.parametrize(
    ("row", "what"), [("cat", "no tab"), ("\tNOUN", "the token is empty"), ("cat\t", "the tag is empty"), (" ", "no tab")]
)
def test_a_broken_row_is_named(row, what):
    with pytest.raises(Failure, match=f"pets.tsv, line 8: {what}"):
        list(tsv.read(["a\tX", row], "pets.tsv", first_line=7))


@pytest.mark.parametrize("word", ["a\tb", "a\nb", ""])
def test_a_token_that_would_not_be_read_back_is_refused(word):
    with pytest.raises(Failure, match="cannot stand in a TSV file"):
        tsv.write(Batch.of([["fine", word]]), Tagging(("X",), np.array([0, 0])))
