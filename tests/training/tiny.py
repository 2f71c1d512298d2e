"""A task small enough to train in a blink, and a program that trains it, to be killed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqcli.models.learning import Training
from seqcli.training.buckets import row_batches
from seqcli.training.loop import Loss, Trainer


class Net(nn.Module):
    """An LSTM with dropout that says for each symbol whether the sum so far is odd."""

    def __init__(self, dropout: float = 0.1, hidden: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, 2)
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        if self.training:
            self.seen.add_(1)
        states, state = self.lstm(self.dropout(self.embed(ids)), state)
        return self.out(self.norm(states)), state


class Parity:
    """Task: 40 sequences of 6 bits, cut into 2 spans with the state carried over."""

    criterion, higher_is_better, unit = "accuracy", True, "bits"

    def __init__(self, dropout: float = 0.1, rows: int = 8, carried: bool = True, seed: int = 7, wait: float = 0.0) -> None:
        torch.manual_seed(seed)
        self.model = Net(dropout)
        ids = np.random.default_rng(seed).integers(0, 2, (40, 6))
        self.ids, self.gold = torch.from_numpy(ids), torch.from_numpy(ids.cumsum(1) % 2)
        self.rows, self.carried, self.wait = rows, carried, wait
        self.rates: list[float] = []

    def batches(self, epoch: int) -> Any:
        order = row_batches(40, self.rows, seed=3, epoch=epoch)
        return [(rows, span) for rows in order for span in (slice(0, 3), slice(3, 6))]

    def split(self, batch: Any, parts: int) -> Any:
        rows, span = batch
        return [(part, span) for part in np.array_split(rows, parts) if len(part)]

    def loss(self, batch: Any, carry: Any) -> Loss:
        rows, span = batch
        time.sleep(self.wait)
        anew = not self.carried or span.start == 0
        logits, state = self.model(self.ids[rows, span], None if anew else carry)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), self.gold[rows, span].flatten(), reduction="sum")
        return Loss(loss, float(self.gold[rows, span].numel()), state if self.carried else None)

    def evaluate(self) -> dict[str, float]:
        torch.rand(3)  # must leave no trace
        logits, _ = self.model(self.ids)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), self.gold.flatten())
        return {"accuracy": float((logits.argmax(-1) == self.gold).float().mean()), "loss": loss.item()}


def weights(model: nn.Module) -> dict[str, list[float]]:
    return {name: tensor.double().flatten().tolist() for name, tensor in model.state_dict().items()}


def same(first: nn.Module, second: nn.Module) -> bool:
    return weights(first) == weights(second)


def main() -> None:
    """`python -m tests.training.tiny FOLDER RESULT RESUME SETTINGS TASK`"""
    folder, result, resume, settings, task_settings = sys.argv[1:]
    torch.set_num_threads(1)
    task = Parity(**json.loads(task_settings))

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    trainer = Trainer(task, Training(**json.loads(settings)), Path(folder), tell, {"model": "parity"}, resume=resume == "resume")
    print("begun", flush=True)
    done = trainer.run()
    if trainer.first:
        Path(result).write_text(json.dumps({"weights": weights(task.model), "steps": done.steps, "dev": done.dev, "why": done.stopped}))


if __name__ == "__main__":
    main()
