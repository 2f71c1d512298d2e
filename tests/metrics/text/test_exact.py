import numpy as np
import pytest

from seqcli.metrics.text.exact import ExactMatch
from seqcli.metrics.text.metric import Lines, Metric


def test_white_space_at_the_ends_does_not_count():
    metric: Metric = ExactMatch()
    statistics = metric.statistics(Lines([" a b\t", "a  b", "", "A b"]), [Lines(["a b", "a b", " ", "a b"])])
    assert statistics.tolist() == [[1, 1], [0, 1], [1, 1], [0, 1]]
    assert metric.score(statistics.sum(axis=0)) == 50.0
    assert metric.segment_score(statistics).tolist() == [100.0, 0.0, 100.0, 0.0]
    assert metric.verbose(statistics.sum(axis=0)) == "2 of 4"
    assert np.isnan(metric.score(np.zeros(2)))


def test_one_of_the_references_that_are_there_suffices():
    references = [Lines(["a", "b", ""], np.array([True, True, False])), Lines(["c", "a", "b"])]
    assert ExactMatch().statistics(Lines(["a", "a", ""]), references)[:, 0].tolist() == [1, 1, 0]


@pytest.mark.parametrize(("lowercase", "matched"), [(False, 0), (True, 1)])
def test_case(lowercase, matched):
    metric = ExactMatch(lowercase=lowercase)
    assert metric.statistics(Lines(["Ja"]), [Lines(["jA"])]).tolist() == [[matched, 1]]
    assert metric.signature()["case"] == ("lc" if lowercase else "mixed")
