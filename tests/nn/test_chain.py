"""Laws of the chain: every short cut equals the definition, and the definition equals counting all paths."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from seqcli.nn import chain as chains
from seqcli.nn import paths
from seqcli.nn.chain import Chain


def random_chain(order: int, tags: int, lengths: list[int], seed: int = 0, forbid: float = 0.0, symbols: int = 0) -> Chain:
    rng = np.random.default_rng(seed)
    total = sum(lengths)
    transition = rng.normal(size=(tags,) * (order + 1)) * 2
    transition[rng.random(transition.shape) < forbid] = -np.inf
    return Chain(
        emission=rng.normal(size=(symbols or total, tags)) * 2,
        lengths=np.array(lengths),
        transition=transition,
        initial=rng.normal(size=(tags,) * order),
        final=rng.normal(size=(tags,) * order),
        symbols=rng.integers(symbols, size=total) if symbols else None,
    )


def enumerate_paths(chain: Chain) -> list[list[tuple[float, tuple[int, ...]]]]:
    """Every sequence's paths with their scores, best first; the tags before the first are free at order 2 and more."""
    order = chain.transition.ndim - 1
    emission = chain.emission if chain.symbols is None else chain.emission[chain.symbols]
    result, start = [], 0
    for length in chain.lengths.tolist():
        scored = []
        for path in product(range(chain.transition.shape[0]), repeat=length + order - 1):
            states = [path[i : i + order] for i in range(length)]
            score = chain.initial[states[0]] + chain.final[states[-1]]
            score += sum(emission[start + t, state[-1]] for t, state in enumerate(states))
            score += sum(chain.transition[(*a, b[-1])] for a, b in pairwise(states))
            scored.append((float(score), path))
        result.append(sorted(scored, reverse=True))
        start += length
    return result


CASES = [(1, 3, [1, 4, 2, 4]), (1, 5, [3]), (2, 3, [1, 3, 2]), (3, 2, [4, 1])]


@pytest.mark.parametrize(("order", "tags", "lengths"), CASES)
@pytest.mark.parametrize("symbols", [0, 4])
@pytest.mark.parametrize("forbid", [0.0, 0.2])
def test_everything_equals_counting_all_paths(order, tags, lengths, symbols, forbid):
    chain = random_chain(order, tags, lengths, forbid=forbid, symbols=symbols)
    all_paths = enumerate_paths(chain)
    log_z = [np.logaddexp.reduce([score for score, _ in sequence]) for sequence in all_paths]
    np.testing.assert_allclose(chains.log_partition(chain), log_z, rtol=1e-10)
    np.testing.assert_allclose(chains.scan(chain)[1], log_z, rtol=1e-10)
    np.testing.assert_allclose(chains.scan(chain, chains.largest)[1], [s[0][0] for s in all_paths], rtol=1e-10)

    emission = np.zeros((sum(lengths), tags))
    transition, initial, final = (np.zeros_like(x) for x in (chain.transition, chain.initial, chain.final))
    start = 0
    for sequence, length, norm in zip(all_paths, lengths, log_z, strict=True):
        for score, path in sequence:
            weight = np.exp(score - norm)
            states = [path[i : i + order] for i in range(length)]
            initial[states[0]] += weight
            final[states[-1]] += weight
            for t, state in enumerate(states):
                emission[start + t, state[-1]] += weight
            for a, b in pairwise(states):
                transition[(*a, b[-1])] += weight
        start += length
    for way in (chains.expectations(chain), chains.expect_in_logs(chain, np.ones(len(lengths)))):
        np.testing.assert_allclose(way.emission, emission, atol=1e-10)
        np.testing.assert_allclose(way.transition, transition, atol=1e-10)
        np.testing.assert_allclose(way.initial, initial, atol=1e-10)
        np.testing.assert_allclose(way.final, final, atol=1e-10)

    best = paths.viterbi(chain)
    np.testing.assert_allclose(best.score, [sequence[0][0] for sequence in all_paths], rtol=1e-10)
    np.testing.assert_array_equal(best.tags, np.concatenate([sequence[0][1][order - 1 :] for sequence in all_paths]))
    for found, sequence in zip(paths.n_best(chain, 5), all_paths, strict=True):
        possible = [(score, path[order - 1 :]) for score, path in sequence[:5] if np.isfinite(score)]
        assert [tuple(path.tolist()) for _, path in found] == [path for _, path in possible]
        np.testing.assert_allclose([score for score, _ in found], [score for score, _ in possible], rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2])
def test_torch_runs_the_same_lines_and_the_gradient_is_the_expectation(order):
    chain = random_chain(order, 4, [5, 1, 3, 5])
    tensors = {name: torch.tensor(getattr(chain, name), requires_grad=True) for name in
               ("emission", "transition", "initial", "final")}  # fmt: skip
    on_torch = Chain(lengths=chain.lengths, **tensors)
    total = chains.scan(on_torch)[1]
    total.sum().backward()
    ours = chains.expectations(chain)
    np.testing.assert_allclose(total.detach().numpy(), ours.log_partition, rtol=1e-12)
    for name, tensor in tensors.items():
        assert tensor.grad is not None
        np.testing.assert_allclose(tensor.grad.numpy(), getattr(ours, name), atol=1e-12)
    with torch.no_grad():
        for way in (chains.expectations, lambda c: chains.expect_in_logs(c, torch.ones(4, dtype=torch.float64))):
            for theirs, mine in zip(way(on_torch), ours, strict=True):
                np.testing.assert_allclose(theirs.numpy(), mine, atol=1e-12)


@pytest.mark.parametrize(("order", "symbols"), [(1, 0), (1, 6), (2, 0)])
def test_blocks_and_halves_change_nothing(order, symbols, monkeypatch):
    chain = random_chain(order, 5, [3, 40, 1, 40, 12, 7], symbols=symbols)
    whole = paths.viterbi(chain)
    monkeypatch.setattr(paths, "SWEEP", 60)
    monkeypatch.setattr(paths, "TWO_THREADS", 1)
    cut = paths.viterbi(chain)
    np.testing.assert_array_equal(cut.tags, whole.tags)
    np.testing.assert_array_equal(cut.score, whole.score)


def test_weights_count_sequences_several_times():
    chain = random_chain(1, 3, [2, 5, 1])
    weighted = chains.expectations(chain, np.array([2.0, 0.0, 1.0]))
    plain = chains.expectations(chain)
    np.testing.assert_allclose(weighted.emission, plain.emission * np.repeat([2.0, 0.0, 1.0], [2, 5, 1])[:, None])
    assert weighted.transition.sum() == pytest.approx(2 * 1 + 0 + 0)


def test_posteriors_sum_to_one_over_100_000_positions():
    chain = random_chain(1, 4, [100_000, 7])
    found = chains.expectations(chain)
    np.testing.assert_allclose(found.emission.sum(axis=1), 1, atol=1e-9)
    assert found.transition.sum() == pytest.approx(100_000 + 7 - 2)
    np.testing.assert_allclose(found.log_partition, chains.scan(chain)[1], rtol=1e-12)


def test_a_path_that_fades_for_thousands_of_steps_can_still_win():
    """State 0 cannot be re-entered: it falls behind by e^-2000, beyond any double, and is best in the end."""
    emission = np.concatenate([np.tile([-1.0, 0.0], (2000, 1)), np.tile([0.0, -1.0], (3000, 1))])
    transition = np.array([[np.log(0.5), np.log(0.5)], [-np.inf, 0.0]])
    chain = Chain(emission, np.array([5000]), transition, np.array([0.0, -np.inf]), np.array([3000.0, 0.0]))
    assert paths.viterbi(chain).tags.sum() == 0
    assert chains.expectations(chain).emission[:, 0].min() > 0.99


def test_a_sequence_without_a_possible_path():
    chain = Chain(np.full((2, 2), -np.inf), np.array([2]), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    found = chains.expectations(chain)
    assert found.log_partition.tolist() == [-np.inf]
    assert not found.emission.any()
    assert paths.viterbi(chain).score.tolist() == [-np.inf]
    assert paths.n_best(chain, 3) == [[]]
