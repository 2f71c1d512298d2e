"""Words that somebody chose: those that have a vector, and what to tell of the others.

>>> vectors = Vectors.of(["king", "queen"], np.eye(2, dtype=np.float32))
>>> found = choose(vectors, ["King", "quene", "king"])
>>> found.words, found.places, found.matrix.tolist(), found.notes
(['King'], [0], [[1.0, 0.0]], ["no vector for 'quene': left out (did you mean 'queen'?)"])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import FloatArray
from seqcli.data.vectors import Vectors
from seqcli.errors import Failure
from seqcli.tasks.vectors.questions import advice

NAMED = 10  # unknown words that are told one by one


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """N different words with vectors."""

    words: list[str]  # as they were written
    places: list[int]  # (N,) in the list they were chosen from
    matrix: FloatArray  # (N, D)
    notes: list[str]  # on those that have none, a line each


def choose(vectors: Vectors, words: Sequence[str]) -> Chosen:
    """The words that have a vector, each once.

    Raises:
        Failure: none has.
    """
    first: dict[str, int] = {}
    for place, word in enumerate(words):
        first.setdefault(vectors.folded(word), place)
    places = list(first.values())
    found, known = vectors.look_up([words[place] for place in places])
    unknown = [words[places[i]] for i in np.flatnonzero(~known).tolist()]
    told = [f"no vector for {word!r}: left out ({advice(vectors, word)})" for word in unknown[:NAMED]]
    if len(unknown) > NAMED:
        told.append(f"{len(unknown)} words in all have no vector")
    if not known.any():
        hint = advice(vectors, unknown[0]) if unknown else "name some"
        raise Failure(f"no vector for {unknown[0]!r}" if len(unknown) == 1 else f"no vector for any of {len(unknown)} words", hint=hint)
    kept = [places[i] for i in np.flatnonzero(known).tolist()]
    return Chosen([words[place] for place in kept], kept, found[known], told)
