"""`seq tag --fields`: UPOS, XPOS, FEATS and lemmas in every format."""

import json
from pathlib import Path

import pytest

from seqcli.data import conllu
from tests.conftest import QUICK, SAMPLES, seq

ROWS = """\
1	Cats	cat	NOUN	NNS	Number=Plur	_	_	_	_
2	sleep	sleep	VERB	VBP	_	_	_	_	_

1	A	a	DET	DT	PronType=Art	_	_	_	_
2	cat	cat	NOUN	NN	Number=Sing	_	_	_	_
3	sleeps	sleep	VERB	VBZ	Number=Sing	_	_	_	SpaceAfter=No
4	.	.	PUNCT	.	_	_	_	_	_

"""
TEXT = b"Cats sleep\n\nA cat sleeps. A cat sleeps.\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields")
    (folder / "train.conllu").write_text(ROWS * 40)
    options = ("--set", "fields=xpos,feats,lemma", "--dev", folder / "train.conllu", *QUICK)
    done = seq("train", "crf", "--train", folder / "train.conllu", "-o", folder / "model", *options)
    assert done.code == 0, done.err
    assert "xpos 100.00, feats 100.00, lemma 100.00" in done.err
    return folder / "model"


def test_the_card_has_all_scores(model):
    scores = json.loads((model / "config.json").read_text())["scores"]
    assert {f"dev {name}" for name in ("accuracy", "xpos", "feats", "lemma")} <= set(scores)
    assert "- dev lemma: 100.00" in (model / "README.md").read_text()


def test_conllu_has_all_columns(invoke, model):
    sentences = list(conllu.read(invoke("tag", "-m", model, "-f", "conllu", stdin=TEXT).lines))
    rows = [tuple(word.column(name) for name in ("lemma", "upos", "xpos", "feats")) for word in sentences]
    gold = list(conllu.read(ROWS.split("\n")))
    wanted = [tuple(word.column(name) for name in ("lemma", "upos", "xpos", "feats")) for word in gold]
    assert rows == [wanted[0], wanted[1], wanted[1]]
    lines = [line.split("\t") for line in ROWS.split("\n")[:-1]]
    stripped = "".join("\t".join([*line[:2], *"_" * 7, *line[9:]] if line[0] else []) + "\n" for line in lines)
    assert invoke("tag", "-m", model, "--input", "conllu", stdin=stripped.encode()).text == ROWS
    only = invoke("tag", "-m", model, "--input", "conllu", "--fields", "lemma", stdin=stripped.encode()).lines
    assert only[0] == "1\tCats\tcat" + "\t_" * 7


def test_text_and_tables_have_what_was_asked_for(invoke, model):
    assert invoke("tag", "-m", model, stdin=TEXT).lines[0] == "Cats/NOUN sleep/VERB"
    assert invoke("tag", "-m", model, "--fields", "upos,xpos,feats,lemma", stdin=TEXT).lines == [
        "Cats/NOUN/NNS/Number=Plur/cat sleep/VERB/VBP/_/sleep",
        "",
        " ".join(["A/DET/DT/PronType=Art/a cat/NOUN/NN/Number=Sing/cat sleeps/VERB/VBZ/Number=Sing/sleep ./PUNCT/./_/."] * 2),
    ]
    assert invoke("tag", "-m", model, "--fields", "lemma", stdin=TEXT).lines[0] == "Cats/cat sleep/sleep"
    assert invoke("tag", "-m", model, "-f", "tsv", "--fields", "lemma,upos", stdin=TEXT).lines[0] == "Cats\tcat\tNOUN"
    sure = invoke("tag", "-m", model, "-f", "tsv", "--fields", "lemma upos", "--proba", stdin=TEXT).lines[0].split("\t")
    assert sure[:3] == ["Cats", "cat", "NOUN"]
    assert 0.5 < float(sure[3]) <= 1


def test_objects_have_them_as_keys(invoke, model):
    values = [json.loads(line) for line in invoke("tag", "-m", model, "--json", "--fields", "xpos,lemma", stdin=TEXT).lines]
    assert [value["lemma"] for value in values] == [["cat", "sleep"], [], ["a", "cat", "sleep", "."] * 2]
    assert values[0]["xpos"] == ["NNS", "VBP"]
    assert values[0]["tags"] == ["NOUN", "VERB"]
    assert values[0]["offsets"] == [[0, 4], [5, 10]]
    stdin = b'{"id": 1, "tokens": ["Cats", "sleep"]}\n{"id": 2, "text": ""}\n'
    values = [
        json.loads(line) for line in invoke("tag", "-m", model, "--input", "jsonl", "--json", "--fields", "lemma", stdin=stdin).lines
    ]
    assert [(value["id"], value["lemma"]) for value in values] == [(1, ["cat", "sleep"]), (2, [])]
    assert "lemma" not in invoke("tag", "-m", model, "--json", stdin=TEXT).text


def test_processes_do_not_change_a_byte(invoke, model):
    options = ("tag", "-m", model, "-f", "conllu", SAMPLES / "notes.txt")
    assert invoke(*options, "--jobs", "2").out == invoke(*options).out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fields", "lemmas"], "did you mean 'lemma'?"),
        (["--fields", "head"], "--fields head: no such choice"),
        (["--fields", "upos,lemma", "--nbest", "2"], "--nbest is of upos alone"),
        (["--fields", "lemma", "--nbest", "2"], "--nbest is of upos alone"),
    ],
)
def test_wrong_fields(invoke, model, options, said):
    invoke("tag", "-m", model, *options, stdin=TEXT).fails(2, said)


def test_a_model_without_them(invoke, small):
    invoke("tag", "-m", small, "--fields", "lemma", stdin=TEXT).fails(2, "--fields lemma: no such choice")
    assert invoke("tag", "-m", small, "--fields", "upos", stdin=TEXT).out == invoke("tag", "-m", small, stdin=TEXT).out


def test_what_a_treebank_has_not_is_not_learned(invoke, tmp_path):
    train = SAMPLES / "tags.train.conllu"
    assert invoke("train", "crf", "--train", train, "-o", tmp_path / "m", "-q", "--set", "fields=lemma", *QUICK).code == 0
    assert "further" not in json.loads((tmp_path / "m" / "config.json").read_text())["parameters"]
    invoke("train", "crf", "--train", train, "-o", tmp_path / "n", "--set", "fields=lemmas", *QUICK, "-q").fails(1, "lemmas")
