"""GloVe word vectors: their products are the logarithms of how often words stand near each other (Pennington et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqcli.errors import UsageFailure, nearest
from seqcli.models.vectors import learn
from seqcli.models.vectors.loop import Progress
from seqcli.models.vectors.settings import Text

SOLVERS = ("least-squares", "adagrad")


@dataclass(frozen=True)
class Recipe(Text):
    """Hyper-parameters of `seq train glove`."""

    dimensions: int = 100
    window: int = 60  # words to each side …
    decay: float = 1.0  # … of which one at distance d counts d^-decay; less, and those further off say more
    sample: float = 1e-4  # words of a larger share of the text are thinned out before they are counted; 0 keeps all
    solver: str = "least-squares"  # exact, the two sides in turn; or adagrad, as in the paper: 15 epochs and more
    ridge: float = 1.0  # of least squares …
    last_ridge: float = 2.0  # … and how many times as strong it is in the last quarter of the epochs, one at least
    epochs: int = 8
    rate: float = 0.05  # of AdaGrad
    x_max: float = 100.0  # pairs that occur more often weigh no more
    power: float = 0.75  # by which rarer pairs weigh less
    batch: int = 4096  # pairs between two updates
    threads: int = 2
    seed: int = 1


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
    from seqcli.models.vectors.cooccurrence import Near, count
    from seqcli.models.vectors.glove import Fit, Glove
    from seqcli.models.vectors.least_squares import LeastSquares

    if recipe.solver not in SOLVERS:
        raise UsageFailure(f"solver={recipe.solver}: no such solver", hint=nearest(recipe.solver, SOLVERS))
    for name in ("dimensions", "window", "epochs", "batch", "threads", "x_max", "ridge", "last_ridge"):
        if getattr(recipe, name) <= 0:
            raise UsageFailure(f"{name}={getattr(recipe, name)}: expected a number above 0")
    if recipe.decay < 0:
        raise UsageFailure(f"decay={recipe.decay}: expected a number from 0")
    with learn.opened(keep, recipe) as store:
        corpus = store.corpus(files, recipe, resume)
        size = len(corpus.vocabulary)
        report(f"{corpus.words:,} words, {size:,} types seen {recipe.min_count} times or more")
        kept = corpus.vocabulary.kept(recipe.sample) if recipe.sample > 0 else None
        counts = count(corpus.path, size, Near(recipe.window, recipe.decay), store.path, recipe.seed, kept=kept)
        report(f"{counts.size:,} pairs of words that stand near each other")
        names = ("dimensions", "epochs", "rate", "x_max", "power", "batch", "seed")
        fit = Fit(**{name: getattr(recipe, name) for name in names})
        model = (
            Glove(size, fit) if recipe.solver == "adagrad" else LeastSquares(size, fit, recipe.ridge, recipe.ridge * recipe.last_ridge)
        )
        first = store.restore(model.tables) if resume else 0
        tell = progress or learn.told(report)
        model.run(counts, corpus.words, tell, lambda turn: store.save(model.tables, turn), first, recipe.threads)
    return learn.Learned(corpus.vocabulary, model.vectors(), corpus.words, {"lowercase": recipe.lowercase})
