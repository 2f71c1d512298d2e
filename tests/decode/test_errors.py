"""Error analysis names the guilty part: the search where it was made too narrow, the model where it was made wrong."""

import math

import pytest
import torch

from seqcli.decode.beam import BeamSearch
from seqcli.decode.errors import judge, log_likelihood, shares
from seqcli.decode.sampling import greedy
from seqcli.decode.settings import Hypothesis, Settings
from seqcli.decode.stepper import Table
from tests.decode.toys import texts

PLAIN = Settings(alpha=0.0, max_length=6)


def test_log_likelihood_is_that_of_the_table():
    table = Table.random(4, 2, seed=3)
    every = [(tokens, p) for tokens, p, ended in texts(table, [2], 5) if ended][:200]
    found = log_likelihood(table, [[2]] * len(every), [tokens for tokens, _ in every])
    assert [sum(parts) for parts in found] == pytest.approx([p for _, p in every])
    assert log_likelihood(table, [], []) == []


def test_a_search_that_is_too_narrow_is_blamed():
    """The references are the model's own best texts, so whatever is not found is the search's fault."""
    table = Table.random(5, 2, seed=1, sharpness=1.5)
    prompts = [[i % 5, j % 5] for i in range(5) for j in range(1, 5)]
    best = [found[0] for found in BeamSearch(table, Settings(beam=600, alpha=0.0, max_length=6, stop="exact")).run(prompts)]
    narrow = [found[0] for found in greedy(table, prompts, PLAIN)]
    judgements = judge(table, prompts, narrow, [each.tokens for each in best], PLAIN)
    wrong = [found for found, mine, right in zip(judgements, narrow, best, strict=True) if mine.tokens != right.tokens]
    assert len(wrong) >= 8
    assert sum(found.verdict == "search" for found in wrong) / len(wrong) >= 0.95
    assert all(
        found.verdict == "same" for found, mine, right in zip(judgements, narrow, best, strict=True) if mine.tokens == right.tokens
    )


def test_a_model_that_was_made_wrong_is_blamed():
    """The references are the best texts of the right model; the wrong one, searched well, prefers its own."""
    right, wrong = Table.random(5, 2, seed=1, sharpness=1.5), Table.random(5, 2, seed=8, sharpness=1.5)
    prompts = [[i % 5, j % 5] for i in range(5) for j in range(1, 5)]
    wide = Settings(beam=600, alpha=0.0, max_length=6, stop="exact")
    wanted, found = ([each[0] for each in BeamSearch(table, wide).run(prompts)] for table in (right, wrong))
    judgements = [each for each in judge(wrong, prompts, found, [each.tokens for each in wanted], PLAIN) if each.verdict != "same"]
    assert len(judgements) >= 8
    assert sum(each.verdict == "model" for each in judgements) / len(judgements) >= 0.95


def test_both_are_ranked_as_the_search_ranks():
    table = Table(torch.tensor([[0.5, 0.5], [0.4, 0.6]]))
    short, long = Hypothesis([], 0.0, 0.0), [1]  # log P .5 and .2; by token .5 and .447
    (plain,) = judge(table, [[]], [short], [long], Settings(alpha=0.0))
    (strong,) = judge(table, [[]], [short], [long], Settings(alpha=3.0))
    assert (plain.verdict, strong.verdict) == ("model", "search")
    assert plain.reference == pytest.approx(math.log(0.2))
    assert strong.reference_score == pytest.approx(math.log(0.2) / 8)
    assert shares([plain, strong]) == {"same": 0.0, "search": 0.5, "model": 0.5}
