"""Two processes learn what one does from the same batches."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqcli.models.learning import Training
from seqcli.training import journal
from seqcli.training.loop import Trainer
from tests.conftest import ENVIRONMENT, ROOT
from tests.training.tiny import Parity, weights

SETTINGS: dict[str, Any] = {"threads": 1, "rate": 0.02, "epochs": 4, "log_every": 1, "keep": "last"}


def together(folder: Path, resume: bool = False, dropout: float = 0.0, **settings: Any) -> tuple[int, str, Any]:
    """Two processes under torchrun: how they end, what they say, what they have learned."""
    result = folder / "result.json"
    words = [str(folder / "resume"), str(result), "resume" if resume else "new", json.dumps(SETTINGS | settings)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("-m", "tests.training.tiny", *words, json.dumps({"dropout": dropout})),
        ],
        check=False, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stderr, json.loads(result.read_text()) if result.is_file() else None


def losses(folder: Path) -> list[float]:
    return [entry["loss"] for entry in journal.read(folder / journal.NAME) if "loss" in entry]


def one_of_two(rank: int, port: int, folder: Path, settings: dict[str, Any]) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    task = Parity(dropout=0.0, seed=7 + rank)  # the first one's weights count
    task.ids, task.gold = Parity().ids, Parity().gold
    Trainer(task, Training(**settings), folder / "resume", lambda line: print(line, file=(folder / "said").open("a"))).run()
    (folder / f"weights.{rank}").write_text(json.dumps(weights(task.model)))


@pytest.mark.parametrize("settings", [{}, {"accumulate": 2, "ema": 0.9, "clip_norm": 0.1}], ids=str)
def test_the_loss_curve_of_one_process(settings, tmp_path):
    alone = Parity(dropout=0.0)
    Trainer(alone, Training(**SETTINGS | settings), tmp_path / "alone").run()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begin = multiprocessing.get_context("fork")
    team = [begin.Process(target=one_of_two, args=(rank, port, tmp_path, SETTINGS | settings)) for rank in (0, 1)]
    for process in team:
        process.start()
    for process in team:
        process.join(60)
    assert [process.exitcode for process in team] == [0, 0]
    one, two = losses(tmp_path / "alone"), losses(tmp_path / "resume")
    assert len(one) == len(two) == 40
    assert two == pytest.approx(one, abs=1e-4)
    first, second = (json.loads((tmp_path / f"weights.{rank}").read_text()) for rank in (0, 1))
    assert first == second
    assert first["out.weight"] == pytest.approx(weights(alone.model)["out.weight"], abs=1e-4)
    assert (tmp_path / "said").read_text().count("epoch 4, step 40") == 1  # only the first speaks


@pytest.mark.slow
def test_two_processes_go_on_to_the_same_weights(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    wanted = together(whole, dropout=0.1, epochs=30)
    assert wanted[0] == 0, wanted[1]
    _, said, first = together(cut, dropout=0.1, epochs=30, time_limit=0.15)
    assert first["why"] == "time limit", said
    assert first["steps"] < 300
    code, said, found = together(cut, resume=True, dropout=0.1, epochs=30)
    assert code == 0, said
    assert found["weights"] == wanted[2]["weights"]


@pytest.mark.slow
def test_all_end_when_the_loss_has_no_end(tmp_path):
    code, said, found = together(tmp_path, optimizer="sgd", rate=1e4, clip_norm=0.0, epochs=50)
    assert code != 0
    assert found is None
    assert said.count("seqcli.errors.Failure: the training diverged") == 1


@pytest.mark.slow
def test_more_processes_than_rows(tmp_path):
    code, said, _ = together(tmp_path, accumulate=3, epochs=2, max_steps=3)
    assert code == 0, said
