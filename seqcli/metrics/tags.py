"""`seq score` for tagged text: files aligned, counted by segment, and told in full.

The counts of every metric (correct, gold, predicted; see `tagging`) are taken of each segment once; all scores and
intervals are read off their sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import __version__
from seqcli.data.examples import BoolArray, FloatArray, IntArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.metrics import Request, bootstrap, tagging
from seqcli.metrics.alignment import Alignment, align
from seqcli.metrics.corpus import Corpus, Vocabulary, collect, read
from seqcli.metrics.report import Evaluation, Score, Segment, Table, interval, number, rounded

CELLS = 1 << 21  # counts of tags by segment that are held at once
COLUMNS = ("upos", "xpos", "feats", "lemma")
SEGMENTATION = ("words", "tokens", "sentences")
KNOWN = ("accuracy/known", "accuracy/unknown")
GROUPS = ("f1", "confusion")  # metrics of many scores, told in tables of their own
SHARES = ("precision", "recall")
COUNTS = ("correct", "gold", "predicted")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system's tags beside the reference: A aligned words in S segments."""

    system: str
    alignment: Alignment
    gold: IntArray  # (A,) tags
    pred: IntArray  # (A,)
    forms: IntArray  # (A,)
    counts: dict[str, IntArray]  # metric: (S, 3) correct, gold, predicted


def evaluate(request: Request) -> list[Evaluation]:
    """All systems against the reference.

    A file that cannot be read or aligned and a reference without tags raise Failure; a metric that these files and
    options do not have raises UsageFailure.
    """
    check(request)
    column, errors = request.column, request.errors
    forms, tags = Vocabulary(), Vocabulary()
    train = [collect(read(path, errors), column, forms, Vocabulary()).forms for path in request.train]
    gold = collect(read(request.reference, errors), column, forms, tags)
    if list(tags) == ["_"]:
        raise Failure(f"{gold.name}: column {column} holds no tags", hint="choose another with --column")
    systems = [collect(read(path, errors), column, forms, tags) for path in request.systems]
    known = None
    if train:
        known = np.zeros(len(forms), dtype=np.bool_)  # (V,)
        known[np.concatenate(train)] = True
        known = known[gold.forms]  # (N,)
    comparisons = [compare(gold, pred, known, forms, column) for pred in systems]
    resegmented = not all(comparison.alignment.same for comparison in comparisons)
    scorer = Scorer(request, gold, tuple(forms), tuple(tags), resegmented)
    return [scorer.evaluation(comparison) for comparison in comparisons]


def check(request: Request) -> None:
    """Refuse metrics that the options rule out, before anything is read."""
    if request.column not in COLUMNS:
        raise UsageFailure(f"--column {request.column}: no such choice", hint=nearest(request.column, COLUMNS))
    for name in request.metrics:
        if name in COLUMNS and name != request.column:
            raise UsageFailure(f"--metric {name} needs --column {name}")
        if name in KNOWN and not request.train:
            raise UsageFailure(f"--metric {name} needs --train FILE", hint="words that do not occur there are unknown")


def compare(gold: Corpus, pred: Corpus, known: BoolArray | None, forms: Vocabulary, column: str) -> Comparison:
    """Align two files and count everything by segment."""
    found = align(gold, pred, forms)
    S = len(found.first)
    tags, guesses = gold.tags[found.gold], pred.tags[found.pred]
    right = tags == guesses

    def by_segment(words: BoolArray) -> IntArray:
        return np.bincount(found.segment[words], minlength=S)

    def share(words: BoolArray) -> IntArray:  # accuracy: as many predicted as there are
        total = by_segment(words)
        return np.column_stack([by_segment(words & right), total, total])

    counts = {column: np.column_stack([by_segment(right), found.words[:, 1:]])}
    counts |= {"words": found.words, "tokens": found.tokens, "sentences": found.sentences}
    counts["accuracy"] = share(np.ones_like(right))
    if known is not None:
        counts["accuracy/known"] = share(known[found.gold])
        counts["accuracy/unknown"] = share(~known[found.gold])
    counts["accuracy/sentence"] = right_sentences(gold, pred, found, right)
    return Comparison(pred.name, found, tags, guesses, gold.forms[found.gold], counts)


def right_sentences(gold: Corpus, pred: Corpus, found: Alignment, right: BoolArray) -> IntArray:
    """Sentences that both files have, with the same words and all tags right, of those of the reference, (S, 3)."""
    of_gold, of_pred, segment = found.same_sentences.T
    hits = np.bincount(gold.sentence[found.gold[right]], minlength=len(gold.lengths))[of_gold]
    whole = (hits == gold.lengths[of_gold]) & (hits == pred.lengths[of_pred])
    total = found.sentences[:, 1]
    return np.column_stack([np.bincount(segment[whole], minlength=len(total)), total, total])


def counts_of_tags(comparison: Comparison, tags: IntArray, K: int) -> IntArray:
    """Counts of some of K tags by segment, (S, tags, 3)."""
    S, rest = len(comparison.alignment.first), len(tags)
    row = np.full(K, rest)  # the other tags share one more row
    row[tags] = np.arange(rest)
    gold, pred = row[comparison.gold], row[comparison.pred]
    return tagging.segment_tag_counts(gold, pred, comparison.alignment.segment, S, rest + 1)[:, :rest]


@dataclass(frozen=True, slots=True)
class Scorer:
    """Turns comparisons into scores: the request, and the names behind the ids."""

    request: Request
    reference: Corpus
    forms: tuple[str, ...]
    tags: tuple[str, ...]
    resegmented: bool  # some system cuts the text in its own way

    def evaluation(self, comparison: Comparison) -> Evaluation:
        """All that was asked for of one system; by default all that suits the files."""
        names = self.headline_names(comparison)
        scores = self.counted(comparison, [name for name in names if name != "macro-f1"])
        by_tag: list[Score] = []
        if self.wants("f1") or "macro-f1" in names:
            by_tag, scores["macro-f1"] = self.by_tag(comparison)
        headline = [scores[name] for name in names]
        f1 = by_tag if self.wants("f1") else []
        confusions = self.confusions(comparison) if self.wants("confusion") else []
        return Evaluation(
            comparison.system,
            self.about(comparison),
            headline,
            [*f1, *confusions],
            [table for table in (tag_table(f1), confusion_table(confusions)) if len(table.rows) > 1],
            self.segments(comparison),
        )

    def wants(self, name: str) -> bool:
        """Whether a group was asked for, or nothing in particular."""
        return not self.request.metrics or name in self.request.metrics

    def headline_names(self, comparison: Comparison) -> list[str]:
        """The metrics of one score each, in the order asked for."""
        if self.request.metrics:
            return [name for name in self.request.metrics if name not in GROUPS]
        hidden = () if self.resegmented else (self.request.column, *SEGMENTATION)
        return [name for name in (*comparison.counts, "macro-f1") if name not in hidden]

    def counted(self, comparison: Comparison, names: Sequence[str]) -> dict[str, Score]:
        """Scores that are F1 of one count."""
        if not names:
            return {}
        counts = np.stack([self.counts(comparison, name) for name in names], axis=1)  # (S, M, 3)
        totals = counts.sum(axis=0)
        ends = self.ends(self.draws(counts), tagging.f1(totals))
        return {name: self.score(comparison, name, totals[i], ends[i]) for i, name in enumerate(names)}

    def counts(self, comparison: Comparison, name: str) -> IntArray:
        """The counts of a metric by segment, (S, 3)."""
        if not name.startswith("f1/"):
            return comparison.counts[name]
        tag = name.removeprefix("f1/")
        if tag not in self.tags:
            raise UsageFailure(f"--metric {name}: no such tag in these files", hint=nearest(tag, self.tags))
        return counts_of_tags(comparison, np.array([self.tags.index(tag)]), len(self.tags))[:, 0]

    def by_tag(self, comparison: Comparison) -> tuple[list[Score], Score]:
        """F1 of each tag that occurs, the most frequent first, and macro-F1, their mean."""
        totals = tagging.tag_counts(comparison.gold, comparison.pred, len(self.tags))  # (K, 3)
        order = np.argsort(-totals[:, 1], kind="stable")
        order = order[totals[order, 1:].any(axis=1)]
        step = max(1, CELLS // len(comparison.alignment.first))
        chunks = [order[start : start + step] for start in range(0, len(order), step)]
        points = tagging.f1(totals[order])  # (tags that occur,)
        none = np.zeros((self.request.resamples, 0))
        draws = np.concatenate(
            [none, *(self.draws(counts_of_tags(comparison, chunk, len(self.tags))) for chunk in chunks)], axis=1
        )  # (R, tags that occur)
        ends = self.ends(draws, points)
        scores = [self.score(comparison, f"f1/{self.tags[tag]}", totals[tag], ends[i]) for i, tag in enumerate(order.tolist())]
        mean = tagging.macro(points)
        low, high = self.ends(tagging.macro(draws), mean).tolist()
        counts: dict[str, Any] = {"tags": len(order)}
        macro = Score(comparison.system, "macro-f1", float(mean), self.signature("macro-f1"), low, high, counts)
        return scores, macro

    def draws(self, counts: IntArray) -> FloatArray:
        """F1 of M metrics in R draws of the segments, (R, M), from counts (S, M, 3)."""
        S, M, _ = counts.shape
        if not self.request.resamples:
            return np.zeros((0, M))
        sums = bootstrap.resampled_sums(counts.reshape(S, M * 3), self.request.resamples, self.request.seed)
        return tagging.f1(sums.reshape(-1, M, 3))

    def ends(self, draws: FloatArray, points: FloatArray) -> FloatArray:
        """Low and high of each metric, (M, 2); nan where there were no draws."""
        if not len(draws):
            return np.full((*points.shape, 2), np.nan)
        return np.stack(bootstrap.ends(draws, points), axis=-1)

    def score(self, comparison: Comparison, name: str, total: IntArray, ends: FloatArray) -> Score:
        """One score with what it was computed from."""
        correct, gold, predicted = total.tolist()
        counts: dict[str, Any] = {"correct": correct, "n": gold}
        if not name.startswith("accuracy"):
            shares = {"precision": tagging.precision(total), "recall": tagging.recall(total)}
            counts = {key: rounded(float(share)) for key, share in shares.items()}
            counts |= {"correct": correct, "gold": gold, "predicted": predicted}
        low, high = ends.tolist()
        value = float(tagging.f1(total))
        return Score(comparison.system, name, value, self.signature(name), low, high, counts)

    def signature(self, name: str) -> str:
        """What another needs to compute the same number."""
        aligned = self.resegmented and name not in {self.request.column, *SEGMENTATION}
        parts = [self.request.column, "aligned words" if aligned else "gold words"]
        if name in KNOWN:
            parts.append("train:" + "+".join(path.name for path in self.request.train))
        if self.request.resamples and not name.startswith("confusion"):
            parts += [f"seed:{self.request.seed}", f"resamples:{self.request.resamples}"]
        return "|".join([*parts, f"version:{__version__}"])

    def confusions(self, comparison: Comparison) -> list[Score]:
        """The pairs of tags that cost most; the score is the share of all errors."""
        found = tagging.confusions(comparison.gold, comparison.pred, comparison.forms, self.request.confusions)
        signature = self.signature("confusion")
        scores: list[Score] = []
        for pair in found:
            gold, pred = self.tags[pair.gold], self.tags[pair.pred]
            words = {self.forms[form]: times for form, times in pair.examples}
            counts: dict[str, Any] = {"gold": gold, "predicted": pred, "count": pair.count, "words": words}
            scores.append(Score(comparison.system, f"confusion/{gold}>{pred}", pair.share, signature, counts=counts))
        return scores

    def about(self, comparison: Comparison) -> str:
        """What was compared with what."""
        _, gold, pred = comparison.alignment.words.sum(axis=0).tolist()
        head = f"{self.request.column} of {comparison.system} against {self.reference.name}: {gold} words"
        if comparison.alignment.same:
            return f"{head} in {len(self.reference.lengths)} sentences, same segmentation"
        return f"{head} cut differently, into {pred}; {len(comparison.gold)} aligned"

    def segments(self, comparison: Comparison) -> Iterator[Segment]:
        """Each sentence (each stretch that both files have whole) with its right tags."""
        counts = comparison.counts[self.request.column]
        first = comparison.alignment.first.tolist()
        past = [*first[1:], len(self.reference.forms)]
        lines = self.reference.lines[first].tolist()
        for i, score in enumerate(tagging.f1(counts).tolist()):
            words = [self.forms[form] for form in self.reference.forms[first[i] : past[i]].tolist()]
            yield Segment(score, dict(zip(COUNTS, counts[i].tolist(), strict=True)), lines[i], " ".join(words))


def tag_table(scores: Sequence[Score]) -> Table:
    """One row a tag."""
    rows = [["tag", "F1", "95 % interval", *SHARES, *COUNTS]]
    for score in scores:
        shares = [number(score.counts[key]) for key in SHARES]
        counts = [str(score.counts[key]) for key in COUNTS]
        rows.append([score.name.removeprefix("f1/"), number(score.score), interval(score), *shares, *counts])
    return Table("", rows)


def confusion_table(scores: Sequence[Score]) -> Table:
    """One row a pair."""
    rows = [["gold", "predicted", "count", "% of errors", "words"]]
    for score in scores:
        words = ", ".join(f"{word} {times}" for word, times in score.counts["words"].items())
        rows.append([*(str(score.counts[key]) for key in ("gold", "predicted", "count")), number(score.score), words])
    return Table("the confusions that cost most", rows, left=(0, 1, 4))
