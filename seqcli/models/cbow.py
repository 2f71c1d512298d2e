"""Continuous bag of words: the mean of the words around predicts the word (Mikolov et al. 2013)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.models.vectors import learn
from seqcli.models.vectors.loop import Progress
from seqcli.models.vectors.settings import Settings

if TYPE_CHECKING:
    from seqcli.models.vectors.inputs import Inputs
    from seqcli.models.vectors.vocabulary import Vocabulary


@dataclass(frozen=True)
class Recipe(Settings):
    """Hyper-parameters of `seq train cbow`."""

    block: int = 1024  # words between two updates of the vectors, all threads together
    tile: int = 64  # words that share noise words
    shared: int = 48  # how many they share


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
    from seqcli.models.vectors.cbow import BagOfWords

    def objective(vocabulary: Vocabulary, inputs: Inputs, settings: Recipe) -> BagOfWords:
        return BagOfWords(vocabulary, inputs, learn.zeros(len(vocabulary), settings), settings)

    return learn.words(files, recipe, report, keep, resume, progress, objective)
