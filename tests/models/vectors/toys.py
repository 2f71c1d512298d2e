"""Small corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqcli.models.vectors.corpus import END
from seqcli.models.vectors.vocabulary import Vocabulary


def text(path: Path, lines: int = 400, words: int = 60, seed: int = 1) -> Path:
    """Lines of words that depend on each other, some of them rare."""
    rng = np.random.default_rng(seed)
    with path.open("w") as out:
        for _ in range(lines):
            at = rng.integers(0, words) + np.cumsum(rng.integers(-3, 4, rng.integers(0, 30)))
            out.write(" ".join(f"w{abs(place) % words}" for place in at.tolist()) + "\n")
    return path


def numbers(lines: list[list[int]]) -> np.ndarray:
    """As the file of a corpus has them."""
    return np.array([number for line in lines for number in [*line, END]], dtype=np.int32)


def vocabulary(counts: list[int]) -> Vocabulary:
    """Words of these counts."""
    return Vocabulary([f"w{i}" for i in range(len(counts))], np.array(counts))
