"""What `seq score` can compute: families of metrics, each for one kind of output.

A metric turns every segment of a test set (a sentence, mostly) into a few numbers once, its sufficient statistics. The
score of a corpus, its bootstrap interval and a test between systems are functions of sums of these.

A family is a module with a function `evaluate(request) -> list[Evaluation]` (see `report`); it is named here, and
imported when one of its metrics is wanted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from seqcli.data.blocks import open_input
from seqcli.errors import UsageFailure, nearest
from seqcli.metrics import report
from seqcli.metrics.report import Evaluation

ROUGE = ("rouge", *(f"rouge{dash}{kind}" for dash in ("-", "") for kind in (*"123456789", "l", "lsum")))
TEXT = ("bleu", "chrf", "chrf++", "ter", *ROUGE, "wer", "cer", "mer", "em", "bleu-rouge")


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that read the same files."""

    module: str
    metrics: tuple[str, ...]  # a name that ends in `/` stands for all that begin so

    def has(self, name: str) -> bool:
        """Whether a metric of this name is one of the family's."""
        return name in self.metrics or any(known.endswith("/") and name.startswith(known) for known in self.metrics)


FAMILIES = {
    "text": Family("seqcli.metrics.text", TEXT),
    "tags": Family(
        "seqcli.metrics.tags",
        ("accuracy", "accuracy/known", "accuracy/unknown", "accuracy/sentence", "macro-f1", "f1", "f1/", "confusion",
         "tokens", "words", "sentences", "upos", "xpos", "feats", "lemma"),
    ),
    "classes": Family(
        "seqcli.metrics.labels.classes",
        ("classes", "accuracy", "macro-f1", "micro-f1", "weighted-f1", "mcc", "f1", "f1/", "confusion"),
    ),
    "values": Family("seqcli.metrics.labels.values", ("values", "pearson", "spearman", "mae", "rmse", "mse", "smape", "mase")),
    "spans": Family(
        "seqcli.metrics.labels.spans",
        ("spans", "span-f1", "span-f1/", "span-precision", "span-recall", "span-macro-f1", "span-weighted-f1", "span-accuracy"),
    ),
    "squad": Family("seqcli.metrics.labels.squad", ("squad", "squad-em", "squad-f1", "squad-em/", "squad-f1/")),
    "glue": Family("seqcli.metrics.labels.glue", ("glue", "glue/")),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks of a family."""

    reference: Path
    systems: Sequence[Path]
    metrics: tuple[str, ...] = ()  # none: what suits the files
    resamples: int = 1000  # draws of a bootstrap; 0: none
    seed: int = 12345
    errors: str = "strict"  # or replace: what becomes of invalid UTF-8
    # tags, labels and values
    column: str = "upos"
    train: Sequence[Path] = ()  # words that do not occur here are unknown; for mase: the history
    confusions: int = 10
    season: int = 1  # steps, for mase
    scheme: str = ""  # of spans; none: as conlleval
    # text
    more_references: Sequence[Path] = ()
    reference_column: str = ""  # of tab-separated text: number or heading
    system_column: str = ""
    absent: str | None = None  # a line of a reference that says that it has no such segment
    options: Mapping[str, Any] = field(default_factory=dict)  # of the metrics, by the names of their fields; those that were given
    confidence: bool = False
    paired: str = ""  # bs: bootstrap, ar: approximate randomization
    trials: int = 0  # of these, and of the draws for `confidence`; 0: sacreBLEU's numbers
    html: Path | None = None
    jobs: int = 0  # 0: as many processes as processors, where the input is long enough


def family_of(names: Sequence[str], reference: Path) -> Family:
    """The family that has all these metrics; where several have them, or none is named, the reference's first lines tell.

    An unknown metric, or metrics of different families, raise UsageFailure.

    >>> family_of(["bleu", "rouge-l"], Path("ref.txt")).module
    'seqcli.metrics.text'
    """
    for name in names:
        check(name)
    able = [key for key, family in FAMILIES.items() if all(family.has(name) for name in names)]
    if not able:
        other = next(name for name in names if not any(f.has(names[0]) and f.has(name) for f in FAMILIES.values()))
        raise UsageFailure(f"--metric {names[0]},{other}: these read different kinds of files", hint="ask for one kind")
    if len(able) == 1:
        return FAMILIES[able[0]]
    kind = kind_of(reference)
    return FAMILIES[kind if kind in able else next(key for key in able if key != "tags")]


def check(name: str) -> None:
    """Raises UsageFailure: no such metric; names the nearest."""
    if not any(family.has(name) for family in FAMILIES.values()):
        known = {metric for family in FAMILIES.values() for metric in family.metrics if not metric.endswith("/")}
        raise UsageFailure(f"--metric {name}: no such metric", hint=nearest(name, known))


def kind_of(reference: Path) -> str:
    r"""What a file holds, by its beginning: `tags` in CoNLL-U or `token<TAB>tag`, else `text`.

    >>> looks_tagged(b"The\tDET\ncat\tNOUN\n\n"), looks_tagged(b"The cat sat.\n"), looks_tagged(b"# sent_id = 1\n1\tThe")
    (True, False, True)
    """
    if str(reference) == "-":
        peek = getattr(getattr(sys.stdin, "buffer", None), "peek", None)
        return "tags" if peek and looks_tagged(peek(4096)) else "text"
    with open_input(reference) as stream:
        return "tags" if looks_tagged(stream.peek(4096)) else "text"  # type: ignore[attr-defined]


def looks_tagged(head: bytes) -> bool:
    """Rows of one word without a blank in it, a tab after it; or CoNLL-U's comments."""
    rows = [row for row in head.removeprefix("\ufeff".encode()).split(b"\n") if row.strip()][:50]
    return bool(rows) and all(row.startswith(b"# ") or (b"\t" in row and b" " not in row.split(b"\t")[0]) for row in rows[:-1] or rows)


def evaluate(request: Request, watch: Any = None) -> list[Evaluation]:
    """One evaluation a system, by the family of the request's metrics; `watch` is shown each batch of a text."""
    family = family_of(request.metrics, request.reference)
    if family is not FAMILIES["text"]:
        only_text(request, watch)
    module = import_module(family.module)
    evaluations: list[Evaluation] = module.evaluate(request) if watch is None else module.evaluate(request, watch)
    return evaluations


def by_line(request: Request, as_objects: bool, width: int = 2, align: bool = False) -> Iterator[str]:
    """The scores of each segment, as rows or as JSON; metrics of text come as the files are read."""
    family = family_of(request.metrics, request.reference)
    module = import_module(family.module)
    if family is FAMILIES["text"]:
        yield from module.by_line(request, as_objects, width, align)
        return
    only_text(request, align or None)
    lines = list(report.by_line(module.evaluate(request), as_objects, width))
    yield "".join(f"{line}\n" for line in lines)


def only_text(request: Request, page: Any) -> None:
    """Raises UsageFailure: an option that only metrics of text have."""
    given = {
        "--ref": request.more_references, "--confidence": request.confidence, "--paired": request.paired, "--absent": request.absent,
        "--ref-column or --hyp-column": request.reference_column or request.system_column, "--html or --align": page,
        **{"--" + option.replace("_", "-"): True for option in request.options},
    }  # fmt: skip
    for flag, value in given.items():
        if value:
            raise UsageFailure(f"{flag} is for metrics of text", hint="bleu, chrf, ter, rouge, wer …: see --help")
