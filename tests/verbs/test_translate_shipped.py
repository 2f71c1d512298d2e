"""The translators that are shipped: `seq translate` on a fresh install."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from seqcli.data import folder
from seqcli.data.blocks import blocks
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.registry import make
from tests.conftest import seq
from tests.test_startup import HEAVY, modules_after

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).parents[3] / "shared" / "data")) / "tatoeba" / "en-de"
ENGLISH = "Where is the station?\n\nI have never been to Berlin.\nHe is reading a book. She is asleep.\n"
GERMAN = "Wo ist der Bahnhof?\n\nIch war noch nie in Berlin.\nEr liest ein Buch. Sie schläft.\n"
WORDS = {"en-de": ["Bahnhof", "", "Berlin", "Buch"], "de-en": ["station", "", "Berlin", "book"]}
TEXTS = {"en-de": ENGLISH, "de-en": GERMAN}


def test_without_a_model_english_becomes_german():
    assert "Bahnhof" in seq("translate", stdin=b"Where is the station?\n").text
    loaded = modules_after("translate")
    assert not loaded & (HEAVY - {"tokenizers"})
    assert "ctranslate2" in loaded


@pytest.mark.parametrize("name", TEXTS)
def test_words_are_found(name):
    done = seq("translate", "-m", name, stdin=TEXTS[name].encode())
    assert done.code == 0, done.err
    for line, word in zip(done.lines, WORDS[name], strict=True):
        assert re.search(rf"\b{word}\b", line) if word else not line, done.lines


@pytest.mark.parametrize("name", TEXTS)
def test_torch_says_the_same(name):
    found, again = (seq("translate", "-m", name, *more, stdin=TEXTS[name].encode()) for more in ((), ("--engine", "torch")))
    assert found.out == again.out != b""


@pytest.mark.parametrize("name", TEXTS)
def test_scores_are_those_of_the_search(name, tmp_path):
    records = tmp_path / "found.jsonl"
    records.write_bytes(seq("translate", "-m", name, "--json", stdin=TEXTS[name].replace("\n\n", "\n").encode()).out)
    told = [json.loads(line)["log_prob"] for line in records.read_text().splitlines()]
    done = seq("score", "-m", name, "--json", records)
    again = [json.loads(line)["log_likelihood"] for line in done.lines if "log_likelihood" in line]
    assert again[: len(told)] == pytest.approx(told, abs=1e-3)


@pytest.mark.parametrize("name", TEXTS)
def test_they_are_small_and_open(name):
    found = folder.find(name)
    assert sum(path.stat().st_size for path in found.iterdir()) < 12e6
    config = folder.read_config(found)
    assert config["licence"].startswith("CC BY")


@pytest.mark.corpus
@pytest.mark.parametrize("name", TEXTS)
def test_everyday_sentences(name):
    """BLEU on Tatoeba's test part, as the card says."""
    if not (DATA / "test.en.gz").is_file():
        pytest.skip("needs tatoeba/en-de in the folder that SEQ_DATA names")
    source, target = name.split("-")
    done = seq("translate", "-m", name, DATA / f"test.{source}.gz")
    reference = [line for block in blocks([DATA / f"test.{target}.gz"]) for line in block.lines()]
    (bleu,) = make(("bleu",), {})
    assert bleu.score(bleu.statistics(Lines(done.lines), [Lines(reference)]).sum(axis=0)) >= 30
