r"""Matched n-grams of many segments at once: how often a hypothesis has an n-gram, but never more often than the reference.

The k-th occurrence of an n-gram in the hypothesis is matched if the reference has at least k of them. Both numbers are
bits to count: of the mask of places where the reference has the n-gram, and of that where the hypothesis had it before.

>>> from seqcli.metrics.text.tokens import words
>>> matches(words(b"the the cat sat\n"), [words(b"the cat sat down\n")], 3).tolist()
[[3, 2, 1]]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.metrics.text.masks import LONGEST, Group, count, groups, longest_of, shifted
from seqcli.metrics.text.tokens import Ragged


def matches(hypothesis: Ragged, references: Sequence[Ragged], orders: int) -> IntArray:
    """Matched n-grams of each order in each of B segments, (B, orders).

    With several references, the most occurrences in any one of them count (Papineni et al. 2002).
    """
    found = np.zeros((len(hypothesis.lengths), orders), dtype=np.int64)
    for group in groups(hypothesis, references):
        found[group.segments] = matched(group, orders)
    for segment in np.flatnonzero(longest_of(hypothesis, references) > LONGEST).tolist():
        found[segment] = counted([side.row(segment) for side in (hypothesis, *references)], orders)
    return found


def matched(group: Group, orders: int) -> IntArray:
    """Matches of one group, (G, orders)."""
    N = group.earlier.shape[1]
    ends = np.cumsum(group.lengths)
    rest = np.repeat(ends, group.lengths) - np.arange(N)  # tokens from here to the end
    before, here = group.earlier, group.equal
    found = np.zeros((len(ends), orders), dtype=np.int64)
    sums = np.zeros(N + 1, dtype=np.int32)
    for n in range(1, orders + 1):
        if n > 1:
            before = extended(before, group.earlier, n)
            here = tuple(extended(mask, first, n) for mask, first in zip(here, group.equal, strict=True))
        most = count(here[0])
        for mask in here[1:]:
            most = np.maximum(most, count(mask))
        np.cumsum((count(before) < most) & (rest >= n), out=sums[1:])
        found[:, n - 1] = sums[ends] - sums[ends - group.lengths]
    return found


def counted(sides: Sequence[Sequence[int]], orders: int) -> list[int]:
    """Matches of one segment, by counting: for the few that are too long for masks."""
    found = []
    for n in range(1, orders + 1):
        mine, *others = (Counter(zip(*(side[i:] for i in range(n)), strict=False)) for side in sides)
        most = others[0]
        for other in others[1:]:
            most |= other
        found.append((mine & most).total())
    return found


def extended(mask: AnyArray, first: AnyArray, n: int) -> AnyArray:
    """From masks of (n-1)-grams and of tokens those of n-grams, (W, N); what crosses into the next segment is nonsense."""
    longer = np.zeros_like(mask)
    np.bitwise_and(mask[:, : 1 - n], shifted(first[:, n - 1 :], n - 1), out=longer[:, : 1 - n])
    return longer
