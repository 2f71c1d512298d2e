"""Each block of matrix products against the plain definition, pair by pair, differentiated by torch."""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.models.vectors import hierarchical
from seqcli.models.vectors.cbow import BagOfWords
from seqcli.models.vectors.corpus import Corpus
from seqcli.models.vectors.hierarchical import Hierarchical
from seqcli.models.vectors.huffman import Tree
from seqcli.models.vectors.inputs import Damping, Pieces, Words
from seqcli.models.vectors.loop import Loop, Rows
from seqcli.models.vectors.negative import NegativeSampling
from seqcli.models.vectors.settings import Settings
from seqcli.models.vectors.softmax import FullSoftmax
from tests.models.vectors import toys

SETTINGS = Settings(dimensions=6, window=2, sample=0, block=16, tile=8, shared=5, threads=1, negative=3, rate=1e-6)
COUNTS = [40, 20, 10, 8, 5, 3, 1]
LINES = [[0, 1, 2, 0, 3], [4], [5, 0, 6], [1, 1, 2, 3, 0]]


def table(rows, seed, columns=6):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32) / 2)


def sums(updates, tables):
    found = [torch.zeros_like(each) for each in tables]
    for update in updates:
        found[update.table].index_add_(0, update.rows.all, update.change)
    return found


def pairs(window):
    """Places in the text (input, output) and the mean weight of the pair."""
    flat = [(line, word) for line, words in enumerate(LINES) for word in words]
    for j, (line, word) in enumerate(flat):
        for i in range(max(0, j - window), min(len(flat), j + window + 1)):
            if i != j and flat[i][0] == line:
                yield j, word, flat[i][1], (window + 1 - abs(i - j)) / window


def agree(objective, likelihood, total):
    """The gradients of all blocks, and the loss, are those of a log-likelihood of copies of the tables."""
    blocks = objective.prepare(toys.numbers(LINES), np.random.default_rng(3))
    copies = [each.clone().requires_grad_() for each in objective.tables]
    wanted = likelihood(blocks, *copies)
    wanted.backward()
    scratch = objective.scratch()
    updates = [update for block in blocks for update in objective.gradients(block, scratch)]
    for found, copy in zip(sums(updates, objective.tables), copies, strict=True):
        assert torch.allclose(found, copy.grad, atol=1e-5)
    if len(blocks) == 1:
        assert objective.loss(blocks[0]) == pytest.approx(-float(wanted.detach()) / total, rel=1e-4)


@pytest.mark.parametrize("block", [8, 16])
def test_skipgram_with_noise(block):
    settings = Settings(**{**SETTINGS.__dict__, "block": block})
    vocabulary = toys.vocabulary(COUNTS)
    objective = NegativeSampling(vocabulary, Words(table(7, 1), settings), table(7, 2), settings)
    share = vocabulary.noise(0.75)

    def likelihood(blocks, inputs, outputs):
        noise = torch.cat([each.z.all.view(-1, 8 + 4 + 5)[:, -5:] for each in blocks])  # (tiles, S)
        total = torch.zeros(())
        for j, x, y, weight in pairs(2):
            logit = inputs[x] @ outputs[y]
            others = torch.nn.functional.logsigmoid(-(outputs[noise[j // 8]] @ inputs[x])).sum() * 3 / 5
            own = 3 * float(share[y]) * torch.nn.functional.logsigmoid(-logit)  # in the mean, what noise that is the output says
            total = total + weight * (torch.nn.functional.logsigmoid(logit) + others - own)
        return total

    agree(objective, likelihood, sum(weight for *_, weight in pairs(2)))


def test_cbow():
    vocabulary = toys.vocabulary(COUNTS)
    objective = BagOfWords(vocabulary, Words(table(7, 1), SETTINGS), table(7, 2), SETTINGS)
    block = objective.prepare(toys.numbers(LINES), np.random.default_rng(3))[0]
    inputs, outputs = (each.clone().requires_grad_() for each in objective.tables)
    flat = [(line, word) for line, words in enumerate(LINES) for word in words]
    drawn = block.window.view(-1, 5)
    noise = block.noise.all.view(2, 5)
    wanted = [torch.zeros(7, 6), torch.zeros(7, 6)]
    total, places = 0.0, 0
    share = vocabulary.noise(0.75)
    for i, (line, word) in enumerate(flat):
        reach = int(drawn[i].sum())  # all neighbours in the line that the draw reaches
        around = [j for j in range(max(0, i - 2), min(len(flat), i + 3)) if j != i and flat[j][0] == line and drawn[i, j - i + 2]]
        assert reach == len(around)
        if not around:
            continue
        h = inputs[[flat[j][1] for j in around]].mean(dim=0).detach().requires_grad_()
        logsigmoid = torch.nn.functional.logsigmoid
        right = h @ outputs[word]
        said = logsigmoid(right) - 3 * float(share[word]) * logsigmoid(-right)
        said = said + logsigmoid(-(outputs[noise[i // 8]] @ h)).sum() * 3 / 5
        change_h, change_y = torch.autograd.grad(said, [h, outputs])
        wanted[1] += change_y
        for j in around:
            wanted[0][flat[j][1]] += change_h  # in full, as word2vec
        total, places = total + float(said.detach()), places + 1
    for found, each in zip(sums(objective.gradients(block, objective.scratch()), objective.tables), wanted, strict=True):
        assert torch.allclose(found, each, atol=1e-5)
    assert objective.loss(block) == pytest.approx(-total / places, rel=1e-4)


@pytest.mark.parametrize("top", [1, 3, 100])
def test_hierarchical_softmax(top, monkeypatch):
    monkeypatch.setattr(hierarchical, "TOP", top)
    vocabulary = toys.vocabulary(COUNTS)
    tree = Tree.of(vocabulary.counts)
    objective = Hierarchical(vocabulary, Words(table(7, 1), SETTINGS), table(6, 2), SETTINGS)

    def likelihood(blocks, inputs, nodes):
        total = torch.zeros(())
        for _, x, y, weight in pairs(2):
            path = slice(tree.starts[y], tree.starts[y + 1])
            sign = torch.from_numpy(2 * tree.labels[path] - 1)
            total = total + weight * torch.nn.functional.logsigmoid(sign * (nodes[tree.nodes[path]] @ inputs[x])).sum()
        return total

    agree(objective, likelihood, sum(weight for *_, weight in pairs(2)))


def test_hierarchical_softmax_is_a_distribution():
    tree, nodes, x = Tree.of(np.array(COUNTS)), table(6, 2), table(1, 1)[0]
    total = 0.0
    for word in range(7):
        path = slice(tree.starts[word], tree.starts[word + 1])
        total += float(torch.sigmoid(torch.from_numpy(2 * tree.labels[path] - 1) * (nodes[tree.nodes[path]] @ x)).prod())
    assert total == pytest.approx(1, abs=1e-5)


def test_full_softmax():
    objective = FullSoftmax(toys.vocabulary(COUNTS), Words(table(7, 1), SETTINGS), table(7, 2), SETTINGS)

    def likelihood(blocks, inputs, outputs):
        return sum(weight * (outputs @ inputs[x]).log_softmax(dim=0)[y] for _, x, y, weight in pairs(2))

    agree(objective, likelihood, sum(weight for *_, weight in pairs(2)))


def test_a_bag_of_pieces_moves_as_far_as_a_row():
    starts, rows = np.array([0, 2, 3, 6]), np.array([0, 3, 1, 2, 3, 4])
    inputs = Pieces(table(5, 1), starts, rows, SETTINGS)
    block = inputs.places(np.array([[2, 0, 2, 1]]))[0]
    means = [inputs.table[rows[starts[word] : starts[word + 1]]].mean(dim=0) for word in (2, 0, 2, 1)]
    assert torch.allclose(inputs.gather(block), torch.stack(means))
    change = table(4, 5)
    found = sums(inputs.updates(block, change.clone()), [inputs.table])[0]
    wanted = torch.zeros(5, 6)
    for place, word in enumerate((2, 0, 2, 1)):
        wanted[rows[starts[word] : starts[word + 1]]] += change[place]
    assert torch.allclose(found, wanted, atol=1e-6)
    assert torch.allclose(inputs.vectors()[1], inputs.table[1])


def test_what_too_many_pairs_change_is_damped():
    settings = Settings(**{**SETTINGS.__dict__, "rate": 0.5})
    damping, others = Damping(np.array([100.0, 1.0]), settings, 0.25), torch.full((5, 6), 2.0)
    change, rows = torch.ones(3, 6), Rows.of(np.array([[1, 0, 1]]), 1, "cpu")[0]
    damping(change, rows)
    assert float(change.min()) == 1
    damping.settle(others)
    damping(change, rows)
    assert change[:, 0].tolist() == pytest.approx([2 / 3, 2 / (100 * 0.5 * 24 / 4), 2 / 3])


def test_blocks_are_small_where_few_words_are_frequent():
    vocabulary = toys.vocabulary([1000, 1, 1])
    settings = Settings(**{**SETTINGS.__dict__, "rate": 0.001, "block": 1 << 12})
    inputs = Words(table(3, 1), settings)
    assert NegativeSampling(vocabulary, inputs, table(3, 2), settings).tiles == int(
        0.25 / 0.001 / 3 / inputs.alike(vocabulary.counts / 1002) / 8
    )


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=60))
def test_huffman_codes_are_optimal_and_prefix_free(counts):
    tree = Tree.of(np.array(counts))
    codes = ["".join(map(str, tree.code(word))) for word in range(len(counts))]
    assert not any(later.startswith(code) for code, later in pairwise(sorted(codes)))
    assert sum(2.0 ** -len(code) for code in codes) == 1
    heap, least = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        least += both
        heapq.heappush(heap, both)
    assert sum(n * len(code) for n, code in zip(counts, codes, strict=True)) == least
    for word in range(len(counts)):
        path = tree.nodes[tree.starts[word] : tree.starts[word + 1]].tolist()
        assert path[0] == 0
        assert path == sorted(path)


def test_a_step_is_the_gradient_times_the_rate(tmp_path):
    """One block that is the whole text: the loop does what a plain loop over pairs does."""
    settings = Settings(**{**SETTINGS.__dict__, "block": 16, "epochs": 1, "rate": 0.01, "last_rate": 0.01})
    vocabulary = toys.vocabulary(COUNTS)
    objective = FullSoftmax(vocabulary, Words(table(7, 1), settings), table(7, 2), settings)
    inputs, outputs = (each.clone().requires_grad_() for each in objective.tables)
    sum(weight * (outputs @ inputs[x]).log_softmax(dim=0)[y] for _, x, y, weight in pairs(2)).backward()
    toys.numbers(LINES).tofile(tmp_path / "ids")
    Loop(objective, Corpus(tmp_path / "ids", vocabulary, 14), settings).run()
    for found, before in zip(objective.tables, (inputs, outputs), strict=True):
        assert before.grad is not None
        assert torch.allclose(found, before + 0.01 * before.grad, atol=1e-6)
