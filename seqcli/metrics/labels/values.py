"""Numbers a line: correlations, and errors of forecasts.

A line holds one number, or several with blanks or tabs between: then a line is a step in time and a column a variable.
Numbers of all columns count alike (correlations are over all of them), and a line is what the bootstrap draws.

pearson    correlation of the values, -1 to 1
spearman   the same of their ranks; equal values share the mean of their ranks. Draws keep the ranks of the whole file
mae        mean |error|
mse, rmse  mean squared error, and its root
smape      mean of 2·|error| / (|gold| + |predicted|) in percent, 0 to 200, as in the M4 competition (Makridakis et al.
           2020); 0 where both are 0
mase       mean |error| in units of what the seasonal naive forecast gets wrong on average, |y(t) - y(t-m)| over the history
           (Hyndman & Koehler 2006), each column in units of its own. The history is `--train`; without one it is the
           reference, and the signature says so

>>> gold, pred = np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [2.0], [3.0]])
>>> scores = {name: found[0] for name, found in score_values(gold, pred, ("mae", "smape", "pearson")).items()}
>>> {name: round(float(score), 4) for name, score in scores.items()}
{'mae': 0.6667, 'smape': 31.746, 'pearson': 0.9449}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from seqcli.data.blocks import name_of
from seqcli.data.examples import DoubleArray, FloatArray
from seqcli.errors import Failure, UsageFailure
from seqcli.metrics import Request, bootstrap
from seqcli.metrics.labels import reading
from seqcli.metrics.labels.scoring import Metric, Namer, Sums, of_segments, same_count
from seqcli.metrics.report import Evaluation, Segment

DEFAULT = ("pearson", "spearman", "mae", "rmse", "mse", "smape")
FLAT = 1e-12  # share of the squares below which a draw counts as constant


def mean(sums: FloatArray) -> FloatArray:
    """Sum over count, (…, 2)."""
    return sums[..., 0] / sums[..., 1]


def root(sums: FloatArray) -> FloatArray:
    """The root of the mean."""
    return np.sqrt(mean(sums))


def correlation(sums: FloatArray) -> FloatArray:
    """Pearson's r from sums of x, y, x², y², xy and their count (…, 6); nan where a side is constant."""
    x, y, xx, yy, xy, n = np.moveaxis(sums, -1, 0)
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    flat = (spread_x <= FLAT * n * xx) | (spread_y <= FLAT * n * yy)
    r = (n * xy - x * y) / np.sqrt(np.where(flat, 1, spread_x)) / np.sqrt(np.where(flat, 1, spread_y))
    return np.where(flat, np.nan, np.clip(r, -1, 1))


METRICS: dict[str, Metric] = {
    "pearson": correlation, "spearman": correlation, "mae": mean, "rmse": root, "mse": mean, "smape": mean, "mase": mean,
}  # fmt: skip


def score_values(
    gold: DoubleArray,
    pred: DoubleArray,
    metrics: Sequence[str],
    scale: FloatArray | float = 1.0,
    resamples: int = 0,
    seed: int = bootstrap.SEED,
) -> dict[str, FloatArray]:
    """Value, low and high end (3,) of each metric of S lines of H numbers (S, H); `scale` (H,) is that of mase.

    The statistics of all metrics are summed together, so that lines are drawn once.
    """
    with np.errstate(all="ignore"):
        columns = [statistics(name, gold, pred, scale) for name in metrics]
        sums = of_segments(np.concatenate(columns, axis=1), resamples, seed)
    at = np.cumsum([0, *(part.shape[1] for part in columns)]).tolist()
    found = zip(metrics, at, at[1:], strict=False)
    return {name: counted(sums, start, end, gold.size).score(METRICS[name]) for name, start, end in found}


def counted(sums: Sums, start: int, end: int, n: int) -> Sums:
    """The sums of one metric, with the count of numbers behind them, which is the same in every draw."""
    total, draws = sums.total[start:end], sums.draws[:, start:end]
    return Sums(np.append(total, float(n)), np.column_stack([draws, np.full(len(draws), float(n))]))


def statistics(name: str, gold: DoubleArray, pred: DoubleArray, scale: FloatArray | float) -> DoubleArray:
    """What a metric sums of each line, (S, F)."""
    if name == "pearson":
        return products(standard(gold), standard(pred))
    if name == "spearman":
        return products(standard(ranks(gold)), standard(ranks(pred)))
    error = np.abs(gold - pred)
    if name == "smape":
        size = np.abs(gold) + np.abs(pred)
        error = 200 * error / np.where(size == 0, 1, size)
    elif name == "mase":
        error = error / np.where(np.equal(scale, 0), np.nan, scale)
    elif name in {"mse", "rmse"}:
        error = error**2
    total: DoubleArray = error.sum(axis=1, keepdims=True)
    return total


def products(x: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Sums of x, y, x², y² and xy for each line, (S, 5) from (S, H)."""
    return np.stack([part.sum(axis=1) for part in (x, y, x * x, y * y, x * y)], axis=1)


def standard(values: DoubleArray) -> DoubleArray:
    """Values with mean 0 and deviation 1, which leaves correlations as they are; constant ones are all 0.

    >>> standard(np.array([[1e300], [-1e300]])).tolist(), standard(np.array([[0.1], [0.1], [0.1]])).tolist()
    ([[1.0], [-1.0]], [[0.0], [0.0], [0.0]])
    """
    if values.min() == values.max():
        return np.zeros_like(values)
    values = values / np.abs(values).max()
    values = values - values.mean()
    scaled: DoubleArray = values / values.std()
    return scaled


def ranks(values: DoubleArray) -> DoubleArray:
    """Ranks from 1, over all columns; equal values share their mean.

    >>> ranks(np.array([[3.0], [1.0], [3.0]])).tolist()
    [[2.5], [1.0], [2.5]]
    """
    _, which, times = np.unique(values, return_inverse=True, return_counts=True)
    of_each: DoubleArray = (np.cumsum(times) - (times - 1) / 2)[which]
    return of_each.reshape(values.shape)


def naive_error(history: DoubleArray, season: int) -> DoubleArray:
    """Mean |y(t) - y(t-m)| of each of H columns, (H,), the scale of mase; 0 where a column repeats itself."""
    error: DoubleArray = np.abs(history[season:] - history[:-season]).mean(axis=0)
    return error


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of S lines; a blank line is a row of nan."""

    name: str
    values: DoubleArray  # (S, H)
    first_line: int  # line number of the first


def read(path: Path, request: Request) -> Series:
    """One file; a line that holds anything but as many finite numbers as the first raises Failure."""
    parts: list[DoubleArray] = []
    first_line = 1
    name, width = name_of(path), 0
    for lines, _, number in reading.read(path, request.column, request.errors):
        first_line = first_line if parts else number
        parts.append(parse(lines, name, range(number, number + len(lines)), width))
        width = width or parts[-1].shape[1]
    if not width:
        raise Failure(f"{name}: no numbers, only blank lines")
    return Series(name, np.concatenate([part if part.shape[1] else np.full((len(part), width), np.nan) for part in parts]), first_line)


def parse(lines: Sequence[str], name: str, numbers: Sequence[int], width: int = 0) -> DoubleArray:
    """The numbers of some lines, (lines, H); `numbers` are those of the lines, `width` is H where it is known.

    Where all lines are blank and H is not known, it is 0.

    >>> parse(["1 2e3", "", "-3 .5"], "a.txt", [1, 2, 3]).tolist()
    [[1.0, 2000.0], [nan, nan], [-3.0, 0.5]]
    """
    if width <= 1:
        try:
            values = np.fromiter(map(float, lines), np.float64, len(lines))
        except ValueError:
            pass
        else:
            if np.isfinite(values).all() and not any("_" in line for line in lines):
                return values[:, None]
    rows = [line.split() for line in lines]
    width = width or next((len(row) for row in rows if row), 0)
    hint = "expected numbers such as 3, -1.5, 2e-3, or the --column that holds them"
    for row, number in zip(rows, numbers, strict=True):
        if row and len(row) != width:
            raise Failure(f"{name}, line {number}: {count(len(row))}, the first line has {width}")
        for text in row:
            if not is_number(text):
                raise Failure(f"{name}, line {number}: {text!r} is not a finite number", hint=hint)
    blank = ["nan"] * width
    flat = list(map(float, chain.from_iterable(row or blank for row in rows)))
    return np.array(flat, dtype=np.float64).reshape(len(rows), width)


def count(numbers: int) -> str:
    """In words: `1 number`, `2 numbers`."""
    return f"{numbers} number{'s' * (numbers != 1)}"


def is_number(text: str) -> bool:
    """Whether a text is a finite number, plainly written.

    >>> [is_number(text) for text in ("1e5", "1_000", "nan", "3,5")]
    [True, False, False, False]
    """
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def evaluate(request: Request) -> list[Evaluation]:
    """All systems against the reference.

    Files that do not go together, text that is no number and a history that is shorter than a season raise Failure.
    """
    if request.season < 1:
        raise UsageFailure(f"--season {request.season}: a season is at least 1 step long")
    gold = read(request.reference, request)
    systems = [read(path, request) for path in request.systems]
    scored = ~np.isnan(gold.values[:, 0])
    for pred in systems:
        same_count(gold.name, len(gold.values), pred.name, len(pred.values), "lines")
        if gold.values.shape[1] != pred.values.shape[1]:
            raise Failure(f"{gold.name} has {count(gold.values.shape[1])} a line, {pred.name} has {pred.values.shape[1]}")
        missing = np.flatnonzero(scored & np.isnan(pred.values[:, 0]))
        if len(missing):
            raise Failure(f"{pred.name}, line {missing[0] + pred.first_line}: no number")
    scale, source = naive(request, gold) if "mase" in names(request) else (1.0, "")
    return [evaluation(request, gold, pred, np.flatnonzero(scored).tolist(), scale, source) for pred in systems]


def names(request: Request) -> list[str]:
    """The metrics in the order asked for; mase is among them by default where there is a history."""
    default = (*DEFAULT, "mase") if request.train else DEFAULT
    return [name for metric in request.metrics or ("values",) for name in (default if metric == "values" else [metric])]


def naive(request: Request, gold: Series) -> tuple[DoubleArray, str]:
    """The scale of mase (H,) and where it is from: the history end to end, or else the reference."""
    files = [read(path, request) for path in request.train] or [gold]
    for file in files:
        if file.values.shape[1] != gold.values.shape[1]:
            raise Failure(f"{file.name} has {count(file.values.shape[1])} a line, {gold.name} has {gold.values.shape[1]}")
    history = np.concatenate([file.values for file in files])
    history = history[~np.isnan(history[:, 0])]
    if len(history) <= request.season:
        hint = "shorten --season" if request.train else "name the history with --train"
        raise Failure(f"{files[0].name}: {len(history)} lines are too few for mase with a season of {request.season}", hint=hint)
    return naive_error(history, request.season), "+".join(path.name for path in request.train) or "reference"


def evaluation(request: Request, gold: Series, pred: Series, lines: list[int], scale: FloatArray | float, source: str) -> Evaluation:
    """All that was asked for of one system."""
    namer = Namer(pred.name, request, ("values",))
    right, guessed = gold.values[lines], pred.values[lines]  # (S, H)
    extra = {"spearman": ["ranks of all"], "mase": [f"season:{request.season}", f"scale:{source}"]}
    found = score_values(right, guessed, names(request), scale, request.resamples, request.seed)
    scores = [namer.score(name, value, {"n": right.size}, *extra.get(name, [])) for name, value in found.items()]
    columns = f" of {right.shape[1]} numbers" if right.shape[1] > 1 else ""
    left_out = len(gold.values) - len(lines)
    about = f"values of {pred.name} against {gold.name}: {len(lines)} lines{columns}"
    about += f"; {left_out} without a number left out" if left_out else ""
    return Evaluation(pred.name, about, scores, [], [], segments(gold, pred, lines))


def segments(gold: Series, pred: Series, lines: Sequence[int]) -> Iterator[Segment]:
    """Each line: its mean |error|, and the values."""
    for at in lines:
        right, guessed = gold.values[at], pred.values[at]
        text = f"{written(right)} → {written(guessed)}"
        yield Segment(float(np.abs(right - guessed).mean()), {}, at + gold.first_line, text, percent=False)


def written(values: DoubleArray) -> str:
    """Numbers as they might stand in a file."""
    return " ".join(f"{value:.12g}" for value in values.tolist())
