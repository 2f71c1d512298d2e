r"""Tags that are known in part: what a word's tag may be, where several sets with different conventions are learned from together.

In a training text the alternatives stand in one string with tabs between; an empty one says nothing.

>>> tags = read(["B-PER", "O\tB-MISC", "", "O", "B-MISC"])
>>> tags.labels, tags.gold.tolist()                              # beyond the labels come the sets
(('B-MISC', 'B-PER', 'O'), [1, 4, 3, 2, 0])
>>> tags.allowed[3:].astype(int).tolist()
[[1, 1, 1], [1, 0, 1]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.models.tagger import label_ids

OR = "\t"
ANY = ""


class Tags(NamedTuple):
    """What is known of N words."""

    labels: tuple[str, ...]  # (K,)
    gold: IntArray  # (N,) row of `allowed`; one below K is the label itself
    allowed: BoolArray  # (K + sets, K)


def read(tags: Sequence[str]) -> Tags:
    """Labels and sets of alternatives in a training text.

    Raises:
        Failure: no words, or one tag only.
    """
    sets = sorted({tag for tag in tags if tag == ANY or OR in tag})
    labels, _ = label_ids([tag for some in dict.fromkeys(tags) for tag in some.split(OR) if tag != ANY])
    index = {tag: row for row, tag in enumerate([*labels, *sets])}
    allowed = np.eye(len(index), len(labels), dtype=np.bool_)
    for row, some in enumerate(sets, len(labels)):
        members = [index[tag] for tag in some.split(OR)] if some != ANY else slice(None)
        allowed[row, members] = True
    return Tags(labels, np.fromiter(map(index.__getitem__, tags), np.int64, len(tags)), allowed)
