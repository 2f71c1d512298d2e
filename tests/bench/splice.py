"""Splice junctions by a recurrent classifier: five folds of `seq train dna-splice.toml`, each stopped by a tenth of its data."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.bench.harness import DATA, SEQ, run_once, table

FOLDS = 5


def main() -> None:
    """Accuracy of each fold and of all."""
    heading, *rows = (DATA / "dna_splice" / "splice.tsv").read_text().rstrip("\n").split("\n")
    fold = np.random.default_rng(1).integers(FOLDS, size=len(rows))
    with TemporaryDirectory() as folder:
        right = [correct(Path(folder), heading, rows, fold == number, sys.argv[1:]) for number in range(FOLDS)]
    shares = [f"{100 * np.mean(each):.2f} %" for each in right]
    whole = f"{100 * np.mean(np.concatenate(right)):.2f} %"
    table(f"Splice junctions, {len(rows):,} windows", ["", *(f"fold {n}" for n in range(1, 6)), "all"], [["accuracy", *shares, whole]])


def correct(folder: Path, heading: str, rows: list[str], held_out: np.ndarray, settings: list[str]) -> np.ndarray:
    """Which of a fold's windows are classified right."""
    train, test, model, found = (folder / name for name in ("train.tsv", "test.txt", "model", "found"))
    train.write_text("\n".join([heading, *(row for row, out in zip(rows, held_out, strict=True) if not out)]) + "\n")
    fields = [row.split("\t") for row, out in zip(rows, held_out, strict=True) if out]
    test.write_text("".join(f"{each[2]}\n" for each in fields))
    run_once([SEQ, "train", "dna-splice.toml", "--train", str(train), "-o", str(model), "--force", "-q", *settings])
    run_once([SEQ, "tag", "-m", str(model), str(test), "-o", str(found)])
    labels = found.read_text().split("\n")[:-1]
    return np.array([label == each[0] for label, each in zip(labels, fields, strict=True)])


if __name__ == "__main__":
    main()
