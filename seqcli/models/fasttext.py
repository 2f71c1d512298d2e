"""fastText: skip-gram whose words are made of character n-grams, so that unseen words have vectors too (Bojanowski et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqcli.errors import UsageFailure
from seqcli.models.vectors import learn
from seqcli.models.vectors.loop import Progress
from seqcli.models.vectors.settings import Settings


@dataclass(frozen=True)
class Recipe(Settings):
    """Hyper-parameters of `seq train fasttext`."""

    loss: str = "negative"  # or hierarchical, softmax
    min_n: int = 3  # characters of an n-gram, at least …
    max_n: int = 6  # … and at most
    buckets: int = 200_000  # vectors that the n-grams share


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
    from seqcli.models.vectors.inputs import Pieces
    from seqcli.models.vectors.ngrams import pieces

    recipe.check()
    if not 1 <= recipe.min_n <= recipe.max_n or recipe.buckets < 1:
        raise UsageFailure(f"n-grams of {recipe.min_n} to {recipe.max_n} characters in {recipe.buckets} buckets: there are none")
    with learn.opened(keep, recipe) as store:
        corpus = store.corpus(files, recipe, resume)
        report(f"{corpus.words:,} words, {len(corpus.vocabulary):,} types seen {recipe.min_count} times or more")
        size = len(corpus.vocabulary)
        starts, rows = pieces(corpus.vocabulary.words, recipe.min_n, recipe.max_n, recipe.buckets)
        inputs = Pieces(learn.start(size + recipe.buckets, recipe), starts, rows, recipe)
        objective = learn.skipgram(corpus.vocabulary, inputs, recipe)
        learn.train(objective, corpus, recipe, store, progress or learn.told(report), resume)
    settings = {"lowercase": recipe.lowercase, "min_n": recipe.min_n, "max_n": recipe.max_n, "buckets": recipe.buckets}
    ngrams = inputs.table[size:].cpu().numpy()
    return learn.Learned(corpus.vocabulary, inputs.vectors().cpu().numpy(), corpus.words, settings, ngrams)
