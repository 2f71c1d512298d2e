"""Sums of segments drawn one by one and by kinds have the same distribution."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcli.metrics.labels import scoring


def test_kinds_are_drawn_as_segments_are():
    rng = np.random.default_rng(3)
    statistics = rng.integers(0, 3, (300, 2))
    plain = scoring.of_segments(statistics, 4000, 1)
    kinds = scoring.of_rows(statistics, 4000, 1)
    assert not np.array_equal(plain.draws, kinds.draws)
    np.testing.assert_array_equal(plain.total, kinds.total)
    np.testing.assert_allclose(plain.draws.mean(axis=0), kinds.draws.mean(axis=0), rtol=0.005)
    np.testing.assert_allclose(np.cov(plain.draws.T), np.cov(kinds.draws.T), atol=20)
    for percent in (2.5, 97.5):
        one, other = (np.percentile(sums.draws, percent, axis=0) for sums in (plain, kinds))
        np.testing.assert_allclose(one, other, rtol=0.01)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=60))
def test_each_draw_has_as_many_segments_as_there_are(rows):
    statistics = np.column_stack([np.array(rows), np.ones(len(rows), np.int64)])
    sums = scoring.of_rows(statistics, 20, 5)
    np.testing.assert_array_equal(sums.total, statistics.sum(axis=0))
    assert (sums.draws[:, 2] == len(rows)).all()
    assert (sums.draws[:, :2] <= len(rows) * statistics[:, :2].max(axis=0)).all()


def test_memory_sets_a_limit(monkeypatch):
    times = np.full(10, 3)
    assert scoring.of_kinds(times, lambda counts: counts.sum(axis=-1, keepdims=True), 7, 1).draws.shape == (7, 1)
    monkeypatch.setattr(scoring, "CELLS", 21)
    assert scoring.of_kinds(times, lambda counts: counts.sum(axis=-1, keepdims=True), 7, 1).draws.tolist() == [[30.0]] * 7
    monkeypatch.setattr(scoring, "HELD", 6)
    assert not len(scoring.of_kinds(times, lambda counts: counts.sum(axis=-1, keepdims=True), 7, 1).draws)
    monkeypatch.setattr(scoring, "HELD", 7)
    monkeypatch.setattr(scoring, "DRAWN", 69)
    assert not len(scoring.of_kinds(times, lambda counts: counts.sum(axis=-1, keepdims=True), 7, 1).draws)
