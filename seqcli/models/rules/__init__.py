"""The rule-based baseline tagger: a lexicon, rules for unknown words, and rules of context, all learned, all readable.

Transformation-based learning, after Brill (1995), "Transformation-Based Error-Driven Learning and Natural Language
Processing".  A word first gets the tag it has most often; a word never seen gets one from rules about its letters;
then an ordered list of rules such as `VERB -> NOUN if previous tag DET` repairs what the neighbours give away.
A rule may only give a word a tag that the word was seen with, unless it was seen too seldom to tell.

    >>> tokens = "the run was long . they run the race .".split()
    >>> labels = ("DET", "NOUN", "VERB", "ADJ", "PUNCT", "PRON")
    >>> gold = np.array([0, 1, 2, 3, 4, 5, 2, 0, 1, 4])
    >>> recipe = RulesRecipe(min_score=1, guess_min_score=1, sure=1, hold_out=False)
    >>> tagger = RulesTagger.train(tokens, np.array([5, 5]), gold, labels, recipe)
    >>> [str(rule) for rule in tagger.rules]                             # "run" is NOUN until a rule says otherwise
    ['NOUN -> VERB if previous tag PRON  (1)']
    >>> [labels[tag] for tag in tagger.decode(["they", "run", "the", "run"], np.array([4]))]
    ['PRON', 'VERB', 'DET', 'NOUN']
    >>> RulesTagger.from_text(tagger.to_text()).to_text() == tagger.to_text()
    True

Training looks every word up as if its own occurrence had not been counted, so that words seen once are unknown words
to the rules of context, which thus learn to repair the guesses too.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqcli.errors import Failure, nearest
from seqcli.models import brill
from seqcli.models.brill import Bools, Condition, Ints

MAX_VALUES = 50_000  # words (or endings) that contexts may name: keeps a context within 64 bits
MAX_TAGS = 5_000
ENDINGS = 10  # so many endings are tried on an unknown word, to see whether a known word comes of it
SHORTEST_STEM = 3
UNSURE, EDGE = "?", "<border>"  # may have other tags; beyond the sentence
SECTIONS = ("[setup]", "[unknown words]", "[context]", "[lexicon]")
SETUP = ("tags", "start", "open", "endings")
HEADER = """# A rule-based tagger (Brill 1995).
# A word gets its first tag in [lexicon], else that of its lower-cased form, else `start` as changed by the rules of
# [unknown words]; then each rule of [context] in turn changes tags everywhere.  It gives a word only tags that are on
# its line in [lexicon], and the `open` tags too if it is unknown or its line ends in ?.  Scores are gains in training.
"""
FIELD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
RULE = re.compile(rf"({FIELD.pattern}) -> ({FIELD.pattern}) if (.*)  \((\d+)\)")
CONDITION = re.compile(rf"({'|'.join(brill.WHERE)}) (tag|{'|'.join(brill.VIEWS)}) ({FIELD.pattern})(?: and |$)")


@dataclass(frozen=True)
class RulesRecipe:
    """Hyper-parameters of training."""

    min_score: int = 3
    """Learning rules of context ends when no rule repairs this many more errors than it makes."""
    guess_min_score: int = 4
    """The same for the rules that guess the tags of unknown words."""
    max_rules: int = 5_000
    """At most so many rules of each kind."""
    rare: int = 8
    """Words seen at most so often teach how to guess the tags of unknown words."""
    sure: int = 3
    """A word seen at least so often takes no tag that it was never seen with."""
    hold_out: bool = True
    """Look up each word of the training data as if this occurrence of it had not been counted."""


class Entry(NamedTuple):
    """What the lexicon knows of a word: its tags, the most frequent first, and whether there may be others."""

    tags: tuple[int, ...]
    sure: bool


@dataclass(frozen=True)
class GuessRule:
    """A rule for unknown words: `source` becomes `target` if the word has the clue (see `clues`)."""

    source: str
    target: str
    clue: str
    score: int

    def __str__(self) -> str:
        return f"{_quoted(self.source)} -> {_quoted(self.target)} if {self.clue}  ({self.score})"


@dataclass(frozen=True)
class ContextRule:
    """`source` becomes `target` where all conditions have their values; the value None is the sentence border."""

    source: str
    target: str
    conditions: tuple[tuple[Condition, str | None], ...]
    score: int

    def __str__(self) -> str:
        parts = []
        for (where, feature), value in self.conditions:
            text = EDGE if value is None else _quoted(value, always=feature in ("word", "ending"))
            parts.append(f"{where} {feature} {text}")
        return f"{_quoted(self.source)} -> {_quoted(self.target)} if {' and '.join(parts)}  ({self.score})"


class _Corpus(NamedTuple):
    """The training data, word by word."""

    words: list[str]  # distinct, sorted
    counts: Ints  # (words, K): how often each has each tag
    word_of: Ints  # (N,)
    gold: Ints  # (N,)

    def values(self, least: int) -> dict[str, list[str]]:
        """The values of each feature that are seen at least so often, sorted."""
        values = {}
        for feature, view in brill.VIEWS.items():
            often: Counter[str] = Counter()
            for word, n in zip(self.words, self.counts.sum(1).tolist(), strict=True):
                often[view(word)] += n
            common = sorted(often, key=lambda value: (-often[value], value))[:MAX_VALUES]
            values[feature] = sorted(value for value in common if often[value] >= least)
        return values


class _First(NamedTuple):
    """The tagging that rules of context start from, for kinds of words (a kind: a distinct word, or finer)."""

    kinds: Ints  # (N,)
    tags: Ints  # (kinds,)
    allowed: Bools  # (kinds, K)


class RulesTagger:
    """A tagger made of a lexicon and two ordered lists of rules.

    Everything is in the text that `to_text` writes; `train` and `from_text` are the ways to get one.
    """

    def __init__(self, labels: tuple[str, ...], start: int, opened: Sequence[int], endings: Sequence[str]) -> None:
        self.labels = labels
        self._ids = {label: i for i, label in enumerate(labels)}
        self.start = start  # the tag of an unknown word before any rule
        self.open = tuple(opened)  # tags that a word not yet known may turn out to have
        self.endings = tuple(endings)  # tried on unknown words, see `_relatives`
        self.lexicon: dict[str, Entry] = {}
        self.guesses: list[GuessRule] = []
        self.rules: list[ContextRule] = []

    @classmethod
    def train(
        cls,
        tokens: Sequence[str],
        lengths: Ints,
        gold: Ints,
        labels: tuple[str, ...],
        recipe: RulesRecipe | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> RulesTagger:
        """Learn from tokens (N) in sentences of `lengths` (B,) with tag ids `gold` (N,); deterministic.

        Raises Failure if there is no word, fewer than two tags are used, or there are too many tags.
        """
        recipe = recipe or RulesRecipe()
        _check(tokens, lengths, gold, labels)
        words, word_of = _distinct(tokens)
        counts = np.bincount(word_of * len(labels) + gold, minlength=len(words) * len(labels)).reshape(len(words), -1)
        corpus = _Corpus(words, counts, word_of, gold)
        tagger = cls._with_lexicon(corpus, labels, recipe)
        tagger._learn_guesses(corpus, recipe)
        report(f"{len(words)} words in the lexicon, {len(tagger.guesses)} rules for unknown words")
        first = tagger._held_out(corpus, recipe)
        report(f"{np.mean(first.tags[first.kinds] == gold):.2%} of the tags right before rules of context")
        for rule in tagger._learn_rules(corpus, brill.Layout(np.asarray(lengths)), first, recipe):
            tagger.rules.append(rule)
            if len(tagger.rules) % 100 == 0:
                report(f"rule {len(tagger.rules)}: {rule}")
        report(f"{len(tagger.rules)} rules of context")
        return tagger

    @classmethod
    def _with_lexicon(cls, corpus: _Corpus, labels: tuple[str, ...], recipe: RulesRecipe) -> RulesTagger:
        counts, totals = corpus.counts, corpus.counts.sum(1)
        rare = counts[totals <= max(recipe.rare, totals.min())].sum(0)  # (K,)
        tagger = cls(labels, int(rare.argmax()), np.flatnonzero(rare).tolist(), _productive(corpus.words))
        order = np.argsort(-counts, axis=1, kind="stable").tolist()
        used, sure = (counts > 0).sum(1).tolist(), (totals >= recipe.sure).tolist()
        for word, tags, n, is_sure in zip(corpus.words, order, used, sure, strict=True):
            tagger.lexicon[word] = Entry(tuple(tags[:n]), is_sure)
        return tagger

    def _learn_guesses(self, corpus: _Corpus, recipe: RulesRecipe) -> None:
        rare = np.flatnonzero(corpus.counts.sum(1) <= recipe.rare)
        found = [self._clues(corpus.words[i]) for i in rare.tolist()]
        often = Counter(itertools.chain.from_iterable(found))
        clues = sorted(clue for clue, n in often.items() if n > 1)
        number = {clue: i for i, clue in enumerate(clues)}
        matrix = np.full((len(rare), max(map(len, found), default=0)), -1, np.int64)
        for row, each in zip(matrix, found, strict=True):
            known = [number[clue] for clue in each if clue in number]
            row[: len(known)] = known
        counts, tags = corpus.counts[rare], np.full(len(rare), self.start)
        for code, source, target, score in brill.learn(
            brill.Fixed(matrix),
            tags,
            options=(np.repeat(np.arange(len(rare)), len(self.open)), np.tile(np.array(self.open), len(rare))),
            worth=lambda types, tags: counts[types, tags],
            K=len(self.labels),
            min_score=recipe.guess_min_score,
            max_rules=recipe.max_rules,
        ):
            self.guesses.append(GuessRule(self.labels[source], self.labels[target], clues[code], score))

    def _held_out(self, corpus: _Corpus, recipe: RulesRecipe) -> _First:
        """The first tagging of the training data; a kind is a word with a gold tag."""
        words, K = corpus.words, len(self.labels)
        pairs, kinds = np.unique(corpus.word_of * K + corpus.gold, return_inverse=True)
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
        guess = np.full(len(words), self.start)
        guess[unseen] = self._guess([words[i] for i in unseen.tolist()])
        allowed = known > 0
        allowed[np.ix_(totals < max(recipe.sure, 1), np.array(self.open))] = True
        return _First(kinds, np.where(totals == 0, guess[word], known.argmax(1)), allowed)

    def _learn_rules(
        self, corpus: _Corpus, layout: brill.Layout, first: _First, recipe: RulesRecipe
    ) -> Iterator[ContextRule]:
        K = len(self.labels)
        values = corpus.values(recipe.min_score)
        names = {"tag": (*self.labels, None)} | {feature: ("", None, *known) for feature, known in values.items()}
        columns = layout.columns(corpus.words, corpus.word_of, values)
        window = brill.Window(brill.TEMPLATES, columns, {feature: len(known) for feature, known in names.items()})
        truth = layout.padded(corpus.gold, K)
        choices = first.allowed & (first.allowed.sum(1, keepdims=True) > 1)
        words, targets = np.nonzero(choices[first.kinds])
        for code, source, target, score in brill.learn(
            window,
            layout.padded(first.tags[first.kinds], K),
            options=(layout.at[words], targets),
            worth=lambda at, tags: truth[at] == tags,
            K=K,
            min_score=recipe.min_score,
            max_rules=recipe.max_rules,
        ):
            conditions = tuple((condition, names[condition.feature][value]) for condition, value in window.read(code))
            yield ContextRule(self.labels[source], self.labels[target], conditions, score)

    def decode(self, tokens: Sequence[str], lengths: Ints) -> Ints:
        """Tag ids (N,) of tokens (N) in sentences of `lengths` (B,)."""
        if not len(tokens):
            return np.zeros(0, np.int64)
        words, kinds = _distinct(tokens)
        first = self._look_up(words, kinds)
        layout = brill.Layout(np.asarray(lengths))
        tags = layout.padded(first.tags[kinds], len(self.labels))
        values = {feature: sorted(known) for feature, known in self._named().items()}
        matcher = brill.Matcher(layout.columns(words, kinds, values), values, tags, self.labels)
        kind_at = layout.padded(kinds, 0)
        for rule in self.rules:
            at = matcher.matches(rule.source, rule.conditions)
            target = self._ids[rule.target]
            tags[at[first.allowed[kind_at[at], target]]] = target
        return tags[layout.at]

    def _named(self) -> dict[str, set[str]]:
        """The values of each feature that rules ask for: no other need be told apart."""
        named: dict[str, set[str]] = {feature: set() for feature in brill.VIEWS}
        for rule in self.rules:
            for condition, value in rule.conditions:
                if condition.feature != "tag" and value is not None:
                    named[condition.feature].add(value)
        return named

    def _look_up(self, words: list[str], kinds: Ints) -> _First:
        entries = [self.lexicon.get(word) or self.lexicon.get(word.lower()) for word in words]
        tags = np.array([entry.tags[0] if entry else self.start for entry in entries])
        unknown = [i for i, entry in enumerate(entries) if entry is None]
        tags[unknown] = self._guess([words[i] for i in unknown])
        allowed = np.zeros((len(words), len(self.labels)), bool)
        for row, entry in zip(allowed, entries, strict=True):
            row[list(entry.tags if entry else ())] = True
        unsure = np.array([entry is None or not entry.sure for entry in entries])
        allowed[np.ix_(unsure, np.array(self.open))] = True
        return _First(kinds, tags, allowed)

    def _guess(self, words: list[str]) -> Ints:
        """Tags of unknown words."""
        owners: dict[str, list[int]] = {rule.clue: [] for rule in self.guesses}
        for i, word in enumerate(words):
            for clue in self._clues(word):
                if clue in owners:
                    owners[clue].append(i)
        having = {clue: np.array(each, np.int64) for clue, each in owners.items()}
        tags = np.full(len(words), self.start)
        for rule in self.guesses:
            at = having[rule.clue]
            tags[at[tags[at] == self._ids[rule.source]]] = self._ids[rule.target]
        return tags

    def _clues(self, word: str) -> list[str]:
        """What rules for unknown words can see in a word, none twice."""
        return list(dict.fromkeys(map(_escaped, itertools.chain(_letters(word), self._relatives(word)))))

    def _relatives(self, word: str) -> Iterator[str]:
        """Words of the lexicon that this word is made from, made into, or shares a stem with."""
        low = word.lower()
        for n in range(1, min(4, len(low) - SHORTEST_STEM) + 1):
            stem, ending = low[:-n], low[-n:]
            yield from self._tagged(stem, "is", f"with -{ending}")
            yield from self._tagged(low[n:], "is", f"after {low[:n]}-")
            for other in self.endings if n < 3 else ():
                if other != ending:
                    yield from self._tagged(stem + other, "is", f"with -{ending} for -{other}")
        for other in self.endings:
            yield from self._tagged(low + other, "makes", f"with -{other}")
        for variant in (word.title(), word.upper()):
            if variant != word:
                yield from self._tagged(variant, "is", f"when {brill.shape(variant)}")
        for mark in "-/.":
            if mark in low:
                head, *_, tail = low.split(mark)
                yield from self._tagged(head, "starts with", f"and {mark}")
                yield from self._tagged(tail, f"ends with {mark} and")

    def _tagged(self, word: str, before: str, after: str = "") -> Iterator[str]:
        if word in self.lexicon:
            yield f"{before} {self.labels[self.lexicon[word].tags[0]]} {after}".rstrip()

    def to_text(self) -> str:
        """The tagger as text, for people to read and `from_text` to load."""
        opened = [self.labels[tag] for tag in self.open]
        setup = zip(SETUP, (self.labels, [self.labels[self.start]], opened, self.endings), strict=True)
        entries = (
            (_quoted(word), [_quoted(self.labels[tag]) for tag in entry.tags] + [UNSURE] * (not entry.sure))
            for word, entry in self.lexicon.items()
        )
        lines = [
            HEADER,
            "[setup]", *(" ".join([key, *map(_quoted, values)]) for key, values in setup),
            "\n[unknown words]", *map(str, self.guesses),
            "\n[context]", *map(str, self.rules),
            "\n[lexicon]", *(f"{word}\t{' '.join(tags)}" for word, tags in entries),
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    @classmethod
    def from_text(cls, text: str, name: str = "rules.txt") -> RulesTagger:
        """The tagger that `to_text` wrote; raises Failure with `name` and the line number of a line that is wrong."""
        setup: dict[str, list[str]] = {}
        tagger: RulesTagger | None = None
        section = ""
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
            try:
                if section != "[lexicon]" and (not line.strip() or line.startswith("#")):
                    continue
                if section != "[lexicon]" and line.startswith("["):
                    if line not in SECTIONS:
                        raise ValueError(f"unknown section {line}, {nearest(line, SECTIONS)}")
                    section = line
                    tagger = tagger or (None if section == "[setup]" else cls._from_setup(setup))
                elif tagger is None:
                    key, *values = _fields(line)
                    if key not in SETUP:
                        raise ValueError(f"unknown setting {key!r}, {nearest(key, SETUP)}")
                    setup[key] = values
                elif line:
                    tagger._read(section, line)
            except ValueError as error:
                raise Failure(f"{name}, line {number}: {error}") from None
        if tagger is None or section != "[lexicon]":
            raise Failure(f"{name}: no section [lexicon]", hint="is the file cut off?")
        return tagger

    @classmethod
    def _from_setup(cls, setup: dict[str, list[str]]) -> RulesTagger:
        for key in SETUP:
            if not setup.get(key) and key != "endings":
                raise ValueError(f"[setup] above says nothing about {key!r}")
        ids = {label: i for i, label in enumerate(setup["tags"])}
        opened = [_known(tag, ids) for tag in setup["open"]]
        return cls(tuple(setup["tags"]), _known(setup["start"][0], ids), opened, setup.get("endings", []))

    def _read(self, section: str, line: str) -> None:
        """Take in one line; raises ValueError that says what is wrong with it."""
        if section == "[lexicon]":
            word, _, tags = line.partition("\t")
            known = tags.removesuffix(f" {UNSURE}")
            entry = Entry(tuple(_known(tag, self._ids) for tag in _fields(known)), sure=known == tags)
            if not entry.tags:
                raise ValueError("expected a word, a tab and its tags")
            if self.lexicon.setdefault(_unquoted(word), entry) is not entry:
                raise ValueError(f"the word {word} is there twice")
            return
        match = RULE.fullmatch(line)
        if not match:
            raise ValueError("expected TAG -> TAG if CONDITION  (SCORE)")
        source, target = map(_unquoted, match.group(1, 2))
        _known(source, self._ids), _known(target, self._ids)
        body, score = match[3], int(match[4])
        if section == "[context]":
            self.rules.append(ContextRule(source, target, tuple(_conditions(body, self._ids)), score))
        else:
            self.guesses.append(GuessRule(source, target, body, score))


def _letters(word: str) -> Iterator[str]:
    """Clues in the letters of a word alone."""
    low, kind = word.lower(), brill.shape(word)
    yield f"shape {kind}"
    for n in range(1, min(5, len(low) - 1) + 1):
        yield f"suffix -{low[-n:]}"
        if n < 5:
            yield f"prefix {low[:n]}-"
            yield f"shape {kind} and suffix -{low[-n:]}"
    marks = dict.fromkeys("a digit" if each.isdigit() else each for each in word if not each.isalpha())
    yield from (f"has {mark}" for mark in itertools.islice(marks, 3))
    if len(word) < 4:
        yield f"length {len(word)}"


def _productive(words: Iterable[str]) -> list[str]:
    """The endings that most often make one word of another."""
    known = set(words)
    pairs = Counter(
        word[-n:] for word in known for n in (1, 2, 3) if len(word) - n >= SHORTEST_STEM and word[:-n] in known
    )
    return sorted(pairs, key=lambda ending: (-pairs[ending], ending))[:ENDINGS]


def _distinct(tokens: Sequence[str]) -> tuple[list[str], Ints]:
    """The distinct words, sorted, and which of them each token is (N,)."""
    words = sorted(set(tokens))
    number = {word: i for i, word in enumerate(words)}
    return words, np.array([number[token] for token in tokens], np.int64)


def _check(tokens: Sequence[str], lengths: Ints, gold: Ints, labels: tuple[str, ...]) -> None:
    assert len(tokens) == len(gold) == np.sum(lengths), (len(tokens), len(gold), np.sum(lengths))
    if not len(tokens):
        raise Failure("no words to learn rules from", hint="is the training file empty?")
    if len(np.unique(gold)) < 2:
        raise Failure(f"every word has the tag {labels[gold[0]]}", hint="rules need two tags or more to tell apart")
    if len(labels) > MAX_TAGS:
        raise Failure(f"{len(labels)} tags are too many for rules", hint=f"at most {MAX_TAGS}")


def _escaped(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]


def _quoted(text: str, always: bool = False) -> str:
    """Bare where that is unmistakable, else as a JSON string on one line."""
    bare = text.isprintable() and text and not text.startswith(('"', "#", "[")) and not any(map(str.isspace, text))
    if bare and text not in (UNSURE, EDGE) and not always:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _unquoted(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def _fields(text: str) -> list[str]:
    return [_unquoted(field) for field in FIELD.findall(text)]


def _known(tag: str, ids: Mapping[str, int]) -> int:
    if tag not in ids:
        raise ValueError(f"unknown tag {tag!r}, {nearest(tag, ids)}")
    return ids[tag]


def _conditions(text: str, ids: Mapping[str, int]) -> Iterator[tuple[Condition, str | None]]:
    at = 0
    while at < len(text) or not at:
        match = CONDITION.match(text, at)
        if not match:
            raise ValueError(f"no condition: {text[at:]!r}")
        where, feature, value = match.groups()
        if feature == "tag" and value != EDGE:
            _known(_unquoted(value), ids)
        yield Condition(where, feature), None if value == EDGE else _unquoted(value)
        at = match.end()
