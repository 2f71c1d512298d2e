"""Word vectors against gensim: words a second of training and what the vectors know, on the same text in the same run.

The whole corpus is the open corpora joined with WikiText-2, lower-cased (19.6 M words). Speeds are medians of three on every fifth of
its lines, in turn; `python -m tests.bench vectors whole` trains on all of it, once each, for the quality;
`whole GloVe` does one of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from seqcli.data.blocks import blocks
from seqcli.data.examples import AnyArray, DoubleArray
from tests.bench.harness import DATA, WORK, table

CORPUS = (
    "corpus/enwiki_sample.txt.xz",
    "corpus/factbook.txt.xz",
    "corpus/openstax.txt.xz",
    "corpus/ebooks.txt.xz",
    "wikitext2/train.txt.gz",
)
KINDS: Mapping[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "skip-gram, negative sampling": ("skipgram", {}, {"sg": 1, "negative": 5}),
    "CBOW, negative sampling": ("cbow", {}, {"sg": 0, "negative": 5}),
    "skip-gram, hierarchical softmax": ("skipgram", {"loss": "hierarchical"}, {"sg": 1, "hs": 1, "negative": 0}),
}
OTHERS: Mapping[str, tuple[str, dict[str, Any]]] = {"fastText": ("fasttext", {}), "GloVe": ("glove", {})}
OURS = """
import importlib, json, resource, sys
import numpy as np
from pathlib import Path
text, out, name, settings, epochs = sys.argv[1:]
module = importlib.import_module(f"seqcli.models.{name}")
last = []
recipe = module.Recipe(**json.loads(settings), **({"epochs": int(epochs)} if int(epochs) else {}))
found = module.train([text], recipe, lambda line: None, progress=lambda each: last.append(each))
np.savez(out, vectors=found.vectors, words=np.array(found.vocabulary.words, dtype=object))
seconds = last[-1].seconds
print(json.dumps({"speed": last[-1].words / seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
THEIRS = """
import json, resource, sys, time
import numpy as np
from gensim.models import Word2Vec
text, out, _, settings, epochs = sys.argv[1:]
model = Word2Vec(vector_size=100, window=5, min_count=5, sample=1e-3, workers=2, **json.loads(settings))
model.build_vocab(corpus_file=text)
start = time.perf_counter()
model.train(corpus_file=text, total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=int(epochs))
seconds = time.perf_counter() - start
np.savez(out, vectors=model.wv.vectors, words=np.array(model.wv.index_to_key, dtype=object))
speed = model.corpus_total_words * int(epochs) / seconds
print(json.dumps({"speed": speed, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def main() -> None:
    """Speed; with `whole` as an argument, quality instead."""
    WORK.mkdir(parents=True, exist_ok=True)
    if "whole" not in sys.argv:
        speeds()
        return
    header = ["19.6 M words", "epochs", "words/s", "memory", "Google analogies (30k)", "WordSim-353 ρ", "SimLex ρ", "rare words ρ"]
    table("What the vectors know", header, quality(text(1), sys.argv[2:]))


def speeds() -> None:
    """Words a second."""
    part = text(5)
    table(
        "Training of word vectors, 2 threads; gensim 4.4 with corpus_file",
        ["every fifth line", "seq, words/s", "gensim", "ratio", "memory: seq", "gensim"],
        (speed(part, title) for title in KINDS),
    )


def text(step: int) -> Path:
    """Every so manieth line of the corpus, lower-cased; written the first time."""
    path = WORK / f"vectors.{step}.txt"
    if not path.exists():
        print(f"writing {path.name}", file=sys.stderr)
        with path.open("w") as out:
            number = 0
            for block in blocks([DATA / name for name in CORPUS]):
                for line in block.lines():
                    if number % step == 0:
                        out.write(" ".join(line.lower().split()) + "\n")
                    number += 1
    return path


def train(source: str, path: Path, name: str, settings: Mapping[str, Any], epochs: int) -> dict[str, float]:
    """One training in a process of its own; its vectors go to a file."""
    command = [sys.executable, "-c", source, str(path), str(WORK / "vectors.npz"), name, json.dumps(settings), str(epochs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def speed(path: Path, title: str) -> list[str]:
    """Medians of both in turn."""
    name, ours, theirs = KINDS[title]
    runs = [(train(OURS, path, name, ours, 1), train(THEIRS, path, name, theirs, 1)) for _ in range(3)]
    mine, gensim = (median(run[side]["speed"] for run in runs) for side in (0, 1))
    memory = [f"{max(run[side]['megabytes'] for run in runs):.0f} MB" for side in (0, 1)]
    return [title, f"{mine:,.0f}", f"{gensim:,.0f}", f"{mine / gensim:.2f} ×", *memory]


def quality(path: Path, chosen: Sequence[str]) -> Iterator[list[str]]:
    """Both sides after the same epochs, and what gensim has no match for; all, or what is chosen."""
    for title, (name, ours, theirs) in KINDS.items():
        if chosen and title not in chosen:
            continue
        for side, source, settings in (("seq", OURS, ours), ("gensim", THEIRS, theirs)):
            yield measured(f"{title}: {side}", train(source, path, name, settings, 5), "5")
    for title, (name, ours) in OTHERS.items():
        if chosen and title not in chosen:
            continue
        yield measured(f"{title}: seq", train(OURS, path, name, ours, 0), "its own")


def measured(title: str, run: Mapping[str, float], epochs: str) -> list[str]:
    """The scores of the vectors that were trained last."""
    with np.load(WORK / "vectors.npz", allow_pickle=True) as file:
        words, vectors = file["words"].tolist(), file["vectors"]
    correct, asked = analogies(words, vectors)
    likeness = [f"{likenesses(words, vectors, name):.4f}" for name in ("wordsim353", "simlex999", "rareword")]
    return [
        title,
        epochs,
        f"{run['speed']:,.0f}",
        f"{run['megabytes']:.0f} MB",
        f"{100 * correct / asked:.2f} % of {asked:,}",
        *likeness,
    ]


def analogies(words: list[str], vectors: AnyArray, most: int = 30_000) -> tuple[int, int]:
    """How many of the Google analogies that the commonest words can answer are right (3CosAdd)."""
    unit = vectors[:most] / np.linalg.norm(vectors[:most], axis=1, keepdims=True)
    place = {word: i for i, word in enumerate(words[:most])}
    rows = [line.split() for line in (DATA / "wordsim" / "questions-words.txt").read_text().lower().split("\n")]
    asked = np.array([[place[word] for word in row] for row in rows if len(row) == 4 and all(word in place for word in row)])
    correct = 0
    for part in np.array_split(asked, max(1, len(asked) // 512)):
        scores = (unit[part[:, 1]] - unit[part[:, 0]] + unit[part[:, 2]]) @ unit.T
        np.put_along_axis(scores, part[:, :3], -np.inf, axis=1)
        correct += int((scores.argmax(axis=1) == part[:, 3]).sum())
    return correct, len(asked)


def likenesses(words: list[str], vectors: AnyArray, name: str) -> float:
    """Spearman's ρ between cosines and what people say, over the pairs whose words are known."""
    place = {word: i for i, word in enumerate(words)}
    rows = [line.lower().split("\t") for line in (DATA / "wordsim" / f"{name}.tsv").read_text().split("\n")[1:-1]]
    known = [row for row in rows if row[0] in place and row[1] in place]
    left, right = (vectors[[place[row[side]] for row in known]] for side in (0, 1))
    cosines = (left * right).sum(axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    return float(np.corrcoef(ranks(cosines), ranks(np.array([float(row[2]) for row in known])))[0, 1])


def ranks(values: AnyArray) -> DoubleArray:
    """Ranks, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: DoubleArray = (ends - (counts + 1) / 2)[place]
    return shared


if __name__ == "__main__":
    main()
