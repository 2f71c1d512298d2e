"""Tags that spell spans: B-PER begins a name of a person, I-PER goes on with it, O belongs to none.

>>> spell(["O", "B-PER", "I-PER"]), spell(["NOUN", "VERB"])
(True, False)
>>> tagging = Tagging(("B-PER", "I-PER", "O"), np.array([0, 1, 2, 0]))
>>> find(tagging, np.array([3, 1]))
[Span(start=0, end=2, label='PER'), Span(start=3, end=4, label='PER')]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import BoolArray, IntArray, Tagging

OUTSIDE = "O"


class Span(NamedTuple):
    """Some words in a row, counted over the batch."""

    start: int  # first word
    end: int  # the word after the last
    label: str


def spell(labels: Sequence[str]) -> bool:
    """Whether labels are those of spans in BIO: O, B-PER, I-PER …"""
    return (
        OUTSIDE in labels
        and len(labels) > 1
        and all(label == OUTSIDE or (label[:2] in ("B-", "I-") and len(label) > 2) for label in labels)
    )


def follows(labels: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    """Which tag may follow which, (K, K), and which may come first, (K,): I-PER stands after B-PER or I-PER only.

    >>> follows(["B-PER", "I-PER", "O"])[0].astype(int).tolist()
    [[1, 1, 1], [1, 1, 1], [1, 0, 1]]
    """
    kinds = np.array([label[2:] for label in labels])
    inside = np.array([label.startswith("I-") for label in labels])
    return ~inside[None] | (kinds[:, None] == kinds[None]), ~inside


def find(tagging: Tagging, lengths: IntArray) -> list[Span]:
    """The spans of a tagged batch, in order; an I- that nothing begins begins one itself."""
    starts, ends = bounds(tagging.labels, tagging.ids, lengths)
    kinds = [label[2:] for label in tagging.labels]
    rows = zip(starts.tolist(), ends.tolist(), tagging.ids[starts].tolist(), strict=True)
    return [Span(start, end, kinds[label]) for start, end, label in rows]


def bounds(labels: Sequence[str], ids: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """First word and word after the last of each span, (M,) each, from tags (N,) of sentences of `lengths` (B,)."""
    legal, first = follows(labels)
    outside = np.array([label == OUTSIDE for label in labels])[ids]
    before = np.roll(ids, 1)
    goes_on = ~first[ids] & legal[before, ids]
    goes_on[np.cumsum(lengths) - lengths] = False  # a sentence begins
    starts = np.flatnonzero(~outside & ~goes_on)
    stops = np.append(np.flatnonzero(~goes_on), len(ids))
    return starts, stops[np.searchsorted(stops, starts, side="right")]
