"""States are reordered as a whole, whatever they are made of and however it is done."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.decode.candidates import settled
from seqcli.decode.stepper import Table, reorder, repeat, rows
from tests.decode.toys import texts


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor | None


@dataclass
class Cell:
    hidden: torch.Tensor
    length: int


def state(N):
    base = torch.arange(N * 6.0).view(N, 2, 3)
    return {"a": [base, Pair(base + 1, None)], "b": Cell(base[:, 0], 5), "c": (torch.arange(N), "name"), "again": base}


def flat(tree):
    found = [tree["a"][0], tree["a"][1].left, tree["b"].hidden, tree["c"][0], tree["again"]]
    assert tree["a"][1].right is None
    assert (tree["b"].length, tree["c"][1]) == (5, "name")
    return [each.tolist() for each in found]


@given(st.integers(1, 8).flatmap(lambda N: st.tuples(st.just(N), st.lists(st.integers(0, N - 1), min_size=N, max_size=N))))
def test_in_place_or_not(case):
    N, indices = case
    wanted = flat(rows(state(N), torch.tensor(indices)))
    assert wanted == [[each[i] for i in indices] for each in flat(state(N))]
    assert flat(reorder(state(N), torch.tensor(indices))) == wanted


def test_few_moves_are_made_in_place():
    tensor = torch.arange(10)
    assert reorder(tensor, torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 0])) is tensor


def test_repeat():
    assert repeat((torch.tensor([1, 2]), None), 3, 2)[0].tolist() == [1, 1, 1, 2, 2, 2]


@given(st.integers(1, 7).flatmap(lambda k: st.lists(st.lists(st.integers(0, k - 1), min_size=k, max_size=k), min_size=1, max_size=3)))
def test_children_follow_their_parents(parents):
    k = len(parents[0])
    live = 10 + torch.arange(k).expand(len(parents), k)
    order = settled(live, torch.tensor(parents))
    for found, row in zip((order - 10).tolist(), parents, strict=True):
        assert sorted(found) == list(range(k))
        assert all(row[found[slot]] == slot for slot in set(row))
        assert all(found[slot] == row.index(slot) for slot in set(row))  # the best of its children


def test_a_table_is_a_distribution():
    for order in (1, 2, 3):
        table = Table.random(3, order, seed=order)
        assert abs(sum(torch.tensor([p for _, p, _ in texts(table, [1], 4)]).exp()) - 1) < 1e-5
        last, state = table.start([[1, 2], []])
        log_probs, _ = table.step(last, state)
        assert torch.equal(log_probs[0], table.log_probs[(0, 0, 1, 2)[-order:]])
        assert torch.equal(log_probs[1], table.log_probs[(0,) * order])
