"""Files as arrays: both formats give the same numbers, however the blocks fall."""

import numpy as np
import pytest

from seqcli.errors import Failure
from seqcli.metrics.corpus import Part, Vocabulary, collect


def row(number, form, upos="_", xpos="_"):
    return f"{number}\t{form}\t_\t{upos}\t{xpos}" + 5 * "\t_"


CONLLU = [
    "# text = aux amis",
    row("1-2", "aux"),
    row(1, "à", "ADP", "P"),
    row(2, "les", "DET", "D"),
    row(3, "amis", "NOUN", "N"),
    row("3.1", "chers", "ADJ", "A"),
    "",
    "# newdoc",
    "",
    row(1, "du", "ADP", "P"),
    row("2-3", "au"),
    row(2, "à", "ADP", "P"),
    row(3, "le", "DET", "D"),
    "",
]


def gather(*parts, column="upos"):
    forms, tags = Vocabulary(), Vocabulary()
    corpus = collect(parts, column, forms, tags)
    return corpus, list(forms), list(tags)


def test_words_tags_lines_and_multiword_tokens():
    corpus, forms, tags = gather(Part(CONLLU, "a", 1))
    assert [forms[i] for i in corpus.forms] == ["à", "les", "amis", "du", "à", "le"]
    assert [tags[i] for i in corpus.tags] == ["ADP", "DET", "NOUN", "ADP", "ADP", "DET"]
    assert corpus.lengths.tolist() == [3, 3]
    assert corpus.lines.tolist() == [3, 4, 5, 10, 12, 13]
    assert [(first, past, forms[form]) for first, past, form in corpus.multiword.tolist()] == [(0, 2, "aux"), (4, 6, "au")]
    assert corpus.heads.tolist() == [True, False, True, True, True, False]
    assert corpus.sentence.tolist() == [0, 0, 0, 1, 1, 1]
    assert gather(Part(CONLLU, "a", 1), column="xpos")[2] == ["P", "D", "N"]


def test_blocks_do_not_matter():
    whole, forms, tags = gather(Part(CONLLU, "a", 1))
    parts, same_forms, same_tags = gather(Part(CONLLU[:7], "a", 1), Part(CONLLU[7:9], "a", 8), Part(CONLLU[9:], "a", 10))
    assert [forms[i] for i in whole.forms] == [same_forms[i] for i in parts.forms]
    assert [tags[i] for i in whole.tags] == [same_tags[i] for i in parts.tags]
    for array in ("lengths", "lines", "heads", "sentence"):
        np.testing.assert_array_equal(getattr(whole, array), getattr(parts, array))


def test_both_formats_are_the_same_words():
    forms, tags = Vocabulary(), Vocabulary()
    plain = ["à\tADP", "les\tDET", "amis\tNOUN", "", "", "du\tADP", "à\tADP", "le\tDET"]
    a = collect([Part(CONLLU, "a", 1)], "upos", forms, tags)
    b = collect([Part(plain, "b", 1)], "upos", forms, tags)
    assert a.same_words(b)
    assert b.same_words(a)
    np.testing.assert_array_equal(a.tags, b.tags)
    assert not a.same_words(collect([Part([*plain[:3], *plain[5:]], "c", 1)], "upos", forms, tags))


@pytest.mark.parametrize("lines", [[], ["", ""], ["# only a comment", ""]])
def test_a_file_without_words(lines):
    with pytest.raises(Failure, match="a: no tagged words"):
        gather(Part(lines, "a", 1))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("The cat sat.", "a, line 5: no tab .expected token, tab, tag"),
        ("1\tThe\t_\tDET\t_", "a, line 5: expected 10 tab-separated columns, found 5"),
        ("2\tThe" + 8 * "\t_", "a, line 5: expected word 1, found 2"),
    ],
)
def test_broken_rows_are_named(row, message):
    with pytest.raises(Failure, match=message):
        gather(Part(["", row], "a", 4))
