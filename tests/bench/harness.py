"""Timing in turn: A B A B …, so that a machine whose speed drifts drifts for both."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SEQ_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / "build" / "bench"  # what peers had to train, and the texts they are timed on
LAUNCHER = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], "wb"))
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024, status)
"""  # a small process of its own: a child's peak memory counts from what its parent held when it was started
SEQ = str(Path(sys.executable).with_name("seq"))


@dataclass(frozen=True)
class Cost:
    """Medians over the runs."""

    seconds: float
    megabytes: float = 0.0


def commands(runs: int, candidates: Mapping[str, Sequence[str]], stdin: bytes | Path = b"") -> dict[str, Cost]:
    """Whole commands in turn, after one run of each that is not counted: wall time and peak memory."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for turn in range(runs + 1):
        for name, command in candidates.items():
            cost = run_once(command, stdin)
            if turn:
                seen[name].append(cost)
    return {name: Cost(median(s for s, _ in costs), median(m for _, m in costs)) for name, costs in seen.items()}


def run_once(command: Sequence[str], stdin: bytes | Path = b"", stdout: str = os.devnull) -> tuple[float, float]:
    """Seconds of one run and megabytes of its largest process."""
    feed: dict[str, Any] = {"stdin": stdin.open("rb")} if isinstance(stdin, Path) else {"input": stdin}
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, stdout, *command], stdout=subprocess.PIPE, check=True, **feed)
    seconds, megabytes, status = map(float, done.stdout.split())
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status:.0f}")
    return seconds, megabytes


def functions(runs: int, candidates: Mapping[str, Callable[[], object]]) -> dict[str, Cost]:
    """Functions in turn, in this process."""
    seen: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(runs + 1):
        for name, function in candidates.items():
            start = time.perf_counter()
            function()
            if turn:
                seen[name].append(time.perf_counter() - start)
    return {name: Cost(median(times)) for name, times in seen.items()}


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table on standard output."""
    print(f"\n{title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header), flush=True)
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
