"""The best path through a chain, and the n best.

`viterbi` is the scan of `nn/chain.py` in the semiring of max, swept over all sequences at once. It keeps no back-pointers: on the way
back only one column of candidates a step has to be looked at again. `n_best` is the scan in the semiring of the n largest.

>>> chain = Chain(emission=np.log([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), lengths=np.array([2, 1]),
...               transition=np.log([[0.7, 0.3], [0.4, 0.6]]), initial=np.log([0.6, 0.4]), final=np.zeros(2))
>>> viterbi(chain).tags.tolist()
[0, 0, 1]
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import IntArray
from seqcli.nn.chain import Array, Chain

SWEEP = 1 << 18  # numbers that one block of the max sweep holds: they stay in the cache near the processor
TWO_THREADS = 1 << 28  # sums from which Viterbi is worth a second thread


class Best(NamedTuple):
    """The best tagging of each sequence."""

    tags: IntArray  # (N,)
    score: Array  # (B,) of the best path


def viterbi(chain: Chain) -> Best:
    """The best tags of each sequence and their score; of equal paths the one with the smaller tags from the end back.

    numpy arrays only (`tensor.numpy()` shares a tensor's memory). A sequence without a possible path scores -inf. Large problems
    are cut into two halves that run side by side: numpy's loops leave other threads free to run.
    """
    tags, rest = chain.size
    if len(chain.lengths) > 1 and len(chain.layout.order) * tags * rest * tags > TWO_THREADS:
        return in_halves(chain)
    return sweep(chain)


def sweep(chain: Chain) -> Best:
    """Viterbi over all sequences at once."""
    layout, (tags, rest) = chain.layout, chain.size
    transition = chain.transition.reshape(tags, rest, tags)
    kept: list[Array] = []  # a step: (K, J, rows) best score of each state, the oldest tag first
    for t, step in enumerate(layout.steps):
        emission = chain.emission[chain.rows[step]].T  # (K, rows)
        best = extend_best(kept[-1][..., : layout.alive[t]], transition) if t else chain.initial.reshape(rest, tags, 1)
        kept.append((best + emission).reshape(tags, rest, -1))
    return trace_back(chain, kept, transition)


def in_halves(chain: Chain) -> Best:
    """Every other sequence, from the longest down, in a thread of its own."""
    from concurrent.futures import ThreadPoolExecutor

    half = chain.layout.rank % 2
    of_position = np.repeat(half, chain.lengths)
    symbols = np.arange(len(of_position)) if chain.symbols is None else chain.symbols
    with ThreadPoolExecutor(2) as pool:
        found = list(
            pool.map(sweep, (replace(chain, lengths=chain.lengths[half == h], symbols=symbols[of_position == h]) for h in (0, 1)))
        )
    best = Best(np.empty(len(of_position), np.int64), np.empty(len(half), found[0].score.dtype))
    for h, part in enumerate(found):
        best.tags[of_position == h], best.score[half == h] = part
    return best


def extend_best(past: Array, transition: Array) -> Array:
    """Max over the oldest tag of past (K, J, rows) + transition (K, J, K) -> (J, K, rows)."""
    tags, rest, rows = past.shape
    if tags * rest * tags * rows <= SWEEP:
        everything: Array = (past[:, :, None] + transition[..., None]).max(axis=0)
        return everything
    out = np.empty((rest, tags, rows), dtype=np.result_type(past, transition))
    width = max(1, SWEEP // (tags * rest))
    for left in range(0, rows, width):
        block = past[..., left : left + width]
        candidates = np.empty_like(block, dtype=out.dtype)
        for tag in range(tags):  # one wide addition and one wide maximum for each tag that is reached
            np.add(block, transition[:, :, tag, None], out=candidates)
            np.maximum.reduce(candidates, axis=0, out=out[:, tag, left : left + width])
    return out


def trace_back(chain: Chain, kept: list[Array], transition: Array) -> Best:
    """Which state each best score came from, looked up again from the end."""
    layout, (tags, rest) = chain.layout, chain.size
    path = np.empty(len(layout.order), dtype=np.int64)
    score = np.empty(len(layout.ranked), dtype=kept[0].dtype if kept else np.float64)
    state = np.empty(0, dtype=np.int64)
    for t in reversed(range(len(kept))):
        going_on, rows = layout.alive[t + 1], layout.alive[t]
        if going_on:
            middle, newest = state // tags, state % tags
            past = kept[t][:, middle, np.arange(going_on)]  # (K, going_on)
            state = (past + transition[:, middle, newest]).argmax(axis=0) * rest + middle
        if going_on < rows:
            last = kept[t][..., going_on:].reshape(tags * rest, -1) + chain.final.reshape(-1, 1)
            ended = last.argmax(axis=0)
            score[layout.ranked[going_on:rows]] = last[ended, np.arange(len(ended))]
            state = np.concatenate([state, ended])
        path[layout.order[layout.steps[t]]] = state % tags
    return Best(path, score)


def n_best(chain: Chain, n: int) -> list[list[tuple[float, IntArray]]]:
    """For each sequence its n best paths (fewer where there are fewer), best first: (score, tags).

    The scan in the semiring of the n largest; the path of rank r is found by asking again, from the end, which state and rank
    its score came from.
    """
    layout, (tags, rest) = chain.layout, chain.size
    transition = chain.transition.reshape(tags, rest, 1, tags)
    kept: list[Array] = []  # a step: (rows, K, J, n) scores, falling along the last axis
    for t, step in enumerate(layout.steps):
        emission = chain.emission[chain.rows[step]][:, None, :, None]  # (rows, 1, K, 1)
        if t == 0:
            best = np.full((*chain.initial.reshape(rest, tags).shape, n), -np.inf)
            best[..., 0] = chain.initial.reshape(rest, tags)
            best = best[None]
        else:
            past = kept[-1][: layout.alive[t], ..., None] + transition  # (rows, K, J, n, K)
            past = past.transpose(0, 2, 4, 1, 3).reshape(len(past), rest, tags, -1)
            best = -np.sort(-past, axis=-1)[..., :n]
        kept.append((best + emission).reshape(-1, tags, rest, n))
    return [trace_ranks(chain, kept, transition[:, :, 0], sequence, n) for sequence in range(len(layout.ranked))]


def trace_ranks(chain: Chain, kept: list[Array], transition: Array, sequence: int, n: int) -> list[tuple[float, IntArray]]:
    """The n best paths of one sequence, from what `n_best` kept."""
    tags, rest = chain.size
    row, length = int(chain.layout.rank[sequence]), int(chain.lengths[sequence])
    last = kept[length - 1][row].reshape(tags * rest, n) + chain.final.reshape(-1, 1)
    order = np.argsort(-last, axis=None, kind="stable")[:n]
    paths: list[tuple[float, IntArray]] = []
    for choice in order:
        state, rank = divmod(int(choice), n)
        if not np.isfinite(last[state, rank]):
            break
        path = np.empty(length, dtype=np.int64)
        for t in range(length - 1, -1, -1):
            path[t] = state % tags
            if t:
                middle, newest = divmod(state, tags)
                past = kept[t - 1][row][:, middle] + transition[:, middle, newest, None]  # (K, n)
                oldest, rank = divmod(int(np.argsort(-past, axis=None, kind="stable")[rank]), n)
                state = oldest * rest + middle
        paths.append((float(last[divmod(int(choice), n)]), path))
    return paths
