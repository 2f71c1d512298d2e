"""How the pieces of a word come about: BPE merge by merge, Unigram's lattice with its best paths, WordPiece's longest matches.

Plain data come out, for views to show.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seqcli.errors import UsageFailure
from seqcli.text.subword.tokenizer import Subword

STEPS = "bpe, byte-bpe, unigram and wordpiece"
Rank = Callable[[str, str], float | None]  # when two neighbours are merged, the lowest first; None if never


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbours that may be merged."""

    left: str
    right: str
    rank: float
    count: int  # how often they stand beside each other


@dataclass(frozen=True, slots=True)
class Merge:
    """One step of BPE."""

    pairs: list[Pair]  # what may be merged, in the order of ranks: the first is, where it stands first
    at: int  # number of the symbol that is merged with the next
    symbols: list[str]  # after it


@dataclass(frozen=True, slots=True)
class MergeTrace:
    """A word under BPE."""

    word: str
    symbols: list[str]  # to begin with
    merges: list[Merge]

    @property
    def pieces(self) -> list[str]:
        """What is left in the end."""
        return self.merges[-1].symbols if self.merges else self.symbols


@dataclass(frozen=True, slots=True)
class Arc:
    """A piece at a place of a text."""

    begin: int
    end: int
    piece: str
    score: float  # log-probability
    posterior: float = 0.0  # share of all ways, by their probability, that go through it


Way = tuple[float, Arc, int]  # its score, its last arc, and the number of the way to where that begins


@dataclass(frozen=True, slots=True)
class Path:
    """One way to cut a text."""

    pieces: list[str]
    score: float  # sum of log-probabilities
    probability: float  # its share of all ways


@dataclass(frozen=True, slots=True)
class LatticeTrace:
    """A word under Unigram."""

    word: str
    arcs: list[Arc]  # by where they begin, then end
    paths: list[Path]  # the best, best first

    @property
    def pieces(self) -> list[str]:
        """The best way."""
        return self.paths[0].pieces if self.paths else []


@dataclass(frozen=True, slots=True)
class Match:
    """One step of WordPiece."""

    begin: int
    tried: list[str]  # longest first, as the vocabulary would spell them; the last is in it unless nothing was found
    found: bool


@dataclass(frozen=True, slots=True)
class MatchTrace:
    """A word under WordPiece."""

    word: str
    matches: list[Match]
    unknown: str  # stands for a word that cannot be matched to its end

    @property
    def pieces(self) -> list[str]:
        """The matches, or the unknown."""
        return [match.tried[-1] for match in self.matches] if all(match.found for match in self.matches) else [self.unknown]


def merges(word: str, symbols: Sequence[str], rank: Rank) -> MergeTrace:
    """BPE merge by merge; of equal ranks the leftmost.

    >>> table = {("a", "b"): 0, ("ab", "b"): 1}
    >>> found = merges("abb", "abb", lambda left, right: table.get((left, right)))
    >>> [step.symbols for step in found.merges]
    [['ab', 'b'], ['abb']]
    """
    steps: list[Merge] = []
    now = list(symbols)
    while True:
        places = [(value, i) for i in range(len(now) - 1) if (value := rank(now[i], now[i + 1])) is not None]
        if not places:
            return MergeTrace(word, list(symbols), steps)
        counts: dict[tuple[float, str, str], int] = {}
        for value, i in sorted(places):
            key = value, now[i], now[i + 1]
            counts[key] = counts.get(key, 0) + 1
        _, at = min(places)
        now = [*now[:at], now[at] + now[at + 1], *now[at + 2 :]]
        steps.append(Merge([Pair(left, right, value, count) for (value, left, right), count in counts.items()], at, now))


def longest_matches(
    word: str, vocabulary: Mapping[str, int] | set[str], unknown: str, prefix: str = "##", most: int = 100
) -> MatchTrace:
    """WordPiece from the left: the longest piece that fits, again and again.

    >>> [match.tried for match in longest_matches("abc", {"a", "##bc", "##b"}, "?").matches]
    [['abc', 'ab', 'a'], ['##bc']]
    """
    found: list[Match] = []
    begin = 0
    if len(word) > most:
        return MatchTrace(word, [Match(0, [word], found=False)], unknown)
    while begin < len(word):
        tried: list[str] = []
        for end in range(len(word), begin, -1):
            tried.append((prefix if begin else "") + word[begin:end])
            if tried[-1] in vocabulary:
                break
        found.append(Match(begin, tried, tried[-1] in vocabulary))
        if not found[-1].found:
            break
        begin = end
    return MatchTrace(word, found, unknown)


def arcs(text: str, scores: Mapping[str, float], unknown: float, longest: int) -> list[Arc]:
    """Every piece of at most `longest` characters wherever it stands, and each character that is none, at the score of the unknown.

    >>> [(arc.piece, arc.score) for arc in arcs("ab", {"a": -1.0, "ab": -2.0}, -9.0, 2)]
    [('a', -1.0), ('ab', -2.0), ('b', -9.0)]
    """
    found: list[Arc] = []
    for begin in range(len(text)):
        if text[begin] not in scores:
            found.append(Arc(begin, begin + 1, text[begin], unknown))
        for end in range(begin + 1, min(begin + longest, len(text)) + 1):
            score = scores.get(text[begin:end])
            if score is not None:
                found.append(Arc(begin, end, text[begin:end], score))
    return found


def log_add(x: float, y: float) -> float:
    """The logarithm of the sum of two numbers given by theirs."""
    high, low = max(x, y), min(x, y)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def forward(found: Sequence[Arc], size: int, alpha: float = 1.0) -> list[float]:
    """For each place, the logarithm of the sum over all ways to it, each with its probability to the power of alpha, (size + 1,)."""
    sums = [0.0] + [-math.inf] * size
    for arc in found:  # those that begin farther left come first
        sums[arc.end] = log_add(sums[arc.end], sums[arc.begin] + alpha * arc.score)
    return sums


def backward(found: Sequence[Arc], size: int) -> list[float]:
    """The same over all ways from each place to the end."""
    sums = [-math.inf] * size + [0.0]
    for arc in reversed(found):
        sums[arc.begin] = log_add(sums[arc.begin], sums[arc.end] + arc.score)
    return sums


def best_ways(found: Sequence[Arc], size: int, count: int) -> list[tuple[float, list[Arc]]]:
    """The best ways through a lattice with their scores, best first; of equal ones that with the longest last piece.

    >>> found = arcs("ab", {"a": -1.0, "b": -3.0, "ab": -2.0}, -9.0, 2)
    >>> [(score, [arc.piece for arc in way]) for score, way in best_ways(found, 2, 5)]
    [(-2.0, ['ab']), (-4.0, ['a', 'b'])]
    """
    into: list[list[Arc]] = [[] for _ in range(size + 1)]
    for arc in found:
        into[arc.end].append(arc)
    ways: list[list[Way]] = [[(0.0, Arc(0, 0, "", 0.0), 0)]]
    for place in range(1, size + 1):
        every = ((ways[arc.begin][i][0] + arc.score, arc, i) for arc in into[place] for i in range(len(ways[arc.begin])))
        ways.append(heapq.nsmallest(count, every, key=lambda way: (-way[0], way[1].begin, way[2])))
    return [(score, follow(ways, size, i)) for i, (score, _, _) in enumerate(ways[size])]


def follow(ways: Sequence[Sequence[Way]], place: int, number: int) -> list[Arc]:
    """One way, from its end."""
    found: list[Arc] = []
    while place:
        _, arc, number = ways[place][number]
        found.append(arc)
        place = arc.begin
    return found[::-1]


def segmentations(word: str, found: Sequence[Arc], count: int) -> LatticeTrace:
    """The lattice with posteriors, and the best ways through it."""
    ahead, behind = forward(found, len(word)), backward(found, len(word))
    total = ahead[-1]
    marked = [
        Arc(arc.begin, arc.end, arc.piece, arc.score, math.exp(min(0.0, ahead[arc.begin] + arc.score + behind[arc.end] - total)))
        for arc in found
    ]
    best = best_ways(found, len(word), count)
    paths = [Path([arc.piece for arc in way], score, math.exp(min(0.0, score - total))) for score, way in best]
    return LatticeTrace(word, marked, paths)


def trace(tokenizer: Subword, text: str, count: int = 5) -> list[MergeTrace | LatticeTrace | MatchTrace]:
    """How each word of a text gets its pieces; `count` best ways where there are several.

    Raises:
        UsageFailure: the method has no steps to show.
    """
    from seqcli.text.subword.inside import inside

    parts = inside(tokenizer)
    found: list[MergeTrace | LatticeTrace | MatchTrace] = []
    for word in parts.words(text):
        if word.text is None:
            continue
        if parts.rank is not None:
            found.append(merges(word.text, parts.symbols(word.text), parts.rank))
        elif parts.scores:
            found.append(segmentations(word.text, arcs(word.text, parts.scores, parts.unknown, parts.longest), count))
        elif tokenizer.kind == "wordpiece":
            unknown = tokenizer.vocabulary[tokenizer.unknown] if tokenizer.unknown is not None else ""
            found.append(longest_matches(word.text, parts.ids, unknown, parts.prefix, parts.most))
        else:
            raise UsageFailure(
                f"a tokenizer of kind {tokenizer.kind} has no steps to show", hint="bpe, byte-bpe, unigram, wordpiece have"
            )
    return found
