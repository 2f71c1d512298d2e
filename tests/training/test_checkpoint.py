"""What goes into a checkpoint comes out of it."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.training import checkpoint, journal
from seqcli.training.tree import each_tensor, pack, unpack

LEAVES = st.none() | st.integers(-9, 9) | st.text(max_size=3) | st.booleans() | st.just(torch.arange(3.0))
TREES = st.recursive(
    LEAVES, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3), max_leaves=8
)


def plain(tree):
    return each_tensor(lambda tensor: ("tensor", *tensor.tolist()), tree)  # type: ignore[arg-type, return-value]


@given(TREES)
def test_a_tree_comes_back(tree):
    structure, tensors = pack((tree, [tree]), "carry")
    assert plain(unpack(json.loads(json.dumps(structure)), tensors)) == plain((tree, [tree]))


def test_a_checkpoint_comes_back(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    tensors = {"model/w": whole, "carry/0": whole.t(), "carry/1": whole[1], "model/n": torch.tensor(3), "kept.0/w": whole.bfloat16()}
    state = {"position": {"step": 7, "loss": 0.1 + 0.2, "best": None}}
    checkpoint.write(tmp_path, checkpoint.Checkpoint(tensors, state, {"settings": {"rate": 0.1}}))
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.state == state
    assert found.made_by == {"settings": {"rate": 0.1}}
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in tensors.items())
    assert set(found.part("model")) == {"w", "n"}
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]


def test_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "VERSION", 99)
    checkpoint.write(tmp_path, checkpoint.Checkpoint({"model/w": torch.zeros(1)}, {}, {}))
    monkeypatch.undo()
    with pytest.raises(Failure, match="another version"):
        checkpoint.read(tmp_path)


def test_tensorboard_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(Failure, match="TensorBoard is not installed"):
        journal.Journal(tmp_path, tensorboard=True)


def test_tensorboard_gets_the_numbers(tmp_path, monkeypatch):
    found: list[tuple[str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "tensorboard")

        def add_scalar(self, name: str, value: float, step: int) -> None:
            found.append((name, value, step))

        def close(self) -> None:
            found.append(("closed", 0.0, 0))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=SummaryWriter))
    written = journal.Journal(tmp_path, tensorboard=True)
    written.write({"step": 5, "epoch": 1, "loss": 2.0, "dev": {"accuracy": 0.5}})
    written.close()
    assert found == [("train/loss", 2.0, 5), ("dev/accuracy", 0.5, 5), ("closed", 0.0, 0)]


def test_numbers_that_json_has_not_become_null(tmp_path):
    found = journal.Journal(tmp_path)
    found.write({"step": 1, "loss": float("inf"), "dev": {"accuracy": float("nan")}})
    assert journal.read(tmp_path / journal.NAME) == [{"step": 1, "loss": None, "dev": {"accuracy": None}}]
    assert found.position == (tmp_path / journal.NAME).stat().st_size
