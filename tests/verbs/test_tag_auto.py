"""`seq tag -m auto` and raw text cut as a model has learned, through the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcli.data import folder
from tests.conftest import QUICK, SAMPLES, Result, seq

ENGLISH, FRENCH = "the cat sat on the mat", "le chat est sur la table"


@pytest.fixture
def shipped(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of shipped models with two taggers and what tells their languages apart."""
    place = tmp_path / "pretrained"
    place.mkdir()
    for name, line in (("en", ENGLISH), ("fr", FRENCH)):
        (tmp_path / f"{name}.txt").write_text(f"{line}\n")
        shutil.copytree(small, place / f"{name}-pos")
    texts = [option for name in ("en", "fr") for option in ("--train", f"{name}={tmp_path / name}.txt")]
    done = seq("train", "languages", *texts, "-o", place / "languages", "-q")
    assert done.code == 0, done.err
    monkeypatch.setattr(folder, "PRETRAINED", place)
    return place


@pytest.mark.usefixtures("shipped")
def test_auto_names_the_language_of_each_line(invoke: Callable[..., Result]):
    found = invoke("tag", "-m", "auto", "--json", stdin=f"{ENGLISH}\n{FRENCH}\n".encode())
    assert [json.loads(line)["language"] for line in found.lines] == ["en", "fr"], found.err
    plain = invoke("tag", "-m", "auto", stdin=f"{ENGLISH}\n\n{FRENCH}\n".encode())
    assert [line.split("/")[0] for line in plain.lines] == ["the", "", "le"]


def test_what_tells_languages_apart_does_not_tag(shipped: Path):
    seq("tag", "-m", shipped / "languages", stdin=b"Hello\n").fails(1, "holds a model for languages", "seq tag -m auto")
    seq("train", "languages", "--train", "x.txt", "-o", "y").fails(2, "of which language?", "en=x.txt")


def test_a_tagger_cuts_raw_text_as_it_has_learned(tmp_path: Path):
    recipe = tmp_path / "own.toml"
    recipe.write_text(f'model = "crf"\nlanguage = "mul"\nsegmenter = "learned"\ntrain = ["{SAMPLES / "tags.train.conllu"}"]\n')
    done = seq("train", recipe, "-o", tmp_path / "own", "-q", *QUICK)
    assert done.code == 0, done.err
    assert "segmenter" in folder.read_config(tmp_path / "own")
    line = "The cat, it sat."
    learned = seq("tag", "-m", tmp_path / "own", "-f", "conllu", stdin=f"{line}\n".encode())
    assert f"# text = {line}" in learned.lines
    recipe.write_text(recipe.read_text().replace('"learned"', '"magic"'))
    seq("train", recipe, "-o", tmp_path / "other", "-q", *QUICK).fails(2, "segmenter = 'magic'", "learned, unspaced")
