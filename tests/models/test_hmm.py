"""Laws of the hidden Markov model: what must sum to 1 does, what is counted by hand comes out, EM never falls."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.examples import Batch
from seqcli.data.folder import Folder
from seqcli.errors import Failure
from seqcli.models import hmm
from seqcli.models.hmm import Recipe, supervised
from seqcli.models.hmm.baum_welch import HMM, Categorical, random_hmm
from seqcli.models.hmm.subtags import Limits, bigrams, find, fit, merge, tally
from seqcli.models.hmm.unknown_words import Guesser, Spelling, shape
from seqcli.nn.chain import scalable, scan

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))

SENTENCES = [
    ("the old man walks to the shop", "D A N V P D N"),
    ("the man wants to walk", "D N V T V"),
    ("Mary walks to Rome", "E V P E"),
    ("the walk to Rome is old", "D N P E B A"),
    ("she wants the shop", "R V D N"),
    ("Is Mary old ?", "B E A ."),
    ("no", "I"),
]


def toy() -> Batch:
    return Batch.of([words.split() for words, _ in SENTENCES], [tags.split() for _, tags in SENTENCES])


def trained(**settings) -> hmm.HMMTagger:
    tagger = hmm.train(toy(), None, Recipe(**settings), lambda line: None)
    assert isinstance(tagger, hmm.HMMTagger)
    return tagger


def lines(tagger, sentences):
    batch = Batch.of([words.split() for words in sentences])
    return batch.tokens, batch.lengths


# Supervised ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
def test_counts_are_those_made_by_hand(order):
    tagger = trained(order=order, subtags=1)
    index = {label: i for i, label in enumerate(tagger.labels)}
    index["#"] = len(index)
    expected: Counter[tuple[int, ...]] = Counter()
    for _, tags in SENTENCES:
        padded = ["#"] * order + tags.split() + ["#"]
        expected.update(tuple(index[t] for t in padded[i : i + order + 1]) for i in range(len(padded) - order))
    assert {tuple(where): tagger.ngrams[tuple(where)] for where in np.argwhere(tagger.ngrams)} == expected
    words = Counter(pair for words, tags in SENTENCES for pair in zip(words.split(), tags.split(), strict=True))
    for (word, tag), times in words.items():
        assert tagger.lexicon.counts[tagger.lexicon.index[word], index[tag]] == times


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("subtags", [1, 14])
def test_probabilities_sum_to_one(order, subtags):
    tagger = trained(order=order, subtags=subtags)
    np.testing.assert_allclose(supervised.interpolate(tagger.ngrams.astype(float)).sum(axis=-1), 1)
    np.testing.assert_allclose(tagger.lexicon(["the", "The", "qwerty", "42", "?!", "Mary"])[0].sum(axis=1), 1)
    known = np.exp(tagger.emission(tagger.lexicon.words)).sum(axis=0)
    assert (known < 1).all()
    assert tagger.state_probability.sum() == pytest.approx(1)
    frequency = tagger.lexicon.counts.sum(axis=1)
    once = tagger.lexicon.counts * (frequency == 1)[:, None]
    size = len(tagger.subtags.tag)
    states = tagger.subtags.states(tagger.lexicon.words)
    unknown = (np.bincount(states.ravel(), once.ravel(), size) + 1 / size) / (once.sum() + 1)
    np.testing.assert_allclose(known + tagger.unknown * unknown / tagger.state_probability, 1)


@pytest.mark.parametrize("subtags", [1, 14])
@pytest.mark.parametrize("text", ["the man", "Mary wants to zap", "Rome", "she Zed"])
def test_second_order_equals_multiplying_the_probabilities_of_all_paths(subtags, text):
    tagger = trained(subtags=subtags)
    words = text.split()
    transition, emission = supervised.interpolate(tagger.ngrams.astype(float)), np.exp(tagger.emission(words))
    edge, states = len(tagger.subtags.tag), tagger.subtags.states(words)
    joint = {}
    for tags in product(range(len(tagger.labels)), repeat=len(words)):
        path = [edge, edge, *(int(states[i, tag]) for i, tag in enumerate(tags)), edge]
        p = np.prod([transition[path[i - 2], path[i - 1], path[i]] for i in range(2, len(path))])
        joint[tags] = p * np.prod([emission[i, state] for i, state in enumerate(path[2:-1])])
    total, lengths = sum(joint.values()), np.array([len(words)])
    assert tagger.log_likelihood(words, lengths)[0] == pytest.approx(np.log(total), rel=1e-10)
    best = max(joint, key=joint.__getitem__)
    found = tagger.tag(words, lengths, proba=True, nbest=3)
    assert found.nbest is not None
    assert found.proba is not None
    assert tuple(found.ids) == best
    ranked = sorted(joint.items(), key=lambda item: -item[1])
    assert [tuple(path) for _, path in found.nbest[0]] == [path for path, _ in ranked[:3]]
    scores = np.array([score for score, _ in found.nbest[0]])
    np.testing.assert_allclose(scores, np.log([p / total for _, p in ranked[:3]]))
    posterior = np.zeros((len(words), len(tagger.labels)))
    for tags, p in joint.items():
        posterior[np.arange(len(words)), tags] += p / total
    np.testing.assert_allclose(found.proba, posterior, atol=1e-10)
    np.testing.assert_array_equal(tagger.tag(words, lengths, decode="posterior").ids, posterior.argmax(axis=1))


@pytest.mark.parametrize("settings", [{}, {"order": 1}, {"unsupervised": True, "states": 3, "min_count": 1}])
def test_saved_and_loaded_it_tags_the_same(settings):
    tagger = hmm.train(toy(), None, Recipe(**settings), lambda line: None)
    tensors = {name: tensor.copy() for name, tensor in tagger.tensors().items()}
    again = hmm.load(Folder(Path(), {"model": "hmm", "task": "tag", "parameters": tagger.config()}, tensors))
    tokens, lengths = lines(tagger, ["the zap walks 42 \\ times", "No", "O'Neill-Smith ?"])
    first, second = (t.tag(tokens, lengths, proba=True) for t in (tagger, again))
    assert first.tags() == second.tags()
    assert first.proba is not None
    assert second.proba is not None
    np.testing.assert_array_equal(first.proba, second.proba)
    np.testing.assert_array_equal(tagger.log_likelihood(tokens, lengths), again.log_likelihood(tokens, lengths))
    assert {name: tensor.tobytes() for name, tensor in tagger.tensors().items()} == {
        name: tensor.tobytes() for name, tensor in again.tensors().items()
    }


@pytest.mark.parametrize("settings", [{}, {"order": 1}, {"unsupervised": True, "states": 3}])
def test_no_words_and_odd_words(settings):
    tagger = hmm.train(toy(), None, Recipe(**settings), lambda line: None)
    nothing = tagger.tag([], np.empty(0, dtype=np.int64), decode="posterior", proba=True)
    assert nothing.tags() == []
    assert tagger.tag([], np.empty(0, dtype=np.int64)).tags() == []
    tokens = ["", " ", "\t", "\n", "日本", "e\u0301", "\U0001f600", "İ", "ß" * 500, "10^3", "x@y.z", "THE"]
    found = tagger.tag(tokens, np.array([len(tokens)]), proba=True)
    assert found.proba is not None
    np.testing.assert_allclose(found.proba.sum(axis=1), 1)
    assert np.isfinite(tagger.log_likelihood(tokens, np.array([5, 7]))).all()


def test_the_likelihood_of_a_very_long_sentence():
    tagger = trained(order=1, subtags=1)
    tokens = ([*toy().tokens, "zap"] * 3000)[:100_000]
    assert len(tokens) > 90_000
    lengths = np.array([len(tokens)])
    exact = scan(tagger.chain(tokens, lengths))[1]
    np.testing.assert_allclose(tagger.log_likelihood(tokens, lengths), exact, rtol=1e-11)


def test_small_probabilities_do_not_vanish():
    """A tag seen once among many keeps every transition and emission possible."""
    data = Batch.of([["a"] * 50, ["b"]], [["X"] * 50, ["Y"]])
    tagger = hmm.train(data, None, Recipe(), lambda line: None)
    assert isinstance(tagger, hmm.HMMTagger)
    assert np.isfinite(tagger.path[0]).all()
    assert np.isfinite(tagger.log_likelihood(["b", "a", "q"], np.array([3]))).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 3}, "order is 3"),
        ({"unsupervised": True, "states": 1}, "states is 1"),
        ({"unsupervised": True, "iterations": 0}, "iterations is 0"),
        ({"ending": -1}, "below 0"),
        ({"word_strength": 0.0}, "above 0"),
        ({"subtags": 1000}, "too many for order 2"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(Failure, match=message):
        hmm.train(toy(), None, Recipe(**settings), lambda line: None)


@pytest.mark.parametrize("unsupervised", [False, True])
def test_nothing_to_learn_from(unsupervised):
    with pytest.raises(Failure, match="no sentence"):
        hmm.train(Batch.of([]), None, Recipe(unsupervised=unsupervised), lambda line: None)


def test_development_data_are_reported_and_may_have_other_tags():
    said: list[str] = []
    hmm.train(toy(), Batch.of([["the", "man"]], [["D", "Q"]]), Recipe(), said.append)
    assert said[-1] == "development data: 50.00 % right"


# Parts ---------------------------------------------------------------------------------------------------------------


def test_interpolation_by_hand():
    """Figure 1 of Brants 2000, with one more vote for each order."""
    counts = np.array([[2.0, 1.0], [1.0, 0.0]])
    uni = (counts.sum(axis=0) + 0.5) / 5
    votes = [1.0, 1.0]  # 00: (3 - 1) / 3 against (2 - 1) / (3 - 1), 01: 0 and 0, 10: 2 / 3 and 0
    votes[0] += 2 + 1 + 1
    share = votes[1] / sum(votes)
    expected = share * counts / counts.sum(axis=1, keepdims=True) + (1 - share) * uni
    np.testing.assert_allclose(supervised.interpolate(counts), expected)


def test_spellings():
    words = ["walked", "talked", "Paris", "Rome", "12", "1999"]
    counts = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    guesser = Guesser.count(words, counts, Spelling())
    assert guesser(["baked", "London", "3"]).argmax(axis=1).tolist() == [0, 1, 2]
    found = guesser(["x-y", "", "ed"])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found > 0).all()


@given(st.text(max_size=12))
def test_any_word_has_a_shape(word):
    assert 1 <= len(shape(word)) <= 3


def test_merging_takes_the_cheapest_pair_first():
    rng = np.random.default_rng(0)
    states, lengths, tag = rng.integers(0, 6, 400), np.array([150, 250]), np.array([0, 1, 0, 1, 0, 1])
    counts = bigrams(states, lengths, 6)
    assert counts.sum() == 402

    def worth(group):
        moved = bigrams(group[states], lengths, int(group.max()) + 1)
        return fit(moved).sum() + fit(moved.T).sum() - (moved * np.log(np.maximum(moved, 1))).sum()

    one = merge(counts, tag, 5)
    pairs = [(0, 2), (0, 4), (2, 4), (1, 3), (1, 5), (3, 5)]
    options = [np.unique([i if s == j else s for s in range(6)], return_inverse=True)[1] for i, j in pairs]
    assert one.max() == 4
    assert worth(one) == pytest.approx(max(worth(option) for option in options))
    assert merge(counts, tag, 1).tolist() == tag.tolist()


def test_a_word_has_one_state_a_label():
    batch = toy()
    index = {tag: i for i, tag in enumerate(sorted(set(batch.tags)))}
    tags = np.array([index[tag] for tag in batch.tags])
    subtags = find(batch.tokens, tags, batch.lengths, Limits(5, 13, min_count=1))
    assert len(subtags.tag) > len(index)
    states = subtags.states([*batch.tokens, "Zap", "zap"])
    np.testing.assert_array_equal(subtags.tag[states], np.tile(np.arange(len(index)), (len(states), 1)))
    assert tally((tags,), (len(index),)).sum() == len(tags)


# Unsupervised --------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=12), min_size=1, max_size=6),
    st.integers(2, 5),
    st.integers(0, 1000),
)
def test_the_likelihood_never_falls(sequences, states, seed):
    symbols, lengths = np.concatenate(sequences), np.array([len(x) for x in sequences])
    model = random_hmm(states, np.full(6, 1 / 6), seed)
    before = -np.inf
    for _ in range(25):
        model, now = model.em_step(symbols, lengths)
        assert now >= before - 1e-9
        before = now
        assert isinstance(model.emission, Categorical)
        for table in (model.start, model.transition, model.emission.probability):
            np.testing.assert_allclose(table.sum(axis=-1), 1)


def test_a_state_that_dies_leaves_no_nan():
    model = HMM(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.5, 0.5]]), Categorical(np.array([[0.5, 0.5, 0.0]] * 2)))
    for _ in range(3):
        model, now = model.em_step(np.array([0, 1, 0]), np.array([2, 1]))
        assert np.isfinite(now)
    assert np.isfinite(model.transition).all()
    assert isinstance(model.emission, Categorical)
    np.testing.assert_allclose(model.emission.probability.sum(axis=1), 1)
    assert model.log_likelihood(np.array([2]), np.array([1])).tolist() == [-np.inf]


def test_symbols_that_no_state_emits_do_not_slow_the_others_down():
    model = HMM(np.array([0.5, 0.5]), np.full((2, 2), 0.5), Categorical(np.array([[0.5, 0.5, 0.0]] * 2)))
    assert scalable(model.chain(np.array([0, 1]), np.array([2])))
    assert model.log_likelihood(np.array([0, 1]), np.array([2])) == pytest.approx(np.log(0.25))


def test_training_on_words_reports_each_iteration_and_finds_two_kinds_of_word():
    rng = np.random.default_rng(0)
    sentences = [[str(w) for pair in zip(rng.choice(["a", "the"], 6), rng.choice(["cat", "dog", "owl"], 6), strict=True)
                  for w in pair] for _ in range(60)]  # fmt: skip
    said: list[str] = []
    tagger = hmm.train(Batch.of(sentences), None, Recipe(unsupervised=True, states=2, tolerance=1e-6), said.append)
    gains = [float(line.split("log-likelihood ")[1].split(",")[0]) for line in said if line.startswith("iteration")]
    assert len(gains) > 2
    assert gains == sorted(gains)
    found = tagger.tag(["the", "owl", "a", "cat"], np.array([4])).tags()
    assert set(found) == {"S0", "S1"}
    assert found[0] == found[2] != found[1] == found[3]
    assert not tagger.labels_of(Batch.of([["a"]], [["DET"]]))


def test_training_stays_in_reach_of_the_fast_way():
    """Probabilities that EM drives to nothing are rounded before they leave the range of a double."""
    said: list[str] = []
    data = Batch.of([["x", "y"] * 20] * 5)
    tagger = hmm.train(data, None, Recipe(unsupervised=True, states=3, iterations=100, tolerance=-1.0), said.append)
    assert isinstance(tagger, hmm.StateTagger)
    assert len(said) == 101
    assert tagger.model.transition.min() > 0


# Data ----------------------------------------------------------------------------------------------------------------


@cache
def read(part: str) -> Batch:
    path = DATA / "ud" / "en_ewt" / f"{part}.conllu.gz"
    if not path.exists():
        pytest.skip("no UD English-EWT under SEQ_DATA")
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        blocks = stream.read().strip().split("\n\n")
    rows = [[line.split("\t") for line in block.split("\n") if line.split("\t")[0].isdigit()] for block in blocks]
    return Batch.of([[row[1] for row in block] for block in rows], [[row[3] for row in block] for block in rows])


@pytest.mark.parametrize(("order", "subtags", "accuracy"), [(1, 200, 0.94), (2, 24, 0.93)])
def test_accuracy_on_english(order, subtags, accuracy):
    data, dev = read("train"), read("dev")
    tagger = hmm.train(data, None, Recipe(order=order, subtags=subtags), lambda line: None)
    found = tagger.tag(dev.tokens, dev.lengths).tags()
    assert np.mean([a == b for a, b in zip(found, dev.tags, strict=True)]) > accuracy
