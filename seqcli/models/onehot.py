"""One-hot vectors: every word its own dimension, so no two are alike. What all other word vectors improve on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqcli.models.vectors import learn
from seqcli.models.vectors.settings import Text


@dataclass(frozen=True)
class Recipe(Text):
    """Hyper-parameters of `seq train onehot`."""

    max_vocabulary: int = 5_000  # words, and numbers of each vector


def train(files: Sequence[str], recipe: Recipe, report: learn.Report, keep: Path | None = None, resume: bool = False) -> learn.Learned:
    """Count words, and give each a vector.

    Raises:
        Failure: the text cannot be read, or its vocabulary is empty.
    """
    with learn.opened(keep, recipe) as store:
        corpus = store.corpus(files, recipe, resume)
    report(f"{corpus.words:,} words, {len(corpus.vocabulary):,} types")
    vectors = np.eye(len(corpus.vocabulary), dtype=np.float32)
    return learn.Learned(corpus.vocabulary, vectors, corpus.words, {"lowercase": recipe.lowercase})
