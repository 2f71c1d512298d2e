"""Tagging against python-crfsuite, trained once on UD English-EWT: accuracy, and words a second of whole commands."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from seqcli.data.blocks import blocks
from seqcli.data.examples import Batch
from seqcli.models.registry import open_tagger
from seqcli.tasks.tagging import Job, read_tagged
from seqcli.text.segment import RuleSegmenter
from tests.bench import crfsuite_tagger
from tests.bench.harness import DATA, SEQ, WORK, commands, table

EWT = DATA / "ud" / "en_ewt"
WORDS = 2_000_000


def main() -> None:
    """Both tables."""
    WORK.mkdir(parents=True, exist_ok=True)
    peer = train_peer()
    accuracy(peer)
    raw, words = texts()
    python = [sys.executable, "-m", "tests.bench.crfsuite_tagger", str(peer)]
    cost = commands(
        3,
        {
            "python-crfsuite": python,
            "seq tag --pretokenized": [SEQ, "tag", "--pretokenized"],
        },
        words,
    ) | commands(3, {"seq tag, raw text, --jobs 2": [SEQ, "tag", "--jobs", "2"], "seq tag, raw text": [SEQ, "tag"]}, raw)
    base = cost["python-crfsuite"].seconds
    table(
        f"Words a second, {WORDS:,} words, whole command, text out",
        ["", "wall", "words/s", "ratio", "peak memory"],
        [
            [name, f"{c.seconds:.2f} s", f"{WORDS / c.seconds:,.0f}", f"{base / c.seconds:.1f} ×", f"{c.megabytes:.0f} MB"]
            for name, c in cost.items()
        ],
    )


def train_peer() -> Path:
    """The peer's model, trained the first time."""
    path = WORK / "ewt.crfsuite"
    if not path.exists():
        batch = read_tagged([str(EWT / "train.conllu.gz")], "upos")
        crfsuite_tagger.train(list(zip(batch.split(batch.tokens), batch.split(batch.tags), strict=True)), path)
    return path


def accuracy(peer: Path) -> None:
    """UPOS on EWT dev, gold tokens."""
    train = read_tagged([str(EWT / "train.conllu.gz")], "upos")
    known = set(train.tokens)
    batch = read_tagged([str(EWT / "dev.conllu.gz")], "upos")
    model = crfsuite_tagger.tagger(peer)
    theirs: list[str] = []
    for words in batch.split(batch.tokens):
        theirs += model.tag([crfsuite_tagger.features(words, i) for i in range(len(words))])
    job = Job(open_tagger("en-pos")[1], None)
    ours = job.tag(batch).tags()
    unknown = np.array([word not in known for word in batch.tokens])
    rows = []
    for name, found in (("most frequent tag", most_frequent(train, batch)), ("python-crfsuite", theirs), ("en-pos", ours)):
        right = np.array([a == b for a, b in zip(found, batch.tags, strict=True)])
        rows.append([name, f"{100 * right.mean():.2f}", f"{100 * right[unknown].mean():.2f}"])
    table("UPOS on EWT dev, gold tokens", ["", "all", "unknown words"], rows)
    table("The same words, all of them", ["", "as they are", "lower-cased", "upper-cased"], [cases(job, batch)])


def cases(job: Job, batch: Batch) -> list[str]:
    """The shipped tagger where case does not help, or misleads."""
    row = ["en-pos"]
    for change in (str, str.lower, str.upper):
        found = job.tag(replace(batch, tokens=list(map(change, batch.tokens)))).tags()
        row.append(f"{100 * np.mean([a == b for a, b in zip(found, batch.tags, strict=True)]):.2f}")
    return row


def most_frequent(train: Batch, batch: Batch) -> list[str]:
    """The baseline: every word's most frequent tag, and the most frequent of all for a word not seen."""
    of_word: dict[str, Counter[str]] = {}
    for word, tag in zip(train.tokens, train.tags, strict=True):
        of_word.setdefault(word, Counter())[tag] += 1
    usual = Counter(train.tags).most_common(1)[0][0]
    return [of_word[word].most_common(1)[0][0] if word in of_word else usual for word in batch.tokens]


def texts() -> tuple[Path, Path]:
    """The first words of the textbooks: as they are, and cut into words."""
    raw, words = WORK / "raw.txt", WORK / "words.txt"
    if not words.exists():
        segmenter, count = RuleSegmenter("en"), 0
        with raw.open("w") as lines, words.open("w") as sentences:
            for block in islice(blocks([DATA / "corpus" / "openstax.txt.xz"]), 1000):
                for line in block.lines():
                    found = segmenter.segment([line])
                    at = 0
                    for length in found.lengths.tolist():
                        sentences.write(" ".join(found.tokens[at : at + length]) + "\n")
                        at += length
                    lines.write(line + "\n")
                    count += at
                    if count >= WORDS:
                        return raw, words
    return raw, words
