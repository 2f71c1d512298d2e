"""`seq score` on translations: sacreBLEU's numbers and signatures, streams, tests between systems, and what is wrong said."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from tests.conftest import ENVIRONMENT, SAMPLES, SEQ, seq

FOLDER = SAMPLES / "translation"
REF, REF2, GOOD, POOR = (FOLDER / name for name in ("ref.en", "ref2.en", "good.en", "poor.en"))
PEERS = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda **options: CHRF(word_order=2, **options), "ter": TER}
NAMES = ",".join(PEERS)


def lines(path):
    return path.read_text().split("\n")[:-1]


def objects(result):
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.lines]


@pytest.mark.parametrize("references", [[REF], [REF, REF2]])
def test_the_numbers_and_signatures_are_sacrebleus(invoke, references):
    more = [part for path in references[1:] for part in ("--ref", path)]
    found = objects(invoke("score", REF, GOOD, *more, "--metric", NAMES, "--json"))
    assert len(found) == len(PEERS)
    for record, (name, peer) in zip(found, PEERS.items(), strict=True):
        metric = peer()
        score = metric.corpus_score(lines(GOOD), [lines(path) for path in references])
        signature = metric.get_signature().format()
        assert record["name"] == score.name, name
        assert record["score"] == pytest.approx(score.score, abs=5e-9)
        assert record["signature"] == signature
        wanted = json.loads(score.format(width=9, signature=signature, is_json=True))
        assert {key: record[key] for key in wanted} == wanted | {"score": record["score"]}  # its shape, and more


def test_segments_are_scored_as_sacrebleu_scores_them(invoke):
    rows = invoke("score", REF, POOR, "--metric", "bleu,ter", "--by-line", "-w", "6").lines
    bleu, ter = BLEU(effective_order=True), TER()
    wanted = [
        f"{bleu.sentence_score(hyp, [ref]).score:.6f}\t{ter.sentence_score(hyp, [ref]).score:.6f}"
        for hyp, ref in zip(lines(POOR), lines(REF), strict=True)
    ]
    assert rows == wanted
    found = objects(invoke("score", REF, GOOD, POOR, "--metric", "bleu,ter", "--by-line", "--json"))
    assert [(record["system"], record["line"]) for record in found[:3]] == [(str(GOOD), 1), (str(POOR), 1), (str(GOOD), 2)]
    assert [f"{record['BLEU']:.6f}\t{record['TER']:.6f}" for record in found[1::2]] == wanted


def test_a_report(invoke):
    found = invoke("score", REF, GOOD)
    assert found.text == (
        f"{GOOD} beside {REF}\n"
        "\n"
        "metric  score\n"
        "BLEU    78.24  92.1/82.6/75.9/70.3 (BP = 0.980 ratio = 0.981 hyp_len = 101 ref_len = 103)\n"
        f"chrF2   {CHRF().corpus_score(lines(GOOD), [lines(REF)]).score:.2f}\n"
        "\n"
        f"BLEU   {signature(BLEU)}\n"
        f"chrF2  {signature(CHRF)}\n"
    )
    assert found.err == ""
    assert invoke("score", REF, GOOD, "-b").text == "78.24\n"
    assert invoke("score", REF, GOOD, "-b", "-w", "4").text == f"{BLEU().corpus_score(lines(GOOD), [lines(REF)]).score:.4f}\n"


def signature(peer):
    metric = peer()
    metric.corpus_score(["a"], [["a"]])
    return metric.get_signature().format()


def test_systems_are_tested_against_the_first(invoke):
    found = invoke("score", REF, GOOD, POOR, POOR, "--paired", "bs", "--metric", "bleu,chrf")
    head, good, poor, again = (re.split(r"\s{2,}", line) for line in found.lines[:4])
    assert head == ["system", "BLEU", "95 % interval", "p", "chrF2", "95 % interval", "p"]
    assert len(good) == 5
    assert poor[4] in ("*", "**", "***")
    assert poor[1:] == again[1:]
    assert "bs:1000|seed:12345" in found.text
    records = objects(invoke("score", REF, GOOD, POOR, "--paired", "ar", "--json", "--metric", "bleu", "--resamples", "99"))
    assert records[1]["p_value"] == 0.01
    assert "p_value" not in records[0]
    assert "|ar:99|seed:12345|" in records[0]["signature"]
    [record] = objects(invoke("score", REF, GOOD, "--confidence", "--json", "--metric", "bleu", "--seed", "5"))
    assert record["low"] < record["score"] < record["high"]
    assert re.fullmatch(r"μ = \d+\.\d\d ± \d+\.\d\d", record["confidence"])
    assert "|bs:1000|seed:5|" in record["signature"]


def test_standard_input_and_packed_files(invoke, tmp_path):
    wanted = invoke("score", REF, GOOD, "--metric", NAMES, "--json").text
    assert invoke("score", REF, "--metric", NAMES, "--json", stdin=GOOD.read_bytes()).text == wanted.replace(str(GOOD), "<stdin>")
    packed = tmp_path / "good.en.gz"
    packed.write_bytes(gzip.compress(GOOD.read_bytes().replace(b"\n", b"\r\n")))
    assert invoke("score", REF, packed, "--metric", NAMES, "--json").text == wanted.replace(str(GOOD), str(packed))


def test_columns_and_missing_references(invoke, tmp_path):
    table = tmp_path / "table.tsv"
    rows = zip(lines(REF), lines(GOOD), lines(REF2), strict=True)
    table.write_text("first\tgood\tsecond\n" + "".join("\t".join(row) + "\n" for row in rows))
    wanted = invoke("score", REF, GOOD, "-b").text
    assert invoke("score", table, table, "--ref-column", "first", "--hyp-column", "good", "-b").text == wanted
    headless = tmp_path / "headless.tsv"
    headless.write_text("".join(table.read_text().splitlines(keepends=True)[1:]))
    assert invoke("score", headless, headless, "--ref-column", "1", "--hyp-column", "2", "-b").text == wanted
    sparse = [line if i % 3 else None for i, line in enumerate(lines(REF2))]
    other = tmp_path / "sparse.en"
    other.write_text("".join(f"{line if line is not None else 'NONE'}\n" for line in sparse))
    found = objects(invoke("score", REF, GOOD, "--ref", other, "--absent", "NONE", "--json", "--metric", NAMES))
    for record, peer in zip(found, PEERS.values(), strict=True):
        metric = peer()
        assert record["score"] == pytest.approx(metric.corpus_score(lines(GOOD), [lines(REF), sparse]).score, abs=5e-9)
        assert record["signature"] == metric.get_signature().format()
        assert record["nrefs"] == "var"
    invoke("score", other, GOOD, "--absent", "NONE").fails(1, str(other), "line 1: no reference has this segment")


def test_processes_change_nothing(tmp_path, invoke):
    ref, hyp = tmp_path / "ref", tmp_path / "hyp"
    ref.write_bytes(REF.read_bytes() * 1500)
    hyp.write_bytes((GOOD.read_bytes() + POOR.read_bytes()) * 750)
    one, two = (
        invoke("score", ref, hyp, "--metric", NAMES, "--confidence", "--resamples", "20", "--json", "-j", jobs) for jobs in (1, 2)
    )
    assert one.text == two.text
    assert one.code == 0
    rows = [invoke("score", ref, hyp, "--metric", "bleu", "--by-line", "-j", jobs).lines for jobs in (1, 2)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 15_000


def test_every_option_reaches_its_metric(invoke):
    options = {
        "bleu": [
            "--lowercase",
            "--tokenize intl",
            "--smooth floor",
            "--smooth add-k --smooth-value 2",
            "--max-order 2",
            "--effective-order",
        ],
        "chrf": ["--lowercase", "--char-order 3", "--word-order 1", "--whitespace", "--eps-smoothing"],
        "ter": ["--normalized", "--no-punct", "--normalized --asian-support", "--case-sensitive"],
    }
    for metric, flags in options.items():
        [plain] = objects(invoke("score", REF, POOR, "--metric", metric, "--json"))
        for flag in flags:
            [record] = objects(invoke("score", REF, POOR, "--metric", metric, "--json", *flag.split()))
            assert record["signature"] != plain["signature"], flag


FAILURES: dict[str, tuple[list[object], int, str]] = {
    "shorter": (["score", REF, "short"], 1, "has 10 lines, short 9"),
    "empty": (["score", "empty", "empty"], 1, "empty is empty"),
    "folder": (["score", FOLDER, GOOD], 1, "is a folder"),
    "missing": (["score", REF, "shrot"], 1, "did you mean 'short'?"),
    "utf-8": (["score", REF, "bad"], 1, "bad, line 3, byte 5: not valid UTF-8"),
    "metric": (["score", REF, GOOD, "--metric", "blue"], 2, "did you mean 'bleu'?"),
    "kinds": (["score", REF, GOOD, "--metric", "bleu,mae"], 2, "different kinds of files"),
    "tokenizer": (["score", REF, GOOD, "--tokenize", "13b"], 2, "did you mean '13a'?"),
    "smoothing": (["score", REF, GOOD, "--smooth-value", "1"], 2, "--smooth-value means nothing to --smooth exp"),
    "idle option": (["score", REF, GOOD, "--metric", "bleu", "--beta", "3"], 2, "--beta means nothing to BLEU"),
    "one system": (["score", REF, GOOD, "--paired", "bs"], 2, "name the baseline and at least one more HYP"),
    "no test": (["score", REF, GOOD, "--resamples", "9"], 2, "--resamples asks for no test"),
    "test by line": (["score", REF, GOOD, "--by-line", "--confidence"], 2, "test whole files"),
    "column": (["score", REF, GOOD, "--hyp-column", "7"], 1, "good.en, line 1: no column 7"),
    "stdin twice": (["score", "-", "-"], 2, "standard input can be read only once"),
    "labels": (["score", "labels", "labels", "--metric", "accuracy", "--paired", "bs"], 2, "--paired is for metrics of text"),
    "tokenizer not there": (["score", REF, GOOD, "--tokenize", "ja-mecab"], 1, "sacreBLEU cannot set it up"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_is_wrong_is_said(case, invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("short").write_text("".join(f"{line}\n" for line in lines(GOOD)[:-1]))
    Path("empty").touch()
    Path("bad").write_bytes(b"a\nb\nabcd\xff\n" + b"x\n" * 8)
    Path("labels").write_text("x\ny\n")
    arguments, code, said = FAILURES[case]
    assert invoke(*arguments).fails(code, said).out == b""


def test_nothing_matches(invoke, tmp_path):
    nothing, other = tmp_path / "nothing", tmp_path / "other"
    nothing.write_text("\n\n\n")
    other.write_text("a b\nc\nd\n")
    for pair in ((nothing, nothing), (nothing, other), (other, nothing)):
        found = objects(invoke("score", *pair, "--metric", NAMES, "--json", "--confidence"))
        for record, peer in zip(found, PEERS.values(), strict=True):
            assert record["score"] == pytest.approx(peer().corpus_score(lines(pair[1]), [lines(pair[0])]).score)


def test_tokenized_text_is_told(invoke, tmp_path):
    ref, hyp = tmp_path / "ref", tmp_path / "hyp"
    ref.write_text("It rains.\n" * 100)
    hyp.write_text("It rains .\n" * 100)
    assert "100 lines end in ' .'" in invoke("score", ref, hyp).err
    assert invoke("score", ref, hyp, "--quiet").err == ""


def test_a_closed_pipe_ends_quietly(tmp_path):
    ref = tmp_path / "ref"
    ref.write_bytes(REF.read_bytes() * 20_000)
    done = seq_shell(f"score {ref} {ref} --metric bleu --by-line | head -1")
    assert done == ("100.00\n", "")


def seq_shell(command):
    """What a pipeline prints, on both streams."""
    done = subprocess.run(
        f"{' '.join(SEQ)} {command}", shell=True, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=True
    )
    return done.stdout, done.stderr


LOADED = """
import runpy, sys
sys.argv = ["seq", "score", *sys.argv[1:]]
try:
    runpy.run_module("seqcli", run_name="__main__")
except SystemExit:
    print(*({"sacrebleu", "torch", "rouge_score", "nltk", "concurrent.futures"} & sys.modules.keys()), file=sys.stderr)
"""


def test_a_short_score_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(REF), str(GOOD)], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stderr.strip() == ""
    assert "BLEU" in done.stdout


def test_help_says_what_is_slower():
    said = seq("score", "--help").text
    for word in ("sacreBLEU's own tokenizers", "--paired", "--by-line"):
        assert word in said
