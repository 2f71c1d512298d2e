"""Minimum Bayes risk: all pairs at once score as pair by pair, and as other libraries."""

import importlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.decode.mbr import Pairs, expected
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.registry import make

WORDS = ["the", "cat", "sat", "sat,", "on", "a", "mat", "Mat.", "straße", "我们", "12.5", "-", "e\u0301"]
METRICS = {"bleu": "bleu", "chrf": "chrf", "chrf++": "chrf++", "rouge": "rouge-l", "rouge-1": "rouge-1", "rouge-2": "rouge-2"}
lines = st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), min_size=1, max_size=6)


def noisy(count, seed, length=25):
    """Texts that differ in a few words, as samples do."""
    rng = random.Random(seed)
    base = [rng.choice(WORDS) for _ in range(length)]
    texts = []
    for _ in range(count):
        words = list(base)
        for _ in range(4):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        del words[rng.randrange(len(words))]
        texts.append(" ".join(words))
    return texts


@given(lines, lines, st.sampled_from(sorted(METRICS)))
def test_all_at_once_is_pair_by_pair(candidates, references, utility):
    (metric,) = make([METRICS[utility]], {})
    pairs = [(a, b) for a in candidates for b in references]
    statistics = metric.statistics(Lines([a for a, _ in pairs]), [Lines([b for _, b in pairs])])
    wanted = metric.segment_score(statistics).reshape(len(candidates), len(references))
    H, T = len(candidates), len(candidates) + len(references)
    found = Pairs(Lines([*candidates, *references]), np.arange(H), np.arange(H, T)).utilities(utility)
    assert found == pytest.approx(wanted, abs=1e-9)
    assert expected(candidates, references, utility) == pytest.approx(wanted.mean(axis=1), abs=1e-9)


@pytest.mark.parametrize("utility", ["bleu", "chrf"])
def test_utilities_are_sacrebleus(utility):
    import sacrebleu

    texts = noisy(8, 1)
    score = sacrebleu.sentence_bleu if utility == "bleu" else sacrebleu.sentence_chrf
    wanted = [[score(a, [b]).score for b in texts] for a in texts]
    assert Pairs(Lines(texts), np.arange(8), np.arange(8)).utilities(utility) == pytest.approx(np.array(wanted), abs=1e-9)


@pytest.mark.parametrize("utility", ["bleu", "chrf"])
def test_the_choice_is_mbrs(utility):
    decoders = pytest.importorskip("mbrs.decoders", reason="mbrs is not installed", exc_type=ImportError)
    metrics = importlib.import_module("mbrs.metrics")
    kind = metrics.MetricBLEU if utility == "bleu" else metrics.MetricChrF
    metric = kind(kind.Config(num_workers=1))
    for seed in range(5):
        texts = noisy(16, seed)
        theirs = decoders.DecoderMBR(decoders.DecoderMBR.Config(), metric).decode(texts, texts)
        ours = expected(texts, texts, utility)
        assert int(ours.argmax()) == theirs.idx[0]
        assert float(ours.max()) == pytest.approx(theirs.score[0], abs=1e-3)


def test_wide_tables_are_counted_in_parts(monkeypatch):
    texts = noisy(12, 3)
    whole = {utility: expected(texts, texts, utility) for utility in ("bleu", "chrf")}
    monkeypatch.setattr("seqcli.decode.mbr.CELLS", 100)
    for utility, wanted in whole.items():
        assert expected(texts, texts, utility) == pytest.approx(wanted)
