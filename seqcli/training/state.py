"""What a training is at a step: where it stands, what it has learned, and whether a checkpoint is one of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli.errors import Failure
from seqcli.models.learning import FREE, Training, differences
from seqcli.training import average, optimiser

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from seqcli.training.checkpoint import Checkpoint


@dataclass
class Position:
    """Where a training stands, in JSON's values."""

    step: int = 0
    epoch: int = 0  # begun, the first is 0
    batch: int = 0  # batches of the epoch that are done
    epoch_steps: int = 0  # in an epoch; 0 as long as it is not known
    seconds: float = 0.0  # of training, all runs together
    units: float = 0.0  # trained on, all epochs together
    window_loss: float = 0.0  # since the last line of the journal
    window_units: float = 0.0
    journal: int = 0  # bytes
    first_loss: float | None = None
    dev: dict[str, float] = field(default_factory=dict)  # the last measures
    evaluated: int = -1  # the step that they are from
    best: float | None = None
    best_step: int = 0
    best_dev: dict[str, float] = field(default_factory=dict)
    waited: int = 0  # evaluations since the best


@dataclass
class Learning:
    """What the steps change."""

    model: nn.Module
    optimiser: Optimizer
    ema: average.MovingAverage | None
    keeper: average.Keeper

    @property
    def names(self) -> dict[int, str]:
        """Of the weights, by identity."""
        return {id(weight): name for name, weight in self.model.named_parameters()}

    def tensors(self) -> dict[str, Tensor]:
        """For a checkpoint, `kind/name`."""
        kinds = {"model": average.weights(self.model), "optimiser": optimiser.state_of(self.optimiser, self.names)}
        kinds |= {"ema": self.ema.shadow} if self.ema else {}
        kinds |= {f"kept.{number}": kept for number, kept in enumerate(self.keeper.kept)}
        return {f"{kind}/{name}": tensor for kind, found in kinds.items() for name, tensor in found.items()}

    def load(self, found: Checkpoint) -> None:
        """Go back to a checkpoint.

        Raises:
            Failure: its weights have other names or shapes than the model's.
        """
        saved, own = found.part("model"), average.weights(self.model)
        if unlike := differences({name: list(w.shape) for name, w in saved.items()}, {name: list(w.shape) for name, w in own.items()}):
            raise Failure(f"the checkpoint is of another model: {'; '.join(unlike[:4])}{' …' * (len(unlike) > 4)}")
        average.put(self.model, saved)
        optimiser.restore(self.optimiser, self.names, found.part("optimiser"))
        if self.ema:
            self.ema.assign(self.ema.shadow, found.part("ema"))
        count = 0
        while kept := found.part(f"kept.{count}"):
            self.keeper.kept.append(kept)
            count += 1


@dataclass
class Outcome:
    """How a training ended; its weights are in the model."""

    steps: int
    epochs: int  # begun
    seconds: float
    stopped: str  # "steps", "epochs", "patience" or "time limit"
    dev: dict[str, float]  # of the weights that the model has now
    step: int  # that they are from; the last one where several are averaged


def made_by(settings: Training, about: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What must be the same when a training goes on, as JSON gives it back."""
    bound = {key: value for key, value in asdict(settings).items() if key not in FREE}
    found: dict[str, dict[str, Any]] = json.loads(json.dumps({"settings": bound, "about": dict(about)}))
    return found


def refuse_another(folder: Path, was: Mapping[str, dict[str, Any]], now: Mapping[str, dict[str, Any]]) -> None:
    """Raises Failure: the training in the folder has other settings, or another model; lists the differences."""
    unlike = [line for kind in now for line in differences(was.get(kind, {}), now[kind])]
    if unlike:
        raise Failure(f"the training in {folder} is another: {'; '.join(unlike)}", hint="the same again, or train without --resume")
