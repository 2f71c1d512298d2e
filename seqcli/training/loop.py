"""The loop that trains every model by gradient.

    for each batch: split it, sum the losses of its parts, divide the gradient by the sum of their units, clip it, step

The rest keeps watch over it: the schedule, evaluations, the journal, checkpoints. A training that was cut off at any moment goes on
from its last checkpoint to the same weights, bit by bit: what a step depends on is in the checkpoint, and neither an evaluation nor the
clock leaves a trace in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqcli.errors import Failure
from seqcli.models.learning import Training
from seqcli.training import average, checkpoint, device, optimiser, processes
from seqcli.training.interrupt import put_off
from seqcli.training.journal import Journal
from seqcli.training.progress import Progress, Report, Status
from seqcli.training.schedule import Schedule
from seqcli.training.state import Learning, Outcome, Position, made_by, refuse_another
from seqcli.training.task import Loss, Task
from seqcli.training.tree import each_tensor, pack, unpack

EXPLODED = 100.0  # times the loss of the beginning, or of 1 nat
LOOK = 16  # steps from one look at a GPU's numbers to the next
AT_ONCE = 1.0  # seconds that a last checkpoint at Ctrl-C may take

__all__ = ["Loss", "Outcome", "Task", "Trainer"]


class Wish(NamedTuple):
    """What the first process wants after a step."""

    save: bool = False
    stop: bool = False  # the time is up
    interrupt: bool = False


@dataclass
class Trainer:
    """One training.

    `folder` is where it keeps its journal and, from time to time, itself; `about` says what the model and its data are, in JSON's
    values: a training goes on (`resume`) only with the same.
    """

    task: Task
    settings: Training
    folder: Path | None = None
    report: Report = lambda _: None
    about: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False
    quiet: bool = False

    def run(self) -> Outcome:
        """Train to the end and leave the weights in the model.

        Raises:
            Failure: the loss has no end, the settings do not fit the machine, or `resume` finds another training.
            KeyboardInterrupt: Ctrl-C; what was learned is saved if that takes no more than a moment.
        """
        self.settings.check()
        self.where = device.device(self.settings)
        with processes.joined(self.where) as self.team:
            try:
                with self.prepared():
                    return self.finish(self.train())
            except Failure:
                if self.team.rank:  # the first process has said it
                    raise SystemExit(1) from None
                raise

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """All that the steps need, new or from the checkpoint."""
        settings, self.model = self.settings, self.task.model
        with ExitStack() as stack:
            lower = device.lower_precision(settings, self.where)
            self.cast = torch.autocast(self.where, lower) if lower else nullcontext()
            self.threads = stack.enter_context(device.threads(settings.threads))
            self.model.to(self.team.device)
            stack.enter_context(optimiser.frozen(self.model, settings.freeze))
            self.team.begin_alike(self.model)
            if settings.compile:
                self.model.compile()
            self.weights = list(optimiser.trainable(self.model).values())
            self.optimiser = optimiser.optimiser(self.model, settings)
            self.ema = average.MovingAverage(self.model, settings.ema) if settings.ema else None
            self.keeper = average.Keeper(settings.keep, settings.average)
            self.learning = Learning(self.model, self.optimiser, self.ema, self.keeper)
            self.at = Position()
            self.last: tuple[Tensor, Tensor, float] | None = None  # loss, gradient norm and rate of a step
            self.carry: dict[int, Any] = {}  # by part
            self.window = torch.zeros(1, dtype=torch.float64, device=self.team.device)  # loss since the last line of the journal
            self.random: dict[str, Tensor] = {}  # to go on with, at the next batch
            checkpoint.seed_all(settings.seed + self.team.rank)
            if self.folder:
                self.restore(self.folder)
            self.journal = Journal(self.folder if self.first else None, self.at.journal, settings.tensorboard)
            stack.callback(self.journal.close)
            self.schedule = Schedule.of(settings, self.task.batches)
            self.began = self.saved = self.window_began = time.monotonic()
            self.before, self.counted, self.saving = replace(self.at), self.at.units, 0.0
            self.interrupt = stack.enter_context(put_off())
            self.progress = stack.enter_context(Progress(self.report, self.quiet or not self.first))
            yield

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes, reports and evaluates."""
        return self.team.rank == 0

    # The loop ------------------------------------------------------------------------------------------------------------

    def train(self) -> str:
        """Step by step to the end; why it is one."""
        every = self.settings.evaluate_every
        while not (why := self.over()):
            for batch in self.rest_of_epoch():
                wish = self.step(batch)
                if self.at.step % self.settings.log_every == 0:
                    self.log()
                if every and self.at.step % every == 0:
                    self.evaluate()
                if wish != Wish():
                    self.grant(wish)
                if wish.stop:
                    return "time limit"
                if self.over():
                    break
            else:
                self.end_epoch()
        self.save()
        return why

    def over(self) -> str:
        """Why there is nothing left to do; nothing while there is."""
        settings, at = self.settings, self.at
        if settings.patience and at.waited >= settings.patience:
            return "patience"
        if settings.max_steps:
            return "steps" if at.step >= settings.max_steps else ""
        return "epochs" if at.epoch >= settings.epochs else ""

    def rest_of_epoch(self) -> Iterator[Any]:
        """The batches of this epoch that are to come."""
        batches = iter(self.task.batches(self.at.epoch))
        for _ in islice(batches, self.at.batch):
            pass
        if self.random:
            checkpoint.set_random_state(self.random)
            self.random = {}
        self.model.train()
        return batches

    def end_epoch(self) -> None:
        """After the last batch."""
        if not self.at.batch:
            raise Failure("there is nothing to train on: the data gives no batch")
        if not self.settings.evaluate_every and self.at.evaluated != self.at.step:
            self.evaluate()
        self.at.epoch_steps = self.at.epoch_steps or self.at.batch
        self.at.epoch += 1
        self.at.batch = 0
        self.carry = {}

    def step(self, batch: Any) -> Wish:
        """One change of the weights."""
        at, settings, team = self.at, self.settings, self.team
        total, units = self.gradients(batch)
        numbers = torch.tensor([units, *map(float, self.wish())], dtype=torch.float64)
        if team.size > 1:
            numbers = team.add_up(self.weights, torch.cat([total.reshape(1), numbers.to(team.device)]))
            total, numbers = numbers[0], numbers[1:].cpu()
        units, *wishes = numbers.tolist()
        rate = self.schedule(at.step + 1)
        norm = optimiser.settle([weight.grad for weight in self.weights if weight.grad is not None], units or 1.0, settings)
        self.last = (total / (units or 1.0), norm, rate)
        at.step += 1
        at.batch += 1
        if self.where == "cpu" or at.step % LOOK == 0:
            self.look()
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.ema:
            self.ema.follow(at.step)
        self.window += total
        at.units += units
        at.window_units += units
        if self.progress.due:
            self.progress.show(self.status())
        return Wish(*map(bool, wishes))

    def gradients(self, batch: Any) -> tuple[Tensor, float]:
        """The gradients of this process's parts of a batch, in the weights; the sum of their losses and of their units."""
        parts = self.settings.accumulate * self.team.size
        total, units = torch.zeros((), device=self.team.device), 0.0
        for number, part in enumerate([batch] if parts == 1 else self.task.split(batch, parts)):
            if number % self.team.size != self.team.rank:
                continue
            with self.cast:
                loss = self.task.loss(part, self.carry.get(number))
            loss.total.backward()  # type: ignore[no-untyped-call]
            self.carry[number] = each_tensor(Tensor.detach, loss.carry)
            total = total + loss.total.detach()
            units += loss.units
        return total, units

    def look(self) -> None:
        """Raises Failure: the last step had a loss or a gradient without end."""
        if not self.last:
            return
        loss, norm, rate = (float(number) for number in self.last)
        at = self.at
        at.first_loss = loss if at.first_loss is None else at.first_loss
        if math.isfinite(norm) and loss <= EXPLODED * max(1.0, at.first_loss):
            return
        kept = f"the checkpoint in {self.folder} is from before" if self.folder and (self.folder / checkpoint.NAME).is_file() else ""
        advice = "a smaller rate, a longer warmup or a smaller clip_norm: --set rate=…"
        message = f"the training diverged at step {at.step}: loss {loss:.4g}, gradient norm {norm:.4g}, learning rate {rate:.4g}"
        raise Failure(message, hint="; ".join(filter(None, [advice, kept])))

    def wish(self) -> Wish:
        """What this process wants after this step; only the first one's counts."""
        if not self.first:
            return Wish()
        now, settings = time.monotonic(), self.settings
        up = bool(settings.time_limit) and now - self.began >= settings.time_limit
        return Wish(now - self.saved >= settings.save_every, up, self.interrupt.asked)

    def grant(self, wish: Wish) -> None:
        """Save, or end, as the first process wants it."""
        if not wish.interrupt or self.saving < AT_ONCE:
            self.save()
        if wish.interrupt:
            raise KeyboardInterrupt

    def finish(self, why: str) -> Outcome:
        """Measure what has not been, and leave in the model the weights that the settings choose."""
        at = self.at
        if at.evaluated != at.step:
            self.evaluate()
        dev, step = (at.best_dev, at.best_step) if self.settings.keep == "best" and at.best_dev else (at.dev, at.step)
        chosen = self.keeper.chosen()
        if self.ema:
            self.ema.assign(self.ema.own, self.ema.shadow)
        average.put(self.model, chosen)
        if len(self.keeper.kept) > 1:
            dev = self.measure()
            self.note({"step": at.step, "epoch": at.epoch, "averaged": len(self.keeper.kept), "dev": dev})
        self.model.eval()
        return Outcome(at.step, at.epoch + (at.batch > 0), self.seconds(), why, dev, step)

    # What keeps watch ----------------------------------------------------------------------------------------------------

    def evaluate(self) -> None:
        """Measure the weights on dev, and keep them if they are worth it."""
        at, paused = self.at, time.monotonic()
        with self.ema.shown() if self.ema else nullcontext():
            self.look()
            at.dev, at.evaluated = self.measure(), at.step
            value = at.dev.get(self.task.criterion, math.nan)
            sign = 1 if self.task.higher_is_better else -1
            gained = not math.isnan(value) and (at.best is None or sign * value > sign * at.best)
            if at.dev and not gained:
                at.waited += 1
            if gained:
                at.best, at.best_step, at.best_dev, at.waited = value, at.step, at.dev, 0
            self.keeper.see(self.model, gained)
        self.window_began += time.monotonic() - paused
        if at.dev:
            self.note({"step": at.step, "epoch": at.epoch + 1, "seconds": self.seconds(), "dev": at.dev})
            self.progress.tell(str(self.status()) + " (best)" * gained)

    def measure(self) -> dict[str, float]:
        """What the first process finds on dev; it leaves no trace in the random numbers."""
        found: dict[str, float] = {}
        if self.first:
            state = checkpoint.random_state()
            self.model.eval()
            self.interrupt.put_off = False
            with torch.no_grad():
                found = {name: float(value) for name, value in self.task.evaluate().items()}
            self.interrupt.put_off = True
            self.model.train()
            checkpoint.set_random_state(state)
        shared: dict[str, float] = self.team.share(found)
        return shared

    def log(self) -> None:
        """A line of the journal."""
        assert self.last
        at, now = self.at, time.monotonic()
        loss, (_, norm, rate) = float(self.window) / max(at.window_units, 1e-9), self.last
        entry = {"step": at.step, "epoch": at.epoch + 1, "loss": loss, "rate": rate, "gradient_norm": float(norm)}
        speed = (at.units - self.counted) / max(now - self.window_began, 1e-9)
        self.note(entry | {"tokens_per_second": speed, "seconds": self.seconds()})
        self.window.zero_()
        at.window_units, self.window_began, self.counted = 0.0, now, at.units

    def note(self, entry: Mapping[str, Any]) -> None:
        """Write to the journal, if the disk can take it."""
        try:
            self.journal.write(entry)
        except OSError as error:
            self.progress.tell(f"cannot write the journal in {self.folder}: {error.strerror or error}")

    def seconds(self) -> float:
        """Of training, all runs together."""
        return self.at.seconds + time.monotonic() - self.began

    def status(self) -> Status:
        """For the progress."""
        at, settings, now = self.at, self.settings, time.monotonic()
        ran = now - self.began
        loss = float(self.window) / at.window_units if at.window_units else float(self.last[0]) if self.last else None
        dev = ", ".join(f"dev {name} {value:.4g}" for name, value in at.dev.items())
        steps = settings.max_steps or at.epoch_steps * settings.epochs
        left = [ran / max(at.step - self.before.step, 1) * (steps - at.step)] if steps else []
        left += [settings.time_limit - ran] if settings.time_limit else []
        return Status(
            at.step, at.epoch + 1, loss, (at.units - self.before.units) / max(ran, 1e-9), getattr(self.task, "unit", "tokens"),
            min(1.0, at.step / steps) if steps else None, max(0.0, min(left)) if left else None, dev,
        )  # fmt: skip

    # What outlives it ----------------------------------------------------------------------------------------------------

    def made_by(self) -> dict[str, dict[str, Any]]:
        """What must be the same when the training goes on."""
        return made_by(self.settings, {**self.about, "device": self.where, "processes": self.team.size})

    def save(self) -> None:
        """A checkpoint of all processes; where the disk cannot take it, the one before stays and the training goes on."""
        if not self.folder:
            return
        began = time.monotonic()
        self.look()
        carried = {number: pack(tree, f"carry/{number}") for number, tree in self.carry.items()}
        tensors = {f"random.{self.team.rank}/{name}": tensor for name, tensor in (self.random or checkpoint.random_state()).items()}
        tensors |= {name: tensor.cpu() for _, found in carried.values() for name, tensor in found.items()}
        everyone = self.team.gather((tensors, {number: structure for number, (structure, _) in carried.items()}))
        if self.first:
            now = replace(self.at, seconds=self.seconds(), window_loss=float(self.window), journal=self.journal.position)
            state = {"position": asdict(now), "threads": self.threads, "torch": torch.__version__}
            state["carry"] = [[number, structure] for _, found in everyone for number, structure in found.items()]
            whole = self.learning.tensors()
            for found, _ in everyone:
                whole |= found
            try:
                checkpoint.write(self.folder, checkpoint.Checkpoint(whole, state, self.made_by()))
            except OSError as error:
                self.progress.tell(f"cannot save the training in {self.folder}: {error.strerror}; the checkpoint before stays")
        self.saved = time.monotonic()
        self.saving = self.saved - began

    def restore(self, folder: Path) -> None:
        """Begin where the checkpoint of the folder was made; without `resume`, clear the folder for a new beginning."""
        found = checkpoint.read(folder) if self.resume else None
        if found is None:
            if self.first:
                checkpoint.clear(folder)
            if self.first and self.resume:
                self.report(f"{folder} has no checkpoint yet: beginning anew")
            return
        refuse_another(folder, found.made_by, self.made_by())
        self.learning.load(found)
        self.at = Position(**found.state["position"])
        self.window += self.at.window_loss
        self.random = found.part(f"random.{self.team.rank}")
        mine = [(number, structure) for number, structure in found.state["carry"] if number % self.team.size == self.team.rank]
        self.carry = {number: each_tensor(self.move, unpack(structure, found.tensors)) for number, structure in mine}
        for what, now in (("threads", self.threads), ("torch", torch.__version__)):
            if found.state[what] != now and self.first:
                self.report(f"{what}: was {found.state[what]}, is {now}: the last digits may differ from those of an unbroken training")

    def move(self, tensor: Tensor) -> Tensor:
        """A tensor on the training's device."""
        return tensor.to(self.team.device)
