"""ROUGE against rouge-score, and its way with several references against the sentence that defines it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from seqcli.metrics.text.bleu import Bleu
from seqcli.metrics.text.bleu_rouge import BleuRouge
from seqcli.metrics.text.metric import Lines, Metric
from seqcli.metrics.text.rouge import Rouge
from seqcli.metrics.text.rouge_tokens import Stems, letters_and_digits, tokenization
from seqcli.text.porter import stem as porter

KINDS = ("1", "2", "3", "9", "L", "Lsum")
WORDS = (
    "the", "The", "cat", "cats", "running", "runs", "hopefulness", "dying", "skies", "a", "b", "it's", "3.5", "x-1", "_", "—", "don't",
    "ÄPFEL", "İstanbul", "KIN\u212a", "ΟΔΟΣ", "ﬁn", "猫です。", "\u2028", "\t", "\u00a0", "relational,nationally",
)  # fmt: skip
word = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=4)
few = st.sampled_from(WORDS[:6])


@st.composite
def line(draw, longest=150):
    words = draw(st.sampled_from([word, few]))
    return " ".join(draw(st.lists(words, max_size=draw(st.sampled_from([1, 8, 70, longest])))))


def theirs(kind, stem, hypotheses, references):
    scorer = RougeScorer([name := f"rouge{kind}"], use_stemmer=stem)
    scores = [scorer.score_multi(all_of_one, mine)[name] for mine, *all_of_one in zip(hypotheses, *references, strict=True)]
    return np.array([[score.precision, score.recall, score.fmeasure, 1] for score in scores])


@given(st.lists(st.tuples(line(), line()), min_size=1, max_size=3), st.sampled_from(KINDS), st.booleans())
def test_one_reference(drawn, kind, stem):
    hypotheses, references = zip(*drawn, strict=True)
    found = Rouge(kind=kind, stem=stem).statistics(Lines(hypotheses), [Lines(references)])
    np.testing.assert_allclose(found, theirs(kind, stem, hypotheses, [references]), rtol=0, atol=1e-12)


@given(st.lists(st.tuples(*[line(longest=20)] * 4), min_size=1, max_size=3), st.sampled_from(KINDS))
@settings(max_examples=50)
def test_several_references(drawn, kind):
    hypotheses, *references = zip(*drawn, strict=True)
    found = Rouge(kind=kind).statistics(Lines(hypotheses), [Lines(side) for side in references])
    np.testing.assert_allclose(found, theirs(kind, False, hypotheses, references), rtol=0, atol=1e-12)


@given(
    st.lists(st.tuples(*[st.lists(line(longest=70), max_size=5)] * 2), min_size=1, max_size=3),
    st.sampled_from(["Lsum", "L", "2"]),
    st.sampled_from(["<n>", "\\n", " ### "]),
)
def test_sentences_apart(drawn, kind, separator):
    hypotheses, references = zip(*drawn, strict=True)
    sides = [Lines([separator.join(sentences) for sentences in side]) for side in (hypotheses, references)]
    found = Rouge(kind=kind, separator=separator).statistics(sides[0], sides[1:])
    whole = [["\n".join(sentences) for sentences in side] for side in (hypotheses, references)]
    np.testing.assert_allclose(found, theirs(kind, False, whole[0], whole[1:]), rtol=0, atol=1e-12)


def test_sentences_of_a_reference_that_is_not_there_are_none():
    there = [np.array([True, False]), np.array([False, True])]
    references = [Lines(["a b<n>c d", "-<n>-"], there[0]), Lines(["-", "c<n>a b"], there[1])]
    found = Rouge(kind="Lsum", separator="<n>").statistics(Lines(["c d<n>a b", "a b<n>c"]), references)
    assert found.tolist() == [[1.0, 1.0, 1.0, 1.0]] * 2


def test_sequences_beyond_all_masks():
    rng = np.random.default_rng(1)
    sides = [[" ".join(rng.choice(WORDS[:12], size)), "a b"] for size in (4200, 4300)]
    rouge = [Rouge(kind=kind).statistics(Lines(sides[0]), [Lines(sides[1])]) for kind in ("1", "2")]
    for kind, found in zip(("1", "2"), rouge, strict=True):
        np.testing.assert_allclose(found, theirs(kind, False, sides[0], sides[1:]), rtol=0, atol=1e-12)
    longest = Rouge(kind="L").statistics(Lines(sides[0]), [Lines(sides[1])])
    split = [[side[0].replace(" ", "<n> ", 1), side[1]] for side in sides]
    assert 0 < longest[0, 1] <= Rouge(kind="Lsum", separator="<n>").statistics(Lines(split[0]), [Lines(split[1])])[0, 1] + 0.01


@given(st.lists(st.tuples(*[line(longest=8)] * 4, st.lists(st.booleans(), min_size=3, max_size=3).filter(any)), min_size=1, max_size=3))
@settings(max_examples=50)
def test_jackknifing_is_a_mean_over_sets_that_lack_one(drawn):
    hypotheses, *references, there = zip(*drawn, strict=True)
    sides = [Lines(side, np.array(present)) for side, present in zip(references, zip(*there, strict=True), strict=True)]
    found = Rouge(jackknife=True).statistics(Lines(hypotheses), sides)
    highest = Rouge().statistics(Lines(hypotheses), sides)
    for b, mine in enumerate(hypotheses):
        present = [side[b] for side, has in zip(references, there[b], strict=True) if has]
        each = [theirs("1", False, [mine], [[text]])[0] for text in present]
        sets = [each[:i] + each[i + 1 :] for i in range(len(each))] if len(each) > 1 else [each]
        expected = np.mean([max(scores, key=lambda score: score[2]) for scores in sets], axis=0)
        np.testing.assert_allclose(found[b], expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(highest[b], theirs("1", False, [mine], [[text] for text in present])[0], rtol=0, atol=1e-12)


def test_a_table_of_stems_with_few_places_finds_the_same_stems():
    text = ("running runs hopefulness relational cats dogs nationally flying flies bee beds " * 3 + "\n").encode()
    full = tokenization(stem=True)(text).ids
    assert letters_and_digits(text, Stems(porter, 2)).ids.tolist() == full.tolist()


def test_words_of_any_script():
    hypothesis, reference = Lines(["Ποταμός नदी 東京 naïve running"]), Lines(["ποταμός, नदी! 東北 NAÏVE runs"])
    found = [Rouge(unicode=True, stem=stem).statistics(hypothesis, [reference])[0, 0] for stem in (False, True)]
    assert found == pytest.approx([4 / 6, 5 / 6])
    assert Rouge().statistics(hypothesis, [reference])[0, 0] == pytest.approx(2 / 3)  # `na` and `ve`


def test_a_corpus_is_the_mean_of_its_segments():
    rouge = Rouge(kind="L")
    statistics = rouge.statistics(Lines(["a b", "c", ""]), [Lines(["a b", "d", "e"])])
    assert float(rouge.score(statistics.sum(axis=0))) == pytest.approx(100 / 3)
    assert rouge.segment_score(statistics).tolist() == [100.0, 0.0, 0.0]
    assert np.isnan(rouge.score(np.zeros(4)))
    assert rouge.score(np.zeros((2, 4))).shape == (2,)
    assert rouge.verbose(np.zeros(4)) == ""


def test_signatures_say_what_was_done():
    assert "|".join(f"{key}:{value}" for key, value in Rouge().signature().items()) == (
        "stem:no|tok:rouge-score|refs:max|version:rouge-score-0.1.2"
    )
    options = Rouge(stem=True, unicode=True, separator="<n>", jackknife=True).signature()
    assert list(options.values())[:4] == ["porter", "unicode", "<n>", "jackknife"]


def test_f1_of_bleu_and_rouge():
    metric: Metric = BleuRouge()
    hypothesis, reference = Lines(["the cat sat on the mat", "a dog"]), Lines(["the cat sat on a mat", "two dogs ran"])
    statistics = metric.statistics(hypothesis, [reference])
    assert statistics.shape == (2, len(metric.fields))
    bleu = float(Bleu().score(Bleu().statistics(hypothesis, [reference]).sum(axis=0)))
    recall = 50 * Rouge(kind="L").statistics(hypothesis, [reference])[:, 1].sum()
    assert float(metric.score(statistics.sum(axis=0))) == pytest.approx(2 * bleu * recall / (bleu + recall))
    assert metric.segment_score(statistics)[1] == 0
    assert metric.verbose(statistics.sum(axis=0)) == f"BLEU {bleu:.2f} R {recall:.2f}"
    assert np.isnan(metric.score(np.zeros(12)))
