"""Scores of tags against scikit-learn's, and laws that need no oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from seqcli.metrics import tagging

pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60).map(np.array)


@given(pairs)
def test_as_scikit_learn_has_it(labels):
    gold, pred = labels.T
    counts = tagging.tag_counts(gold, pred, 6)
    present = counts[:, 1:].any(axis=1)
    expected = precision_recall_fscore_support(gold, pred, labels=range(6), zero_division=0)
    found = tagging.precision(counts), tagging.recall(counts), tagging.f1(counts), counts[:, 1]
    for ours, theirs, scale in zip(found, expected, (100, 100, 100, 1), strict=True):
        np.testing.assert_allclose(ours[present], theirs[present] * scale)
    macro = precision_recall_fscore_support(gold, pred, average="macro", zero_division=0)[2]
    scores = tagging.score_tags(gold, pred)
    assert scores["macro-f1"] == pytest.approx(100 * macro)
    assert scores["accuracy"] == pytest.approx(100 * accuracy_score(gold, pred))


@given(pairs, st.randoms())
def test_confusions_are_the_matrix_beside_its_diagonal(labels, random):
    gold, pred = labels.T
    forms = np.array([random.randrange(4) for _ in gold])
    matrix = confusion_matrix(gold, pred, labels=range(6))
    np.fill_diagonal(matrix, 0)
    found = tagging.confusions(gold, pred, forms, top=100, examples=100)
    ours = np.zeros_like(matrix)
    for pair in found:
        ours[pair.gold, pair.pred] = pair.count
        assert sum(times for _, times in pair.examples) == pair.count
    np.testing.assert_array_equal(ours, matrix)
    assert [pair.count for pair in found] == sorted((pair.count for pair in found), reverse=True)
    assert sum(pair.share for pair in found) == pytest.approx(100 if matrix.any() else 0)


@given(pairs)
def test_swapping_the_sides_swaps_precision_and_recall(labels):
    gold, pred = labels.T
    here, there = tagging.tag_counts(gold, pred, 6), tagging.tag_counts(pred, gold, 6)
    np.testing.assert_array_equal(tagging.f1(here), tagging.f1(there))
    np.testing.assert_array_equal(tagging.precision(here), tagging.recall(there))


@given(pairs, st.randoms())
def test_segments_add_up(labels, random):
    gold, pred = labels.T
    segment = np.array([random.randrange(3) for _ in gold])
    by_segment = tagging.segment_tag_counts(gold, pred, segment, 3, 6)
    np.testing.assert_array_equal(by_segment.sum(axis=0), tagging.tag_counts(gold, pred, 6))
    only = segment == 1
    np.testing.assert_array_equal(by_segment[1], tagging.tag_counts(gold[only], pred[only], 6))


@given(pairs, st.randoms())
def test_accuracies_of_batches_add_up(labels, random):
    gold, pred = labels.T
    known = np.array([random.random() < 0.5 for _ in gold])
    cut = len(gold) // 2
    whole = tagging.accuracy(gold, pred, known)
    parts = tagging.accuracy(gold[:cut], pred[:cut], known[:cut]) + tagging.accuracy(gold[cut:], pred[cut:], known[cut:])
    assert whole == parts
    assert tagging.accuracy(gold, pred).correct == whole.correct
    for share, words in ((whole.all, slice(None)), (whole.known, known), (whole.unknown, ~known)):
        if len(gold[words]):
            assert share == pytest.approx(100 * np.mean(gold[words] == pred[words]))
        else:
            assert np.isnan(share)


def test_what_does_not_occur_has_no_score():
    counts = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 2]])
    np.testing.assert_array_equal(tagging.f1(counts), [np.nan, 0, 0])
    np.testing.assert_array_equal(tagging.recall(counts), [np.nan, 0, 0])
    np.testing.assert_array_equal(tagging.precision(counts), [np.nan, 0, 0])
    assert tagging.macro(tagging.f1(counts)) == 0
    assert np.isnan(tagging.macro(np.array([np.nan])))
    nothing = np.zeros(0, dtype=np.int64)
    assert np.isnan(tagging.score_tags(nothing, nothing)["accuracy"])
