"""Heads over tags: their loss is -log of what their chain gives the gold tags, and spans cannot be put together wrongly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from seqcli.heads.tags import CRFTags, SoftmaxTags, allowed
from seqcli.nn.chain import log_partition
from seqcli.nn.paths import viterbi

BIO = ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
BIOES = ["B-X", "E-X", "I-X", "O", "S-X"]


def head(kind, labels, seed=0):
    torch.manual_seed(seed)
    made = kind(6, labels)
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_()
    return made


def score(chain, start, tags):
    total = chain.initial[tags[0]] + chain.final[tags[-1]]
    total += sum(chain.emission[start + place, tag] for place, tag in enumerate(tags))
    return total + sum(chain.transition[pair] for pair in itertools.pairwise(tags))


@pytest.mark.parametrize("kind", [SoftmaxTags, CRFTags])
@pytest.mark.parametrize("labels", [["N", "V", "X"], BIO])
def test_the_loss_is_the_chains(kind, labels):
    made, lengths = head(kind, labels), np.array([3, 1, 2])
    states, gold = torch.randn(6, 6), [0, len(labels) - 1, len(labels) - 1, 0, len(labels) - 1, 0]
    chain = made.chain(states, lengths)
    starts = np.cumsum(lengths) - lengths
    expected = log_partition(chain).sum() - sum(
        score(chain, start, gold[start : start + size]) for start, size in zip(starts.tolist(), lengths.tolist(), strict=True)
    )
    assert float(made.loss(states, lengths, torch.tensor(gold)).detach()) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize(("labels", "legal"), [(BIO, "BIO"), (BIOES, "BIOES")])
def test_spans_are_whole(labels, legal):
    """Every sequence that the head allows is well formed, and every well-formed one is allowed: counted over all of length 4."""

    def well_formed(tags):
        open_kind = None
        for tag in [labels[i] for i in tags]:
            place, kind = tag[0], tag[2:]
            if place in "IE" and open_kind != kind:
                return False
            if legal == "BIOES" and place in "BSO" and open_kind is not None:
                return False
            open_kind = kind if place in "BI" else None
        return legal == "BIO" or open_kind is None

    may = allowed(labels)
    for tags in itertools.product(range(len(labels)), repeat=4):
        inside = may.initial[tags[0]] and may.final[tags[-1]] and all(may.transition[pair] for pair in itertools.pairwise(tags))
        assert inside == well_formed(tags), [labels[i] for i in tags]


def test_a_best_path_is_one_that_is_allowed():
    made, lengths = head(CRFTags, BIO), np.array([40])
    with torch.no_grad():
        made.scores.weight *= 5
        chain = made.chain(torch.randn(40, 6), lengths)
    tags = viterbi(chain).tags
    assert all(allowed(BIO).transition[pair] for pair in itertools.pairwise(tags.tolist()))


def test_what_is_forbidden_gets_no_gradient():
    made = head(CRFTags, BIO)
    made.loss(torch.randn(3, 6), np.array([3]), torch.tensor([1, 3, 4])).backward()
    assert made.transition.grad is not None
    assert torch.isfinite(made.transition.grad).all()
    assert not made.transition.grad[~torch.from_numpy(allowed(BIO).transition)].any()
