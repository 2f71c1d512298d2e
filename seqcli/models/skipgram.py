"""Skip-gram word vectors: each word predicts the words around it (Mikolov et al. 2013).

Loss `negative` tells them from noise words; `hierarchical` finds them in a Huffman tree; `softmax` among all, for small vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqcli.models.vectors import learn
from seqcli.models.vectors.loop import Progress
from seqcli.models.vectors.settings import Settings


@dataclass(frozen=True)
class Recipe(Settings):
    """Hyper-parameters of `seq train skipgram`."""

    loss: str = "negative"  # or hierarchical, softmax


def train(
    files: Sequence[str],
    recipe: Recipe,
    report: learn.Report,
    keep: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> learn.Learned:
    """Learn vectors from text, a sentence or paragraph a line; state is kept in the folder `keep`, from which `resume` goes on.

    Raises:
        UsageFailure: a setting that makes no sense.
        Failure: the text cannot be read, or its vocabulary is empty.
    """
    return learn.words(files, recipe, report, keep, resume, progress, learn.skipgram)
