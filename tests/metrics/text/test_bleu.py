"""BLEU is sacreBLEU's: statistics, scores in both precisions, signature and what is said beside the score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from seqcli.metrics.text.bleu import Bleu
from tests.metrics.text.corpora import Corpus, corpora

options = st.fixed_dictionaries(
    {
        "lowercase": st.booleans(),
        "effective_order": st.booleans(),
        "smooth": st.sampled_from(["exp", "floor", "add-k", "none"]),
        "max_order": st.sampled_from([4, 4, 1, 2, 6]),
        "tokenize": st.sampled_from(["13a", "none", "char", "intl", "zh"]),
    }
)


def theirs(chosen):
    renamed = {"smooth": "smooth_method", "max_order": "max_ngram_order"}
    return BLEU(**{renamed.get(key, key): value for key, value in chosen.items()})


@given(corpora(), options, st.sampled_from([None, 0.5]))
def test_everything_is_sacrebleus(corpus: Corpus, chosen, value):
    if value is not None and chosen["smooth"] in ("floor", "add-k"):
        chosen["smooth_value"] = value
    ours, peer = Bleu(**chosen), theirs(chosen)
    wanted = peer._extract_corpus_statistics(corpus.hypotheses, corpus.references)
    statistics = ours.statistics(*corpus.sides)
    assert statistics.tolist() == wanted
    assert statistics.shape[1] == len(ours.fields)
    whole = peer._aggregate_and_compute([list(row) for row in wanted])
    sums = statistics.sum(axis=0)
    assert float(ours.score(sums)) == pytest.approx(whole.score, rel=1e-12, abs=1e-300)
    assert ours.verbose(sums) == whole._verbose
    single = statistics.astype(np.float32)
    assert float(ours.score(single.sum(axis=0))) == pytest.approx(
        peer._compute_score_from_stats(np.array(wanted, dtype="float32").sum(0)).score, rel=1e-12, abs=1e-300
    )
    if ours.smooth != "add-k":  # sacreBLEU adds k to the counts that it later prints
        peer.effective_order = True
        alone = [peer.sentence_score(text, corpus.present(i)).score for i, text in enumerate(corpus.hypotheses)]
        assert ours.segment_score(statistics).tolist() == pytest.approx(alone, rel=1e-12, abs=1e-300)


@given(options)
def test_the_signature_is_theirs(chosen):
    peer = theirs(chosen)
    peer.corpus_score(["a"], [["a"]])
    wanted = dict(part.split(":") for part in peer.get_signature().format().split("|"))
    if chosen["max_order"] != 4:
        wanted["order"] = str(chosen["max_order"])  # theirs does not tell
    assert Bleu(**chosen).signature() == {key: value for key, value in wanted.items() if key not in ("nrefs", "version")}
