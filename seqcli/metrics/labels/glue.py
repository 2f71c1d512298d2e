"""The tasks of GLUE (Wang et al. 2019) by its own metrics, times 100 as on its board, and their unweighted mean.

Files of one task hold a label a line (a number for stsb), and `--metric glue/rte` names the task. Files of several are
JSON Lines with `task` and `label` on both sides; the mean is then `glue`. A task's lines are drawn among themselves.

>>> right, wrong = Column("gold", ["1", "1", "0"], range(1, 4)), Column("out", ["1", "0", "0"], range(1, 4))
>>> round(float(score_task("mrpc", right, wrong, 0, 1).score(own)[0]), 2)  # mean of accuracy and F1
66.67
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqcli.data.blocks import name_of
from seqcli.data.examples import FloatArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.metrics import Request, tagging
from seqcli.metrics.corpus import Vocabulary
from seqcli.metrics.labels import classes, reading, squad, values
from seqcli.metrics.labels.scoring import Namer, Sums, of_segments, same_count
from seqcli.metrics.report import Evaluation, Score, Segment

BINARY = ("0", "1")  # the labels of tasks with an F1, that of the second
TASKS = {
    "cola": "mcc", "sst2": "accuracy", "mrpc": "accuracy+f1", "qqp": "accuracy+f1", "stsb": "pearson+spearman",
    "mnli": "accuracy", "qnli": "accuracy", "rte": "accuracy", "wnli": "accuracy",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """The labels of one task in one file."""

    name: str  # of the file
    labels: Sequence[str]
    lines: Sequence[int]  # line of each


def own(sums: FloatArray) -> FloatArray:
    """A score that was computed before."""
    return sums


def score_task(task: str, gold: Column, pred: Column, resamples: int, seed: int) -> Sums:
    """The score of one task, (), and of each draw, (R,); both as sums that need no further metric."""
    if task == "stsb":
        return correlations(gold, pred, resamples, seed)
    labels = Vocabulary({label: at for at, label in enumerate(BINARY)})
    counted = classes.Confusions.of(labels.ids(gold.labels), labels.ids(pred.labels), len(labels)).sums(resamples, seed)
    if "f1" in TASKS[task]:
        check_binary(task, gold)
        check_binary(task, pred)

    def score(counts: FloatArray) -> FloatArray:
        if task == "cola":
            return 100 * classes.matthews(counts)
        right = classes.accuracy(counts)
        if "f1" not in TASKS[task]:
            return right
        return (right + np.nan_to_num(tagging.f1(counts[..., 1, :]))) / 2

    return Sums(score(counted.total), score(counted.draws))


def correlations(gold: Column, pred: Column, resamples: int, seed: int) -> Sums:
    """Mean of Pearson's and Spearman's correlation, times 100."""
    x, y = (values.parse(column.labels, column.name, column.lines, 1) for column in (gold, pred))
    for column, numbers in ((gold, x), (pred, y)):
        if np.isnan(numbers).any():
            raise Failure(f"{column.name}, line {column.lines[int(np.flatnonzero(np.isnan(numbers))[0])]}: no number")
    parts = [values.statistics(name, x, y, 1.0) for name in ("pearson", "spearman")]
    sums = of_segments(np.concatenate(parts, axis=1), resamples, seed)

    def score(sums: FloatArray) -> FloatArray:
        count = np.full((*sums.shape[:-1], 1), float(len(x)))
        both = [values.correlation(np.concatenate([part, count], axis=-1)) for part in np.split(sums, 2, axis=-1)]
        return 50 * (both[0] + both[1])

    return Sums(score(sums.total), score(sums.draws))


def check_binary(task: str, column: Column) -> None:
    """Raise Failure for a label that is neither 0 nor 1."""
    for label, line in zip(column.labels, column.lines, strict=True):
        if label not in BINARY:
            raise Failure(f"{column.name}, line {line}: {label!r} is no label of {task}", hint="1 is a paraphrase, 0 is none")


def evaluate(request: Request) -> list[Evaluation]:
    """All systems against the reference; files that cannot be read or do not go together raise Failure."""
    for name in request.metrics:
        if name != "glue" and name.removeprefix("glue/") not in TASKS:
            raise UsageFailure(f"--metric {name}: no such task", hint=nearest(name, [f"glue/{task}" for task in TASKS]))
    gold = read(request.reference, request)
    return [evaluation(request, gold, read(path, request)) for path in request.systems]


def read(path: Path, request: Request) -> dict[str, Column]:
    """The labels of a file by task; a file of plain labels is of all tasks that were asked for."""
    name = name_of(path)
    lines: list[str] = []
    first_line = 1
    for texts, _, number in reading.read(path, request.column, request.errors):
        first_line = first_line if lines else number
        lines += texts
    if not lines:
        raise Failure(f"{name}: no labels")
    if lines[0].lstrip().startswith("{"):
        return by_task(lines, name)
    tasks = [metric.removeprefix("glue/") for metric in request.metrics if metric != "glue"]
    if len(tasks) < max(1, len(request.metrics)):
        raise Failure(f"{name}: expected JSON Lines with task and label for the mean of tasks", hint="or name one: --metric glue/rte")
    column = Column(name, [line.strip() for line in lines], range(first_line, first_line + len(lines)))
    return dict.fromkeys(tasks, column)


def by_task(lines: Sequence[str], name: str) -> dict[str, Column]:
    """JSON Lines; a task's name may be written SST-2, its label as text or number."""
    found: dict[str, tuple[list[str], list[int]]] = {}
    for number, record in squad.records(lines, name):
        task, label = record.get("task"), record.get("label")
        if not isinstance(task, str) or not isinstance(label, str | int | float):
            raise Failure(f"{name}, line {number}: expected an object with `task` and `label`")
        key = task.lower().replace("-", "").replace("_", "")
        if key not in TASKS:
            raise Failure(f"{name}, line {number}: no task {task!r} in GLUE", hint=nearest(key, TASKS))
        labels, places = found.setdefault(key, ([], []))
        labels.append(str(int(label) if isinstance(label, float) and label.is_integer() else label))
        places.append(number)
    return {task: Column(name, *both) for task, both in found.items()}


def evaluation(request: Request, gold: dict[str, Column], pred: dict[str, Column]) -> Evaluation:
    """All that was asked for of one system."""
    one = next(iter(gold.values())).name
    other = next(iter(pred.values())).name
    for task in {**gold, **pred}:
        sizes = [len(file[task].labels) if task in file else 0 for file in (gold, pred)]
        same_count(one, sizes[0], other, sizes[1], f"labels of {task}")
    names = request.metrics or ("glue",)
    tasks = [*gold] if "glue" in names else [name.removeprefix("glue/") for name in names]
    missing = next((task for task in tasks if task not in gold), None)
    if missing is not None:
        raise Failure(f"{one}: no labels of {missing}", hint=f"it has {', '.join(gold)}")
    sums = {task: score_task(task, gold[task], pred[task], request.resamples, request.seed + at) for at, task in enumerate(tasks)}
    scores = {f"glue/{task}": single(request, task, other, sums[task], len(gold[task].labels)) for task in tasks}
    if "glue" in names:
        scores = {"glue": average(request, other, sums)} | scores
    shown = [scores[name] for name in names if name in scores]
    details = [score for name, score in scores.items() if "glue" in names and name not in names]
    about = f"GLUE labels of {other} against {one}: {sum(len(gold[task].labels) for task in tasks)} labels of {', '.join(tasks)}"
    return Evaluation(other, about, [*shown, *details], [], [], segments(gold, pred, tasks))


def single(request: Request, task: str, system: str, sums: Sums, n: int) -> Score:
    """The score of one task."""
    return Namer(system, request, ("glue", TASKS[task])).score(f"glue/{task}", sums.score(own), {"n": n})


def average(request: Request, system: str, sums: dict[str, Sums]) -> Score:
    """The mean over tasks, each of which counts alike; the signature names them."""
    totals = np.mean([each.total for each in sums.values()], axis=0)
    drawn = all(len(each.draws) for each in sums.values())
    draws = np.mean([each.draws for each in sums.values()], axis=0) if drawn else np.zeros(0)
    namer = Namer(system, request, ("glue", "+".join(sums)))
    return namer.score("glue", Sums(totals, draws).score(own), {"tasks": len(sums)})


def segments(gold: dict[str, Column], pred: dict[str, Column], tasks: Sequence[str]) -> Iterator[Segment]:
    """Each label: 100 or 0 (for stsb, the |error|), the task and both labels."""
    for task in tasks:
        for right, guessed, line in zip(gold[task].labels, pred[task].labels, gold[task].lines, strict=True):
            score = abs(float(right) - float(guessed)) if task == "stsb" else 100.0 * (right == guessed)
            yield Segment(score, {}, line, f"{task}: {right} → {guessed}")
