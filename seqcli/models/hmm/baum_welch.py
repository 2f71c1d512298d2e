"""A hidden Markov model over any kind of observation, and the algorithm that learns one without tags.

The model draws a state, emits an observation, moves to the next state, and so on: start (K,), transition (K, K), and one
distribution over observations a state. Rabiner's three problems (1989) are three methods, `log_likelihood`, `viterbi` and `em_step`,
and all three are a walk along a chain (`seqcli.nn.chain`).

What is emitted is a part of its own, `Emission`: it has two duties, to score observations and to be estimated anew from weighted
ones. Here it is a table over symbols, `Categorical`; mixtures of Gaussians would fit the same two methods.

A batch of B sequences is flat: the N observations end to end, and `lengths` (B,), all > 0.

>>> model = HMM(np.array([0.6, 0.4]), np.array([[0.7, 0.3], [0.4, 0.6]]), Categorical(np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])))
>>> symbols, lengths = np.array([0, 1, 2]), np.array([3])
>>> np.exp(model.log_likelihood(symbols, lengths)).round(5).tolist()
[0.03628]
>>> model.viterbi(symbols, lengths).tags.tolist()
[0, 0, 1]
>>> better, log_likelihood = model.em_step(symbols, lengths)       # of `model`: what one E-step sees
>>> bool(better.log_likelihood(symbols, lengths).sum() > log_likelihood)
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seqcli.data.examples import FloatArray, IntArray
from seqcli.nn.chain import Chain, expectations, log_partition
from seqcli.nn.paths import Best, viterbi

Observations = npt.NDArray[Any]
NEGLIGIBLE = 1e-100  # e^-230: learned probabilities below it would leave the range that the chain's fast way can hold


class Emission(Protocol):
    """One distribution over observations for each of K states."""

    def potentials(self, observations: Observations) -> tuple[FloatArray, IntArray | None]:
        """Log-probabilities (N, K); or, where observations repeat, one row a symbol (V, K) and the symbols (N,)."""

    def reestimate(self, observations: Observations, posterior: FloatArray) -> Emission:
        """The likeliest emission for observations that belong to state k with weight `posterior` (N, K)."""


@dataclass(frozen=True)
class Categorical:
    """P(symbol | state) as a table."""

    probability: FloatArray  # (K, V), rows sum to 1

    def potentials(self, observations: Observations) -> tuple[FloatArray, IntArray | None]:
        """One row a symbol; see `Emission`."""
        with np.errstate(divide="ignore"):
            table = np.ascontiguousarray(np.log(self.probability).T)  # (V, K)
        idle = self.probability.max(axis=0) == 0  # no state emits them: were they left at -inf, the chain would leave its fast way
        idle[observations] = False
        table[idle] = 0
        return table, observations

    def reestimate(self, observations: Observations, posterior: FloatArray) -> Categorical:
        """Relative frequencies; a state that no observation belongs to keeps its distribution."""
        size = self.probability.shape[1]
        counts = np.empty_like(self.probability)
        for state, row in enumerate(counts):
            row[:] = np.bincount(observations, weights=posterior[:, state], minlength=size)
        return Categorical(relative(counts, self.probability))


@dataclass(frozen=True)
class HMM:
    """K states; parameters are probabilities, zeros allowed."""

    start: FloatArray  # (K,)
    transition: FloatArray  # (K, K), from row to column
    emission: Emission

    def chain(self, observations: Observations, lengths: IntArray) -> Chain:
        """The log-potentials; where a sequence ends is no event, so `final` is 0."""
        table, symbols = self.emission.potentials(observations)
        with np.errstate(divide="ignore"):
            start, transition = np.log(self.start), np.log(self.transition)
        return Chain(table, lengths, transition, start, np.zeros_like(start), symbols)

    def log_likelihood(self, observations: Observations, lengths: IntArray) -> FloatArray:
        """Log P(observations) of each sequence, (B,)."""
        found: FloatArray = log_partition(self.chain(observations, lengths))
        return found

    def posteriors(self, observations: Observations, lengths: IntArray) -> FloatArray:
        """P(state at each position | its whole sequence), (N, K)."""
        found: FloatArray = expectations(self.chain(observations, lengths)).emission
        return found

    def viterbi(self, observations: Observations, lengths: IntArray) -> Best:
        """The likeliest states (N,) and log P(observations, states) of each sequence (B,)."""
        return viterbi(self.chain(observations, lengths))

    def em_step(self, observations: Observations, lengths: IntArray) -> tuple[HMM, float]:
        """One iteration of Baum-Welch: expected counts under this model, made relative frequencies.

        Returns:
            the new model, whose log-likelihood is no lower; and the log-likelihood of this one.
        """
        expected = expectations(self.chain(observations, lengths))
        model = HMM(
            relative(expected.initial, self.start),
            relative(expected.transition, self.transition),
            self.emission.reestimate(observations, expected.emission),
        )
        return model, float(expected.log_partition.sum())


def relative(counts: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Rows of counts divided by their sum; a row without a count is as in `otherwise`.

    >>> relative(np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[0.5, 0.5], [0.5, 0.5]])).tolist()
    [[0.25, 0.75], [0.5, 0.5]]
    """
    total = counts.sum(axis=-1, keepdims=True)
    found: FloatArray = np.where(total > 0, counts / np.where(total > 0, total, 1), otherwise)
    return found


def random_hmm(states: int, frequency: FloatArray, seed: int) -> HMM:
    """A model to start from: each state emits the symbols near their overall `frequency` (V,), and moves nearly anywhere."""
    rng = np.random.default_rng(seed)
    return HMM(
        relative(rng.uniform(1, 2, states), np.full(states, 1 / states)),
        relative(rng.uniform(1, 2, (states, states)), np.full((states, states), 1 / states)),
        Categorical(relative(rng.uniform(0.5, 1.5, (states, len(frequency))) * frequency, np.full_like(frequency, 0.0))),
    )


def learn(model: HMM, symbols: IntArray, lengths: IntArray, iterations: int, tolerance: float, report: Callable[[str], None]) -> HMM:
    """Baum-Welch until an iteration gains less than `tolerance` nats a symbol, or for so many iterations."""
    before = -np.inf
    for iteration in range(1, iterations + 1):
        better, log_likelihood = model.em_step(symbols, lengths)
        report(f"iteration {iteration}: log-likelihood {log_likelihood:.2f}, {log_likelihood / len(symbols):.4f} a word")
        if log_likelihood - before < tolerance * len(symbols):
            return model
        model, before = trim(better), log_likelihood
    return model


def trim(model: HMM) -> HMM:
    """Probabilities that have all but vanished: transitions rounded up to `NEGLIGIBLE`, symbols of a table down to 0."""
    emission = model.emission
    if isinstance(emission, Categorical):
        emission = Categorical(np.where(emission.probability < NEGLIGIBLE, 0, emission.probability))
    return HMM(model.start, np.maximum(model.transition, NEGLIGIBLE), emission)
