r"""Several tags a word: UPOS, XPOS, FEATS and lemma side by side.

Each field is a `Tagging` of the same words. Two of them laid together are one whose labels are the pairs that occur, so that what
writes one tag a word writes any number.

>>> upos, lemma = Tagging(("NOUN", "VERB"), np.array([0, 1, 0])), Tagging(("cat", "sit"), np.array([0, 1, 0]))
>>> beside([upos, lemma], "/").tags()
['NOUN/cat', 'VERB/sit', 'NOUN/cat']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import Batch, Tagging
from seqcli.data.text import record_ends

FIELDS = ("upos", "xpos", "feats", "lemma")  # as `--fields` has them


@dataclass(slots=True)
class Beside(Tagging):
    """Several taggings as one; how sure the tagger is, is said of one of them."""

    best: list[float] | None = None  # (N,)

    def confidence(self) -> list[float] | None:
        """See `Tagging.confidence`."""
        return self.best


def beside(taggings: Sequence[Tagging], separator: str) -> Tagging:
    """Taggings of the same words as one; its confidence is the first's that has one."""
    if len(taggings) == 1:
        return taggings[0]
    labels, ids = list(taggings[0].labels), taggings[0].ids
    for other in taggings[1:]:
        codes, ids = np.unique(ids * len(other.labels) + other.ids, return_inverse=True)
        labels = [
            labels[a] + separator + other.labels[b]
            for a, b in zip(*(x.tolist() for x in divmod(codes, len(other.labels))), strict=True)
        ]
    best = next((found for tagging in taggings if (found := tagging.confidence()) is not None), None)
    return Beside(tuple(labels), ids.astype(np.int64), best=best)


def joined(parts: Sequence[Tagging]) -> Tagging:
    """Taggings one after another, each with labels of its own."""
    if not parts:
        return Tagging((), np.empty(0, np.int64))
    if all(part.labels is parts[0].labels for part in parts):
        return Tagging(parts[0].labels, np.concatenate([part.ids for part in parts]))
    starts = np.cumsum([0, *(len(part.labels) for part in parts[:-1])]).tolist()
    labels = tuple(label for part in parts for label in part.labels)
    return Tagging(labels, np.concatenate([part.ids + start for part, start in zip(parts, starts, strict=True)]))


def as_keys(batch: Batch, records: Sequence[dict[str, object]], fields: Mapping[str, Tagging]) -> list[dict[str, object]]:
    """The records of a batch as JSON objects, with a list of every field's tags."""
    ends = record_ends(batch).tolist()
    tags = {name: tagging.tags() for name, tagging in fields.items()}
    return [
        {**record, **{name: found[start:end] for name, found in tags.items()}}
        for record, start, end in zip(records, [0, *ends], ends, strict=False)
    ]
