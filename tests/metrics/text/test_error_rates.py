"""Error rates against jiwer with its default transforms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.metrics.text.error_rates import ErrorRate, side_by_side
from seqcli.metrics.text.metric import Lines, Metric

KINDS = ("WER", "CER", "MER")
BLANKS = (" ", "  ", "\t", "\u00a0", "\u3000 ", "\t\x1f", "\u2028")
word = st.sampled_from(["a", "b", "the", "The", "cat,", "«Où»", "don't", "東京", "İ", "ΟΔΟΣ", "e\u0301", "😀"])


@st.composite
def line(draw, longest=100):
    words = draw(st.lists(word, max_size=draw(st.sampled_from([0, 3, 10, longest]))))
    blanks = st.sampled_from(BLANKS if draw(st.booleans()) else [" "])
    return draw(blanks).join(["", *words][draw(st.booleans()) :]) + draw(blanks)


batches = st.lists(st.tuples(line(), line().filter(str.strip)), min_size=1, max_size=4)


@given(batches, st.sampled_from(KINDS))
def test_rates_and_counts(drawn, kind):
    jiwer = pytest.importorskip("jiwer")
    hypotheses, references = map(list, zip(*drawn, strict=True))
    metric = ErrorRate(kind=kind)
    statistics = metric.statistics(Lines(hypotheses), [Lines(references)])
    process = jiwer.process_characters if kind == "CER" else jiwer.process_words
    for found, mine, theirs in zip(statistics.tolist(), hypotheses, references, strict=True):
        output = process(theirs, mine)
        assert found == [output.hits, output.substitutions, output.deletions, output.insertions]
    rate = {"WER": jiwer.wer, "CER": jiwer.cer, "MER": jiwer.mer}[kind](references, hypotheses)
    assert float(metric.score(statistics.sum(axis=0))) == pytest.approx(100 * rate, abs=1e-9)


@given(batches, st.sampled_from(KINDS))
@settings(max_examples=50)
def test_case_and_punctuation_left_out(drawn, kind):
    jiwer = pytest.importorskip("jiwer")
    hypotheses, references = map(list, zip(*drawn, strict=True))
    last = [jiwer.ReduceToListOfListOfChars()] if kind == "CER" else [jiwer.ReduceToListOfListOfWords()]
    spaces = [] if kind == "CER" else [jiwer.RemoveMultipleSpaces()]
    change = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), *spaces, jiwer.Strip(), *last])
    metric = ErrorRate(kind=kind, lowercase=True, no_punct=True)
    statistics = metric.statistics(Lines(hypotheses), [Lines(references)])
    for found, mine, theirs in zip(statistics.tolist(), hypotheses, references, strict=True):
        output = jiwer.process_words(theirs, mine, change, change)
        assert found == [output.hits, output.substitutions, output.deletions, output.insertions]


@given(batches, st.sampled_from(KINDS), st.booleans())
def test_alignments_have_the_same_counts(drawn, kind, no_punct):
    metric = ErrorRate(kind=kind, no_punct=no_punct)
    hypotheses, references = zip(*drawn, strict=True)
    statistics = metric.statistics(Lines(hypotheses), [Lines(references)])
    for found, mine, theirs in zip(statistics.tolist(), hypotheses, references, strict=True):
        names = [name for name, _, _ in metric.alignment(mine, theirs)]
        assert found == [names.count(name) for name in "=SDI"]


def test_the_best_reference_of_those_that_are_there():
    references = [Lines(["a b c d", "", "a x"]), Lines(["a b", "", "a b"], np.array([True, True, False]))]
    metric: Metric = ErrorRate()
    statistics = metric.statistics(Lines(["a b x", "", "a b"]), references)
    assert statistics.tolist() == [[2, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]
    segments = metric.segment_score(statistics)
    assert segments[[0, 2]].tolist() == [50.0, 50.0]
    assert np.isnan(segments[1])


def test_a_reference_without_words():
    metric = ErrorRate()
    statistics = metric.statistics(Lines(["a b", "c"]), [Lines(["", "c"])])
    assert statistics.tolist() == [[0, 0, 0, 2], [1, 0, 0, 0]]
    assert metric.score(statistics.sum(axis=0)) == 200.0
    assert np.isnan(metric.score(statistics[0]))
    assert ErrorRate(kind="MER").score(statistics[0]) == 100.0
    better = metric.statistics(Lines(["a"]), [Lines([""]), Lines(["b c"])])
    assert better.tolist() == [[0, 1, 1, 0]]


def test_an_alignment_for_people():
    steps = ErrorRate().alignment("le 東 chat", "le chat noir")
    assert steps == [("=", "le", "le"), ("I", "", "東"), ("=", "chat", "chat"), ("D", "noir", "")]
    assert side_by_side(steps) == ("REF  le ** chat noir", "HYP  le 東 chat ****", "        I       D")
    assert side_by_side([]) == ("REF", "HYP", "")
    assert ErrorRate(kind="CER").alignment(" ab ", "a b") == [("=", "a", "a"), ("D", " ", ""), ("=", "b", "b")]


def test_what_is_said_of_a_corpus():
    sums = np.array([7, 1, 2, 3])
    assert ErrorRate().verbose(sums) == "[ 6 / 10, 3 ins, 2 del, 1 sub ]"
    assert ErrorRate(kind="MER").verbose(sums) == "[ 6 / 13, 3 ins, 2 del, 1 sub ]"
    assert ErrorRate(lowercase=True).signature() == {"case": "lc", "punct": "yes", "refs": "min", "version": "jiwer-4.0"}
