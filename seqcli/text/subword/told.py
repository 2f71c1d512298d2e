r"""Traces as people and programs read them: tables of text, or one JSON object a word.

>>> from seqcli.text.subword.trace import longest_matches
>>> steps = longest_matches("lower", {"low", "##er"}, "?")
>>> print("\n".join(as_text([Account("lower", "Lower", "wordpiece", ["low", "##er"], [1, 2], steps)])))
wordpiece: from the left, each piece is the longest in the vocabulary that fits
<BLANKLINE>
lower (Lower)
from  found  not in the vocabulary
   0  low    lower, lowe
   3  ##er
pieces  low  ##er
ids     1    2
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seqcli.errors import UsageFailure
from seqcli.text.subword.inside import Inside, Word, inside
from seqcli.text.subword.library import BYTES
from seqcli.text.subword.tokenizer import Subword
from seqcli.text.subword.trace import LatticeTrace, Match, MatchTrace, MergeTrace, Pair, trace

Trace = MergeTrace | LatticeTrace | MatchTrace
ABOUT = {
    "bpe": "from characters on, the neighbours whose pair has the lowest rank are merged, until no pair has one",
    "byte-bpe": "from bytes on (a sign for each, Ġ for a blank), the neighbours whose pair has the lowest rank are merged",
    "unigram": "each piece has a log-probability; of all ways to cut a word, that with the highest sum is taken",
    "wordpiece": "from the left, each piece is the longest in the vocabulary that fits",
    "char": "each character is a piece; one that the vocabulary lacks is unknown, or its bytes are pieces",
    "word": "each word is a piece; one that the vocabulary lacks is unknown",
}
NO_STEPS = "this tokenizer has no steps to show"
NOT_SPELLED = "no steps to show: it is a special piece, or has characters that the vocabulary lacks"
WHOLE = "nothing is merged: the word is a piece, and this tokenizer looks that up first"
OTHERWISE = "encoding ends otherwise: this tokenizer has rules beside its steps"
IN_BYTES = "what the vocabulary lacks is spelled in bytes in the end"
TOO_LONG = "longer than the words that are looked at"
FEW = 3  # candidates of a merge that are told
TRIES = 6  # matches tried in vain that are told
NONE = "–"
MARKS = "▁Ġ"  # how blanks are shown


@dataclass(frozen=True, slots=True)
class Account:
    """How one word gets its pieces."""

    word: str  # as the method sees it
    text: str  # the place of the text that it stands for; empty where that is not known
    kind: str  # the method
    pieces: list[str]  # what encoding gives, as the vocabulary spells them
    ids: list[int]
    trace: Trace | None = None
    note: str = ""  # why there is no trace, or what comes after it


def accounts(tokenizer: Subword, text: str, count: int = 5) -> list[Account]:
    """An account of each word of a text, with `count` best ways where there are several.

    Raises:
        UsageFailure: there is no word.
    """
    try:
        traces = trace(tokenizer, text, count)
    except UsageFailure:
        ids = tokenizer.encode([text])[0]
        note = "" if tokenizer.kind in ("char", "word") else NO_STEPS
        found = [Account(text, text, tokenizer.kind, [tokenizer.vocabulary[i] for i in ids], ids, None, note)] if ids else []
    else:
        parts, rest = inside(tokenizer), iter(traces)
        words = parts.words(text)
        found = [
            account(tokenizer, parts, word, place, None if word.text is None else next(rest))
            for word, place in zip(words, places(tokenizer, text, words), strict=True)
        ]
    if not found:
        raise UsageFailure(f"{text!r} has no word to trace")
    return found


def places(tokenizer: Subword, text: str, words: Sequence[Word]) -> list[str]:
    """What each word stands for; nothing where ids of words are not those of the text."""
    pieces = tokenizer.pieces(text)
    if [piece.id for piece in pieces] != [i for word in words for i in word.ids]:
        return [""] * len(words)
    rest = iter(pieces)
    found = [[next(rest) for _ in word.ids] for word in words]
    return [text[min(piece.start for piece in group) : max(piece.end for piece in group)] if group else "" for group in found]


def account(tokenizer: Subword, parts: Inside, word: Word, text: str, steps: Trace | None) -> Account:
    """What is told of one word."""
    pieces = [tokenizer.vocabulary[i] for i in word.ids]
    if steps is None:
        return Account(text or tokenizer.decode(word.ids), text, tokenizer.kind, pieces, word.ids, None, NOT_SPELLED)
    if parts.whole(steps.word):
        return Account(steps.word, text, tokenizer.kind, pieces, word.ids, None, WHOLE)
    in_bytes = any(piece in BYTES and piece not in steps.pieces for piece in pieces)
    note = OTHERWISE if spelled(parts, steps.pieces) != word.ids else IN_BYTES if in_bytes else ""
    return Account(steps.word, text, tokenizer.kind, pieces, word.ids, steps, note)


def spelled(parts: Inside, pieces: Sequence[str]) -> list[int] | None:
    """The ids of pieces; None if one has none."""
    try:
        return parts.spell(pieces)
    except KeyError:
        return None


def as_json(found: Sequence[Account]) -> Iterator[str]:
    """One object a word: word, text, kind, pieces, ids, what its trace has, and a note if there is one.

    >>> next(as_json([Account("a", "a", "char", ["a"], [7])]))
    '{"word": "a", "text": "a", "kind": "char", "pieces": ["a"], "ids": [7]}'
    """
    import json

    for each in found:
        steps = asdict(each.trace, dict_factory=finite) if each.trace else {}
        note = {"note": each.note} if each.note else {}
        known = {"word": each.word, "text": each.text, "kind": each.kind, "pieces": each.pieces, "ids": each.ids}
        yield json.dumps(known | steps | note, ensure_ascii=False, allow_nan=False)


def finite(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Fields as JSON can have them: a number that is none is null."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in items}


def as_text(found: Sequence[Account]) -> Iterator[str]:
    """Lines: what the method does, then each word with its steps, its pieces and their ids."""
    if found:
        yield f"{found[0].kind}: {about(found[0].kind)}"
    for each in found:
        yield ""
        yield heading(each)
        if each.note:
            yield f"({each.note})"
        if each.trace:
            for rows, left in tables(each.trace):
                yield from columns(rows, left)
        yield from columns([["pieces", *map(seen, each.pieces)], ["ids", *map(str, each.ids)]], range(len(each.ids) + 1))


def heading(each: Account) -> str:
    """The word, and what it stands for where that looks otherwise."""
    text = seen(each.text.strip(" "))
    return f"{seen(each.word)} ({text})" if text and text != seen(each.word).strip(MARKS) else seen(each.word)


def about(kind: str) -> str:
    """What a method does, in a line."""
    return ABOUT.get(kind, "pieces of a vocabulary")


def tables(steps: Trace) -> Iterator[tuple[list[list[str]], Sequence[int]]]:
    """Rows, the headings first, and which columns hold words."""
    if isinstance(steps, MergeTrace):
        yield merging(steps), (0, 1, 4)
    elif isinstance(steps, MatchTrace):
        yield matching(steps), (1, 2)
    else:
        yield best(steps), (0,)
        yield lattice(steps), (2, 5)


def merging(steps: MergeTrace) -> list[list[str]]:
    """BPE: the pieces before each merge, and what is merged; the last row is what is left."""
    rows = [["pieces", "merged", "rank", "times", "could be merged too, with ranks"]]
    for symbols, merge in zip([steps.symbols, *(merge.symbols for merge in steps.merges)], steps.merges, strict=False):
        first, *rest = merge.pairs
        others = [candidate(pair) for pair in rest[:FEW]] + [f"and {len(rest) - FEW} more"] * (len(rest) > FEW)
        rows.append([joined(symbols), joined([first.left, first.right]), ranked(first.rank), str(first.count), ", ".join(others)])
    return [*rows, [joined(steps.pieces), "", "", "", ""]]


def candidate(pair: Pair) -> str:
    """A pair that could be merged.

    >>> candidate(Pair("a", " b", 12.0, 2)), candidate(Pair("a", "c", 3.5, 1))
    ('a ▁b 12 (twice)', 'a c 3.5')
    """
    often = "" if pair.count == 1 else " (twice)" if pair.count == 2 else f" ({pair.count} times)"
    return f"{joined([pair.left, pair.right])} {ranked(pair.rank)}{often}"


def best(steps: LatticeTrace) -> list[list[str]]:
    """Unigram: the best ways and the rest of them."""
    every = ways(steps)
    rows = [[f"best of {number(every)} way{'s' * (every != 1)}", "log p", "p"]]
    rows += [[joined(path.pieces), f"{path.score:.4f}", share(path.probability)] for path in steps.paths]
    left = every - len(steps.paths)
    return [*rows, [f"({number(left)} more)", "", share(remainder(steps))]] if left else rows


def ways(steps: LatticeTrace) -> int:
    """How many ways there are through the lattice."""
    into = [1] + [0] * len(steps.word)
    for arc in steps.arcs:
        into[arc.end] += into[arc.begin]
    return into[-1]


def remainder(steps: LatticeTrace) -> float:
    """The probability of all ways but the best that are told."""
    return max(0.0, 1 - sum(path.probability for path in steps.paths))


def lattice(steps: LatticeTrace) -> list[list[str]]:
    """Unigram: every piece of the lattice, with its share of all ways."""
    taken = spans(steps.pieces)
    rows = [["from", "to", "piece", "log p", "posterior", ""]]
    for arc in steps.arcs:
        mark = "best" if (arc.begin, arc.end) in taken else ""
        rows.append([str(arc.begin), str(arc.end), seen(arc.piece), f"{arc.score:.4f}", share(arc.posterior), mark])
    return rows


def spans(pieces: Sequence[str]) -> list[tuple[int, int]]:
    """Where pieces begin and end.

    >>> spans(["lo", "wer"])
    [(0, 2), (2, 5)]
    """
    found: list[tuple[int, int]] = []
    for piece in pieces:
        begin = found[-1][1] if found else 0
        found.append((begin, begin + len(piece)))
    return found


def matching(steps: MatchTrace) -> list[list[str]]:
    """WordPiece: what is found from each place on, and what was tried before."""
    rows = [["from", "found", "not in the vocabulary"]]
    for match in steps.matches:
        lost = match.tried[:-1] if match.found else match.tried
        said = [seen(piece) for piece in lost[:TRIES]] + [f"and {len(lost) - TRIES} more"] * (len(lost) > TRIES)
        rows.append([str(match.begin), seen(match.tried[-1]) if match.found else NONE,
                     TOO_LONG if unread(steps, match) else ", ".join(said)])  # fmt: skip
    return rows


def unread(steps: MatchTrace, match: Match) -> bool:
    """Whether a word was too long to look at."""
    return not match.found and len(match.tried) < len(steps.word) - match.begin


def seen(piece: str) -> str:
    r"""A piece as it can be seen: `▁` for a blank, and what cannot be printed escaped.

    >>> print(seen(" a\tb\u200d"))
    ▁a\tb\u200d
    """
    piece = piece.replace(" ", "▁")
    return piece if piece.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in piece)


def joined(pieces: Sequence[str]) -> str:
    """Pieces with blanks between them."""
    return " ".join(map(seen, pieces))


def ranked(value: float) -> str:
    """A rank: a whole number as such."""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


def share(value: float) -> str:
    """A probability.

    >>> share(0.25), share(0.0), share(0.00001234)
    ('0.2500', '0', '1.2e-05')
    """
    return f"{value:.4f}" if value >= 0.001 else f"{value:.2g}"


def number(value: int) -> str:
    """A count, if need be roughly.

    >>> number(1234), number(2**70)
    ('1,234', '1.18e+21')
    """
    return f"{value:,}" if value < 10**9 else f"{value:.3g}" if value < 10**300 else f"10^{len(str(value)) - 1}"


def width(words: str) -> int:
    """Columns of a terminal that a text takes.

    >>> width("abc"), width("猫"), width("e\u0301")
    (3, 2, 1)
    """
    if words.isascii():
        return len(words)
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF") for c in words)


def columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> Iterator[str]:
    """Lines of columns two blanks apart; those in `left` begin, the others end at the same place on a terminal."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = ((cell, " " * (wide - width(cell)), i in left) for i, (cell, wide) in enumerate(zip(row, widths, strict=True)))
        yield "  ".join(cell + room if begins else room + cell for cell, room, begins in cells).rstrip()
