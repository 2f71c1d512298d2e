"""The language of a line, by its characters: naive Bayes over hashed n-grams, for `seq tag -m auto`.

Letters count, lower-cased, with a blank for all that stands between them; Chinese characters, Hangul and kana count as one letter
each, for the script alone tells. Every n-gram of one to four letters falls into one of 2¹⁴ buckets; a bucket says how much likelier
it is in each language than in the mean of all, and a line's scores are the sums over its n-grams (Cavnar and Trenkle 1994 is the
idea, naive Bayes the arithmetic). The first 200 characters of a line decide.

A line of few words says little. Lines form a chain, in which the language seldom changes, so such a line goes with those around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray, IntArray
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.nn.chain import Chain
from seqcli.nn.paths import viterbi

BITS = 14  # 2¹⁴ buckets
LONGEST = 4  # letters of an n-gram
REACH = 200  # characters of a line that are looked at
AT_ONCE = 512  # lines
STEPS = 18  # of the 8-bit table, to a natural logarithm
BLANK, HAN, HANGUL, KANA = 32, 1, 2, 3
ALPHABETS, TOP = 0x3400, 0x30000  # letters of alphabets lie below the first, of the scripts counted as one below the second
RANGES = {
    HAN: ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, TOP)),
    HANGUL: ((0x1100, 0x11FF), (0xAC00, 0xD7A3)),
    KANA: ((0x3040, 0x30FF),),
}
ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S*@\S+")
MULTIPLIER, MIXER = np.uint64(1_000_003), np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of `seq train languages`."""

    shrink: float = 0.01  # weight of the mean of all languages in each; an n-gram that is new in a language is not impossible
    stay: float = 6.0  # how much likelier, as a logarithm, the next line is in the same language than in a certain other one
    weight: float = 0.25  # of a line's scores in the chain: its n-grams overlap, so they say the same thing several times
    usual: str = "en"  # of lines that say nothing, with none around that say more


@dataclass(frozen=True)
class Languages:
    """Tells L languages apart."""

    names: tuple[str, ...]  # (L,)
    table: AnyArray  # (buckets, L) int8
    recipe: Mapping[str, Any]

    def scores(self, lines: Sequence[str]) -> DoubleArray:
        """Log-likelihood of each line in each language, up to a constant of the line, (R, L); 0 for a line without letters."""
        found = np.zeros((len(lines), len(self.names)))
        for start in range(0, len(lines), AT_ONCE):
            part = lines[start : start + AT_ONCE]
            buckets, rows = ngrams(part)
            for language, column in enumerate(self.columns):
                found[start : start + len(part), language] = np.bincount(rows, column[buckets], len(part))
        return found

    @property
    def columns(self) -> FloatArray:
        """The table in single precision, a row a language."""
        return np.ascontiguousarray(self.table.T, dtype=np.float32) / STEPS

    def of(self, lines: Sequence[str], among: Container[str] | None = None) -> list[str]:
        """The language of each line, all of them together (see the module), where `among` is given one of these."""
        if not lines:
            return []
        kept = [i for i, name in enumerate(self.names) if among is None or name in among]
        stay, final = float(self.recipe["stay"]) * np.eye(len(kept)), np.zeros(len(kept))
        first = np.array([float(self.names[i] == self.recipe["usual"]) for i in kept])
        chain = Chain(float(self.recipe["weight"]) * self.scores(lines)[:, kept], np.array([len(lines)]), stay, first, final)
        return [self.names[kept[i]] for i in viterbi(chain).tags.tolist()]

    def config(self) -> dict[str, Any]:
        """What `load` needs beside the tensors."""
        return {"languages": list(self.names), "recipe": dict(self.recipe)}

    def tensors(self) -> dict[str, AnyArray]:
        """The parameters by name."""
        return {"table": self.table}


def load(folder: Folder) -> Languages:
    """Raises Failure: a tensor is missing or of the wrong shape."""
    names = tuple(folder.parameters["languages"])
    return Languages(names, take(folder.tensors, "table", 1 << BITS, len(names)), folder.parameters["recipe"])


def train(texts: Mapping[str, Callable[[], Iterable[Sequence[str]]]], recipe: Recipe, report: Callable[[str], None]) -> Languages:
    """Count the n-grams of texts by language; each text is given in runs of lines.

    Raises:
        Failure: fewer than two languages, or one without a letter.
    """
    names = tuple(sorted(texts))
    if len(names) < 2:
        raise Failure("one language only: nothing to tell apart", hint="--train en=FILE --train fr=FILE …")
    counts = np.zeros((1 << BITS, len(names)))
    for language, name in enumerate(names):
        for lines in texts[name]():
            counts[:, language] += np.bincount(ngrams(lines)[0], minlength=1 << BITS)
        total = int(counts[:, language].sum())
        report(f"{name}: {total:,} n-grams")
        if not total:
            raise Failure(f"the text of {name!r} has no letter")
    share = counts / counts.sum(axis=0)  # languages weigh the same, however much text there is
    mean = share.mean(axis=1, keepdims=True) + 1e-12
    ratio = np.log((share + recipe.shrink * mean) / (mean * (1 + recipe.shrink)))
    table = np.rint(np.clip(STEPS * ratio, -127, 127)).astype(np.int8)
    return Languages(names, table, asdict(recipe))


def ngrams(lines: Sequence[str]) -> tuple[IntArray, IntArray]:
    """The bucket of every n-gram in some lines, and the line that it stands in, (M,) each."""
    letters, rows = read(lines)
    blank = letters == BLANK
    buckets, where = [], []
    hashes = np.zeros(len(letters), np.uint64)
    for size in range(1, LONGEST + 1):
        last = size - 1
        if last >= len(letters):
            break
        hashes = hashes[: len(letters) - last] * MULTIPLIER + letters[last:]
        within = rows[last:] == rows[: len(rows) - last]
        if size == 1:
            within &= ~blank
        salted = hashes[within] + np.array([size], np.uint64) * MULTIPLIER
        buckets.append((salted * MIXER >> np.uint64(64 - BITS)).astype(np.int64))
        where.append(rows[: len(hashes)][within])
    return np.concatenate([np.empty(0, np.int64), *buckets]), np.concatenate([np.empty(0, np.int64), *where])


def read(lines: Sequence[str]) -> tuple[AnyArray, IntArray]:
    """The letters of some lines, one blank between two words and at both ends, and the line of each, (N,) each."""
    texts = [line[:REACH] for line in lines]
    texts = [f" {ADDRESS.sub(' ', text) if '@' in text or '/' in text or 'www' in text else text} ".lower() for text in texts]
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    rows = np.repeat(np.arange(len(texts)), np.fromiter(map(len, texts), np.int64, len(texts)))
    letters = letter_table()[np.minimum(codes, TOP - 1)]
    kept = np.ones(len(letters), np.bool_)
    kept[1:] = (letters[1:] != BLANK) | (letters[:-1] != BLANK) | (rows[1:] != rows[:-1])
    return letters[kept], rows[kept]


@cache
def letter_table() -> AnyArray:
    """What each code point counts as, (TOP,)."""
    table = np.full(TOP, BLANK, np.uint64)
    known = [code for code in range(ALPHABETS) if unicodedata.category(chr(code))[0] in "LM"]
    table[known] = known
    for kind, ranges in RANGES.items():
        for first, last in ranges:
            table[first : last + 1] = kind
    return table
