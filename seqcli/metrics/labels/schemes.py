"""Where spans begin and end in tags such as B-PER, I-PER, O: array work over all tags of a corpus at once.

A tag is a prefix (B begin, I inside, O outside, E or L end, S or U single) and a type. Whether a token begins a span,
goes on with one, or shows that one has ended depends only on its tag and the one before, so a scheme is three tables
over pairs of prefixes, and a corpus is looked up in them. Each sentence is followed by an O, which lets no span through.

Without a scheme every tag but O belongs to a span, as in the CoNLL-2000 evaluation (`conlleval`); with one, a span that
breaks its rules is none. Both are as in seqeval 1.2.2: its default, and its strict mode.

>>> tags = Tagset.of(["B-PER", "I-PER", "O", "I-LOC"], "")
>>> spans = extract(tags, np.array([0, 1, 2, 3]), np.array([4]), SCHEMES[""])
>>> spans.start.tolist(), spans.end.tolist(), [tags.types[kind] for kind in spans.kind.tolist()]
([0, 3], [2, 4], ['PER', 'LOC'])
>>> extract(tags, np.array([0, 1, 2, 3]), np.array([4]), SCHEMES["IOB2"]).start.tolist()
[0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.errors import UsageFailure, nearest

PREFIXES = "OBIESLU"
NO_TYPE = "_"


@dataclass(frozen=True, slots=True)
class Scheme:
    """Patterns of two prefixes and a relation of their types: `=` the same, `/` different, `*` either; `.` is any prefix."""

    prefixes: str  # that a tag may have
    start: str  # the second token begins a span
    inside: str  # it goes on with the span of the first
    end: str  # the span that the first belongs to is whole


SCHEMES = {
    "": Scheme(
        "OBIES",
        start=".B* .S* OI* OE* EI* EE* SI* SE* BI/ II/ BE/ IE/",
        inside="BI= II= BE= IE=",
        end="..*",
    ),
    "IOB1": Scheme("OBI", "OI* II/ BI* IB= BB=", "BI= II=", "II/ IO* IB* BO* BI/ BB="),
    "IOB2": Scheme("OBI", ".B*", "BI= II=", "IO* II/ IB* BO* BI/ BB*"),
    "IOE1": Scheme("OIE", "OI* II/ EI* EE=", "II= IE=", "II/ IO* IE/ EI= EE="),
    "IOE2": Scheme("OIE", "OI* OE* EI* EE* II/ IE/", "IE= II=", "E.*"),
    "IOBES": Scheme("OBIES", ".B* .S*", "BI= BE= II= IE=", "S.* E.*"),
    "BILOU": Scheme("OBILU", ".B* .U*", "BI= BL= II= IL=", "U.* L.*"),
}
ALIASES = {"BIO": "IOB2", "BIOES": "IOBES", "BILUO": "BILOU"}


def canonical(name: str) -> str:
    """The name under which a scheme is known here, from any of its names in either case; an unknown one raises UsageFailure.

    >>> canonical("bio")
    'IOB2'
    """
    found = ALIASES.get(name.upper(), name.upper())
    if found not in SCHEMES:
        raise UsageFailure(f"--scheme {name}: no such scheme", hint=nearest(name.upper(), [*filter(None, SCHEMES), *ALIASES]))
    return found


def table(patterns: str) -> BoolArray:
    """Patterns as a table (P, P, 2): prefix before, prefix, whether the types are the same.

    >>> table("BI=")[PREFIXES.index("B"), PREFIXES.index("I")].tolist()
    [False, True]
    """
    found = np.zeros((len(PREFIXES), len(PREFIXES), 2), dtype=np.bool_)
    for pattern in patterns.split():
        before, this, relation = pattern[0], pattern[1], pattern[2]
        for one, two in product(PREFIXES if before == "." else before, PREFIXES if this == "." else this):
            found[PREFIXES.index(one), PREFIXES.index(two), {"=": [1], "/": [0], "*": [0, 1]}[relation]] = True
    return found


@dataclass(frozen=True, slots=True)
class Tagset:
    """K tags taken apart; type 0 is that of tags without one."""

    prefix: IntArray  # (K,) in PREFIXES, -1 where a tag is none of the scheme's
    kind: IntArray  # (K,) in `types`
    types: tuple[str, ...]

    @classmethod
    def of(cls, tags: Sequence[str], scheme: str) -> Tagset:
        """Tags of a scheme, by its canonical name."""
        allowed = SCHEMES[scheme].prefixes
        parts = [split(tag, strict=bool(scheme)) for tag in tags]
        types = {NO_TYPE: 0}
        kinds = [types.setdefault(kind, len(types)) for _, kind in parts]
        prefixes = [PREFIXES.index(prefix) if prefix and prefix in allowed else -1 for prefix, _ in parts]
        return cls(np.array(prefixes, np.int64), np.array(kinds, np.int64), tuple(types))


def split(tag: str, strict: bool) -> tuple[str, str]:
    """Prefix and type of a tag; the prefix of what is no tag of spans is empty.

    >>> split("B-creative-work", False), split("O", False), split("E", False), split("NOUN", False)
    (('B', 'creative-work'), ('O', '_'), ('E', '_'), ('', '_'))
    """
    prefix, rest = tag[:1], tag[1:]
    if prefix not in PREFIXES or (rest and (prefix == "O" or not rest.startswith("-"))):
        return "", NO_TYPE
    return prefix, (rest.strip("-") if strict else rest[1:]) or NO_TYPE


@dataclass(frozen=True, slots=True)
class Spans:
    """M spans of a corpus, in order; no two begin at the same token."""

    start: IntArray  # (M,) first token
    end: IntArray  # (M,) token after the last
    kind: IntArray  # (M,) type
    sentence: IntArray  # (M,)


def extract(tags: Tagset, ids: IntArray, lengths: IntArray, scheme: Scheme) -> Spans:
    """The spans of N tags `ids` (N,) in B sentences of `lengths` (B,)."""
    sentence = np.repeat(np.arange(len(lengths)), lengths)  # (N,)
    place = np.arange(len(ids)) + sentence  # (N,) with an O after each sentence
    prefix, kind = np.zeros((2, len(ids) + len(lengths)), dtype=np.int64)
    prefix[place], kind[place] = tags.prefix[ids], tags.kind[ids]
    before = np.roll(prefix, 1)  # the last is an O, so one stands before the first, too
    pair = (before, prefix, (np.roll(kind, 1) == kind).astype(np.int64))
    starts = np.flatnonzero(table(scheme.start)[pair])
    breaks = np.flatnonzero(~table(scheme.inside)[pair])
    ends = breaks[np.searchsorted(breaks, starts, side="right")]
    whole = table(scheme.end)[pair][ends]
    whole[1:] &= ends[1:] != ends[:-1]  # in IOB1 a token may both go on with a span and begin one: it goes on
    starts, ends = starts[whole], ends[whole]
    of = np.repeat(np.arange(len(lengths)), lengths + 1)[starts]
    return Spans(starts - of, ends - of, kind[starts], of)


def matches(gold: Spans, pred: Spans, N: int) -> BoolArray:
    """Which spans of the reference the system has, with the same type, (M,); N is the count of tokens."""
    end, kind = np.full((2, N), -1, dtype=np.int64)
    end[pred.start], kind[pred.start] = pred.end, pred.kind
    same: BoolArray = (end[gold.start] == gold.end) & (kind[gold.start] == gold.kind)
    return same


def counts(gold: Spans, pred: Spans, N: int, S: int, T: int) -> IntArray:
    """Correct, gold and predicted spans of each of S sentences and T types, (S, T, 3)."""
    found = matches(gold, pred, N)
    cells = (gold.sentence * T + gold.kind, pred.sentence * T + pred.kind)
    each = [np.bincount(ids, minlength=S * T) for ids in (cells[0][found], *cells)]
    return np.stack(each, axis=1).reshape(S, T, 3)
