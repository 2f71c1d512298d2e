"""`seq tag` with a tagger of names: entities where the text has them, and files that `seq score` reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result, seq

ROWS = "@\tO\nAnn\tB-PER\nLee\tI-PER\n\nat\tO\nIBM\tB-ORG\n\nhe\tO\nmet\tO\nAnn\tB-PER\n"
QUICK = ("--set", "epochs=20", "--set", "batch=2", "--set", "rate=0.1", "--set", "near=1", "--set", "pair=1")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of names that knows three sentences, beside them."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "gold.tsv").write_text(ROWS)
    done = seq("train", "crf", "--train", folder / "gold.tsv", "-o", folder / "model", "-q", *QUICK)
    assert done.code == 0, done.err
    return folder


def test_what_comes_out_is_what_score_reads(invoke: Callable[..., Result], names: Path) -> None:
    (names / "raw.txt").write_text("@ Ann Lee\nat IBM\nhe met Ann\n")
    assert invoke("tag", "-m", names / "model", "--pretokenized", "-f", "tsv", names / "raw.txt", "-o", names / "found.tsv").code == 0
    scored = invoke("score", names / "gold.tsv", names / "found.tsv", "--metric", "span-f1", "--json")
    assert json.loads(scored.text)["score"] == 100


@pytest.mark.parametrize("options", [(), ("--decode", "posterior"), ("--proba",), ("-j", "2")])
def test_entities_are_substrings_of_the_text(invoke: Callable[..., Result], names: Path, options: tuple[str, ...]) -> None:
    found = invoke("tag", "-m", names / "model", "--json", *options, stdin=b"Ann Lee met  IBM\n\nat IBM he met Ann\n")
    values = [json.loads(line) for line in found.lines]
    assert [[entity["text"] for entity in value["entities"]] for value in values] == [["Ann Lee", "IBM"], [], ["IBM", "Ann"]]
    for value in values:
        for entity in value["entities"]:
            first, end = entity["words"]
            assert value["text"][entity["start"] : entity["end"]] == entity["text"]
            assert [tag[2:] for tag in value["tags"][first:end]] == [entity["label"]] * (end - first)
            assert ("probability" in entity) == ("--proba" in options)


def test_no_inside_without_a_beginning_whatever_the_words(invoke: Callable[..., Result], names: Path) -> None:
    words = b"Lee Lee at Lee IBM Lee\nLee\n"
    for decode in ("viterbi", "posterior"):
        tags = invoke("tag", "-m", names / "model", "--pretokenized", "--decode", decode, "-f", "tsv", stdin=words).text
        before = "O"
        for line in tags.split("\n"):
            tag = line.partition("\t")[2] or "O"
            assert not tag.startswith("I-") or before[2:] == tag[2:]
            before = tag
