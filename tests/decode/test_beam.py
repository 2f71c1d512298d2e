"""Beam search: as wide as the space it is exhaustive search, one wide it is greedy, and no batch changes what is found."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.decode.beam import BeamSearch
from seqcli.decode.phrases import holds
from seqcli.decode.rules import largest
from seqcli.decode.sampling import greedy
from seqcli.decode.settings import Settings
from seqcli.decode.stepper import Table
from seqcli.errors import Failure, UsageFailure
from tests.decode.toys import exhaustive, same

WIDE = 400  # more than there are texts of at most 5 tokens over 3, or 4 over 4


def search(table, prompts, **options):
    return BeamSearch(table, Settings(**options).check()).run(prompts)


tables = st.builds(
    Table.random, st.integers(2, 4), st.integers(1, 2), st.integers(0, 10_000), st.sampled_from([0.3, 2.0, 6.0]), st.integers(0, 1)
)
norms = st.tuples(st.sampled_from(["length", "gnmt"]), st.sampled_from([0.0, 0.6, 1.0, 2.0]))


@settings(max_examples=80)
@given(tables, st.lists(st.lists(st.integers(0, 1), max_size=3), min_size=1, max_size=3), norms, st.sampled_from(["likely", "exact"]))
def test_as_wide_as_the_space_is_exhaustive(table, prompts, norm, stop):
    normalize, alpha = norm
    chosen = Settings(beam=WIDE, nbest=12, max_length=4, normalize=normalize, alpha=alpha, stop=stop)
    for prompt, found in zip(prompts, BeamSearch(table, chosen).run(prompts), strict=True):
        assert same(found, exhaustive(table, prompt, chosen)[:12])


@settings(max_examples=60)
@given(tables, st.integers(0, 3), st.integers(0, 2), norms)
def test_rules_are_kept_and_nothing_else_is_lost(table, shortest, n, norm):
    chosen = Settings(beam=WIDE, nbest=8, max_length=4, min_length=shortest, no_repeat=n, normalize=norm[0], alpha=norm[1])
    (found,) = BeamSearch(table, chosen).run([[]])

    def allowed(tokens):
        grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
        return n == 0 or len(set(grams)) == len(grams)

    wanted = exhaustive(table, [], chosen, allowed)[:8]
    if wanted:
        assert same(found, wanted)
    else:  # the rules leave nothing: what there was before is kept
        assert len(found) == 1
        assert not found[0].ended


@settings(max_examples=60)
@given(tables, st.lists(st.lists(st.integers(0, 1), max_size=3), min_size=1, max_size=4), norms)
def test_one_wide_is_greedy(table, prompts, norm):
    chosen = Settings(beam=1, max_length=7, normalize=norm[0], alpha=norm[1], min_length=1, repetition=1.3)
    for found, wanted in zip(BeamSearch(table, chosen).run(prompts), greedy(table, prompts, chosen), strict=True):
        assert same(found, wanted)


@settings(max_examples=60)
@given(tables, st.integers(1, 6), norms, st.sampled_from(["likely", "exact"]))
def test_asking_for_more_changes_no_best(table, beam, norm, stop):
    chosen = Settings(beam=beam, max_length=6, normalize=norm[0], alpha=norm[1], stop=stop)
    lists = [BeamSearch(table, replace(chosen, nbest=n)).run([[]])[0] for n in range(1, beam + 1)]
    assert len({tuple(found[0].tokens) for found in lists}) == 1
    for found in lists:
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        assert len({(*each.tokens, each.ended) for each in found}) == len(found)


@settings(max_examples=30)
@given(tables, st.lists(st.lists(st.integers(0, 1), max_size=3), min_size=2, max_size=6), st.integers(1, 4), st.integers(1, 2))
def test_a_batch_is_its_parts(table, prompts, beam, groups):
    chosen = Settings(beam=beam * groups, nbest=beam, max_length=6, groups=groups)
    limits = [2 + i % 4 for i in range(len(prompts))]
    together = BeamSearch(table, chosen).run(prompts, limits)
    for prompt, limit, found in zip(prompts, limits, together, strict=True):
        (alone,) = BeamSearch(table, chosen).run([prompt], [limit])
        assert same(found, alone)
        assert all(len(each.tokens) + each.ended <= limit for each in found)


def test_what_is_done_leaves_the_batch():
    table = Table(torch.tensor([[0.0, 0.5, 0.5, 0.0], [1.0, 0, 0, 0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]), end=0)
    one = BeamSearch(table, Settings(beam=2, max_length=40, alpha=0.0))
    one.run([[1]] * 8)
    assert table.steps == 8  # one row each, once
    table.steps = 0
    one.run([[1]] * 8 + [[2]])
    assert table.steps <= 9 + 2 * 39


def test_exact_search_goes_on_where_a_longer_text_may_win():
    """An early end is worse by token than the long text, which `likely` does not wait for."""
    probs = torch.tensor([[0.0, 0.3, 0.7], [0.9, 0.1, 0.0], [0.05, 0.0, 0.95]])
    best = {stop: search(Table(probs), [[]], beam=1 + 1, max_length=30, stop=stop)[0][0] for stop in ("likely", "exact")}
    chosen = Settings(max_length=30, alpha=1.0)
    (wanted,) = exhaustive(Table(probs), [], replace(chosen, max_length=12))[:1]
    assert best["exact"].score >= best["likely"].score
    assert best["exact"].score >= wanted.score


@settings(max_examples=50)
@given(tables, st.lists(st.lists(st.integers(1, 2), min_size=1, max_size=2), min_size=1, max_size=2))
def test_phrases_as_wide_as_the_space(table, phrases):
    phrases = [tuple(token % table.size for token in phrase) for phrase in phrases]
    if any(table.end in phrase for phrase in phrases):
        return
    chosen = Settings(beam=WIDE, nbest=6, max_length=5, phrases=tuple(phrases))
    (found,) = BeamSearch(table, chosen).run([[]])
    wanted = exhaustive(table, [], chosen, lambda tokens: all(holds(tokens, phrase) for phrase in phrases))
    assert same([each for each in found if each.complete], wanted[:6])


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_a_narrow_beam_holds_the_phrases(seed, beam):
    table = Table.random(12, 1, seed)
    (found,) = search(table, [[]], beam=beam, nbest=2, max_length=20, phrases=((3, 4, 5), (7,)))
    assert found[0].complete
    assert all(holds(found[0].tokens, phrase) for phrase in ((3, 4, 5), (7,)))


def test_a_prefix_is_written_and_counted():
    table = Table.random(4, 2, seed=3)
    chosen = Settings(beam=WIDE, nbest=9, max_length=5, prefix=(2, 1))
    (found,) = BeamSearch(table, chosen).run([[3]])
    assert same(found, exhaustive(table, [3], chosen, lambda tokens: tokens[:2] == [2, 1])[:9])
    (one,) = greedy(table, [[3]], chosen)
    assert one[0].tokens[:2] == [2, 1]


def test_groups_without_a_cost_are_the_same_search():
    table = Table.random(6, 1, seed=5)
    (narrow,) = search(table, [[]], beam=2, nbest=2, max_length=8)
    (wide,) = search(table, [[]], beam=6, nbest=6, max_length=8, groups=3, diversity=0.0)
    assert same(wide, narrow)  # equal texts are told once


def test_a_high_cost_keeps_groups_apart():
    table = Table.random(5, 1, seed=7, sharpness=4.0)
    (found,) = search(table, [[]], beam=4, nbest=4, max_length=5, groups=4, diversity=100.0)
    assert len({each.tokens[0] if each.tokens else 0 for each in found}) == 4
    for each in found:  # what a token costs is no part of the score
        wanted = {tuple(one.tokens): one.score for one in exhaustive(table, [], Settings(max_length=5)) if one.ended == each.ended}
        assert each.score == pytest.approx(wanted[tuple(each.tokens)])


def test_texts_that_end_a_hypothesis():
    table = Table.random(5, 1, seed=11)
    spell = lambda ids: "".join("#abcd"[i] for i in ids)  # noqa: E731
    chosen = Settings(beam=WIDE, nbest=5, max_length=5, ends=("ab", "d"))
    (found,) = BeamSearch(table, chosen, spell).run([[]])
    every = {}
    for each in exhaustive(table, [], replace(chosen, max_length=5)):
        text = spell(each.tokens)
        at = min((text.find(end) + len(end) for end in chosen.ends if end in text), default=None)
        if at is None:
            every[text] = each.score
    assert all(("ab" in spell(each.tokens)) + ("d" in spell(each.tokens)) <= 1 for each in found)
    for each in found:
        text = spell(each.tokens)
        assert text.endswith(("ab", "d")) or each.score == pytest.approx(every[text])
    (one,) = greedy(table, [[]], replace(chosen, ends=("a", "b", "c", "d")), spell=spell)
    assert len(one[0].tokens) <= 1


class Looking:
    """A model of two places that looks at the first until it has written a 2."""

    size, end = 3, 0

    def start(self, batch):
        return torch.zeros(len(batch), dtype=torch.long), torch.zeros(len(batch), 2)

    def step(self, last, state):
        looks = torch.where((last == 2)[:, None], torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]))
        return torch.tensor([0.5, 0.4, 0.1]).log().expand(len(last), 3), looks

    def attention(self, state):
        return state, torch.ones_like(state, dtype=torch.bool)


def test_coverage():
    (plain,) = search(Looking(), [[]], beam=20, max_length=4, alpha=0.0)
    (covering,) = search(Looking(), [[]], beam=20, max_length=4, alpha=0.0, coverage=1.0)
    assert plain[0].tokens == []
    assert covering[0].tokens == [2]
    assert covering[0].score == pytest.approx(covering[0].log_prob)  # all was looked at
    with pytest.raises(UsageFailure, match="attends"):
        search(Table.random(3), [[]], coverage=0.2)


def test_nan_is_a_failure():
    table = Table.random(3)
    table.log_probs[:] = torch.nan
    for run in (lambda: search(table, [[]]), lambda: greedy(table, [[]], Settings())):
        with pytest.raises(Failure, match="NaN"):
            run()


def test_no_sentence_is_no_work():
    assert search(Table.random(3), []) == greedy(Table.random(3), [], Settings()) == []


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(5000, 9000), st.integers(1, 12), st.integers(0, 1000))
def test_the_largest(N, V, k, seed):
    scores = torch.randn(N, V, generator=torch.Generator().manual_seed(seed)).round(decimals=1 + seed % 5)
    values, places = largest(scores, k)
    assert torch.equal(values, scores.topk(k, 1).values)
    assert torch.equal(scores.gather(1, places), values)
    assert all(len(set(row)) == k for row in places.tolist())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beam": 0}, "--beam 0"), ({"nbest": 6}, "--beam 6"), ({"temperature": 0.0}, "--greedy"), ({"temperature": -1.0}, "above 0"),
        ({"top_p": 1.5}, "share"), ({"beam": 5, "groups": 2}, "groups"), ({"min_length": 256}, "no room"),
        ({"alpha": -1.0}, "at least 0"),
        ({"phrases": ((1,),), "groups": 5}, "--diverse"), ({"prefix": (1, 2), "max_length": 2}, "no room"), ({"ends": ("",)}, "empty"),
        ({"repetition": 0.0}, "above 0"), ({"temperature": float("nan")}, "above 0"),
    ],
)  # fmt: skip
def test_contradictions(options, said):
    with pytest.raises(UsageFailure, match=said):
        Settings(**options).check()
