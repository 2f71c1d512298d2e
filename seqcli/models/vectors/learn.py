"""From files and settings to vectors, whatever the objective."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.errors import UsageFailure, nearest
from seqcli.models.vectors.corpus import Corpus
from seqcli.models.vectors.loop import Loop, Objective, Progress
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.store import Store
from seqcli.models.vectors.team import shared
from seqcli.models.vectors.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from seqcli.models.vectors.inputs import Inputs

Report = Callable[[str], None]
LOSSES = ("negative", "hierarchical", "softmax")


@dataclass(frozen=True)
class Learned:
    """Vectors of words, and for fastText those of n-grams."""

    vocabulary: Vocabulary
    vectors: AnyArray  # (V, D) float32
    words: int  # of the text
    settings: dict[str, Any] = field(default_factory=dict)  # that a reader needs
    ngrams: AnyArray | None = None  # (buckets, D) float32

    def tensors(self) -> dict[str, AnyArray]:
        """What a model folder keeps."""
        found = {"vectors": self.vectors, "words": self.vocabulary.packed(), "counts": self.vocabulary.counts}
        return found | ({} if self.ngrams is None else {"ngrams": self.ngrams})

    def config(self) -> dict[str, Any]:
        """What its configuration keeps."""
        return {"dimensions": int(self.vectors.shape[1]), **self.settings}


@contextmanager
def opened(keep: Path | None, settings: Any) -> Iterator[Store]:
    """A place for the training: `keep`, which outlives it, or a temporary folder."""
    about = asdict(settings)
    if keep is not None:
        yield Store(keep, about)
        return
    with tempfile.TemporaryDirectory(prefix="seq-vectors-") as folder:
        yield Store(Path(folder), about, lasting=False)


def train(
    objective: Objective, corpus: Corpus, settings: Settings, store: Store, progress: Callable[[Progress], None], resume: bool
) -> None:
    """Run the loop, from where the training was cut off if this goes on."""
    first = store.restore(objective.tables) if resume else 0
    Loop(
        objective,
        corpus,
        settings,
        progress,
        lambda turn: store.save(objective.tables, turn),
        first,
    ).run()


def words(
    files: Sequence[str],
    settings: Settings,
    report: Report,
    keep: Path | None,
    resume: bool,
    progress: Callable[[Progress], None] | None,
    objective: Callable[[Vocabulary, Inputs, Any], Objective],
) -> Learned:
    """Vectors of whole words from text, learned by the objective that is made of the vocabulary.

    Raises:
        UsageFailure: a setting that makes no sense.
        Failure: the text cannot be read, or its vocabulary is empty.
    """
    from seqcli.models.vectors.inputs import Words

    settings.check()
    with opened(keep, settings) as store:
        corpus = store.corpus(files, settings, resume)
        report(f"{corpus.words:,} words, {len(corpus.vocabulary):,} types seen {settings.min_count} times or more")
        inputs = Words(start(len(corpus.vocabulary), settings), settings)
        train(objective(corpus.vocabulary, inputs, settings), corpus, settings, store, progress or told(report), resume)
    return Learned(corpus.vocabulary, inputs.table.cpu().numpy(), corpus.words, {"lowercase": settings.lowercase})


def told(report: Report, every: float = 5.0) -> Callable[[Progress], None]:
    """Progress as lines, one every so many seconds and one at the end."""
    last = 0.0

    def tell(progress: Progress) -> None:
        nonlocal last
        if progress.seconds - last >= every or progress.done >= 1:
            last = progress.seconds
            report(str(progress))

    return tell


def start(size: int, settings: Settings) -> Tensor:
    """Input vectors to begin with, (size, D): uniform between -1 / D and 1 / D."""
    import torch

    vectors = shared((size, settings.dimensions))
    np.random.default_rng(settings.seed).random(out=vectors, dtype=np.float32)
    vectors -= np.float32(0.5)
    vectors *= np.float32(2 / settings.dimensions)
    return torch.from_numpy(vectors).to(settings.device)


def zeros(size: int, settings: Settings) -> Tensor:
    """Output vectors to begin with."""
    import torch

    return torch.from_numpy(shared((size, settings.dimensions))).to(settings.device)


def skipgram(vocabulary: Vocabulary, inputs: Inputs, recipe: Any) -> Objective:
    """The objective that `recipe.loss` names.

    Raises:
        UsageFailure: there is no such loss.
    """
    size = len(vocabulary)
    if recipe.loss == "negative":
        from seqcli.models.vectors.negative import NegativeSampling

        return NegativeSampling(vocabulary, inputs, zeros(size, recipe), recipe)
    if recipe.loss == "hierarchical":
        from seqcli.models.vectors.hierarchical import Hierarchical

        return Hierarchical(vocabulary, inputs, zeros(max(1, size - 1), recipe), recipe)
    if recipe.loss == "softmax":
        from seqcli.models.vectors.softmax import FullSoftmax

        return FullSoftmax(vocabulary, inputs, zeros(size, recipe), recipe)
    raise UsageFailure(f"loss={recipe.loss}: no such loss", hint=nearest(recipe.loss, LOSSES))
