"""Scores by length: a bin's score is that of its segments alone, whatever the batches, and no segment is lost."""

import gzip
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import Failure, UsageFailure
from seqcli.metrics import Request, evaluate, report
from seqcli.metrics import text as scoring
from seqcli.report.comparison import LENGTH_LABELS, LENGTHS, words
from seqcli.report.gather import Gatherer
from seqcli.report.lengths import LONGEST, ByLength, bins_of, labels, starts
from tests.report.conftest import read

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "house", "big", "red"]
BINS = [0, 4, 6, 9]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Sources, a reference and two systems that err more the longer the sentence is, as (folder, columns)."""
    folder = tmp_path_factory.mktemp("lengths")
    draw = random.Random(5)
    references = [" ".join(draw.choices(WORDS, k=1 + draw.randrange(11))) for _ in range(200)]
    columns = {"ref": references, "src": [" ".join(draw.choices(WORDS, k=1 + draw.randrange(11))) for _ in range(200)]}
    for name, share in (("one", 0.1), ("two", 0.03)):
        columns[name] = [
            " ".join(draw.choice(WORDS) if draw.random() < share * i else word for i, word in enumerate(line.split()))
            for line in references
        ]
    for name, lines in columns.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder, columns


def request(folder, **settings):
    return Request(
        reference=folder / "ref", systems=[folder / "one", folder / "two"], metrics=("bleu", "chrf"), resamples=0, **settings
    )


@pytest.mark.parametrize("side", ["ref", "src"])
def test_a_bin_is_scored_as_its_segments_alone(files, tmp_path, side, monkeypatch):
    folder, columns = files
    monkeypatch.setattr(scoring, "SIZE", 32)
    lengths = ByLength(2, BINS, folder / "src" if side == "src" else None)
    evaluate(request(folder), lengths)
    found = lengths.scores()
    assert (found.side, found.labels) == ({"ref": "reference", "src": "source"}[side], ["0–3", "4–5", "6–8", "9+"])
    assert sum(found.segments) == 200
    for k, (low, high) in enumerate(zip(BINS, [*BINS[1:], 999], strict=True)):
        rows = [i for i, line in enumerate(columns[side]) if low <= words(line) < high]
        assert found.segments[k] == len(rows)
        for name in ("ref", "one", "two"):
            (tmp_path / name).write_text("".join(f"{columns[name][i]}\n" for i in rows))
        expected = [[score.score for score in each.headline] for each in evaluate(request(tmp_path))]
        assert found.scores[:, :, k] == pytest.approx(np.array(expected))


def test_equal_bins(files):
    folder, _ = files
    lengths = ByLength(2, 3, folder / "src")
    evaluate(request(folder), lengths)
    found = lengths.scores()
    assert len(found.segments) == 3
    assert sum(found.segments) == 200
    assert max(found.segments) - min(found.segments) < 40


@given(st.lists(st.integers(0, LONGEST), max_size=60), st.integers(2, 9))
def test_bins_hold_every_length(lengths, bins):
    counts = np.bincount(lengths, minlength=LONGEST + 1)
    begin = starts(bins, counts)
    assert begin[0] == 0
    assert begin == sorted(set(begin))
    assert 1 <= len(begin) <= bins
    assert len(labels(begin)) == len(begin)
    sizes = np.add.reduceat(counts, begin)
    assert sizes.sum() == len(lengths)
    commonest = int(counts.max(initial=0))
    assert max(sizes) <= len(lengths) / bins + 2 * commonest + 1  # a length is not divided


def test_what_is_told(files):
    folder, _ = files
    lengths = ByLength(2, [0, 6], folder / "src")
    evaluations = evaluate(request(folder), lengths)
    lengths.tell(evaluations)
    said = "\n".join(report.text(evaluations, details=False))
    assert "BLEU by length\nsource words  segments" in said
    assert "chrF2 by length" in said
    found = lengths.scores()
    scores = [score for each in evaluations for score in each.details]
    assert [(each.name, each.counts) for each in scores[:2]] == [
        ("BLEU", {"source_words": "0–5", "segments": found.segments[0]}),
        ("BLEU", {"source_words": "6+", "segments": found.segments[1]}),
    ]
    assert [each.score for each in scores] == found.scores.ravel().tolist()
    assert len(list(report.json_lines(evaluations))) == 4 + 8


def test_the_page_has_the_bins(files):
    folder, _ = files
    lengths = ByLength(2, 3, folder / "src")
    page = Gatherer("test", 2, lengths=lengths)
    root = read(page.page(evaluate(request(folder), page)))
    chart = root.all("svg", class_="lines")[0]
    found = lengths.scores()
    assert [node.text for node in chart.all("text", class_="x")][::2] == found.labels
    assert "words in the source" in root.text
    plain = Gatherer("test", 2)
    evaluations = evaluate(request(folder), plain)
    assert "words in the reference" in read(plain.page(evaluations)).text
    assert list(plain.lengths.scores().labels) == list(LENGTH_LABELS)
    assert plain.lengths.bins == LENGTHS


def test_the_first_reference_that_is_there(tmp_path):
    (tmp_path / "ref").write_text("NONE\na b c\n")
    (tmp_path / "more").write_text("a b c d e f g\nNONE\n")
    for name in ("one", "two"):
        (tmp_path / name).write_text("a b\na b\n")
    asked = replace(request(tmp_path), more_references=[tmp_path / "more"], absent="NONE")
    lengths = ByLength(2, [0, 4, 9], absent="NONE")
    evaluate(asked, lengths)
    assert lengths.scores().segments == [1, 1, 0]
    assert np.isnan(lengths.scores().scores[:, :, 2]).all()


def test_long_segments(tmp_path):
    for name in ("ref", "one", "two"):
        (tmp_path / name).write_text("a " * (3 * LONGEST) + "\nb\n")
    lengths = ByLength(2, [0, 4, LONGEST])
    evaluate(request(tmp_path), lengths)
    assert lengths.scores().segments == [1, 0, 1]


@pytest.mark.parametrize("count", [3, 250])
def test_a_source_of_another_length(files, tmp_path, count):
    folder, _ = files
    source = tmp_path / "src.gz"
    source.write_bytes(gzip.compress(b"a b\n" * count))
    lengths = ByLength(2, BINS, source)
    evaluate(request(folder), lengths)
    with pytest.raises(Failure, match=rf"src\.gz has {count} lines, .*ref 200"):
        lengths.scores()


@pytest.mark.parametrize("said", ["", "8,", "a", "1", "51", "8,8", "12,8", "0,8", "8,500", "-8,9", "8.5", "²,9"])
def test_bins_that_cannot_be(said):
    with pytest.raises(UsageFailure, match="--by-length"):
        bins_of(said)


def test_bins_that_can_be():
    assert (bins_of("8, 12"), bins_of("2")) == ([0, 8, 12], 2)
