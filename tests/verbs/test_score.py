"""`seq score` through the command line: text, JSON, rows a sentence, and what is said when something is wrong."""

import gzip
import json
import os
import random
import sys
from pathlib import Path

import pytest
import typer
from sklearn.metrics import accuracy_score, f1_score

from seqcli.errors import Failure, UsageFailure
from seqcli.verbs.score import score

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command()(score)

GOLD = [[("the", "DET"), ("cat", "NOUN"), ("sat", "VERB")], [("cats", "NOUN"), ("sit", "VERB")]]
PRED = [[("the", "DET"), ("cat", "VERB"), ("sat", "VERB")], [("cats", "NOUN"), ("sit", "VERB")]]


def tsv(sentences):
    return "".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) + "\n" for sentence in sentences)


def conllu(sentences):
    rows = (
        "".join(f"{i}\t{word}\t_\t{tag}\t_" + 5 * "\t_" + "\n" for i, (word, tag) in enumerate(sentence, 1)) + "\n"
        for sentence in sentences
    )
    return "".join(rows)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the verb in a folder with some files; returns what it printed, or raises what it raised."""
    monkeypatch.chdir(tmp_path)
    Path("gold.tsv").write_text(tsv(GOLD))
    Path("gold.conllu").write_text(conllu(GOLD))
    Path("pred.tsv").write_text(tsv(PRED))
    Path("other.tsv").write_text(tsv([[("thecat", "X"), ("sat", "VERB")], [("cats", "NOUN")], [("sit", "VERB")]]))

    def command(line, stdin=""):
        Path("stdin").write_text(stdin)
        with Path("stdin").open() as pipe:
            monkeypatch.setattr(sys, "stdin", pipe)
            app(line.split(), standalone_mode=False)
        return "".join(capsys.readouterr())

    return command


def objects(output):
    return [json.loads(line) for line in output.splitlines()]


def scores(output):
    return {line["name"]: line["score"] for line in objects(output)}


def test_a_report(run):
    assert run("gold.tsv pred.tsv --train other.tsv --resamples 0") == (
        "upos of pred.tsv against gold.tsv: 5 words in 2 sentences, same segmentation\n"
        "\n"
        "metric              score  correct  of  tags\n"
        "accuracy            80.00        4   5\n"
        "accuracy/known     100.00        3   3\n"
        "accuracy/unknown    50.00        1   2\n"
        "accuracy/sentence   50.00        1   2\n"
        "macro-f1            82.22                  3\n"
        "\n"
        "tag       F1  95 % interval  precision  recall  correct  gold  predicted\n"
        "NOUN   66.67              –     100.00   50.00        1     2          1\n"
        "VERB   80.00              –      66.67  100.00        2     2          3\n"
        "DET   100.00              –     100.00  100.00        1     1          1\n"
        "\n"
        "the confusions that cost most\n"
        "gold  predicted  count  % of errors  words\n"
        "NOUN  VERB           1       100.00  cat 1\n"
    )


def test_json_has_an_object_a_metric(run):
    found = objects(run("gold.tsv pred.tsv --json"))
    assert [line["name"] for line in found] == [
        "accuracy", "accuracy/sentence", "macro-f1", "f1/NOUN", "f1/VERB", "f1/DET", "confusion/NOUN>VERB",
    ]  # fmt: skip
    accuracy = found[0]
    assert accuracy["system"] == "pred.tsv"
    assert (accuracy["score"], accuracy["correct"], accuracy["n"]) == (80.0, 4, 5)
    assert accuracy["low"] <= 80 <= accuracy["high"]
    assert accuracy["signature"].startswith("upos|gold words|seed:12345|resamples:1000|version:")
    assert found[-1]["words"] == {"cat": 1}


def test_the_same_is_a_hundred(run):
    for files in ("gold.tsv gold.tsv", "gold.tsv gold.conllu", "gold.conllu gold.tsv", "other.tsv other.tsv"):
        assert set(scores(run(f"{files} --json")).values()) == {100.0}


def test_formats_pipes_and_gzip_make_no_difference(run):
    Path("gold.conllu.gz").write_bytes(gzip.compress(conllu(GOLD).encode()))
    Path("windows.conllu").write_bytes(conllu(GOLD).replace("\n", "\r\n").encode())
    expected = scores(run("gold.tsv pred.tsv --json"))
    for reference in ("gold.conllu", "gold.conllu.gz", "windows.conllu"):
        assert scores(run(f"{reference} - --json", stdin=tsv(PRED))) == expected
        assert scores(run(f"{reference} --json", stdin=conllu(PRED))) == expected


def test_files_that_are_cut_differently(run):
    found = {line["name"]: line for line in objects(run("gold.tsv other.tsv --json"))}
    assert list(found)[:5] == ["upos", "words", "tokens", "sentences", "accuracy"]
    words = found["words"]
    assert [words[key] for key in ("correct", "gold", "predicted")] == [3, 5, 4]
    assert words["score"] == pytest.approx(100 * 6 / 9, abs=1e-4)
    assert (words["precision"], words["recall"]) == (75.0, 60.0)
    assert found["sentences"]["score"] == pytest.approx(100 * 2 / 5, abs=1e-4)
    assert found["accuracy"]["score"] == 100
    assert found["accuracy"]["n"] == 3
    assert found["accuracy"]["signature"].startswith("upos|aligned words|")
    assert found["accuracy/sentence"]["score"] == 0
    report = run("gold.tsv other.tsv")
    assert report.startswith("upos of other.tsv against gold.tsv: 5 words cut differently, into 4; 3 aligned\n")


def test_nothing_aligned(run):
    Path("one.tsv").write_text("thecatsatcatssit\tX\n")
    found = scores(run("gold.tsv one.tsv --json"))
    assert found["words"] == 0
    assert found["accuracy"] is None
    assert found["macro-f1"] is None
    assert "accuracy               –" in run("gold.tsv one.tsv")


def test_several_systems_stand_side_by_side(run):
    assert run("gold.tsv pred.tsv gold.conllu --metric accuracy,f1/NOUN --resamples 0") == (
        "system       accuracy  f1/NOUN\npred.tsv        80.00    66.67\ngold.conllu    100.00   100.00\n"
    )
    assert run("gold.tsv pred.tsv gold.tsv -b") == "80.00\n100.00\n"
    full = run("gold.tsv pred.tsv other.tsv --details")
    assert full.splitlines()[0].split()[:7] == ["system", "upos", "95", "%", "interval", "words", "95"]
    assert "upos of pred.tsv" in full
    assert "upos of other.tsv" in full
    assert run("gold.tsv pred.tsv pred.tsv --metric confusion").startswith("upos of pred.tsv against gold.tsv")


def test_metrics_are_chosen_by_name(run):
    assert run("gold.tsv pred.tsv --metric f1/VERB,accuracy -b") == "80.00\n"
    assert list(scores(run("gold.tsv pred.tsv --metric tokens,f1 --json"))) == ["tokens", "f1/NOUN", "f1/VERB", "f1/DET"]
    assert list(scores(run("gold.tsv pred.tsv --metric confusion --json"))) == ["confusion/NOUN>VERB"]
    assert list(scores(run("gold.tsv pred.tsv --metric macro-f1 --json"))) == ["macro-f1"]


def test_by_line(run):
    assert run("gold.tsv pred.tsv --by-line") == "66.67\t2\t3\t3\t1\tthe cat sat\n100.00\t2\t2\t2\t5\tcats sit\n"
    assert run("gold.tsv other.tsv gold.tsv --by-line").splitlines()[:2] == [
        "other.tsv\t40.00\t1\t3\t2\t1\tthe cat sat",
        "other.tsv\t100.00\t2\t2\t2\t5\tcats sit",
    ]
    assert objects(run("gold.tsv pred.tsv --by-line --json"))[1] == {
        "system": "pred.tsv", "score": 100.0, "correct": 2, "gold": 2, "predicted": 2, "line": 5, "text": "cats sit",
    }  # fmt: skip


def test_seeds_decide(run):
    tags = random.Random(2).choices("AB", k=300)
    Path("g").write_text(tsv([[("x", "A")] * (i % 7 + 1) for i in range(60)]))
    Path("p").write_text(tsv([[("x", tags.pop()) for _ in range(i % 7 + 1)] for i in range(60)]))
    first, again, other = (run(f"g p --metric accuracy --json --resamples 50 --seed {seed}") for seed in (1, 1, 2))
    assert first == again
    assert "seed:2|resamples:50" in other
    assert objects(first)[0]["low"] != objects(other)[0]["low"]


def test_an_output_file(run):
    assert run("gold.tsv pred.tsv -b -o score.txt") == ""
    assert Path("score.txt").read_text() == "80.00\n"


def test_scores_as_scikit_learn_has_them(run):
    chance = random.Random(1)
    gold = [[(str(i), chance.choice("ABCD")) for i in range(chance.randrange(1, 9))] for _ in range(40)]
    pred = [[(word, chance.choice("BCDE")) for word, _ in sentence] for sentence in gold]
    Path("g").write_text(tsv(gold))
    Path("p").write_text(conllu(pred))
    a, b = ([tag for sentence in side for _, tag in sentence] for side in (gold, pred))
    found = scores(run("g p --json"))
    assert found["accuracy"] == pytest.approx(100 * accuracy_score(a, b), abs=1e-4)
    assert found["macro-f1"] == pytest.approx(100 * f1_score(a, b, average="macro"), abs=1e-4)
    for tag, value in zip("ABCDE", f1_score(a, b, average=None, labels=list("ABCDE")), strict=True):
        assert found[f"f1/{tag}"] == pytest.approx(100 * value, abs=1e-4)


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("gold.tsv missing.tsv", Failure, "no such file: missing.tsv"),
        ("goldd.tsv pred.tsv", Failure, "no such file: goldd.tsv .did you mean 'gold.tsv'"),
        ("gold.tsv .", Failure, ". is a folder"),
        ("gold.tsv empty", Failure, "empty: no tagged words"),
        ("gold.tsv broken", Failure, "broken, line 2: no tab"),
        ("gold.tsv latin", Failure, "latin, line 1, byte 2: not valid UTF-8"),
        ("gold.tsv shorter", Failure, "gold.tsv, line 5 has 'catssit' after 'thecatsat', but shorter ends after line 3"),
        ("gold.conllu pred.tsv --column xpos", Failure, "gold.conllu: column xpos holds no tags"),
        ("gold.tsv pred.tsv --column pos", UsageFailure, "--column pos: no such choice .did you mean 'xpos'|'upos'"),
        ("gold.tsv pred.tsv --metric acuracy", UsageFailure, "--metric acuracy: no such metric .did you mean 'accuracy'"),
        ("gold.tsv pred.tsv --metric f1/NUON", UsageFailure, "--metric f1/NUON: no such tag .*'NOUN'"),
        ("gold.tsv pred.tsv --metric accuracy/known", UsageFailure, "--metric accuracy/known needs --train FILE"),
        ("gold.tsv pred.tsv --metric feats", UsageFailure, "--metric feats needs --column feats"),
        ("- - ", UsageFailure, "standard input can be read only once"),
        ("- ", UsageFailure, "standard input can be read only once"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, line, kind, message):
    Path("empty").write_text("\n\n")
    Path("broken").write_text("the\tDET\ncat NOUN\n")
    Path("latin").write_bytes(b"n\xe9e\tX\n")
    Path("shorter").write_text(tsv(PRED[:1]))
    with pytest.raises(kind, match=message) as caught:
        run(line)
    assert caught.type is kind
    assert "\n" not in str(caught.value)


def test_invalid_utf8_can_be_replaced(run):
    Path("latin").write_bytes(tsv(PRED).encode().replace(b"VERB", b"\xe9", 1))
    assert run("gold.tsv latin --errors replace -b") == "80.00\n"


def test_a_bare_terminal_sees_the_help(run, monkeypatch):
    monkeypatch.setattr("seqcli.verbs.score.nothing_to_read", lambda files: not files)
    assert "Score outputs against references:" in run("gold.tsv")


def test_torch_is_not_imported(run):
    code = "import sys; from seqcli.verbs import score; import seqcli.metrics.tags; sys.exit('torch' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


@pytest.mark.parametrize("treebank", ["en_ewt", "fr_sequoia"])
def test_a_treebank_against_itself(run, treebank):
    path = DATA / "ud" / treebank / "test.conllu.gz"
    if not path.exists():
        pytest.skip(f"no {path}: set SEQ_DATA to the folder of data sets")
    found = objects(run(f"{path} {path} --json --resamples 20"))
    assert {line["score"] for line in found} == {100.0}
    assert found[0]["n"] > 10_000
