"""What is collected from batches is what the whole would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.report.comparison import EDGES, LENGTH_LABELS, LENGTHS, Histogram, Selection, bin_counts, length_bins, words

SCORES = st.lists(st.one_of(st.floats(0, 130), st.just(float("nan")), st.sampled_from(EDGES)), min_size=1, max_size=60)


@given(SCORES)
def test_a_histogram_is_that_of_numpy(values):
    scores = np.array(values, float).round(6)
    within = scores[scores <= 100]
    assert bin_counts(scores).tolist() == [*np.histogram(within, EDGES)[0], (scores > 100).sum()]


def test_a_perfect_score_with_a_rounding_error_is_not_over_100():
    assert bin_counts(np.array([100.00000000000004]))[-2] == 1


@given(SCORES, st.integers(1, 9))
def test_batches_make_no_difference_to_a_histogram(values, size):
    scores = np.stack([np.array(values, float)] * 6, axis=1).reshape(-1, 3, 2)
    whole, parts = Histogram(3, 2), Histogram(3, 2)
    whole.add(scores)
    for start in range(0, len(scores), size):
        parts.add(scores[start : start + size])
    assert (whole.counts == parts.counts).all()


def test_lengths():
    lines = ["", "one", "w " * 9, "w " * 10, "w " * 59, "w " * 60, "w " * 5000]
    assert length_bins(lines).tolist() == [0, 0, 0, 1, 5, 6, 6]
    assert len(LENGTHS) == len(LENGTH_LABELS)


@pytest.mark.parametrize(
    ("line", "n"), [("naïve  café\u00a0!", 3), ("猫が好き", 4), ("私は iPhone を買った", 7), ("안녕하세요 여러분", 2)]
)
def test_words_of_any_script(line, n):
    assert words(line) == n


def select(scores, lower=(False, True), size=0, limit=5):
    selection = Selection(lower, limit)
    for start in range(0, len(scores), size or len(scores)):
        batch = scores[start : start + (size or len(scores))]
        texts = [[str(start + i)] for i in range(len(batch))]
        selection.add(start + 1, texts, [text * scores.shape[1] for text in texts], batch)
        assert len(selection.kept) <= limit * scores.shape[2]
    return selection.examples()


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32))
def test_the_selection_is_of_the_widest_spread_however_it_comes(B, size, seed):
    scores = np.random.default_rng(seed).integers(0, 6, (B, 3, 2)).astype(float)  # many ties
    found = select(scores, size=size)
    assert [example.line for example in found] == [example.line for example in select(scores)]
    assert len(found) == min(5, B)
    for example in found:
        assert example.references == [str(example.line - 1)]
        assert (example.scores == scores[example.line - 1]).all()
    spread = scores.max(axis=1) - scores.min(axis=1)  # (B, M)
    for m in range(2):
        first = sorted(range(B), key=lambda i: -spread[i, m])[: 5 // 2]
        assert {i + 1 for i in first} <= {example.line for example in found}


def test_of_one_system_the_worst_are_selected():
    scores = np.array([[[50.0]], [[10.0]], [[np.nan]], [[30.0]]])
    assert [example.line for example in select(scores, [False], limit=2)] == [2, 4]
    assert [example.line for example in select(scores, [True], limit=2)] == [1, 4]


def test_what_has_no_score_comes_last():
    scores = np.array([[[np.nan], [np.nan]], [[3.0], [3.0]], [[1.0], [9.0]]])
    assert [example.line for example in select(scores, [False])] == [3, 2, 1]
