"""The hidden Markov model that learns from words alone (`--set unsupervised=true`), by Baum-Welch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from seqcli.data.examples import Batch, FloatArray, IntArray
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.models.hmm import baum_welch
from seqcli.models.hmm.baum_welch import HMM, Categorical
from seqcli.models.hmm.settings import Recipe
from seqcli.models.hmm.subtags import number
from seqcli.models.hmm.unknown_words import shape
from seqcli.models.names import pack, unpack
from seqcli.models.tagger import ChainTagger
from seqcli.nn.chain import Chain

UNSEEN = 1e-3  # the share of an unsupervised state's words that is left for symbols it never met


class StateTagger(ChainTagger):
    """A tagger learned from words alone; its labels are the numbers of the hidden states.

    The symbols are the frequent words and, for the others, their shapes. To tag, each state leaves a share `UNSEEN` of its words to
    all symbols alike, so that no text is impossible.
    """

    def __init__(self, model: HMM, table: FloatArray, symbols: Sequence[str], recipe: Recipe) -> None:
        self.model, self.table, self.recipe = model, table, recipe  # `table` (K, V): the emission as it was learned
        self.symbols = list(symbols)
        self.index = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.labels = tuple(f"S{state}" for state in range(len(table)))
        open_table = (1 - UNSEEN) * table + UNSEEN / table.shape[1]
        self.open = HMM(model.start, model.transition, Categorical(open_table))

    def chain(self, tokens: Sequence[str], lengths: IntArray) -> Chain:
        """See the base class."""
        return self.open.chain(encode(tokens, self.index), lengths)

    def log_likelihood(self, tokens: Sequence[str], lengths: IntArray) -> FloatArray:
        """Log P(symbols) of each sentence, (B,): of its words, each rare one standing for all of its shape."""
        return self.open.log_likelihood(encode(tokens, self.index), lengths)

    def config(self) -> dict[str, Any]:
        """See the base class."""
        return {"recipe": asdict(self.recipe)}

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The model's probabilities."""
        return {
            "symbols": pack(self.symbols),
            "start": self.model.start,
            "transition": self.model.transition,
            "emission": self.table,
        }


def shape_symbol(word: str) -> str:
    """What stands for a rare word; no word contains a tab."""
    return "\t" + shape(word)


def encode(tokens: Sequence[str], index: Mapping[str, int]) -> IntArray:
    """The symbol of each word, (N,): its own, its shape's, or, of a shape never met, that of words in small letters."""
    words, symbols = number(tokens)
    other = index.get("\ta", len(index) - 1)
    found = [index.get(word, index.get(shape_symbol(word), other)) for word in words]
    return np.array(found, dtype=np.int64)[symbols]


def train_on_words(train: Batch, recipe: Recipe, report: Callable[[str], None]) -> StateTagger:
    """Baum-Welch on the words, from a random model."""
    if not train.tokens:
        raise Failure("the training data has no sentence")
    counts = Counter(train.tokens)
    known = [word for word, times in counts.items() if times >= recipe.min_count]
    shapes = dict.fromkeys(shape_symbol(word) for word in counts)  # of all words: a new one may have any of them
    index = {symbol: i for i, symbol in enumerate([*known, *shapes])}
    symbols = encode(train.tokens, index)
    report(f"{len(symbols)} words, {len(counts)} distinct, {len(known)} of them known by name; {recipe.states} states")
    frequency = np.bincount(symbols, minlength=len(index)) / len(symbols)
    start = baum_welch.random_hmm(recipe.states, frequency, recipe.seed)
    model = baum_welch.learn(start, symbols, train.lengths, recipe.iterations, recipe.tolerance, report)
    assert isinstance(model.emission, Categorical)
    return StateTagger(model, model.emission.probability, list(index), recipe)


def load(folder: Folder, recipe: Recipe) -> StateTagger:
    """From a model folder; see `seqcli.models.hmm.load`."""
    tensors, states = folder.tensors, recipe.states
    symbols = unpack(take(tensors, "symbols", None))
    table = take(tensors, "emission", states, len(symbols))
    model = HMM(take(tensors, "start", states), take(tensors, "transition", states, states), Categorical(table))
    return StateTagger(model, table, symbols, recipe)
