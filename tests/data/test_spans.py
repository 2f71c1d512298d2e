"""Spans are found where the scorer finds them."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.data.examples import Tagging
from seqcli.data.spans import Span, find, spell
from seqcli.metrics.labels import schemes

LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


@pytest.mark.parametrize("seed", range(30))
def test_any_tags_have_the_spans_that_the_scorer_counts(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, size=rng.integers(1, 5))
    ids = rng.integers(0, len(LABELS), size=int(lengths.sum()))
    tagset = schemes.Tagset.of(LABELS, "")
    spans = schemes.extract(tagset, ids, lengths, schemes.SCHEMES[""])
    kinds = [tagset.types[kind] for kind in spans.kind.tolist()]
    ends = np.cumsum(lengths)
    found = find(Tagging(LABELS, ids), lengths)
    assert found == [Span(start, end, kind) for start, end, kind in zip(spans.start.tolist(), spans.end.tolist(), kinds, strict=True)]
    assert all(np.searchsorted(ends, span.start, "right") == np.searchsorted(ends, span.end - 1, "right") for span in found)


def test_no_words_have_no_spans():
    assert find(Tagging(LABELS, np.empty(0, np.int64)), np.empty(0, np.int64)) == []


def test_labels_of_other_kinds_spell_nothing():
    assert spell(LABELS)
    for labels in (("NOUN", "VERB"), ("O",), ("B-PER", "I-PER"), ("O", "S-PER"), ("O", "B-"), ()):
        assert not spell(labels)
