"""Labels a line, against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from seqcli.errors import UsageFailure
from seqcli.metrics import report
from seqcli.metrics.labels import classes, holds_labels
from tests.metrics.labels.asking import ask, fails, lines, scores

LABELS = st.sampled_from(["pos", "neg", "neutral", "ünd", "0"])
PAIRS = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40)


@pytest.mark.filterwarnings("ignore:A single label")
@given(PAIRS)
def test_as_scikit_learn_has_it(pairs):
    gold, pred = map(list, zip(*pairs, strict=True))
    [evaluation] = ask(classes, lines(gold), lines(pred))
    found = scores(evaluation)
    assert math.isclose(found["accuracy"], 100 * sk.accuracy_score(gold, pred))
    for average in ("macro", "micro", "weighted"):
        expected = 100 * sk.f1_score(gold, pred, average=average, zero_division=0)
        assert math.isclose(found[f"{average}-f1"], expected, abs_tol=1e-9)
    assert math.isclose(found["mcc"], sk.matthews_corrcoef(gold, pred), abs_tol=1e-9)
    labels = sorted({*gold, *pred})
    p, r, f, support = sk.precision_recall_fscore_support(gold, pred, labels=labels, zero_division=0)
    by_label = {score.name.removeprefix("f1/"): score for score in evaluation.details if score.name.startswith("f1/")}
    assert by_label.keys() == set(labels)
    for at, label in enumerate(labels):
        score = by_label[label]
        assert math.isclose(score.score, 100 * f[at], abs_tol=1e-9)
        assert score.counts["precision"] == pytest.approx(100 * p[at], abs=1e-4)
        assert score.counts["recall"] == pytest.approx(100 * r[at], abs=1e-4)
        assert score.counts["gold"] == support[at]


@given(PAIRS)
def test_the_table_of_confusions(pairs):
    gold, pred = map(list, zip(*pairs, strict=True))
    [evaluation] = ask(classes, lines(gold), lines(pred), confusions=100)
    wrong = {score.name: score for score in evaluation.details if score.name.startswith("confusion/")}
    assert sum(score.counts["count"] for score in wrong.values()) == sum(one != two for one, two in pairs)
    if wrong:
        assert math.isclose(sum(score.score for score in wrong.values()), 100)
        [table] = [table.rows for table in evaluation.tables if table.title]
        order = table[0][1:]
        assert [row[0] for row in table[1:]] == order
        assert [list(map(int, row[1:])) for row in table[1:]] == sk.confusion_matrix(gold, pred, labels=order).tolist()


def test_many_labels_show_the_costly_pairs():
    gold = [f"l{i}" for i in range(20)]
    [evaluation] = ask(classes, lines(gold), lines([*gold[1:], gold[0]]), confusions=3)
    assert evaluation.tables[1].rows[0] == ["gold", "predicted", "count", "% of errors"]
    assert len(evaluation.tables[1].rows) == 4


def test_the_interval_is_that_of_drawing_lines():
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 400)
    pred = np.where(rng.random(400) < 0.7, gold, rng.integers(0, 3, 400))
    [evaluation] = ask(classes, lines(gold), lines(pred), resamples=4000)
    for score, metric in zip(evaluation.headline, (sk.accuracy_score, sk.matthews_corrcoef), strict=False):
        if score.name == "accuracy":
            drawn = [100 * metric(gold[at], pred[at]) for at in rng.integers(0, 400, (500, 400))]
            np.testing.assert_allclose([score.low, score.high], np.percentile(drawn, [2.5, 97.5]), atol=1)
    mcc = next(score for score in evaluation.headline if score.name == "mcc")
    drawn = [sk.matthews_corrcoef(gold[at], pred[at]) for at in rng.integers(0, 400, (200, 400))]
    np.testing.assert_allclose([mcc.low, mcc.high], np.percentile(drawn, [2.5, 97.5]), atol=0.02)
    assert all(score.low <= score.score <= score.high for score in evaluation.headline)
    [again] = ask(classes, lines(gold), lines(pred), resamples=4000)
    assert [(score.low, score.high) for score in again.headline] == [(score.low, score.high) for score in evaluation.headline]


def test_metrics_come_in_the_order_asked_for():
    [evaluation] = ask(classes, "a\nb\n", "a\na\n", metrics="mcc,f1/a,accuracy")
    assert [score.name for score in evaluation.headline] == ["mcc", "f1/a", "accuracy"]
    assert not evaluation.details
    assert not evaluation.tables


def test_several_systems_and_the_report():
    evaluations = ask(classes, "a\nb\nb\n", "a\nb\nb\n", "a\na\nb\n", resamples=10)
    assert [round(evaluation.headline[0].score, 2) for evaluation in evaluations] == [100.0, 66.67]
    assert "gold \\ predicted  b  a" in "\n".join(report.text(evaluations, details=True))
    assert "2 labels" in evaluations[0].about


def test_a_line_is_a_segment():
    [evaluation] = ask(classes, "a\nb\n", "a\na\n")
    assert list(report.by_line([evaluation], as_objects=False)) == ["100.00\t1\ta → a", "0.00\t2\tb → a"]


@pytest.mark.parametrize("column", ["2", "label"])
def test_a_column_can_hold_the_labels(column):
    rows = "text\tlabel\none\ta\n\ntwo\tb\n"
    [evaluation] = ask(classes, rows, "label\na\n\na\n", column=column)
    assert scores(evaluation)["accuracy"] == (50.0 if column == "label" else pytest.approx(200 / 3))
    assert [segment.line for segment in evaluation.segments] == ([2, 4] if column == "label" else [1, 2, 4])


def test_lines_without_a_label():
    [evaluation] = ask(classes, "a\n\nb\n", "a\nb\n\n")
    assert "1 without a label left out" in evaluation.about
    assert scores(evaluation)["accuracy"] == 50
    assert scores(evaluation)["f1/(blank)"] == 0


def test_line_ends_of_windows_and_blanks_around_do_not_count():
    [evaluation] = ask(classes, "a\r\nb\r\n", "a\n b ")
    assert scores(evaluation)["accuracy"] == 100


def test_one_label_everywhere_has_no_correlation():
    [evaluation] = ask(classes, "a\na\n", "a\na\n", resamples=10)
    assert scores(evaluation)["mcc"] == 0
    assert scores(evaluation)["accuracy"] == 100


def test_what_is_wrong_is_said():
    fails(["ref has 3 labels", "sys0 has 2"], classes, "a\nb\nc\n", "a\nb\n")
    fails("ref is empty", classes, "", "a\n")
    fails("sys0 is empty", classes, "a\n", "")
    fails("only blank lines", classes, "\n\n", "a\nb\n")
    fails(["no such label", "did you mean 'pos'?"], classes, "pos\n", "neg\n", metrics="f1/poss", error=UsageFailure)
    fails(["ref has 2 columns", "--column"], classes, "x\ta\n", "a\n")
    fails("ref has 2 columns", classes, "x\ta\n", "a\n", column="3", error=UsageFailure)
    fails(["no such column", "did you mean 'label'?"], classes, "text\tlabel\n", "a\n", column="lable", error=UsageFailure)
    fails("ref, line 2: no column 2", classes, "x\ta\nb\n", "a\nb\n", column="2")
    fails("sys0, line 2, byte 1: not valid UTF-8", classes, "a\nb\n", b"a\n\xff\n")
    [evaluation] = ask(classes, "a\nb\n", b"a\n\xff\n", errors="replace")
    assert scores(evaluation)["accuracy"] == 50


def test_files_of_labels_are_told_from_tagged_words(tmp_path):
    (tmp_path / "labels").write_text("a\nb\n")
    (tmp_path / "words").write_text("# text = a\n1\ta\n")
    assert [holds_labels(tmp_path / name) for name in ("labels", "words")] == [True, False]
