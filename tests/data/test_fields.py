"""Fields side by side: two taggings as one, one after another, and as keys of JSON records."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.examples import Batch, Tagging
from seqcli.data.fields import as_keys, beside, joined

TAGS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("01")))


def tagging(tags, **more) -> Tagging:
    labels = tuple(sorted(set(tags)))
    return Tagging(labels, np.array([labels.index(tag) for tag in tags], dtype=np.int64), **more)


@given(TAGS)
def test_taggings_side_by_side(words):
    fields = [tagging(column) for column in zip(*words, strict=True)] or [tagging([])]
    assert beside(fields, "/").tags() == ["/".join(word) for word in words]


def test_the_confidence_is_that_of_the_field_that_has_one():
    upos = tagging(["a", "b"], proba=np.array([[0.75, 0.25], [0.5, 0.5]]))
    for fields in ([upos, tagging(["x", "x"])], [tagging(["x", "y"]), upos]):
        assert beside(fields, " ").confidence() == [0.75, 0.5]
    assert beside([tagging(["x"]), tagging(["y"])], " ").confidence() is None


@given(st.lists(st.lists(st.sampled_from("abc"))))
def test_taggings_one_after_another(parts):
    assert joined([tagging(part) for part in parts]).tags() == [tag for part in parts for tag in part]


def test_keys_of_records():
    batch = Batch(list("abc"), np.array([1, 1, 1]), np.array([2, 0, 1]))
    found = as_keys(batch, [{"id": 1}, {}, {"id": 3}], {"lemma": tagging(["x", "y", "z"])})
    assert found == [{"id": 1, "lemma": ["x", "y"]}, {"lemma": []}, {"id": 3, "lemma": ["z"]}]
