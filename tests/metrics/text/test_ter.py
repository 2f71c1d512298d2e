"""TER against sacreBLEU's, which is its definition, and edit distances against the plain table."""

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import lib_ter
from sacrebleu.metrics.ter import TER

from seqcli.metrics.text import ter_beam, ter_distance, ter_shifts
from seqcli.metrics.text.metric import Lines, Metric
from seqcli.metrics.text.ter import Ter
from seqcli.metrics.text.ter_shifts import edits
from seqcli.metrics.text.tokens import Ragged

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
OPTIONS = ("normalized", "no_punct", "asian_support", "case_sensitive")
WORDS = (
    "the",
    "The",
    "cat,",
    "(sat)",
    "on",
    "it's",
    "3.5",
    "ÄPFEL",
    "İstanbul",
    "ΟΔΟΣ",
    "ß",
    "猫です。",
    "ｶﾅ、",
    "&quot;x&quot;",
    "e-mail",
    "—",
)
BLANKS = (" ", "  ", "\t", "\u00a0", "\u3000")


def ragged(sentences):
    return Ragged(
        np.array([word for words in sentences for word in words], dtype=np.int64), np.array([*map(len, sentences)], dtype=np.int64)
    )


def expected(hypotheses, references):
    return [lib_ter.translation_edit_rate(*pair)[0] for pair in zip(hypotheses, references, strict=True)]


def theirs(hypothesis, references, **options):
    found = TER(**options)._extract_corpus_statistics(hypothesis, references)
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def shifted(rng, words, changes, kinds):
    """The sentence with stretches moved, words replaced, dropped and added."""
    words = list(words)
    for change in rng.integers(0, 5, size=changes).tolist():
        at, to = rng.integers(0, len(words) + 1, size=2).tolist()
        if change < 2:
            stretch = words[at : at + int(rng.integers(1, 13))]
            del words[at : at + len(stretch)]
            words[to:to] = stretch
        else:
            words[at : at + (change > 2)] = rng.integers(0, kinds, size=int(change < 4)).tolist()
    return words


def corpus(seed, size, most, kinds):
    """Pairs of up to so many words of so many kinds, most of them related."""
    rng = np.random.default_rng(seed)
    references = [rng.integers(0, kinds, size=rng.integers(0, most + 1)).tolist() for _ in range(size)]
    hypotheses = [shifted(rng, words, rng.integers(0, 9), kinds) for words in references]
    for at in range(0, size, 7):
        hypotheses[at] = rng.integers(0, kinds, size=rng.integers(0, most + 1)).tolist()
    return hypotheses, references


sentences = st.integers(1, 4).flatmap(
    lambda kinds: st.lists(st.tuples(*[st.lists(st.integers(0, kinds), max_size=12)] * 2), max_size=8)
)


@given(sentences)
def test_small_pairs_are_as_sacrebleu_has_them(pairs):
    hypotheses, references = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert edits(ragged(hypotheses), ragged(references)).tolist() == expected(hypotheses, references)


@pytest.mark.parametrize(("size", "most", "kinds"), [(150, 20, 4), (80, 30, 12), (30, 50, 40), (15, 80, 80)])
def test_longer_pairs_are_as_sacrebleu_has_them(size, most, kinds):
    hypotheses, references = corpus(size, size, most, kinds)
    assert edits(ragged(hypotheses), ragged(references)).tolist() == expected(hypotheses, references)


def test_where_the_beam_matters(monkeypatch):
    rng = np.random.default_rng(0)
    references = [rng.permutation(70).tolist() for _ in range(6)]
    hypotheses = [references[0][:14], references[1][46:65] + references[1][:30]]  # cut short; a stretch from far away
    hypotheses += [references[2][40:41], references[3] * 2]  # so short that the beam is widened; twice as long
    hypotheses += [references[4][40:] + references[4][:23], rng.permutation(references[5]).tolist()]
    right = expected(hypotheses, references)
    assert edits(ragged(hypotheses), ragged(references)).tolist() == right
    monkeypatch.setattr(ter_shifts, "BEAM", 1000)
    assert edits(ragged(hypotheses), ragged(references)).tolist() != right


def test_a_distance_that_keeps_to_the_beam_is_the_same_in_both_ways():
    hypotheses, references = corpus(1, 40, 24, 5)
    pairs = sorted(zip(hypotheses, references, strict=True), key=lambda pair: -len(pair[0]))
    sides = [ragged([pair[side] for pair in pairs if all(pair)]) for side in (0, 1)]
    text = np.moveaxis(ter_distance.match_bits(*sides), 0, 2)
    lengths = [side.lengths for side in sides]
    np.testing.assert_array_equal(ter_distance.distances(text, *lengths), ter_beam.distances(text, *lengths))
    ours, beam = ter_distance.align(text, *lengths), ter_beam.align(text, *lengths)
    np.testing.assert_array_equal(ours.columns, beam.columns)
    np.testing.assert_array_equal(ours.kept, beam.kept)


def test_no_more_shifts_are_tried_than_sacrebleu_tries(monkeypatch):
    rng = np.random.default_rng(1)
    hypotheses, references = [rng.integers(0, 3, size=(6, 40)).tolist() for _ in range(2)]
    right = expected(hypotheses, references)
    assert edits(ragged(hypotheses), ragged(references)).tolist() == right
    monkeypatch.setattr(ter_shifts, "TRIES", 1 << 30)
    assert edits(ragged(hypotheses), ragged(references)).tolist() != right


def test_words_farther_away_than_a_shift_reaches():
    tail = list(range(1, 56))
    references, hypotheses = [[0, *tail]] * 2, [[*tail, 0], [*tail[:50], 0, *tail[50:]]]
    assert edits(ragged(hypotheses), ragged(references)).tolist() == expected(hypotheses, references) == [2, 1]


def test_batches_change_nothing(monkeypatch):
    sides = [ragged(side) for side in corpus(3, 60, 30, 8)]
    whole = edits(*sides)
    for name, value in {"PAIRS": 7, "CELLS": 50, "MATCHES": 30}.items():
        monkeypatch.setattr(ter_shifts, name, value)
        monkeypatch.setattr(ter_distance, "CELLS", 9)
        np.testing.assert_array_equal(edits(*sides), whole)


def plain_distance(one, other):
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, theirs in enumerate(other, start=1):
            last, row[j] = row[j], min(last + (word != theirs), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@pytest.mark.parametrize("most", [10, 64, 140])
def test_distances_are_those_of_the_plain_table(most):
    pairs = sorted(zip(*corpus(most, 30, most, 6), strict=True), key=lambda pair: -len(pair[0]))
    sides = [ragged([pair[side] for pair in pairs]) for side in (0, 1)]
    text = np.moveaxis(ter_distance.match_bits(*sides), 0, 2)
    lengths = [side.lengths for side in sides]
    distances = ter_distance.distances(text, *lengths)
    assert distances.tolist() == [plain_distance(*pair) for pair in pairs]
    alignment = ter_distance.align(text, *lengths)
    for n, (one, other) in enumerate(pairs):
        rows, columns = np.flatnonzero(alignment.kept[:, n]), alignment.columns[:-1, n][alignment.kept[:, n]]
        assert [one[row] for row in rows] == [other[column] for column in columns]
        before, after = alignment.columns[: len(one), n], alignment.columns[1 : len(one) + 1, n]
        assert (before <= after).all()
        assert len(rows) >= max(len(one), len(other)) - distances[n]


lines = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(BLANKS)), max_size=12).map(
    lambda parts: "".join(map("".join, parts))
)
segments = st.lists(st.tuples(lines, lines, st.none() | lines, st.none() | lines), min_size=1, max_size=6)


@given(segments, st.sampled_from([dict(zip(OPTIONS, flags, strict=True)) for flags in product([False, True], repeat=4)]))
@settings(max_examples=200)
def test_statistics_are_sacrebleus(rows, options):
    hypothesis, *references = map(list, zip(*rows, strict=True))
    sides = [
        Lines([text or "" for text in each], None if None not in each else np.array([text is not None for text in each]))
        for each in references
    ]
    metric = Ter(**options)
    found = metric.statistics(Lines(hypothesis), sides)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, theirs(hypothesis, references, **options))
    single = [TER(**options).sentence_score(row[0], [text for text in row[1:] if text is not None]).score for row in rows]
    assert metric.segment_score(found).tolist() == single


def test_lines_without_words():
    hypothesis, reference = ["", "", "a b", " "], ["", "a", "", "\t"]
    found = Ter().statistics(Lines(hypothesis), [Lines(reference)])
    np.testing.assert_array_equal(found, theirs(hypothesis, [reference]))
    assert Ter().segment_score(found).tolist() == [0, 100, 100, 0]


@pytest.mark.parametrize("flags", list(product([False, True], repeat=4)))
def test_the_signature_is_sacrebleus(flags):
    options = dict(zip(OPTIONS, flags, strict=True))
    metric: Metric = Ter(**options)
    peer = TER(**options)
    peer.corpus_score(["a"], [["a"]])
    text = "|".join(f"{key}:{value}" for key, value in metric.signature().items())
    assert f"nrefs:1|{text}|version:" in str(peer.get_signature())
    assert (metric.name, metric.lower_is_better, metric.verbose(np.zeros(2))) == ("TER", True, "")


def test_sums_in_single_precision_make_scores_in_single_precision():
    sums = np.random.default_rng(0).uniform(0, 1e5, size=(500, 2)).astype(np.float32)
    sums[:3] = [[0, 0], [5, 0], [0, 7]]
    for dtype in (np.float32, np.float64):
        found = Ter().score(sums.astype(dtype))
        assert found.dtype == dtype
        assert found.tolist() == [float(TER()._compute_score_from_stats(row).score) for row in sums.astype(dtype)]
    np.testing.assert_array_equal(Ter().score(sums.reshape(50, 10, 2)), Ter().score(sums).reshape(50, 10))


def read(path):
    if not path.exists():
        pytest.skip(f"no {path}: set SEQ_DATA to the folder of data sets")
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def systems(pair):
    names = sorted((DATA / "wmt21" / pair).glob("hyp.*"))
    return [read(name) for name in names] or pytest.skip(f"no {DATA}/wmt21: set SEQ_DATA to the folder of data sets")


@pytest.mark.corpus
@pytest.mark.parametrize("pair", ["en-de", "de-en"])
@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_real_systems(pair, step):
    reference = read(DATA / "wmt21" / pair / f"ref.A.{pair[-2:]}")
    for first, lines in enumerate(systems(pair)):
        rows = slice(first % step, None, step)
        found = Ter().statistics(Lines(lines[rows]), [Lines(reference[rows])])
        np.testing.assert_array_equal(found, theirs(lines[rows], [reference[rows]]))


@pytest.mark.corpus
def test_real_systems_with_all_options_and_references():
    references = [read(DATA / "wmt21" / "en-de" / f"ref.{name}.de")[::50] for name in "ACD"]
    lines = systems("en-de")[0][::50]
    options = dict.fromkeys(OPTIONS, True)
    found = Ter(**options).statistics(Lines(lines), [Lines(each) for each in references])
    np.testing.assert_array_equal(found, theirs(lines, references, **options))
    assert float(Ter(**options).score(found.sum(axis=0))) == TER(True, True, True, True).corpus_score(lines, references).score
