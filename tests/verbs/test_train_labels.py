"""`seq train` of neural taggers and classifiers, from data to `seq tag`."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from seqcli.data import folder
from tests.conftest import SAMPLES

TRAIN, DEV = SAMPLES / "tags.train.conllu", SAMPLES / "tags.dev.conllu"
TINY = ("--set", "embedding=12", "--set", "size=12", "--set", "epochs=8", "--set", "rate=0.02", "-q")


@pytest.fixture
def reviews(tmp_path):
    """Texts whose class hangs on one word, and on whether `not` stands before it."""
    draw = random.Random(1)
    for name, count in (("train", 400), ("dev", 60)):
        rows = []
        for _ in range(count):
            word, turned = draw.choice(["good", "bad"]), draw.random() < 0.5
            noise = [draw.choice("abcdef") for _ in range(draw.randint(1, 4))]
            rows.append(f"{'pos' if (word == 'good') != turned else 'neg'}\t{' '.join([*noise, *['not'] * turned, word, *noise])}")
        (tmp_path / f"{name}.tsv").write_text("label\ttext\n" + "\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_a_classifier_learns(name, invoke, reviews):
    model = reviews / "model"
    found = invoke("train", name, "--train", reviews / "train.tsv", "--dev", reviews / "dev.tsv", "-o", model, *TINY)
    assert found.code == 0, found
    config = json.loads((model / "config.json").read_text())
    assert (config["task"], config["parameters"]["head"]) == ("classification", "class")
    assert config["scores"]["dev accuracy"] == 100
    assert (model / "journal.jsonl").read_text().count("\n") >= 8
    tagged = invoke("tag", "-m", model, stdin=b"a good b\n\na not good b\n")
    assert tagged.text == "pos\n\nneg\n"


def test_a_bag_of_words_does_not_see_the_order(invoke, reviews):
    model = reviews / "model"
    assert invoke("train", "average", "--train", reviews / "train.tsv", "--dev", "20%", "-o", model, *TINY).code == 0
    first, second = invoke("tag", "-m", model, "--proba", stdin=b"a not good b\nb good not a\n").lines
    assert first == second


@pytest.mark.parametrize("name", ["bilstm-crf", "lstm"])
def test_a_tagger_learns(name, invoke, tmp_path):
    model = tmp_path / "model"
    settings = ("--set", "dropout=0.1", "--set", "batch=4", "--set", "epochs=12", "--set", "characters=8")
    assert invoke("train", name, "--train", TRAIN, "--dev", DEV, "-o", model, *TINY, *settings).code == 0
    config = json.loads((model / "config.json").read_text())
    assert config["task"] == "tagging"
    assert config["scores"]["dev accuracy"] > 60
    scored = invoke("score", DEV, "-", "--metric", "accuracy", "-b", stdin=invoke("tag", "-m", model, DEV).out)
    assert float(scored.text) == pytest.approx(config["scores"]["dev accuracy"], abs=0.01)
    row = json.loads(invoke("tag", "-m", model, "--json", "--proba", "--nbest", "2", stdin=b"The cat sat .\n").text)
    assert len(row["tags"]) == 4


def test_the_same_seed_is_the_same_model(invoke, tmp_path):
    for name in ("one", "two"):
        assert invoke("train", "bilstm-crf", "--train", TRAIN, "-o", tmp_path / name, *TINY, "--set", "epochs=1").code == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_spans(invoke, tmp_path):
    """Tags of spans are measured by their F1, and none is put together wrongly."""
    rows = ["Ann\tB-PER", "Lee\tI-PER", "saw\tO", "Rome\tB-LOC", ".\tO", "", "Rome\tB-LOC", "saw\tO", "Ann\tB-PER", ""]
    (tmp_path / "train.tsv").write_text("\n".join(rows * 20) + "\n")
    model = tmp_path / "model"
    found = invoke("train", "bilstm-crf", "--train", tmp_path / "train.tsv", "--dev", "10%", "-o", model, *TINY)
    assert found.code == 0, found
    assert json.loads((model / "config.json").read_text())["scores"]["dev span-f1"] == 100
    tags = [line.split("\t")[1] for line in invoke("tag", "-m", model, "-f", "tsv", stdin=b"Lee Lee Lee saw Lee .\n").lines if line]
    for before, after in zip(["O", *tags], tags, strict=False):
        assert not after.startswith("I-") or before[2:] == after[2:]


def test_ready_vectors(invoke, tmp_path):
    (tmp_path / "v.txt").write_text("3 4\nthe 1 2 3 4\ncat 0 1 0 1\nzyzzyva 1 0 0 1\n")
    assert invoke("models", "import", tmp_path / "v.txt", "-o", tmp_path / "v").code == 0
    tagged = []
    for name, frozen in (("still", "true"), ("moved", "false")):
        settings = ("--set", f"vectors={tmp_path / 'v'}", "--set", "size=12", "--set", "epochs=1", "--set", f"frozen={frozen}")
        found = invoke("train", "bilstm-crf", "--train", TRAIN, "-o", tmp_path / name, *settings)
        assert found.code == 0, found
        assert "3 words have ready vectors" in found.err
        assert json.loads((tmp_path / name / "config.json").read_text())["recipe"]["vectors"] == "v"  # not where it lay
        tagged.append(invoke("tag", "-m", tmp_path / name, "--json", "--proba", stdin=b"The cat sat .\n").text)
    assert tagged[0] != tagged[1]
    tensors = folder.read(tmp_path / "still").tensors
    ready = tensors["inputs.ready.weight"]
    ratio = ready[1:] / np.array([[1, 2, 3, 4], [0, 1, 0, 1], [1, 0, 0, 1]]).clip(min=1e-9)
    assert np.allclose(ratio[ready[1:] != 0], ratio[0, 0], rtol=1e-5)  # scaled, and as they were
    assert not ready[0].any()


def test_what_does_not_fit(invoke, reviews):
    train = ("--train", reviews / "train.tsv", "-o", reviews / "m")
    invoke("train", "lstm", *train, "--set", "head=klass").fails(2, "head=klass: no such head", "class")
    invoke("train", "gpt", *train, "--set", "head=tags").fails(2, "gpt is a language model")
    invoke("train", "lstm", *train, "--set", "cel=gru").fails(2, "unknown key 'cel'", "cell")
    invoke("train", "lstm", *train, "--set", "dropout=1").fails(2, "dropout=1.0: expected a number below 1")
    invoke("train", "lstm", *train, "--dev", "100%").fails(2, "--dev 100%")
    invoke("train", "crf", *train, "--plot", reviews).fails(2, "--plot: crf keeps no journal")
    (reviews / "one.tsv").write_text("pos\tfine\n")
    invoke("train", "lstm", "--train", reviews / "one.tsv", "-o", reviews / "m").fails(1, "one tag only")
    (reviews / "empty.tsv").write_text("")
    invoke("train", "lstm", "--train", reviews / "empty.tsv", "-o", reviews / "m").fails(1, "empty.tsv is empty")
    assert not list(reviews.glob("m*"))


def test_labels_that_training_does_not_have(invoke, reviews):
    (reviews / "odd.tsv").write_text("label\ttext\nodd\ta good b\npos\ta good b\n")
    found = invoke("train", "average", "--train", reviews / "train.tsv", "--dev", reviews / "odd.tsv", "-o", reviews / "m", *TINY[:-1])
    assert found.code == 0
    assert "dev: labels that do not occur in training: odd" in found.err


def test_a_classifier_has_no_tags_of_words(invoke, reviews):
    assert invoke("train", "average", "--train", reviews / "train.tsv", "-o", reviews / "m", *TINY).code == 0
    invoke("tag", "-m", reviews / "m", "--nbest", "2", stdin=b"x\n").fails(2, "--nbest: this model gives a text one label")
    invoke("embed", "-m", reviews / "m", stdin=b"x\n").fails(1, "not word vectors")
