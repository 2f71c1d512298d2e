"""The rule-based tagger, against a learner that recounts every rule in plain Python."""

from __future__ import annotations

import gzip
import itertools
import os
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.models import brill
from seqcli.models.rules import EDGE, Entry, RulesRecipe, RulesTagger

LABELS = ("A", "B", "C")
EXACT = RulesRecipe(min_score=1, guess_min_score=1, sure=1, hold_out=False)
Corpus = tuple[list[str], np.ndarray, np.ndarray]


def random_corpus(seed: int, words: int = 60) -> Corpus:
    """Words whose tags hang on the word, the tag before and the word after, with noise."""
    random = np.random.default_rng(seed)
    vocabulary = ["ba", "Ba", "abba", "dab", "DAB", "7"]
    kinds = random.integers(0, len(vocabulary), words)
    gold = (kinds + np.roll(kinds, 1) * np.roll(kinds, -1) % 2 + (random.random(words) < 0.2)) % 3
    lengths = np.array([words // 3, 0, words // 2, words - words // 2 - words // 3])
    tokens = [vocabulary[kind] for kind in kinds]
    return tokens, lengths, gold


class NaiveLearner:
    """Brill's loop as he describes it: match every possible rule with every word, again after each rule."""

    def __init__(self, tagger: RulesTagger, tokens: list[str], lengths: np.ndarray, gold: np.ndarray) -> None:
        ends = np.cumsum(lengths).tolist()
        spans = [range(end - n, end) for end, n in zip(ends, lengths.tolist(), strict=True)]
        self.span_of = {i: span for span in spans for i in span}
        self.tokens, self.gold = tokens, gold.tolist()
        entries = [tagger.lexicon[token] for token in tokens]
        self.tags = [entry.tags[0] for entry in entries]
        self.allowed = [set(e.tags) | (set() if e.sure else set(tagger.open)) for e in entries]
        views = {name: [view(token) for token in tokens] for name, view in brill.VIEWS.items()}
        self.values = {name: ["", None, *sorted(set(seen))] for name, seen in views.items()}
        self.ids = {name: [self.values[name].index(v) for v in seen] for name, seen in views.items()}
        self.values["tag"] = [*LABELS, None]

    def value(self, i: int, feature: str, offset: int) -> int:
        if i + offset not in self.span_of[i]:
            return len(LABELS) if feature == "tag" else brill.BORDER
        return (self.tags if feature == "tag" else self.ids[feature])[i + offset]

    def contexts(self, i: int) -> set[tuple[int, tuple[int, ...]]]:
        return {
            (number, values)
            for number, template in enumerate(brill.TEMPLATES)
            for values in itertools.product(*({self.value(i, c.feature, o) for o in c.offsets} for c in template))
        }

    def step(self) -> tuple[str, str, tuple[tuple[brill.Condition, str | None], ...], int]:
        matching = defaultdict(list)
        for i, tag in enumerate(self.tags):
            for (number, values), to in itertools.product(self.contexts(i), self.allowed[i] - {tag}):
                matching[number, values, tag, to].append(i)
        score = {
            rule: sum((self.gold[i] == rule[3]) - (self.gold[i] == rule[2]) for i in at)
            for rule, at in matching.items()
        }
        best = min(score, key=lambda rule: (-score[rule], rule))
        for i in matching[best]:
            self.tags[i] = best[3]
        number, values, source, target = best
        named = tuple((c, self.values[c.feature][v]) for c, v in zip(brill.TEMPLATES[number], values, strict=True))
        return LABELS[source], LABELS[target], named, score[best]


@pytest.mark.parametrize(("seed", "sure"), [(0, 1), (1, 1), (2, 100), (3, 12)])
def test_learns_what_the_naive_learner_learns(seed: int, sure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brill, "BLOCK", 7)  # so that this little corpus fills several blocks,
    monkeypatch.setattr(brill, "ROOM", 1)  # and the scores outgrow their array
    tokens, lengths, gold = random_corpus(seed, words=150)
    tagger = RulesTagger.train(tokens, lengths, gold, LABELS, replace(EXACT, sure=sure))
    naive = NaiveLearner(tagger, tokens, lengths, gold)
    assert len(tagger.rules) > 10
    for rule in tagger.rules:
        assert (rule.source, rule.target, rule.conditions, rule.score) == naive.step()
    assert naive.step()[3] <= 0
    whole = RulesTagger.train(tokens, lengths, gold, LABELS, replace(EXACT, sure=sure, max_rules=2))
    assert whole.rules == tagger.rules[:2]


def test_each_rule_repairs_as_many_words_as_its_score_says() -> None:
    tokens, lengths, gold = random_corpus(7, words=3000)
    tagger = RulesTagger.train(tokens, lengths, gold, LABELS, EXACT)
    rules, tagger.rules = tagger.rules, []
    right = int((tagger.decode(tokens, lengths) == gold).sum())
    for rule in rules[:60]:
        tagger.rules.append(rule)
        after = int((tagger.decode(tokens, lengths) == gold).sum())
        assert after - right == rule.score > 0
        right = after


def test_training_is_deterministic() -> None:
    tokens, lengths, gold = random_corpus(1, words=500)
    texts = {RulesTagger.train(tokens, lengths, gold, LABELS, RulesRecipe(min_score=1)).to_text() for _ in range(2)}
    assert len(texts) == 1


def test_report_tells_of_progress() -> None:
    lines: list[str] = []
    tokens, lengths, gold = random_corpus(1, words=500)
    tagger = RulesTagger.train(tokens, lengths, gold, LABELS, EXACT, lines.append)
    assert lines[0].startswith("6 words in the lexicon")
    assert lines[-1] == f"{len(tagger.rules)} rules of context"


def tagger_of(*rules: str, lexicon: str = "the\tDET\nrun\tNOUN VERB\nto\tPART") -> RulesTagger:
    setup = "[setup]\ntags DET NOUN VERB PART ADV\nstart NOUN\nopen NOUN VERB ADV\nendings s ly\n"
    guesses = "[unknown words]\nNOUN -> ADV if suffix -ly  (9)\nNOUN -> VERB if is VERB with -s  (2)\n"
    context = "".join(f"{rule}\n" for rule in rules)
    return RulesTagger.from_text(f"{setup}{guesses}[context]\n{context}[lexicon]\n{lexicon}")


def tags_of(tagger: RulesTagger, *sentences: str) -> str:
    split = [sentence.split() for sentence in sentences]
    ids = tagger.decode(list(itertools.chain(*split)), np.array([len(s) for s in split], int))
    return " ".join(tagger.labels[i] for i in ids)


@pytest.mark.parametrize(
    ("rule", "sentences", "tags"),
    [
        ("NOUN -> VERB if previous tag PART  (1)", ["to run"], "PART VERB"),
        ("NOUN -> VERB if previous tag PART  (1)", ["to", "run"], "PART NOUN"),
        ("NOUN -> VERB if any of three previous tag PART  (1)", ["run to", "run run"], "NOUN PART NOUN NOUN"),
        ('NOUN -> VERB if second next word "to"  (1)', ["run run to run"], "VERB NOUN PART NOUN"),
        (f"NOUN -> VERB if previous tag {EDGE}  (1)", ["run run", "", "run"], "VERB NOUN VERB"),
        (f'NOUN -> VERB if this word "run" and next word {EDGE}  (1)', ["run run", "run"], "NOUN VERB VERB"),
        ('NOUN -> VERB if this shape lower and next ending "run"  (1)', ["run Run", "run to"], "VERB NOUN NOUN PART"),
        ("NOUN -> VERB if previous tag NOUN  (1)", ["run run run"], "NOUN VERB VERB"),  # all at once
        ("NOUN -> PART if previous tag PART  (1)", ["to run"], "PART NOUN"),  # "run" was never seen as PART
        ("NOUN -> DET if this shape lower  (1)", ["run unheard"], "NOUN NOUN"),  # and new words are not DET
        ("NOUN -> VERB if this shape lower  (1)", ["unheard"], "VERB"),
    ],
)
def test_where_a_rule_applies(rule: str, sentences: list[str], tags: str) -> None:
    assert tags_of(tagger_of(rule), *sentences) == tags


def test_unknown_words() -> None:
    tagger = tagger_of(lexicon="the\tDET\nrun\tVERB\nMay\tPART")
    assert tags_of(tagger, "The oddly runs MAY odd") == "DET ADV VERB NOUN NOUN"


def test_an_unsure_word_may_take_an_open_tag() -> None:
    rule = "NOUN -> ADV if this shape lower  (1)"
    assert tags_of(tagger_of(rule, lexicon="a\tNOUN\nb\tNOUN ?"), "a b") == "NOUN ADV"


def test_learns_the_endings_of_unknown_words() -> None:
    stems = [f"{a}{b}{c}" for a in "bdfg" for b in "aeio" for c in "kmnp"]
    tokens = [stem + ending for stem in stems for ending in ("ly", "ness", "ly")]
    gold = np.array([0, 1, 0] * len(stems))
    tagger = RulesTagger.train(tokens, np.full(len(stems), 3), gold, ("ADV", "NOUN"))
    assert tagger.decode(["zupply", "zuppness"], np.array([2])).tolist() == [0, 1]


def test_nothing_to_tag() -> None:
    for lengths in ([], [0, 0]):
        assert tagger_of().decode([], np.array(lengths, int)).shape == (0,)


def test_a_sentence_is_tagged_the_same_alone_and_in_a_batch() -> None:
    tokens, lengths, gold = random_corpus(5, words=400)
    tagger = RulesTagger.train(tokens, lengths, gold, LABELS, RulesRecipe(min_score=1))
    together = tagger.decode(tokens, lengths)
    ends = np.cumsum(lengths)
    alone = [tagger.decode(tokens[end - n : end], np.array([n])) for end, n in zip(ends, lengths, strict=True)]
    assert np.array_equal(together, np.concatenate(alone))


def test_a_very_long_sentence_is_quick() -> None:
    tokens, lengths, gold = random_corpus(6, words=1000)
    tagger = RulesTagger.train(tokens, lengths, gold, LABELS, EXACT)
    started = time.perf_counter()
    assert len(tagger.decode(tokens * 100, np.array([100_000]))) == 100_000
    assert time.perf_counter() - started < 5


words = st.text(max_size=4) | st.sampled_from(
    ["the", "The", "a b", "\t", "\u2028", "#", "[x]", '"', "?", "\ud800", EDGE]
)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_text_says_all(data: st.DataObject) -> None:
    tokens = data.draw(st.lists(words, min_size=2, max_size=20))
    odd = st.text(min_size=1, max_size=3) | st.sampled_from(["and", "->", "?", EDGE, "#", "[x", "(1)", '"', "if"])
    labels = tuple(data.draw(st.lists(odd, min_size=2, max_size=4, unique=True)))
    ids = st.integers(0, len(labels) - 1)
    gold = np.array([0, 1, *data.draw(st.lists(ids, min_size=len(tokens) - 2, max_size=len(tokens) - 2))])
    lengths = np.array([len(tokens) // 2, len(tokens) - len(tokens) // 2])
    hold_out = data.draw(st.booleans())
    recipe = RulesRecipe(min_score=1, guess_min_score=1, hold_out=hold_out)
    tagger = RulesTagger.train(tokens, lengths, gold, labels, recipe)
    again = RulesTagger.from_text(tagger.to_text())
    assert again.to_text() == tagger.to_text()
    assert (again.labels, again.rules, again.guesses) == (tagger.labels, tagger.rules, tagger.guesses)
    assert again.lexicon == tagger.lexicon
    new = [*tokens, *data.draw(st.lists(words, max_size=5))]
    assert np.array_equal(again.decode(new, np.array([len(new)])), tagger.decode(new, np.array([len(new)])))


def test_the_text_is_for_people() -> None:
    tagger = tagger_of('NOUN -> VERB if previous tag PART and this word "run"  (204)')
    lines = tagger.to_text().splitlines()
    assert 'NOUN -> VERB if previous tag PART and this word "run"  (204)' in lines
    assert "run\tNOUN VERB" in lines
    assert tagger.lexicon["run"] == Entry((1, 2), sure=True)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("(204)", "", "line 9: expected TAG -> TAG"),
        ("VERB if previous", "VERBS if previous", "line 9: unknown tag 'VERBS', did you mean 'VERB'"),
        ("tag PART", "tag PRT", "line 9: unknown tag 'PRT'"),
        ("previous tag", "former tag", "line 9: no condition: 'former tag PART'"),
        ("previous tag PART ", "", "line 9: expected TAG -> TAG"),
        ("[context]", "[contexts]", r"line 8: unknown section \[contexts\], did you mean"),
        ("to\tPART", "to PART", "line 13: expected a word, a tab and its tags"),
        ("to\tPART", "to\tPRT", "line 13: unknown tag"),
        ("to\tPART", "run\tPART", "line 13: the word run is there twice"),
        ("to\tPART", '"to\tPART', "line 13: Unterminated string"),
        ("start NOUN\n", "", "line 5: .*'start'"),
        ("start NOUN", "begin NOUN", "line 3: unknown setting 'begin'"),
        ("start NOUN", "start NUN", "line 6: unknown tag 'NUN'"),
        ("[lexicon]\nthe\tDET\nrun\tNOUN VERB\nto\tPART", "", r"no section \[lexicon\]"),
    ],
)
def test_broken_text_is_named(old: str, new: str, complaint: str) -> None:
    setup = "[setup]\ntags DET NOUN VERB PART ADV\nstart NOUN\nopen NOUN VERB ADV\nendings s ly\n"
    rules = "[unknown words]\nNOUN -> ADV if suffix -ly  (9)\n[context]\nNOUN -> VERB if previous tag PART  (204)\n"
    text = f"{setup}{rules}[lexicon]\nthe\tDET\nrun\tNOUN VERB\nto\tPART"
    assert old in text
    RulesTagger.from_text(text)
    RulesTagger.from_text(text.replace("\n", "\r\n"))
    with pytest.raises(Failure, match=complaint):
        RulesTagger.from_text(text.replace(old, new, 1))


def test_nothing_to_learn_from() -> None:
    none = np.array([], int)
    with pytest.raises(Failure, match="no words"):
        RulesTagger.train([], none, none, LABELS)
    with pytest.raises(Failure, match="every word has the tag B"):
        RulesTagger.train(["a", "b"], np.array([2]), np.array([1, 1]), LABELS)


def read_conllu(path: Path, sentences: int) -> tuple[list[str], np.ndarray, list[str]]:
    tokens, lengths, tags = [], [], []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for block in itertools.islice(file.read().split("\n\n"), sentences):
            rows = [line.split("\t") for line in block.split("\n") if line and line[0] != "#"]
            rows = [row for row in rows if row[0].isdigit()]
            tokens += [row[1] for row in rows]
            tags += [row[3] for row in rows]
            lengths.append(len(rows))
    return tokens, np.array(lengths), tags


def test_beats_the_most_frequent_tag_on_english() -> None:
    folder = Path(os.environ.get("SEQ_DATA", Path(__file__).parents[3] / "shared" / "data")) / "ud" / "en_ewt"
    if not (folder / "train.conllu.gz").exists():
        pytest.skip(f"no {folder}: set SEQ_DATA")
    tokens, lengths, tags = read_conllu(folder / "train.conllu.gz", 3000)
    labels = tuple(sorted(set(tags)))
    tagger = RulesTagger.train(tokens, lengths, np.array([labels.index(tag) for tag in tags]), labels)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for token, tag in zip(tokens, tags, strict=True):
        counts[token][tag] += 1
    tokens, lengths, tags = read_conllu(folder / "dev.conllu.gz", 2000)
    simple = [counts[token].most_common(1)[0][0] if token in counts else "NOUN" for token in tokens]
    rules = [labels[i] for i in tagger.decode(tokens, lengths)]
    right = [sum(a == b for a, b in zip(mine, tags, strict=True)) / len(tags) for mine in (simple, rules)]
    assert right[1] > right[0] + 0.05
