"""Tagging: training files to a tagger, text to tagged text, a tagger's score on held-out sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data import conllu, fields, jsonl, text, tsv
from seqcli.data.blocks import Block, blocks
from seqcli.data.examples import Batch, IntArray, Tagging
from seqcli.errors import Failure, UsageFailure
from seqcli.models.tagger import Tagger
from seqcli.text.segment import Segmenter
from seqcli.workers import mapped

INPUTS = ("text", "conllu", "jsonl")
FORMATS = ("text", "tsv", "conllu", "jsonl")
WORDS = 1 << 16  # tagged at once: enough for wide array operations, few enough for the processor's cache


@dataclass
class Job:
    """How a stream is tagged: what it holds, what comes out."""

    tagger: Tagger
    segmenter: Segmenter | None  # None: the words are separated by blanks
    source: str = "text"  # one of INPUTS
    target: str = "text"  # one of FORMATS
    column: str = "upos"
    fields: tuple[str, ...] = ()  # what is told of each word, in order; () is the tag of `column`
    decode: str = "viterbi"
    proba: bool = False
    nbest: int = 0
    errors: str = "strict"

    def __call__(self, block: Block) -> bytes:
        """One block of the input, tagged, as bytes of the output."""
        batch = self.read(block)
        return self.write(batch, self.tag(batch), block).encode("utf-8", "backslashreplace")

    def read(self, block: Block) -> Batch:
        """The block's sentences."""
        lines = block.lines(self.errors)
        if self.source == "conllu":
            return conllu.batch(list(conllu.read(lines, block.name, block.first_line)))
        if self.source == "jsonl":
            objects = jsonl.parse(lines, block.name, block.first_line)
            return jsonl.batch(objects, self.segmenter or Blanks())
        if self.segmenter is None:
            return text.pretokenized(lines)
        found = self.segmenter.segment(lines)
        return Batch(found.tokens, found.lengths, found.sentences, lines, found.spans, found.joined)

    def tag(self, batch: Batch) -> Tagging:
        """The whole batch, `WORDS` at a time."""
        parts = [
            self.tagger.tag(batch.tokens[words], batch.lengths[sentences], self.decode, self.proba, self.nbest)
            for sentences, words in pieces(batch.lengths, WORDS)
        ]
        if len(parts) == 1:
            return parts[0]
        tagging = Tagging(self.tagger.labels, np.concatenate([np.empty(0, np.int64), *(part.ids for part in parts)]))
        if self.proba:
            empty = np.empty((0, len(tagging.labels)))
            tagging.proba = np.concatenate([empty, *(part.proba for part in parts if part.proba is not None)])
            if parts and parts[0].certainty is not None:
                tagging.certainty = np.concatenate([part.certainty for part in parts if part.certainty is not None])
        if self.nbest:
            tagging.nbest = [found for part in parts for found in part.nbest or []]
        return tagging

    def write(self, batch: Batch, tagging: Tagging, block: Block) -> str:
        """The batch in the target format."""
        told = self.annotate(batch, tagging)
        if self.target == "jsonl":
            return jsonl.write(with_keys(batch, {name: found for name, found in told.items() if name != self.column}), tagging)
        if self.target == "text":
            return text.write(batch, fields.beside(list(told.values()), "/"))
        if self.target == "tsv":
            return tsv.write(batch, fields.beside(list(told.values()), "\t"))
        if self.source == "conllu":
            return conllu.retag(batch.records, told)
        return conllu.from_text(batch, told, block.first_line)

    def annotate(self, batch: Batch, tagging: Tagging) -> dict[str, Tagging]:
        """What is told of every word, by field: the tags, and what the tagger knows beside them."""
        further = [name for name in self.fields if name != self.column]
        if not further:
            return {self.column: tagging}
        parts = [
            self.tagger.annotate(batch.tokens[words], batch.lengths[sentences], tagging.ids[words], further)
            for sentences, words in pieces(batch.lengths, WORDS)
        ]
        found = {name: fields.joined([part[name] for part in parts]) for name in further}
        return {name: found.get(name, tagging) for name in self.fields}

    @property
    def separator(self) -> bytes:
        r"""What ends a record of the input: `\n`, or the blank line after a CoNLL-U sentence."""
        return b"\n\n" if self.source == "conllu" else b"\n"


def with_keys(batch: Batch, further: Mapping[str, Tagging]) -> Batch:
    """The batch with records that have a list of each further field's tags."""
    if not further:
        return batch
    records = batch.records
    if not all(isinstance(record, dict) for record in records):
        records = jsonl.from_lines(batch) if batch.spans is not None else [{} for _ in records]
    return replace(batch, records=fields.as_keys(batch, records, further))


class Blanks:
    """A segmenter for JSON texts whose words are separated by blanks."""

    def segment(self, lines: Sequence[str]) -> Any:
        """See `Segmenter`."""
        from seqcli.text.segment import Segmentation

        batch = text.pretokenized(lines)
        return Segmentation(batch.tokens, batch.lengths, batch.sentences, np.zeros(len(batch.tokens), bool), lines)


def pieces(lengths: IntArray, words: int) -> Iterator[tuple[slice, slice]]:
    """Cut a batch between sentences into pieces of about so many words: slices of sentences and of words."""
    ends = np.cumsum(lengths)
    sentence = word = 0
    while sentence < len(lengths):
        last = max(sentence + 1, int(np.searchsorted(ends, word + words, side="right")))
        yield slice(sentence, last), slice(word, int(ends[last - 1]))
        sentence, word = last, int(ends[last - 1])


def tagged(job: Callable[[Block], bytes], source: Iterator[Block], jobs: int = 1) -> Iterator[bytes]:
    """The output of every block in the order of the input, `jobs` processes at work.

    Where the input pauses, all that was read is tagged and handed over before more is waited for.
    """
    return mapped(job, (block if block.data else None for block in source), jobs)


def read_tagged(files: Sequence[str], column: str) -> Batch:
    """Training or test sentences with their gold tags, from CoNLL-U or `token<TAB>tag` files, by content; the records are theirs.

    Raises:
        Failure: as the readers; a file without sentences.
    """
    if column not in conllu.COLUMN:
        raise UsageFailure(f"--column {column}: no such CoNLL-U column", hint=f"one of {', '.join(conllu.COLUMNS)}")
    sentences: list[conllu.Sentence | tsv.Sentence] = []
    for name in files:
        before = len(sentences)
        sentences += [found for found in read_sentences(Path(name)) if found.words]
        if len(sentences) == before:
            raise Failure(f"{name} has no sentence")
    words, tags = zip(*(words_and_tags(sentence, column) for sentence in sentences), strict=True)
    return replace(Batch.of(words, tags), records=sentences)


def read_sentences(path: Path) -> Iterator[conllu.Sentence | tsv.Sentence]:
    """The sentences of one file."""
    lines = [line for block in blocks([path]) for line in block.lines()]
    return conllu.read(lines, str(path)) if is_conllu(lines) else tsv.read(lines, str(path))


def words_and_tags(sentence: conllu.Sentence | tsv.Sentence, column: str) -> tuple[Sequence[str], Sequence[str]]:
    """Of one sentence."""
    if isinstance(sentence, tsv.Sentence):
        return sentence.words, sentence.tags
    return sentence.column("form"), sentence.column(column)


def read_file(path: Path, column: str) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """(words, tags) of each sentence of one file."""
    return (words_and_tags(sentence, column) for sentence in read_sentences(path))


def is_conllu(lines: Sequence[str]) -> bool:
    """CoNLL-U by its first row: a comment, or ten columns."""
    first = next((line for line in lines if line), "")
    return first.startswith("# ") or (first.startswith("#") and "\t" not in first) or first.count("\t") > 2


def evaluate(tagger: Tagger, batch: Batch, known: set[str]) -> dict[str, float]:
    """Percent right of all words of a batch, the known ones and the others, absent where there are none; of tags of spans their F1."""
    job = Job(tagger, None, fields=tagger.fields)
    tagging = job.tag(batch)
    found = tagging.tags()
    right = np.array([a == b for a, b in zip(found, batch.tags, strict=True)])
    seen = np.array([word in known for word in batch.tokens])
    parts = {"accuracy": right, "accuracy/known": right[seen], "accuracy/unknown": right[~seen]}
    scores = {name: round(100 * float(part.mean()), 2) for name, part in parts.items() if len(part)}
    for name, column in job.annotate(batch, tagging).items() if conllu.annotated(batch) and tagger.fields else ():
        scores[name] = percentage(column.tags(), conllu.column(batch, name))
    if spells_spans(tagger.labels):
        scores = {"span-f1": round(span_f1(batch.tags, found, batch.lengths), 2), **scores}
    return scores


def percentage(found: Sequence[str], gold: Sequence[str]) -> float:
    """How many are right.

    >>> percentage(["DT", "NN"], ["DT", "NNS"])
    50.0
    """
    return round(100 * sum(map(str.__eq__, found, gold)) / max(1, len(gold)), 2)


def spells_spans(labels: Sequence[str]) -> bool:
    """Whether tags are those of spans: O, B-PER, I-PER …

    >>> spells_spans(["O", "B-PER", "I-PER"]), spells_spans(["NOUN", "VERB"])
    (True, False)
    """
    return "O" in labels and all(label == "O" or label[:2] in ("B-", "I-", "E-", "S-") for label in labels)


def span_f1(gold: Sequence[str], found: Sequence[str], lengths: IntArray) -> float:
    """F1 of spans in percent, as `seq score --metric span-f1` has it.

    >>> span_f1(["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER", "O", "O"], np.array([4]))
    66.66666666666667
    """
    from seqcli.metrics.labels import schemes

    labels = tuple(dict.fromkeys([*gold, *found]))
    index = {label: number for number, label in enumerate(labels)}
    tagset, scheme = schemes.Tagset.of(labels, ""), schemes.SCHEMES[""]
    ids = (np.array([index[tag] for tag in tags], np.int64) for tags in (gold, found))
    theirs, ours = (schemes.extract(tagset, each, lengths, scheme) for each in ids)
    return 200 * int(schemes.matches(theirs, ours, len(gold)).sum()) / max(1, len(theirs.start) + len(ours.start))
