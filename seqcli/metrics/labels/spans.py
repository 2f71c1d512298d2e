"""Spans of tagged text (names, chunks): precision, recall and F1 over all, by type, and their averages.

A span of the system is right if the reference has one with the same first word, last word and type. Spans are read off
the tags as `schemes` says; counts are taken of each sentence and type once, and every score is a function of their sums.

Files are CoNLL-U, `token<TAB>tag`, or one line a sentence with nothing but its tags and blanks between.

>>> counts = np.array([[2.0, 3, 2], [1, 1, 2]])  # two types
>>> round(float(overall(counts)), 2), round(float(METRICS["span-macro-f1"](counts)), 2)
(75.0, 73.33)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from seqcli.data import conllu
from seqcli.data.blocks import name_of
from seqcli.data.examples import FloatArray, IntArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.metrics import Request, corpus, tagging
from seqcli.metrics.corpus import Part, Vocabulary
from seqcli.metrics.labels import schemes
from seqcli.metrics.labels.classes import frequent, macro, weighted
from seqcli.metrics.labels.schemes import SCHEMES, Tagset
from seqcli.metrics.labels.scoring import COUNTS, Metric, Namer, Sums, f1_table, of_rows, same_count
from seqcli.metrics.report import Evaluation, Score, Segment

DEFAULT = ("span-f1", "span-macro-f1", "span-weighted-f1", "span-accuracy")
BY_TYPE = "span-f1/"


def overall(counts: FloatArray) -> FloatArray:
    """F1 of all spans, from counts by type (…, T, 3)."""
    return tagging.f1(counts.sum(axis=-2))


METRICS: dict[str, Metric] = {
    "span-f1": overall,
    "span-precision": lambda counts: tagging.precision(counts.sum(axis=-2)),
    "span-recall": lambda counts: tagging.recall(counts.sum(axis=-2)),
    "span-macro-f1": macro,
    "span-weighted-f1": weighted,
}


@dataclass(frozen=True, slots=True)
class Tagged:
    """The tags of N words in B sentences of one file."""

    name: str
    tags: IntArray  # (N,)
    lengths: IntArray  # (B,)
    lines: IntArray  # (N,) line of each word
    forms: IntArray | None = None  # (N,) words; None: the file holds only tags


def evaluate(request: Request) -> list[Evaluation]:
    """All systems against the reference.

    A file that cannot be read, files of different words and tags that do not fit the scheme raise Failure.
    """
    name = schemes.canonical(request.scheme)
    if request.column not in conllu.COLUMN:
        raise UsageFailure(f"--column {request.column}: no such column of CoNLL-U", hint=nearest(request.column, conllu.COLUMN))
    forms, tags = Vocabulary(), Vocabulary()
    gold, *systems = (read(path, request, forms, tags) for path in (request.reference, *request.systems))
    tagset = Tagset.of(tuple(tags), name)
    for file in (gold, *systems):
        check_tags(file, tagset, tuple(tags), name, request.column)
    for pred in systems:
        check_words(gold, pred, tuple(forms))
    scorer = Scorer(
        request, name, gold, tagset, tuple(forms), tuple(tags), schemes.extract(tagset, gold.tags, gold.lengths, SCHEMES[name])
    )
    return [scorer.evaluation(pred) for pred in systems]


def read(path: Path, request: Request, forms: Vocabulary, tags: Vocabulary) -> Tagged:
    """One file; lines of tags alone are recognised by their lack of tabs."""
    parts = corpus.read(path, request.errors)
    head: list[Part] = []
    for part in parts:
        head.append(part)
        plain = next((line for line in part.lines if line.strip() and not line.startswith("#")), None)
        if plain is not None:
            whole = chain(head, parts)
            return words_and_tags(whole, request, forms, tags) if "\t" in plain else tags_alone(whole, tags)
    if any("\t" in line for part in head for line in part.lines):  # tokens that all begin with #
        return words_and_tags(head, request, forms, tags)
    raise Failure(f"{name_of(path)} is empty" if not head else f"{name_of(path)}: no tags")


def words_and_tags(parts: Iterable[Part], request: Request, forms: Vocabulary, tags: Vocabulary) -> Tagged:
    """CoNLL-U or `token<TAB>tag`."""
    found = corpus.collect(parts, request.column, forms, tags)
    return Tagged(found.name, found.tags, found.lengths, found.lines, found.forms)


def tags_alone(parts: Iterable[Part], tags: Vocabulary) -> Tagged:
    """One line a sentence; blank lines hold none."""
    ids: list[IntArray] = []
    lengths: list[int] = []
    lines: list[int] = []
    name = ""
    for part in parts:
        name = part.name
        rows = [line.split() for line in part.lines]
        ids.append(tags.ids(list(chain.from_iterable(rows))))
        lengths += [len(row) for row in rows if row]
        lines += [number for number, row in enumerate(rows, part.first_line) if row]
    sizes = np.array(lengths, dtype=np.int64)
    return Tagged(name, np.concatenate(ids), sizes, np.repeat(np.array(lines, dtype=np.int64), sizes))


def check_tags(file: Tagged, tagset: Tagset, tags: Sequence[str], scheme: str, column: str) -> None:
    """Raise Failure for the first tag that is none of the scheme's."""
    wrong = np.flatnonzero(tagset.prefix[file.tags] < 0)
    if not len(wrong):
        return
    tag, line = tags[file.tags[wrong[0]]], file.lines[wrong[0]]
    prefix, _ = schemes.split(tag, strict=False)
    if not prefix:
        hint = "expected tags such as B-PER, I-PER and O" + (f"; or another --column than {column}" if file.forms is not None else "")
        raise Failure(f"{file.name}, line {line}: {tag!r} is no tag of spans", hint=hint)
    names = " or ".join(known for known, rules in SCHEMES.items() if known and prefix in rules.prefixes)
    what = f"is no tag of {scheme}" if scheme else "is of a scheme that must be named"
    raise Failure(f"{file.name}, line {line}: {tag!r} {what}", hint=f"pass --scheme {names}")


def check_words(gold: Tagged, pred: Tagged, forms: Sequence[str]) -> None:
    """Raise Failure where two files differ in their words or sentences; it names the first place."""
    hint = "spans are compared on the same words in the same sentences"
    if gold.forms is not None and pred.forms is not None:
        shorter = min(len(gold.forms), len(pred.forms))
        differ = np.flatnonzero(gold.forms[:shorter] != pred.forms[:shorter])
        if len(differ):
            at = differ[0]
            one = f"{forms[gold.forms[at]]!r} ({gold.name}, line {gold.lines[at]})"
            other = f"{forms[pred.forms[at]]!r} ({pred.name}, line {pred.lines[at]})"
            raise Failure(f"the words differ: {one}, {other}", hint=hint)
    same_count(gold.name, len(gold.tags), pred.name, len(pred.tags), "tags")
    same_count(gold.name, len(gold.lengths), pred.name, len(pred.lengths), "sentences")
    at = np.flatnonzero(gold.lengths != pred.lengths)
    if len(at):
        line = gold.lines[gold.lengths[: at[0]].sum()]
        sizes = f"{gold.lengths[at[0]]} tags in {gold.name} (line {line}), {pred.lengths[at[0]]} in {pred.name}"
        raise Failure(f"sentence {at[0] + 1} has {sizes}", hint=hint)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Turns tags into scores: the request, the reference, and the names behind the ids."""

    request: Request
    scheme: str  # its canonical name
    reference: Tagged
    tagset: Tagset
    forms: tuple[str, ...]
    tags: tuple[str, ...]
    gold: schemes.Spans

    def evaluation(self, pred: Tagged) -> Evaluation:
        """All that was asked for of one system."""
        spans = schemes.extract(self.tagset, pred.tags, pred.lengths, SCHEMES[self.scheme])
        N, S, T = len(pred.tags), len(pred.lengths), len(self.tagset.types)
        counts = schemes.counts(self.gold, spans, N, S, T)  # (S, T, 3)
        flat = of_rows(counts.reshape(S, T * 3), self.request.resamples, self.request.seed)
        sums = Sums(flat.total.reshape(T, 3), flat.draws.reshape(-1, T, 3))
        namer = Namer(pred.name, self.request, ("spans", f"strict:{self.scheme}" if self.scheme else "conlleval"))
        headline = [self.one(namer, name, sums, pred) for name in self.names()]
        by_type = self.by_type(namer, sums)
        about = f"spans of {pred.name} against {self.reference.name}: {N} words in {S} sentences, {len(self.gold.start)} spans"
        tables = [f1_table(by_type, "type")] if by_type else []
        return Evaluation(pred.name, about, headline, by_type, tables, self.segments(counts.sum(axis=1)))

    def names(self) -> list[str]:
        """The metrics of one score each, in the order asked for."""
        asked = self.request.metrics or ("spans",)
        return [name for metric in asked for name in (DEFAULT if metric == "spans" else [metric]) if name != BY_TYPE]

    def one(self, namer: Namer, name: str, sums: Sums, pred: Tagged) -> Score:
        """A metric of one score."""
        if name == "span-accuracy":
            return self.accuracy(namer, pred)
        totals = sums.total.sum(axis=0)
        if name == "span-f1":
            return namer.counted(name, sums.score(overall), totals)
        if name in METRICS:
            kinds = int(sums.total.any(axis=1).sum())
            counts = dict(zip(COUNTS, map(int, totals.tolist()), strict=True))
            return namer.score(name, sums.score(METRICS[name]), {"types": kinds} if "-f1" in name else counts)
        kind = name.removeprefix(BY_TYPE)
        types = self.tagset.types
        if kind not in types or not sums.total[types.index(kind)].any():
            known = [types[at] for at in frequent(sums.total).tolist()]
            raise UsageFailure(f"--metric {name}: no such type in these files", hint=nearest(kind, known))
        at = types.index(kind)
        return namer.counted(name, sums.score(lambda counts: tagging.f1(counts[..., at, :])), sums.total[at])

    def by_type(self, namer: Namer, sums: Sums) -> list[Score]:
        """F1 of each type that occurs, the most frequent first, where all were asked for or nothing in particular."""
        if self.request.metrics and not {"spans", BY_TYPE} & {*self.request.metrics}:
            return []
        found = sums.score(tagging.f1)  # (3, T)
        types = self.tagset.types
        return [namer.counted(f"{BY_TYPE}{types[at]}", found[:, at], sums.total[at]) for at in frequent(sums.total).tolist()]

    def accuracy(self, namer: Namer, pred: Tagged) -> Score:
        """Percent of tokens with the right tag, O or not."""
        S = len(pred.lengths)
        right = np.repeat(np.arange(S), pred.lengths)[pred.tags == self.reference.tags]
        counts = np.column_stack([np.bincount(right, minlength=S), pred.lengths])
        sums = of_rows(counts, self.request.resamples, self.request.seed)
        correct, n = map(int, sums.total.tolist())
        return namer.score(
            "span-accuracy", sums.score(lambda sums: tagging.ratio(sums[..., 0], sums[..., 1])), {"correct": correct, "n": n}
        )

    def segments(self, counts: IntArray) -> Iterator[Segment]:
        """Each sentence with its spans, (S, 3), and its words, or tags where the file has no words."""
        names, ids = (self.tags, self.reference.tags) if self.reference.forms is None else (self.forms, self.reference.forms)
        start = 0
        for score, row, length in zip(tagging.f1(counts).tolist(), counts.tolist(), self.reference.lengths.tolist(), strict=True):
            text = " ".join(names[at] for at in ids[start : start + length].tolist())
            yield Segment(score, dict(zip(COUNTS, row, strict=True)), int(self.reference.lines[start]), text)
            start += length
