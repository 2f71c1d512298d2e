"""Hidden Markov model: counts of tag after tag and of word under tag, in one pass over the data; or no tags at all.

Supervised, it is TnT (Brants 2000) and a little more. Words t₁ … t_n are tags drawn one after the other, each emitting its word:

    P(words, tags) = Π P(tᵢ | tᵢ₋₂, tᵢ₋₁) P(wᵢ | tᵢ) · P(end | t_n₋₁, t_n)

Trigrams, bigrams and unigrams of tags are mixed with weights found by deleted interpolation. P(w | t) comes by Bayes from
P(tag | word), which is what was counted for the word, smoothed by what was counted for it in lower case, smoothed by what its spelling
says (`unknown_words`). Some words have tags of their own kind (`subtags`): the states of the chain are finer than the labels.

Unsupervised (`--set unsupervised=true`), Baum-Welch (`baum_welch`) fits a first-order model to the words alone; its labels are S0, S1 …

>>> import numpy as np
>>> from seqcli.data.examples import Batch
>>> data = Batch.of([["the", "dog", "barks"], ["the", "cat", "walks"]] * 5, [["D", "N", "V"], ["D", "N", "V"]] * 5)
>>> tagger = train(data, None, Recipe(), print)
30 words, 5 distinct; 3 tags in 3 states
>>> tagger.tag(["the", "fox", "talks"], np.array([3])).tags()
['D', 'N', 'V']
"""

from __future__ import annotations

from collections.abc import Callable

from seqcli.data.examples import Batch
from seqcli.data.folder import Folder
from seqcli.models.hmm import supervised, unsupervised
from seqcli.models.hmm.settings import Recipe
from seqcli.models.hmm.supervised import HMMTagger
from seqcli.models.hmm.unsupervised import StateTagger

__all__ = ["HMMTagger", "Recipe", "StateTagger", "load", "train"]

Trained = HMMTagger | StateTagger


def train(train: Batch, dev: Batch | None, recipe: Recipe, report: Callable[[str], None]) -> Trained:
    """Learn from gold tags, or, with `recipe.unsupervised`, from the words alone.

    Raises:
        Failure: the recipe makes no sense, there is nothing to learn from, or too much for a second-order model.
    """
    recipe.check()
    if recipe.unsupervised:
        return unsupervised.train_on_words(train, recipe, report)
    return supervised.train_on_tags(train, dev, recipe, report)


def load(folder: Folder) -> Trained:
    """The tagger in a model folder.

    Raises:
        Failure: a tensor is missing or of the wrong shape.
    """
    recipe = Recipe(**folder.parameters["recipe"])
    return unsupervised.load(folder, recipe) if recipe.unsupervised else supervised.load(folder, recipe)
