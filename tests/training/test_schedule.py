"""Schedules against their formulas, and against those that torch and transformers have."""

import math

import pytest
import torch
import transformers

from seqcli.models.learning import Training
from seqcli.training.schedule import Schedule

WARMUP, STEPS = 10, 100


def rates(**settings: object) -> list[float]:
    schedule = Schedule.of(Training(rate=0.5, warmup=WARMUP, max_steps=STEPS, **settings), lambda epoch: [])  # type: ignore[arg-type]
    return [schedule(step) for step in range(1, STEPS + 1)]


def theirs(make: object, *numbers: float) -> list[float]:
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    scheduler = make(optimiser, *numbers)  # type: ignore[operator]
    found = []
    for _ in range(STEPS + 1):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found[1:]


@pytest.mark.parametrize(
    ("name", "make", "numbers"),
    [
        ("constant", transformers.get_constant_schedule_with_warmup, (WARMUP,)),
        ("linear", transformers.get_linear_schedule_with_warmup, (WARMUP, STEPS)),
        ("cosine", transformers.get_cosine_schedule_with_warmup, (WARMUP, STEPS)),
        ("inverse-sqrt", transformers.get_inverse_sqrt_schedule, (WARMUP,)),
    ],
    ids=["constant", "linear", "cosine", "inverse-sqrt"],
)
def test_the_same_as_transformers(name, make, numbers):
    assert rates(schedule=name) == pytest.approx(theirs(make, *numbers), abs=1e-12)


def test_inverse_sqrt_is_the_transformer_papers():
    width, scale = 512, 0.5 * math.sqrt(512 * WARMUP)
    paper = [scale * width**-0.5 * min(step**-0.5, step * WARMUP**-1.5) for step in range(1, STEPS + 1)]
    assert rates(schedule="inverse-sqrt") == pytest.approx(paper)


def test_step_falls_in_steps():
    found = rates(schedule="step", decay_steps=20, decay_factor=0.1, last_rate=1e-3)
    assert found[WARMUP - 1 :: 20][:3] == pytest.approx([0.5, 0.05, 0.005])
    assert found[WARMUP + 18] == 0.5
    assert found[-1] == 1e-3


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_decay_ends_at_the_last_rate_and_stays(name):
    found = rates(schedule=name, decay_steps=30, last_rate=0.1)
    assert found[WARMUP - 1] == 0.5
    assert all(earlier >= later for earlier, later in zip(found[WARMUP:], found[WARMUP + 1 :], strict=False))
    assert found[WARMUP + 29 :] == pytest.approx([0.1] * 61)


@pytest.mark.parametrize("batches", [lambda epoch: [1, 2, 3], lambda epoch: iter([1, 2, 3])], ids=["counted", "walked"])
def test_the_end_is_that_of_the_epochs(batches):
    schedule = Schedule.of(Training(rate=1.0, schedule="linear", epochs=4), batches)
    assert (schedule.steps, schedule(12), schedule(6)) == (12, 0.0, 0.5)
