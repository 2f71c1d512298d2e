"""`seq beam --ref` on translators, from the command line: the search is blamed for what it missed, the model for what it prefers."""

from __future__ import annotations

import json

import pytest

from seqcli.decode.beam import BeamSearch
from seqcli.decode.settings import Settings
from tests.verbs.test_score_translator import RECIPES, written

SOURCES = ["abc", "fed", "aa", "b", "dfdf", "eeb", "cab", "ffff"]
LONGEST = 4


@pytest.fixture(params=RECIPES)
def model(request, tmp_path):
    return written(tmp_path / "m", request.param)


def judged(invoke, tmp_path, path, references, *options):
    for name, lines in (("src", SOURCES), ("ref", references)):
        (tmp_path / name).write_text("".join(line + "\n" for line in lines))
    done = invoke("beam", "-m", path, "--ref", tmp_path / "ref", tmp_path / "src", "--max-length", LONGEST, *options)
    assert done.code == 0, done.err
    return done


def best(translator, beam=300, **settings):
    """The translations that a search finds which drops next to nothing."""
    search = BeamSearch(translator, Settings(beam=beam, max_length=LONGEST, stop="exact", **settings))
    return [found for (found,) in search.run(translator.prepare(SOURCES))]


def test_references_that_the_model_likes_best(model, invoke, tmp_path):
    """No text is likelier: what was not found is the search's fault, never the model's."""
    translator, path = model
    found = best(translator)
    references = [translator.text(each.tokens) if each.ended else "" for each in found]
    rows = [json.loads(row) for row in judged(invoke, tmp_path, path, references, "--greedy", "--json").lines]
    assert [row["prompt"] for row in rows] == SOURCES
    for row, right in zip(rows, found, strict=True):
        if right.ended and "<unk>" not in translator.spell(right.tokens):
            assert row["verdict"] in ("same", "search")
            assert row["reference_log_prob"] == pytest.approx(right.log_prob, abs=1e-4)
            assert row["reference_score"] == pytest.approx(right.score, abs=1e-4)


def test_references_that_the_model_does_not_like(model, invoke, tmp_path):
    """A search that misses nothing finds what the model prefers: its errors are the model's."""
    translator, path = model
    rows = [json.loads(row) for row in judged(invoke, tmp_path, path, ["abcd"] * 8, "--beam", 300, "--stop", "exact", "--json").lines]
    found = best(translator)
    assert {row["verdict"] for row in rows} == {"model"}
    assert [row["log_prob"] for row in rows] == pytest.approx([each.log_prob for each in found], abs=1e-4)
    sources, targets = translator.prepare(SOURCES), translator.targets(["abcd"] * 8)
    logs = [float(each.sum()) for each in translator.log_probs(sources, targets)]
    assert [row["reference_log_prob"] for row in rows] == pytest.approx(logs, abs=1e-4)


def test_the_table(model, invoke, tmp_path):
    _, path = model
    done = judged(invoke, tmp_path, path, ["abcd"] * 8, "--beam", 300, "--stop", "exact")
    assert done.lines[0] == "       8          lines"
    assert done.lines[3] == "       8  100.0 %  model errors: the model prefers its own text"
    swept = judged(invoke, tmp_path, path, ["abcd"] * 8, "--sweep", "1,2", "--json")
    assert [json.loads(row)["width"] for row in swept.lines] == [1, 2]
    invoke("beam", "-m", path, "--ref", tmp_path / "ref", stdin=b"a\nb\n").fails(1, "more lines than there are prompts")
