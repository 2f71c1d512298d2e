"""Which words of two files are the same words, when the files cut the same text differently.

The method of the CoNLL 2018 shared task (Zeman et al. 2018; https://aclanthology.org/K18-2001). Both files must hold
the same characters, whitespace aside. Tokens and sentences are spans of these characters, and the same span is the same
token. A syntactic word is aligned so as well, unless a multi-word token is in the way (*du* is one token, but two
words, *de* and *le*, that have no characters of their own): for each **region**, a smallest span into which no
multi-word token of either file reaches only partly, the words inside are aligned by a longest common subsequence of
their lower-cased forms.

(The task's script also lets in a word just before a region where the other file has one word for it and its neighbour.
It then sees *de* | *de le* after *se* | *de* as one more *de* to choose from; the definition above does not.)

For the bootstrap the text is cut wherever both files end a sentence; between two cuts lies a **segment**.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqcli.data.examples import BoolArray, IntArray
from seqcli.errors import Failure
from seqcli.metrics.corpus import Corpus, Vocabulary


@dataclass(frozen=True, slots=True)
class Alignment:
    """A pairs of words that are the same in both files, and S segments to count them in."""

    gold: IntArray  # (A,) word of the first file, ascending
    pred: IntArray  # (A,) word of the second
    segment: IntArray  # (A,) to which the pair belongs
    first: IntArray  # (S,) word of the first file with which a segment begins
    tokens: IntArray  # (S, 3) correct, gold, predicted surface tokens
    words: IntArray  # (S, 3) … syntactic words
    sentences: IntArray  # (S, 3) … sentences
    same_sentences: IntArray  # (P, 3) those in both: of the first file, of the second, segment
    same: bool  # the two files are cut in the same way


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the units of a file lie in its text, in characters without whitespace; an end is past the last one."""

    text: str
    tokens: IntArray  # (T, 2) start, end
    words: IntArray  # (N, 2) all words of a multi-word token have its span
    multiword: BoolArray  # (N,) which words are inside a multi-word token
    sentences: IntArray  # (B, 2)


def align(gold: Corpus, pred: Corpus, forms: Vocabulary) -> Alignment:
    """The words of two files, aligned.

    Different text (the message says where) and a form of whitespace only raise Failure.
    """
    if gold.same_words(pred):
        return identical(gold)
    surfaces = ["".join(form.split()) for form in forms]
    a, b = layout(gold, surfaces), layout(pred, surfaces)
    if a.text != b.text:
        raise different_text(gold, a, pred, b)
    borders = np.intersect1d(a.sentences[:, 1], b.sentences[:, 1], assume_unique=True)  # (S,) ends of segments
    pairs = align_words(a, b, gold, pred, forms)
    tokens = same_spans(a.tokens, b.tokens)
    sentences = same_spans(a.sentences, b.sentences)
    return Alignment(
        gold=pairs[:, 0],
        pred=pairs[:, 1],
        segment=segments(borders, a.words[pairs[:, 0]]),
        first=np.searchsorted(a.words[:, 0], np.concatenate([[0], borders[:-1]])),
        tokens=count(borders, a.tokens[tokens[:, 0]], a.tokens, b.tokens),
        words=count(borders, a.words[pairs[:, 0]], a.words, b.words),
        sentences=count(borders, a.sentences[sentences[:, 0]], a.sentences, b.sentences),
        same_sentences=np.column_stack([sentences, segments(borders, a.sentences[sentences[:, 0]])]),
        same=False,
    )


def identical(corpus: Corpus) -> Alignment:
    """Each word with itself, a segment a sentence."""
    words = np.arange(len(corpus.forms))
    sentences = np.arange(len(corpus.lengths))
    tokens = np.bincount(corpus.sentence[corpus.heads], minlength=len(sentences))
    return Alignment(
        gold=words,
        pred=words,
        segment=corpus.sentence,
        first=np.cumsum(corpus.lengths) - corpus.lengths,
        tokens=np.column_stack([tokens] * 3),
        words=np.column_stack([corpus.lengths] * 3),
        sentences=np.ones((len(sentences), 3), dtype=np.int64),
        same_sentences=np.column_stack([sentences] * 3),
        same=True,
    )


def layout(corpus: Corpus, surfaces: Sequence[str]) -> Layout:
    """Lay a file's tokens end to end; `surfaces` are the forms of the vocabulary without whitespace."""
    heads = corpus.heads
    multiword = np.zeros(len(corpus.forms) + 1, dtype=np.int64)
    np.add.at(multiword, corpus.multiword[:, 0], 1)
    np.add.at(multiword, corpus.multiword[:, 1], -1)
    forms = corpus.forms.copy()
    forms[corpus.multiword[:, 0]] = corpus.multiword[:, 2]
    sizes = np.array([len(surface) for surface in surfaces], dtype=np.int64)[forms[heads]]  # (T,)
    if not sizes.all():
        line = corpus.lines[heads][sizes == 0][0]
        raise Failure(f"{corpus.name}, line {line}: a token of whitespace only cannot be aligned")
    ends = np.cumsum(sizes)
    tokens = np.column_stack([ends - sizes, ends])
    words = tokens[np.cumsum(heads) - 1]
    last = np.cumsum(corpus.lengths) - 1
    sentences = np.column_stack([words[last - corpus.lengths + 1, 0], words[last, 1]])
    text = "".join(map(surfaces.__getitem__, forms[heads].tolist()))
    return Layout(text, tokens, words, np.cumsum(multiword[:-1]) > 0, sentences)


def same_spans(a: IntArray, b: IntArray) -> IntArray:
    """Pairs of equal rows of (A, 2) and (B, 2) distinct spans, as two indices, (P, 2).

    >>> same_spans(np.array([[0, 3], [3, 5]]), np.array([[0, 1], [1, 3], [3, 5]])).tolist()
    [[1, 2]]
    """
    size = max(a.max(initial=0), b.max(initial=0)) + 1
    keys = a[:, 0] * size + a[:, 1], b[:, 0] * size + b[:, 1]
    _, i, j = np.intersect1d(*keys, assume_unique=True, return_indices=True)
    return np.column_stack([i, j])


def segments(borders: IntArray, spans: IntArray) -> IntArray:
    """The segment in which each span (P, 2) begins, (P,); `borders` (S,) are the segments' ends."""
    return np.searchsorted(borders, spans[:, 0], side="right")


def count(borders: IntArray, *spans: IntArray) -> IntArray:
    """How many of each kind of span lie in each segment, (S, kinds)."""
    return np.column_stack([np.bincount(segments(borders, part), minlength=len(borders)) for part in spans])


def align_words(a: Layout, b: Layout, gold: Corpus, pred: Corpus, forms: Vocabulary) -> IntArray:
    """Pairs of words, (A, 2): by their spans, and within the regions of multi-word tokens by their forms."""
    plain_a, plain_b = np.flatnonzero(~a.multiword), np.flatnonzero(~b.multiword)
    spans = same_spans(a.words[plain_a], b.words[plain_b])
    pairs = [np.column_stack([plain_a[spans[:, 0]], plain_b[spans[:, 1]]])]
    inside = regions(np.concatenate([a.words[a.multiword], b.words[b.multiword]]))
    if len(inside):
        lowered = Vocabulary().ids([form.lower() for form in forms])  # forms that differ in case only share a number
        first_a, past_a = words_inside(a.words, inside)
        first_b, past_b = words_inside(b.words, inside)
        bounds = np.column_stack([first_a, past_a, first_b, past_b])
        x, y = lowered[gold.forms].tolist(), lowered[pred.forms].tolist()
        found = [
            (i + start_a, j + start_b)
            for start_a, end_a, start_b, end_b in bounds.tolist()
            for i, j in common_subsequence(x[start_a:end_a], y[start_b:end_b])
        ]
        pairs.append(np.array(found, dtype=np.int64).reshape(-1, 2))
    every = np.concatenate(pairs)
    return every[np.argsort(every[:, 0], kind="stable")]


def regions(spans: IntArray) -> IntArray:
    """Smallest spans (R, 2) into which none of the given spans (P, 2) reaches only partly, ascending.

    Spans that overlap share a region, spans that only touch do not.

    >>> regions(np.array([[7, 9], [0, 4], [3, 6], [6, 7]])).tolist()
    [[0, 6], [6, 7], [7, 9]]
    """
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    opens = np.concatenate([[True], spans[1:, 0] >= reach[:-1]])[: len(spans)]
    closes = np.concatenate([opens[1:], [True]])[: len(spans)]
    return np.column_stack([spans[opens, 0], reach[closes]])


def words_inside(words: IntArray, inside: IntArray) -> tuple[IntArray, IntArray]:
    """First and past-the-last of the words (N, 2) that lie wholly in each region (R, 2), each (R,)."""
    first = np.searchsorted(words[:, 0], inside[:, 0], side="left")
    past = np.searchsorted(words[:, 1], inside[:, 1], side="right")
    return first, np.maximum(first, past)


def common_subsequence(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Positions of a longest common subsequence; of several, the one that skips as little of `b` as it can at first.

    >>> common_subsequence([1, 2, 3], [2, 9, 3]), common_subsequence([1, 2], [2, 1])
    ([(1, 0), (2, 2)], [(1, 0)])
    """
    if a == b:
        return [(i, i) for i in range(len(a))]
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]  # best[i][j]: length for a[i:] and b[j:]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            best[i][j] = 1 + best[i + 1][j + 1] if a[i] == b[j] else max(best[i + 1][j], best[i][j + 1])
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def different_text(gold: Corpus, a: Layout, pred: Corpus, b: Layout) -> Failure:
    """Where two texts first differ, in one line."""
    at = common_prefix(a.text, b.text)
    here, there = place(gold, a, at), place(pred, b, at)
    return Failure(f"the texts differ: {here}, but {there}", hint="score needs the same text, whitespace aside")


def common_prefix(a: str, b: str) -> int:
    """How many characters two texts share from the start, by halving.

    >>> common_prefix("abcd", "abxd"), common_prefix("ab", "abc")
    (2, 2)
    """
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low


def place(corpus: Corpus, where: Layout, at: int) -> str:
    """File, line and the characters around a position of the text."""
    before, after = where.text[max(0, at - 10) : at], where.text[at : at + 10]
    word = min(int(np.searchsorted(where.words[:, 1], at, side="right")), len(where.words) - 1)
    if not after:
        return f"{corpus.name} ends after line {corpus.lines[word]} with {before!r}"
    return f"{corpus.name}, line {corpus.lines[word]} has {after!r} after {before!r}"
