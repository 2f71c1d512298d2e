"""`seq score -m TRANSLATOR`: log P(target | source), a row a pair."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest
import torch

from seqcli.data import folder
from seqcli.models import seq2seq, transformer
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.settings import EncoderDecoder, RecurrentTranslation
from seqcli.models.neural.translation import Translator
from seqcli.text.codec import Codec

SMALL: dict[str, Any] = {"size": 16, "heads": 2, "layers": 1, "longest": 12}
RECIPES: dict[str, EncoderDecoder | RecurrentTranslation] = {
    "transformer": transformer.Recipe(**SMALL),
    "learned": transformer.Recipe(**SMALL, positions="learned"),
    "seq2seq": seq2seq.Recipe(attention="bahdanau", embedding=8, size=8, longest=12),
}
SOURCES, TARGETS = "abc\n\nfed\na\n\n", "cba\n\ndef\n\nbb\n"


def written(path, name):
    """A folder with random weights."""
    torch.manual_seed(5)
    codec = Codec.of_pieces(["<unk>", *"abcdef"], "char")
    model = Translator(Codecs(codec, codec), RECIPES[name])
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3)
    kind = "seq2seq" if name == "seq2seq" else "transformer"
    config = {"model": kind, "task": "translation", "recipe": asdict(RECIPES[name]), "parameters": model.config()}
    folder.write(path, config, model.tensors(), {folder.CARD: "", **model.files()})
    return model, path


@pytest.fixture(params=RECIPES)
def any_model(request, tmp_path):
    return written(tmp_path / "m", request.param)


@pytest.fixture
def model(tmp_path):
    return written(tmp_path / "m", "transformer")


@pytest.fixture
def files(tmp_path):
    source, target = tmp_path / "text.src", tmp_path / "text.tgt"
    source.write_text(SOURCES)
    target.write_text(TARGETS)
    return source, target


def test_rows(any_model, files, invoke):
    translator, path = any_model
    source, target = files
    done = invoke("score", "-m", path, "--src", source, target)
    assert done.code == 0, done.err
    logs = translator.log_probs(translator.prepare(["abc", "fed"]), translator.targets(["cba", "def"]))
    totals = [float(each.sum()) for each in logs]
    first, second = (f"{total:.6f}\t4\t{math.exp(-total / 4):.4f}" for total in totals)
    assert [row.split("\t")[1:] for row in done.lines if row] == [row.split("\t")[1:] for row in (first, second)]
    assert [float(row.split("\t")[0]) for row in done.lines if row] == pytest.approx(totals, abs=1e-5)
    assert [bool(row) for row in done.lines] == [True, False, True, False, False]
    summed, blank = done.err.splitlines()
    assert summed.startswith(f"8 tokens, log-likelihood {sum(totals):.4f}, perplexity of a token {math.exp(-sum(totals) / 8):.4f}")
    assert blank == "seq score: not scored, one side is blank: line 4, line 5"
    assert invoke("score", "-m", path, "--src", source, stdin=TARGETS.encode()).out == done.out
    assert invoke("score", "-m", path, "--src", "-", target, "-q", stdin=SOURCES.encode()).out == done.out
    assert invoke("score", "-m", path, "--src", source, target, "-b").lines == [f"{math.exp(-sum(totals) / 8):.4f}"]
    objects = [json.loads(row) for row in invoke("score", "-m", path, "--src", source, target, "--json").lines]
    assert [row["line"] for row in objects] == [1, 2, 3, 4, 5]
    assert [[token["piece"] for token in row["tokens"]] for row in objects[:2]] == [["c", "b", "a", "</s>"], []]
    assert objects[0]["log_likelihood"] == pytest.approx(sum(token["log_prob"] for token in objects[0]["tokens"]))
    total = json.loads(invoke("score", "-m", path, "--src", source, target, "--json", "-b").text)
    assert (total["tokens"], total["words"], total["texts"], total["bytes"]) == (8, 2, 2, 8)


SEARCHES = ["--greedy", "--beam 3 --nbest 2", "--sample --samples 2", "--beam 4 --no-repeat 1", "--beam 3 --engine torch"]


@pytest.mark.parametrize("search", SEARCHES)
def test_what_it_wrote_has_the_score_that_it_said(any_model, invoke, search):
    """To the fourth digit, by way of the records; whether it ended, or was cut."""
    _, path = any_model
    options = search.split()
    done = invoke("translate", "-m", path, "--json", "--max-length", 6, *options, stdin=b"abc\n\nfed\nabcdef\na\n")
    assert done.code == 0, done.err
    scored = invoke("score", "-m", path, "--json", stdin=done.out)
    assert scored.code == 0, scored.err
    rows = [json.loads(row) for row in scored.lines]
    assert len(rows) == len(done.lines)
    for row, record in zip(rows, map(json.loads, done.lines), strict=True):
        assert row.items() >= {(name, value) for name, value in record.items() if name != "tokens"}
        if record["source"]:
            assert row["log_likelihood"] == pytest.approx(record["log_prob"], abs=1e-4)
            assert [token["piece"] for token in row["tokens"]] == record["tokens"] + ["</s>"] * record["ended"]
        else:
            assert (row["log_likelihood"], row["perplexity"], row["tokens"]) == (0, None, [])
    plain = invoke("score", "-m", path, stdin=done.out)
    assert [bool(row) for row in plain.lines] == [bool(row["source"]) for row in rows]


def test_by_the_engine_that_wrote_it(model, invoke):
    """Rounded to 8 bits, it finds its own translations as probable as it said, and others than torch does."""
    _, path = model
    done = invoke("translate", "-m", path, "--json", "--int8", stdin=b"abc\nfed\nabcdef\na\n")
    assert done.code == 0, done.err
    said = [json.loads(row)["log_prob"] for row in done.lines]
    found = {
        options: [json.loads(row)["log_likelihood"] for row in invoke("score", "-m", path, "--json", *options, stdin=done.out).lines]
        for options in (("--int8",), ("--engine", "torch"))
    }
    assert found["--int8",] == pytest.approx(said, abs=1e-4)
    assert found["--engine", "torch"] == pytest.approx(said, abs=0.5)
    assert found["--engine", "torch"] != pytest.approx(said, abs=1e-4)


def test_tokens_as_they_were_written(model, invoke):
    """What the vocabulary has not is one token to it, whatever was written; a text alone is cut anew."""
    _, path = model
    records = [
        {"source": "abc", "text": "x", "tokens": ["<unk>"]},
        {"source": "abc", "text": "x"},
        {"source": "abc", "text": "x", "tokens": ["a"]},
    ]
    done = invoke("score", "-m", path, stdin="".join(json.dumps(row) + "\n" for row in records).encode())
    assert done.lines[0] == done.lines[1] != done.lines[2]
    assert "6 tokens (2 unknown)" in done.err


def test_long_pairs(tmp_path, invoke):
    source = tmp_path / "src"
    source.write_text("a\n" + "abc" * 5 + "\n")
    done = invoke("score", "-m", written(tmp_path / "waves", "transformer")[1], "--src", source, source)
    assert (done.code, len(done.lines)) == (0, 2)
    assert "seq score: longer than what the model has learned: line 2\n" in done.err
    learned = written(tmp_path / "places", "learned")[1]
    invoke("score", "-m", learned, "--src", source, source).fails(1, "line 2 has 15 tokens, the model has places for 12")


def test_what_cannot_be(model, files, invoke, small, tmp_path):
    _, path = model
    source, target = files
    target.write_text("a\nb\n")
    invoke("score", "-m", path, "--src", source, target).fails(1, f"{source} has 5 lines, {target} 2")
    invoke("score", "-m", path, "--src", source, tmp_path / "none").fails(1, "no such file")
    invoke("score", "-m", path, "--src", tmp_path / "none", target).fails(1, "no such file")
    invoke("score", "-m", path, "--src", "-", stdin=b"a\n").fails(2, "standard input can be read only once")
    invoke("score", "-m", path, "--src", source, target, target).fails(2, "the sources of one file, not of 2")
    invoke("score", "-m", path, "--stream", stdin=b"a\n").fails(2, "--stream is for language models")
    invoke("score", "-m", small, "--src", source, target).fails(2, "--src is for translators", "'crf'")
    invoke("score", "-m", path, "--engine", "tourch", stdin=b"a\n").fails(2, "--engine tourch", "did you mean 'torch'")
    invoke("score", "--src", source, source, target).fails(2, "--src is for a model")
    invoke("score", "-m", path, target).fails(1, f"{target}, line 1: not a record of seq translate --json", "--src FILE")
    invoke("score", "-m", path, stdin=b'{"source": "a"}\n').fails(1, "<stdin>, line 1: not a record")
    invoke("score", "-m", path, stdin=b'\n{"source": "a", "text": "b", "tokens": [1]}\n').fails(
        1, "line 2: tokens must be a list of strings"
    )
    unknown = b'{"source": "a", "text": "b", "tokens": ["zz"]}\n'
    invoke("score", "-m", path, stdin=unknown).fails(1, "<stdin>, line 1: the model does not write the token 'zz'")
    source.write_bytes(b"\xff\n")
    target.write_text("a\n")
    invoke("score", "-m", path, "--src", source, target).fails(1, f"{source}, line 1, byte 1: not valid UTF-8")
    assert invoke("score", "-m", path, "--src", source, target, "--errors", "replace").code == 0
