"""Continuous bag of words: the mean of the words around predicts the word (Mikolov et al. 2013)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqcli.models.vectors import learn
from seqcli.models.vectors.loop import Progress
from seqcli.models.vectors.settings import Settings


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
    from seqcli.models.vectors.inputs import Words

    recipe.check()
    with learn.opened(keep, recipe) as store:
        corpus = store.corpus(files, recipe, resume)
        report(f"{corpus.words:,} words, {len(corpus.vocabulary):,} types seen {recipe.min_count} times or more")
        inputs = Words(learn.start(len(corpus.vocabulary), recipe), recipe)
        objective = BagOfWords(corpus.vocabulary, inputs, learn.zeros(len(corpus.vocabulary), recipe), recipe)
        learn.train(objective, corpus, recipe, store, progress or learn.told(report), resume)
    return learn.Learned(corpus.vocabulary, inputs.table.cpu().numpy(), corpus.words, {"lowercase": recipe.lowercase})
