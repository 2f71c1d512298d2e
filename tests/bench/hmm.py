"""HMM against hmmlearn: 50 states, 10,000 symbols, 2,000 sequences of 100, results equal."""

from __future__ import annotations

import numpy as np
from hmmlearn.hmm import CategoricalHMM

from seqcli.models.hmm.baum_welch import HMM, Categorical
from tests.bench.harness import functions, table

STATES, SYMBOLS, SEQUENCES, LENGTH = 50, 10_000, 2_000, 100


def main() -> None:
    """Log-likelihood, posteriors, one EM step, Viterbi."""
    rng = np.random.default_rng(0)
    start = rng.dirichlet(np.ones(STATES))
    transition = rng.dirichlet(np.ones(STATES), STATES)
    emission = rng.dirichlet(np.full(SYMBOLS, 0.1), STATES) + 1e-9
    emission /= emission.sum(axis=1, keepdims=True)
    symbols = rng.integers(SYMBOLS, size=SEQUENCES * LENGTH)
    lengths = np.full(SEQUENCES, LENGTH)
    ours = HMM(start, transition, Categorical(emission))

    def theirs() -> CategoricalHMM:
        model = CategoricalHMM(STATES, n_features=SYMBOLS, n_iter=1, tol=0, init_params="", params="ste", implementation="scaling")
        model.startprob_, model.transmat_, model.emissionprob_ = start, transition, emission
        return model

    column, peer = symbols[:, None], theirs()
    jobs = {
        "log-likelihood": (lambda: ours.log_likelihood(symbols, lengths), lambda: peer.score(column, lengths)),
        "posteriors": (lambda: ours.posteriors(symbols, lengths), lambda: peer.predict_proba(column, lengths)),
        "one EM step": (lambda: ours.em_step(symbols, lengths), lambda: theirs().fit(column, lengths)),
        "Viterbi": (lambda: ours.viterbi(symbols, lengths), lambda: peer.predict(column, lengths)),
    }
    np.testing.assert_allclose(ours.log_likelihood(symbols, lengths).sum(), peer.score(column, lengths), rtol=1e-10)
    np.testing.assert_allclose(ours.posteriors(symbols, lengths), peer.predict_proba(column, lengths), atol=1e-9)
    rows = []
    for name, (mine, other) in jobs.items():
        cost = functions(5, {"seq": mine, "peer": other})
        seq, hmmlearn = cost["seq"].seconds, cost["peer"].seconds
        rows.append([name, f"{seq:.2f} s", f"{hmmlearn:.2f} s", f"{seq / hmmlearn:.2f} ×"])
    table(f"HMM, {STATES} states, {SYMBOLS:,} symbols, {SEQUENCES:,} × {LENGTH}", ["", "seq", "hmmlearn", "ratio"], rows)
