"""N-gram language model: P(word | the words before it) from counts; modified Kneser-Ney, stupid back-off or add-k.

Counting is sorting (`counts`), smoothing turns counts into probabilities and back-off weights (`smoothing`), and the tables answer for
whole texts at once and for all next words at once (`model`). Words that were just used can be made likelier (`cache`), and ARPA files
are read and written (`arpa`).

>>> from seqcli.text.codec import Codec
>>> codec = Codec.of_pieces(["<unk>", "a", "cat", "sat", "the"], "word")
>>> model = learn(codec, codec.flat(codec.encode(["the cat sat", "a cat sat", "the cat"])), Recipe(order=2))
>>> [round(float(np.exp(log_prob)), 3) for log_prob in model.log_probs(codec.encode(["the cat"]))[0]]
[0.411, 0.613, 0.28]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.data.folder import Folder
from seqcli.errors import UsageFailure, nearest
from seqcli.models.language_model import Report, learn_codec
from seqcli.models.ngram.cache import Cached
from seqcli.models.ngram.counts import count
from seqcli.models.ngram.model import Ngram
from seqcli.models.ngram.smoothing import Method, add_k, kneser_ney, smoothed, stupid_backoff
from seqcli.text.codec import Codec, Settings

SMOOTHINGS = ("kneser-ney", "stupid-backoff", "add-k")
LONGEST = 20  # order


@dataclass(frozen=True)
class Recipe(Settings):
    """Hyper-parameters of `seq train ngram`."""

    order: int = 5
    smoothing: str = "kneser-ney"  # or stupid-backoff (scores that do not sum to 1), or add-k
    min_ngram_counts: tuple[str, ...] = ()  # by order, from 1: rarer n-grams are dropped; the last stands for the orders that follow
    alpha: float = 0.4  # stupid back-off: the price of a shorter context
    k: float = 0.1  # add-k: what is added to every count
    cache: int = 0  # tokens of the text so far that are likelier to come again; 0: none
    cache_share: float = 0.1  # the probability that a token comes from there

    def check(self) -> None:
        """Raises UsageFailure: a value that makes no sense."""
        if not 1 <= self.order <= LONGEST:
            raise UsageFailure(f"order={self.order}: expected 1 to {LONGEST}")
        if self.smoothing not in SMOOTHINGS:
            raise UsageFailure(f"smoothing={self.smoothing}: no such choice", hint=nearest(self.smoothing, SMOOTHINGS))
        if not 0 < self.alpha <= 1:
            raise UsageFailure(f"alpha={self.alpha}: expected a number above 0, at most 1")
        if not 0 < self.k < float("inf"):
            raise UsageFailure(f"k={self.k}: expected a number above 0")
        if self.cache and not 0 < self.cache_share < 1:
            raise UsageFailure(f"cache_share={self.cache_share}: expected a number between 0 and 1")
        self.least()

    def least(self) -> list[int]:
        """The smallest count that is kept, for each order.

        >>> Recipe(order=4, min_ngram_counts=("1", "1", "2")).least()
        [1, 1, 2, 2]
        """
        try:
            given = [int(each) for each in self.min_ngram_counts]
        except ValueError:
            raise UsageFailure(f"min_ngram_counts={','.join(self.min_ngram_counts)}: expected numbers with commas between") from None
        found = [*given, *[given[-1] if given else 1] * self.order][: self.order]
        if found != sorted(found) or found[0] != 1:
            raise UsageFailure(
                f"min_ngram_counts={','.join(self.min_ngram_counts)}: they must not fall from order to order, and begin with 1",
                hint="rare words: --set min_count=…" if found[0] != 1 else "an n-gram needs its parts",
            )
        return found

    def method(self) -> Method:
        """The smoothing by its name."""
        by_name = {"stupid-backoff": stupid_backoff(self.alpha), "add-k": add_k(self.k)}
        return by_name.get(self.smoothing, kneser_ney)


def train(files: Sequence[str], recipe: Recipe, report: Report) -> Ngram | Cached:
    """Count the n-grams of some texts.

    Raises:
        UsageFailure: settings that cannot be.
        Failure: nothing to learn from, or a file that cannot be read.
    """
    recipe.check()
    codec = learn_codec(files, recipe, report)
    stream = codec.stream(files)
    report(f"{len(stream):,} tokens, the ends of {np.count_nonzero(stream == codec.end):,} {recipe.record}s among them")
    model = learn(codec, stream, recipe)
    report(", ".join(f"{len(table):,} {order}-grams" for order, table in enumerate(model.tables, start=1)))
    return Cached(model, recipe.cache, recipe.cache_share) if recipe.cache else model


def learn(codec: Codec, stream: AnyArray, recipe: Recipe) -> Ngram:
    """From the texts' ids, the end after each, (N,)."""
    counts = count(np.concatenate([np.array([codec.end], np.int32), stream]), recipe.order, codec.size)
    tables = smoothed(counts, recipe.method(), recipe.least())
    return Ngram(codec, tables, float(np.log10(recipe.alpha)) if recipe.smoothing == "stupid-backoff" else 0.0)


def load(folder: Folder) -> Ngram | Cached:
    """The model in a folder."""
    model, found = Ngram.load(folder), folder.parameters
    return Cached(model, int(found["cache"]), float(found["cache_share"])) if found.get("cache") else model
