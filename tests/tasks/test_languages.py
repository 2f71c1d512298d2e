"""Text of several languages: every line by its own model, in order, whatever the format."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seqcli.data.blocks import Block
from seqcli.data.examples import AnyArray, IntArray, Tagging
from seqcli.errors import UsageFailure
from seqcli.models.languages import Languages, Recipe, train
from seqcli.models.tagger import Tagger
from seqcli.tasks.languages import Auto, by_language
from seqcli.tasks.tagging import Job
from seqcli.text.segment import RuleSegmenter

TEXTS = {
    "de": ["der Hund liegt auf dem Tisch und schläft", "wo seid ihr die ganze Zeit gewesen?"],
    "en": ["the cat sat on the mat", "where have you been all this time?"],
    "fr": ["le chat est sur la table", "où étiez-vous pendant tout ce temps ?"],
}
LINES = [TEXTS["en"][0], TEXTS["fr"][0], TEXTS["fr"][1], "", TEXTS["en"][1]]
SPOKEN = ["en", "fr", "fr", "fr", "en"]  # the blank line goes with one of its neighbours


class Says(Tagger):
    """Tags every word with its own name."""

    def __init__(self, name: str) -> None:
        self.labels = (name,)

    def tag(self, tokens: Sequence[str], lengths: IntArray, *rest: object, **options: object) -> Tagging:
        return Tagging(self.labels, np.zeros(len(tokens), np.int64))

    def config(self) -> dict[str, object]:
        return {}

    def tensors(self) -> dict[str, AnyArray]:
        return {}


@pytest.fixture(scope="module")
def found() -> Languages:
    return train({name: partial(iter, [lines]) for name, lines in TEXTS.items()}, Recipe(), lambda _: None)


def auto(found: Languages, source: str = "text", target: str = "text") -> tuple[Auto, list[str], list[str]]:
    opened: list[str] = []
    notes: list[str] = []

    def open_job(model: str) -> Job:
        opened.append(model)
        return Job(Says(model), RuleSegmenter("mul"), source, target)

    return Auto(found, {"en": "EN", "fr": "FR"}, open_job, source, target, note=notes.append), opened, notes


def tag(work: Auto, lines: Sequence[str], end: str = "\n") -> list[str]:
    return work(Block(end.join([*lines, ""]).encode(), "x", 1)).decode().split("\n")[:-1]


def test_every_line_has_its_own_model_and_its_place(found: Languages):
    work, opened, notes = auto(found)
    out = tag(work, LINES)
    assert len(out) == len(LINES)
    assert [line.split("/")[-1] for line in out] == ["EN", "FR", "FR", "", "EN"]
    assert out[1].startswith("le/FR chat/FR")
    tag(work, LINES)
    assert sorted(opened) == ["EN", "FR"]  # once, when they are met
    assert notes == []


def test_a_language_that_is_not_met_is_not_loaded(found: Languages):
    work, opened, _ = auto(found)
    tag(work, TEXTS["fr"])
    assert opened == ["FR"]


def test_json_names_the_language_and_keeps_its_fields(found: Languages):
    work, _, _ = auto(found, "jsonl", "jsonl")
    objects = [{"text": line + " }", "id": i} for i, line in enumerate(LINES)]
    out = [json.loads(line) for line in tag(work, [json.dumps(value) for value in objects])]
    assert [(value["id"], value["text"]) for value in out] == [(i, line + " }") for i, line in enumerate(LINES)]
    assert [value["language"] for i, value in enumerate(out) if LINES[i]] == [SPOKEN[i] for i in (0, 1, 2, 4)]


def test_treebanks_of_two_languages(found: Languages):
    work, _, _ = auto(found, "conllu", "conllu")
    sentences = ["\n".join(f"{i}\t{word}" + "\t_" * 8 for i, word in enumerate(LINES[at].split(), 1)) for at in (0, 1, 4)]
    rows = [line.split("\t") for line in tag(work, sentences, "\n\n") if line]
    assert [row[1] for row in rows] == [word for at in (0, 1, 4) for word in LINES[at].split()]
    assert [row[3] for row in rows if row[0] == "1"] == ["EN", "FR", "EN"]


def test_sentences_are_numbered_by_their_line_in_the_whole(found: Languages):
    work, _, _ = auto(found, "text", "conllu")
    numbers = [line for line in tag(work, LINES) if line.startswith("# sent_id")]
    assert numbers == [f"# sent_id = {line}.1" for line in (1, 2, 3, 5)]


def test_a_language_without_a_model_is_noted_once(found: Languages):
    work, _, notes = auto(found, target="jsonl")
    out = [json.loads(line) for line in tag(work, [*TEXTS["de"], LINES[0]])]
    assert [value["language"] for value in out] == ["de", "de", "en"]
    assert {tag for value in out for tag in value["tags"]} <= {"EN", "FR"}
    tag(work, TEXTS["de"])
    [note] = notes
    assert note.startswith("x, line 1: German, for which no tagger is shipped")


def test_texts_by_language(tmp_path: Path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    with gzip.open(tmp_path / "b.conllu.gz", "wt") as file:
        file.write("# text = 一二\n1\t一\t_\tX" + "\t_" * 6 + "\n\n1\t三\t_\tX" + "\t_" * 6 + "\n2\t四\t_\tX" + "\t_" * 6 + "\n\n")
    readers = by_language([f"en={tmp_path / 'a.txt'}", f"zh={tmp_path / 'b.conllu.gz'}"])
    lines = {name: [line for run in reader() for line in run] for name, reader in readers.items()}
    assert lines == {"en": ["one", "two"], "zh": ["一二", "三四"]}
    with pytest.raises(UsageFailure, match="of which language"):
        by_language(["a.txt"])
