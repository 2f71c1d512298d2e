"""Longest common subsequences: the table of lengths written out, and rouge-score's way back through it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.metrics.text import lcs, rows
from seqcli.metrics.text.masks import groups
from tests.metrics.text.pairs import pair, pairs, ragged


def table(hypothesis, reference):
    lengths = [[0] * (len(hypothesis) + 1) for _ in range(len(reference) + 1)]
    for i, theirs in enumerate(reference, start=1):
        for j, mine in enumerate(hypothesis, start=1):
            lengths[i][j] = lengths[i - 1][j - 1] + 1 if mine == theirs else max(lengths[i - 1][j], lengths[i][j - 1])
    return lengths


def batch_lengths(hypotheses, references):
    found = np.zeros(len(hypotheses), dtype=np.int64)
    for group in groups(ragged(hypotheses), [ragged(references)]):
        laid = rows.by_row(group)
        found[laid.segments] = lcs.lengths(laid)
    return found.tolist()


@given(pairs)
def test_lengths_are_those_of_the_table(drawn):
    hypotheses, references = zip(*drawn, strict=True)
    expected = [table(mine, theirs)[-1][-1] for mine, theirs in drawn]
    assert batch_lengths(hypotheses, references) == expected
    assert [lcs.length_of_one(mine, theirs) for mine, theirs in drawn] == expected


@given(st.lists(pair(longest=140), min_size=1, max_size=4))
@settings(max_examples=60)
def test_the_chosen_subsequence_is_rouge_scores(drawn):
    from rouge_score.rouge_scorer import lcs_ind

    hypotheses, references = zip(*drawn, strict=True)
    flags = lcs.common(ragged(hypotheses), ragged(references)).tolist()
    for mine, theirs in drawn:
        here, flags = flags[: len(theirs)], flags[len(theirs) :]
        expected = lcs_ind(theirs, mine) if mine and theirs else []
        assert [place for place, flag in enumerate(here) if flag] == expected
        assert lcs.common_of_one(mine, theirs)[::-1] == expected


def test_sequences_beyond_all_masks():
    rng = np.random.default_rng(1)
    mine, theirs = rng.integers(0, 50, 4200).tolist(), rng.integers(0, 50, 4300).tolist()
    flags = lcs.common(ragged([[7], mine]), ragged([[7, 8], theirs]))
    assert flags[:2].tolist() == [True, False]
    assert np.flatnonzero(flags[2:]).tolist() == lcs.common_of_one(mine, theirs)[::-1]
    assert flags[2:].sum() == lcs.length_of_one(mine, theirs)


@given(st.integers(0, 40))
def test_states_backwards_are_the_states_forwards(count):
    forwards = ["0"]
    for t in range(count):
        forwards.append(f"{forwards[-1]} {t}")
    assert list(rows.backwards("0", lambda state, t: f"{state} {t}", count)) == forwards[:0:-1]
