"""Numbers a line, against scipy, scikit-learn and the formulas."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from seqcli.errors import UsageFailure
from seqcli.metrics import report
from seqcli.metrics.labels import values
from tests.metrics.labels.asking import ask, fails, lines, scores

NUMBERS = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6, allow_subnormal=False))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=30)


@given(PAIRS)
def test_as_scipy_and_scikit_learn_have_it(pairs):
    gold, pred = map(np.array, zip(*pairs, strict=True))
    [evaluation] = ask(values, lines(gold.tolist()), lines(pred.tolist()))
    found = scores(evaluation)
    assert math.isclose(found["mae"], sk.mean_absolute_error(gold, pred), abs_tol=1e-9)
    assert math.isclose(found["mse"], sk.mean_squared_error(gold, pred), abs_tol=1e-9)
    assert math.isclose(found["rmse"], sk.root_mean_squared_error(gold, pred), abs_tol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, expected in (("pearson", stats.pearsonr(gold, pred)[0]), ("spearman", stats.spearmanr(gold, pred)[0])):
            assert math.isnan(found[name]) == math.isnan(expected)
            assert math.isnan(expected) or math.isclose(found[name], expected, abs_tol=1e-7)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_equal_values_share_a_rank(numbers):
    np.testing.assert_array_equal(values.ranks(np.array(numbers, float)[:, None])[:, 0], stats.rankdata(numbers))


@given(PAIRS, st.integers(1, 2))
def test_errors_of_forecasts_as_their_formulas_have_it(pairs, season):
    gold, pred = map(list, zip(*pairs, strict=True))
    [evaluation] = ask(values, lines(gold), lines(pred), metrics="smape,mase", season=season)
    smape = [200 * abs(y - f) / (abs(y) + abs(f)) if y or f else 0 for y, f in pairs]
    assert math.isclose(scores(evaluation)["smape"], sum(smape) / len(smape), abs_tol=1e-9)
    naive = [abs(y - x) for x, y in zip(gold, gold[season:], strict=False)]
    scale = sum(naive) / len(naive)
    if not scale:
        assert math.isnan(scores(evaluation)["mase"])
    else:
        expected = sum(abs(y - f) for y, f in pairs) / len(pairs) / scale
        assert math.isclose(scores(evaluation)["mase"], expected, rel_tol=1e-6)


def test_the_history_is_the_scale():
    [evaluation] = ask(values, "10\n12\n", "11\n11\n", train="1\n3\n2\n5\n", season=2)
    [mase] = [score for score in evaluation.headline if score.name == "mase"]
    assert mase.score == pytest.approx(1 / 1.5)
    assert mase.signature.startswith("values|season:2|scale:train")
    [evaluation] = ask(values, "10\n12\n", "11\n11\n", metrics="mase")
    assert evaluation.headline[0].signature.startswith("values|season:1|scale:reference")
    assert evaluation.headline[0].score == 0.5


def test_several_numbers_a_line():
    gold, pred = np.array([[1.0, 10], [2, 30], [4, 20]]), np.array([[1.5, 10], [2, 33], [5, 26]])
    texts = ["".join(" ".join(map(str, row)) + "\n" for row in table.tolist()) for table in (gold, pred)]
    [evaluation] = ask(values, *texts, metrics="values,mase", resamples=50)
    found = scores(evaluation)
    assert found["mae"] == pytest.approx(np.abs(gold - pred).mean())
    assert found["pearson"] == pytest.approx(stats.pearsonr(gold.ravel(), pred.ravel())[0])
    naive = np.abs(np.diff(gold, axis=0)).mean(axis=0)
    assert found["mase"] == pytest.approx((np.abs(gold - pred) / naive).mean())
    assert "3 lines of 2 numbers" in evaluation.about
    assert [segment.score for segment in evaluation.segments] == [0.25, 1.5, 3.5]


def test_the_interval_is_that_of_drawing_lines():
    rng = np.random.default_rng(1)
    gold = rng.normal(size=200)
    pred = gold + rng.normal(size=200)
    [evaluation] = ask(values, lines(gold), lines(pred), resamples=2000)
    found = {score.name: score for score in evaluation.headline}
    drawn = rng.integers(0, 200, (2000, 200))
    pearson = [np.corrcoef(gold[at], pred[at])[0, 1] for at in drawn]
    for name, sample in (("pearson", pearson), ("mae", np.abs(gold - pred)[drawn].mean(axis=1))):
        np.testing.assert_allclose([found[name].low, found[name].high], np.percentile(sample, [2.5, 97.5]), atol=0.025)
    assert "ranks of all" in found["spearman"].signature


def test_what_is_not_defined_is_a_dash():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [evaluation] = ask(values, "1\n1\n1\n", "1\n2\n3\n", resamples=20)
        assert math.isnan(scores(evaluation)["pearson"])
        assert math.isnan(scores(evaluation)["spearman"])
        assert "pearson       –" in "\n".join(report.text([evaluation], details=False))
        [evaluation] = ask(values, "1e300\n-1e300\n", "1\n2\n", resamples=20)
        assert scores(evaluation)["pearson"] == pytest.approx(-1)
        assert scores(evaluation)["mse"] == math.inf
        [evaluation] = ask(values, "1\n1\n1\n", "1\n2\n3\n", metrics="mase")
        assert math.isnan(scores(evaluation)["mase"])
        [evaluation] = ask(values, "5\n", "6\n", resamples=20)
        assert scores(evaluation)["mae"] == 1


def test_blank_lines_and_columns():
    [evaluation] = ask(values, "score\tx\n1\ta\n\n3\tb\n", "2\n\n5\n", column="score", metrics="mae")
    assert scores(evaluation)["mae"] == 1.5
    assert "1 without a number left out" in evaluation.about
    [evaluation] = ask(values, "1\n\n3\n", "2\n9\n5\n", metrics="mae")
    assert scores(evaluation)["mae"] == 1.5


def test_what_is_wrong_is_said():
    fails(["ref has 3 lines", "sys0 has 2"], values, "1\n2\n3\n", "1\n2\n")
    fails("sys0, line 2: 'two' is not a finite number", values, "1\n2\n", "1\ntwo\n")
    fails("sys0, line 2: 'nan' is not a finite number", values, "1\n2\n", "1\nnan\n")
    fails("ref, line 1: '1_000' is not", values, "1_000\n2\n", "1\n2\n")
    fails("ref, line 2: 1 number, the first line has 2", values, "1 2\n3\n", "1 2\n3 4\n")
    fails(["ref has 2 numbers a line", "sys0 has 1"], values, "1 2\n3 4\n", "1\n2\n")
    fails("sys0, line 2: no number", values, "1\n2\n", "1\n\n")
    fails("only blank lines", values, "\n", "1\n")
    fails("sys0 is empty", values, "1\n", "")
    fails("2 lines are too few for mase with a season of 2", values, "1\n2\n", "1\n2\n", metrics="mase", season=2)
    fails(["train has 2 numbers a line", "ref has 1"], values, "1\n2\n", "1\n2\n", train="1 2\n2 3\n")
    fails("--season 0", values, "1\n2\n", "1\n2\n", season=0, error=UsageFailure)
