from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.models.vectors import corpus
from seqcli.models.vectors.cooccurrence import Near, count
from seqcli.models.vectors.glove import Fit, Glove
from seqcli.models.vectors.settings import Text
from tests.models.vectors import toys

FIT = Fit(dimensions=4, epochs=1, rate=0.05, x_max=3.0, power=0.75, batch=8, seed=1)


@pytest.mark.parametrize("run", [3, 50, 1 << 20])
@pytest.mark.parametrize("decay", [1.0, 0.5])
@given(lines=st.lists(st.lists(st.integers(0, 6), max_size=14), min_size=1, max_size=8), window=st.integers(1, 4))
def test_counts_are_those_of_brute_force(tmp_path_factory, lines, window, run, decay):
    folder = tmp_path_factory.mktemp("counts")
    toys.numbers(lines).tofile(folder / "ids")
    wanted: dict[tuple[int, int], float] = defaultdict(float)
    for line in lines:
        for i, a in enumerate(line):
            for distance, b in enumerate(line[i + 1 : i + 1 + window], 1):
                wanted[min(a, b), max(a, b)] += distance**-decay
    counts = count(folder / "ids", 7, Near(window, decay), folder, 1, run)
    entries = np.concatenate([counts.part(number) for number in range(len(counts.paths))])
    found = {(a, b): x for a, b, x in entries.tolist()}
    assert len(found) == len(entries) == counts.size == len(wanted)
    assert all(found[pair] == pytest.approx(x, rel=1e-6) for pair, x in wanted.items())
    assert not list(folder.glob("run*"))


def test_words_that_are_thinned_out_leave_no_gap(tmp_path):
    """A word that is never kept: the counts are those of the text without it."""
    lines, seen = [[0, 3, 1, 3, 3, 2], [3], [2, 0, 1]], []
    for name, text, kept in (("all", lines, np.array([1.0, 1, 1, 0])), ("rest", [[n for n in line if n != 3] for line in lines], None)):
        (tmp_path / name).mkdir()
        toys.numbers(text).tofile(tmp_path / name / "ids")
        counts = count(tmp_path / name / "ids", 4, Near(2), tmp_path / name, 1, kept=kept)
        found = sorted(entry for number in range(len(counts.paths)) for entry in counts.part(number).tolist())
        assert found
        seen.append(found)
    assert seen[0] == seen[1]


def test_gradients_are_those_of_the_squared_error():
    model = Glove(5, FIT)
    a, b, x = torch.tensor([0, 1, 1]), torch.tensor([6, 5, 9]), torch.tensor([1.0, 2.5, 40.0])
    table = model.table.clone().requires_grad_()
    error = (table[a, :-1] * table[b, :-1]).sum(dim=1) + table[a, -1] + table[b, -1] - x.log()
    loss = (torch.clamp(x / 3, max=1) ** 0.75 * error**2 / 2).sum()
    loss.backward()
    change_a, change_b, _ = model.gradients(a, b, x)
    found = torch.zeros_like(table).index_add(0, a, change_a).index_add(0, b, change_b)
    assert table.grad is not None
    assert torch.allclose(found, table.grad, atol=1e-6)
    before = model.table.clone()
    assert model.step(a[:1], b[:1], x[:1]) > 0
    step = (before - model.table)[0]
    gradient = change_a[0]
    assert torch.allclose(step, 0.05 * gradient / (1 + gradient**2).sqrt(), atol=1e-6)


def test_vectors_come_to_fit_the_counts(tmp_path):
    toys.text(tmp_path / "text", lines=300, words=20)
    text = corpus.read([str(tmp_path / "text")], tmp_path / "ids", Text(min_count=1))
    counts = count(text.path, len(text.vocabulary), Near(5), tmp_path, 1)
    model = Glove(len(text.vocabulary), Fit(dimensions=20, epochs=300, rate=0.05, x_max=1.0, power=0.75, batch=64, seed=1))
    losses = []
    model.run(counts, text.words, lambda progress: losses.append(progress.loss), lambda turn: None, 0, 1)
    assert losses[-1] < losses[0] / 20
