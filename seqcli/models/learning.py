"""What every training by gradient can be told. A model's `Recipe` adds its own fields to these.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Recipe(Training):
...     hidden: int = 256
>>> Recipe(rate=0.002).hidden
256
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seqcli.errors import UsageFailure, nearest

CHOICES = {
    "optimizer": ("adamw", "adam", "sgd", "adafactor"),
    "schedule": ("constant", "inverse-sqrt", "cosine", "linear", "step"),
    "keep": ("best", "last", "average"),
    "precision": ("auto", "float32", "bf16"),
    "device": ("auto", "cpu", "cuda"),
}
LEAST = {"accumulate": 1, "epochs": 1, "average": 1, "log_every": 1}  # of the others: 0
BELOW_ONE = ("beta1", "beta2", "momentum", "ema")
FREE = ("time_limit", "save_every", "log_every", "threads", "tensorboard")  # may change when a training goes on


@dataclass(frozen=True)
class Training:
    """Hyper-parameters of the loop; a step is one change of the weights."""

    optimizer: str = (
        "adamw"  # adam's weight decay is part of the gradient, adamw's is not; adafactor's rate is relative to a tensor's size
    )
    rate: float = 1e-3  # of learning, at its highest
    beta1: float = 0.9  # of adam and adamw
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum: float = 0.0  # of sgd
    weight_decay: float = 0.01  # not of biases, norms …
    decay_embeddings: bool = False  # … nor, unless this is set, of embeddings

    schedule: str = "constant"
    warmup: int = 0  # steps in which the rate rises from 0 in a line
    decay_steps: int = 0  # cosine, linear: after the warm-up, to the last rate; 0: to the end. step: from one fall to the next
    decay_factor: float = 0.5  # step: what the rate is multiplied by
    last_rate: float = 0.0  # cosine, linear, step: no lower than this

    clip_norm: float = 1.0  # of the gradient of all weights together; 0: as it is
    clip_value: float = 0.0  # of each number of the gradient; 0: as it is
    accumulate: int = 1  # parts that a batch goes through the model in
    epochs: int = 10
    max_steps: int = 0  # if given, the epochs do not count
    time_limit: float = 0.0  # seconds of this run; 0: none
    patience: int = 0  # evaluations without gain before the end; 0: no early end
    evaluate_every: int = 0  # steps; 0: after each epoch
    keep: str = "best"  # on dev; without dev, and with "last", the weights at the end; "average" of the last …
    average: int = 5  # … so many evaluations
    ema: float = 0.0  # decay of the moving average of the weights, which is then what is evaluated and kept; 0: none
    freeze: tuple[str, ...] = ()  # patterns of the names of weights that stay as they are: encoder.*
    slow: tuple[str, ...] = ()  # patterns of the names of weights whose rate is lower, as they have learned before …
    slow_rate: float = 0.1  # … so many times the others'

    precision: str = "auto"  # of matrix products; auto is bf16 on a GPU that has it, else float32; CPUs that have it gain, too
    compile: bool = False  # the model with torch.compile
    device: str = "auto"
    threads: int = 0  # 0: as many as torch takes
    seed: int = 1
    log_every: int = 50  # steps from one line of the journal to the next
    save_every: float = 60.0  # seconds from one checkpoint to the next
    tensorboard: bool = False  # the journal in TensorBoard's form, too

    def check(self) -> None:
        """Raises UsageFailure: a choice there is not, or a number out of its range."""
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageFailure(f"{name}={getattr(self, name)}: no such choice", hint=nearest(getattr(self, name), known))
        for name, value in asdict(self).items():
            if isinstance(value, int | float) and name in Training.__dataclass_fields__ and not value >= LEAST.get(name, 0):
                raise UsageFailure(f"{name}={value}: expected a number from {LEAST.get(name, 0)}")
        for name in BELOW_ONE:
            if getattr(self, name) >= 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number below 1")
        if self.rate <= 0 or self.last_rate > self.rate:
            raise UsageFailure(f"rate={self.rate}, last_rate={self.last_rate}: expected rate above 0, and not below last_rate")
        if self.schedule == "inverse-sqrt" and not self.warmup:
            raise UsageFailure("schedule=inverse-sqrt falls from the end of the warm-up", hint="--set warmup=4000")
        if self.schedule == "step" and not self.decay_steps:
            raise UsageFailure("schedule=step does not say when", hint="--set decay_steps=1000")


def differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two mappings, in words.

    >>> differences({"rate": 0.1, "layers": 2}, {"rate": 0.2, "layers": 2})
    ['rate: was 0.1, is 0.2']
    """
    absent = "nothing"
    return [
        f"{key}: was {was.get(key, absent)}, is {now.get(key, absent)}"
        for key in dict.fromkeys([*was, *now])
        if was.get(key, absent) != now.get(key, absent)
    ]
