"""Tags that are known in part: the likelihood is the sum over all paths that are allowed, and it is learned from."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from seqcli.data.examples import Batch
from seqcli.errors import Failure
from seqcli.models import crf
from seqcli.models.crf.partial import read
from seqcli.nn.crf import log_likelihood, partial_log_likelihood

K = 3


@pytest.fixture
def potentials() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = (7, K), (K, K), (K,), (K,)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def test_it_is_the_sum_over_the_paths_that_are_allowed(potentials):
    emission, *path = potentials
    lengths = np.array([4, 3])
    allowed = torch.rand(7, K, generator=torch.Generator().manual_seed(2)) < 0.5
    allowed[torch.arange(7), torch.randint(K, (7,))] = True
    found = partial_log_likelihood(emission, lengths, allowed, *path)
    for at, length, ours in ((0, 4, found[0]), (4, 3, found[1])):
        choices = product(*(np.flatnonzero(row).tolist() for row in allowed[at : at + length]))
        each = [log_likelihood(emission[at : at + length], np.array([length]), torch.tensor(tags), *path) for tags in choices]
        torch.testing.assert_close(ours, torch.logsumexp(torch.cat(each), 0))


def test_its_gradient_is_right_and_where_all_is_known_it_is_the_likelihood(potentials):
    emission, *path = potentials
    lengths = np.array([4, 3])
    some = torch.rand(7, K, generator=torch.Generator().manual_seed(3)) < 0.6
    some[:, 0] = True
    assert torch.autograd.gradcheck(lambda *p: partial_log_likelihood(p[0], lengths, some, *p[1:]), potentials)
    gold = torch.tensor([0, 2, 1, 1, 0, 0, 2])
    whole = partial_log_likelihood(emission, lengths, torch.nn.functional.one_hot(gold, K).bool(), *path)
    torch.testing.assert_close(whole, log_likelihood(emission, lengths, gold, *path))


def test_what_is_unlabelled_is_neither_learned_from_nor_held_against():
    """`@` is O in one part, which says nothing of it, and a name in the other."""
    words = [["@", name, "sat"] for name in ("ann", "bob", "cem", "dee", "eva", "fay")]
    tags = [["O", "B-PER", "O"]] * 4 + [["B-PER", "B-PER", "O"]] * 2
    recipe = crf.Recipe(epochs=20, batch=2, rate=0.1, prune=0.0)

    def learned(gold):
        tagger = crf.train(Batch.of(words, gold), None, recipe, lambda _: None)
        return tagger.tag(["@", "gus", "sat"], np.array([3])).tags()

    assert learned(tags) == ["O", "B-PER", "O"]
    assert learned([["" if first == "O" else first, *rest] for first, *rest in tags]) == ["B-PER", "B-PER", "O"]


def test_alternatives_alone_are_nothing_to_learn():
    with pytest.raises(Failure, match="one tag only"):
        read(["", "O", "O"])
    with pytest.raises(Failure, match="no sentence"):
        read([""])
