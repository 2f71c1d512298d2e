"""chrF is sacreBLEU's: statistics, scores in both precisions, signature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from seqcli.metrics.text.chrf import Chrf
from tests.metrics.text.corpora import Corpus, corpora

options = st.fixed_dictionaries(
    {
        "char_order": st.sampled_from([6, 6, 1, 3]),
        "word_order": st.sampled_from([0, 2, 1]),
        "beta": st.sampled_from([2, 1, 3]),
        "lowercase": st.booleans(),
        "whitespace": st.booleans(),
        "eps_smoothing": st.booleans(),
    }
)


@given(corpora(), options)
def test_everything_is_sacrebleus(corpus: Corpus, chosen):
    ours, peer = Chrf(**chosen), CHRF(**chosen)
    wanted = peer._extract_corpus_statistics(corpus.hypotheses, corpus.references)
    statistics = ours.statistics(*corpus.sides)
    assert statistics.tolist() == wanted
    assert statistics.shape[1] == len(ours.fields)
    for kind in (np.int64, np.float32):
        sums = statistics.astype(kind).sum(axis=0)
        score = ours.score(sums)
        assert float(score) == pytest.approx(float(peer._compute_score_from_stats(list(sums)).score), rel=1e-12, abs=1e-14)
    assert peer._compute_score_from_stats(wanted[0]).name == ours.name
    alone = [peer.sentence_score(text, corpus.present(i)).score for i, text in enumerate(corpus.hypotheses)]
    assert ours.segment_score(statistics).tolist() == pytest.approx(alone, rel=1e-12, abs=1e-14)


@given(options)
def test_the_signature_is_theirs(chosen):
    peer = CHRF(**chosen)
    peer.corpus_score(["a"], [["a"]])
    wanted = dict(part.split(":") for part in peer.get_signature().format().split("|"))
    assert Chrf(**chosen).signature() == {key: value for key, value in wanted.items() if key not in ("nrefs", "version")}
