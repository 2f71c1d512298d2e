"""`seq score -m LM`: lines in, rows out."""

import json
import math
import sys

import pytest

from seqcli.data import folder
from seqcli.models import ngram, registry
from tests.conftest import SAMPLES

TEXT = b"the cat sat\n\nthe dog ran\n"


@pytest.fixture
def lm(tmp_path):
    text = tmp_path / "text"
    text.write_text("the cat sat\nthe dog ran\n\nthe dog sat\n" * 3)
    model = ngram.train([str(text)], ngram.Recipe(order=3), lambda _: None)
    config = {"model": "ngram", "task": registry.LANGUAGE, "parameters": model.config()}
    folder.write(tmp_path / "lm", config, model.tensors(), model.files())
    return tmp_path / "lm"


def test_rows(invoke, lm, tmp_path):
    text = tmp_path / "in"
    text.write_bytes(TEXT)
    done = invoke("score", "-m", lm, text)
    assert done.code == 0, done.err
    first, blank, last = done.lines
    assert blank == ""
    assert [row.split("\t")[1] for row in (first, last)] == ["4", "4"]
    total = sum(float(row.split("\t")[0]) for row in (first, last))
    assert done.err == (
        f"8 tokens, log-likelihood {total:.4f}, perplexity of a token {math.exp(-total / 8):.4f}, "
        f"of a word {math.exp(-total / 8):.4f}, {-total / math.log(2) / 24:.4f} bits a byte\n"
    )
    assert invoke("score", "-m", lm, stdin=TEXT).out == done.out
    assert invoke("score", "-m", lm, text, "-q").err == ""
    assert invoke("score", "-m", lm, text, "-b").text == f"{math.exp(-total / 8):.4f}\n"


def test_objects(invoke, lm):
    rows = [json.loads(line) for line in invoke("score", "-m", lm, "--json", stdin=TEXT).lines]
    assert [len(row["tokens"]) for row in rows] == [4, 0, 4]
    assert rows[0]["tokens"][1]["piece"] == "cat"
    total = json.loads(invoke("score", "-m", lm, "--json", "-b", stdin=TEXT).text)
    assert total["log_likelihood"] == pytest.approx(sum(row["log_likelihood"] for row in rows))
    assert (total["tokens"], total["words"], total["texts"], total["bytes"]) == (8, 6, 2, 24)


def test_a_stream(invoke, lm):
    done = invoke("score", "-m", lm, "--stream", stdin=TEXT)
    assert [row.split("\t")[1] for row in done.lines] == ["4", "1", "4"]


def test_no_text(invoke, lm):
    done = invoke("score", "-m", lm, "-b", "--json")
    assert (done.code, json.loads(done.text)["perplexity"]) == (0, None)
    assert invoke("score", "-m", lm, "-b").text == "nan\n"


def test_what_cannot_be(invoke, lm, small, tmp_path):
    invoke("score", "-m", lm, tmp_path / "none").fails(1, "no such file")
    invoke("score", "-m", lm, stdin=b"\xff\n").fails(1, "<stdin>, line 1, byte 1: not valid UTF-8")
    assert invoke("score", "-m", lm, "--errors", "replace", stdin=b"\xff\n").code == 0
    invoke("score", "-m", small, "--stream", stdin=TEXT).fails(2, "--stream is for language models")
    (lm / "tokenizer.json").unlink()
    invoke("score", "-m", lm, stdin=TEXT).fails(1, "cannot read tokenizer.json")


def test_needs_no_torch(lm):
    import subprocess

    program = (
        "import sys; from pathlib import Path; from seqcli.data import folder; from seqcli.models import ngram\n"
        f"model = ngram.load(folder.read(Path({str(lm)!r})))\n"
        "assert len(model.log_probs(model.codec.encode(['the cat']))[0]) == 3\n"
        "assert not {'torch', 'tokenizers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_sum_of_a_tagger_that_gives_words_a_probability(invoke, tmp_path):
    assert invoke("train", "hmm", "--train", SAMPLES / "tags.train.conllu", "-o", tmp_path / "hmm", "-q").code == 0
    rows = [json.loads(line) for line in invoke("score", "-m", tmp_path / "hmm", "--json", stdin=TEXT).lines]
    total = json.loads(invoke("score", "-m", tmp_path / "hmm", "--json", "-b", stdin=TEXT).text)
    assert total["words"] == sum(row["words"] for row in rows) == 6
    assert total["log_likelihood"] == pytest.approx(sum(row["log_likelihood"] for row in rows))
    assert invoke("score", "-m", tmp_path / "hmm", "-b", stdin=TEXT).text == f"{total['perplexity']:.4f}\n"
