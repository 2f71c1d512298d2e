"""Intervals and p-values are sacreBLEU's at the same seed, and do not depend on how many draws are held at once."""

import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from seqcli.metrics import significance
from seqcli.metrics.significance import confidence, exchanged, paired_bootstrap, paired_randomization, resampled
from seqcli.metrics.text.bleu import Bleu
from seqcli.metrics.text.chrf import Chrf
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.ter import Ter

METRICS = {"BLEU": (BLEU, Bleu), "chrF2": (CHRF, Chrf), "TER": (TER, Ter)}
N = 200


@pytest.fixture(scope="module")
def corpus():
    rng = random.Random(7)
    vocabulary = ["the", "a", "cat", "dog", "sat", "stood", "on", "under", "mat", "tree", "and", "then", "it", "ran", "away", "home"]
    references = [[" ".join(rng.choices(vocabulary, k=rng.randint(3, 15))) for _ in range(45)] for _ in range(2)]

    def noisy(share):
        return [" ".join(w if rng.random() > share else rng.choice(vocabulary) for w in line.split()) for line in references[0]]

    return references, [noisy(0.4), noisy(0.45), noisy(0.4)]


@pytest.mark.parametrize("cells", [1, 200, 1 << 22])
@pytest.mark.parametrize("references", [1, 2])
def test_tests_are_sacrebleus(corpus, references, cells, monkeypatch):
    monkeypatch.setattr(significance, "CELLS", cells)
    texts, systems = corpus[0][:references], corpus[1]
    peers = {name: peer(references=texts) for name, (peer, _) in METRICS.items()}
    named = [(str(i), system) for i, system in enumerate(systems)]
    for kind in ("bs", "ar"):
        _, wanted = PairedTest(named, peers, None, test_type=kind, n_samples=N)()
        for name, (_, ours) in METRICS.items():
            metric = ours()
            statistics = [metric.statistics(Lines(system), [Lines(text) for text in texts]) for system in systems]
            points = [float(metric.score(each.sum(axis=0))) for each in statistics]
            assert points == pytest.approx([result.score for result in wanted[name]], rel=1e-12)
            if kind == "bs":
                scores = [metric.score(sums) for sums in resampled(statistics, N, 12345)]
                for found, result in zip(map(confidence, scores), wanted[name], strict=True):
                    assert (found.mean, found.margin) == pytest.approx((result.mean, result.ci), rel=1e-6)
                p_values = [
                    paired_bootstrap(scores[0], each, point - points[0]) for each, point in zip(scores[1:], points[1:], strict=True)
                ]
            else:
                mixtures = exchanged([(statistics[0], each) for each in statistics[1:]], N, 12345)
                p_values = [
                    paired_randomization(metric.score(one), metric.score(other), point - points[0])
                    for (one, other), point in zip(mixtures, points[1:], strict=True)
                ]
            assert p_values == [result.p_value for result in wanted[name][1:]]


def test_sums_of_mixtures_are_those_of_the_systems():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 9, (2, 50, 3))
    [(first, second)] = exchanged([(one, other)], 40, 1)
    assert (first + second == one.sum(axis=0) + other.sum(axis=0)).all()
    assert len(np.unique(first[:, 0])) > 5


def test_draws_of_one_segment_are_that_segment():
    assert resampled([np.array([[3, 4]])], 5, 0)[0].tolist() == [[3, 4]] * 5
