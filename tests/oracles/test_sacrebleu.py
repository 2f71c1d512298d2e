"""WMT 2021 as sacreBLEU scores it: systems and references, one and several, tokenizers, sentences, signatures, through the command."""

import json
import os
from pathlib import Path

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from tests.conftest import ROOT

WMT = Path(os.environ.get("SEQ_DATA", ROOT.parent / "shared" / "data")) / "wmt21"
TOKENIZERS = ("13a", "none", "char", "intl", "zh")
METRICS = {"chrf": CHRF, "chrf++": lambda **given: CHRF(word_order=2, **given), "ter": TER}


def lines(path):
    return [line.rstrip("\r") for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def settings(direction):
    """References one by one, and all of them."""
    references = sorted((WMT / direction).glob("ref.*"))
    return [*([reference] for reference in references), references]


def check(invoke, references, systems, metrics):
    """Each metric of each system, to nine decimals; its sentences, to six."""
    texts = [lines(path) for path in references]
    more = [part for path in references[1:] for part in ("--ref", path)]
    for flags, peer in metrics:
        arguments = ("score", references[0], *systems, *more, *flags)
        found = [json.loads(line) for line in invoke(*arguments, "--json").lines]
        rows = [row.split("\t") for row in invoke(*arguments, "--by-line", "-w", "6").lines]
        assert len(found) == len(systems)
        for s, (record, system) in enumerate(zip(found, systems, strict=True)):
            metric = peer(references=texts)
            score = metric.corpus_score(lines(system), None)
            assert record["score"] == pytest.approx(score.score, abs=5e-9)
            assert record.get("verbose_score", "") == score._verbose
            assert record["signature"] == metric.get_signature().format()
            if "bleu" in flags:
                metric.effective_order = True
            for i in range(0, len(rows), 25):
                alone = metric.sentence_score(lines(system)[i], [text[i] for text in texts]).score
                assert rows[i][s] == f"{alone:.6f}"


def bleu(tokenizer):
    return ["--metric", "bleu", "--tokenize", tokenizer], lambda **given: BLEU(tokenize=tokenizer, **given)


@pytest.mark.corpus
@pytest.mark.parametrize("direction", ["en-de", "de-en"])
def test_some_systems(direction, invoke):
    if not WMT.exists():
        pytest.skip(f"no {WMT}: set SEQ_DATA to the folder of data sets")
    systems = sorted((WMT / direction).glob("hyp.*"))[:1]
    one, *_, several = settings(direction)
    check(invoke, several, systems, [bleu("13a")])
    check(invoke, one, systems, [(["--metric", name], METRICS[name]) for name in ("chrf++", "ter")])


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("direction", ["en-de", "de-en"])
@pytest.mark.parametrize("chosen", [*TOKENIZERS, *METRICS])
def test_every_system_and_reference(direction, chosen, invoke):
    if not WMT.exists():
        pytest.skip(f"no {WMT}: set SEQ_DATA to the folder of data sets")
    systems = sorted((WMT / direction).glob("hyp.*"))
    metric = bleu(chosen) if chosen in TOKENIZERS else (["--metric", chosen], METRICS[chosen])
    for references in settings(direction):
        check(invoke, references, systems, [metric])
