"""The core HMM against hmmlearn's CategoricalHMM, which others wrote."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.models.hmm.baum_welch import HMM, Categorical, random_hmm

hmmlearn = pytest.importorskip("hmmlearn.hmm")


def pair(states: int, symbols: int, seed: int, iterations: int = 1):
    """The same random model, ours and theirs."""
    rng = np.random.default_rng(seed)
    start, transition = rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), states)
    emission = rng.dirichlet(np.ones(symbols), states)
    theirs = hmmlearn.CategoricalHMM(
        states, params="ste", init_params="", n_iter=iterations, tol=-np.inf,
        startprob_prior=1.0, transmat_prior=1.0, emissionprob_prior=1.0,
    )  # fmt: skip
    theirs.startprob_, theirs.transmat_, theirs.emissionprob_ = start, transition, emission
    theirs.n_features = symbols
    return HMM(start, transition, Categorical(emission)), theirs


def corpus(symbols: int, seed: int, sequences: int = 12):
    """Every symbol occurs, as hmmlearn wants it."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, sequences)
    return rng.permutation(np.arange(lengths.sum()) % symbols), lengths


@pytest.mark.parametrize(("states", "symbols", "seed"), [(2, 3, 0), (5, 11, 1), (9, 40, 2)])
def test_the_three_problems(states, symbols, seed):
    ours, theirs = pair(states, symbols, seed)
    x, lengths = corpus(symbols, seed)
    column = x[:, None]
    total, posterior = theirs.score_samples(column, lengths)
    assert ours.log_likelihood(x, lengths).sum() == pytest.approx(total, rel=1e-10)
    np.testing.assert_allclose(ours.posteriors(x, lengths), posterior, atol=1e-8)
    best, path = theirs.decode(column, lengths)
    assert ours.viterbi(x, lengths).score.sum() == pytest.approx(best, rel=1e-10)
    np.testing.assert_array_equal(ours.viterbi(x, lengths).tags, path)


@pytest.mark.parametrize("seed", range(3))
def test_five_iterations_of_baum_welch(seed):
    ours, theirs = pair(4, 9, seed, iterations=5)
    x, lengths = corpus(9, seed)
    theirs.fit(x[:, None], lengths)
    history = []
    for _ in range(5):
        ours, log_likelihood = ours.em_step(x, lengths)
        history.append(log_likelihood)
    np.testing.assert_allclose(history, list(theirs.monitor_.history)[-5:], rtol=1e-8)
    np.testing.assert_allclose(ours.start, theirs.startprob_, atol=1e-8)
    np.testing.assert_allclose(ours.transition, theirs.transmat_, atol=1e-8)
    assert isinstance(ours.emission, Categorical)
    np.testing.assert_allclose(ours.emission.probability, theirs.emissionprob_, atol=1e-8)


def test_from_the_models_that_training_starts_with():
    ours = random_hmm(3, np.array([0.5, 0.3, 0.2]), seed=4)
    assert isinstance(ours.emission, Categorical)
    _, theirs = pair(3, 3, 0)
    theirs.startprob_, theirs.transmat_, theirs.emissionprob_ = ours.start, ours.transition, ours.emission.probability
    x, lengths = corpus(3, 5)
    assert ours.log_likelihood(x, lengths).sum() == pytest.approx(theirs.score(x[:, None], lengths), rel=1e-10)
