"""Chains whose tags spell spans: sequences that spell none are ruled out, and a span has a probability as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqcli.data.examples import FloatArray, IntArray
from seqcli.data.spans import bounds, follows
from seqcli.nn.chain import Chain, scan_back
from seqcli.nn.paths import viterbi

FADED = -200.0  # what stands for the impossible where sums in scaled doubles shall stay possible


def lawful(chain: Chain, labels: Sequence[str], forbidden: float = -np.inf) -> Chain:
    """The chain with `forbidden` for each step to an I- that goes on with nothing."""
    may_follow, may_begin = follows(labels)
    return replace(
        chain,
        transition=np.where(may_follow, chain.transition, forbidden),
        initial=np.where(may_begin, chain.initial, forbidden),
    )


def likeliest(posterior: FloatArray, labels: Sequence[str], lengths: IntArray) -> IntArray:
    """Of the lawful sequences the one with the most tags right that the posteriors (N, K) let expect, (N,)."""
    tags = len(labels)
    chain = Chain(posterior, lengths, np.zeros((tags, tags)), np.zeros(tags), np.zeros(tags))
    return viterbi(lawful(chain, labels)).tags


def certainty(chain: Chain, posterior: FloatArray, labels: Sequence[str], ids: IntArray) -> FloatArray:
    """P(span | words) of each span that the tags `ids` (N,) spell, (M,): that it begins, goes on and ends where it does.

    P(B at i) · Π P(I at t | the tag before) · P(no I at j | the tag before): given its first tag, the rest of a chain asks for
    backward messages only, so one sweep serves all spans. `chain` is of first order, `posterior` (N, K) its own.
    """
    starts, ends = bounds(labels, ids, chain.lengths)
    back = np.empty(chain.emission.shape)
    back[chain.layout.order] = np.concatenate([message[:, 0] for message in scan_back(chain)])
    before = np.roll(ids, 1)
    ahead = chain.emission + back  # (N, K)

    def step(places: IntArray, tags: IntArray) -> FloatArray:
        """Log P(tags | the tags before) at some places, none of them first in a sentence."""
        past = before[places]
        log_p: FloatArray = chain.transition[past, tags] + ahead[places, tags] - back[places - 1, past]
        return log_p

    steps = np.concatenate([[0.0], np.cumsum(step(np.arange(len(ids)), ids))])
    found = posterior[starts, ids[starts]] * np.exp(steps[ends] - steps[starts + 1])
    on = np.array([labels.index(f"I-{label[2:]}") if f"I-{label[2:]}" in labels else -1 for label in labels])[ids[ends - 1]]
    open_ended = np.flatnonzero((on >= 0) & ~np.isin(ends, np.cumsum(chain.lengths)))
    found[open_ended] *= 1 - np.exp(step(ends[open_ended], on[open_ended]))
    result: FloatArray = np.clip(found, 0.0, 1.0)
    return result
