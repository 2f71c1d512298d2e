"""The word embedding association test, WEAT (Caliskan et al. 2017).

>>> from seqcli.tasks.bias.lists import word_set
>>> words = ["he", "she", "him", "her", "work", "home", "job", "kitchen"]
>>> across = np.array([0.9, -0.9, 0.8, -0.7, 1.0, -1.0, 0.9, -0.8])
>>> space = Space.of(words, np.stack([across, np.ones(8)], axis=1))
>>> test = WeatTest("toy", *(word_set(words, words) for words in ("he him", "she her", "work job", "home kitchen")))
>>> result = weat(space, test)
>>> round(result.effect, 3), result.p_value, result.draws, result.exact
(1.729, 0.16666666666666666, 6, True)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from seqcli.data.examples import DoubleArray, IntArray
from seqcli.errors import Failure
from seqcli.tasks.bias.lists import WeatTest
from seqcli.tasks.bias.lookup import Space, at_least_two

EXACT = 200_000  # divisions of the target words that are all tried; of more, some are drawn
DRAWS = 100_000
AT_ONCE = 1 << 20  # numbers drawn at once


@dataclass(frozen=True, slots=True)
class Association:
    """What a test says."""

    test: WeatTest
    effect: float  # from -2 to 2; nan where all words are associated alike
    p_value: float  # share of divisions that associate as much or more
    draws: int  # divisions tried
    exact: bool  # all there are
    sizes: tuple[int, int, int, int]  # words of the four sets that counted
    missing: list[str]  # not in the vocabulary
    surplus: int  # target words left out to make both sets as large


def weat(space: Space, test: WeatTest, draws: int = DRAWS, seed: int = 1) -> Association:
    """The effect size of a test, and how likely it is by chance.

    A word's association is its mean cosine to `this` less that to `that`. The effect is the difference of the means of `first`
    and `second`, in standard deviations (n − 1) of both together. The p-value is one-sided: of all divisions of the target words
    into two sets as large, the share that differ as much or more, the true one among them; if there are more than EXACT,
    of `draws` random ones and the true one.

    The two target sets must be as large: of the larger, the words that come last in the vocabulary are left out.

    Raises:
        Failure: of a set, fewer than two words are in the vocabulary.
    """
    sets = (test.first, test.second, test.this, test.that)
    found = [at_least_two(space.find(each.words), each.words, f"{test.name}, {each.name}") for each in sets]
    size = min(len(found[0].rows), len(found[1].rows))
    first, second = (commonest(each.rows, size) for each in found[:2])
    this, that = (space.unit(each.rows).mean(axis=0) for each in found[2:])
    values = space.unit(np.concatenate([first, second])) @ (this - that)  # (2n,)
    p_value, tried, exact = permutation_test(values, draws, seed)
    return Association(
        test,
        effect_size(values[:size], values[size:]),
        p_value,
        tried,
        exact,
        (size, size, len(found[2].rows), len(found[3].rows)),
        list(dict.fromkeys(chain.from_iterable(each.missing for each in found))),
        len(found[0].rows) + len(found[1].rows) - 2 * size,
    )


def commonest(rows: IntArray, size: int) -> IntArray:
    """The rows that come first in the vocabulary, in the order given."""
    kept = set(np.sort(rows)[:size].tolist())
    return rows[[row in kept for row in rows.tolist()]]


def effect_size(first: DoubleArray, second: DoubleArray) -> float:
    """Difference of the means in standard deviations of both together.

    >>> effect_size(np.array([1.0, 1.0]), np.array([0.0, 0.0])), effect_size(np.zeros(2), np.zeros(2))
    (1.7320508075688774, nan)
    """
    spread = float(np.concatenate([first, second]).std(ddof=1))
    return float(first.mean() - second.mean()) / spread if spread > 1e-12 else math.nan


def permutation_test(values: DoubleArray, draws: int = DRAWS, seed: int = 1) -> tuple[float, int, bool]:
    """The share of divisions of 2n values whose first half sums to as much as here; how many were tried, and if those are all.

    >>> permutation_test(np.array([3.0, 2.0, 1.0, 0.0]))
    (0.16666666666666666, 6, True)
    """
    half = len(values) // 2
    values = values - values.mean()
    least = float(values[:half].sum()) - 1e-9 * float(np.abs(values).sum())  # sums in another order differ in the last digits
    count = math.comb(len(values), half)
    if count <= EXACT:
        chosen = np.fromiter(chain.from_iterable(combinations(range(len(values)), half)), np.int64, count * half)
        return float((values[chosen.reshape(count, half)].sum(axis=1) >= least).mean()), count, True
    random = np.random.default_rng(seed)
    left, hits = draws, 0
    while left:
        rows = min(left, max(1, AT_ONCE // len(values)))
        chosen = np.argpartition(random.random((rows, len(values)), np.float32), half, axis=1)[:, :half]
        hits += int((values[chosen].sum(axis=1) >= least).sum())
        left -= rows
    return (hits + 1) / (draws + 1), draws + 1, False


def run(space: Space, tests: Sequence[WeatTest], draws: int = DRAWS, seed: int = 1) -> tuple[list[Association], list[str]]:
    """The tests whose words are in the vocabulary, and one line on each of the others."""
    done, left_out = [], []
    for test in tests:
        try:
            done.append(weat(space, test, draws, seed))
        except Failure as failure:
            left_out.append(str(failure))
    return done, left_out
