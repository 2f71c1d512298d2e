"""How well word vectors do on published questions: analogies by section, and similarity as people judge it.

Analogies (`questions-words.txt`): four words a line, a section begins with `: name`. Similarity (`wordsim.tsv`): two words and a score
a line, perhaps a header. Case does not count; where words differ in case alone the most frequent one stands for all. Questions with
a word that is not there are left out and told as coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqcli.data.blocks import blocks
from seqcli.data.examples import BoolArray, DoubleArray, FloatArray, IntArray
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.vocabulary import UNKNOWN
from seqcli.errors import Failure
from seqcli.metrics.labels.values import score_values
from seqcli.tasks.vectors.neighbours import at_length_one, cosines
from seqcli.tasks.vectors.questions import multiplied

AT_ONCE = 1 << 24  # words times questions of one product
FEWEST = 16  # questions of one product, however many words there are
GRAMMAR = "gram"  # how the names of sections about grammar begin


@dataclass(frozen=True)
class Section:
    """A section of analogies."""

    name: str
    right: int
    asked: int  # whose words are all known
    total: int

    @property
    def accuracy(self) -> float:
        """In percent; 0 if nothing was asked."""
        return 100 * self.right / self.asked if self.asked else 0.0


@dataclass(frozen=True)
class Analogies:
    """How many analogies came out right."""

    name: str
    sections: tuple[Section, ...]

    def together(self, name: str = "all", sections: Sequence[Section] | None = None) -> Section:
        """Several sections as one."""
        chosen = self.sections if sections is None else sections
        return Section(name, *(sum(getattr(each, part) for each in chosen) for part in ("right", "asked", "total")))

    @property
    def score(self) -> float:
        """Accuracy over all sections, in percent."""
        return self.together().accuracy

    @property
    def coverage(self) -> float:
        """How many questions could be asked, in percent."""
        whole = self.together()
        return 100 * whole.asked / whole.total

    def subtotals(self) -> list[Section]:
        """Meaning and grammar apart where there are both, and all."""
        grammar = [each for each in self.sections if each.name.startswith(GRAMMAR)]
        meaning = [each for each in self.sections if not each.name.startswith(GRAMMAR)]
        both = [self.together("semantic", meaning), self.together("syntactic", grammar)] if grammar and meaning else []
        return [*both, self.together()]


@dataclass(frozen=True)
class Similarity:
    """How cosines agree with people's judgements."""

    name: str
    spearman: float
    pearson: float
    asked: int  # pairs that have vectors
    total: int
    unknown: int  # pairs of which a word is not in the vocabulary; n-grams may have stood in

    @property
    def score(self) -> float:
        """Spearman's rank correlation."""
        return self.spearman

    @property
    def coverage(self) -> float:
        """How many pairs could be judged, in percent."""
        return 100 * self.asked / self.total


Evaluation = Analogies | Similarity


def evaluate(vectors: Vectors, path: Path | str, limit: int = 0, method: str = "cosadd") -> Evaluation:
    """Ask what a file asks.

    Args:
        vectors: the words
        path: a file of analogies or of pairs with scores
        limit: only so many of the most frequent words are there; 0 is all
        method: of analogies, cosadd or cosmul

    Raises:
        Failure: the file holds neither; names the line.
    """
    fields = list(read_fields(Path(path)))
    if not fields:
        raise Failure(f"{path} asks nothing")
    asked = Folded(vectors.limited(limit))
    name = Path(path).name
    return analogies(asked, fields, name, method) if fields[0][1][0] == ":" else similarities(asked, fields, name)


def read_fields(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Where each line stands, for messages, and its fields; a section's begins with `:`. Blank lines and `#` are left out."""
    for block in blocks([path]):
        for number, line in enumerate(block.lines(), block.first_line):
            if line.strip() and not line.startswith("#"):
                where = f"{block.name}, line {number}"
                if line.startswith(":"):
                    yield where, [":", line[1:].strip()]
                else:
                    yield where, [field.strip() for field in line.split("\t")] if "\t" in line else line.replace(",", " ").split()


class Folded:
    """Words looked up without regard to case."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.index: dict[str, int] = {}
        self.same = [self.index.setdefault(word.lower(), row) for row, word in enumerate(vectors.words)]  # the row that stands for each

    def rows(self, words: Sequence[str]) -> IntArray:
        """(N,), UNKNOWN where there is none."""
        return np.array([self.index.get(word.lower(), UNKNOWN) for word in words], dtype=np.int64)

    def look_up(self, words: Sequence[str]) -> tuple[FloatArray, BoolArray, BoolArray]:
        """Vectors at length 1 (N, D), who has one (N,), and who is in the vocabulary (N,)."""
        rows = self.rows(words)
        found, there = self.vectors.take(rows), rows != UNKNOWN
        have = there.copy()
        rest = np.flatnonzero(~there).tolist()
        if rest and self.vectors.subwords is not None:
            found[rest], have[rest] = self.vectors.look_up([words[i] for i in rest])
        return at_length_one(found), have, there


def analogies(asked: Folded, fields: Sequence[tuple[str, list[str]]], name: str, method: str) -> Analogies:
    """The share of questions a : b = c : ? for which the nearest word, a, b and c apart, is the one wanted."""
    found: list[Section] = []
    section, questions = "", list[list[str]]()
    for where, words in [*fields, ("", [":", ""])]:
        if words[0] == ":":
            if questions or section:
                rows = asked.rows([word for question in questions for word in question]).reshape(-1, 4)
                rows = rows[(rows != UNKNOWN).all(axis=1)]
                found.append(Section(section, count_right(asked, rows, method), len(rows), len(questions)))
            section, questions = words[1], []
        elif len(words) != 4:
            raise Failure(f"{where}: {len(words)} words, expected 4: an analogy")
        else:
            questions.append(words)
    if not sum(each.total for each in found):
        raise Failure(f"{name} has sections, but no analogies")
    return Analogies(name, tuple(found))


def count_right(asked: Folded, questions: IntArray, method: str) -> int:
    """How many questions (Q, 4) are answered rightly; the cosines of all their words with all others come from one product."""
    vectors, same = asked.vectors, asked.same
    right = 0
    step = max(FEWEST, AT_ONCE // max(1, len(vectors)))
    for start in range(0, len(questions), step):
        part = questions[start : start + step]
        words, places = np.unique(part[:, :3], return_inverse=True)
        scores = cosines(vectors, at_length_one(vectors.take(words)))  # (W, V)
        for (a, b, c), (*given, wanted) in zip(places.reshape(-1, 3).tolist(), part.tolist(), strict=True):
            row = scores[b] - scores[a] + scores[c] if method == "cosadd" else multiplied(scores[a], scores[b], scores[c])
            row[given] = -np.inf
            found = int(row.argmax())
            while same[found] in given and row[found] > -np.inf:  # the same word in another case
                row[found] = -np.inf
                found = int(row.argmax())
            right += same[found] == wanted
    return right


def similarities(asked: Folded, fields: Sequence[tuple[str, list[str]]], name: str) -> Similarity:
    """Cosines beside people's judgements."""
    pairs: list[tuple[str, str]] = []
    scores: list[float] = []
    for i, (where, words) in enumerate(fields):
        try:
            first, second, score = words[:3]
            scores.append(finite(score))
        except ValueError:
            if i:
                raise Failure(f"{where}: expected two words and a score") from None
            continue  # the header
        pairs.append((first, second))
    if not pairs:
        raise Failure(f"{name}: expected lines of two words and a score, or of four words after `: section`")
    left, has_left, there_left = asked.look_up([pair[0] for pair in pairs])
    right, has_right, there_right = asked.look_up([pair[1] for pair in pairs])
    have = has_left & has_right
    cosine = np.einsum("nd,nd->n", left[have], right[have], dtype=np.float64)
    spearman, pearson = correlations(cosine, np.array(scores)[have])
    return Similarity(
        name,
        spearman,
        pearson,
        int(have.sum()),
        len(pairs),
        int((~(there_left & there_right)).sum()),
    )


def finite(text: str) -> float:
    """Raises ValueError: no number, or none that can be ranked."""
    number = float(text)
    if not np.isfinite(number):
        raise ValueError(text)
    return number


def correlations(x: DoubleArray, y: DoubleArray) -> tuple[float, float]:
    """Spearman's, equal values sharing their mean rank, and Pearson's; nan where either does not vary."""
    if len(x) < 2:
        return float("nan"), float("nan")
    found = score_values(x[:, None], y[:, None], ("spearman", "pearson"))
    return float(found["spearman"][0]), float(found["pearson"][0])
