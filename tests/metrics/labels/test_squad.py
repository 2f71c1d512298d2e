"""Answers to questions, against the rules written out once more."""

import json
import math
import os
import re
import string
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import UsageFailure
from seqcli.metrics import Request, report
from seqcli.metrics.labels import squad
from tests.metrics.labels.asking import ask, fails, scores

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
WORDS = st.lists(st.sampled_from(["the", "a", "An", "cat", "Cat,", "(dog)", "a-cat", "an–cat", "…", "42%", "--", "naïve"]), max_size=5)
TEXT = st.tuples(WORDS, st.sampled_from([" ", "  ", "\u00a0"])).map(lambda drawn: drawn[1].join(drawn[0]))


def simple(text):
    kept = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def expected(answer, golds):
    golds = [gold for gold in golds if simple(gold)] or [""]
    exact = max(simple(answer) == simple(gold) for gold in golds)

    def f1(gold):
        one, two = simple(answer), simple(gold)
        if not one or not two:
            return float(one == two)
        common = sum((Counter(one) & Counter(two)).values())
        precision, recall = common / len(one), common / len(two)
        return 2 * precision * recall / (precision + recall) if common else 0.0

    return float(exact), max(map(f1, golds))


@given(TEXT, st.lists(TEXT, max_size=3))
def test_as_the_rules_have_it(answer, golds):
    exact, f1 = squad.exact_and_f1(answer, golds)
    assert (exact, round(f1, 9)) == (expected(answer, golds)[0], round(expected(answer, golds)[1], 9))


@pytest.mark.parametrize(
    ("answer", "golds", "exact", "f1"),
    [
        ("Denver Broncos", ["the Denver Broncos."], 1, 1),
        ("Broncos", ["Denver Broncos", "broncos!"], 1, 1),
        ("Denver", ["Denver Broncos", "Broncos"], 0, 2 / 3),
        ("", [], 1, 1),
        ("the", [], 1, 1),
        ("Denver", [], 0, 0),
        ("", ["Denver"], 0, 0),
        ("cat cat", ["cat"], 0, 2 / 3),
        ("24–10", ["24-10"], 0, 0),
    ],
)
def test_examples(answer, golds, exact, f1):
    assert squad.exact_and_f1(answer, golds) == pytest.approx((exact, f1))


def document(answers):
    questions = [
        {"id": key, "question": f"Which {key}?", "answers": [{"text": text, "answer_start": 0} for text in texts]}
        for key, texts in answers.items()
    ]
    return json.dumps({"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": questions}]}]}, indent=1)


def records(values, key):
    return "".join(json.dumps({"id": one, key: value}) + "\n" for one, value in values.items())


ANSWERS = {"q1": ["the cat", "a black cat"], "q2": ["dog"], "q3": []}
PREDICTED = {"q1": "Cat", "q2": "big dog", "q3": ""}


def test_all_formats_say_the_same():
    hub = "".join(
        json.dumps({"id": one, "answers": {"text": texts, "answer_start": [0] * len(texts)}}) + "\n" for one, texts in ANSWERS.items()
    )
    references = [document(ANSWERS), records(ANSWERS, "answers"), hub]
    predictions = [json.dumps(PREDICTED, indent=1), records(PREDICTED, "answer"), records(PREDICTED, "prediction_text")]
    plain = ["".join("\t".join(texts) + "\n" for texts in ANSWERS.values()), "".join(f"{one}\n" for one in PREDICTED.values())]
    for texts in [*((one, two) for one in references for two in predictions), plain]:
        [evaluation] = ask(squad, *texts, resamples=10)
        assert scores(evaluation) == {
            "squad-em": pytest.approx(200 / 3), "squad-f1": pytest.approx(800 / 9), "squad-em/has-answer": 50.0,
            "squad-f1/has-answer": pytest.approx(250 / 3), "squad-em/no-answer": 100.0,
        }  # fmt: skip
        assert [score.counts["n"] for score in evaluation.headline] == [3, 3, 2, 2, 1]
        assert evaluation.about.endswith("3 questions, 1 without an answer")


def test_a_single_record():
    [evaluation] = ask(squad, '{"id": 1, "answers": ["x"]}', '{"id": 1, "answer": "x"}')
    assert scores(evaluation) == {"squad-em": 100.0, "squad-f1": 100.0}


def test_what_is_missing_counts_0_and_is_told():
    [evaluation] = ask(squad, document(ANSWERS), json.dumps({"q1": "cat", "other": "x"}))
    assert scores(evaluation)["squad-em"] == pytest.approx(100 / 3)
    assert scores(evaluation)["squad-em/no-answer"] == 0
    assert evaluation.headline[0].counts == {"n": 3, "missing": 2}
    assert "2 that the system does not answer count 0; 1 answers to other questions left out" in evaluation.about


def test_a_question_is_a_segment():
    [evaluation] = ask(squad, document(ANSWERS), json.dumps(PREDICTED))
    rows = list(report.by_line([evaluation], as_objects=False))
    assert rows == ["100.00\t1\t1\tWhich q1?", "66.67\t0\t2\tWhich q2?", "100.00\t1\t3\tWhich q3?"]


def test_a_metric_that_no_question_has_is_a_dash():
    [evaluation] = ask(squad, "cat\n", "cat\n", metrics="squad-em/no-answer,squad-f1")
    assert math.isnan(evaluation.headline[0].score)
    assert evaluation.headline[1].score == 100


def test_what_is_wrong_is_said():
    reference = document(ANSWERS)
    fails("answers none of the questions of", squad, reference, '{"x": "y"}')
    fails("sys0: expected JSON, as", squad, reference, "cat\ndog\n")
    fails("the answer of 'q1' is no text", squad, reference, '{"q1": 3}')
    fails(["ref has 2 lines", "sys0 has 1"], squad, "cat\ndog\n", "cat\n")
    fails("ref, question 1: not as SQuAD has it", squad, '{"data": [{"paragraphs": [{"qas": [{"id": 1}]}]}]}', "{}")
    fails("ref: no questions", squad, '{"data": []}', "{}")
    fails("ref, line 2: not JSON", squad, '{"id": 1, "answers": ["x"]}\n{"id"\n', "{}")
    fails("ref, line 1: expected an object with `id` and `answers`", squad, '{"id": 1, "answers": "x"}', "{}")
    fails("sys0, line 2: expected an object with `id` and `answer`", squad, reference, '{"id": "q1", "answer": "x"}\n{"id": "q2"}\n')
    fails("sys0, line 2: expected an object, found list", squad, reference, '{"id": "q1", "answer": "x"}\n[]\n')
    fails("sys0 is empty", squad, reference, "")
    fails(
        ["no such metric", "did you mean 'squad-em/no-answer'?"],
        squad,
        reference,
        "{}",
        metrics="squad-em/no-answers",
        error=UsageFailure,
    )


@pytest.mark.corpus
def test_the_development_set_against_itself(tmp_path):
    path = DATA / "qa" / "squad11_dev.json.gz"
    if not path.exists():
        pytest.skip(f"no {path}: set SEQ_DATA to the folder of data sets")
    _, questions = squad.read_questions(path, "strict")
    (tmp_path / "first").write_text(json.dumps({question.key: question.answers[0] for question in questions}))
    [evaluation] = squad.evaluate(Request(reference=path, systems=[tmp_path / "first"], resamples=10))
    assert scores(evaluation) == {"squad-em": 100.0, "squad-f1": 100.0}
    assert evaluation.headline[0].counts["n"] == 10570
