"""Named entities against python-crfsuite with the usual features, trained on the same files: F1 of spans, words a second, megabytes.

`python -m tests.bench entities [model=FOLDER]`; figures are of the test sets, or of the dev sets with `--dev`. Sections f and h of the
Broad Twitter Corpus have four rows without a token, all O: they are left out.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pycrfsuite

from seqcli.data.examples import Batch
from seqcli.tasks.tagging import Job, read_tagged, span_f1
from tests.bench.harness import DATA, WORK, table

NER = DATA / "ner"
WIKIGOLD, TWITTER = "WikiGold", "Broad Twitter"
TRAIN = {
    WIKIGOLD: [NER / "wikigold" / "train.conll"],
    TWITTER: [NER / "broad_twitter" / f"{section}.conll.gz" for section in "abeg"],
}
HELD_OUT = {
    "dev": {WIKIGOLD: NER / "wikigold" / "dev.conll", TWITTER: NER / "broad_twitter" / "h.conll.gz"},
    "test": {WIKIGOLD: NER / "wikigold" / "test.conll", TWITTER: NER / "broad_twitter" / "f.conll.gz"},
}
AROUND = (-2, -1, 1, 2)


def main() -> None:
    """A table with a row a tagger."""
    WORK.mkdir(parents=True, exist_ok=True)
    part = "dev" if "--dev" in sys.argv else "test"
    model = next((name.removeprefix("model=") for name in sys.argv if name.startswith("model=")), "en-ner")
    batches = {name: read_tagged([str(readable(path))], "upos") for name, path in HELD_OUT[part].items()}
    rows = [peer(f"python-crfsuite, {name} only", files, batches) for name, files in TRAIN.items()]
    rows.append(peer("python-crfsuite, both", [file for files in TRAIN.values() for file in files], batches))
    rows.append(ours(model, batches))
    table(f"F1 of spans, {part}", ["", *batches, "words/s", "MB"], rows)


def readable(path: Path) -> Path:
    """A copy of a file without the rows that have no token."""
    if path.suffix != ".gz":
        return path
    copy = WORK / path.name.removesuffix(".gz")
    rows = gzip.decompress(path.read_bytes()).decode().split("\n")
    copy.write_text("\n".join(row for row in rows if not row.startswith("\t")), encoding="utf-8")
    return copy


def peer(name: str, files: Sequence[Path], batches: dict[str, Batch]) -> list[str]:
    """A row of the peer, trained the first time."""
    path = WORK / f"{name.replace(' ', '-').replace(',', '')}.crfsuite"
    if not path.exists():
        train(read_tagged(list(map(str, files)), "upos"), path)
    tagger = pycrfsuite.Tagger()
    tagger.open(str(path))

    def tag(batch: Batch) -> list[str]:
        return [tag for words in batch.split(batch.tokens) for tag in tagger.tag(features(words))]

    return row(name, tag, batches, path)


def ours(model: str, batches: dict[str, Batch]) -> list[str]:
    """A row of a model of this program."""
    from seqcli.models.registry import open_tagger

    folder, tagger = open_tagger(model)
    job = Job(tagger, None)
    return row(f"seq tag -m {model}", lambda batch: job.tag(batch).tags(), batches, folder.path / "model.safetensors")


def row(name: str, tag: Callable[[Batch], list[str]], batches: dict[str, Batch], path: Path) -> list[str]:
    """F1 on each set, and words a second over all of them, types that were met before included."""
    scores = [f"{span_f1(batch.tags, tag(batch), batch.lengths):.2f}" for batch in batches.values()]
    start = time.perf_counter()
    for batch in batches.values():
        tag(batch)
    speed = sum(len(batch.tokens) for batch in batches.values()) / (time.perf_counter() - start)
    return [name, *scores, f"{speed:,.0f}", f"{path.stat().st_size / 1e6:.1f}"]


def train(batch: Batch, path: Path) -> None:
    """L-BFGS with c1 .1 and c2 .01, 100 iterations."""
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 100, "feature.possible_transitions": True})
    for words, tags in zip(batch.split(batch.tokens), batch.split(batch.tags), strict=True):
        trainer.append(features(words), tags)
    trainer.train(str(path))


def features(words: Sequence[str]) -> list[list[str]]:
    """The usual features of each word of a sentence: of itself, and fewer of two words on either side."""
    own = [describe(word) for word in words]
    found = []
    for i in range(len(words)):
        row = ["bias", *own[i], *(f"p{n}={words[i][:n]}" for n in (1, 2, 3, 4)), *(f"s{n}={words[i][-n:]}" for n in (1, 2, 3, 4))]
        for offset in AROUND:
            if 0 <= i + offset < len(words):
                row += [f"{offset}:{feature}" for feature in own[i + offset]]
            else:
                row.append(f"{offset}:{'BOS' if offset < 0 else 'EOS'}")
        found.append(row)
    return found


def describe(word: str) -> list[str]:
    """Word, lower-cased word, shape, and whether it is in capitals, capitalised or a number."""
    shape = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)
    kinds = [f"title={word.istitle()}", f"upper={word.isupper()}", f"digit={word.isdigit()}"]
    return ["w=" + word, "l=" + word.lower(), "x=" + shape, *kinds]


if __name__ == "__main__":
    main()
