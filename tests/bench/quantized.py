"""What rounding costs: BLEU of a translator in floating numbers and in whole ones, on the same lines.

python -m tests.bench quantized MODEL SRC REF
"""

from __future__ import annotations

import sys
from pathlib import Path

from seqcli.data.blocks import blocks
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.registry import make
from tests.bench.harness import SEQ, WORK, run_once, table

WAYS = {
    "torch, as stored": ["--engine", "torch"],
    "CTranslate2, as stored": ["--engine", "ctranslate2"],
    "CTranslate2, int8": ["--int8"],
}


def main() -> None:
    """A row a way."""
    asked = sys.argv[1:]
    if len(asked) != 3:
        raise SystemExit("python -m tests.bench quantized MODEL SRC REF")
    model, source, reference = asked
    WORK.mkdir(parents=True, exist_ok=True)
    rows: list[list[str]] = []
    found: list[list[str]] = []
    for name, options in WAYS.items():
        out = WORK / "quantized.out"
        seconds, megabytes = run_once([SEQ, "translate", "-m", model, source, "-q", *options], stdout=str(out))
        found.append(read(out))
        score = bleu(found[-1], read(Path(reference)))
        alike = sum(one == other for one, other in zip(found[0], found[-1], strict=True))
        first = float(rows[0][1]) if rows else score
        rows.append(
            [name, f"{score:.2f}", f"{score - first:+.2f}", f"{alike} of {len(found[0])}", f"{seconds:.1f} s", f"{megabytes:.0f} MB"]
        )
    table(f"{Path(model).name}, {len(found[0]):,} lines", ["", "BLEU", "difference", "the same lines", "time", "memory"], rows)
    raise SystemExit  # what follows are files, not benches


def read(path: Path) -> list[str]:
    """The lines of a file."""
    return [line for block in blocks([path]) for line in block.lines()]


def bleu(texts: list[str], references: list[str]) -> float:
    """sacreBLEU's, in percent."""
    (metric,) = make(("bleu",), {})
    return float(metric.score(metric.statistics(Lines(texts), [Lines(references)]).sum(axis=0)))
