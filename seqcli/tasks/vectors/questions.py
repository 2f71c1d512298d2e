"""Questions to word vectors: neighbours, similarity, analogies, the odd one out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli.data.examples import FloatArray
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.vocabulary import UNKNOWN
from seqcli.errors import Failure, UsageFailure
from seqcli.tasks.vectors.neighbours import at_length_one, best, cosines, nearest

METHODS = ("cosadd", "cosmul")
EPSILON = 1e-6  # keeps 3CosMul's division from 0
Answers = list[tuple[str, float]]


def near(vectors: Vectors, word: str, top: int = 10) -> Answers:
    """The words nearest to a word, with cosines, without itself."""
    unit, rows = known(vectors, [word])
    return named(vectors, nearest(vectors, unit, top, [rows])[0])


def similarity(vectors: Vectors, first: str, second: str) -> float:
    """The cosine of two words."""
    units, _ = known(vectors, [first, second])
    return float(np.clip(units[0] @ units[1], -1, 1))


def analogy(vectors: Vectors, words: Sequence[str], top: int = 10, method: str = "cosadd") -> Answers:
    """What is to the third word as the second is to the first: man, king, woman → queen.

    3CosAdd takes the words nearest to b - a + c, of vectors at length 1; 3CosMul (Levy and Goldberg 2014) those with the highest
    cos(x, b) cos(x, c) / (cos(x, a) + ε), cosines moved to 0 … 1. The three words themselves do not count.

    Raises:
        UsageFailure: not three words.
    """
    check_analogy(words)
    units, rows = known(vectors, words)
    if method == "cosadd":
        return named(vectors, nearest(vectors, (units[1] - units[0] + units[2])[None], top, [rows])[0])
    scores = multiplied(*cosines(vectors, units))
    scores[rows] = -np.inf
    places = best(scores, min(top, len(scores) - len(set(rows))))
    return named(vectors, list(zip(places.tolist(), scores[places].tolist(), strict=True)))


def check_analogy(words: Sequence[str]) -> None:
    """Raises UsageFailure: not three words."""
    if len(words) != 3:
        raise UsageFailure(f"an analogy has three words, not {len(words)}", hint='as in --analogy "man king woman"')


def multiplied(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """3CosMul from the cosines of all words with the three."""
    return np.asarray((1 + b) * (1 + c) / (4 * ((1 + a) / 2 + EPSILON)), dtype=np.float32)


def odd_one_out(vectors: Vectors, words: Sequence[str]) -> Answers:
    """The words with their cosine to the mean of all at length 1, the one that fits least first.

    Raises:
        UsageFailure: fewer than three words.
    """
    if len(words) < 3:
        raise UsageFailure(f"an odd one out needs three words or more, not {len(words)}", hint='--odd-one-out "lunch car dinner"')
    units, _ = known(vectors, words)
    scores = units @ at_length_one(units.mean(axis=0, keepdims=True))[0]
    return [(words[i], float(scores[i])) for i in np.argsort(scores, kind="stable").tolist()]


def known(vectors: Vectors, words: Sequence[str]) -> tuple[FloatArray, list[int]]:
    """The vectors of words at length 1, (N, D), and the rows of those that have one.

    Raises:
        Failure: a word has no vector; names the words spelt most like it.
    """
    found, there = vectors.look_up(words)
    missing = next((word for word, has in zip(words, there.tolist(), strict=True) if not has), None)
    if missing is not None:
        raise Failure(f"no vector for {missing!r}", hint=advice(vectors, missing))
    return at_length_one(found), [row for row in vectors.rows(words).tolist() if row != UNKNOWN]


def advice(vectors: Vectors, word: str) -> str:
    """What to write for a word that is not there."""
    if len(word.split()) > 1:
        return "one word, please"
    close = vectors.words.nearest(vectors.folded(word))
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"it is none of the {len(vectors)} words"


def named(vectors: Vectors, rows: Sequence[tuple[int, float]]) -> Answers:
    """Words for rows."""
    return [(vectors.words[row], score) for row, score in rows]
