"""What the trainer is given of pairs: each token of the targets once, with its source and what stands before it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqcli.data.pairs import Pairs
from seqcli.models import seq2seq, transformer
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.translation import Translator
from seqcli.tasks.learning.translation import Corpus, Translation
from seqcli.text.codec import Codec

CODEC = Codec.of_pieces(["<unk>", *"abcdef"], "char")
SOURCES = ["abc", "a", "ffff", "de", "bad", "cafe", "e"] * 3
TARGETS = ["cba", "bb", "f", "edededed", "dab", "face", "a"] * 3


def task(kind="transformer", **settings):
    small = {"tokens": 24, "dropout": 0.0, "size": 8}
    recipe = (
        transformer.Recipe(**{**small, "heads": 2, "layers": 1, **settings})
        if kind == "transformer"
        else seq2seq.Recipe(**{**small, "embedding": 6, **settings})
    )
    torch.manual_seed(1)
    translator = Translator(Codecs(CODEC, CODEC), recipe)
    corpus = Corpus(translator, Pairs(SOURCES, TARGETS))
    return Translation(translator, corpus, corpus)


def pairs_in(batches):
    found = []
    for batch in batches:
        assert batch.size == int((batch.after >= 0).sum())
        for source, length, before, after in zip(batch.source, batch.lengths, batch.before, batch.after, strict=True):
            there = after >= 0
            assert before[0] == CODEC.end
            assert before[1:][there[1:]].tolist() == after[:-1][there[1:]].tolist()
            assert source[length - 1] == after[there][-1] == CODEC.end
            found.append((CODEC.decode(source[:length]), CODEC.decode(after[there])))
    return sorted(found)


def test_pairs_are_all_there():
    made = task()
    for epoch in (0, 1):
        assert pairs_in(made.batches(epoch)) == sorted(zip(SOURCES, TARGETS, strict=True))
    first, second = ([batch.source.tolist() for batch in made.batches(epoch)] for epoch in (0, 1))
    assert first != second
    assert first == [batch.source.tolist() for batch in task().batches(0)]
    assert all(max(batch.source.size, batch.after.size) <= 24 for batch in made.batches(0))


def test_long_pairs_are_left_out():
    made = task()
    corpus = Corpus(made.translator, Pairs(["ab", "abcd", "a"], ["a", "b", "abcde"]), 3)
    assert (len(corpus), corpus.left_out, corpus.references) == (1, 2, ["a"])


@pytest.mark.parametrize("kind", ["transformer", "seq2seq"])
def test_the_loss_is_that_of_the_model(kind):
    made = task(kind, smoothing=0.3)
    made.model.eval()  # labels are smoothed in training only
    logs = made.translator.log_probs(made.translator.prepare(SOURCES), made.translator.targets(TARGETS))
    total = -sum(float(each.sum()) for each in logs)
    with torch.no_grad():
        losses = [made.loss(batch, None) for batch in made.batches(0)]
    assert sum(float(loss.total) for loss in losses) == pytest.approx(total, rel=1e-5)
    units = sum(loss.units for loss in losses)
    assert units == sum(map(len, logs))
    found = made.evaluate()
    assert found == {"loss": pytest.approx(total / units, rel=1e-5), "perplexity": pytest.approx(math.exp(total / units), rel=1e-4)}
    made.model.train()
    smoothed = made.loss(next(iter(made.batches(0))), None).total.item()
    assert smoothed != pytest.approx(float(losses[0].total), rel=1e-3)


@pytest.mark.parametrize("kind", ["transformer", "seq2seq"])
def test_parts_add_up(kind):
    """The gradient of a batch is the sum of those of its parts, whatever their padding."""
    made = task(kind)
    batch = next(iter(made.batches(0)))

    def gradient(parts):
        made.model.zero_grad()
        for part in parts:
            made.loss(part, None).total.backward()
        return [weight.grad.clone() for weight in made.model.parameters() if weight.grad is not None]

    parts = made.split(batch, 3)
    assert len(parts) == min(3, len(batch.lengths))
    assert sum(part.size for part in parts) == batch.size
    for whole, summed in zip(gradient([batch]), gradient(parts), strict=True):
        assert torch.allclose(whole, summed, atol=1e-4)


def test_sampling_grows():
    made = task("seq2seq", scheduled_sampling=0.5, sampling_epochs=2)
    assert [next(iter(made.batches(epoch))).sampled for epoch in range(4)] == [0.0, 0.25, 0.5, 0.5]
    assert made.split(next(iter(made.batches(1))), 2)[1].sampled == 0.25


def test_bleu_of_greedy_search(monkeypatch):
    made = task(bleu=True)
    assert (made.criterion, made.higher_is_better) == ("BLEU", True)
    assert set(made.evaluate()) == {"loss", "perplexity", "BLEU"}
    answers = dict(zip(SOURCES, TARGETS, strict=True))

    def knowing(translator, sources, settings, limits):
        from seqcli.decode.settings import Hypothesis

        return [[Hypothesis(translator.targets([answers[CODEC.decode(source)]])[0], 0.0, 0.0)] for source in sources]

    long = [answer * 4 for answer in TARGETS]
    monkeypatch.setattr("seqcli.decode.sampling.greedy", knowing)
    answers = {source: " ".join(answer) for source, answer in zip(SOURCES, long, strict=True)}
    codec = Codec.of_pieces(["<unk>", " ", *"abcdef"], "char")
    recipe = transformer.Recipe(size=8, heads=2, layers=1, bleu=True)
    translator = Translator(Codecs(codec, codec), recipe)
    corpus = Corpus(translator, Pairs(SOURCES, [answers[source] for source in SOURCES]))
    monkeypatch.setattr(f"{__name__}.CODEC", codec)
    assert Translation(translator, corpus, corpus).bleu() == pytest.approx(100.0)


def test_nothing_to_measure():
    made = task()
    made.dev = None
    assert made.evaluate() == {}
    assert np.array_equal(made.train.lengths, np.maximum(made.train.source.lengths, made.train.target.lengths))
