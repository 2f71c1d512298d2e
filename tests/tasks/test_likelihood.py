"""`seq score -m`: a model's probability of a text, line by line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from seqcli.cli import run
from seqcli.models.registry import open_tagger

SAMPLE = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def hmm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "hmm"
    assert run(["train", "hmm", "--train", str(SAMPLE / "tags.train.conllu"), "-o", str(folder), "-q"]) == 0
    return folder


def test_a_line_in_is_a_row_out_and_the_rows_add_up(hmm, tmp_path, capfd):
    text = tmp_path / "text.txt"
    text.write_text("The dog sleeps. It is cold.\n\nShe never reads\n")
    assert run(["score", "-m", str(hmm), str(text)]) == 0
    out, err = capfd.readouterr()
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    assert [row[1:2] for row in rows] == [["8"], [], ["3"]]
    total = sum(float(row[0]) for row in rows if len(row) == 3)
    assert f"11 words, log-likelihood {total:.4f}" in err
    tagger = open_tagger(str(hmm))[1]
    words = ["The", "dog", "sleeps", ".", "It", "is", "cold", ".", "She", "never", "reads"]
    np.testing.assert_allclose(tagger.log_likelihood(words, np.array([4, 4, 3])).sum(), total, atol=1e-5)
    assert run(["score", "-m", str(hmm), str(text), "-b"]) == 0
    assert float(capfd.readouterr().out) == pytest.approx(math.exp(-total / 11), rel=1e-4)


def test_json_has_the_line_and_a_treebank_its_own_words(hmm, capfd):
    assert run(["score", "-m", str(hmm), str(SAMPLE / "tags.dev.conllu"), "--json"]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.split("\n")[:-1]]
    assert [row["line"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["log_likelihood"] < 0 and row["perplexity"] > 1 for row in rows)


def test_a_sentence_of_100_000_words_has_twice_the_log_likelihood_of_its_half(hmm):
    tagger = open_tagger(str(hmm))[1]
    words = ["The", "dog", "sleeps", "."] * 25_000
    whole = tagger.log_likelihood(words, np.array([100_000]))[0]
    half = tagger.log_likelihood(words[:50_000], np.array([50_000]))[0]
    assert whole == pytest.approx(2 * half, rel=1e-4)  # a period of four words, but for the two ends


def test_a_model_without_likelihood_says_so(capfd):
    assert run(["score", "-m", "en-pos", str(SAMPLE / "notes.txt")]) == 1
    assert capfd.readouterr().err == "seq: this model gives no probability to a text (an hmm does: seq train hmm)\n"
