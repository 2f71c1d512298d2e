"""Chains over tags of spans: no sequence that spells none, and a span's probability is what enumeration says."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from seqcli.data.examples import Tagging
from seqcli.data.spans import find, follows
from seqcli.models.spans import FADED, certainty, lawful, likeliest
from seqcli.nn.chain import Chain, expectations
from seqcli.nn.paths import n_best, viterbi

LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
K = len(LABELS)


def chain(seed: int, lengths: tuple[int, ...], scale: float = 1.0) -> Chain:
    rng = np.random.default_rng(seed)
    shapes = (sum(lengths), K), (K, K), (K,), (K,)
    emission, transition, initial, final = (scale * rng.normal(size=shape) for shape in shapes)
    return Chain(emission, np.array(lengths), transition, initial, final)


def is_lawful(path: tuple[int, ...]) -> bool:
    names = ["O", *(LABELS[i] for i in path)]
    return all(not b.startswith("I-") or a[2:] == b[2:] for a, b in pairwise(names))


def paths(one: Chain) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """All lawful paths of a chain of one sentence with their probabilities."""
    found = [path for path in product(range(K), repeat=len(one.emission)) if is_lawful(path)]
    place = np.arange(len(one.emission))
    scores = np.array(
        [
            one.initial[p[0]] + one.final[p[-1]] + one.emission[place, p].sum() + one.transition[p[:-1], p[1:]].sum()
            for p in map(np.array, found)
        ]
    )
    weights = np.exp(scores - scores.max())
    return found, weights / weights.sum()


def test_what_may_follow_is_what_the_scheme_says():
    legal, first = follows(LABELS)
    for (i, a), (j, b) in product(enumerate(LABELS), repeat=2):
        assert legal[i, j] == (not b.startswith("I-") or a[2:] == b[2:])
    assert first.tolist() == [True, True, False, False, True]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_lawful_path_is_found(seed):
    one = chain(seed, (4,), scale=3)
    found, probability = paths(one)
    assert tuple(viterbi(lawful(one, LABELS)).tags) == found[int(probability.argmax())]
    order = np.argsort(-probability)[:5]
    assert [tuple(path) for _, path in n_best(lawful(one, LABELS), 5)[0]] == [found[i] for i in order]


@pytest.mark.parametrize("seed", range(10))
def test_posterior_decoding_has_the_most_tags_right_of_the_lawful(seed):
    one = chain(seed, (4,), scale=3)
    posterior = expectations(lawful(one, LABELS, FADED)).emission
    found = [path for path in product(range(K), repeat=4) if is_lawful(path)]
    best = max(found, key=lambda path: posterior[range(4), path].sum())
    assert tuple(likeliest(posterior, LABELS, one.lengths)) == best


@pytest.mark.parametrize("seed", range(20))
def test_the_probability_of_a_span_is_that_of_all_paths_that_have_it(seed):
    both = chain(seed, (4, 3))
    soft = lawful(both, LABELS, FADED)
    ids = viterbi(lawful(both, LABELS)).tags
    ours = certainty(soft, expectations(soft).emission, LABELS, ids)
    wanted, at = [], 0
    for length in (4, 3):
        one = Chain(both.emission[at : at + length], np.array([length]), both.transition, both.initial, both.final)
        found, probability = paths(one)
        spans = [set(find(Tagging(LABELS, np.array(path)), one.lengths)) for path in found]
        ours_here = find(Tagging(LABELS, ids[at : at + length]), one.lengths)
        wanted += [sum(p for p, has in zip(probability, spans, strict=True) if span in has) for span in ours_here]
        at += length
    np.testing.assert_allclose(ours, wanted, rtol=1e-6)


def test_no_span_has_no_probability():
    none = chain(1, (3,))
    assert certainty(none, expectations(none).emission, LABELS, np.full(3, K - 1)).shape == (0,)


def test_an_unlawful_sequence_never_comes_out_whatever_the_scores():
    wild = chain(3, (40, 1, 7), scale=100)
    ids = viterbi(lawful(wild, LABELS)).tags
    at = 0
    for length in (40, 1, 7):
        assert is_lawful(tuple(ids[at : at + length]))
        at += length
