"""Word clusters: the exchange algorithm against counting everything anew."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.errors import Failure
from seqcli.models.clusters import Bigrams, Exchange, Recipe, count_pairs, n_log_n, train


def random_bigrams(words: int, seed: int) -> Bigrams:
    rng = np.random.default_rng(seed)
    text = rng.zipf(1.4, size=3000) % words
    return Bigrams.of(words, text[:-1] * words + text[1:], np.ones(len(text) - 1, np.int64))


def likelihood(bigrams: Bigrams, member: np.ndarray, classes: int) -> float:
    table = np.zeros((classes, classes))
    np.add.at(table, (member[bigrams.left], member[bigrams.right]), bigrams.count)
    weight = np.bincount(bigrams.left, bigrams.count, bigrams.size) + np.bincount(bigrams.right, bigrams.count, bigrams.size)
    return float(n_log_n(table).sum() - 2 * n_log_n(np.bincount(member, weight / 2, classes).astype(np.float64)).sum())


@pytest.mark.parametrize("seed", range(4))
def test_each_word_goes_where_the_likelihood_is_largest_and_the_tables_stay_true(seed):
    bigrams, classes = random_bigrams(30, seed), 4
    exchange = Exchange(bigrams, classes)
    for word in exchange.order.tolist():
        choices = []
        for c in range(classes):
            member = exchange.member.copy()
            member[word] = c
            choices.append(likelihood(bigrams, member, classes))
        before = choices[exchange.member[word]]
        exchange.settle(word)
        assert choices[exchange.member[word]] == pytest.approx(max(choices), rel=1e-9)
        assert exchange.likelihood() == pytest.approx(likelihood(bigrams, exchange.member, classes), rel=1e-9)
        assert exchange.likelihood() >= before - 1e-6


def test_words_of_a_kind_fall_together():
    rng = np.random.default_rng(0)
    kinds = [["the", "a", "this"], ["dog", "cat", "Bird"], ["runs", "sleeps", "sings"]]
    sentences = [[str(rng.choice(kind)) for kind in kinds] for _ in range(300)]
    found = train(lambda: sentences, Recipe(classes=3, levels=1, min_count=5), print)
    classes = [{tuple(names) for names in found.of(kind)} for kind in kinds]
    assert all(len(names) == 1 for names in classes)
    assert len(set.union(*classes)) == 3
    assert found.of(["unheard"]) == [[]]


def test_pairs_do_not_cross_sentences_or_rare_words():
    bigrams = count_pairs([["a", "B"], ["b", "rare", "a"], ["a", "b"]], {"a": 0, "b": 1})
    assert list(zip(bigrams.left.tolist(), bigrams.right.tolist(), bigrams.count.tolist(), strict=True)) == [(0, 1, 2)]


def test_too_little_text_is_refused():
    with pytest.raises(Failure, match="too few for 512 classes"):
        train(lambda: [["a", "b"]], Recipe(), print)
