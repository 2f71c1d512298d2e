"""Classification: one label for a whole text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data import jsonl
from seqcli.data.blocks import Block, blocks, name_of
from seqcli.data.examples import Batch
from seqcli.errors import Failure

if TYPE_CHECKING:
    from seqcli.models.neural.tagger import Classifier

LABEL = ("label", "class", "category", "sentiment", "target", "y")  # what the column of labels is called
TEXT = ("text", "sentence", "sequence", "document", "review", "question")
FORMATS = ("text", "tsv", "jsonl")


def cut(text: str, units: str) -> list[str]:
    """A text as words, which blanks separate, or as characters.

    >>> cut("ACG T", "char"), cut("A fine film .", "word")
    (['A', 'C', 'G', ' ', 'T'], ['A', 'fine', 'film', '.'])
    """
    return list(text) if units == "char" else text.split()


def read(files: Sequence[str], units: str) -> Batch:
    """Texts with their labels, from JSON Lines (`text`, `label`) or columns with tabs between: a header names them, or label, text.

    A text without words is left out. `tags` of the batch has a label a text.

    Raises:
        Failure: a file that cannot be read, a line without label or text, a file without texts.
    """
    texts: list[list[str]] = []
    labels: list[str] = []
    for name in files:
        before = len(texts)
        for label, text in rows(Path(name)):
            if words := cut(text, units):
                texts.append(words)
                labels.append(label)
        if len(texts) == before:
            raise Failure(f"{name} has no text")
    batch = Batch.of(texts)
    batch.tags = labels
    return batch


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """(label, text) of each line."""
    columns: tuple[int, int] | None = None
    for block in blocks([path]):
        for number, line in enumerate(block.lines(), block.first_line):
            if not line.strip():
                continue
            where = f"{name_of(path)}, line {number}"
            if path.name.removesuffix(".gz").endswith(".jsonl"):
                yield from_json(line, where)
                continue
            fields = line.split("\t")
            if columns is None:
                columns, heading = layout(fields)
                if heading:
                    continue
            if len(fields) <= max(columns) or not fields[columns[0]]:
                raise Failure(f"{where}: no label and text with a tab between")
            yield fields[columns[0]], fields[columns[1]]


def from_json(line: str, where: str) -> tuple[str, str]:
    """(label, text) of a JSON object."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{where}: not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("text"), str) or not isinstance(found.get("label"), str | int):
        raise Failure(f"{where}: expected an object with `label` and `text`")
    return str(found["label"]), found["text"]


def layout(fields: Sequence[str]) -> tuple[tuple[int, int], bool]:
    """Where label and text stand in rows like the first one, and whether that is a heading.

    >>> layout(["label", "name", "sequence"]), layout(["1", "a fine film"])
    (((0, 2), True), ((0, 1), False))
    """
    names = [field.strip().lower() for field in fields]
    label, text = (next((names.index(name) for name in known if name in names), None) for known in (LABEL, TEXT))
    if label is not None and text is not None:
        return (label, text), True
    return (0, 1), False


def evaluate(classifier: Classifier, texts: Batch) -> dict[str, float]:
    """Texts whose likeliest label is right, in percent."""
    found = classifier.log_probs(texts.tokens, texts.lengths).argmax(axis=1)
    right = [classifier.labels[label] == gold for label, gold in zip(found.tolist(), texts.tags, strict=True)]
    return {"accuracy": 100 * float(np.mean(right))}


@dataclass
class Job:
    """How a stream of texts is classified."""

    classifier: Classifier
    source: str = "text"  # or jsonl
    target: str = "text"  # one of FORMATS
    proba: bool = False
    errors: str = "strict"
    separator: bytes = b"\n"

    def __call__(self, block: Block) -> bytes:
        """One block: a label a line, a blank line for a blank line."""
        lines = block.lines(self.errors)
        objects = jsonl.parse(lines, block.name, block.first_line) if self.source == "jsonl" else [{"text": line} for line in lines]
        words = [value["tokens"] if "tokens" in value else cut(value["text"], self.classifier.recipe.units) for value in objects]
        batch = Batch.of(words)
        logs = iter(self.classifier.log_probs(batch.tokens, batch.lengths)) if len(batch.lengths) else iter(())
        return "".join(self.row(value, next(logs) if text else None) for value, text in zip(objects, words, strict=True)).encode()

    def row(self, value: dict[str, Any], logs: Any) -> str:
        """One record."""
        labels = self.classifier.labels
        best = None if logs is None else int(logs.argmax())
        if self.target == "jsonl":
            found: dict[str, Any] = {"label": None if best is None else labels[best]}
            if self.proba and logs is not None:
                found["proba"] = {label: round(float(p), 6) for label, p in zip(labels, np.exp(logs), strict=True)}
            return json.dumps(value | found, ensure_ascii=False) + "\n"
        if best is None:
            return "\n"
        parts = [
            labels[best],
            *([f"{np.exp(logs[best]):.4f}"] if self.proba else []),
            *([value["text"]] if self.target == "tsv" else []),
        ]
        return "\t".join(parts) + "\n"
