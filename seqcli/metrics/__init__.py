"""What `seq score` can compute: families of metrics, each for one kind of output.

A metric turns every segment of a test set (a sentence, mostly) into a few numbers once, its sufficient statistics. The
score of a corpus, its bootstrap interval and a test between systems are functions of sums of these.

A family is a module with a function `evaluate(request) -> list[Evaluation]` (see `report`); it is named here, and
imported when one of its metrics is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.errors import UsageFailure, nearest

if TYPE_CHECKING:
    from seqcli.metrics.report import Evaluation


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that read the same files."""

    module: str
    metrics: tuple[str, ...]  # a name that ends in `/` stands for all that begin so

    def has(self, name: str) -> bool:
        """Whether a metric of this name is one of the family's."""
        return name in self.metrics or any(known.endswith("/") and name.startswith(known) for known in self.metrics)


FAMILIES = {
    "tags": Family(
        "seqcli.metrics.tags",
        ("accuracy", "accuracy/known", "accuracy/unknown", "accuracy/sentence", "macro-f1", "f1", "f1/", "confusion",
         "tokens", "words", "sentences", "upos", "xpos", "feats"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks of a family."""

    reference: Path
    systems: Sequence[Path]
    metrics: tuple[str, ...] = ()  # none: what suits the files
    column: str = "upos"
    train: Sequence[Path] = ()  # words that do not occur here are unknown
    confusions: int = 10
    resamples: int = 1000  # 0: no intervals
    seed: int = 12345
    errors: str = "strict"  # or replace: what becomes of invalid UTF-8


def family_of(names: Sequence[str]) -> Family:
    """The family that has all these metrics; without names, the one for tags.

    An unknown metric, or metrics of different families, raise UsageFailure.

    >>> family_of(["accuracy", "f1/NOUN"]).module
    'seqcli.metrics.tags'
    """
    families = [find(name) for name in names] or [FAMILIES["tags"]]
    for name, family in zip(names, families, strict=False):
        if family is not families[0]:
            raise UsageFailure(f"--metric {names[0]},{name}: these read different kinds of files", hint="ask for one kind")
    return families[0]


def find(name: str) -> Family:
    """The family of one metric; UsageFailure names the nearest known one."""
    known = [metric for family in FAMILIES.values() for metric in family.metrics if not metric.endswith("/")]
    for family in FAMILIES.values():
        if family.has(name):
            return family
    raise UsageFailure(f"--metric {name}: no such metric", hint=nearest(name, known))


def evaluate(request: Request) -> list[Evaluation]:
    """One evaluation a system, by the family of the request's metrics."""
    evaluations: list[Evaluation] = import_module(family_of(request.metrics).module).evaluate(request)
    return evaluations
