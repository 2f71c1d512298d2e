"""How often words stand near each other, counted out of core: sorted runs on disk, merged range by range of their keys.

Words at distance d ≤ window in a line count d^-decay. A pair is kept once, with the smaller number first: the counts are symmetric.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, IntArray
from seqcli.models.vectors.corpus import stretches

RUN = 1 << 23  # pairs sorted in memory at a time
RECORD = np.dtype([("key", "<i8"), ("count", "<f8")])


@dataclass(frozen=True)
class Near:
    """What is near: words at a distance d ≤ window, which count d^-decay."""

    window: int
    decay: float = 1.0


@dataclass(frozen=True)
class Counts:
    """M pairs, shuffled, in files of about the same size."""

    paths: list[Path]
    size: int
    entry = np.dtype([("a", "<i4"), ("b", "<i4"), ("count", "<f4")])

    def part(self, number: int) -> AnyArray:
        """The pairs of a file."""
        return np.fromfile(self.paths[number], self.entry)


def count(ids: Path, words: int, near: Near, folder: Path, seed: int, run: int = RUN, kept: DoubleArray | None = None) -> Counts:
    """Count the pairs of a file of word numbers; each occurrence is kept with the probability of its word in `kept` (V,)."""
    runs: list[Path] = []
    keys: list[IntArray] = []
    weights: list[AnyArray] = []

    def flush() -> None:
        if sum(map(len, keys)):
            runs.append(folder / f"run{len(runs)}")
            reduced(np.concatenate(keys), np.concatenate(weights)).tofile(runs[-1])
        keys.clear()
        weights.clear()

    pending = 0
    for part in parts(ids, near.window, max(1, run // near.window), kept, seed):
        for key, weight in pairs(part, words, near):
            keys.append(key)
            weights.append(weight)
            pending += len(key)
        if pending >= run:
            flush()
            pending = 0
    flush()
    try:
        return shuffled(runs, words, folder, seed, run)
    finally:
        for path in runs:
            path.unlink()


def parts(ids: Path, window: int, size: int, kept: DoubleArray | None = None, seed: int = 0) -> Iterator[AnyArray]:
    """Stretches of the corpus after the last tokens of the one before, (2, N): numbers, and whether they are of this stretch."""
    before = np.empty(0, np.int32)
    generator = np.random.default_rng([seed, 2])
    for whole in stretches(ids, size):
        part = whole if kept is None else whole[(whole < 0) | (generator.random(len(whole)) < kept[whole])]
        yield np.stack([np.append(before, part), np.append(np.zeros_like(before), np.ones_like(part))])
        before = np.append(before, part)[-window:]


def pairs(part: AnyArray, words: int, near: Near) -> Iterator[tuple[IntArray, AnyArray]]:
    """The keys of pairs at each distance, and their weights."""
    ids, new = part.astype(np.int64)
    line = np.cumsum(ids < 0)
    for distance in range(1, near.window + 1):
        left, right = ids[:-distance], ids[distance:]
        here = (line[:-distance] == line[distance:]) & (left >= 0) & (right >= 0) & (new[distance:] > 0)
        left, right = left[here], right[here]
        yield np.minimum(left, right) * words + np.maximum(left, right), np.full(len(left), distance**-near.decay)


def reduced(keys: IntArray, weights: AnyArray) -> AnyArray:
    """Distinct keys, sorted, with the sums of their weights."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    found = np.empty(len(first), RECORD)
    found["key"] = keys[first]
    found["count"] = np.add.reduceat(weights[order], first) if len(first) else 0
    return found


def merged(runs: list[Path], most: int, run: int) -> Iterator[AnyArray]:
    """The sums over all runs, in ranges of keys that begin at 0 and end before `most`."""
    ranges = -(-records(runs) // run)
    samples = np.sort(np.concatenate([spread_out(path) for path in runs])) if runs else np.empty(0, np.int64)
    cuts = samples[np.arange(1, ranges) * len(samples) // max(1, ranges)].tolist()
    for low, high in zip([0, *cuts], [*cuts, most], strict=True):
        here = [between(path, low, high) for path in runs]
        if sum(map(len, here)):
            yield reduced(np.concatenate([each["key"] for each in here]), np.concatenate([each["count"] for each in here]))


def mapped(path: Path) -> AnyArray:
    """A run as it lies on the disk; what is read of it is in memory until it is let go."""
    return np.memmap(path, RECORD, mode="r")


def records(runs: list[Path]) -> int:
    """How many records there are in all runs."""
    return sum(path.stat().st_size for path in runs) // RECORD.itemsize


def spread_out(path: Path) -> IntArray:
    """Some keys of a run, at even distances."""
    keys = mapped(path)["key"]
    return np.array(keys[:: max(1, len(keys) // 256)])


def between(path: Path, low: int, high: int) -> AnyArray:
    """The records of a run whose keys are from `low` to below `high`."""
    run = mapped(path)
    return np.array(run[slice(*np.searchsorted(run["key"], [low, high]).tolist())])


def shuffled(runs: list[Path], words: int, folder: Path, seed: int, run: int) -> Counts:
    """The merged pairs, each in a file drawn at random, and shuffled there."""
    generator = np.random.default_rng([seed, 0])
    paths = [folder / f"pairs{number}" for number in range(max(1, -(-records(runs) // run)))]
    for path in paths:
        path.write_bytes(b"")
    size = 0
    for part in merged(runs, words * words, run):
        size += len(part)
        entries = np.empty(len(part), Counts.entry)
        entries["a"], entries["b"], entries["count"] = part["key"] // words, part["key"] % words, part["count"]
        whose = generator.integers(0, len(paths), len(part))
        for number, path in enumerate(paths):
            with path.open("ab") as out:
                entries[whose == number].tofile(out)
    for path in paths:
        entries = np.fromfile(path, Counts.entry)
        generator.permutation(entries).tofile(path)
    return Counts(paths, size)
