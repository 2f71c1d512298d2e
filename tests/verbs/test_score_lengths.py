"""`seq score --by-length`: tables, objects, the page, and what cannot be."""

from __future__ import annotations

import json

import pytest

SHORT, LONG = "a small cat sat there", "a small black cat sat there and the dog ran to it"


@pytest.fixture
def files(tmp_path):
    """Two systems: both are right in what is short, the second in what is long."""
    texts = {"ref": (SHORT, LONG), "src": ("ein", "eins zwei drei"), "one": (SHORT, "no no"), "two": (SHORT, LONG), "three": ("x",) * 3}
    for name, (*lines,) in texts.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def test_tables(invoke, files):
    done = invoke(
        "score", files / "ref", files / "one", files / "two", "--metric", "bleu", "--by-length", "2,9", "--src", files / "src"
    )
    assert done.code == 0, done.err
    rows = [line.split() for line in done.lines]
    at = rows.index(["BLEU", "by", "length"])
    assert rows[at + 1][:3] == ["source", "words", "segments"]
    assert rows[at + 2 : at + 4] == [["0–1", "1", "100.00", "100.00"], ["2–8", "1", "0.00", "100.00"]]
    by_reference = invoke("score", files / "ref", files / "one", "--metric", "bleu", "--by-length", "2,9").text
    assert "reference words  segments" in by_reference
    assert "9+" in by_reference


def test_objects_and_brief(invoke, files):
    command = ["score", files / "ref", files / "two", "--by-length", 2, "--src", files / "src"]
    found = [json.loads(line) for line in invoke(*command, "--json").lines]
    assert [(each["name"], each.get("source_words"), each.get("segments")) for each in found] == [
        ("BLEU", None, None), ("chrF2", None, None), ("BLEU", "0–1", 1), ("BLEU", "2+", 1), ("chrF2", "0–1", 1), ("chrF2", "2+", 1)
    ]  # fmt: skip
    assert invoke(*command, "-b").lines == ["100.00"]


def test_the_page(invoke, files, tmp_path):
    page = tmp_path / "page.html"
    done = invoke("score", files / "ref", files / "one", "--by-length", "2,9", "--src", files / "src", "--html", page)
    assert done.code == 0, done.err
    assert "words in the source" in page.read_text()


def test_what_cannot_be(invoke, files):
    pair = ["score", files / "ref", files / "one"]
    invoke(*pair, "--by-length", "9,2").fails(2, "--by-length 9,2: expected the words at which bins begin")
    invoke(*pair, "--by-length", 2, "--by-line").fails(2, "--by-line and --by-length")
    invoke(*pair, "--src", files / "src").fails(2, "--src is for a model that scores and for --by-length")
    invoke(*pair, "--by-length", 2, "--src", files / "three").fails(1, "three has 3 lines", "ref 2")
    invoke(*pair, "--by-length", 2, "--src", files / "none").fails(1, "none")
    invoke(*pair, "--by-length", 2, "--metric", "pearson").fails(2, "--by-length is for metrics of text")
