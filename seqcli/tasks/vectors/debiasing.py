"""Word vectors without a bias, as a new model: what was to be done, what was done, what it did to the questions.

>>> matrix = np.array([[1, 1, 0], [-1, 1, 0], [1, 0, 3], [0, 1, 1]], np.float32)
>>> vectors = Vectors.of(["she", "he", "nurse", "tea"], matrix)
>>> found = repair(vectors, Plan("hard", pairs=[("she", "he")], specific=["she", "he"], equal=[("she", "he")]))
>>> round(found.before.direct, 3), abs(round(found.after.direct, 6)), found.how["neutral"], found.how["equalised"]
(0.158, 0.0, 2, 1)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import __version__
from seqcli.data import folder
from seqcli.data.examples import FloatArray, IntArray
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.subwords import Subwords
from seqcli.errors import UsageFailure
from seqcli.metrics.report import align
from seqcli.tasks.bias import reading
from seqcli.tasks.bias.debias import LAMBDA, hard, moments, neutral_rows, soft
from seqcli.tasks.bias.directions import Direction, direction
from seqcli.tasks.bias.lists import DEFINING, EQUAL, SPECIFIC
from seqcli.tasks.bias.lookup import Space
from seqcli.tasks.bias.report import Examination, examine, fixed, record, show
from seqcli.tasks.bias.transform import soft_transform
from seqcli.tasks.vectors.bias import space_of
from seqcli.tasks.vectors.evaluation import Analogies, Evaluation, evaluate
from seqcli.tasks.vectors.telling import as_object, objects, rounded

Sets = Sequence[Sequence[str]]
KINDS = ("hard", "soft")
CARD = """# {name}

The word vectors of `{source}` after {what}.

## Data

As `{source}`: {words:,} words, {dimensions} numbers each; all vectors have length 1.

## Licence

That of `{source}`: {licence}.

## Recipe

Bolukbasi et al. 2016, section 6; the direction by {method} of {sets} sets of words.

## Measured

```
{table}
```

## Limits

The direct bias is measured along the direction that was found before. What is not on that direction stays: words of one bias may still
be neighbours.{other} Rows are float32, also where those of `{source}` are rounded to 8 bits.
"""
OTHER = " The pairs hardly differ along it any more, so that a direction made of the new vectors is another one."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    kind: str  # one of KINDS
    pairs: Sets = DEFINING  # what makes the direction
    specific: Sequence[str] = SPECIFIC  # words that may keep their bias
    equal: Sets = EQUAL  # hard: to differ in the bias alone
    method: str = "pca"
    strength: float = LAMBDA  # soft: λ


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """What was done."""

    vectors: Vectors
    how: dict[str, Any]  # for the configuration
    before: Examination
    after: Examination
    asked: list[tuple[Evaluation, Evaluation]] = field(default_factory=list)  # before and after


def plan(
    kind: str, pairs: Path | None, specific: Path | None, equalize: Path | None, method: str = "pca", strength: float | None = None
) -> Plan:
    """A plan from files. Where pairs are named, they stand for what the paper has for gender.

    Raises:
        Failure: a file that cannot be read.
        UsageFailure: options that contradict each other.
    """
    if kind == "soft" and equalize is not None:
        raise UsageFailure("--equalize is for --debias hard")
    if kind == "hard" and strength is not None:
        raise UsageFailure("--strength is for --debias soft")
    if strength is not None and not 0 <= strength < np.inf:
        raise UsageFailure(f"--strength {strength:g}: expected a number of 0 or more")
    sets: Sets = DEFINING if pairs is None else reading.read_sets(pairs)
    words = SPECIFIC if pairs is None else [word for each in sets for word in each]
    return Plan(
        kind,
        sets,
        words if specific is None else reading.read_words(specific),
        (EQUAL if pairs is None else sets) if equalize is None else reading.read_sets(equalize),
        method,
        LAMBDA if strength is None else strength,
    )


def repair(vectors: Vectors, wanted: Plan, questions: Sequence[Path] = (), limit: int = 0) -> Repaired:
    """New vectors, and both asked the same questions.

    Args:
        vectors: with the bias
        wanted: what is to be done
        questions: files that `evaluate` knows
        limit: of `evaluate`

    Raises:
        Failure: no pair is in the vocabulary, or no word is neutral; or what `evaluate` says.
    """
    before = [evaluate(vectors, path, limit) for path in questions]
    space = space_of(vectors)
    along = direction(space, wanted.pairs, wanted.method)
    specific, equal = space.find(wanted.specific), space.find_sets(wanted.equal if wanted.kind == "hard" else ())
    done = (
        hard(space, along, specific.rows, equal.sets) if wanted.kind == "hard" else soft(space, along, specific.rows, wanted.strength)
    )
    neutral = neutral_rows(space, specific.rows, equal.sets)
    subwords = None
    if vectors.subwords is not None:
        scale = float(vectors.lengths.mean())
        ngrams = without(np.asarray(vectors.subwords.ngrams, np.float32), space, along, neutral, wanted) / np.float32(scale)
        subwords = Subwords(ngrams, vectors.subwords.min_n, vectors.subwords.max_n)
    new = Vectors(vectors.words, done.matrix, vectors.counts, subwords=subwords, lowercase=vectors.lowercase)
    how: dict[str, Any] = {"kind": wanted.kind, "method": wanted.method, "sets": along.sets, "neutral": done.neutral}
    how |= {"specific": len(specific.rows)}
    if wanted.kind == "hard":
        how |= {"equalised": done.equalised, "equalise_left_out": equal.dropped}
    else:
        how |= {"strength": wanted.strength, "kept": round(done.kept, 6)}
    examined = examine(space, along, neutral), examine(Space(space.words, done.matrix, space.index), along, neutral)
    after = [evaluate(new, path, limit) for path in questions]
    return Repaired(new, how, *examined, list(zip(before, after, strict=True)))


def without(ngrams: FloatArray, space: Space, along: Direction, neutral: IntArray, wanted: Plan) -> FloatArray:
    """The vectors of n-grams (N, D) under the linear map that neutral words are under: unseen words are neutral."""
    if wanted.kind == "hard":
        return np.asarray(ngrams - ngrams @ along.basis.T @ along.basis, np.float32)
    every = moments(space, np.arange(len(space.words)))
    return np.asarray(ngrams @ soft_transform(every, moments(space, neutral), along.basis, wanted.strength), np.float32)


def save(found: Repaired, output: Path, source: str, force: bool = False) -> None:
    """Write the new model folder.

    Raises:
        Failure: it may not be written, or the disk cannot take it.
    """
    old = folder.read_config(folder.find(source))
    name = folder.find(source).resolve().name
    config = {
        **old,
        "seqcli": __version__,
        "parameters": {**old["parameters"], **found.vectors.parameters()},
        "debiased": {"from": name, **found.how},
        "scores": {f"{after.name} {kind_of(after)}": rounded(after.score) for _, after in found.asked},
    }
    card = CARD.format(
        name=output.resolve().name,
        source=name,
        what=headline(found),
        words=len(found.vectors),
        dimensions=found.vectors.dimensions,
        licence=old.get("licence", "not stated there"),
        method=found.how["method"],
        sets=found.how["sets"],
        other=OTHER if found.how["kind"] == "soft" else "",
        table="\n".join(tables(found)),
    )
    folder.write(output, config, found.vectors.tensors(), {folder.CARD: card}, force)


def tell(found: Repaired, output: Path, as_objects: bool) -> Iterator[str]:
    """What was done, and the measures before and after."""
    if as_objects:
        asked = [{"name": after.name, "before": as_object(before), "after": as_object(after)} for before, after in found.asked]
        measures = {"before": record(found.before), "after": record(found.after), "evaluations": asked}
        yield objects({"model": str(output), **found.how, **measures})
        return
    yield headline(found)
    yield from tables(found)


def headline(found: Repaired) -> str:
    """What was done in one line.

    >>> headline(Repaired(None, {"kind": "soft", "strength": 0.2, "neutral": 1200, "kept": 0.995}, None, None))
    'soft debiasing of strength 0.2: 1,200 neutral words; 99.5 % of the inner products kept'
    """
    how = found.how
    if how["kind"] == "hard":
        left_out = f", {how['equalise_left_out']} left out" if how["equalise_left_out"] else ""
        return f"hard debiasing: {how['neutral']:,} words neutralised, {how['equalised']} sets made equal{left_out}"
    kept = 100 * how["kept"]
    return f"soft debiasing of strength {how['strength']:g}: {how['neutral']:,} neutral words; {kept:.1f} % of the inner products kept"


def tables(found: Repaired) -> Iterator[str]:
    """Bias, and where questions were asked their scores, before and after."""
    yield from show(found.before, found.after).split("\n")
    if found.asked:
        yield ""
        rows = [["asked", "", "before", "after", "known"]]
        rows += [[after.name, kind_of(after), score(before), score(after), known(after)] for before, after in found.asked]
        yield from align(rows, left=(0, 1)).split("\n")


def kind_of(asked: Evaluation) -> str:
    """What the score is."""
    return "accuracy" if isinstance(asked, Analogies) else "Spearman"


def score(asked: Evaluation) -> str:
    """As text."""
    return f"{asked.score:.2f}%" if isinstance(asked, Analogies) else fixed(asked.score)


def known(asked: Evaluation) -> str:
    """How many questions could be asked."""
    whole = asked.together() if isinstance(asked, Analogies) else asked
    return f"{whole.asked:,} of {whole.total:,}"
