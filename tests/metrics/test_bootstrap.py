"""The bootstrap against a loop that draws and adds one segment at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcli.metrics import bootstrap


def percent(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return 100 * sums[..., 0] / sums[..., 1]


def test_as_a_plain_loop_has_it(monkeypatch):
    statistics = np.random.default_rng(0).integers(1, 9, size=(7, 2))
    rng = np.random.default_rng(5)
    expected = np.array([sum(statistics[i] for i in rng.integers(0, 7, size=7)) for _ in range(50)])
    for cells in (1 << 20, 21, 1):  # all draws at once, three at a time, one at a time
        monkeypatch.setattr(bootstrap, "CELLS", cells)
        np.testing.assert_array_equal(bootstrap.resampled_sums(statistics, 50, seed=5), expected)
    low, high = bootstrap.interval(statistics, percent, resamples=50, seed=5, level=90)
    np.testing.assert_allclose([low, high], np.percentile(percent(expected), [5, 95]))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20), st.integers(0, 9))
def test_the_score_itself_is_inside_and_a_seed_decides(counts, seed):
    right, wrong = np.array(counts).T
    statistics = np.column_stack([right, right + wrong])
    low, high = bootstrap.interval(statistics, percent, resamples=20, seed=seed)
    assert (low, high) == bootstrap.interval(statistics, percent, resamples=20, seed=seed) or np.isnan(low)
    point = percent(statistics.sum(axis=0))
    assert low <= point <= high or np.isnan(point)


def test_more_segments_make_a_narrower_interval():
    few = np.tile([[3, 4], [1, 4]], (10, 1))
    low, high = bootstrap.interval(few, percent)
    closer_low, closer_high = bootstrap.interval(np.tile(few, (25, 1)), percent)
    assert low < closer_low < 50 < closer_high < high
    assert 3 < (high - low) / (closer_high - closer_low) < 7  # the error shrinks with the root of the size, here 5


def test_draws_that_leave_a_score_undefined_do_not_count():
    statistics = np.array([[1, 1], [0, 0], [0, 0]])
    low, high = bootstrap.interval(statistics, percent)
    assert low == high == 100
