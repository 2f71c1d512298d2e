"""Sampling: draws follow the distribution that was asked for, and no batch changes what is drawn."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.decode.rules import NEVER, forbid_repeats, penalize_repetition
from seqcli.decode.sampling import cut, draw, nucleus, sample, typical
from seqcli.decode.settings import Settings
from seqcli.decode.stepper import Table
from tests.decode.toys import texts

logits = st.integers(0, 10_000).map(lambda seed: torch.randn(3, 40, generator=torch.Generator().manual_seed(seed)) * 2)


def chi_square(counts, probs, draws):
    return sum((counts.get(key, 0) - draws * p) ** 2 / (draws * p) for key, p in probs.items() if p > 0)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7}, {"top_k": 2}, {"top_p": 0.7}, {"min_p": 0.4}, {"typical": 0.6}])
def test_whole_texts_are_drawn_as_often_as_they_should_be(options):
    table = Table.random(3, 1, seed=4, sharpness=1.0)
    draws = 6000
    chosen = Settings(max_length=3, samples=draws, seed=1, **options)
    (found,) = sample(table, [[]], chosen)
    sharpened = table.log_probs / chosen.temperature
    if chosen.top_k:
        sharpened = sharpened.masked_fill(sharpened < sharpened.topk(chosen.top_k, 1).values[:, -1:], NEVER)
    wanted = {tuple(tokens): math.exp(p) for tokens, p, _ in texts(Table(cut(sharpened, chosen).softmax(1)), [], 3)}
    assert sum(wanted.values()) == pytest.approx(1)
    counts = Counter(tuple(each.tokens) for each in found)
    assert counts.keys() <= wanted.keys()
    freedom = len(wanted) - 1
    assert chi_square(counts, wanted, draws) < freedom + 4 * math.sqrt(2 * freedom)
    plain = {tuple(tokens): p for tokens, p, _ in texts(table, [], 3)}  # what the model says, not what was drawn from
    assert all(each.log_prob == pytest.approx(plain[tuple(each.tokens)]) for each in found[:50])


def test_the_same_seed_draws_the_same_whatever_the_batch():
    table = Table.random(9, 2, seed=2)
    prompts = [[i % 3, i % 2] for i in range(7)]
    chosen = Settings(max_length=12, samples=3, seed=5, top_p=0.9)
    together = sample(table, prompts, chosen)
    alone = [sample(table, [prompt], chosen, numbers=[i])[0] for i, prompt in enumerate(prompts)]
    assert [[each.tokens for each in found] for found in together] == [[each.tokens for each in found] for found in alone]
    other = sample(table, prompts, Settings(max_length=12, samples=3, seed=6, top_p=0.9))
    assert together != other
    few = sample(table, prompts, Settings(max_length=12, samples=1, seed=5, top_p=0.9))
    assert [found[0] for found in few] == [found[0] for found in together]


@given(logits, st.floats(0.05, 0.99))
def test_nucleus_is_the_fewest_that_hold_the_share(values, share):
    log_probs = values.log_softmax(1)
    for row, kept in zip(log_probs.exp().double(), nucleus(log_probs, share) > NEVER, strict=True):
        held = row[kept].sort().values
        assert held.sum() >= share - 1e-6
        assert held[1:].sum() < share + 1e-6
        assert not bool((~kept).any()) or row[~kept].max() <= held[0]


@given(logits, st.floats(0.05, 0.99), st.floats(0.01, 0.9))
def test_tails_are_cut_as_transformers_cuts_them(values, share, least):
    from transformers.generation.logits_process import MinPLogitsWarper, TopPLogitsWarper, TypicalLogitsWarper

    none: Any = torch.zeros(3, 0, dtype=torch.long)
    for ours, theirs in (
        (nucleus(values.log_softmax(1), share), TopPLogitsWarper(share)),
        (typical(values.log_softmax(1), share), TypicalLogitsWarper(share)),
        (cut(values, Settings(min_p=least)), MinPLogitsWarper(least)),
    ):
        assert torch.equal(ours > NEVER, theirs(none, values) > NEVER)


@given(st.lists(st.lists(st.integers(0, 5), min_size=6, max_size=6), min_size=1, max_size=4), st.integers(1, 4))
def test_rules_as_transformers_applies_them(tokens, n):
    from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

    ids = torch.tensor(tokens)
    scores = torch.randn(len(ids), 8, generator=torch.Generator().manual_seed(n)).log_softmax(1)
    ours = scores.clone()
    forbid_repeats(ours, ids, n)
    assert torch.equal(ours, NoRepeatNGramLogitsProcessor(n)(ids, scores.clone()))
    ours = scores.clone()
    penalize_repetition(ours, ids, 1.7)
    assert torch.allclose(ours, RepetitionPenaltyLogitsProcessor(1.7)(ids, scores.clone()))


def test_what_stands_before_a_history_is_no_history():
    ids = torch.tensor([[-1, -1, -1, 2]])
    scores = torch.zeros(1, 4) - 1
    forbid_repeats(scores, ids, 2)
    penalize_repetition(scores, ids, 2.0)
    assert scores.tolist() == [[-1, -1, -2, -1]]


def test_draws_at_the_edges():
    log_probs = torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0]]).log().expand(4, 5)
    uniform = torch.tensor([0.0, 0.2499999, 0.25, float(np.nextafter(1, 0))], dtype=torch.float64)
    assert draw(log_probs, uniform).tolist() == [1, 1, 3, 3]
