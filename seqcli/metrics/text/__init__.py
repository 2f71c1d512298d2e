"""`seq score` for text: outputs of systems beside one or more references, segment by segment.

The files are read side by side in batches; each batch becomes sufficient statistics, maybe in another process, and only
sums stay: with them the statistics of every segment where a resampling test wants them, in the narrowest integers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli.data.blocks import name_of
from seqcli.data.examples import AnyArray, FloatArray
from seqcli.data.markup import references_in
from seqcli.data.parallel import Batch, Source, batches
from seqcli.errors import Failure, UsageFailure
from seqcli.metrics import Request
from seqcli.metrics.report import Evaluation, Score, Table, dump, number, rounded
from seqcli.metrics.text.metric import Lines, Metric
from seqcli.metrics.text.registry import make
from seqcli.workers import keep_memory, mapped, processors

if TYPE_CHECKING:
    from seqcli.metrics.significance import Confidence

SIZE = 4096  # segments in a batch
NEAR = 16  # batches before lasting processes are worth their start
TOKENIZED = 100  # lines that end in " ." before it looks as if the text was tokenized; sacreBLEU's number


class Measured(NamedTuple):
    """What a batch of B segments came to."""

    statistics: list[list[AnyArray]]  # of each system by each metric, (B, F)
    references: tuple[int, int]  # the fewest and the most that a segment has
    tokenized: list[int]  # segments of each system that end in " ."


@dataclass(frozen=True, slots=True)
class Plan:
    """How a batch is measured; this is what a process needs to know."""

    metrics: Sequence[Metric]
    references: int
    absent: str | None = None

    def __call__(self, batch: Batch) -> Measured:
        """The statistics of a batch whose columns are the references, then the systems."""
        batch.check()
        sides = [Lines(column) for column in batch.columns]
        references, systems = sides[: self.references], sides[self.references :]
        present = np.full(len(batch), self.references)
        if self.absent is not None:
            there = [np.array([text != self.absent for text in side.texts]) for side in references]
            references = [Lines(side.texts, flags) for side, flags in zip(references, there, strict=True)]
            present = np.sum(there, axis=0)
            if not present.all():
                line = batch.first_line + int(np.argmin(present))
                raise Failure(f"{batch.names[0]}, line {line}: no reference has this segment", hint="leave it out of all files")
        statistics = [[compact(metric.statistics(system, references)) for metric in self.metrics] for system in systems]
        bleu = any(metric.name == "BLEU" for metric in self.metrics)  # it alone minds
        return Measured(statistics, (int(present.min()), int(present.max())), [bleu and side.data.count(b" .\n") for side in systems])


@dataclass(slots=True)
class Tally:
    """The statistics of one system by one metric, summed, and of every segment if they are kept."""

    kept: bool
    sums: AnyArray = field(default_factory=lambda: np.zeros(0))
    parts: list[AnyArray] = field(default_factory=list)

    def add(self, statistics: AnyArray) -> None:
        """Those of a batch, (B, F)."""
        exact = np.int64 if statistics.dtype.kind in "iub" else np.float64
        sums = statistics.sum(axis=0, dtype=exact)
        self.sums = self.sums + sums if len(self.sums) else sums
        if self.kept:
            self.parts.append(statistics)

    @property
    def statistics(self) -> AnyArray:
        """Those of all S segments, (S, F)."""
        if len(self.parts) > 1:
            self.parts = [np.concatenate(self.parts)]
        return self.parts[0]


def compact(statistics: AnyArray) -> AnyArray:
    """Counts in the narrowest integers that hold them."""
    if statistics.dtype.kind not in "iu" or not statistics.size:
        return statistics
    return statistics.astype(np.min_scalar_type(int(statistics.max())))


Watch = Callable[[Batch, Sequence[Metric], Measured], None]


def evaluate(request: Request, watch: Watch | None = None) -> list[Evaluation]:
    """All systems against the references; the first is the baseline. `watch` is shown every batch.

    Files that cannot be read or have different lengths raise Failure, options that contradict each other UsageFailure.
    """
    check(request)
    metrics = make(request.metrics, request.options)
    sources, R = sources_of(request)
    kept = request.confidence or bool(request.paired)
    tallies = [[Tally(kept) for _ in metrics] for _ in request.systems]
    fewest, most, tokenized = sys.maxsize, 0, np.zeros(len(tallies), dtype=np.int64)
    plan = Plan(metrics, R, request.absent)
    for batch, measured in measure(plan, sources, request):
        for row, found in zip(tallies, measured.statistics, strict=True):
            for tally, statistics in zip(row, found, strict=True):
                tally.add(statistics)
        fewest, most = min(fewest, measured.references[0]), max(most, measured.references[1])
        tokenized += measured.tokenized
        if watch is not None:
            watch(batch, metrics, measured)
    count = str(most) if fewest == most else "var"
    scores = scored(request, metrics, tallies, count)
    evaluations = [told(request, system, row, R) for system, row in zip(names(request), scores, strict=True)]
    evaluations[0].notes.extend(warnings(metrics, tallies, tokenized.tolist(), names(request)))
    return evaluations


def measure(plan: Plan, sources: Sequence[Source], request: Request) -> Iterator[tuple[Batch, Measured]]:
    """Every batch with what it came to, in order, by several processes where the files are long."""
    keep_memory()
    waiting: list[Batch] = []

    def taken() -> Iterator[Batch | None]:
        for batch in batches(sources, SIZE, errors=request.errors):
            waiting.append(batch)
            yield batch
            if len(batch) < SIZE:
                yield None  # the input pauses, or ends

    for measured in mapped(plan, taken(), request.jobs or processors(), NEAR):
        yield waiting.pop(0), measured


def by_line(request: Request, as_objects: bool, width: int = 2, align: bool = False) -> Iterator[str]:
    """The scores of each segment as the files are read, a batch at a time: one row a segment, a column a metric, system after
    system; as objects, one a segment and system.
    """
    check(request)
    if request.confidence or request.paired:
        raise UsageFailure("--confidence and --paired test whole files", hint="leave out --by-line")
    metrics = make(request.metrics, request.options)
    if align and not any(hasattr(metric, "alignment") for metric in metrics):
        raise UsageFailure("--align shows what error rates count", hint="--metric wer, cer or mer")
    sources, R = sources_of(request)
    for batch, measured in measure(Plan(metrics, R, request.absent), sources, request):
        scores = segment_scores(metrics, measured.statistics)
        B, S, M = scores.shape
        if align or as_objects:
            aligner = next(metric for metric in metrics if hasattr(metric, "alignment")) if align else None
            columns = batch.segments
            for i in range(B):
                for s, system in enumerate(names(request)):
                    steps = aligner.alignment(columns[R + s][i], columns[0][i]) if aligner else None
                    yield one_segment(system, batch.first_line + i, metrics, scores[i, s], steps, as_objects, width)
        else:
            yield "".join("\t".join(number(score, width=width) for score in row) + "\n" for row in scores.reshape(B, S * M).tolist())


def one_segment(
    system: str, line: int, metrics: Sequence[Metric], scores: FloatArray, steps: list[Any] | None, as_object: bool, width: int
) -> str:
    """One segment of one system with its scores (M,) and, where they are wanted, the steps from the reference to it."""
    if as_object:
        found = {metric.name: rounded(float(score)) for metric, score in zip(metrics, scores, strict=True)}
        return dump({"system": system, "line": line, **found, **({} if steps is None else {"alignment": steps})}) + "\n"
    from seqcli.metrics.text.error_rates import side_by_side

    told = "\t".join(number(float(score), width=width) for score in scores)
    return "\n".join([told, *side_by_side(steps or []), "", ""])


def check(request: Request) -> None:
    """Raises UsageFailure: tests that these files do not allow."""
    if request.paired and len(request.systems) < 2:
        raise UsageFailure(f"--paired {request.paired} compares systems", hint="name the baseline and at least one more HYP")
    if request.trials and not (request.confidence or request.paired):
        raise UsageFailure("--resamples asks for no test", hint="add --confidence, or --paired bs or ar")
    if request.train or request.scheme or request.season != 1:
        raise UsageFailure("--train, --scheme and --season mean nothing to metrics of text")


def sources_of(request: Request) -> tuple[list[Source], int]:
    """Where the segments come from, references first, and how many of these there are."""
    references: list[Source] = []
    for path in (request.reference, *request.more_references):
        column = column_of(request.reference_column)
        inside = references_in(path) if column is None else [""]
        references += [Source(path, column, "reference", name) for name in inside]
    systems = [Source(path, column_of(request.system_column), "system") for path in request.systems]
    return references + systems, len(references)


def column_of(option: str) -> int | str | None:
    """A column by number or heading."""
    return None if not option else int(option) if re.fullmatch("[0-9]+", option) else option


def names(request: Request) -> list[str]:
    """What the systems are called."""
    return [name_of(path) for path in request.systems]


def scored(request: Request, metrics: Sequence[Metric], tallies: Sequence[Sequence[Tally]], references: str) -> list[list[Score]]:
    """Every system (S) by every metric (M), with the tests that are asked for."""
    points = [[float(metric.score(tally.sums)) for metric, tally in zip(metrics, row, strict=True)] for row in tallies]
    sure, p_values = tested(request, metrics, tallies, points)
    found: list[list[Score]] = []
    for s, system in enumerate(names(request)):
        found.append([])
        for m, metric in enumerate(metrics):
            parts = signature(metric, references, request)
            low, high = (sure[s, m].low, sure[s, m].high) if sure else (np.nan, np.nan)
            counts = verbose(metric, tallies[s][m].sums) | (confident(sure[s, m]) if sure else {}) | parts
            said = "|".join(f"{key}:{value}" for key, value in parts.items())
            p_value = p_values.get((s, m), np.nan)
            found[s].append(Score(system, metric.name, points[s][m], said, low, high, counts, p_value))
    return found


Cells = dict[tuple[int, int], Any]  # by system and metric


def tested(
    request: Request, metrics: Sequence[Metric], tallies: Sequence[Sequence[Tally]], points: Sequence[Sequence[float]]
) -> tuple[Cells, Cells]:
    """Intervals of all systems and metrics, and p-values of all systems but the first, where they are asked for."""
    if not request.confidence and not request.paired:
        return {}, {}
    from seqcli.metrics.significance import TRIALS, confidence, exchanged, paired_bootstrap, paired_randomization, resampled

    cells = [(s, m) for s in range(len(tallies)) for m in range(len(metrics))]
    rest = [(s, m) for s, m in cells if s]
    sure: Cells = {}
    p_values: Cells = {}
    observed = {(s, m): points[s][m] - points[0][m] for s, m in rest}
    if request.confidence or request.paired == "bs":
        sums = resampled([tallies[s][m].statistics for s, m in cells], request.trials or TRIALS["bs"], request.seed)
        drawn = {(s, m): metrics[m].score(each) for (s, m), each in zip(cells, sums, strict=True)}
        sure = {cell: confidence(scores) for cell, scores in drawn.items()}
        if request.paired == "bs":
            p_values = {(s, m): paired_bootstrap(drawn[0, m], drawn[s, m], observed[s, m]) for s, m in rest}
    if request.paired == "ar":
        pairs = [(tallies[0][m].statistics, tallies[s][m].statistics) for s, m in rest]
        mixtures = exchanged(pairs, request.trials or TRIALS["ar"], request.seed)
        for (s, m), (one, other) in zip(rest, mixtures, strict=True):
            p_values[s, m] = paired_randomization(metrics[m].score(one), metrics[m].score(other), observed[s, m])
    return sure, p_values


def signature(metric: Metric, references: str, request: Request) -> dict[str, str]:
    """All that another needs to compute the same number, in sacreBLEU's order and words."""
    draws: dict[str, str] = {}
    if request.paired or request.confidence:
        from seqcli.metrics.significance import TRIALS

        test = request.paired or "bs"
        draws = {test: str(request.trials or TRIALS[test]), "seed": str(request.seed)}
    parts = {"nrefs": references, **draws, **metric.signature()}
    return parts if "version" in parts else {**parts, "version": sacrebleu_version()}


@cache
def sacrebleu_version() -> str:
    """Of the sacreBLEU that is installed; it is read and not imported, which would take longer than many a score."""
    spec = find_spec("sacrebleu")
    file = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    found = re.search(r"version = '([^']+)'", file.read_text()) if file and file.exists() else None
    if found:
        return found[1]
    from importlib.metadata import version

    return version("sacrebleu")


def verbose(metric: Metric, sums: AnyArray) -> dict[str, Any]:
    """What a metric says beside its score."""
    said = metric.verbose(sums)
    return {"verbose_score": said} if said else {}


def confident(found: Confidence) -> dict[str, Any]:
    """In sacreBLEU's words."""
    said = f"μ = {found.mean:.2f} ± {found.margin:.2f}"
    return {"confidence_mean": rounded(found.mean), "confidence_var": rounded(found.margin), "confidence": said}


def told(request: Request, system: str, scores: list[Score], references: int) -> Evaluation:
    """One system's evaluation."""
    beside = name_of(request.reference) + (f" and {references - 1} more" if references > 1 else "")
    signatures = Table("", [[score.name, score.signature] for score in scores], (0, 1))
    return Evaluation(system, f"{system} beside {beside}", scores, [], [], (), [signatures])


def warnings(
    metrics: Sequence[Metric], tallies: Sequence[Sequence[Tally]], tokenized: Sequence[int], systems: Sequence[str]
) -> list[str]:
    """What the reader should know before trusting the scores."""
    said = []
    for m, metric in enumerate(metrics):
        if metric.name == "BLEU" and getattr(metric, "tokenize", "") != "none":
            said += [
                f"{system}: {count} lines end in ' .', as if the text was tokenized; BLEU is meant for plain text"
                for system, count in zip(systems, tokenized, strict=True)
                if count >= TOKENIZED
            ]
        said += [
            f"{system}: {metric.name} is not defined here" for system, row in zip(systems, tallies, strict=True)
            if np.isnan(metric.score(row[m].sums))
        ]  # fmt: skip
    return said


def segment_scores(metrics: Sequence[Metric], statistics: Sequence[Sequence[AnyArray]]) -> FloatArray:
    """The scores of B segments, (B, S, M)."""
    return np.array([[metric.segment_score(s) for metric, s in zip(metrics, row, strict=True)] for row in statistics]).transpose(
        2, 0, 1
    )
