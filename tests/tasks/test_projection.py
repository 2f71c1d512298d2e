"""Principal components and t-SNE against scikit-learn's, and their laws."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness

from seqcli.errors import UsageFailure
from seqcli.tasks import projection
from seqcli.tasks.projection import conditional, divergence, gradient, joint, pca, squared_distances, tsne

points_of = arrays(np.float64, st.tuples(st.integers(3, 12), st.integers(2, 6)), elements=st.floats(-5, 5, width=16))


def clusters(N=150, D=20, kinds=6, seed=0):
    """Points around a few centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(kinds, D))
    return (centres[rng.integers(0, kinds, N)] + 0.5 * rng.normal(size=(N, D))).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_components_are_theirs_up_to_sign(seed, dimensions):
    points = np.random.default_rng(seed).normal(size=(15, 6))
    places, shares = pca(points, dimensions)
    model = PCA(dimensions)
    theirs = model.fit_transform(points)
    assert np.allclose(np.abs(places), np.abs(theirs))
    assert np.allclose(shares, model.explained_variance_ratio_)


@given(points_of, st.floats(-100, 100))
def test_components_do_not_depend_on_the_order_or_the_origin(points, shift):
    points = points + np.random.default_rng(1).normal(size=points.shape)  # no two axes alike
    places, _ = pca(points)
    assert np.allclose(pca(points[::-1])[0][::-1], places, atol=1e-7)
    assert np.allclose(pca(points + shift)[0], places, atol=1e-7)


def test_axes_that_are_not_there_are_zero():
    places, shares = pca(np.ones((4, 3)))
    assert not places.any()
    assert not shares.any()
    places, shares = pca(np.array([[1.0], [3.0]]))
    assert np.allclose(places, [[-1.0, 0.0], [1.0, 0.0]])
    assert np.allclose(shares, [1.0, 0.0])


@pytest.mark.parametrize("perplexity", [2.0, 10.0, 40.0])
def test_every_row_has_the_perplexity(perplexity):
    given_rows = conditional(squared_distances(clusters()), perplexity).astype(float)
    entropy = -(given_rows * np.log(np.maximum(given_rows, 1e-300))).sum(axis=1)
    assert np.allclose(np.exp(entropy), perplexity, rtol=1e-3)
    assert np.allclose(given_rows.sum(axis=1), 1)
    assert not given_rows.diagonal().any()


def test_perplexities_of_points_that_are_equal():
    points = np.concatenate([np.zeros((20, 3)), 1e-6 * np.eye(3), 1e6 * np.eye(3)]).astype(np.float32)
    rows = conditional(squared_distances(points), 5.0)
    assert np.isfinite(rows).all()
    assert np.allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(tsne(points, steps=50).places).all()


def test_affinities_are_symmetric():
    found = joint(squared_distances(clusters()), 20.0)
    assert np.array_equal(found, found.T)
    assert np.isclose(found.sum(dtype=float), 1)


def slow_divergence(affinities, places):
    """Straight from the definition, in double precision."""
    near = 1 / (1 + ((places[:, None] - places[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(near, 0)
    q = near / near.sum()
    there = affinities > 0
    return float((affinities[there] * np.log(affinities[there] / q[there])).sum())


@pytest.mark.parametrize("cells", [1 << 18, 300])
def test_the_gradient_is_that_of_the_divergence(monkeypatch, cells):
    monkeypatch.setattr(projection, "CELLS", cells)  # one block, or many
    rng = np.random.default_rng(0)
    affinities = joint(squared_distances(clusters(40)), 8.0).astype(float)
    affinities /= affinities.sum()
    places = rng.normal(size=(40, 2))
    single = affinities.astype(np.float32), places.astype(np.float32)
    assert np.isclose(divergence(*single), slow_divergence(affinities, places), rtol=1e-4)
    wanted = np.zeros_like(places)
    for at in np.ndindex(places.shape):
        step = np.zeros_like(places)
        step[at] = 1e-5
        wanted[at] = (slow_divergence(affinities, places + step) - slow_divergence(affinities, places - step)) / 2e-5
    assert np.allclose(gradient(*single), wanted, atol=1e-5)


def test_the_divergence_falls():
    told = []
    found = tsne(clusters(), steps=600, watch=lambda step, value: told.append((step, value)))
    steps, values = zip(*told, strict=True)
    assert steps == tuple(range(50, 601, 50))
    late = [value for step, value in told if step > 200]  # before, attraction is exaggerated
    assert all(after < before + 0.01 for before, after in pairwise(late))
    assert late[-1] < 0.5 * values[0]
    assert found.divergence == values[-1]


def test_as_good_as_theirs():
    points = clusters()
    ours = tsne(points)
    model = TSNE(init="pca", method="exact", perplexity=30.0, random_state=0)
    theirs = model.fit_transform(points)
    assert ours.divergence < 1.05 * model.kl_divergence_
    affinities = joint(squared_distances(points), 30.0)
    assert np.isclose(divergence(affinities, theirs), model.kl_divergence_, rtol=1e-3)
    assert trustworthiness(points, ours.places, n_neighbors=10) > trustworthiness(points, theirs, n_neighbors=10) - 0.01


def test_same_seed_same_picture():
    points = clusters(60)
    first, second, other = (tsne(points, seed=seed, steps=100).places for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_few_points():
    for N in range(1, 8):
        found = tsne(clusters(8)[:N], steps=60)
        assert found.places.shape == (N, 2)
        assert np.isfinite(found.places).all()
    assert tsne(clusters(31), perplexity=30.0, steps=1).perplexity == 10.0


def test_what_cannot_be_drawn():
    with pytest.raises(UsageFailure, match="too many for t-SNE"):
        tsne(np.zeros((5001, 2), np.float32))
    for perplexity in (0.5, np.nan, np.inf):
        with pytest.raises(UsageFailure, match="expected a number of 1 or more"):
            tsne(clusters(10), perplexity)
