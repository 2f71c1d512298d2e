"""The rule-based tagger, against a learner that recounts every rule in plain Python."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import time
from collections import Counter, defaultdict
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli import cli
from seqcli.data.examples import Batch
from seqcli.errors import Failure
from seqcli.models import rules
from seqcli.models.rules import Recipe, RulesTagger, context, learner
from seqcli.models.rules.context import Condition
from seqcli.models.rules.text import EDGE, Entry, from_text, to_text
from seqcli.tasks.tagging import read_tagged
from seqcli.training.recipe import expand

SAMPLES = Path(__file__).parents[2] / "sample_data"
LABELS = ("A", "B", "C")
EXACT = Recipe(min_score=1, guess_min_score=1, sure=1, hold_out=False)
Corpus = tuple[list[str], np.ndarray, np.ndarray]


def train(tokens, lengths, gold, labels=LABELS, recipe=EXACT, report=lambda _: None) -> RulesTagger:
    sentences = np.ones(len(lengths), int)
    return rules.train(Batch(tokens, lengths, sentences, tags=[labels[i] for i in gold]), None, recipe, report)


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
        entries = [tagger.rules.lexicon[token] for token in tokens]
        self.tags = [entry.tags[0] for entry in entries]
        self.allowed = [set(e.tags) | (set() if e.sure else set(tagger.rules.open)) for e in entries]
        views = {name: [view(token) for token in tokens] for name, view in context.VIEWS.items()}
        self.values = {name: ["", None, *sorted(set(seen))] for name, seen in views.items()}
        self.ids = {name: [self.values[name].index(v) for v in seen] for name, seen in views.items()}
        self.values["tag"] = [*LABELS, None]

    def value(self, i: int, feature: str, offset: int) -> int:
        if i + offset not in self.span_of[i]:
            return len(LABELS) if feature == "tag" else context.BORDER
        return (self.tags if feature == "tag" else self.ids[feature])[i + offset]

    def contexts(self, i: int) -> set[tuple[int, tuple[int, ...]]]:
        return {
            (number, values)
            for number, template in enumerate(context.TEMPLATES)
            for values in itertools.product(*({self.value(i, c.feature, o) for o in c.offsets} for c in template))
        }

    def step(self) -> tuple[str, str, tuple[tuple[Condition, str | None], ...], int]:
        matching = defaultdict(list)
        for i, tag in enumerate(self.tags):
            for (number, values), to in itertools.product(self.contexts(i), self.allowed[i] - {tag}):
                matching[number, values, tag, to].append(i)
        score = {rule: sum((self.gold[i] == rule[3]) - (self.gold[i] == rule[2]) for i in at) for rule, at in matching.items()}
        best = min(score, key=lambda rule: (-score[rule], rule))
        for i in matching[best]:
            self.tags[i] = best[3]
        number, values, source, target = best
        named = tuple((c, self.values[c.feature][v]) for c, v in zip(context.TEMPLATES[number], values, strict=True))
        return LABELS[source], LABELS[target], named, score[best]


@pytest.mark.parametrize(("seed", "sure"), [(0, 1), (1, 1), (2, 100), (3, 12)])
def test_learns_what_the_naive_learner_learns(seed: int, sure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "BLOCK", 7)  # so that this little corpus fills several blocks,
    monkeypatch.setattr(learner, "ROOM", 1)  # and the scores outgrow their array
    tokens, lengths, gold = random_corpus(seed, words=150)
    tagger = train(tokens, lengths, gold, recipe=replace(EXACT, sure=sure))
    naive = NaiveLearner(tagger, tokens, lengths, gold)
    assert len(tagger.rules.context) > 10
    for rule in tagger.rules.context:
        assert (rule.source, rule.target, rule.conditions, rule.score) == naive.step()
    assert naive.step()[3] <= 0
    whole = train(tokens, lengths, gold, recipe=replace(EXACT, sure=sure, max_rules=2))
    assert whole.rules.context == tagger.rules.context[:2]


def test_each_rule_repairs_as_many_words_as_its_score_says() -> None:
    tokens, lengths, gold = random_corpus(7, words=3000)
    tagger = train(tokens, lengths, gold)
    right = 0
    for n in range(len(tagger.rules.context[:60]) + 1):
        some = RulesTagger(replace(tagger.rules, context=tagger.rules.context[:n]), {})
        after = int((some.tag(tokens, lengths).ids == gold).sum())
        assert n == 0 or after - right == tagger.rules.context[n - 1].score > 0
        right = after


def test_training_is_deterministic() -> None:
    tokens, lengths, gold = random_corpus(1, words=500)
    texts = {to_text(train(tokens, lengths, gold, recipe=Recipe(min_score=1)).rules) for _ in range(2)}
    assert len(texts) == 1


def test_report_tells_of_progress() -> None:
    lines: list[str] = []
    tokens, lengths, gold = random_corpus(1, words=500)
    tagger = train(tokens, lengths, gold, report=lines.append)
    assert lines[0].startswith("6 words in the lexicon")
    assert lines[-1] == f"{len(tagger.rules.context)} rules of context"


def tagger_of(*context_rules: str, lexicon: str = "the\tDET\nrun\tNOUN VERB\nto\tPART") -> RulesTagger:
    setup = "[setup]\ntags DET NOUN VERB PART ADV\nstart NOUN\nopen NOUN VERB ADV\nendings s ly\n"
    guesses = "[unknown words]\nNOUN -> ADV if suffix -ly  (9)\nNOUN -> VERB if is VERB with -s  (2)\n"
    lines = "".join(f"{rule}\n" for rule in context_rules)
    return RulesTagger(from_text(f"{setup}{guesses}[context]\n{lines}[lexicon]\n{lexicon}\n[end]"), {})


def tags_of(tagger: RulesTagger, *sentences: str) -> str:
    split = [sentence.split() for sentence in sentences]
    return " ".join(tagger.tag(list(itertools.chain(*split)), np.array([len(s) for s in split], int)).tags())


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
    tagger = train(tokens, np.full(len(stems), 3), gold, ("ADV", "NOUN"), Recipe())
    assert tagger.tag(["zupply", "zuppness"], np.array([2])).tags() == ["ADV", "NOUN"]


def test_nothing_to_tag() -> None:
    for lengths in ([], [0, 0]):
        assert tagger_of().tag([], np.array(lengths, int)).ids.shape == (0,)


def test_a_sentence_is_tagged_the_same_alone_and_in_a_batch() -> None:
    tokens, lengths, gold = random_corpus(5, words=400)
    tagger = train(tokens, lengths, gold, recipe=Recipe(min_score=1))
    together = tagger.tag(tokens, lengths).ids
    ends = np.cumsum(lengths)
    alone = [tagger.tag(tokens[end - n : end], np.array([n])).ids for end, n in zip(ends, lengths, strict=True)]
    assert np.array_equal(together, np.concatenate(alone))


def test_a_very_long_sentence_is_quick() -> None:
    tokens, lengths, gold = random_corpus(6, words=1000)
    tagger = train(tokens, lengths, gold)
    started = time.perf_counter()
    assert len(tagger.tag(tokens * 100, np.array([100_000])).ids) == 100_000
    assert time.perf_counter() - started < 5


words = st.text(max_size=4) | st.sampled_from(["the", "The", "a b", "\t", "\u2028", "#", "[x]", '"', "?", "\ud800", EDGE])


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
    recipe = Recipe(min_score=1, guess_min_score=1, hold_out=hold_out)
    tagger = train(tokens, lengths, gold, labels, recipe)
    again = RulesTagger(from_text(to_text(tagger.rules)), asdict(recipe))
    assert to_text(again.rules) == to_text(tagger.rules)
    assert again.rules == tagger.rules
    new = [*tokens, *data.draw(st.lists(words, max_size=5))]
    assert again.tag(new, np.array([len(new)])).tags() == tagger.tag(new, np.array([len(new)])).tags()


def test_the_text_is_for_people() -> None:
    tagger = tagger_of('NOUN -> VERB if previous tag PART and this word "run"  (204)')
    lines = to_text(tagger.rules).splitlines()
    assert 'NOUN -> VERB if previous tag PART and this word "run"  (204)' in lines
    assert "run\tNOUN VERB" in lines
    assert tagger.rules.lexicon["run"] == Entry((1, 2), sure=True)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("(204)", "", "line 9: expected TAG -> TAG"),
        ("VERB if previous", "VERBS if previous", "line 9: unknown tag 'VERBS', did you mean 'VERB'"),
        ("tag PART", "tag PRT", "line 9: unknown tag 'PRT'"),
        ("previous tag", "former tag", "line 9: no condition: 'former tag PART'"),
        ("previous tag PART ", "", "line 9: expected TAG -> TAG"),
        ("[context]", "[contexts]", r"line 8: expected \[context\], not \[contexts\]"),
        ("[setup]\n", "", r"line 1: expected \[setup\]"),
        ("to\tPART", "to PART", "line 13: expected a word, a tab and its tags"),
        ("to\tPART", "to\tPRT", "line 13: unknown tag"),
        ("to\tPART", "run\tPART", "line 13: the word run is there twice"),
        ("to\tPART", '"to\tPART', 'line 13: no closing quote, or something after it: "to'),
        ("tags DET", "tags DET DET", "line 6: .* names a tag twice"),
        ("start NOUN\n", "", "line 5: .*'start'"),
        ("start NOUN", "begin NOUN", "line 3: unknown setting 'begin'"),
        ("start NOUN", "start NUN", "line 6: unknown tag 'NUN'"),
        ("[lexicon]\nthe\tDET\nrun\tNOUN VERB\nto\tPART\n", "", r"line 10: expected \[lexicon\], not \[end\]"),
        ("[end]", "[end]\nrun\tNOUN", r"line 15: nothing may follow \[end\]"),
        ("[end]", "[end]\n[lexicon]", "line 15: expected nothing more"),
        ("[end]", "", r"line 13: nothing follows, not even \[end\]"),
    ],
)
def test_broken_text_is_named(old: str, new: str, complaint: str) -> None:
    setup = "[setup]\ntags DET NOUN VERB PART ADV\nstart NOUN\nopen NOUN VERB ADV\nendings s ly\n"
    some = "[unknown words]\nNOUN -> ADV if suffix -ly  (9)\n[context]\nNOUN -> VERB if previous tag PART  (204)\n"
    text = f"{setup}{some}[lexicon]\nthe\tDET\nrun\tNOUN VERB\nto\tPART\n[end]"
    assert old in text
    assert from_text(text.replace("\n", "\r\n")) == from_text(text) == from_text(text.replace("[", "# a comment\n\n["))
    with pytest.raises(Failure, match=f"some.txt, {complaint}"):
        from_text(text.replace(old, new, 1), "some.txt")


def test_no_prefix_of_the_text_passes_for_the_whole() -> None:
    text = to_text(train(*random_corpus(3, words=30)).rules)
    for end in range(len(text) - 1):
        with pytest.raises(Failure, match=r"rules\.txt, line "):
            from_text(text[:end])


def test_nothing_to_learn_from() -> None:
    none = np.array([], int)
    with pytest.raises(Failure, match="no sentence"):
        train([], none, none)
    with pytest.raises(Failure, match="one tag only, 'B'"):
        train(["a", "b"], np.array([2]), np.array([1, 1]))


def test_there_are_no_probabilities() -> None:
    for asked in ({"proba": True}, {"nbest": 2}, {"decode": "posterior"}):
        with pytest.raises(Failure, match="no probabilities"):
            tagger_of().tag(["the"], np.array([1]), **asked)


def test_what_a_tagger_remembers_of_words_changes_no_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, lengths, gold = random_corpus(8, words=600)
    tagger = train(tokens, lengths, gold)
    new = [*tokens, "", "dabs", "abBA", "\u00e9"]
    fresh = [RulesTagger(tagger.rules, {}).tag([word] * 2, np.array([1, 1])).tags() for word in new[-10:]]
    monkeypatch.setattr(rules, "CACHED_TYPES", 3)
    for _ in range(2):
        assert [tagger.tag([word] * 2, np.array([1, 1])).tags() for word in new[-10:]] == fresh
        assert len(tagger.types) == len(tagger.table.tags) - 1 <= 4
    again = pickle.loads(pickle.dumps(tagger))
    assert np.array_equal(again.tag(tokens, lengths).ids, tagger.tag(tokens, lengths).ids)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that the command line made of the sample data."""
    path = tmp_path_factory.mktemp("rules") / "model"
    data = [f"--{part}={SAMPLES / f'tags.{part}.conllu'}" for part in ("train", "dev")]
    assert cli.run(["train", "rules", *data, "--set", "min_score=1", "--quiet", "-o", str(path)]) == 0
    return path


def copy_of(folder: Path, path: Path, text: bytes) -> Path:
    path.mkdir()
    for file in folder.iterdir():
        (path / file.name).write_bytes(text if file.name == "rules.txt" else file.read_bytes())
    return path


def test_command_line(folder: Path, tmp_path: Path) -> None:
    assert {file.name for file in folder.iterdir()} == {"config.json", "model.safetensors", "README.md", "rules.txt"}
    config = json.loads((folder / "config.json").read_text())
    assert config["parameters"]["recipe"] == asdict(Recipe(min_score=1))
    assert config["scores"]["dev accuracy"] > 75
    sample = SAMPLES / "tags.dev.conllu"
    assert cli.run(["tag", "-m", str(folder), str(sample), "-q", "-o", str(tmp_path / "tagged.conllu")]) == 0
    gold, found = (read_tagged([str(file)], "upos") for file in (sample, tmp_path / "tagged.conllu"))
    assert found.tokens == gold.tokens
    right = [a == b for a, b in zip(found.tags, gold.tags, strict=True)]
    assert round(100 * sum(right) / len(right), 2) == config["scores"]["dev accuracy"]


def test_the_text_alone_makes_the_tags(folder: Path, tmp_path: Path) -> None:
    text = (folder / "rules.txt").read_bytes().replace(b"[lexicon]\n", b"[lexicon]\nsample_data\tX\n")
    edited = copy_of(folder, tmp_path / "edited", text.replace(b"\ntags ", b"\ntags X "))
    (tmp_path / "in").write_text("sample_data\n")
    assert cli.run(["tag", "-m", str(edited), "--pretokenized", str(tmp_path / "in"), "-q", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_text() == "sample_data/X\n"


@pytest.mark.parametrize("asked", [["--proba"], ["--nbest", "2"], ["--decode", "posterior"]])
def test_probabilities_fail_in_one_line(folder: Path, asked: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tag", "-m", str(folder), str(SAMPLES / "notes.txt"), "-f", "jsonl", *asked]) == 1
    assert capfd.readouterr() == ("", "seq: a rules model has no probabilities (train hmm or crf)\n")


@pytest.mark.parametrize(
    ("cut", "complaint"),
    [
        (lambda text: text[: text.index(b"[lexicon]") + 30], r"rules\.txt, line \d+: "),
        (
            lambda text: text[: text.index(b"[end]")],
            r"rules\.txt, line \d+: nothing follows, not even \[end\] \(is the file cut off\?\)",
        ),
        (lambda text: b"", r"rules\.txt, line 1: nothing follows"),
        (lambda text: text[:2000] + b"\xff" + text[2000:], r"rules\.txt is not UTF-8 at byte 2001"),
    ],
)
def test_a_broken_file_fails_in_one_line(folder: Path, tmp_path: Path, cut, complaint, capfd) -> None:
    broken = copy_of(folder, tmp_path / "broken", cut((folder / "rules.txt").read_bytes()))
    assert cli.run(["tag", "-m", str(broken), str(SAMPLES / "notes.txt")]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.search(complaint, err), err


@pytest.mark.corpus
def test_beats_the_most_frequent_tag_on_english() -> None:
    files = {part: expand(f"$SEQ_DATA/ud/en_ewt/{part}.conllu.gz") for part in ("train", "dev")}
    if not Path(files["train"]).exists():
        pytest.skip(f"no {files['train']}: set SEQ_DATA")
    seen, dev = (read_tagged([file], "upos") for file in files.values())
    seen.lengths = seen.lengths[:3000]
    words = int(seen.lengths.sum())
    seen.tokens, seen.tags = seen.tokens[:words], seen.tags[:words]
    tagger = rules.train(seen, None, Recipe(), lambda _: None)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for token, tag in zip(seen.tokens, seen.tags, strict=True):
        counts[token][tag] += 1
    simple = [counts[token].most_common(1)[0][0] if token in counts else "NOUN" for token in dev.tokens]
    found = tagger.tag(dev.tokens, dev.lengths).tags()
    right = [sum(a == b for a, b in zip(mine, dev.tags, strict=True)) / len(dev.tags) for mine in (simple, found)]
    assert right[1] > right[0] + 0.05
