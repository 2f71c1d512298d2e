"""From raw text: UD English-EWT test, each document one line, cut and tagged by the shipped model in all columns that it knows.

The treebank has no paragraph marks here, so a document is the `# text` of its sentences, a blank between them unless the sentence
ends with SpaceAfter=No.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from seqcli.data import conllu
from seqcli.data.blocks import blocks
from tests.bench.harness import DATA, SEQ, WORK

FURTHER = ("xpos", "feats", "lemma")


def main() -> None:
    """Prints what `seq score` says."""
    WORK.mkdir(parents=True, exist_ok=True)
    gold, raw, tagged = DATA / "ud" / "en_ewt" / "test.conllu.gz", WORK / "ewt-test.txt", WORK / "ewt-test.conllu"
    raw.write_text("".join(f"{document}\n" for document in documents(gold)))
    with tagged.open("wb") as out:
        subprocess.run([SEQ, "tag", str(raw), "-f", "conllu"], stdout=out, check=True)
    print("\nUD English-EWT test from raw text\n", flush=True)
    for metrics in ("words,sentences,upos", *FURTHER):
        column = metrics.rpartition(",")[2]
        subprocess.run([SEQ, "score", str(gold), str(tagged), "--metric", metrics, "--column", column], check=True)


def documents(treebank: Path) -> Iterator[str]:
    """The text of each document of a treebank."""
    lines = [line for block in blocks([treebank]) for line in block.lines()]
    name, text = "", ""
    for sentence in conllu.read(lines, str(treebank)):
        document = (sentence.comment("sent_id") or "").rpartition("-")[0]
        if document != name and text:
            yield text.rstrip()
            text = ""
        name = document
        glued = "SpaceAfter=No" in sentence.column("misc")[-1]
        text += (sentence.comment("text") or "") + ("" if glued else " ")
    if text:
        yield text.rstrip()
