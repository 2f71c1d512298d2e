"""Rule-based tagger: a lexicon, rules for unknown words and rules of context, all learned, all readable.

Transformation-based learning, after Brill (1995), "Transformation-Based Error-Driven Learning and Natural Language Processing". A
word first gets the tag it has most often; a word never seen gets one from rules about its letters; then an ordered list of rules such
as `VERB -> NOUN if previous tag DET` repairs what the neighbours give away. A rule may only give a word a tag that the word was seen
with, unless it was seen too seldom to tell.

    >>> batch = Batch.of(["the run was long .".split(), "they run the race .".split()])
    >>> batch.tags = "DET NOUN VERB ADJ PUNCT PRON VERB DET NOUN PUNCT".split()
    >>> recipe = Recipe(min_score=1, guess_min_score=1, sure=1, hold_out=False)
    >>> tagger = train(batch, None, recipe, lambda line: None)
    >>> [str(rule) for rule in tagger.rules.context]                     # "run" is NOUN until a rule says otherwise
    ['NOUN -> VERB if previous tag PRON  (1)']
    >>> tagger.tag(["they", "run", "the", "run"], np.array([4])).tags()
    ['PRON', 'VERB', 'DET', 'NOUN']

Training looks every word up as if its own occurrence had not been counted, so that words seen once are unknown words to the rules of
context, which thus learn to repair the guesses too.

The model is `rules.txt` in its folder, for people to read and edit.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from seqcli.data.examples import AnyArray, Batch, BoolArray, IntArray, Tagging
from seqcli.data.folder import Folder
from seqcli.errors import Failure
from seqcli.models.rules import learner
from seqcli.models.rules.clues import Clues, productive
from seqcli.models.rules.context import BORDER, TEMPLATES, VIEWS, Check, Layout, Step, apply, view_ids
from seqcli.models.rules.text import ContextRule, Entry, GuessRule, Rules, from_text, to_text
from seqcli.models.tagger import Tagger, label_ids

TEXT = "rules.txt"
MAX_VALUES = 50_000  # words (or endings) that contexts may name: keeps a context within 64 bits
MAX_TAGS = 5_000
EDGE = 0  # type id of the border
CACHED_TYPES, CACHED_CELLS = 200_000, 1 << 24  # the type table is emptied beyond this, so memory does not grow with the input


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of `seq train rules`."""

    min_score: int = 3  # rules of context are learned as long as one repairs so many more errors than it makes
    guess_min_score: int = 4  # the same for the rules that guess the tags of unknown words
    max_rules: int = 5_000  # at most so many rules of each kind
    rare: int = 8  # words seen at most so often teach how to guess the tags of unknown words
    sure: int = 3  # a word seen at least so often takes no tag that it was never seen with
    hold_out: bool = True  # look up each word of the training data as if this occurrence of it had not been counted


class Types(NamedTuple):
    """What is known of V words before their context is looked at."""

    tags: IntArray  # (V,) the tag that rules of context start from
    allowed: BoolArray  # (V, K) the tags that they may bring about
    columns: dict[str, AnyArray]  # feature to ids (V,)

    def and_also(self, other: Types) -> Types:
        """One table after the other."""
        columns = {feature: np.concatenate([ids, other.columns[feature]]) for feature, ids in self.columns.items()}
        return Types(np.concatenate([self.tags, other.tags]), np.concatenate([self.allowed, other.allowed]), columns)


class RulesTagger(Tagger):
    """A tagger made of a lexicon and two ordered lists of rules, compiled as it meets words."""

    def __init__(self, rules: Rules, recipe: Mapping[str, Any]) -> None:
        self.labels, self.rules, self.recipe = rules.labels, rules, recipe
        self.clues = Clues(rules.labels, rules.lexicon, rules.endings)
        named: dict[str, set[str]] = {feature: set() for feature in VIEWS}
        for condition, value in itertools.chain.from_iterable(rule.conditions for rule in rules.context):
            if condition.feature != "tag" and value is not None:
                named[condition.feature].add(value)
        self.values = {feature: sorted(known) for feature, known in named.items()}  # no other need be told apart
        self.sizes = {feature: BORDER + 1 + len(known) for feature, known in self.values.items()}
        ids: dict[str, dict[str | None, int]] = {"tag": {label: i for i, label in enumerate((*rules.labels, None))}}
        ids |= {feature: {value: i for i, value in enumerate((None, *known), BORDER)} for feature, known in self.values.items()}
        self.steps = [
            Step(
                rules.ids[rule.source],
                rules.ids[rule.target],
                tuple(Check(c.feature, c.offsets, ids[c.feature][value]) for c, value in rule.conditions),
            )
            for rule in rules.context
        ]
        self.forget()

    def forget(self) -> None:
        """Empty the type table."""
        self.types: dict[str, int] = {}  # words to rows of the table, whose row EDGE is no word's
        border = {feature: np.full(1, BORDER, np.min_scalar_type(size)) for feature, size in self.sizes.items()}
        self.table = Types(np.array([len(self.labels)]), np.zeros((1, len(self.labels)), bool), border)

    def look_up(self, words: Sequence[str]) -> Types:
        """What lexicon and rules for unknown words say of V distinct words."""
        lexicon = self.rules.lexicon
        entries = [lexicon.get(word) or lexicon.get(word.lower()) for word in words]
        tags = np.array([entry.tags[0] if entry else self.rules.start for entry in entries], dtype=np.int64)
        unknown = [i for i, entry in enumerate(entries) if entry is None]
        tags[unknown] = guess(self.rules, self.clues, [words[i] for i in unknown])
        allowed = np.zeros((len(words), len(self.labels)), bool)
        sizes = [len(entry.tags) if entry else 0 for entry in entries]
        seen = [tag for entry in entries if entry for tag in entry.tags]
        allowed[np.repeat(np.arange(len(words)), sizes), seen] = True
        unsure = np.array([entry is None or not entry.sure for entry in entries], dtype=bool)
        allowed[np.ix_(unsure, np.array(self.rules.open))] = True
        columns = {feature: ids.astype(self.table.columns[feature].dtype) for feature, ids in view_ids(words, self.values).items()}
        return Types(tags, allowed, columns)

    def type_ids(self, tokens: Sequence[str]) -> IntArray:
        """The type of every word, (N,); new ones are looked up."""
        if len(self.table.tags) > min(CACHED_TYPES, CACHED_CELLS // len(self.labels)):
            self.forget()
        found = list(map(self.types.get, tokens))
        if None in found:
            words = [word for word in dict.fromkeys(tokens) if word not in self.types]
            self.types.update(zip(words, itertools.count(len(self.table.tags)), strict=False))
            self.table = self.table.and_also(self.look_up(words))
            found = list(map(self.types.get, tokens))
        return np.array(found, dtype=np.int64)

    def tag(self, tokens: Sequence[str], lengths: IntArray, decode: str = "viterbi", proba: bool = False, nbest: int = 0) -> Tagging:
        """See the base class; there is one way to decode, and no probability."""
        if proba or nbest or decode == "posterior":
            raise Failure("a rules model has no probabilities", hint="train hmm or crf")
        layout = Layout(lengths)
        kinds = layout.padded(self.type_ids(tokens), EDGE)
        table = self.table
        tags = table.tags[kinds]
        columns = {feature: ids[kinds] for feature, ids in table.columns.items()}
        apply(self.steps, columns, self.sizes, tags, lambda target: np.flatnonzero(table.allowed[:, target][kinds]))
        return Tagging(self.labels, tags[layout.at])

    def config(self) -> dict[str, Any]:
        """See the base class."""
        return {"labels": list(self.labels), "recipe": dict(self.recipe)}

    def tensors(self) -> dict[str, AnyArray]:
        """What each rule gained in training; the rules themselves are in `rules.txt`."""
        return {
            "unknown.scores": np.array([rule.score for rule in self.rules.unknown], dtype=np.int32),
            "context.scores": np.array([rule.score for rule in self.rules.context], dtype=np.int32),
        }

    def files(self) -> dict[str, str]:
        """All the rules."""
        return {TEXT: to_text(self.rules)}


def guess(rules: Rules, clues: Clues, words: Sequence[str]) -> IntArray:
    """Tags of unknown words, (V,)."""
    owners: dict[str, list[int]] = {rule.clue: [] for rule in rules.unknown}
    for i, word in enumerate(words):
        for clue in clues(word):
            if clue in owners:
                owners[clue].append(i)
    tags = np.full(len(words), rules.start)
    for rule in rules.unknown:
        if owners[rule.clue]:
            at = np.array(owners[rule.clue])
            tags[at[tags[at] == rules.ids[rule.source]]] = rules.ids[rule.target]
    return tags


def load(folder: Folder) -> RulesTagger:
    """The tagger in a model folder: its `rules.txt`.

    Raises:
        Failure: a line of it is wrong, or its end is missing.
    """
    return RulesTagger(from_text(folder.text(TEXT), f"{folder.path}/{TEXT}"), folder.parameters["recipe"])


class Corpus(NamedTuple):
    """The training data, word by word."""

    words: list[str]  # distinct, sorted
    counts: IntArray  # (V, K) how often each has each tag
    word_of: IntArray  # (N,)
    gold: IntArray  # (N,)

    @classmethod
    def of(cls, tokens: Sequence[str], gold: IntArray, K: int) -> Corpus:
        """Count."""
        words = sorted(set(tokens))
        number = {word: i for i, word in enumerate(words)}
        word_of = np.array([number[token] for token in tokens], dtype=np.int64)
        return cls(words, np.bincount(word_of * K + gold, minlength=len(words) * K).reshape(-1, K), word_of, gold)

    def values(self, least: int) -> dict[str, list[str]]:
        """The values of each feature that are seen at least so often, sorted."""
        values = {}
        for feature, view in VIEWS.items():
            often: Counter[str] = Counter()
            for word, n in zip(self.words, self.counts.sum(1).tolist(), strict=True):
                often[view(word)] += n
            common = sorted(often, key=lambda value: (-often[value], value))[:MAX_VALUES]
            values[feature] = sorted(value for value in common if often[value] >= least)
        return values


def train(train: Batch, _dev: Batch | None, recipe: Recipe, report: Callable[[str], None]) -> RulesTagger:
    """Learn from gold tags, the same each time; held-out data are not looked at.

    Raises:
        Failure: no sentence, one tag only, or too many tags.
    """
    labels, gold = label_ids(train.tags)
    if len(labels) > MAX_TAGS:
        raise Failure(f"{len(labels)} tags are too many for rules, which take {MAX_TAGS}", hint="is it the right column?")
    corpus = Corpus.of(train.tokens, gold, len(labels))
    rules = start(corpus, labels, recipe)
    rules.unknown.extend(learn_unknown(rules, corpus, recipe))
    report(f"{len(corpus.words)} words in the lexicon, {len(rules.unknown)} rules for unknown words")
    tags, choices = hold_out(rules, corpus, recipe)
    report(f"{np.mean(tags == gold):.2%} of the tags right before rules of context")
    for rule in learn_context(labels, corpus, Layout(train.lengths), tags, choices, recipe):
        rules.context.append(rule)
        if len(rules.context) % 100 == 0:
            report(f"rule {len(rules.context)}: {rule}")
    report(f"{len(rules.context)} rules of context")
    return RulesTagger(rules, asdict(recipe))


def start(corpus: Corpus, labels: tuple[str, ...], recipe: Recipe) -> Rules:
    """The lexicon, and no rules yet."""
    counts, totals = corpus.counts, corpus.counts.sum(1)
    rare = counts[totals <= max(recipe.rare, totals.min())].sum(0)  # (K,)
    rules = Rules(labels, int(rare.argmax()), tuple(np.flatnonzero(rare).tolist()), tuple(productive(corpus.words)))
    order = np.argsort(-counts, axis=1, kind="stable").tolist()
    used, sure = (counts > 0).sum(1).tolist(), (totals >= recipe.sure).tolist()
    for word, tags, n, is_sure in zip(corpus.words, order, used, sure, strict=True):
        rules.lexicon[word] = Entry(tuple(tags[:n]), is_sure)
    return rules


def learn_unknown(rules: Rules, corpus: Corpus, recipe: Recipe) -> Iterator[GuessRule]:
    """Rules for unknown words, learned from the rare ones."""
    rare = np.flatnonzero(corpus.counts.sum(1) <= recipe.rare)
    clues_of = Clues(rules.labels, rules.lexicon, rules.endings)
    found = [clues_of(corpus.words[i]) for i in rare.tolist()]
    often = Counter(itertools.chain.from_iterable(found))
    clues = sorted(clue for clue, n in often.items() if n > 1)
    number = {clue: i for i, clue in enumerate(clues)}
    matrix = np.full((len(rare), max(map(len, found), default=0)), -1, np.int64)
    for row, each in zip(matrix, found, strict=True):
        known = [number[clue] for clue in each if clue in number]
        row[: len(known)] = known
    counts = corpus.counts[rare]
    for code, source, target, score in learner.learn(
        learner.Fixed(matrix),
        np.full(len(rare), rules.start),
        options=(np.repeat(np.arange(len(rare)), len(rules.open)), np.tile(np.array(rules.open), len(rare))),
        worth=lambda types, tags: counts[types, tags],
        K=len(rules.labels),
        min_score=recipe.guess_min_score,
        max_rules=recipe.max_rules,
    ):
        yield GuessRule(rules.labels[source], rules.labels[target], clues[code], score)


def hold_out(rules: Rules, corpus: Corpus, recipe: Recipe) -> tuple[IntArray, BoolArray]:
    """What lexicon and rules for unknown words say of the training data: tags (N,), and which may replace them (N, K)."""
    words, K = corpus.words, len(rules.labels)
    pairs, kinds = np.unique(corpus.word_of * K + corpus.gold, return_inverse=True)  # a kind is a word with a gold tag
    word, tag = pairs // K, pairs % K
    exact = corpus.counts[word]  # (kinds, K)
    if recipe.hold_out:
        exact[np.arange(len(word)), tag] -= 1
    number = {each: i for i, each in enumerate(words)}
    lower = np.array([number.get(each.lower(), -1) for each in words])[word]
    other = np.where(((lower >= 0) & (lower != word))[:, None], corpus.counts[lower], 0)
    known = np.where(exact.any(1, keepdims=True), exact, other)
    totals = known.sum(1)
    unseen = np.unique(word[totals == 0])
    guesses = np.full(len(words), rules.start)
    guesses[unseen] = guess(rules, Clues(rules.labels, rules.lexicon, rules.endings), [words[i] for i in unseen.tolist()])
    allowed = known > 0
    allowed[np.ix_(totals < max(recipe.sure, 1), np.array(rules.open))] = True
    choices = allowed & (allowed.sum(1, keepdims=True) > 1)
    return np.where(totals == 0, guesses[word], known.argmax(1))[kinds], choices[kinds]


def learn_context(
    labels: tuple[str, ...], corpus: Corpus, layout: Layout, tags: IntArray, choices: BoolArray, recipe: Recipe
) -> Iterator[ContextRule]:
    """Rules of context, learned from all words, that start from `tags` (N,) and may bring about `choices` (N, K)."""
    K = len(labels)
    values = corpus.values(recipe.min_score)
    names = {"tag": (*labels, None)} | {feature: ("", None, *known) for feature, known in values.items()}
    columns = {feature: layout.padded(ids[corpus.word_of], BORDER) for feature, ids in view_ids(corpus.words, values).items()}
    window = learner.Window(TEMPLATES, columns, {feature: len(known) for feature, known in names.items()})
    truth = layout.padded(corpus.gold, K)
    words, targets = np.nonzero(choices)
    for code, source, target, score in learner.learn(
        window,
        layout.padded(tags, K),
        options=(layout.at[words], targets),
        worth=lambda at, tags: truth[at] == tags,
        K=K,
        min_score=recipe.min_score,
        max_rules=recipe.max_rules,
    ):
        conditions = tuple((condition, names[condition.feature][value]) for condition, value in window.read(code))
        yield ContextRule(labels[source], labels[target], conditions, score)
