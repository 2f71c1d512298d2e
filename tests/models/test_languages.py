"""Languages told apart: laws of the n-grams, and lines of little evidence among others."""

from __future__ import annotations

import gzip
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import folder
from seqcli.errors import Failure
from seqcli.models import languages
from seqcli.models.languages import Languages, Recipe, ngrams, read, train

TEXTS = {
    "en": ["the cat sat on the mat and then it went away", "where have you been all this time?", "she said that they would come"],
    "fr": ["le chat est sur la table et il dort", "où étiez-vous pendant tout ce temps ?", "elle a dit qu'ils viendraient"],
    "ru": ["кошка сидит на столе и спит", "где вы были всё это время?"],
    "zh": ["貓坐在桌子上睡覺", "你這段時間去哪裡了"],
}
DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SHIPPED = folder.PRETRAINED / "languages"


@pytest.fixture(scope="module")
def found() -> Languages:
    return train({name: partial(iter, [lines]) for name, lines in TEXTS.items()}, Recipe(), lambda _: None)


def test_lines_that_were_learned_are_recognised(found: Languages):
    lines = [(name, line) for name, lines in TEXTS.items() for line in lines]
    assert found.of([line for _, line in lines]) == [name for name, _ in lines]
    assert [found.of([line])[0] for _, line in lines] == [name for name, _ in lines]


def test_a_line_of_little_evidence_goes_with_those_around_it(found: Languages):
    french, english = TEXTS["fr"], TEXTS["en"]
    assert found.of([french[0], "1984", french[1], "", french[2]]) == ["fr"] * 5
    assert found.of(["42 !", english[0], "***", english[1]]) == ["en"] * 4
    assert found.of(["", "…", "42"]) == ["en"] * 3  # nothing anywhere: the usual one
    assert found.of([]) == []


def test_only_some_may_be_asked_for(found: Languages):
    assert found.of([TEXTS["fr"][0], ""], {"ru", "en"}) == ["en", "en"]
    assert found.of([TEXTS["zh"][0]], {"zh"}) == ["zh"]


@given(st.lists(st.text(alphabet="aé ж中가か1.\n\ud800😀", max_size=9), max_size=5))
def test_a_line_has_the_same_scores_in_any_company(found: Languages, lines: list[str]):
    together = found.scores(lines)
    alone = [found.scores([line])[0] for line in lines]
    assert together.shape == (len(lines), 4)
    assert np.allclose(together, np.array(alone).reshape(-1, 4))


@given(st.text(alphabet="aBé ж中가か1.,", max_size=12), st.text(alphabet=" .,1!", max_size=3))
def test_case_digits_and_marks_do_not_count(word: str, marks: str):
    assert np.array_equal(read([word.upper().lower() + marks])[0], read([word.lower()])[0])


def test_ngrams_stay_within_their_lines():
    buckets, rows = ngrams(["ab", "c", ""])
    assert np.bincount(rows, minlength=3).tolist() == [2 + 3 + 2 + 1, 1 + 2 + 1, 0]  # of " ab ", of " c " and of a lone blank
    assert buckets[rows == 1].tolist() == ngrams(["c"])[0].tolist()


def test_it_survives_its_folder(found: Languages, tmp_path: Path):
    config = {"model": "languages", "task": "languages", "parameters": found.config()}
    folder.write(tmp_path / "x", config, found.tensors(), {})
    again = languages.load(folder.read(tmp_path / "x"))
    assert again.of(TEXTS["fr"]) == ["fr"] * 3
    assert (tmp_path / "x" / folder.WEIGHTS).stat().st_size < 200_000


def test_one_language_or_no_letter_is_refused():
    with pytest.raises(Failure, match="one language only"):
        train({"en": lambda: [["a"]]}, Recipe(), lambda _: None)
    with pytest.raises(Failure, match="'fr' has no letter"):
        train({"en": lambda: [["a"]], "fr": lambda: [["1"]]}, Recipe(), lambda _: None)


@pytest.mark.corpus
@pytest.mark.skipif(not SHIPPED.is_dir() or not DATA.is_dir(), reason="needs the shipped model and the data sets")
@pytest.mark.parametrize(
    ("language", "treebank"), [("fr", "fr_sequoia"), ("pt", "pt_bosque"), ("nl", "nl_lassysmall"), ("ru", "ru_taiga")]
)
def test_lines_of_dev_are_recognised(language: str, treebank: str):
    with gzip.open(DATA / "ud" / treebank / "dev.conllu.gz", "rt") as file:
        sentences = file.read().split("\n\n")
    words = [[row.split("\t")[1] for row in s.split("\n") if row[:1].isdigit() and "-" not in row.split("\t")[0]] for s in sentences]
    lines = [" ".join(line) for line in words if len(line) >= 5]
    found = languages.load(folder.read(SHIPPED)).scores(lines).argmax(axis=1)
    names = languages.load(folder.read(SHIPPED)).names
    assert np.mean([names[i] == language for i in found.tolist()]) >= 0.97
