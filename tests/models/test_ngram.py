"""N-grams: counts, smoothing and look-ups against definitions written out word by word; laws; a corpus."""

import math
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data import folder
from seqcli.errors import Failure, UsageFailure
from seqcli.models import ngram
from seqcli.models.ngram import Recipe, learn, smoothing
from seqcli.models.ngram.arpa import write_arpa
from seqcli.models.ngram.cache import Cached
from seqcli.models.ngram.counts import count
from seqcli.models.ngram.model import Ngram
from seqcli.tasks.language import measure
from seqcli.text.codec import Codec
from seqcli.training import recipe as recipes

WORDS = ["<unk>", "a", "b", "c", "d"]
CODEC = Codec.of_pieces(WORDS, "word")
END, SIZE = CODEC.end, CODEC.size
BEGIN = "begin"

texts_of = st.lists(st.lists(st.integers(1, 4), max_size=7), min_size=1, max_size=12)
smoothings = st.sampled_from(ngram.SMOOTHINGS)


def model_of(texts, **settings):
    return learn(CODEC, CODEC.flat(texts), Recipe(**settings))


def rich(seed=0, lines=300, words=4, share=0.35):
    """Texts of words that are the rarer the higher their number."""
    rng = np.random.default_rng(seed)
    return [rng.geometric(share, rng.integers(0, 9)).clip(max=words).tolist() for _ in range(lines)]


class Textbook:
    """The definitions, word by word, with dictionaries."""

    def __init__(self, texts, order, recipe, size=SIZE, end=END):
        self.order, self.recipe, self.size = order, recipe, size
        self.raw: list[Counter[Any]] = [Counter() for _ in range(order + 1)]
        for text in texts:
            padded = (BEGIN, *text, end)
            for n in range(1, order + 1):
                for i in range(len(padded) - n + 1):
                    self.raw[n][padded[i : i + n]] += 1
        self.raw[1].pop((BEGIN,), None)
        self.adjusted: list[Any] = [None, *(self.adjust(n) for n in range(1, order + 1))]
        least = recipe.least()
        self.kept: list[Any] = [
            None,
            *({g for g, c in self.raw[n].items() if n == 1 or c >= least[n - 1]} for n in range(1, order + 1)),
        ]

    def adjust(self, n):
        if n == self.order:
            return self.raw[n]
        before = defaultdict(set)
        for gram in self.raw[n + 1]:
            before[gram[1:]].add(gram[0])
        return Counter({g: self.raw[n][g] if g[0] == BEGIN else len(before[g]) for g in self.raw[n]})

    def followers(self, counts, context):
        return {gram[-1]: c for gram, c in counts.items() if gram[:-1] == context}

    def discount(self, n, c):
        t: list[Any] = [None, *(sum(1 for x in self.adjusted[n].values() if x == k) for k in (1, 2, 3, 4))]
        found = smoothing.FALLBACK
        if all(t[1:]):
            y = t[1] / (t[1] + 2 * t[2])
            exact = (1 - 2 * y * t[2] / t[1], 2 - 3 * y * t[3] / t[2], 3 - 4 * y * t[4] / t[3])
            found = exact if all(0 < d <= k + 1 for k, d in enumerate(exact)) else found
        return found[min(c, 3) - 1]

    def kneser_ney(self, word, context):
        n = len(context) + 1
        seen = self.followers(self.adjusted[n], context)
        lower = self.kneser_ney(word, context[1:]) if context else 1 / self.size
        if not seen:
            return lower
        total = sum(seen.values())
        kept = {w: c for w, c in seen.items() if (*context, w) in self.kept[n]}
        mass = sum(seen.values()) - sum(c - self.discount(n, c) for c in kept.values())
        own = kept[word] - self.discount(n, kept[word]) if word in kept else 0
        return own / total + mass / total * lower

    def stupid(self, word, context):
        alpha, seen = self.recipe.alpha, self.followers(self.raw[len(context) + 1], context)
        if word in seen and (*context, word) in self.kept[len(context) + 1]:
            return seen[word] / sum(seen.values())
        return alpha * (self.stupid(word, context[1:]) if context else 1 / self.size)

    def add_k(self, word, context):
        k, n = self.recipe.k, len(context) + 1
        if n < self.order and BEGIN not in context:
            return 1 / self.size
        seen = {w: c for w, c in self.followers(self.raw[n], context).items() if (*context, w) in self.kept[n]}
        return (seen.get(word, 0) + k) / (sum(seen.values()) + k * self.size)

    def __call__(self, word, history):
        context = (BEGIN, *history)[-(self.order - 1) :] if self.order > 1 else ()
        by_name = {"kneser-ney": self.kneser_ney, "stupid-backoff": self.stupid, "add-k": self.add_k}
        return by_name[self.recipe.smoothing](word, context)


@given(
    texts_of, st.integers(1, 5), st.lists(st.integers(0, 4), max_size=6), smoothings, st.sampled_from([(), ("1", "2"), ("1", "1", "2")])
)
@settings(max_examples=150)
def test_the_textbook(texts, order, new, smoothing, least):
    recipe = Recipe(order=order, smoothing=smoothing, min_ngram_counts=least)
    model, book = learn(CODEC, CODEC.flat(texts), recipe), Textbook(texts, order, recipe)
    for text in [new, *texts[:2]]:
        wanted = [math.log(book(word, text[:i])) for i, word in enumerate([*text, END])]
        np.testing.assert_allclose(model.log_probs([text])[0], wanted, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_discounts_of_a_larger_text(order):
    codec = Codec.of_pieces(["<unk>", *map(str, range(80))], "word")
    texts, recipe = rich(words=80, share=0.08), Recipe(order=order)
    model, book = learn(codec, codec.flat(texts), recipe), Textbook(texts, order, recipe, codec.size, codec.end)
    assert all(smoothing.discounts(np.array(list(book.adjusted[n].values()))) != smoothing.FALLBACK for n in range(1, min(order, 3)))
    for text in texts[:5]:
        wanted = [math.log(book(word, text[:i])) for i, word in enumerate([*text, codec.end])]
        np.testing.assert_allclose(model.log_probs([text])[0], wanted, rtol=1e-5, atol=1e-6)


def test_discounts_by_hand():
    assert smoothing.discounts(np.array([1, 1, 2])) == smoothing.FALLBACK
    t = [100, 40, 20, 12]
    found = smoothing.discounts(np.repeat([1, 2, 3, 4], t))
    y = 100 / 180
    np.testing.assert_allclose(found, [1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.6])


def history_of(model, words):
    return np.array([([-1] * model.order + words)[len(words) + 1 :]])


@given(texts_of, st.integers(1, 5), st.lists(st.integers(0, 4), max_size=6), st.sampled_from(["kneser-ney", "add-k"]), st.booleans())
def test_every_distribution_sums_to_one(texts, order, history, smoothing, pruned):
    model = model_of(texts, order=order, smoothing=smoothing, min_ngram_counts=("1", "2") if pruned else ())
    found = np.exp(model.distributions(history_of(model, [END, *history])).astype(np.float64))
    np.testing.assert_allclose(found.sum(), 1, atol=1e-6)
    found = np.exp(model.distributions(history_of(model, history)).astype(np.float64))  # not from the beginning
    np.testing.assert_allclose(found.sum(), 1, atol=1e-6)


@given(texts_of, st.integers(1, 5), st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=5), smoothings)
def test_step_by_step_is_all_at_once(texts, order, new, smoothing):
    model = model_of(texts, order=order, smoothing=smoothing)
    whole = model.log_probs(new)
    for text, wanted in zip(new, whole, strict=True):
        last, state = model.start([[]])
        found = []
        for token in [*text, END]:
            log_probs, state = model.step(last, state)
            found.append(float(log_probs[0, token]))
            last = torch.tensor([token])
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    last, state = model.start(new)  # all texts as prompts: what comes next is as probable as after each by itself
    assert last.tolist() == [([END, *text])[-1] for text in new]
    log_probs, state = model.step(last, state)
    assert state.shape == (len(new), order - 1)
    assert log_probs.shape == (len(new), SIZE)
    np.testing.assert_allclose(log_probs[:, END].numpy(), [row[-1] for row in whole], rtol=1e-5, atol=1e-6)


def test_after_the_end_a_text_begins():
    model = model_of(rich(), order=3)
    anew, _ = model.step(*model.start([[]]))
    _, state = model.step(*model.start([[1, 2]]))
    again, _ = model.step(torch.tensor([END]), state)
    torch.testing.assert_close(again, anew)


def test_texts_do_not_touch():
    model = model_of(rich(), order=4)
    texts = [[1, 2], [], [3, 1, 1, 1, 2], [4]]
    together, alone = model.log_probs(texts), [model.log_probs([text])[0] for text in texts]
    assert model.log_probs([]) == []
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.follow(texts)[0][2].tolist() == alone[2].tolist()


@given(texts_of, st.integers(1, 4))
def test_counts(texts, order):
    stream = np.concatenate([[END], CODEC.flat(texts)])
    found = count(stream, order, SIZE)
    words = np.zeros((1, 0), int)
    for n, grams in enumerate(found, start=1):
        words = np.column_stack([words[grams.context], grams.word])
        wanted: dict[Any, int] = Counter(
            tuple(row[i : i + n]) for row in ((END, *text, END) for text in texts) for i in range(len(row) - n + 1)
        )
        wanted = {gram: times for gram, times in wanted.items() if times}
        if n == 1:
            wanted = {(word,): wanted.get((word,), 0) - (word == END) * len(texts) for word in range(SIZE)}
        assert dict(zip(map(tuple, words.tolist()), grams.count.tolist(), strict=True)) == wanted
        assert words.tolist() == sorted(words.tolist())


def test_scores_of_stupid_backoff_do_not_sum_to_one():
    model = model_of(rich(), order=3, smoothing="stupid-backoff")
    assert np.exp(model.distributions(np.array([[1, 2]])).astype(float)).sum() > 1.005


def test_a_folder(tmp_path):
    model = model_of(rich(), order=3, smoothing="stupid-backoff")
    folder.write(tmp_path / "m", {"model": "ngram", "task": "language", "parameters": model.config()}, model.tensors(), model.files())
    found = folder.read(tmp_path / "m")
    again = ngram.load(found)
    texts = rich(1, 20)
    assert [row.tolist() for row in again.log_probs(texts)] == [row.tolist() for row in model.log_probs(texts)]
    assert again.config() == model.config()
    for name, spoil, said in (
        ("2.ngrams", lambda t: t[::-1], "not sorted"),
        ("3.ngrams", lambda t: np.concatenate([t[:-1], [[10_000, 0]]]), "contexts that are not there"),
        ("2.log10_probs", lambda t: t[:-1], "has shape"),
        ("1.ngrams", lambda t: t[:-1], "expected"),
    ):
        tensors = {**found.tensors, name: spoil(found.tensors[name])}
        with pytest.raises(Failure, match=said):
            ngram.load(folder.Folder(found.path, found.config, tensors))


def test_a_longer_order_than_any_text():
    model = model_of([[1]], order=6)
    assert [len(table) for table in model.tables] == [SIZE, 2, 1, 0, 0, 0]
    assert np.isfinite(model.log_probs([[1, 2, 3, 4, 1, 2, 3, 4]])[0]).all()
    last, state = model.start([[1, 1, 1, 1, 1, 1, 1]])
    assert np.isclose(model.step(last, state)[0].exp().sum(), 1)


def test_training_from_files(tmp_path):
    text = tmp_path / "text"
    text.write_text("the cat sat\n\nthe dog sat\nthe cat ran\n")
    said: list[str] = []
    model = ngram.train([str(text)], Recipe(order=2), said.append)
    assert "13 tokens, the ends of 4 lines" in said[1]
    assert model.codec.pieces[:2] == ["<unk>", "the"]
    with pytest.raises(UsageFailure, match="read twice"):
        ngram.train(["-"], Recipe(), print)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"order": 0}, "order=0"),
        ({"smoothing": "knesser-ney"}, "did you mean 'kneser-ney'"),
        ({"alpha": 0.0}, "alpha=0"),
        ({"k": float("inf")}, "k=inf"),
        ({"cache": 9, "cache_share": 1.0}, "cache_share=1.0"),
        ({"min_ngram_counts": ("1", "2", "1")}, "must not fall"),
        ({"min_ngram_counts": ("2",)}, "begin with 1"),
        ({"min_ngram_counts": ("x",)}, "expected numbers"),
        ({"record": "lines"}, "did you mean 'line'"),
    ],
)
def test_settings_that_cannot_be(wrong, said, tmp_path):
    (tmp_path / "text").write_text("a\n")
    with pytest.raises(UsageFailure, match=said):
        ngram.train([str(tmp_path / "text")], Recipe(**wrong), print)


def test_settings_from_the_command_line():
    assert recipes.apply(Recipe(), {"min_ngram_counts": "1,1,2", "order": "3"}, "--set").least() == [1, 1, 2]


def cached(texts=(), length=3, **settings):
    return Cached(model_of(texts or rich(), order=3, **settings), length, 0.25)


def by_hand(model, text, before=()):
    """The cache's mixture token by token."""
    found, history = [], list(before)
    for token, own in zip([*text, END], np.exp(model.ngram.log_probs([text])[0]), strict=True):
        recent = history[-model.length :]
        found.append(math.log(0.75 * own + 0.25 * recent.count(token) / len(recent) if recent else own))
        history.append(token)
    return found, history


@given(texts_of, st.integers(1, 6))
def test_a_cache(texts, length):
    model = cached(length=length)
    for found, text in zip(model.log_probs(texts), texts, strict=True):
        np.testing.assert_allclose(found, by_hand(model, text)[0], rtol=1e-6)
    first, state = model.follow(texts[:2])
    rest, _ = model.follow(texts[2:], state)
    history: list[int] = []
    for found, text in zip([*first, *rest], texts, strict=True):
        wanted, history = by_hand(model, text, history)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@given(texts_of, st.integers(1, 6))
def test_a_cache_step_by_step(texts, length):
    model = cached(length=length)
    last, state = model.start(texts)
    log_probs, state = model.step(last, state)
    np.testing.assert_allclose(log_probs.exp().sum(1).numpy(), 1, atol=1e-6)
    np.testing.assert_allclose(log_probs[:, END].numpy(), [row[-1] for row in model.log_probs(texts)], rtol=1e-5, atol=1e-6)
    log_probs, state = model.step(torch.full((len(texts),), 2), state)
    wanted = [row[-1] for row in model.log_probs([[*text, 2] for text in texts])]
    np.testing.assert_allclose(log_probs[:, END].numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_a_cache_in_a_folder(tmp_path):
    model = cached()
    folder.write(tmp_path / "m", {"model": "ngram", "task": "language", "parameters": model.config()}, model.tensors(), model.files())
    again = ngram.load(folder.read(tmp_path / "m"))
    assert again.log_probs([[1, 1, 1]])[0].tolist() == model.log_probs([[1, 1, 1]])[0].tolist()
    assert model.log_probs([]) == model.follow([])[0] == []
    with pytest.raises(Failure, match="an ARPA file holds n-grams alone"):
        next(write_arpa(model))


CORPUS = Path(os.environ.get("SEQ_DATA", Path(__file__).parents[3] / "shared" / "data")) / "wikitext2"


@pytest.mark.corpus
@pytest.mark.slow
def test_wikitext():
    if not CORPUS.is_dir():
        pytest.skip(f"no {CORPUS}: set SEQ_DATA to the folder of data sets")
    model = ngram.train([str(CORPUS / "train.txt.gz")], Recipe(order=5), print)
    assert isinstance(model, Ngram)
    stream = model.codec.stream([str(CORPUS / "test.txt.gz")])
    assert len(stream) == 245_569
    perplexity = math.exp(-model.score(np.append(model.end, stream)).mean())
    assert perplexity < 220.2
    assert measure(Cached(model, 500, 0.1), [str(CORPUS / "test.txt.gz")]).perplexity < 174
    places = np.random.default_rng(0).integers(0, len(stream) - 4, 40)
    histories = np.array([stream[place : place + 4] for place in places])
    histories = histories[~(histories == model.end).any(axis=1)]
    np.testing.assert_allclose(np.exp(model.distributions(histories).astype(float)).sum(axis=1), 1, atol=1e-5)
