"""`seq beam` from end to end, with a model of a few words."""

import io
import json
import sys
import threading
from itertools import pairwise

import pytest
import torch

from seqcli import cli
from seqcli.data import folder
from seqcli.decode.stepper import Table
from seqcli.models import registry
from tests.decode.toys import Words
from tests.report.conftest import read

VOCABULARY = ["the", "a", "cat", "dog", "sat", "ran"]
NEXT = {  # after </s>, the, a, cat, dog, sat, ran
    0: [0.05, 0.5, 0.35, 0.04, 0.03, 0.02, 0.01],
    1: [0.01, 0.0, 0.0, 0.5, 0.45, 0.02, 0.02],
    2: [0.01, 0.0, 0.0, 0.9, 0.05, 0.02, 0.02],
    3: [0.1, 0.0, 0.0, 0.0, 0.0, 0.6, 0.3],
    4: [0.1, 0.0, 0.0, 0.0, 0.0, 0.3, 0.6],
    5: [0.9, 0.04, 0.02, 0.0, 0.0, 0.0, 0.04],
    6: [0.9, 0.04, 0.02, 0.0, 0.0, 0.04, 0.0],
}


@pytest.fixture
def model(monkeypatch):
    words = Words(Table(torch.tensor(list(NEXT.values()), dtype=torch.float64)), VOCABULARY, context=20)
    monkeypatch.setitem(cli.VERBS, "beam", "Write texts.")
    monkeypatch.setattr(folder, "find", lambda name: name)
    monkeypatch.setattr(folder, "read_config", lambda path: {"model": "toy", "task": "language modelling"})
    monkeypatch.setattr(folder, "read", lambda path: path)
    monkeypatch.setattr(registry, "load_generator", lambda found: words, raising=False)
    return words


@pytest.fixture
def beam(model, invoke):
    return lambda *arguments, stdin=b"\n": invoke("beam", "-m", "toy", *arguments, stdin=stdin)


def objects(result):
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.lines]


def test_a_line_in_a_line_out(beam):
    done = beam("--length-penalty", "0", stdin=b"\nthe dog\na\n\n")
    assert done.lines == ["a cat sat", "ran", "cat sat", "a cat sat"]  # greedy search would begin with `the`
    assert beam("--greedy").lines == ["the cat sat"]
    assert beam("--beam", "1").lines == ["the cat sat"]
    assert beam(stdin=b"").lines == []


def test_nbest(beam):
    done = beam("--nbest", "3", "--length-penalty", "0", stdin=b"the\n\n")
    rows = [line.split("\t") for line in done.lines]
    assert [row[0] for row in rows] == ["1", "2", "3"] * 2
    scores = [float(row[1]) for row in rows]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    assert {rows[0][2], rows[1][2]} == {"cat sat", "dog ran"}


def test_json(beam):
    found = objects(beam("--json", "--nbest", "2", "--max-length", "3", stdin=b"the\n\n"))
    assert [(row["line"], row["rank"]) for row in found] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert found[0]["prompt"] == "the"
    assert "prompt" not in found[2]
    for row in found:
        assert row["tokens"] == row["text"].split()
        assert row["score"] == pytest.approx(row["log_prob"] / (len(row["tokens"]) + row["ended"]))
        assert row["ended"] == (len(row["tokens"]) < 3)
    assert found[0]["log_prob"] == pytest.approx(float(torch.tensor(0.5 * 0.6 * 0.9).log()))


def test_samples(beam):
    one = beam("--sample", "--samples", "5", "--seed", "3", stdin=b"\nthe\n")
    assert len(one.lines) == 10
    assert one.lines == beam("--sample", "--samples", "5", "--seed", "3", stdin=b"\nthe\n").lines
    assert one.lines != beam("--sample", "--samples", "5", "--seed", "4", stdin=b"\nthe\n").lines
    assert one.lines[5:] == beam("--sample", "--samples", "5", "--seed", "3", stdin=b"the\nthe\n").lines[5:]
    certain = beam("--sample", "--top-k", "1", "--samples", "3")
    assert certain.lines == ["the cat sat"] * 3


def test_many_samples_are_drawn_in_parts(beam, model):
    many = beam("--sample", "--samples", "300", "--seed", "1")
    assert len(many.lines) == 300
    assert many.lines[:40] == beam("--sample", "--samples", "40", "--seed", "1").lines
    tiny = beam("--sample", "--samples", "3", "--temperature", "1e-300")
    assert tiny.lines == ["the cat sat"] * 3


def test_texts_of_several_lines(beam, model, monkeypatch):
    monkeypatch.setattr(model, "words", ["</s>", "the", "a", "cat\n", "dog", "sat", "ran"])
    assert beam("--greedy").lines == ["the cat  sat"]
    monkeypatch.setattr(model, "record", "paragraph", raising=False)
    assert beam("--greedy", stdin=b"\n\n").lines == ["the cat", " sat", ""] * 2


def test_minimum_bayes_risk(beam):
    found = objects(beam("--mbr", "32", "--utility", "bleu", "--nbest", "3", "--json"))
    assert [row["rank"] for row in found] == [1, 2, 3]
    assert [row["utility"] for row in found] == sorted((row["utility"] for row in found), reverse=True)
    assert len({row["text"] for row in found}) == 3
    assert beam("--mbr", "8", "--beam", "8", "--length-penalty", "0").lines[0] in {
        "the cat sat",
        "a cat sat",
        "the cat ran",
        "a cat ran",
    }


def test_constraints_and_rules(beam):
    assert beam("--constraint", "dog ran", "--length-penalty", "0").lines == ["the dog ran"]
    assert beam("--prefix", "a dog").lines[0].startswith("a dog")
    assert beam("--until", "cat", "--greedy").lines == ["the "]
    assert len(beam("--min-length", "6").lines[0].split()) >= 6
    many = beam("--diverse", "2", "--diversity", "9", "--beam", "4", "--nbest", "2", "--min-length", "1", "--length-penalty", "0").lines
    assert len({line.split("\t")[2].split()[0] for line in many}) == 2
    words = beam("--min-length", "12", "--no-repeat", "2", "--max-length", "14").lines[0].split()
    pairs = list(pairwise(words))
    assert len(set(pairs)) == len(pairs)


def test_whose_the_errors_are(beam, tmp_path):
    right = tmp_path / "right.txt"
    right.write_text("a cat sat\nthe dog ran\nran sat ran\n")
    done = beam("--greedy", "--length-penalty", "0", "--ref", right, "--json", stdin=b"\n\n\n")
    assert [row["verdict"] for row in objects(done)] == ["search", "model", "model"]
    table = beam("--greedy", "--length-penalty", "0", "--ref", right, stdin=b"\n\n\n").text
    assert "       1   33.3 %  search errors" in table
    assert "line 1, search error\n" in table
    beam("--ref", right, stdin=b"\n").fails(1, "more lines", "right.txt")
    beam("--ref", right, stdin=b"\n" * 4).fails(1, "3 lines", "fewer")
    beam("--ref", right, "--trace").fails(2, "--trace and --ref")


def test_sweep(beam, tmp_path):
    right = tmp_path / "right.txt"
    right.write_text("a cat sat\nsat\n")
    common = ("--sweep", "4,1,2", "--length-penalty", "0", "--ref", right)
    found = objects(beam(*common, "--json", stdin=b"\nthe cat\n"))
    assert [row["width"] for row in found] == [1, 2, 4]
    assert [row["search_errors"] for row in found] == [0.5, 0.0, 0.0]
    assert found[0]["log_prob"] < found[1]["log_prob"]
    assert found[1]["chrf"] == pytest.approx(100)
    table = beam(*common, "--html", tmp_path / "sweep.html", stdin=b"\nthe cat\n").lines
    assert table[0].split() == ["beam", "BLEU", "chrF", "search", "errors", "log", "P", "score", "tokens", "seconds"]
    assert len(table) == 4
    page = read((tmp_path / "sweep.html").read_text())
    assert len(page.all("svg", class_="width")) == 7
    assert "BLEU" not in beam("--sweep", "1,2").text
    for wrong, said in (("x", "numbers"), ("0,1", "at least"), ("", "numbers")):
        beam("--sweep", wrong).fails(2, "--sweep", said)
    beam("--sweep", "1", stdin=b"").fails(1, "nothing to search")


def test_trace_and_page(beam, tmp_path):
    done = beam("--trace", "--beam", "2", "--html", tmp_path / "page.html", "--length-penalty", "0", stdin=b"\nthe\n")
    text = done.text
    assert text.startswith("line 1, from nothing\nstep 1\n  kept       -0.693   -0.693  the\n  kept       -1.050   -1.050  a\n")
    assert "  ended" in text
    assert "  dropped" in text
    assert "rank 1, score" in text
    assert "line 2: the\n" in text
    assert len(read((tmp_path / "page.html").read_text()).all("svg", class_="beam")) == 2
    beam("--greedy", "--html", tmp_path / "x.html").fails(2, "--html")
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--temperature", "0.5"], ["--temperature", "--sample"]),
        (["--sample", "--temperature", "0"], ["--temperature 0", "--greedy"]),
        (["--sample", "--temperature", "-1"], ["--temperature -1"]), (["--beam", "0"], ["--beam 0"]), (["--beam", "-2"], ["--beam -2"]),
        (["--greedy", "--beam", "3"], ["--beam", "--greedy"]), (["--greedy", "--sample"], ["one at a time"]),
        (["--sample", "--nbest", "2"], ["--nbest", "--sample"]), (["--nbest", "4", "--beam", "2"], ["--beam 4"]),
        (["--utility", "bleu"], ["--utility", "--mbr"]), (["--mbr", "4", "--utility", "blue"], ["did you mean 'bleu'"]),
        (["--mbr", "1"], ["--mbr 1"]), (["--mbr", "8", "--beam", "4"], ["--beam 8"]), (["--normalize", "lenght"], ["length"]),
        (["--top-p", "1.5", "--sample"], ["--top-p", "share"]), (["--coverage", "0.2"], ["--coverage", "attends"]),
        (["--trace", "--json"], ["--trace and --json"]), (["--max-length", "0"], ["--max-length 0"]),
        (["--sweep", "1,2", "--beam", "3"], ["--sweep and --beam"]), (["--beam", "5", "--diverse", "2"], ["--beam 5", "2 groups"]),
        (["--errors", "x"], ["--errors"]), (["--samples", "3"], ["--samples", "--sample"]),
    ],
)  # fmt: skip
def test_what_contradicts_itself(beam, arguments, said):
    beam(*arguments).fails(2, *said)


def test_without_a_model(invoke, model):
    invoke("beam", stdin=b"\n").fails(2, "no model", "-m")


def test_prompts_that_are_too_long(beam):
    long = b"\n" + b"the cat sat " * 8 + b"\n"
    beam("--max-length", "5", stdin=long).fails(1, "line 2", "24 tokens", "holds 20", "--truncate")
    done = beam("--max-length", "5", "--truncate", stdin=long)
    assert done.code == 0
    assert len(done.lines) == 2
    assert "context was kept: line 2\n" in done.err
    short = beam("--json", "--min-length", "200", stdin=b"the cat " * 9 + b"\n")
    assert len(objects(short)[0]["tokens"]) == 2  # what the context has room for


def test_batches_are_flushed_and_memory_is_constant(beam, model):
    beam(stdin=b"the\n" * 70)
    assert max(model.prepared) == 32
    model.prepared.clear()
    beam("--sample", "--samples", "64", stdin=b"the\n" * 5)
    assert max(model.prepared) == 2


def test_an_answer_before_the_next_question(model, monkeypatch, capfdbinary):
    """Where the input pauses, what has come is answered."""
    import os

    from seqcli.cli import run

    inside, outside = os.pipe()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(os.fdopen(inside, "rb")))
    seen = []

    def talk():
        os.write(outside, b"\n")
        for _ in range(200):
            seen.append(capfdbinary.readouterr().out)
            if seen[-1]:
                break
            threading.Event().wait(0.05)
        os.close(outside)

    thread = threading.Thread(target=talk)
    thread.start()
    assert run(["beam", "-m", "toy"]) == 0
    thread.join()
    assert seen[-1].count(b"\n") == 1
