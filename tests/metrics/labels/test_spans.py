"""Spans of tags, against seqeval and against a plain reading of them."""

import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import UsageFailure
from seqcli.metrics import Request, report
from seqcli.metrics.labels import schemes, spans
from seqcli.metrics.labels.schemes import SCHEMES, Tagset
from tests.metrics.labels.asking import ask, fails, scores

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
TYPES = ("PER", "LOC", "creative-work")


def tags_of(scheme):
    """One tag of a scheme; some without a type."""
    prefixes = [prefix for prefix in SCHEMES[scheme].prefixes if prefix != "O"]
    return st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in TYPES), *prefixes])


def pairs_of(scheme):
    """Sentences of pairs of tags, right and guessed."""
    tag = tags_of(scheme)
    sentence = st.lists(st.one_of(st.tuples(tag, tag), tag.map(lambda one: (one, one))), min_size=1, max_size=9)
    return st.lists(sentence, min_size=1, max_size=5)


def plain(sentences):
    return "".join(" ".join(tags) + "\n" for tags in sentences)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_as_seqeval_has_it(scheme):
    seqeval = pytest.importorskip("seqeval.metrics")
    options = {"mode": "strict", "scheme": getattr(pytest.importorskip("seqeval.scheme"), scheme)} if scheme else {}

    @given(pairs_of(scheme))
    def check(sentences):
        gold, pred = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
        [evaluation] = ask(spans, plain(gold), plain(pred), scheme=scheme)
        found = scores(evaluation)
        assert math.isclose(found["span-accuracy"], 100 * seqeval.accuracy_score(gold, pred))
        if not any(score.name == "span-f1" and score.counts["gold"] + score.counts["predicted"] for score in evaluation.headline):
            return  # seqeval fails, or says 0, where there are no spans at all
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for average, name in (("micro", "span-f1"), ("macro", "span-macro-f1"), ("weighted", "span-weighted-f1")):
                expected = 100 * seqeval.f1_score(gold, pred, average=average, **options)
                assert math.isclose(0 if math.isnan(found[name]) else found[name], expected, abs_tol=1e-9), name
            told = seqeval.classification_report(gold, pred, output_dict=True, **options)
        by_type = {score.name.removeprefix("span-f1/"): score for score in evaluation.details}
        assert by_type.keys() == {name for name in told if not name.endswith(" avg")}
        for kind, score in by_type.items():
            assert math.isclose(score.score, 100 * told[kind]["f1-score"], abs_tol=1e-9)
            assert score.counts["precision"] == pytest.approx(100 * told[kind]["precision"], abs=1e-4)
            assert score.counts["recall"] == pytest.approx(100 * told[kind]["recall"], abs=1e-4)
            assert score.counts["gold"] == told[kind]["support"]

    check()


@given(st.lists(st.lists(st.sampled_from([None, *TYPES]), min_size=1, max_size=8), min_size=1, max_size=4), st.randoms())
def test_spans_survive_every_scheme(sentences, random):
    """Random spans written in a scheme and read back are the same spans."""
    wanted = []  # (sentence, start, end, type)
    for number, kinds in enumerate(sentences):
        at = 0
        while at < len(kinds):
            end = min(len(kinds), at + random.randint(1, 3))
            if kinds[at]:
                wanted.append((number, at, end, kinds[at]))
            at = end
    for scheme, prefixes in {"IOB2": "BBI", "IOBES": "SBE", "BILOU": "UBL", "IOE2": "EIE", "": "BBI"}.items():
        single, first, last = list(prefixes)
        tags = [["O"] * len(kinds) for kinds in sentences]
        for number, start, end, kind in wanted:
            inner = [first, *"I" * (end - start - 2), last] if end - start > 1 else [single]
            tags[number][start:end] = [f"{prefix}-{kind}" for prefix in inner]
        names = sorted({tag for sentence in tags for tag in sentence})
        tagset = Tagset.of(names, scheme)
        lengths = np.array([len(sentence) for sentence in tags])
        ids = np.array([names.index(tag) for sentence in tags for tag in sentence])
        found = schemes.extract(tagset, ids, lengths, SCHEMES[scheme])
        offsets = (np.cumsum(lengths) - lengths)[found.sentence]
        kinds = [tagset.types[kind] for kind in found.kind.tolist()]
        places = (column.tolist() for column in (found.sentence, found.start - offsets, found.end - offsets))
        assert list(zip(*places, kinds, strict=True)) == wanted


GOLD = "Anna\tB-PER\nSmith\tI-PER\nleft\tO\n\nParis\tB-LOC\n"
PRED = "Anna\tB-PER\nSmith\tI-PER\nleft\tO\n\nParis\tB-PER\n"


def conllu(text):
    rows = []
    for sentence in text.split("\n\n"):
        for number, row in enumerate(sentence.strip().split("\n"), 1):
            form, tag = row.split("\t")
            rows.append(f"{number}\t{form}\t_\t_\t{tag}" + 5 * "\t_")
        rows.append("")
    return "# text = ...\n" + "\n".join(rows) + "\n"


def test_all_formats_say_the_same():
    expected = {"span-f1": 50.0, "span-macro-f1": pytest.approx(100 / 3), "span-weighted-f1": pytest.approx(100 / 3),
                "span-accuracy": 75.0, "span-f1/PER": pytest.approx(200 / 3), "span-f1/LOC": 0.0}  # fmt: skip
    for reference in (GOLD, conllu(GOLD), "B-PER I-PER O\nB-LOC\n"):
        for system in (PRED, conllu(PRED), "B-PER I-PER O\n\nB-PER\n"):
            [evaluation] = ask(spans, reference, system, column="xpos")
            assert scores(evaluation) == expected
    assert evaluation.about.endswith("4 words in 2 sentences, 2 spans")


def test_a_sentence_is_a_segment():
    [evaluation] = ask(spans, GOLD, PRED)
    rows = list(report.by_line([evaluation], as_objects=False))
    assert rows == ["100.00\t1\t1\t1\t1\tAnna Smith left", "0.00\t0\t1\t1\t5\tParis"]
    [evaluation] = ask(spans, "O O\nB-X\n", "O O\nB-X\n")
    assert list(report.by_line([evaluation], as_objects=False)) == ["–\t0\t0\t0\t1\tO O", "100.00\t1\t1\t1\t2\tB-X"]


def test_one_type_precision_and_recall():
    [evaluation] = ask(spans, GOLD, PRED, metrics="span-recall,span-f1/PER,span-precision")
    assert list(scores(evaluation).values()) == [50.0, pytest.approx(200 / 3), 50.0]
    assert not evaluation.details
    assert evaluation.headline[0].signature.startswith("spans|conlleval|")
    [evaluation] = ask(spans, GOLD, PRED, metrics="span-f1", scheme="bio", resamples=20)
    assert evaluation.headline[0].signature.startswith("spans|strict:IOB2|seed:")


def test_no_spans_at_all_is_a_dash():
    [evaluation] = ask(spans, "O O\n", "O O\n", resamples=10)
    assert math.isnan(scores(evaluation)["span-f1"])
    assert scores(evaluation)["span-accuracy"] == 100


def test_what_is_wrong_is_said():
    fails(["the words differ", "'Anna'", "line 1", "'Anne'"], spans, GOLD, PRED.replace("Anna", "Anne"))
    fails(["ref has 4 tags", "sys0 has 3"], spans, GOLD, PRED.removesuffix("Paris\tB-PER\n"))
    fails(["ref has 2 sentences", "sys0 has 1"], spans, GOLD, PRED.replace("\n\n", "\n"))
    fails("sentence 1 has 3 tags in", spans, GOLD, "O O\nO O\n")
    fails(
        ["sys0, line 5: 'NOUN' is no tag of spans", "--column"], spans, GOLD, PRED.replace("B-PER\n", "NOUN\n").replace("NOUN", "O", 1)
    )
    fails(["'U-PER' is of a scheme", "--scheme BILOU"], spans, "U-PER\n", "O\n")
    fails(["'E-PER' is no tag of IOB2", "--scheme IOE1 or"], spans, "E-PER\n", "O\n", scheme="IOB2")
    fails(["no such type", "did you mean 'PER'?"], spans, GOLD, PRED, metrics="span-f1/PERS", error=UsageFailure)
    fails(["--scheme IOB3", "did you mean 'IOB2'?"], spans, GOLD, PRED, scheme="IOB3", error=UsageFailure)
    fails("--column 2: no such column", spans, GOLD, PRED, column="2", error=UsageFailure)
    fails("ref is empty", spans, "", "O\n")
    fails("sys0: no tags", spans, "O\n", "\n\n")
    fails("sys0, line 2, byte 1", spans, GOLD, PRED.encode().replace(b"Smith", b"\xff"))


def test_a_token_may_be_a_hash():
    [evaluation] = ask(spans, "#\tO\n", "#\tO\n")
    assert scores(evaluation)["span-accuracy"] == 100


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["wnut17/dev.conll", "wikigold/dev.conll", "germeval14/dev.conll.gz"])
def test_a_corpus_of_names(name):
    path = DATA / "ner" / name
    if not path.exists():
        pytest.skip(f"no {path}: set SEQ_DATA to the folder of data sets")
    [evaluation] = spans.evaluate(Request(reference=path, systems=[path], resamples=20))
    assert {score.score for score in [*evaluation.headline, *evaluation.details]} == {100.0}
    assert evaluation.headline[0].counts["gold"] > 500
