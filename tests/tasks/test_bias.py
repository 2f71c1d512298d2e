"""Laws of measuring and taking out bias, on random vectors; the word lists of the papers against the published files."""

import json
import math
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from seqcli.errors import Failure, UsageFailure
from seqcli.tasks.bias import lists, reading, report
from seqcli.tasks.bias.association import commonest, effect_size, permutation_test, run, weat
from seqcli.tasks.bias.debias import equalise, hard, moments, neutral_rows, neutralise, soft
from seqcli.tasks.bias.directions import coordinates, direct_bias, direction, project
from seqcli.tasks.bias.lists import WeatTest, WordSet
from seqcli.tasks.bias.lookup import Space, unit
from seqcli.tasks.bias.transform import selection, soft_transform

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
PAIRS = [("w0", "w1"), ("w2", "w3"), ("w4", "w5")]
seeds = st.integers(0, 10_000)


def draw(seed=0, words=40, dimensions=8):
    """Random vectors whose first six words are three pairs that differ mostly in one direction."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(words, dimensions)) * np.exp(0.3 * rng.normal(size=(words, 1)))
    axis = rng.normal(size=dimensions)
    matrix[:6] += 2 * np.outer([1, -1] * 3, axis)
    return Space.of([f"w{i}" for i in range(words)], matrix.astype(np.float32))


def test_words_are_found_as_written_or_in_small_letters():
    space = Space.of(["mary", "John", "nasa", "mary"], np.eye(4, dtype=np.float32))
    found = space.find(["Mary", "john", "NASA", "John", "mary"])
    assert (found.rows.tolist(), found.missing) == ([0, 2, 1], ["john"])
    sets = space.find_sets([("Mary", "NASA"), ("mary", "John"), ("John", "him"), ("John", "John")])
    assert [rows.tolist() for rows in sets.sets] == [[0, 2]]
    assert (sets.missing, sets.dropped) == (["him"], 3)


@given(seeds, st.sampled_from(["pca", "svd", "mean"]))
def test_the_first_words_lie_on_the_positive_side(seed, method):
    space = draw(seed)
    along = direction(space, PAIRS, method)
    assert np.allclose(along.basis @ along.basis.T, 1)
    assert project(space, np.array([0, 2, 4]), along).mean() > project(space, np.array([1, 3, 5]), along).mean()
    turned = direction(space, [pair[::-1] for pair in PAIRS], method)
    assert np.allclose(turned.basis, -along.basis)


@given(seeds, st.integers(1, 3))
def test_directions_of_pairs_are_principal_components(seed, dimensions):
    space = draw(seed)
    ours = direction(space, PAIRS, "pca", dimensions)
    centred = np.concatenate([pair - pair.mean(axis=0) for pair in (space.unit(np.array(rows)) for rows in ([0, 1], [2, 3], [4, 5]))])
    theirs = PCA(dimensions).fit(centred)
    assert np.allclose(np.abs((ours.basis * theirs.components_).sum(axis=1)), 1, atol=1e-6)
    assert np.allclose(ours.shares, theirs.explained_variance_ratio_)
    assert np.allclose(direction(space, PAIRS, "svd", dimensions).basis, ours.basis, atol=1e-6)


def test_the_paper_weighs_sets_alike():
    space = draw()
    sets = [("w0", "w1"), ("w2", "w3", "w4", "w5", "w6")]
    C = np.zeros((8, 8))
    for rows in ([0, 1], [2, 3, 4, 5, 6]):
        vectors = space.unit(np.array(rows))
        C += np.cov(vectors.T, bias=True)
    values, vectors = np.linalg.eigh(C)
    along = direction(space, sets, "svd", 2)
    assert np.allclose(np.abs((along.basis * vectors.T[[-1, -2]]).sum(axis=1)), 1)
    assert np.allclose(along.shares, values[[-1, -2]] / values.sum())
    assert not np.allclose(direction(space, sets, "pca").basis, along.basis[:1], atol=1e-3)


def test_the_mean_difference():
    space = Space.of(["a", "b", "c", "d"], np.array([[1, 0], [0, 1], [0, 2], [-2, 0]], np.float32))
    assert np.allclose(direction(space, [("a", "b"), ("c", "d")], "mean").basis, [[1, 0]])


def test_wrong_directions_fail():
    space = draw()
    cases: list[tuple[list[tuple[str, ...]], str, int, type[Failure], str]] = [
        ([("she", "he")], "pca", 1, Failure, "none of 1 sets of words can make a direction (not in the vocabulary: 'she', 'he')"),
        ([*PAIRS], "pac", 1, UsageFailure, "did you mean 'pca'?"),
        ([*PAIRS], "mean", 2, UsageFailure, "'mean' gives one direction"),
        ([*PAIRS], "pca", 0, UsageFailure, "'pca' gives 1 or more"),
        ([*PAIRS], "pca", 4, Failure, "differ in 3 dimensions, 4 were asked for"),
        ([("w0", "w1", "w2")], "mean", 1, UsageFailure, "is made of pairs"),
        ([], "pca", 1, Failure, "none of 0 sets"),
    ]
    for sets, method, dimensions, kind, said in cases:
        with pytest.raises(kind) as caught:
            direction(space, sets, method, dimensions)
        assert said in str(caught.value)
    opposite = Space.of(["a", "b", "c", "d"], np.array([[1, 0], [-1, 0], [-1, 0], [1, 0]], np.float32))
    with pytest.raises(Failure, match="cancel out"):
        direction(opposite, [("a", "b"), ("c", "d")], "mean")


@given(seeds, st.floats(0.1, 3))
def test_direct_bias_is_the_mean_of_cosines(seed, strictness):
    space = draw(seed)
    along = direction(space, PAIRS)
    rows = np.arange(6, 40)
    cosines = [space.matrix[i].astype(float) @ along.basis[0] / np.linalg.norm(space.matrix[i].astype(float)) for i in rows]
    assert math.isclose(direct_bias(space, rows, along, strictness), np.mean(np.abs(cosines) ** strictness), rel_tol=1e-6)
    assert np.allclose(project(space, rows, along), cosines)
    assert direct_bias(space, rows, along, 0) == 1.0
    with pytest.raises(Failure, match="no neutral word"):
        direct_bias(space, rows[:0], along)


@given(seeds, st.integers(1, 3))
def test_neutral_vectors_have_no_bias(seed, dimensions):
    space = draw(seed)
    basis = direction(space, PAIRS, "pca", dimensions).basis
    found = neutralise(space.unit(slice(None)), basis)
    assert np.abs(found @ basis.T).max() < 1e-12
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert np.allclose(neutralise(found, basis), found)
    assert np.array_equal(neutralise(basis, basis), np.zeros_like(basis))  # bias and nothing else


@given(seeds, st.integers(1, 3), st.integers(2, 4))
def test_equal_words_are_as_far_from_all_neutral_ones(seed, dimensions, size):
    space = draw(seed)
    basis = direction(space, PAIRS, "pca", dimensions).basis
    before = space.unit(np.arange(size))
    words = equalise(before, basis)
    neutral = neutralise(space.unit(np.arange(6, 40)), basis)
    cosines = words @ neutral.T
    assert np.allclose(cosines, cosines[0])
    assert np.allclose(np.linalg.norm(words, axis=1), 1)
    outside = words - words @ basis.T @ basis
    assert np.allclose(outside, outside[0])  # they differ in the bias alone
    sides = (before - before.mean(axis=0)) @ basis.T
    assert ((words @ basis.T * sides).sum(axis=1) > 0).all()  # each on its side
    if size == 2:
        assert np.allclose(words[0] @ basis.T, -(words[1] @ basis.T))


def test_words_without_a_side_become_equal():
    words = equalise(unit(np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 3.0]])), np.array([[1.0, 0.0, 0.0]]))
    assert np.abs(np.diff(np.linalg.norm(words, axis=1))).max() < 1e-9
    same = equalise(np.array([[0.6, 0.8], [0.6, 0.8]]), np.array([[1.0, 0.0]]))
    assert np.array_equal(same[0], same[1])


@settings(max_examples=20)
@given(seeds, st.sampled_from(["pca", "svd", "mean"]))
def test_hard_debiasing(seed, method):
    space = draw(seed)
    along = direction(space, PAIRS, method)
    specific, sets = np.array([0, 1, 7]), [np.array([2, 3]), np.array([4, 5])]
    found = hard(space, along, specific, sets)
    after = Space(space.words, found.matrix, space.index)
    neutral = neutral_rows(space, specific, sets)
    assert neutral.tolist() == [6, *range(8, 40)]
    assert (found.neutral, found.equalised) == (33, 2)
    assert found.matrix.dtype == np.float32
    assert direct_bias(space, neutral, along) > 0.01
    assert direct_bias(after, neutral, along) < 1e-7  # what float32 rounds
    assert np.allclose(found.matrix[specific], space.unit(specific), atol=1e-6)
    for rows in sets:
        assert np.allclose(found.matrix[rows[0]] @ found.matrix[neutral].T, found.matrix[rows[1]] @ found.matrix[neutral].T, atol=1e-6)
    again = hard(after, along, specific, sets)
    assert np.allclose(again.matrix, found.matrix, atol=1e-6)
    with pytest.raises(Failure, match="every word of the vocabulary is specific"):
        hard(space, along, np.arange(40))


def test_hard_debiasing_takes_rows_in_pieces(monkeypatch):
    space = draw()
    along = direction(space, PAIRS)
    whole = hard(space, along, np.arange(6), [np.array([0, 1])]).matrix
    monkeypatch.setattr("seqcli.tasks.bias.lookup.ROWS", 7)
    assert np.array_equal(hard(space, along, np.arange(6), [np.array([0, 1])]).matrix, whole)


def problem(seed, dimensions=5, K=1):
    """Moments of words, some of them neutral, and a basis of bias."""
    rng = np.random.default_rng(seed)
    words = rng.normal(size=(20, dimensions)) * np.exp(rng.normal(size=dimensions))
    neutral = words[: rng.integers(1, 20)]
    basis = np.linalg.qr(rng.normal(size=(dimensions, K)))[0].T
    return words.T @ words / 20, neutral.T @ neutral / len(neutral), basis


@given(seeds, st.integers(1, 3), st.floats(-3, 3))
def test_the_soft_transform_is_the_optimum(seed, K, power):
    """The conditions of Karush, Kuhn and Tucker for min tr(C E C E) + λ tr(B X M X Bᵀ), E = X − I, over semidefinite X."""
    C, M, B = problem(seed, K=K)
    strength = 10.0**power
    T = soft_transform(C, M, B, strength)
    X, P, scale = T @ T, B.T @ B, np.abs(C @ C).max()
    slope = (2 * C @ (X - np.eye(5)) @ C + strength * (M @ X @ P + P @ X @ M)) / scale
    assert np.allclose(T, T.T)
    assert np.linalg.eigvalsh(T)[0] > -1e-9
    assert np.linalg.eigvalsh(slope)[0] > -1e-5
    assert abs(np.trace(slope @ X)) < 1e-5


@given(seeds, st.integers(1, 2))
def test_the_limits_of_the_soft_transform(seed, K):
    C, M, B = problem(seed, K=K)
    assert np.allclose(soft_transform(C, M, B, 0.0), np.eye(5), atol=1e-7)
    assert np.abs(soft_transform(C, C, B, 1e9) @ B.T).max() < 1e-3  # the bias is gone, as after neutralising
    even = soft_transform(np.eye(5), np.eye(5), B, 1e9)
    assert np.allclose(even, np.eye(5) - B.T @ B, atol=1e-3)  # where words lie evenly, it is neutralising


def test_selection_of_unknowns():
    spread = selection(4, 2)
    assert spread.shape == (8, 7)
    rows = (spread @ np.arange(7.0)).reshape(2, 4)
    assert rows[0, 1] == rows[1, 0]


@settings(max_examples=20)
@given(seeds)
def test_soft_debiasing_trades_one_for_the_other(seed):
    space = draw(seed)
    along = direction(space, PAIRS)
    neutral = np.arange(6, 40)
    found = [soft(space, along, np.arange(6), strength) for strength in (0.0, 0.1, 1.0, 1e7)]
    bias = [direct_bias(Space(space.words, each.matrix, space.index), neutral, along) for each in found]
    assert bias == sorted(bias, reverse=True)
    assert bias[-1] < 1e-3 < direct_bias(space, neutral, along)
    kept = [each.kept for each in found]
    assert kept == sorted(kept, reverse=True)
    assert math.isclose(kept[0], 1.0, abs_tol=1e-6)
    assert np.allclose(found[0].matrix, space.unit(slice(None)), atol=1e-6)
    assert np.allclose(np.linalg.norm(found[2].matrix, axis=1), 1, atol=1e-6)


def test_soft_debiasing_with_fewer_words_than_dimensions():
    rng = np.random.default_rng(1)
    space = Space.of([f"w{i}" for i in range(10)], rng.normal(size=(10, 30)).astype(np.float32))
    along = direction(space, PAIRS)
    found = soft(space, along, np.arange(6), 1e7)
    assert 0 < found.kept < 1
    neutral = np.arange(6, 10)
    T = soft_transform(moments(space, np.arange(10)), moments(space, neutral), along.basis, 1e7)
    assert np.abs(space.unit(neutral) @ T @ (T @ along.basis.T)).max() < 1e-5  # nothing in common with what the bias became
    assert np.abs(space.unit(neutral) @ along.basis.T).max() > 0.1
    with pytest.raises(UsageFailure, match="expected a number of 0 or more"):
        soft(space, along, np.arange(6), -1.0)
    with pytest.raises(UsageFailure, match="expected a number of 0 or more"):
        soft(space, along, np.arange(6), math.inf)


def test_moments():
    space = draw()
    vectors = space.unit(np.arange(3, 9))
    assert np.allclose(moments(space, np.arange(3, 9)), np.mean([np.outer(v, v) for v in vectors], axis=0))


def toy(first="w0 w1 w2", second="w3 w4 w5", this="w6 w7", that="w8 w9"):
    return WeatTest("toy", *map(lists.word_set, "ABCD", (first, second, this, that)))


def association(space, test):
    """s(w, A, B) of all target words, from the paper's formula."""

    def cosine(a, b):
        a, b = (space.matrix[space.index[word]].astype(float) for word in (a, b))
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    targets = test.first.words + test.second.words
    return [np.mean([cosine(w, a) for a in test.this.words]) - np.mean([cosine(w, b) for b in test.that.words]) for w in targets]


@given(seeds)
def test_weat_is_the_papers_formula(seed):
    space = draw(seed, words=12)
    found = weat(space, toy())
    values = association(space, toy())
    assert math.isclose(found.effect, (np.mean(values[:3]) - np.mean(values[3:])) / np.std(values, ddof=1), rel_tol=1e-6)
    halves = [
        sum(values[i] for i in chosen) - sum(values[i] for i in range(6) if i not in chosen) for chosen in combinations(range(6), 3)
    ]
    assert math.isclose(found.p_value, np.mean([half >= halves[0] - 1e-9 for half in halves]))
    assert (found.draws, found.exact, found.sizes) == (20, True, (3, 3, 2, 2))
    assert -2 < found.effect < 2


@given(seeds)
def test_weat_turns_with_its_sets(seed):
    space = draw(seed, words=12)
    straight = weat(space, toy())
    turned = weat(space, toy("w3 w4 w5", "w0 w1 w2"))
    assert math.isclose(turned.effect, -straight.effect, rel_tol=1e-9)
    assert turned.p_value + straight.p_value >= 1  # both count the division itself
    assert math.isclose(weat(space, toy(this="w8 w9", that="w6 w7")).effect, -straight.effect, rel_tol=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12).filter(lambda values: len(values) % 2 == 0))
def test_effects_are_bounded(values):
    half = len(values) // 2
    effect = effect_size(np.array(values[:half]), np.array(values[half:]))
    assert math.isnan(effect) or -2 <= effect <= 2


def test_drawn_p_values_are_near_exact_ones(monkeypatch):
    values = np.random.default_rng(3).normal(size=14) + np.repeat([0.4, 0.0], 7)
    exact, tried, whole = permutation_test(values)
    assert (tried, whole) == (math.comb(14, 7), True)
    monkeypatch.setattr("seqcli.tasks.bias.association.EXACT", 10)
    drawn, tried, whole = permutation_test(values, 40_000, seed=5)
    assert (tried, whole) == (40_001, False)
    assert abs(drawn - exact) < 4 * math.sqrt(exact / 40_000)
    assert drawn == permutation_test(values, 40_000, seed=5)[0]
    monkeypatch.setattr("seqcli.tasks.bias.association.AT_ONCE", 100)
    assert abs(permutation_test(values, 40_000, seed=5)[0] - exact) < 4 * math.sqrt(exact / 40_000)
    assert permutation_test(np.repeat([1.0, 0.0], 30), 999)[0] == 0.001  # never 0


def test_words_that_are_missing_are_counted():
    space = draw(words=12)
    found = weat(space, toy("w0 w1 w2 x", "w3 nowhere w11 x y", "w6 w7 z"))
    assert found.sizes == (2, 2, 2, 2)
    assert found.missing == ["x", "nowhere", "y", "z"]
    assert found.surplus == 1
    assert commonest(np.array([9, 2, 5]), 2).tolist() == [2, 5]
    with pytest.raises(Failure) as caught:
        weat(space, toy(second="w3 x y"))
    assert str(caught.value) == "toy, B: only 1 of 3 words in the vocabulary, two are needed (not there: 'x', 'y')"
    done, left_out = run(space, [toy(), toy(second="x y")])
    assert len(done) == 1
    assert left_out == ["toy, B: only 0 of 2 words in the vocabulary, two are needed (not there: 'x', 'y')"]


def test_no_spread_has_no_effect():
    space = Space.of([f"w{i}" for i in range(12)], np.ones((12, 3), np.float32))
    found = weat(space, toy())
    assert math.isnan(found.effect)
    assert found.p_value == 1.0


def test_lists_of_the_papers():
    for test in lists.TESTS:
        assert len(test.first.words) == len(test.second.words) == len(set(test.first.words))
        assert len(test.this.words) == len(test.that.words) == len(set(test.this.words))
        assert lists.named(test.name) is test
    with pytest.raises(UsageFailure, match="did you mean 'math-arts'"):
        lists.named("maths-arts")


@pytest.mark.corpus
def test_lists_are_the_published_ones():
    folder = DATA / "bias"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set SEQ_DATA to the folder of data sets")
    assert reading.read_sets(folder / "definitional_pairs.json") == list(lists.DEFINING)
    assert reading.read_sets(folder / "equalize_pairs.json") == list(lists.EQUAL)
    assert reading.read_words(folder / "gender_specific_seed.json") == list(lists.SPECIFIC)
    assert len(reading.read_words(folder / "gender_specific_full.json")) == 1441
    assert reading.read_words(folder / "professions.json")[:2] == ["accountant", "acquaintance"]


def test_files_of_pairs(tmp_path):
    path = tmp_path / "pairs"
    for text, found in {
        '[["she", "he"], ["it", "he", "she"]]': [("she", "he"), ("it", "he", "she")],
        "she he\n\nhe\tNew York\r\n": [("she", "he"), ("he", "New York")],
    }.items():
        path.write_text(text)
        assert reading.read_sets(path) == found
    for text, said in {
        '[["she", "he"], ["it"]]': "entry 2: expected two words or more",
        '[["she", 3]]': "entry 1: expected two words or more",
        '[["she", "he"],\n}': "line 2: not JSON",
        '{"she": "he"}': "expected a list, found an object",
        "she he\nit\n": "line 2: expected two words or more",
        "she\t\n": "line 1: expected two words or more",
        "": "holds no words",
        "[]": "holds no words",
        "[" * 100_000: "not JSON: nested too deeply",
    }.items():
        path.write_text(text)
        with pytest.raises(Failure) as caught:
            reading.read_sets(path)
        assert str(caught.value).startswith(f"{path}")
        assert said in str(caught.value)
    with pytest.raises(Failure, match="no such file"):
        reading.read_sets(tmp_path / "none")


def test_files_of_words(tmp_path):
    path = tmp_path / "words"
    for text in ('["nurse", ["banker", 0.0]]', "nurse\t0.3\n\n banker \n"):
        path.write_text(text)
        assert reading.read_words(path) == ["nurse", "banker"]
    for text, said in {'["a", 1]': "entry 2: expected a word", '["a", []]': "entry 2", " ": "holds no words"}.items():
        path.write_text(text)
        with pytest.raises(Failure, match=said):
            reading.read_words(path)


def test_files_of_tests(tmp_path):
    path = tmp_path / "tests.json"
    parts = {"targets": {"math": ["algebra", "sum"], "arts": ["poem", "play"]}, "attributes": {"m": ["he"], "f": ["she"]}}
    path.write_text(json.dumps({"mine": parts}))
    (test,) = reading.read_tests(path)
    assert (test.name, test.second, test.that) == ("mine", WordSet("arts", ("poem", "play")), WordSet("f", ("she",)))
    for value, said in [
        ([], "expected an object of tests"),
        ({}, "expected an object of tests"),
        ({"mine": 3}, "test 'mine': `targets` must be"),
        ({"mine": {"targets": parts["targets"]}}, "test 'mine': `attributes` must be"),
        ({"mine": parts | {"targets": {"a": ["b"]}}}, "`targets` must be"),
        ({"mine": parts | {"targets": {"a": ["b"], "c": [""]}}}, "`targets` must be"),
    ]:
        path.write_text(json.dumps(value))
        with pytest.raises(Failure) as caught:
            reading.read_tests(path)
        assert said in str(caught.value)


def test_reports():
    space = draw(words=12)
    along = direction(space, [*PAIRS, ("w0", "queen")])
    neutral = np.arange(6, 12)
    before = report.examine(space, along, neutral, [toy(), toy(second="x y"), toy(first="w0 w1 w2 x", second="w3 w4")])
    after = report.examine(
        Space(space.words, hard(space, along, np.arange(6)).matrix, space.index), along, neutral, [toy(), toy(second="x y"), toy()]
    )
    lines = report.show(before, after).split("\n")
    assert lines[0].startswith("direct bias (c = 1) of 6 words along 'pca' of 3 sets (")
    assert lines[3].split() == ["direct", "bias", f"{before.direct:.4f}", "0.0000"]
    assert lines[5].split() == [
        "WEAT",
        *["before", "effect", "before", "p"],
        *["after", "effect", "after", "p"],
        "targets",
        "attributes",
    ]
    assert lines[6].split()[0] == "toy"
    assert lines[-3:] == [
        "1 set left out; not in the vocabulary: queen",
        "toy: not in the vocabulary: x; left out for equal sets: 1",
        "toy, B: only 0 of 2 words in the vocabulary, two are needed (not there: 'x', 'y')",
    ]
    alone = report.show(before).split("\n")
    assert alone[2].split() == ["value"]
    assert alone[5].split() == ["WEAT", "effect", "p", "targets", "attributes"]
    record = json.loads(json.dumps(report.record(before)))
    assert record["direct_bias"] == pytest.approx(before.direct)
    assert record["weat"][0]["targets"] == {"A": 3, "B": 3}
    assert record["weat"][0]["effect"] == pytest.approx(before.tests[0].effect)
    assert record["weat_left_out"] == before.left_out


def test_coordinates_of_no_words():
    space = draw()
    assert coordinates(space, np.empty(0, np.int64), direction(space, PAIRS, "pca", 2)).shape == (0, 2)
