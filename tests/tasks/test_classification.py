"""Classification: tables and JSON Lines in, a label a line out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seqcli.data.blocks import Block
from seqcli.errors import Failure
from seqcli.models import average, lstm
from seqcli.models.neural.tagger import Classifier
from seqcli.models.neural.words import Features
from seqcli.tasks import classification

TABLE = "label\tname\ttext\npos\t1\ta fine film\nneg\t2\tdull\n\nneg\t3\t\n"
PLAIN = "pos\ta fine film\nneg\tdull\n"
OBJECTS = '{"label": "pos", "text": "a fine film"}\n{"label": "neg", "text": "dull"}\n'


@pytest.mark.parametrize(("name", "text"), [("a.tsv", TABLE), ("b.tsv", PLAIN), ("c.jsonl", OBJECTS)])
def test_reading(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    found = classification.read([str(path)], "word")
    assert (found.tokens, found.lengths.tolist(), found.tags) == (["a", "fine", "film", "dull"], [3, 1], ["pos", "neg"])
    assert classification.read([str(path)], "char").lengths.tolist() == [11, 4]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.tsv", "pos\tfine\nneg\n", "a.tsv, line 2: no label and text with a tab between"),
        ("a.tsv", "\n\n", "a.tsv has no text"),
        ("a.jsonl", '{"text": "x"}\n', "a.jsonl, line 1: expected an object with `label` and `text`"),
        ("a.jsonl", "{\n", "a.jsonl, line 1: not JSON"),
    ],
)
def test_bad_rows(name, text, said, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(Failure, match=said):
        classification.read([str(path)], "word")


@pytest.fixture
def classifier():
    return Classifier.of_words(
        Features.learn(["a", "fine", "film", "dull"], average.Recipe()), ["neg", "pos"], average.Recipe(embedding=4, head="class")
    )


def test_records_keep_their_lines(classifier):
    block = Block(b"a fine film\n\nwhat is that\n", "x", 1)
    rows = classification.Job(classifier)(block).decode().split("\n")
    assert [bool(row) for row in rows] == [True, False, True, False]
    assert set(rows) <= {"neg", "pos", ""}
    probabilities = classification.Job(classifier, proba=True, target="tsv")(block).decode().split("\n")
    assert probabilities[0].split("\t")[::2] == [rows[0], "a fine film"]
    assert 0.5 <= float(probabilities[0].split("\t")[1]) <= 1


def test_json_passes_through(classifier):
    lines = b'{"id": 7, "text": "dull"}\n{"tokens": ["fine"]}\n\n'
    job = classification.Job(classifier, source="jsonl", target="jsonl", proba=True)
    first, second, blank = (json.loads(line) for line in job(Block(lines, "x", 1)).decode().split("\n")[:-1])
    assert first["id"] == 7
    assert sum(first["proba"].values()) == pytest.approx(1, abs=1e-5)
    assert second["label"] in ("neg", "pos")
    assert blank["label"] is None


@pytest.mark.parametrize("pool", ["last", "max", "mean", "attention"])
@pytest.mark.parametrize("both", [False, True])
def test_a_text_alone_is_a_text_among_others(pool, both):
    recipe = lstm.Recipe(embedding=4, size=5, characters=3, filters=2, bidirectional=both, pool=pool, head="class")
    words = ["the", "cat", "sat", "on", "a", "very", "long", "and", "winding", "mat"]
    made = Classifier.of_words(Features.learn(words, recipe), ["a", "b", "c"], recipe)
    lengths = np.array([3, 1, 6])
    together = made.log_probs(words, lengths)
    starts = np.cumsum(lengths) - lengths
    for row, (start, size) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        assert np.allclose(made.log_probs(words[start : start + size], np.array([size])), together[row], atol=1e-5)
    assert np.exp(together).sum(axis=1) == pytest.approx(1, abs=1e-5)
