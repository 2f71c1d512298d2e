"""A training that was cut off goes on to the same weights, bit by bit."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from seqcli.errors import Failure
from seqcli.models.learning import Training
from seqcli.training import checkpoint, journal
from seqcli.training.loop import Trainer
from tests.training.tiny import Parity, same, weights

SETTINGS: dict[str, Any] = {"threads": 1, "rate": 0.02, "epochs": 6, "save_every": 0.0, "log_every": 7}
SETTINGS |= {"warmup": 5, "schedule": "cosine"}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sgd, moving average": {"optimizer": "sgd", "momentum": 0.9, "ema": 0.9, "evaluate_every": 4},
    "adafactor, average, two parts": {"optimizer": "adafactor", "keep": "average", "average": 3, "accumulate": 2, "evaluate_every": 8},
    "last, frozen": {"keep": "last", "freeze": ["embed.*"], "max_steps": 57},
}


class Cut(Exception):
    """The end of a process, so far as a training can tell."""


class Cutting(Parity):
    """Falls over at a step."""

    def __init__(self, at: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.left = at

    def loss(self, batch: Any, carry: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Cut
        return super().loss(batch, carry)


def trainer(task: Any, folder: Path, resume: bool = False, about: Any = None, lines: Any = None, **settings: Any) -> Trainer:
    lines = [] if lines is None else lines
    return Trainer(task, Training(**(SETTINGS | settings)), folder, lines.append, about or {}, resume)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("save_every", [0.0, 1e9], ids=["saved each step", "never saved"])
def test_cut_off_anywhere(kind, save_every, tmp_path):
    settings = KINDS[kind] | {"save_every": save_every}
    whole = Parity()
    wanted = trainer(whole, tmp_path / "whole", **settings).run()
    folder = tmp_path / "cut"
    for number, at in enumerate((3, 10, 21, 1)):
        with pytest.raises(Cut):
            trainer(Cutting(at), folder, resume=number > 0, **settings).run()
    torch.manual_seed(99)
    task = Parity(seed=5 if save_every == 0 else 7)  # a checkpoint is all that counts, where there is one
    task.ids, task.gold = whole.ids, whole.gold
    found = trainer(task, folder, True, **settings).run()
    assert same(task.model, whole.model)
    assert (found.steps, found.step, found.dev, found.stopped) == (wanted.steps, wanted.step, wanted.dev, wanted.stopped)
    told, tells = (journal.read(tmp_path / name / journal.NAME) for name in ("cut", "whole"))
    timeless = [[{**entry, "seconds": 0, "tokens_per_second": 0} for entry in entries] for entries in (told, tells)]
    assert timeless[0] == timeless[1]


def test_a_finished_training_ends_the_same_again(tmp_path):
    first, again = Parity(), Parity(seed=5)
    again.ids, again.gold = first.ids, first.gold
    wanted = trainer(first, tmp_path).run()
    found = trainer(again, tmp_path, True).run()
    assert same(first.model, again.model)
    assert (found.steps, found.dev) == (wanted.steps, wanted.dev)


def test_a_time_limit_leaves_no_trace(tmp_path):
    whole, task = Parity(), Parity()
    trainer(whole, tmp_path / "whole").run()
    done = trainer(Parity(wait=0.002), tmp_path / "cut", time_limit=0.05).run()
    assert done.stopped == "time limit"
    assert done.steps < 60
    assert trainer(task, tmp_path / "cut", True).run().stopped == "epochs"
    assert same(task.model, whole.model)


def test_another_recipe_or_model_is_refused(tmp_path):
    trainer(Parity(), tmp_path, about={"model": "lstm", "layers": 2}, epochs=1).run()
    with pytest.raises(Failure, match=r"is another: rate: was 0\.02, is 0\.03; epochs: was 1, is 6; layers: was 2, is 3 \("):
        trainer(Parity(), tmp_path, True, about={"model": "lstm", "layers": 3}, rate=0.03).run()


def test_what_may_change_may_change(tmp_path):
    lines: list[str] = []
    trainer(Parity(), tmp_path, epochs=1).run()
    trainer(Parity(), tmp_path, True, lines=lines, epochs=1, time_limit=60.0, save_every=5.0, threads=2).run()
    assert any(line.startswith("threads: was 1, is 2") for line in lines)


def test_weights_of_another_shape_are_refused(tmp_path):
    trainer(Parity(), tmp_path).run()
    task = Parity()
    task.model.out = torch.nn.Linear(8, 3)
    with pytest.raises(Failure, match=r"another model: out.bias: was \[2\], is \[3\]; out.weight: was \[2, 8\], is"):
        trainer(task, tmp_path, True).run()


def test_nothing_to_go_on_with_begins_anew(tmp_path):
    lines: list[str] = []
    trainer(Parity(), tmp_path / "none", True, lines=lines, epochs=1).run()
    assert "no checkpoint yet: beginning anew" in lines[0]


def test_a_new_training_forgets_the_old_one(tmp_path):
    trainer(Parity(), tmp_path).run()
    with pytest.raises(Cut):
        trainer(Cutting(1), tmp_path, save_every=1e9).run()
    assert checkpoint.read(tmp_path) is None
    assert (tmp_path / journal.NAME).read_bytes() == b""


def test_a_full_disk_leaves_the_last_checkpoint_and_the_training_goes_on(tmp_path, monkeypatch):
    whole, full = Parity(), Parity()
    trainer(whole, tmp_path / "whole").run()
    calls, lines, flush = [0], list[str](), checkpoint.flush

    def no_space(path: Path) -> None:
        calls[0] += 1
        if calls[0] > 20:
            raise OSError(28, "No space left on device")
        flush(path)

    monkeypatch.setattr(checkpoint, "flush", no_space)
    trainer(full, tmp_path / "full", lines=lines).run()
    assert same(full.model, whole.model)
    assert any("cannot save the training" in line and "No space left on device" in line for line in lines)
    assert [path.name for path in (tmp_path / "full").iterdir() if path.name.startswith(".")] == []
    monkeypatch.undo()
    found = checkpoint.read(tmp_path / "full")
    assert found is not None
    assert found.state["position"]["step"] == 10
    later = Parity()
    trainer(later, tmp_path / "full", True).run()
    assert same(later.model, whole.model)


def test_a_full_disk_does_not_spoil_the_journal(tmp_path):
    found = journal.Journal(tmp_path)
    found.write({"step": 1})
    (tmp_path / journal.NAME).chmod(0o600)
    with (tmp_path / journal.NAME).open("ab") as file:
        file.write(b'{"ste')  # cut off by a kill
    journal.Journal(tmp_path, found.position).write({"step": 2})
    assert journal.read(tmp_path / journal.NAME) == [{"step": 1}, {"step": 2}]


def test_a_broken_checkpoint_is_named(tmp_path):
    trainer(Parity(), tmp_path, epochs=1).run()
    path = tmp_path / checkpoint.NAME
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(Failure, match=r"checkpoint.safetensors is broken.*without --resume"):
        trainer(Parity(), tmp_path, True, epochs=1).run()


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot keep the training in"):
        trainer(Parity(), tmp_path / "file" / "folder").run()


def test_random_numbers_go_on():
    import numpy as np

    def draw() -> list[float]:
        legacy = np.random.rand(), np.random.randn()  # noqa: NPY002
        return [random.random(), random.gauss(), *map(float, legacy), float(torch.rand(()))]

    draw()
    state = checkpoint.random_state()
    first = [draw(), draw()]
    checkpoint.set_random_state(state)
    assert first == [draw(), draw()]


def train_and_tell(folder: Path, result: Path, resume: bool, settings: dict[str, Any]) -> None:
    task = Parity(wait=0.003)
    Trainer(task, Training(**settings), folder, lambda _: None, {}, resume).run()
    result.write_text(json.dumps(weights(task.model)))


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_any_moment(kills, tmp_path):
    settings = SETTINGS | {"save_every": 0.01, "epochs": 5 + kills, "ema": 0.9}
    whole = Parity()
    Trainer(whole, Training(**settings), tmp_path / "whole").run()
    chance, begin = random.Random(kills), multiprocessing.get_context("fork")
    folder, result = tmp_path / "killed", tmp_path / "result.json"
    cut = 0
    for number in range(kills):
        process = begin.Process(target=train_and_tell, args=(folder, result, number > 0, settings))
        process.start()
        time.sleep(chance.uniform(0.0, 0.3))
        cut += process.is_alive()
        process.kill()
        process.join()
    assert cut > kills / 2
    process = begin.Process(target=train_and_tell, args=(folder, result, True, settings))
    process.start()
    process.join()
    assert json.loads(result.read_text()) == weights(whole.model)
