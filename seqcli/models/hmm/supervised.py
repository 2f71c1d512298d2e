"""The hidden Markov model that learns from tags: what is counted, what it makes of it, and its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from seqcli.data.examples import Batch, FloatArray, IntArray, Tagging
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.models.hmm.settings import Recipe
from seqcli.models.hmm.subtags import Limits, Subtags, find, number, tally
from seqcli.models.hmm.unknown_words import Affixes, Guesser, smooth
from seqcli.models.names import pack, unpack
from seqcli.models.tagger import ChainTagger, Tensors, label_ids
from seqcli.nn.chain import Chain, log_partition
from seqcli.nn.paths import viterbi

SUBTAGS = {1: 300, 2: 44}  # by order: what 25,000 words a second or two can bear
MOST_STATES = 200  # of a second-order model: the table of trigrams grows with the cube


class Lexicon:
    """P(tag | word) for any word."""

    def __init__(self, words: Sequence[str], counts: IntArray, guesser: Guesser, recipe: Recipe) -> None:
        self.words, self.counts, self.guesser, self.recipe = list(words), counts, guesser, recipe  # (V,), (V, K)
        self.index = {word: row for row, word in enumerate(self.words)}
        lower, rows = number([word.lower() for word in self.words])
        self.lower_index = {word: row for row, word in enumerate(lower)}
        self.lower_counts = np.zeros((len(lower) + 1, counts.shape[1]), dtype=np.int64)  # the last row is of no word
        np.add.at(self.lower_counts, rows, counts)

    def __call__(self, words: Sequence[str]) -> tuple[FloatArray, IntArray]:
        """P(tag | word) (words, K), and how often each word was seen (words,), 0 for an unknown one."""
        rows = np.array([self.index.get(word, -1) for word in words], dtype=np.int64)
        known, get = rows >= 0, self.lower_index.get
        lower = [get(word.lower(), -1) for word in words]
        for i in np.flatnonzero(known).tolist():
            if words[i] == words[i].lower():
                lower[i] = -1  # it has nothing to learn from itself
        probability = smooth(self.lower_counts[lower], self.guesser(words), self.recipe.lower_strength)
        counts = np.where(known[:, None], self.counts[rows], 0)
        return smooth(counts, probability, self.recipe.word_strength), counts.sum(axis=1)

    @classmethod
    def count(cls, words: Sequence[str], counts: IntArray, recipe: Recipe) -> Lexicon:
        """From distinct words and how often each had each tag (V, K)."""
        rare = np.flatnonzero(counts.sum(axis=1) <= recipe.rare)
        return cls(words, counts, Guesser.count([words[i] for i in rare.tolist()], counts[rare], recipe.spelling()), recipe)


def interpolate(counts: FloatArray) -> FloatArray:
    """P(last | those before) from counts of n-grams (S,) * n of states, n = 2 or 3, by deleted interpolation.

    Each n-gram votes, as often as it occurs, for the order that would predict it best if it had been seen once less (Brants 2000,
    figure 1). The votes are the weights of the orders; a context never seen leaves its share to the shorter ones.

    >>> interpolate(np.array([[0.0, 9.0], [9.0, 0.0]])).round(2).tolist()
    [[0.03, 0.98], [0.98, 0.03]]
    """
    size, orders = len(counts), counts.ndim
    tables = [counts.sum(axis=tuple(range(orders - n))) for n in range(1, orders + 1)]
    totals = [table.sum(axis=-1, keepdims=True) for table in tables]
    held_out = [np.maximum(x - 1, 0) / np.maximum(n - 1, 1) for x, n in zip(tables, totals, strict=True)]
    best = np.stack(np.broadcast_arrays(*held_out)).argmax(axis=0)  # the lowest order of equal ones
    votes = np.array([counts[best == n].sum() for n in range(orders)]) + 1  # none is 0, so no probability is
    probability = smooth(tables[0], np.full(size, 1 / size), 1.0)
    for n in range(1, orders):
        share = votes[n] / votes[: n + 1].sum()
        frequency = tables[n] / np.maximum(totals[n], 1)
        probability = np.where(totals[n] > 0, share * frequency + (1 - share) * probability, probability)
    return probability


class HMMTagger(ChainTagger):
    """A tagger of K labels in S states, learned from gold tags.

    What sums to 1: the next states of a context, together with the end of the sentence; and the words of a state, the unknown word
    counting as one. A particular unknown word scores P(unknown) P(tag | spelling) / P(state): as if it were that one event, weighed by
    how much its spelling speaks for the state. How a state spells its unknown words letter by letter is not modelled, so
    log-likelihoods of texts are comparable between models of the same vocabulary only.
    """

    def __init__(self, labels: tuple[str, ...], lexicon: Lexicon, subtags: Subtags, ngrams: IntArray, recipe: Recipe) -> None:
        self.labels, self.lexicon, self.subtags, self.recipe = labels, lexicon, subtags, recipe
        self.ngrams = ngrams  # (S + 1,) * (order + 1) counts, the edge of a sentence last
        self.path = potentials(interpolate(ngrams.astype(float)))
        self.state_probability = np.empty(0)  # (S,), see `weigh_states`

    def weigh_states(self) -> None:
        """P(state) such that P(word | state) sums to 1 over the known words and the unknown one."""
        frequency = self.lexicon.counts.sum(axis=1)
        probability, _ = self.lexicon(self.lexicon.words)
        states, size = self.subtags.states(self.lexicon.words), len(self.subtags.tag)
        new = self.unknown
        joint = probability * (frequency / frequency.sum())[:, None]
        once = self.lexicon.counts * (frequency == 1)[:, None]
        unknown = smooth(np.bincount(states.ravel(), once.ravel(), size), np.full(size, 1 / size), 1.0)
        self.state_probability = (1 - new) * np.bincount(states.ravel(), joint.ravel(), size) + new * unknown

    @property
    def unknown(self) -> float:
        """P(a word is unknown): the share of words seen once (Good and Turing's estimate)."""
        frequency = self.lexicon.counts.sum(axis=1)
        return float((np.count_nonzero(frequency == 1) + 1) / (frequency.sum() + 2))

    def emission(self, words: Sequence[str]) -> FloatArray:
        """Log P(word | state) of distinct words, (words, S); -inf where the word has another state of the same label."""
        probability, frequency = self.lexicon(words)
        total = self.lexicon.counts.sum()
        share = np.where(frequency > 0, (1 - self.unknown) * frequency / total, self.unknown)  # P(word)
        states = self.subtags.states(words)
        table = np.full((len(words), len(self.subtags.tag)), -np.inf)
        scores = np.log(probability) + np.log(share)[:, None] - np.log(self.state_probability)[states]
        np.put_along_axis(table, states, scores, axis=1)
        return table

    def chain(self, tokens: Sequence[str], lengths: IntArray, dtype: npt.DTypeLike = np.float64) -> Chain:
        """See the base class: the chain's tags are our states and, at order 2, the edge of a sentence as one more."""
        words, symbols = number(tokens)
        emission = self.emission(words)
        if self.recipe.order == 2:
            emission = np.pad(emission, ((0, 0), (0, 1)), constant_values=-np.inf)
        emission, transition, initial, final = (x.astype(dtype, copy=False) for x in (emission, *self.path))
        return Chain(emission, lengths, transition, initial, final, symbols)

    def log_likelihood(self, tokens: Sequence[str], lengths: IntArray) -> FloatArray:
        """Log P(words) of each sentence, its end included, (B,)."""
        found: FloatArray = log_partition(self.chain(tokens, lengths))
        return found

    def tag(self, tokens: Sequence[str], lengths: IntArray, decode: str = "viterbi", proba: bool = False, nbest: int = 0) -> Tagging:
        """See `Tagger.tag`. A word has one state a label, so the best states are the best labels.

        Viterbi's sums run in single precision, in half the time; probabilities in double.
        """
        found = Tagging(self.labels, np.empty(0, dtype=np.int64))
        if decode == "posterior" or proba or nbest:
            found = super().tag(tokens, lengths, "posterior", proba, nbest)
        if decode == "viterbi":
            found.ids = viterbi(self.chain(tokens, lengths, np.float32)).tags
        label = np.append(self.subtags.tag, 0)  # the edge is never emitted
        found.ids = label[found.ids]
        if found.proba is not None:
            found.proba = found.proba @ np.eye(len(self.labels))[label[: found.proba.shape[1]]]
        if found.nbest is not None:
            found.nbest = [[(score, label[states]) for score, states in paths] for paths in found.nbest]
        return found

    def config(self) -> dict[str, Any]:
        """See the base class."""
        return {"labels": list(self.labels), "recipe": asdict(self.recipe)}

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Counts as lists of (indices …, count), and what was derived from them in training."""
        endings, beginnings = self.lexicon.guesser.endings, self.lexicon.guesser.beginnings
        return {
            "words": pack(self.lexicon.words),
            "words.counts": sparse(self.lexicon.counts),
            "endings": pack(endings.keys),
            "endings.counts": sparse(endings.counts),
            "beginnings": pack(beginnings.keys),
            "beginnings.counts": sparse(beginnings.counts),
            "subtags": self.subtags.tag.astype(np.int32),
            "subtags.words": pack(self.subtags.words),
            "subtags.states": self.subtags.members.astype(np.int32),
            "subtags.probability": self.state_probability,
            "ngrams.counts": sparse(self.ngrams),
        }


def potentials(probability: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log transition, initial and final of a chain, from P(next | context) over states and, last, the edge of a sentence.

    At order 2 the edge stays in the chain as a tag that stands before the first word and that no word has.
    """
    logs = np.log(probability)
    edge = len(logs) - 1
    if logs.ndim == 2:
        return logs[:edge, :edge], logs[edge, :edge], logs[:edge, edge]
    initial = np.full(logs.shape[1:], -np.inf)
    initial[edge] = logs[edge, edge]
    return logs, initial, logs[:, :, edge]


def sparse(counts: IntArray) -> npt.NDArray[np.int32]:
    """The counts that are not 0, a row each: indices, then the count.

    >>> sparse(np.array([[0, 5], [2, 0]])).tolist()
    [[0, 1, 5], [1, 0, 2]]
    """
    where = np.argwhere(counts)
    return np.column_stack([where, counts[tuple(where.T)]]).astype(np.int32)


def dense(tensors: Tensors, name: str, *size: int) -> IntArray:
    """The reverse of `sparse`: a table of that shape."""
    rows = take(tensors, name, None, len(size) + 1).astype(np.int64)
    counts = np.zeros(size, dtype=np.int64)
    counts[tuple(rows[:, :-1].T)] = rows[:, -1]
    return counts


def train_on_tags(train: Batch, dev: Batch | None, recipe: Recipe, report: Callable[[str], None]) -> HMMTagger:
    """Count tags and words; what dev is for is a figure in the report."""
    labels, tags = label_ids(train.tags)
    words, symbols = number(train.tokens)
    states = max(len(labels), recipe.subtags or SUBTAGS[recipe.order])
    if recipe.order == 2 and states > MOST_STATES:
        raise Failure(f"hmm: {states} states are too many for order 2", hint="pass --set order=1, or fewer subtags")
    subtags = find(train.tokens, tags, train.lengths, Limits(recipe.candidates, states))
    counts = tally((symbols, tags), (len(words), len(labels))).astype(np.int64)
    sequence = subtags.states(words)[symbols, tags]  # (N,)
    tagger = HMMTagger(
        labels,
        Lexicon.count(words, counts, recipe),
        subtags,
        count_ngrams(sequence, train.lengths, len(subtags.tag), recipe.order),
        recipe,
    )
    tagger.weigh_states()
    report(f"{len(tags)} words, {len(words)} distinct; {len(labels)} tags in {len(subtags.tag)} states")
    if dev is not None and dev.tags:
        found = tagger.tag(dev.tokens, dev.lengths).tags()
        right = sum(a == b for a, b in zip(found, dev.tags, strict=True))
        report(f"development data: {100 * right / len(found):.2f} % right")
    return tagger


def count_ngrams(states: IntArray, lengths: IntArray, edge: int, order: int) -> IntArray:
    """N-grams of states with `order` edges before and one after each sentence, (edge + 1,) * (order + 1).

    >>> count_ngrams(np.array([0, 0, 0]), np.array([2, 1]), 1, 1).tolist()    # 0 0, edge; 0, edge
    [[1, 2], [2, 0]]
    """
    place = np.arange(len(states)) + np.repeat(np.arange(1, len(lengths) + 1) * order, lengths)
    padded = np.full(len(states) + order * (len(lengths) + 1), edge)
    padded[place] = states
    ends = np.append(place, place[np.cumsum(lengths) - 1] + 1)  # the words and, after the last of each sentence, the edge
    columns = [padded[ends - back] for back in range(order, -1, -1)]
    return tally(columns, (edge + 1,) * (order + 1)).astype(np.int64)


def load(folder: Folder, recipe: Recipe) -> HMMTagger:
    """From a model folder; see `seqcli.models.hmm.load`."""
    tensors = folder.tensors
    labels = tuple(folder.parameters["labels"])
    words = unpack(take(tensors, "words", None))
    spelling = recipe.spelling()
    affixes = []
    for name, strength in (("endings", spelling.ending_strength), ("beginnings", spelling.beginning_strength)):
        keys = unpack(take(tensors, name, None))
        counts = dense(tensors, f"{name}.counts", len(keys), len(labels))
        affixes.append(Affixes(keys, counts, strength, first=name == "beginnings"))
    lexicon = Lexicon(words, dense(tensors, "words.counts", len(words), len(labels)), Guesser(affixes[0], affixes[1], spelling), recipe)
    classes = unpack(take(tensors, "subtags.words", None))
    members = take(tensors, "subtags.states", len(classes), len(labels)).astype(np.int64)
    subtags = Subtags(take(tensors, "subtags", None).astype(np.int64), classes, members)
    size = len(subtags.tag)
    tagger = HMMTagger(labels, lexicon, subtags, dense(tensors, "ngrams.counts", *(size + 1,) * (recipe.order + 1)), recipe)
    tagger.state_probability = take(tensors, "subtags.probability", size)
    return tagger
