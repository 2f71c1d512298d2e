"""Pictures of chosen words and of analogies.

>>> vectors = Vectors.of(["king", "queen", "bread"], np.array([[1, 0.5], [1, 0.6], [0, 1]], np.float32))
>>> picture = of_words(vectors, [("king", "royal"), ("bread", "food")], "Words")[0]
>>> picture.words, picture.names, [word for word, _ in picture.neighbours[0]]
(['king', 'bread'], ['royal', 'food'], ['queen', 'bread'])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from seqcli.data.blocks import blocks
from seqcli.data.examples import FloatArray
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.vocabulary import UNKNOWN
from seqcli.errors import Failure
from seqcli.report.scatter import Picture
from seqcli.report.vectors import draw, form
from seqcli.tasks.vectors.chosen import choose
from seqcli.tasks.vectors.neighbours import nearest

NEIGHBOURS = 5  # told of each word
Watch = Callable[[int, float], None]


def check(path: Path) -> str:
    """What a picture's name asks for, before the work.

    Raises:
        UsageFailure: no form of pictures.
        Failure: what draws it is not installed.
    """
    suffix = form(path)
    if suffix == ".png":
        from seqcli.report.png import library

        library("matplotlib.figure")
    return suffix


def read_words(files: Sequence[Path], errors: str = "strict", each: bool = False) -> list[tuple[str, str]]:
    """Words and their groups, "" for none: `word[TAB]group` a line, blank lines skipped; or several words a line, of one group.

    Args:
        files: to be read; none is standard input
        errors: how invalid UTF-8 is met
        each: blanks separate words

    Raises:
        Failure: there is no word.
    """
    found: list[tuple[str, str]] = []
    for block in blocks(files):
        for line in block.lines(errors):
            words, *groups = line.split("\t")
            group = groups[0].strip() if groups else ""
            found += [(word, group) for word in (words.split() if each else [words.strip()]) if word]
    if not found:
        raise Failure("there is no word to draw", hint="a word a line; for colours, a tab and its group")
    return found


def of_words(
    vectors: Vectors, words: Sequence[tuple[str, str]], title: str, method: str = "pca", told: bool = True, watch: Watch | None = None
) -> tuple[Picture, list[str]]:
    """Words with their groups as points, and a line on each that was left out.

    Args:
        vectors: all words
        words: to be drawn, with the group of each
        title: of the picture
        method: pca or tsne
        told: each word's neighbours are in the picture
        watch: see `draw`
    """
    found = choose(vectors, [word for word, _ in words])
    groups = [words[place][1] for place in found.places]
    near = neighbours(vectors, found.words, found.matrix) if told else ()
    some = groups if any(groups) else ()
    return draw(title, found.words, found.matrix, method, some, (), near, watch=watch), found.notes


def of_analogy(vectors: Vectors, words: Sequence[str], answer: str, told: bool = True) -> Picture:
    """An analogy as two arrows: from the first word to the second, and from the third to the answer."""
    a, b, c = words
    shown = list(dict.fromkeys([a, b, c, answer]))
    matrix, _ = vectors.look_up(shown)
    groups = ["answer" if word == answer else "asked" for word in shown]
    near = neighbours(vectors, shown, matrix) if told else ()
    return draw(f"{a} : {b} = {c} : {answer}", shown, matrix, "pca", groups, [(a, b), (c, answer)], near)


def neighbours(vectors: Vectors, words: Sequence[str], matrix: FloatArray) -> list[list[tuple[str, float]]]:
    """Of each of N words the nearest in the full space, with cosines, without itself."""
    own: list[list[int]] = [[row] if row != UNKNOWN else [] for row in vectors.rows(words).tolist()]
    found = nearest(vectors, np.asarray(matrix, dtype=np.float32), NEIGHBOURS, own)
    return [[(vectors.words[row], score) for row, score in each] for each in found]
