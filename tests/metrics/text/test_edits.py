"""Edit distances and alignments: Levenshtein's table, and rapidfuzz, which jiwer asks, for the choice among the cheapest."""

import numpy as np
import pytest
from hypothesis import given

from seqcli.metrics.text import edits
from seqcli.metrics.text.tokens import Ragged
from tests.metrics.text.pairs import pairs, ragged


def table(hypothesis, reference):
    row = list(range(len(reference) + 1))
    for i, mine in enumerate(hypothesis, start=1):
        above, row = row, [i]
        for j, theirs in enumerate(reference, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (mine != theirs)))
    return row[-1]


def counts(alignment):
    names = [name for name, _, _ in alignment]
    return [names.count(name) for name in "=SDI"]


def hashed(side):
    """The same sequences with numbers as large as those of words are."""
    return Ragged(side.ids + np.uint64(1 << 60), side.lengths)


@given(pairs)
def test_distances_are_those_of_the_table(drawn):
    sides = [ragged(side) for side in zip(*drawn, strict=True)]
    expected = [table(mine, theirs) for mine, theirs in drawn]
    assert edits.distances(*sides).tolist() == expected
    assert edits.distances(*map(hashed, sides)).tolist() == expected


@given(pairs)
def test_an_alignment_rewrites_the_reference_into_the_hypothesis(drawn):
    sides = [ragged(side) for side in zip(*drawn, strict=True)]
    alignments = [edits.align(mine, theirs) for mine, theirs in drawn]
    for (mine, theirs), alignment in zip(drawn, alignments, strict=True):
        assert [j for name, _, j in alignment if name in "=SI"] == list(range(len(mine)))
        assert [i for name, i, _ in alignment if name in "=SD"] == list(range(len(theirs)))
        assert all((mine[j] == theirs[i]) == (name == "=") for name, i, j in alignment if name in "=S")
    expected = list(map(counts, alignments))
    assert edits.operations(*sides).tolist() == expected
    assert edits.operations(*map(hashed, sides)).tolist() == expected


@given(pairs)
def test_the_choice_among_alignments_is_rapidfuzz_s(drawn):
    levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein
    names = {"equal": "=", "replace": "S", "delete": "D", "insert": "I"}
    for mine, theirs in drawn:
        expected = [
            (names[tag], None if tag == "insert" else i + k, None if tag == "delete" else j + k)
            for tag, i, i_end, j, j_end in levenshtein.opcodes(theirs, mine)
            for k in range(max(i_end - i, j_end - j))
        ]
        assert edits.align(mine, theirs) == expected


def test_sequences_beyond_all_masks():
    rng = np.random.default_rng(1)
    mine, theirs = rng.integers(0, 50, 4200).tolist(), rng.integers(0, 50, 4100).tolist()
    sides = ragged([[1, 2], mine, [3]]), ragged([[2], theirs, [3]])
    assert edits.operations(*sides).tolist() == [[1, 0, 0, 1], counts(edits.align(mine, theirs)), [1, 0, 0, 0]]


def test_nothing_on_either_side():
    sides = ragged([[], [1, 2], [], []]), ragged([[], [], [1], []])
    assert edits.operations(*sides).tolist() == [[0, 0, 0, 0], [0, 0, 0, 2], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert edits.operations(ragged([]), ragged([])).shape == (0, 4)
    assert edits.align("", "") == []
