"""Least squares against numpy's, one word at a time, and against the objective."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqcli.models.vectors.cooccurrence import Counts
from seqcli.models.vectors.glove import Fit
from seqcli.models.vectors.least_squares import BIAS, LeastSquares, grouped, mirrored
from seqcli.models.vectors.loop import Progress

FIT = Fit(dimensions=4, epochs=3, rate=0.05, x_max=3.0, power=0.75, batch=8, seed=1)
V = 9


@pytest.fixture
def counts(tmp_path):
    """Pairs of nine words, one of which stands near itself, in two files."""
    generator = np.random.default_rng(3)
    pairs = [(a, b) for a in range(V) for b in range(a, V) if generator.random() < 0.6 and (a != b or a == 4)]
    entries = np.array([(a, b, 8 * generator.random() + 0.1) for a, b in pairs], Counts.entry)
    paths = [tmp_path / "pairs0", tmp_path / "pairs1"]
    for path, some in zip(paths, (entries[:10], entries[10:]), strict=True):
        some.tofile(path)
    return Counts(paths, len(entries))


def objective(model, counts, side, ridge):
    """What is to become small when a side is solved, its ridge included."""
    table, total = model.table.double().numpy(), 0.0
    for entries in mirrored(counts):
        words, contexts = table[entries["a"]], table[V + entries["b"].astype(np.int64)]
        error = (words[:, :-1] * contexts[:, :-1]).sum(1) + words[:, -1] + contexts[:, -1] - np.log(entries["count"])
        total += (np.minimum(1, entries["count"] / 3) ** 0.75 * error**2).sum()
    solved = model.sides[side].double().numpy()
    return total + ((solved @ ridge) * solved).sum()


@pytest.mark.parametrize("most", [1, 7, 1 << 20])
def test_all_pairs_of_a_word_stand_in_one_file(counts, most):
    paths = grouped(counts, V, most)
    files = [np.fromfile(path, Counts.entry) for path in paths]
    assert len(paths) == {1: V, 7: len(paths), 1 << 20: 1}[most]
    assert sorted(np.concatenate(files).tolist()) == sorted(entry for some in mirrored(counts) for entry in some.tolist())
    words = [set(some["a"].tolist()) for some in files]
    assert sum(map(len, words)) == len(set().union(*words)) == V
    assert all((np.diff(some["a"]) >= 0).all() for some in files)


def test_a_word_is_the_answer_of_its_regression(counts):
    model = LeastSquares(V, FIT, 0.5, 0.9)
    given, ridge = model.table[V:].double().numpy().copy(), model.ridge(0, 0.5).astype(np.float64)
    assert np.trace(ridge[:-1, :-1]) == pytest.approx(0.5 * 4)
    assert ridge[-1, -1] == pytest.approx(BIAS)
    entries = np.fromfile(grouped(counts, V)[0], Counts.entry)
    with ThreadPoolExecutor(1) as pool:
        model.solve(entries, 0, 0.5, pool)
    for word in range(V):
        own = entries[entries["a"] == word]
        x = np.concatenate([given[own["b"], :-1], np.ones((len(own), 1))], 1)
        root = np.sqrt(np.minimum(1, own["count"] / 3) ** 0.75)[:, None]
        left = np.concatenate([x * root, np.linalg.cholesky(ridge).T])
        right = np.concatenate([(np.log(own["count"]) - given[own["b"], -1]) * root[:, 0], np.zeros(5)])
        assert np.allclose(model.table[word], np.linalg.lstsq(left, right, rcond=None)[0], atol=1e-4)


def test_each_side_brings_its_objective_down(counts):
    model = LeastSquares(V, FIT, 0.3, 0.7)
    entries = np.fromfile(grouped(counts, V)[0], Counts.entry)
    with ThreadPoolExecutor(1) as pool:
        for turn in range(6):
            side = turn % 2
            ridge = model.ridge(side, 0.3).astype(np.float64)
            before = objective(model, counts, side, ridge)
            model.solve(entries, side, 0.3, pool)
            assert objective(model, counts, side, ridge) < before


@pytest.mark.parametrize("threads", [1, 3])
def test_epochs_are_counted(counts, threads):
    model, said, saved = LeastSquares(V, FIT, 0.3, 0.7), list[Progress](), list[int]()
    model.run(counts, 100, said.append, saved.append, 0, threads)
    assert saved == list(range(1, 2 * FIT.epochs + 1))
    assert said[-1].done == 1
    assert said[-1].words == 300


@pytest.mark.parametrize("dimensions", [4, 12])
def test_vectors_share_the_products_evenly(counts, dimensions):
    """Their second moments are the singular values of the products, whose columns they span; of few words, the rest is 0."""
    model = LeastSquares(V, replace(FIT, dimensions=dimensions), 0.3, 0.7)
    model.run(counts, 100, lambda progress: None, lambda turn: None, 0, 1)
    words, contexts = (side[:, :-1].double().numpy() for side in model.sides)
    vectors = model.vectors().astype(np.float64)
    sizes = np.linalg.svd(words @ contexts.T, compute_uv=False)
    assert vectors.shape == (V, dimensions)
    assert np.allclose((vectors**2).sum(0)[: min(V, dimensions)], sizes[:dimensions], atol=1e-4)
    assert np.allclose(vectors @ np.linalg.pinv(vectors) @ contexts, contexts, atol=1e-3)


def test_threads_change_nothing(counts):
    tables = []
    for threads in (1, 3):
        model = LeastSquares(V, FIT, 0.3, 0.7)
        model.run(counts, 100, lambda progress: None, lambda turn: None, 0, threads)
        tables.append(model.table)
    assert torch.equal(*tables)
    assert not list(counts.paths[0].parent.glob("rows*"))


@pytest.mark.parametrize(("epochs", "last"), [(8, [6, 7]), (2, [1]), (1, [0]), (12, [9, 10, 11])])
def test_the_ridge_is_another_in_the_last_quarter_of_the_epochs(epochs, last):
    model = LeastSquares(V, replace(FIT, epochs=epochs), 0.3, 0.7)
    assert [epoch for epoch in range(epochs) if model.strength(epoch) == 0.7] == last
