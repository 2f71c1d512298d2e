"""JSON Lines: one object a line, unknown fields passed through untouched.

In: an object with `tokens` (a list of words) or `text`; a bare string counts as text. Out: the same object with `tokens`, `tags`,
`offsets` (start and end character of each word in `text`), `sentences` (words in each sentence) and what was asked for: further fields
(`xpos`, `feats`, `lemma`: lists), probabilities. Tags that spell spans also come as `entities`, each with its `label`, its `text`,
where it stands in the record's text (`start`, `end`, characters) and among its tokens (`words`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from seqcli.data.examples import Batch, Tagging
from seqcli.data.spans import Span, find, spell
from seqcli.errors import Failure
from seqcli.text.segment import Segmenter


def parse(lines: Iterable[str], name: str = "<input>", first_line: int = 1) -> list[dict[str, Any]]:
    """The objects; a blank line is an empty text.

    Raises:
        Failure: a line that is not JSON or has neither `tokens` nor `text`; names file and line.
    """
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(lines, first_line):
        try:
            value = json.loads(line) if line.strip() else {"text": ""}
        except (ValueError, RecursionError) as error:
            raise Failure(f"{name}, line {number}: not JSON: {error}") from None
        value = {"text": value} if isinstance(value, str) else value
        tokens = value.get("tokens") if isinstance(value, dict) else None
        if tokens is not None and not (isinstance(tokens, list) and all(isinstance(t, str) and t for t in tokens)):
            raise Failure(f"{name}, line {number}: `tokens` must be a list of words")
        if not isinstance(value, dict) or (tokens is None and not isinstance(value.get("text"), str)):
            raise Failure(f"{name}, line {number}: expected an object with `text` or `tokens`")
        if tokens is None:
            value.pop("tokens", None)
        objects.append(value)
    return objects


def batch(objects: Sequence[dict[str, Any]], segmenter: Segmenter) -> Batch:
    """The objects as one batch; `tokens` are taken as they are, `text` is segmented. An object is one record."""
    texts = [value for value in objects if "tokens" not in value]
    found = segmenter.segment([line_of(value["text"]) for value in texts])
    cut = Batch(found.tokens, found.lengths, found.sentences, texts)
    spans = iter(found.spans().tolist())
    words, sizes = cut.split(cut.tokens), iter(found.sentences.tolist())
    sentences: list[list[list[str]]] = []
    records: list[dict[str, Any]] = []
    for value in objects:
        if "tokens" in value:
            sentences.append([value["tokens"]] if value["tokens"] else [])
            records.append(value)
        else:
            sentences.append([next(words) for _ in range(next(sizes))])
            offsets = [next(spans) for word in chain.from_iterable(sentences[-1]) if word]
            records.append({**value, "offsets": offsets})
    flat = list(chain.from_iterable(sentences))
    joined = Batch.of(flat)
    joined.sentences = np.array([len(record) for record in sentences], dtype=np.int64)
    joined.records = records
    return joined


def line_of(text: str) -> str:
    """A text as one line: a line end inside is white space, at the same offset."""
    return text.replace("\n", " ") if "\n" in text else text


def from_lines(batch: Batch) -> list[dict[str, Any]]:
    """Records of a batch that was read from text lines."""
    assert batch.spans is not None
    spans = batch.spans().tolist()
    sizes = np.diff(np.concatenate([[0], np.cumsum(batch.lengths)])[np.cumsum(batch.sentences)], prepend=0).tolist()
    records, at = [], 0
    for line, size in zip(batch.records, sizes, strict=True):
        records.append({"text": line, "offsets": spans[at : at + size]})
        at += size
    return records


def write(batch: Batch, tagging: Tagging) -> str:
    """An object a record. A lone surrogate is left as it is: encoding with `backslashreplace` makes it a JSON escape."""
    if all(isinstance(record, dict) for record in batch.records):
        records: Sequence[dict[str, Any]] = batch.records
    else:
        records = from_lines(batch) if batch.spans is not None else [{} for _ in batch.records]
    tags = tagging.tags()
    lengths = batch.lengths.tolist()
    out: list[str] = []
    entities = Entities(batch, tagging) if spell(tagging.labels) else None
    word = sentence = 0
    for record, count in zip(records, batch.sentences.tolist(), strict=True):
        sizes = lengths[sentence : sentence + count]
        end = word + sum(sizes)
        value = {**record, "tokens": batch.tokens[word:end], "tags": tags[word:end], "sentences": sizes}
        if "offsets" in value:
            value["offsets"] = value.pop("offsets")  # after the tags
        if tagging.proba is not None:
            value["probabilities"] = [
                {label: round(p, 6) for label, p in zip(tagging.labels, row, strict=True)} for row in tagging.proba[word:end].tolist()
            ]
        if tagging.nbest is not None:
            value["nbest"] = [
                [{"log_probability": score, "tags": [tagging.labels[i] for i in path.tolist()]} for score, path in found]
                for found in tagging.nbest[sentence : sentence + count]
            ]
        if entities is not None:
            value["entities"] = entities.before(end, value, word, cut="tokens" not in record)
        out.append(json.dumps(value, ensure_ascii=False))
        word, sentence = end, sentence + count
    return "\n".join(out) + "\n" if out else ""


class Entities:
    """The spans of a tagged batch, handed out record by record."""

    def __init__(self, batch: Batch, tagging: Tagging) -> None:
        self.spans = find(tagging, batch.lengths)
        self.certainty = None if tagging.certainty is None else tagging.certainty.tolist()
        self.next = 0

    def before(self, end: int, value: Mapping[str, Any], first: int, cut: bool) -> list[dict[str, Any]]:
        """Those before word `end` that were not handed out yet; the record `value` begins with word `first`, `cut` from a text."""
        found = []
        while self.next < len(self.spans) and self.spans[self.next].start < end:
            entity = place(self.spans[self.next], value, first, cut)
            if self.certainty is not None:
                entity["probability"] = round(self.certainty[self.next], 6)
            found.append(entity)
            self.next += 1
        return found


def place(span: Span, value: Mapping[str, Any], first: int, cut: bool) -> dict[str, Any]:
    """A span in its record, with characters where the words were cut from a text and not given."""
    words = [span.start - first, span.end - first]
    if not cut or "offsets" not in value:
        return {"label": span.label, "text": " ".join(value["tokens"][slice(*words)]), "words": words}
    start, end = value["offsets"][words[0]][0], value["offsets"][words[1] - 1][1]
    return {"label": span.label, "text": value["text"][start:end], "start": start, "end": end, "words": words}
