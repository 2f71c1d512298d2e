r"""Word, character and match error rate, number for number as jiwer 4.0 computes them (Morris et al. 2004 for MER).

>>> wer = ErrorRate(kind="WER")
>>> statistics = wer.statistics(Lines(["the cat sat"]), [Lines(["a cat sat down"])])
>>> statistics.tolist()                                       # hits, substitutions, deletions, insertions
[[2, 1, 1, 0]]
>>> float(wer.score(statistics[0])), wer.verbose(statistics[0])
(50.0, '[ 2 / 4, 0 ins, 1 del, 1 sub ]')
>>> steps = wer.alignment("the cat sat", "a cat sat down")
>>> steps[0]
('S', 'a', 'the')
>>> print("\n".join(side_by_side(steps)))
REF  a   cat sat down
HYP  the cat sat ****
     S           D
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.metrics.text import tokens
from seqcli.metrics.text.edits import HIT, align, operations
from seqcli.metrics.text.metric import Lines

VERSION = "jiwer-4.0"  # whose numbers these are
BLANKS = re.compile(r"[^\S\n]{2,}")
Step = tuple[str, str, str]  # the operation, then the tokens of reference and hypothesis, either of which may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """The metric: errors per token of the reference, for MER per token of the alignment.

    Tokens are words or, for CER, characters. Of several references the one with the lowest rate counts.
    """

    kind: str = "WER"  # or CER, MER
    lowercase: bool = False
    no_punct: bool = False

    lower_is_better = True

    @property
    def name(self) -> str:
        """WER, CER or MER."""
        return self.kind

    @property
    def fields(self) -> tuple[str, ...]:
        """The four cases of an alignment."""
        return ("hits", "substitutions", "deletions", "insertions")

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> IntArray:
        """(B, 4), with the first of the references that give a segment its lowest rate."""
        tokenization = tokenizer(self.kind == "CER", self.lowercase, self.no_punct)
        mine = hypothesis.tokens(tokenization)
        found = operations(mine, references[0].tokens(tokenization))
        if len(references) > 1:
            rates = self.there(found, references[0])
            for reference in references[1:]:
                other = operations(mine, reference.tokens(tokenization))
                new = self.there(other, reference)
                better = new < rates
                found[better], rates = other[better], np.where(better, new, rates)
        return found

    def there(self, statistics: IntArray, reference: Lines) -> FloatArray:
        """Rates of segments (B,), 0 where nothing is expected and nothing there; above all others where the reference has none."""
        rates = self.score(statistics)
        rates = np.where(np.isnan(rates), np.where(statistics[..., 3] > 0, 1e300, 0.0), rates)
        return rates if reference.present is None else np.where(reference.present, rates, np.inf)

    def score(self, sums: AnyArray) -> FloatArray:
        """Errors in percent, (…,) of (…, 4); nan where there is nothing to divide by."""
        errors = sums[..., 1] + sums[..., 2] + sums[..., 3]
        whole = sums[..., 0] + sums[..., 1] + sums[..., 2] + (sums[..., 3] if self.kind == "MER" else 0)
        rate: FloatArray = 100.0 * errors / np.where(whole == 0, np.nan, whole)
        return rate

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """The rate of each segment, (B,)."""
        return self.score(statistics)

    def signature(self) -> dict[str, str]:
        """What was done to the text, and what several references mean."""
        return {
            "case": "lc" if self.lowercase else "mixed",
            "punct": "no" if self.no_punct else "yes",
            "refs": "min",
            "version": VERSION,
        }

    def verbose(self, sums: AnyArray) -> str:
        """As speech recognition prints it: errors of all tokens, and of what kind."""
        hits, substitutions, deletions, insertions = (int(count) for count in sums)
        whole = hits + substitutions + deletions + (insertions if self.kind == "MER" else 0)
        kinds = f"{insertions} ins, {deletions} del, {substitutions} sub"
        return f"[ {substitutions + deletions + insertions} / {whole}, {kinds} ]"

    def alignment(self, hypothesis: str, reference: str) -> list[Step]:
        """Token by token: `=` a hit, `S` a substitution, `D` a deletion, `I` an insertion."""
        mine, theirs = (self.split(text) for text in (hypothesis, reference))
        return [(name, "" if i is None else theirs[i], "" if j is None else mine[j]) for name, i, j in align(mine, theirs)]

    def split(self, text: str) -> list[str]:
        """The tokens of one segment."""
        text = prepared(text, self.lowercase, self.no_punct)
        return list(text.strip()) if self.kind == "CER" else [word for word in BLANKS.sub(" ", text).strip().split(" ") if word]


def side_by_side(steps: Sequence[Step]) -> tuple[str, str, str]:
    """An alignment for people: the reference, the hypothesis below it, and below that what is wrong."""
    widths = [max(width(theirs), width(mine), 1) for _, theirs, mine in steps]
    sides = ([theirs or "*" * n for n, (_, theirs, _) in zip(widths, steps, strict=True)],
             [mine or "*" * n for n, (_, _, mine) in zip(widths, steps, strict=True)],
             ["" if name == HIT else name for name, _, _ in steps])  # fmt: skip
    reference, hypothesis, marks = (
        " ".join(token + " " * (n - width(token)) for n, token in zip(widths, side, strict=True)) for side in sides
    )
    return f"REF  {reference}".rstrip(), f"HYP  {hypothesis}".rstrip(), f"     {marks}".rstrip()


def width(text: str) -> int:
    """Columns of a terminal that a text takes: two a wide character, none a mark.

    >>> width("a"), width("東"), width("e\u0301")
    (1, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


@cache
def tokenizer(characters: bool, lowercase: bool, no_punct: bool) -> tokens.Tokenization:
    """The tokenization of these options; the same object each time, so that texts are tokenized once."""
    if lowercase or no_punct:
        plain = tokenizer(characters, False, False)
        return lambda data: plain(prepared(data.decode(), lowercase, no_punct).encode())
    return stripped_characters if characters else words


def prepared(text: str, lowercase: bool, no_punct: bool) -> str:
    """A text in lower case, or without what Unicode calls punctuation."""
    if lowercase:
        text = text.lower()
    if no_punct:
        text = text.translate({ord(c): None for c in set(text) if unicodedata.category(c).startswith("P")})
    return text


def words(data: bytes) -> tokens.Ragged:
    """What blanks separate. Another kind of white space does so only beside more of it, or at the end of a line."""
    plain = tokens.plain(data)
    if plain != data:
        data = without_odd_blanks(data, plain)
    codes = np.frombuffer(data, dtype=np.uint8)
    return tokens.runs(data, (codes != 32) & (codes != 10))


def without_odd_blanks(data: bytes, plain: bytes) -> bytes:
    """The text with a blank for white space in a row and none at the ends, in lines where not all blanks are `plain`."""
    codes = np.frombuffer(data, dtype=np.uint8)
    odd = np.flatnonzero(codes != np.frombuffer(plain, dtype=np.uint8))
    lines = data.split(b"\n")
    for number in sorted(set(np.searchsorted(np.flatnonzero(codes == 10), odd).tolist())):
        lines[number] = BLANKS.sub(" ", lines[number].decode()).strip().encode()
    return b"\n".join(lines)


def stripped_characters(data: bytes) -> tokens.Ragged:
    """Every character of each line, blanks inside of it too."""
    return tokens.code_points("\n".join(map(str.strip, data.decode().split("\n"))).encode(), blanks=True)
