"""`seq embed` against gensim and numpy: loading and asking 100,000 vectors of 100 numbers, and the cold start."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as seq does for questions; before numpy is there

import numpy as np

from seqcli.data.vectors import Vectors, open_vectors, quantised
from seqcli.data.vectors.reading import read_vectors
from seqcli.data.vectors.saving import save
from seqcli.data.vectors.writing import batches, write
from seqcli.tasks.vectors.neighbours import nearest
from tests.bench.harness import SEQ, WORK, Cost, commands, functions, run_once, table

del os.environ["OPENBLAS_NUM_THREADS"]  # commands get the environment as it was

WORDS, WIDTH, BATCH = 100_000, 100, 64
TEXT, BINARY, MODEL, SMALL = (WORK / name for name in ("vectors.txt", "vectors.bin", "vectors", "vectors8"))


def main() -> None:
    """All tables."""
    prepare()
    loading()
    asking()
    starting()
    searching()


def prepare() -> None:
    """The files, written the first time."""
    WORK.mkdir(parents=True, exist_ok=True)
    if all(path.exists() for path in (TEXT, BINARY, MODEL, SMALL)):
        return
    rng = np.random.default_rng(1)
    letters = rng.integers(ord("a"), ord("z") + 1, (2 * WORDS, 12), dtype=np.uint8)
    words = dict.fromkeys(bytes(row[:size]).decode() for row, size in zip(letters, rng.integers(3, 12, len(letters)), strict=True))
    vectors = Vectors.of(list(words)[:WORDS], rng.normal(size=(WORDS, WIDTH)) * 0.3, np.arange(WORDS, 0, -1))
    for path, kind in ((TEXT, "word2vec"), (BINARY, "word2vec-bin")):
        with path.open("wb") as file:
            file.writelines(write(kind, batches(vectors), WIDTH, WORDS))
    save(vectors, MODEL, "random numbers", force=True)
    save(quantised(vectors), SMALL, "random numbers", force=True)


def loading() -> None:
    """Files in."""
    load = importlib.import_module("gensim.models").KeyedVectors.load_word2vec_format
    rows = []
    for name, runs, ours, theirs in (
        ("word2vec text", 3, lambda: read_vectors(TEXT), lambda: load(str(TEXT))),
        ("word2vec binary", 5, lambda: read_vectors(BINARY), lambda: load(str(BINARY), binary=True)),
    ):
        cost = functions(runs, {"seq": ours, "gensim": theirs})
        rows.append([name, *against(cost["seq"], cost["gensim"])])
    first = read_vectors(TEXT).words[WORDS // 2]
    for name, path in (("model folder, open and one word", MODEL), ("the same in 8 bits", SMALL)):
        seconds = functions(9, {"seq": lambda path=path: open_vectors(path).look_up([first])})["seq"].seconds  # type: ignore[misc]
        rows.append([name, f"{seconds * 1000:.2f} ms", "", ""])
    table(f"Loading {WORDS:,} × {WIDTH}", ["", "seq", "gensim", "ratio"], rows)


def asking() -> None:
    """Neighbours."""
    opened = open_vectors(MODEL)
    vectors = Vectors.of(list(opened.words), np.array(opened.matrix))
    matrix = vectors.matrix  # the same memory for all: whoever comes second finds it in the cache, so they come in turn
    one, several = matrix[7:8].copy(), matrix[:BATCH].copy()
    nearest(vectors, one, 10)  # lengths are measured once
    keyed = importlib.import_module("gensim.models").KeyedVectors(WIDTH)
    keyed.add_vectors(list(vectors.words), matrix)
    keyed.vectors = matrix
    word = vectors.words[7]
    asked = {
        "seq: one query": (1, lambda: nearest(vectors, one, 10)),
        f"seq: a query among {BATCH}": (BATCH, lambda: nearest(vectors, several, 10)),
        "gensim: one query": (1, lambda: keyed.most_similar(word)),
    }
    rows = []
    for name, (count, ask) in asked.items():
        cost = functions(60, {"numpy": lambda: matrix @ one[0], "other": ask})
        base, each = cost["numpy"].seconds, cost["other"].seconds / count
        rows.append([name, f"{each * 1000:.2f} ms", f"{base * 1000:.2f} ms", f"{each / base:.2f} ×"])
    table(f"The ten nearest of {WORDS:,} × {WIDTH}, one thread", ["", "time", "numpy's matrix times vector", "ratio"], rows)


def starting() -> None:
    """Cold start."""
    word = open_vectors(MODEL).words[WORDS // 2]
    candidates = {
        '`python -c "import typer, numpy"`': [sys.executable, "-c", "import typer, numpy"],
        "`echo WORD \\| seq embed --words`": [SEQ, "embed", "-m", str(MODEL), "--words"],
        "`echo WORD \\| seq embed`": [SEQ, "embed", "-m", str(MODEL)],
        "`seq embed --near WORD`": [SEQ, "embed", "-m", str(MODEL), "--near", word],
    }
    cost = commands(21, candidates, f"{word}\n".encode())
    base = next(iter(cost.values())).seconds
    rows = [[name, f"{each.seconds:.3f} s", f"{each.seconds / base:.2f} ×", f"{each.megabytes:.0f} MB"] for name, each in cost.items()]
    table(f"Cold start, {WORDS:,} × {WIDTH}", ["command", "wall", "ratio", "peak memory"], rows)


def searching() -> None:
    """Memory of a search through more and more lines."""
    vectors = open_vectors(MODEL)
    rng = np.random.default_rng(2)
    words = vectors.words.names(range(2_000))
    rows = []
    for count in (10_000, 200_000):
        path = Path(WORK / f"lines.{count}")
        if not path.exists():
            picks = rng.integers(0, len(words), (count, 12)).tolist()
            path.write_text("".join(" ".join(words[i] for i in row) + "\n" for row in picks))
        seconds, megabytes = run_once([SEQ, "embed", "-m", str(MODEL), str(path), "--search", " ".join(words[:3])])
        rows.append([f"{count:,}", f"{seconds:.2f} s", f"{megabytes:.0f} MB"])
    table("`seq embed --search` through lines of 12 words", ["lines", "wall", "peak memory"], rows)


def against(ours: Cost, theirs: Cost) -> list[str]:
    """Both times and how much faster we are."""
    return [f"{ours.seconds:.2f} s", f"{theirs.seconds:.2f} s", f"{theirs.seconds / ours.seconds:.1f} ×"]
