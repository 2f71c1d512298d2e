"""Features for small treebanks and other scripts."""

from __future__ import annotations

import pytest

from seqcli.errors import UsageFailure
from seqcli.models.crf.features import BOUNDARY, describe
from seqcli.models.crf.folding import fold
from seqcli.models.crf.scripts import KINDS, vary, vary_all


def test_nothing_asked_for_changes_nothing():
    described = [describe(word) for word in ("Haus", BOUNDARY)]
    assert vary_all(["Haus", BOUNDARY], described, "") is described


@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_kind_keeps_the_word_and_leaves_the_boundary(kind: str):
    assert vary(BOUNDARY, describe(BOUNDARY), kind) == describe(BOUNDARY)
    found = vary("學生們", describe("學生們"), kind)
    assert "w=學生們" in found.center
    assert found.values == describe("學生們").values


def test_the_ending_of_a_syllable_is_told_from_the_syllable():
    one, other = (set(vary(word, describe(word), "korean").center) for word in ("간", "산"))
    assert any(name.startswith("j1=") for name in one & other)


def test_a_folded_type_is_looked_at_as_its_word():
    [found] = vary_all([fold("Haus")], [describe("haus")], "plain")
    assert found == vary("haus", describe("haus"), "plain")


def test_an_unknown_kind_is_refused():
    with pytest.raises(UsageFailure, match="features = 'klingon'"):
        vary_all(["a"], [describe("a")], "klingon")
