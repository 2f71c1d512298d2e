"""Tunes that a GRU writes after it has read the Nottingham collection: how many abc2midi (Debian: abcmidi) reads without an error.

`seq train nottingham-gru.toml` first, unless the model is in build/nottingham-gru. The test tunes, written by people, stand beside.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.harness import DATA, ROOT, SEQ, run_once, table

MODEL = ROOT / "build" / "nottingham-gru"
COUNT = 100
WAYS: dict[str, list[str]] = {
    "sampled": [],
    "sampled, top-p 0.95": ["--top-p", "0.95"],
    "sampled, temperature 0.8": ["--temperature", "0.8"],
}


def main() -> None:
    """The table."""
    if shutil.which("abc2midi") is None:
        print("no abc2midi: nothing is measured", file=sys.stderr)
        return
    if not MODEL.exists():
        run_once([SEQ, "train", "nottingham-gru.toml", "-o", str(MODEL)])
    people = gzip.decompress((DATA / "nottingham_abc" / "test.abc.gz").read_bytes()).decode().strip().split("\n\n")
    rows = [["people (test tunes)", accepted(people)]]
    for name, options in (
        ("sampled", []),
        ("sampled, top-p 0.95", ["--top-p", "0.95"]),
        ("sampled, temperature 0.8", ["--temperature", "0.8"]),
    ):
        with TemporaryDirectory() as folder:
            out = Path(folder) / "tunes.abc"
            command = [
                SEQ,
                "beam",
                "-m",
                str(MODEL),
                "--sample",
                "--samples",
                str(COUNT),
                "--max-length",
                "1500",
                "-o",
                str(out),
                *options,
            ]
            run_once(command, b"\n")
            rows.append([name, accepted(out.read_text().strip().split("\n\n"))])
    table(f"{COUNT} tunes", ["", "read without an error"], rows)


def accepted(tunes: list[str]) -> str:
    """How many are read without an error."""
    return f"{100 * sum(map(is_read, tunes)) / len(tunes):.1f} % of {len(tunes)}"


def is_read(tune: str) -> bool:
    """Whether a tune is; one without a header or without notes is not."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tune.abc"
        path.write_text(tune + "\n")
        command = ["abc2midi", str(path), "-c"]
        said = subprocess.run(command, capture_output=True, cwd=folder, text=True, check=False, errors="replace")
    return "Error" not in said.stdout + said.stderr and "\nK:" in tune


if __name__ == "__main__":
    main()
