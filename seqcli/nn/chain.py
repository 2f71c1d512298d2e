"""One scan over a linear chain, for HMM, CRF, CTC and the segmenter alike.

A chain gives every sequence of tags a score: the sum of the potentials of its first tags, its transitions, its emissions and its
last tags. Walking along the chain once *sums over all paths*, and what "sum" means is a semiring:

================  ==============================================================================
log-sum-exp       log Z, the log of the summed weight of all paths (likelihood, CRF norm)
max               the score of the best path; walking back gives Viterbi's tags (`nn/paths.py`)
the N largest     the N best paths (`nn/paths.py`)
================  ==============================================================================

The gradient of log Z is the expected count of each potential. Posteriors (forward-backward), Baum-Welch's expectations and the
gradient of a CRF are that one thing, `expectations`.

`scan` is the definition: log space, any semiring, any order, numpy or torch. The short cuts are held to it by tests. `expectations`
works on scaled probabilities, where a step is one matrix product (Rabiner 1989, section V.A), and goes back to log space where
scaling could lose a path.

Order n (bigram n = 1, trigram n = 2 …): a state is the tuple of the last n tags, S = K ** n of them. Sequences are ragged and lie end
to end; inside, step t holds position t of every sequence that is long enough, the longest first, so nothing is padded.

>>> chain = Chain(emission=np.log([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), lengths=np.array([2, 1]),
...               transition=np.log([[0.7, 0.3], [0.4, 0.6]]), initial=np.log([0.6, 0.4]), final=np.zeros(2))
>>> np.exp(log_partition(chain)).round(3).tolist()   # the third word alone: .6 × .2 + .4 × .8
[0.29, 0.44]
>>> expectations(chain).emission.sum(axis=1).round(6).tolist()
[1.0, 1.0, 1.0]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seqcli.data.examples import IntArray

Array = Any  # a numpy array or a torch tensor: the same lines run on either

FAST_RANGE = 600.0  # nats that scaled doubles can hold between the likeliest and the least likely state


@dataclass(frozen=True)
class Chain:
    """Log-potentials of B ragged sequences, N positions in all, over K tags at order n.

    `emission` has a row a position, or, with `symbols`, a row a symbol: position p then has row `symbols[p]`.
    """

    emission: Array  # (N, K), or (V, K) with `symbols`
    lengths: IntArray  # (B,) all > 0
    transition: Array  # (K,) * (n + 1), the tag reached last
    initial: Array  # (K,) * n, of the state at the first position
    final: Array  # (K,) * n, of the state at the last position
    symbols: Array | None = None  # (N,)

    @property
    def size(self) -> tuple[int, int]:
        """K and J = K ** (n - 1): a state is a (K, J) pair read from its oldest tag, a (J, K) pair from its newest."""
        tags = int(self.transition.shape[0])
        return tags, tags ** (len(self.transition.shape) - 2)

    @cached_property
    def layout(self) -> Layout:
        """How the sequences lie in time order."""
        return Layout(self.lengths)

    @cached_property
    def rows(self) -> Array:
        """(N,) the row of `emission` at each place in time order."""
        order = beside(self.emission, self.layout.order)
        return order if self.symbols is None else self.symbols[order]


class Layout:
    """The time order of ragged sequences: position t of every sequence longer than t, the longest sequence first.

    >>> layout = Layout(np.array([1, 3]))
    >>> layout.order.tolist(), layout.steps          # the first words of both, then the rest of the long one
    ([1, 0, 2, 3], [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)])
    """

    def __init__(self, lengths: IntArray) -> None:
        lengths = np.asarray(lengths, dtype=np.int64)
        self.ranked = np.argsort(-lengths, kind="stable")  # (B,) sequence at each rank
        self.rank = np.empty_like(self.ranked)  # (B,) rank of each sequence
        self.rank[self.ranked] = np.arange(len(lengths))
        alive = len(lengths) - np.cumsum(np.bincount(lengths))[:-1]  # (L,) sequences longer than t
        edges = np.concatenate([[0], np.cumsum(alive)])
        self.steps = [slice(*edge) for edge in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
        self.alive: list[int] = [*alive.tolist(), 0]
        time = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.order = np.empty(len(time), dtype=np.int64)  # (N,) position in the batch of each place in time order
        self.order[edges[time] + np.repeat(self.rank, lengths)] = np.arange(len(time))


def namespace(x: Array) -> Any:
    """Numpy or torch, whichever `x` belongs to; torch is never imported from here."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def beside(x: Array, values: np.ndarray[Any, Any]) -> Array:
    """`values` as an array of the kind, and on the device, of `x`."""
    return values if isinstance(x, np.ndarray) else namespace(x).as_tensor(values, device=x.device)


# The definition ------------------------------------------------------------------------------------------------------


def log_sum_exp(x: Array, axis: int) -> Array:
    """Log Σ exp; -inf where every term is."""
    xp = namespace(x)
    if xp is not np:
        return xp.logsumexp(x, axis)
    peak = x.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - peak).sum(axis=axis)) + peak.squeeze(axis)


def largest(x: Array, axis: int) -> Array:
    """max, Viterbi's sum."""
    return namespace(x).amax(x, axis)


Plus = Callable[[Array, int], Array]


def scan(chain: Chain, plus: Plus = log_sum_exp) -> tuple[list[Array], Array]:
    """Forward messages and totals in log space, in the semiring of `plus` and +.

    Returns:
        a message (rows, J, K) a step, rows as in `Layout`; and the total of each sequence (B,), in the batch's order.
    """
    tags, rest = chain.size
    transition = chain.transition.reshape(tags, rest, tags)
    messages: list[Array] = []
    for step in chain.layout.steps:
        emission = chain.emission[chain.rows[step]][:, None, :]  # (rows, 1, K)
        if not messages:
            messages.append(chain.initial.reshape(rest, tags) + emission)
        else:
            past = messages[-1][: len(emission)].reshape(-1, tags, rest, 1)
            messages.append(plus(past + transition, 1) + emission)  # sums out the oldest tag
    ended = []
    for t, message in enumerate(messages):
        last = message[chain.layout.alive[t + 1] :]
        ended.append(plus((last + chain.final.reshape(rest, tags)).reshape(-1, rest * tags), 1))
    return messages, namespace(chain.transition).concatenate(ended[::-1])[beside(chain.transition, chain.layout.rank)]


def scan_back(chain: Chain, plus: Plus = log_sum_exp) -> list[Array]:
    """Backward messages (rows, J, K) a step: the total of all that follows a state."""
    tags, rest = chain.size
    xp = namespace(chain.transition)
    transition = chain.transition.reshape(tags, rest, tags)
    final = chain.final.reshape(1, rest, tags)
    messages: list[Array] = []
    for t in reversed(range(len(chain.layout.steps))):
        alive, ended = chain.layout.alive[t + 1], chain.layout.alive[t] - chain.layout.alive[t + 1]
        message = xp.tile(final, (ended, 1, 1))
        if alive:
            after = chain.emission[chain.rows[chain.layout.steps[t + 1]]][:, None, :] + messages[-1]  # (alive, J, K)
            going_on = plus(transition + after[:, None], 3).reshape(alive, rest, tags)
            message = xp.concatenate([going_on, message])
        messages.append(message)
    return messages[::-1]


# Sums over all paths ---------------------------------------------------------------------------------------------------


class Expectations(NamedTuple):
    """Expected counts under the chain's distribution over paths: the gradient of log Z by each potential."""

    log_partition: Array  # (B,)
    emission: Array  # (N, K) posterior of each tag at each position
    transition: Array  # as the chain's, summed over sequences
    initial: Array
    final: Array


def log_partition(chain: Chain) -> Array:
    """Log Z of each sequence, (B,): a CRF's norm, an HMM's log-likelihood; -inf where no path is possible."""
    if not scalable(chain):
        return scan(chain)[1]
    return forward(Scaled(chain), keep=False).log_partition


def expectations(chain: Chain, weights: Array | None = None) -> Expectations:
    """Posteriors and expected counts, every sequence counted `weights` (B,) times (once where absent).

    A sequence without a possible path has log Z = -inf and expectations of 0.
    """
    if weights is None:
        weights = beside(chain.emission, np.ones(len(chain.lengths)))
    weights = weights[beside(chain.emission, chain.layout.ranked)]
    if not scalable(chain):
        return expect_in_logs(chain, weights)
    scaled = Scaled(chain)
    return backward(scaled, forward(scaled), weights)


def scalable(chain: Chain) -> bool:
    """Whether scaled doubles keep every path that matters.

    With all transitions possible, each state is within reach of the likeliest one n steps ago, so it cannot fall further behind
    than n times the range of the potentials. Behind a forbidden transition a path may fade for thousands of steps and win in the
    end.
    """
    xp = namespace(chain.transition)
    low, high = chain.transition.min(), chain.transition.max()
    if not (xp.isfinite(low) and xp.isfinite(high)):
        return False
    top = xp.amax(chain.emission, 1)
    possible = xp.where(xp.isfinite(chain.emission), chain.emission, top[:, None])
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    spread = xp.where(xp.isfinite(possible), top[:, None] - possible, xp.zeros_like(possible)).max() if len(top) else 0.0
    return bool((len(chain.transition.shape) - 1) * (high - low + spread) < FAST_RANGE)


class Scaled:
    """The chain's potentials as doubles, exponentiated, each kind divided by its largest (the log of which is `shift`)."""

    def __init__(self, chain: Chain) -> None:
        xp = namespace(chain.emission)
        self.chain = chain
        emission = doubles(chain.emission)
        self.shift = xp.amax(emission, 1)  # (N or V,)
        self.shift[~xp.isfinite(self.shift)] = 0
        self.emission = xp.exp(emission - self.shift[:, None])  # (N or V, K)
        if chain.symbols is None:
            self.emission = self.emission[chain.rows]  # in time order
        tags, rest = chain.size
        self.transition, self.transition_shift = exponentiate(chain.transition.reshape(tags, rest, tags))
        self.initial, self.initial_shift = exponentiate(chain.initial.reshape(-1))
        self.final, self.final_shift = exponentiate(chain.final.reshape(-1))

    def extend(self, alpha: Array) -> Array:
        """Σ over the oldest tag: (rows, S) -> (rows, S). One matrix product, or one for each middle (J)."""
        tags, rest, _ = self.transition.shape
        if rest == 1:
            return alpha @ self.transition[:, 0]
        past = alpha.reshape(-1, tags, rest).swapaxes(0, 2).swapaxes(1, 2)  # (J, rows, K)
        return (past @ self.transition.swapaxes(0, 1)).swapaxes(0, 1).reshape(-1, rest * tags)

    def extend_back(self, after: Array) -> Array:
        """Σ over the newest tag: (rows, S) -> (rows, S)."""
        tags, rest, _ = self.transition.shape
        if rest == 1:
            return after @ self.transition[:, 0].T
        future = after.reshape(-1, rest, tags).swapaxes(0, 1)  # (J, rows, K)
        back = future @ self.transition.swapaxes(0, 1).swapaxes(1, 2)  # (J, rows, K)
        return back.swapaxes(0, 1).swapaxes(1, 2).reshape(-1, tags * rest)

    def pairs(self, alpha: Array, after: Array) -> Array:
        """Σ over rows of (state, next tag) products: the expected transitions before their own weight, (K, J, K)."""
        tags, rest, _ = self.transition.shape
        if rest == 1:
            return (alpha.T @ after)[:, None]
        past = alpha.reshape(-1, tags, rest).swapaxes(0, 2)  # (J, K, rows)
        return (past @ after.reshape(-1, rest, tags).swapaxes(0, 1)).swapaxes(0, 1)

    def weigh(self, states: Array, step: slice) -> Array:
        """States (rows, S) times the emission of their newest tag."""
        emission = self.emission[step if self.chain.symbols is None else self.chain.rows[step]]  # (rows, K)
        _, rest, tags = self.transition.shape
        if rest == 1:
            return states * emission
        return (states.reshape(-1, rest, tags) * emission[:, None]).reshape(-1, rest * tags)


def doubles(x: Array) -> Array:
    """In double precision."""
    return x.astype(np.float64) if isinstance(x, np.ndarray) else x.detach().double()


def exponentiate(potential: Array) -> tuple[Array, float]:
    """exp(potential - shift) as doubles, and the shift: the largest potential."""
    xp = namespace(potential)
    potential = doubles(potential)
    shift = float(potential.max())
    shift = shift if np.isfinite(shift) else 0.0
    return xp.exp(potential - shift), shift


class Forward(NamedTuple):
    """What the way from left to right leaves behind."""

    alpha: list[Array]  # a step: (rows, S), each row sums to 1; empty when not kept
    log_partition: Array  # (B,)


def forward(scaled: Scaled, keep: bool = True) -> Forward:
    """Left to right; the factors that keep each row's sum at 1 multiply up to Z."""
    chain, layout = scaled.chain, scaled.chain.layout
    xp = namespace(scaled.emission)
    norms = beside(scaled.emission, np.empty(len(layout.order)))  # (N,) in time order
    ends = beside(scaled.emission, np.empty(len(layout.rank)))  # (B,) longest first
    kept: list[Array] = []
    states = scaled.initial[None, :]
    for t, step in enumerate(layout.steps):
        rows, going_on = layout.alive[t], layout.alive[t + 1]
        states = scaled.weigh(scaled.extend(states[:rows]) if t else states, step)
        norm = norms[step] = states.sum(-1)
        states = states / (norm + (norm == 0))[:, None]
        if keep:
            kept.append(states)
        if going_on < rows:
            ends[going_on:rows] = states[going_on:] @ scaled.final
    with np.errstate(divide="ignore"):
        total = sum_by_sequence(chain, xp.log(norms) + scaled.shift[chain.rows]) + xp.log(ends)[beside(ends, layout.rank)]
    moves = beside(ends, np.asarray(chain.lengths) - 1) * scaled.transition_shift
    return Forward(kept, total + moves + (scaled.initial_shift + scaled.final_shift))


def sum_by_sequence(chain: Chain, values: Array) -> Array:
    """Values (N,) in time order, added up within each sequence: (B,)."""
    owner = np.repeat(np.arange(len(chain.lengths)), chain.lengths)[chain.layout.order]
    if isinstance(values, np.ndarray):
        return np.bincount(owner, values, len(chain.lengths))
    return values.new_zeros(len(chain.lengths)).index_add_(0, beside(values, owner), values)


def backward(scaled: Scaled, ahead: Forward, weights: Array) -> Expectations:
    """Right to left, meeting the forward messages at every position; `weights` (B,) are longest first."""
    chain, layout, (tags, rest) = scaled.chain, scaled.chain.layout, scaled.chain.size
    xp = namespace(scaled.emission)
    order = beside(scaled.emission, layout.order)
    emission = beside(scaled.emission, np.empty((len(layout.order), tags)))
    transition, initial, final = scaled.transition * 0, scaled.initial * 0, scaled.final * 0
    after = scaled.final[None, :][:0]
    for t in reversed(range(len(layout.steps))):
        step, going_on, alpha = layout.steps[t], layout.alive[t + 1], ahead.alpha[t]
        beta = scaled.extend_back(after) if going_on else after
        if going_on < len(alpha):  # nothing follows the last position
            beta = xp.concatenate([beta, xp.tile(scaled.final, (len(alpha) - going_on, 1))])
        states = alpha * beta  # (rows, S)
        share = states.sum(-1)
        share = xp.where(share > 0, 1 / (share + (share == 0)), share)[:, None]  # posteriors sum to 1, or are all 0
        weighted = share * weights[: len(alpha), None]
        states = states * weighted
        emission[order[step]] = states.reshape(-1, rest, tags).sum(1) if rest > 1 else states
        if going_on:
            transition += scaled.pairs(alpha[:going_on] * weighted[:going_on], after)
        final += states[going_on:].sum(0)
        after = scaled.weigh(beta * share, step)
        initial = states.sum(0)
    shape = chain.initial.shape
    transition = (transition * scaled.transition).reshape(chain.transition.shape)
    return Expectations(ahead.log_partition, emission, transition, initial.reshape(shape), final.reshape(shape))


def expect_in_logs(chain: Chain, weights: Array) -> Expectations:
    """`expectations` from the definition: for chains with forbidden transitions or an extreme range."""
    layout, (tags, rest) = chain.layout, chain.size
    xp = namespace(chain.emission)
    messages, total = scan(chain)
    behind = scan_back(chain)
    norm = total[beside(total, layout.ranked)]
    possible = xp.isfinite(norm)
    norm = xp.where(possible, norm, xp.zeros_like(norm))[:, None, None]  # (B, 1, 1), longest first
    weights = xp.where(possible, weights, xp.zeros_like(weights))[:, None, None]
    emission = beside(chain.emission, np.zeros((len(layout.order), tags)))
    potentials = chain.transition.reshape(tags, rest, tags)
    transition = xp.zeros_like(potentials)
    initial = final = xp.zeros_like(chain.initial.reshape(rest, tags))
    order = beside(chain.emission, layout.order)
    for t, step in enumerate(layout.steps):
        rows, going_on = layout.alive[t], layout.alive[t + 1]
        states = xp.exp(messages[t] + behind[t] - norm[:rows]) * weights[:rows]  # (rows, J, K)
        emission[order[step]] = states.sum(1)
        if t == 0:
            initial = states.sum(0)
        final = final + states[going_on:].sum(0)
        if going_on:
            past = messages[t][:going_on].reshape(going_on, tags, rest, 1)
            after = chain.emission[chain.rows[layout.steps[t + 1]]][:, None, :] + behind[t + 1]  # (going_on, J, K)
            pairs = xp.exp(past + potentials + after[:, None] - norm[:going_on, None])
            transition = transition + (pairs * weights[:going_on, None]).sum(0)
    shape = chain.initial.shape
    transition = transition.reshape(chain.transition.shape)
    return Expectations(total, emission, transition, initial.reshape(shape), final.reshape(shape))
