"""Answers as tables for people and as JSON Lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqcli.tasks.vectors.evaluation import Analogies, Evaluation, Section, Similarity
    from seqcli.tasks.vectors.lines import Hit
    from seqcli.tasks.vectors.questions import Answers


def words(answers: Answers, as_objects: bool) -> Iterator[str]:
    """Words and scores, a line each.

    >>> list(words([("queen", 0.76984), ("son", 0.5)], False))
    ['queen  0.7698', 'son    0.5000']
    """
    width = max((len(word) for word, _ in answers), default=0)
    for word, score in answers:
        yield objects({"word": word, "score": rounded(score)}) if as_objects else f"{word:<{width}}  {score:.4f}"


def pair(both: tuple[str, str], score: float, as_objects: bool) -> str:
    """How alike two words are."""
    return objects({"words": both, "score": rounded(score)}) if as_objects else f"{score:.4f}"


def hits(found: Sequence[Hit], as_objects: bool) -> Iterator[str]:
    """Lines that were found: score, place, text."""
    several = len({hit.name for hit in found}) > 1
    places = [f"{hit.name}:{hit.line}" if several else str(hit.line) for hit in found]
    width = max(map(len, places), default=0)
    for hit, place in zip(found, places, strict=True):
        if as_objects:
            yield objects({**hit.record, "score": rounded(hit.score), "file": hit.name, "line": hit.line})
        else:
            text = hit.record.get("text") or " ".join(hit.record.get("tokens", ()))
            yield f"{hit.score:.4f}  {place:>{width}}  {' '.join(text.split())}"


def evaluations(found: Sequence[Evaluation], as_objects: bool) -> Iterator[str]:
    """A table a file."""
    from seqcli.tasks.vectors.evaluation import Analogies

    for i, each in enumerate(found):
        if as_objects:
            yield objects(as_object(each))
        else:
            if i:
                yield ""
            yield from (analogies(each) if isinstance(each, Analogies) else similarity(each))


def analogies(found: Analogies) -> Iterator[str]:
    """Accuracy by section."""
    rows = [*found.sections, *found.subtotals()]
    width = max(len(found.name), *(2 + len(row.name) for row in rows))
    yield f"{found.name:<{width}}  accuracy  right   asked   known"
    for row in rows:
        if row is rows[len(found.sections)]:
            yield ""
        known = 100 * row.asked / row.total if row.total else 0.0
        yield f"  {row.name:<{width - 2}}  {row.accuracy:7.2f}%  {row.right:>5}  {row.asked:>6}  {known:5.1f}%"


def similarity(found: Similarity) -> Iterator[str]:
    """Both correlations."""
    yield f"{found.name}"
    yield f"  Spearman {found.spearman:.4f}, Pearson {found.pearson:.4f}: {found.asked} of {found.total} pairs ({found.coverage:.1f}%)"
    if found.unknown and found.unknown > found.total - found.asked:
        yield f"  {found.unknown} pairs with a word that is not in the vocabulary: n-grams stood in where they could"


def as_object(found: Evaluation) -> dict[str, Any]:
    """For JSON."""
    from seqcli.tasks.vectors.evaluation import Similarity

    if isinstance(found, Similarity):
        return {
            "name": found.name, "kind": "similarity", "spearman": rounded(found.spearman), "pearson": rounded(found.pearson),
            "asked": found.asked, "total": found.total, "unknown": found.unknown, "coverage": rounded(found.coverage),
        }  # fmt: skip
    sections = [of_section(section) for section in found.sections]
    totals = {section.name: of_section(section) for section in found.subtotals()}
    whole = of_section(found.together()) | {"name": found.name, "kind": "analogies", "coverage": rounded(found.coverage)}
    return {**whole, "subtotals": {name: value for name, value in totals.items() if name != "all"}, "sections": sections}


def of_section(section: Section) -> dict[str, Any]:
    """For JSON."""
    return {
        "name": section.name, "accuracy": rounded(section.accuracy),
        "right": section.right, "asked": section.asked, "total": section.total,
    }  # fmt: skip


def rounded(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else round(value, 6)


def objects(value: dict[str, Any]) -> str:
    """A line of JSON."""
    return json.dumps(value, ensure_ascii=False)
