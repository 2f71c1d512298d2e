"""The loop against a bare one, and what it promises beside: accumulation, carried state, early ends, what it keeps, what it refuses."""

import math
import os
import signal
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from seqcli.errors import Failure, UsageFailure
from seqcli.models.learning import Training
from seqcli.training import journal
from seqcli.training.loop import Loss, Outcome, Trainer
from tests.training.tiny import Parity, same, weights

PLAIN: dict[str, Any] = {"threads": 1, "keep": "last", "rate": 0.02, "epochs": 3}


def train(task: Any, folder: Any = None, **settings: Any) -> Outcome:
    return Trainer(task, Training(**(PLAIN | settings)), folder).run()


def near(first: nn.Module, second: nn.Module) -> float:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return max(float((one.double() - other.double()).abs().max()) for one, other in pairs)


def bare(task: Parity, epochs: int) -> None:
    """The textbook's loop."""
    torch.manual_seed(1)
    optimiser = torch.optim.AdamW(task.model.parameters(), lr=0.02, weight_decay=0.0)
    for epoch in range(epochs):
        carry = None
        for batch in task.batches(epoch):
            loss = task.loss(batch, carry)
            carry = tuple(each.detach() for each in loss.carry) if loss.carry else None
            optimiser.zero_grad()
            (loss.total / loss.units).backward()
            torch.nn.utils.clip_grad_norm_(task.model.parameters(), 1.0)
            optimiser.step()


@pytest.mark.parametrize("carried", [False, True])
def test_the_same_as_a_bare_loop(carried):
    ours, theirs = Parity(carried=carried), Parity(carried=carried)
    train(ours, weight_decay=0.0)
    bare(theirs, 3)
    assert near(ours.model, theirs.model) < 1e-5


def test_it_learns():
    assert train(Parity(), epochs=20, keep="best").dev["accuracy"] == 1


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adafactor"])
def test_every_optimiser_lowers_the_loss(optimizer):
    task = Parity(dropout=0.0)
    before = task.evaluate()["loss"]
    done = train(task, optimizer=optimizer, rate={"sgd": 0.5}.get(optimizer, 0.05), momentum=0.9, epochs=10)
    assert done.dev["loss"] < before


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_accumulation_is_one_large_batch(parts):
    whole, cut = Parity(dropout=0.0), Parity(dropout=0.0)
    train(whole)
    train(cut, accumulate=parts)
    cut.model.seen.copy_(whole.model.seen)  # it counts passes
    assert near(whole.model, cut.model) < 1e-4


def test_state_is_carried_from_span_to_span_and_begins_anew_with_an_epoch():
    seen: list[Any] = []

    class Watched(Parity):
        def loss(self, batch: Any, carry: Any) -> Loss:
            seen.append((batch[1].start, carry))
            return super().loss(batch, carry)

    train(Watched(), epochs=2)
    assert seen[0][1] is None
    assert seen[10][1] is None
    spans = [(start, carry) for start, carry in seen if start == 3]
    assert all(isinstance(carry, tuple) and not carry[0].requires_grad for _, carry in spans)


def test_what_cannot_be_saved_cannot_be_carried():
    class Odd(Parity):
        def loss(self, batch: Any, carry: Any) -> Loss:
            found = super().loss(batch, None)
            found.carry = {1, 2}
            return found

    with pytest.raises(TypeError, match="set cannot be carried"):
        train(Odd())


def test_frozen_weights_stay():
    task = Parity()
    before = weights(task.model)
    train(task, freeze=("lstm.*",))
    after = weights(task.model)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"embed.weight", "norm.weight", "norm.bias", "out.weight", "out.bias", "seen"}
    assert all(weight.requires_grad for weight in task.model.parameters())


@pytest.mark.parametrize("poison", ["loss", "gradient", "weights"])
def test_a_loss_without_end_stops(poison, tmp_path):
    class Poisoned(Parity):
        steps = 0

        def loss(self, batch: Any, carry: Any) -> Loss:
            self.steps += 1
            found = super().loss(batch, carry)
            if self.steps == 14 and poison == "loss":
                found.total = found.total * math.nan
            if self.steps == 14 and poison == "gradient":
                found.total = found.total + torch.sqrt(self.model.out.bias[0] * 0)
            if self.steps == 14 and poison == "weights":
                self.model.out.weight.data[0].fill_(1e30)
                return super().loss(batch, carry)
            return found

    with pytest.raises(Failure, match=r"diverged at step 14: loss .*, gradient norm .*, learning rate 0\.02.*smaller rate"):
        train(Poisoned(), tmp_path, save_every=0)
    steps = [entry["step"] for entry in journal.read(tmp_path / journal.NAME)]
    assert max(steps) == 10


def test_too_high_a_rate_explodes():
    with pytest.raises(Failure, match=r"diverged at step \d+: loss"):
        train(Parity(), optimizer="sgd", rate=1e4, clip_norm=0.0, epochs=50)


def test_patience_ends_and_the_best_is_kept():
    class Scripted(Parity):
        values = iter([0.1, 0.5, 0.4, 0.3, 0.9, 0.9])
        kept: Any = None

        def evaluate(self) -> dict[str, float]:
            value = next(self.values)
            if value == 0.5:
                self.kept = weights(self.model)
            return {"accuracy": value}

    task = Scripted()
    done = train(task, epochs=9, patience=2, keep="best")
    assert (done.stopped, done.epochs, done.steps, done.step, done.dev) == ("patience", 4, 40, 20, {"accuracy": 0.5})
    assert weights(task.model) == task.kept


def test_lower_may_be_better_and_nan_is_never_the_best():
    class Scripted(Parity):
        higher_is_better = False
        values = iter([math.nan, 3.0, 2.0, math.nan])

        def evaluate(self) -> dict[str, float]:
            return {"accuracy": next(self.values)}

    assert train(Scripted(), epochs=4, keep="best").step == 30


def test_without_dev_the_end_is_kept():
    class Blind(Parity):
        def evaluate(self) -> dict[str, float]:
            return {}

    blind, seeing = Blind(), Parity()
    assert train(blind, keep="best").dev == {}
    train(seeing, keep="last")
    assert same(blind.model, seeing.model)


def test_evaluations_leave_no_trace():
    often, seldom = Parity(), Parity()
    train(often, evaluate_every=1)
    train(seldom, evaluate_every=1000)
    assert same(often.model, seldom.model)


def test_the_average_is_that_of_the_last_evaluations():
    seen: list[dict[str, list[float]]] = []

    class Watched(Parity):
        def evaluate(self) -> dict[str, float]:
            seen.append(weights(self.model))
            return super().evaluate()

    task = Watched()
    done = train(task, keep="average", average=2, epochs=4)
    wanted = [(one + two) / 2 for one, two in zip(seen[2]["out.weight"], seen[3]["out.weight"], strict=True)]
    assert weights(task.model)["out.weight"] == pytest.approx(wanted, abs=1e-7)
    assert seen[4] == weights(task.model)  # what is kept is measured
    assert done.dev == pytest.approx(super(Watched, task).evaluate())


def test_the_moving_average_is_evaluated_and_kept():
    seen: list[dict[str, list[float]]] = []

    class Watched(Parity):
        def evaluate(self) -> dict[str, float]:
            seen.append(weights(self.model))
            return super().evaluate()

    task, plain = Watched(), Parity()
    train(task, ema=0.9)
    train(plain)
    assert seen[-1] == weights(task.model)
    assert not same(task.model, plain.model)


@pytest.mark.parametrize(
    ("settings", "steps", "why"),
    [({"max_steps": 17}, 17, "steps"), ({"max_steps": 500, "epochs": 1, "time_limit": 0.2}, None, "time limit"), ({}, 30, "epochs")],
    ids=["steps", "time", "epochs"],
)
def test_why_it_ends(settings, steps, why, tmp_path):
    done = train(Parity(wait=0.001), tmp_path, **settings)
    assert done.stopped == why
    assert done.dev
    assert steps in (None, done.steps)


def test_rates_follow_the_schedule(tmp_path):
    train(Parity(), tmp_path, schedule="linear", warmup=5, log_every=1)
    rates = [entry["rate"] for entry in journal.read(tmp_path / journal.NAME) if "rate" in entry]
    assert rates[:5] == pytest.approx([0.004, 0.008, 0.012, 0.016, 0.02])
    assert [later - earlier for earlier, later in pairwise(rates[4:])] == pytest.approx([-0.02 / 25] * 25)


def test_the_journal_tells_all(tmp_path):
    train(Parity(), tmp_path, log_every=7)
    found = journal.read(tmp_path / journal.NAME)
    logged = [entry for entry in found if "loss" in entry]
    assert [entry["step"] for entry in logged] == [7, 14, 21, 28]
    assert set(logged[0]) == {"step", "epoch", "loss", "rate", "gradient_norm", "tokens_per_second", "seconds"}
    assert [(entry["step"], entry["epoch"]) for entry in found if "dev" in entry] == [(10, 1), (20, 2), (30, 3)]


def test_the_mean_loss_is_that_of_the_lines(tmp_path):
    every, some = tmp_path / "every", tmp_path / "some"
    train(Parity(), every, log_every=1)
    train(Parity(), some, log_every=10)
    losses = [entry["loss"] for entry in journal.read(every / journal.NAME) if "loss" in entry]
    means = [entry["loss"] for entry in journal.read(some / journal.NAME) if "loss" in entry]
    assert means == pytest.approx([sum(losses[start : start + 10]) / 10 for start in (0, 10, 20)])


def test_no_batch_is_refused():
    class Empty(Parity):
        def batches(self, epoch: int) -> Any:
            return []

    with pytest.raises(Failure, match="nothing to train on"):
        train(Empty())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(Failure, match="device=cuda"):
        train(Parity(), device="cuda")


def test_bf16_is_refused_where_it_would_be_imitated(monkeypatch):
    monkeypatch.setattr("seqcli.training.device.cpu_has_bf16", lambda: False)
    with pytest.raises(Failure, match="precision=bf16: this cpu has no bf16"):
        train(Parity(), precision="bf16", device="cpu")


def test_bf16_is_used_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr("seqcli.training.device.cpu_has_bf16", lambda: True)
    kinds = set()

    class Watched(Parity):
        def loss(self, batch: Any, carry: Any) -> Loss:
            kinds.add(self.model.out(torch.zeros(1, 8)).dtype)
            return super().loss(batch, carry)

    assert math.isfinite(train(Watched(), precision="bf16", max_steps=2, device="cpu").dev["loss"])
    assert kinds == {torch.bfloat16}


def test_settings_are_checked():
    with pytest.raises(UsageFailure, match="optimizer=lion"):
        train(Parity(), optimizer="lion")


def test_ctrl_c_ends_between_two_steps_and_saves(tmp_path):
    class Interrupted(Parity):
        steps = 0

        def loss(self, batch: Any, carry: Any) -> Loss:
            self.steps += 1
            if self.steps == 13:
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(batch, carry)

    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(), tmp_path)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    went_on, unbroken = Parity(seed=7), Parity()
    lines: list[str] = []
    done = Trainer(went_on, Training(**PLAIN), tmp_path, lines.append, resume=True).run()
    train(unbroken)
    assert done.steps == 30
    assert same(went_on.model, unbroken.model)
