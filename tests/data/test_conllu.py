"""CoNLL-U: what is read is kept, what is written is read back, what is broken is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import conllu
from seqcli.data.examples import Batch, Tagging
from seqcli.data.text import pretokenized
from seqcli.errors import Failure
from seqcli.text.segment import RuleSegmenter

TREEBANK = """\
# newdoc id = a
# sent_id = a-1
# text = Vámonos al mar ya.
1-2	Vámonos	_	_	_	_	_	_	_	Gloss=let's go
1	Vamos	ir	VERB	V	Mood=Imp|Number=Plur	0	root	0:root	_
2	nos	yo	PRON	_	Case=Acc	1	obj	1:obj	_
3-4	al	_	_	_	_	_	_	_	_
3	a	a	ADP	_	_	5	case	5:case	_
4	el	el	DET	_	_	5	det	5:det	_
5	mar	mar	NOUN	_	_	1	obl	1:obl	Gloss=sea|Ref=1
5.1	voy	ir	VERB	_	_	_	_	1:conj	CopyOf=1
# a comment in the middle
6	ya	ya	ADV	_	_	1	advmod	1:advmod	SpaceAfter=No
7	.	.	PUNCT	_	_	1	punct	1:punct	_

# only a comment

# sent_id = a-2
1	#	#	SYM	_	_	0	root	_	_
2	New York	_	PROPN	_	_	1	dep	_	_

"""
LABELS = ("A", "B", "C")


def tagging(count, proba=False):
    ids = np.arange(count, dtype=np.int64) % len(LABELS)
    table = np.eye(len(LABELS))[ids] * 0.5 + 0.5 / len(LABELS)
    return Tagging(LABELS, ids, proba=table if proba else None)


def read(text, **where):
    return list(conllu.read(text.split("\n")[:-1], **where))


def masked(text, column):
    return [
        "\t".join("*" if number == column and fields[0].isdecimal() else field for number, field in enumerate(fields))
        for fields in (line.split("\t") for line in text.split("\n"))
    ]


@pytest.mark.parametrize("column", ["upos", "xpos", "feats"])
def test_everything_but_the_tags_is_kept(column):
    sentences = read(TREEBANK)
    batch = conllu.batch(sentences, column)
    assert batch.sentences.tolist() == [1, 0, 1]
    assert batch.lengths.tolist() == [7, 2]
    assert batch.tokens[-2:] == ["#", "New York"]
    found = conllu.retag(sentences, {column: tagging(9)})
    assert masked(found, conllu.COLUMN[column]) == masked(TREEBANK, conllu.COLUMN[column])
    assert [tag for sentence in read(found) for tag in sentence.column(column)] == list("ABCABCABC")


def test_gold_tags_written_back_are_the_file():
    sentences = read(TREEBANK)
    gold = conllu.batch(sentences, "upos").tags
    labels = tuple(sorted(set(gold)))
    ids = np.array([labels.index(tag) for tag in gold])
    assert conllu.retag(sentences, {"upos": Tagging(labels, ids)}) == TREEBANK


def test_posteriors_stand_in_misc():
    found = conllu.retag(read(TREEBANK), {"upos": tagging(9, proba=True)})
    misc = [value for sentence in read(found) for value in sentence.column("misc")]
    assert misc[0] == "Prob=0.6667"
    assert misc[4] == "Gloss=sea|Ref=1|Prob=0.6667"
    assert conllu.retag(read(found), {"upos": tagging(9, proba=True)}) == found  # not once more


def test_the_posterior_is_that_of_the_tag_given():
    table = np.array([[0.7, 0.2, 0.1]])
    best_path = Tagging(LABELS, np.array([1]), proba=table)
    assert "\tB\t" in conllu.retag(read("1\tx" + "\t_" * 8 + "\n"), {"upos": best_path})
    assert "Prob=0.2000" in conllu.retag(read("1\tx" + "\t_" * 8 + "\n"), {"upos": best_path})
    batch = pretokenized(["x"])
    assert "Prob=0.2000" in conllu.from_text(batch, {"upos": best_path})


def test_ranges_and_comments():
    sentence = read(TREEBANK)[0]
    assert [(first, last) for _, first, last in sentence.ranges] == [(0, 1), (2, 3)]
    assert sentence.comment("sent_id") == "a-1"
    assert sentence.comment("text") == "Vámonos al mar ya."
    assert sentence.comment("nothing") is None


def test_a_file_may_begin_and_end_as_it_likes():
    assert [s.first_line for s in read("\n\n1\ta" + "\t_" * 8 + "\n\n\n\n1\tb" + "\t_" * 8 + "\n", first_line=5)] == [7, 11]
    assert read("") == []
    assert conllu.retag([], {"upos": tagging(0)}) == ""


ROW = "\t_" * 8


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        (["1\ta" + ROW, "2\tb" + "\t_" * 7], 2, "expected 10 tab-separated columns, found 9 columns"),
        (["1\ta" + ROW + "\t_"], 1, "found 11 columns"),
        (["1 a _"], 1, "found 1 column"),
        (["1\ta" + ROW, "3\tb" + ROW], 2, "expected word 2, found 3"),
        (["1\ta" + ROW, "1\tb" + ROW], 2, "expected word 2, found 1"),
        (["0\ta" + ROW], 1, "expected word 1, found 0"),
        (["# c", "x\ta" + ROW], 2, "bad word id 'x'"),
        (["\ta" + ROW], 1, "bad word id ''"),
        (["-1\ta" + ROW], 1, "bad word range '-1'"),
        (["2-3\ta" + ROW], 1, "bad word range '2-3'"),
        (["1-2\ta" + ROW, "1\ta" + ROW], 1, "a word range reaches past the sentence"),
        (["1-3\ta" + ROW, "1\ta" + ROW, "2-3\tb" + ROW], 3, "bad word range '2-3'"),
        (["1\t" + ROW], 1, "the form (column 2) is empty"),
    ],
)
def test_a_broken_row_is_named(rows, line, what):
    with pytest.raises(Failure) as caught:
        read("\n".join(["# one", *rows, ""]), name="bank.conllu", first_line=40)
    assert f"bank.conllu, line {40 + line}: " in str(caught.value)
    assert what in str(caught.value)


ODD = "\0\u2028\x85\u200d\ud800İ’😀🇩🇪שא. '\t#_1-"
TEXTS = st.lists(st.text(st.characters(exclude_characters="\n") | st.sampled_from(ODD), max_size=30), max_size=5)


def check_reads_back(lines, batch, found):
    """What `from_text` wrote holds the words, the tags and the text."""
    sentences = read(found, name="written")
    assert [word for sentence in sentences for word in sentence.column("form")] == batch.tokens
    assert [tag for sentence in sentences for tag in sentence.column("upos")] == tagging(len(batch.tokens)).tags()
    assert len(sentences) == len(batch.lengths)
    words = iter(batch.spans().tolist())
    ids = [f"{line}.{place}" for line, count in enumerate(batch.sentences.tolist(), 7) for place in range(1, count + 1)]
    assert [sentence.comment("sent_id") for sentence in sentences] == ids
    for sentence in sentences:
        spans = [next(words) for _ in sentence.words]
        line = lines[int((sentence.comment("sent_id") or "").split(".")[0]) - 7]
        text = line[spans[0][0] : spans[-1][1]]
        assert f"# text = {text}" in sentence.lines
        assert surface(sentence) == " ".join(text.split())


def surface(sentence):
    """The text that rows and `SpaceAfter=No` stand for."""
    covered = {word: index for index, first, last in sentence.ranges for word in range(first, last + 1)}
    out, seen = [], set()
    for word, own in enumerate(sentence.words):
        row = covered.get(word, own)
        if row not in seen:
            seen.add(row)
            fields = sentence.lines[row].split("\t")
            out.append(fields[1] + " " * ("SpaceAfter=No" not in fields[9].split("|")))
    return "".join(out).strip()


@given(TEXTS)
def test_raw_text_is_read_back(lines):
    cut = RuleSegmenter("en").segment(lines)
    batch = Batch(cut.tokens, cut.lengths, cut.sentences, lines, cut.spans, cut.joined)
    check_reads_back(lines, batch, conllu.from_text(batch, {"upos": tagging(len(batch.tokens))}, first_line=7))


@given(TEXTS)
def test_pretokenized_text_is_read_back(lines):
    batch = pretokenized(lines)
    check_reads_back(lines, batch, conllu.from_text(batch, {"upos": tagging(len(batch.tokens))}, first_line=7))


def test_an_example_in_full():
    lines = ["I can't go. Don't!"]
    cut = RuleSegmenter("en").segment(lines)
    batch = Batch(cut.tokens, cut.lengths, cut.sentences, lines, cut.spans, cut.joined)
    found = conllu.from_text(batch, {"xpos": tagging(len(batch.tokens), proba=True)})
    expected = """\
# sent_id = 1.1
# text = I can't go.
1	I	_	_	A	_	_	_	_	Prob=0.6667
2-3	can't	_	_	_	_	_	_	_	_
2	ca	_	_	B	_	_	_	_	Prob=0.6667
3	n't	_	_	C	_	_	_	_	Prob=0.6667
4	go	_	_	A	_	_	_	_	SpaceAfter=No|Prob=0.6667
5	.	_	_	B	_	_	_	_	Prob=0.6667

# sent_id = 1.2
# text = Don't!
1-2	Don't	_	_	_	_	_	_	_	SpaceAfter=No
1	Do	_	_	C	_	_	_	_	Prob=0.6667
2	n't	_	_	A	_	_	_	_	Prob=0.6667
3	!	_	_	B	_	_	_	_	Prob=0.6667

"""
    assert found == expected
