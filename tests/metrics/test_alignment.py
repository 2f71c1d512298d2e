"""Alignment by characters: against sets of spans, against every subsequence, and against examples worked by hand."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.metrics.alignment import align, common_subsequence
from seqcli.metrics.corpus import Part, Vocabulary, collect


def rows(sentences):
    """CoNLL-U from sentences of tokens: a string, or (surface, [words])."""
    lines = []
    for sentence in sentences:
        number = 0
        for token in sentence:
            surface, words = (token, [token]) if isinstance(token, str) else token
            if not isinstance(token, str):
                lines.append(f"{number + 1}-{number + len(words)}\t{surface}" + 8 * "\t_")
            for word in words:
                number += 1
                lines.append(f"{number}\t{word}\t_\tX" + 6 * "\t_")
        lines.append("")
    return lines


def align_rows(gold, pred):
    forms, tags = Vocabulary(), Vocabulary()
    a = collect([Part(gold, "gold", 1)], "upos", forms, tags)
    b = collect([Part(pred, "pred", 1)], "upos", forms, tags)
    return align(a, b, forms)


def aligned(gold, pred):
    """Pairs of words by position, and (correct, gold, predicted) tokens, words and sentences."""
    found = align_rows(rows(gold), rows(pred))
    pairs = list(zip(found.gold.tolist(), found.pred.tolist(), strict=True))
    return pairs, *(tuple(kind.sum(axis=0).tolist()) for kind in (found.tokens, found.words, found.sentences))


def cut(text, borders):
    return [text[a:b] for a, b in zip([0, *borders], [*borders, len(text)], strict=True)]


@st.composite
def segmentations(draw):
    """One text cut in two ways into sentences of words."""
    text = "".join(draw(st.lists(st.sampled_from("abé字"), min_size=1, max_size=14)))
    inner = st.sets(st.integers(1, len(text) - 1)) if len(text) > 1 else st.just(set())

    def once():
        words = sorted(draw(inner))
        sentences = [border for border in words if draw(st.booleans())]
        parts = cut(text, sentences)
        starts = [0, *sentences]
        return [
            cut(part, [w - start for w in words if start < w < start + len(part)]) for start, part in zip(starts, parts, strict=True)
        ]

    return once(), once()


def spans(units):
    ends = np.cumsum([len(unit) for unit in units]).tolist()
    return set(zip([0, *ends], ends, strict=False))


@given(segmentations())
def test_without_multiword_tokens_it_is_the_intersection_of_spans(both):
    gold, pred = both
    _, tokens, words, sentences = aligned(gold, pred)
    g, p = ([word for sentence in side for word in sentence] for side in both)
    expected = (len(spans(g) & spans(p)), len(g), len(p))
    assert tokens == words == expected
    joined = [["".join(sentence) for sentence in side] for side in both]
    assert sentences == (len(spans(joined[0]) & spans(joined[1])), len(gold), len(pred))


@given(segmentations())
def test_swapping_the_sides_swaps_precision_and_recall(both):
    pairs, *counts = aligned(*both)
    swapped, *others = aligned(*reversed(both))
    assert [(j, i) for i, j in swapped] == pairs
    assert [(correct, b, a) for correct, a, b in others] == counts


@given(segmentations())
def test_segments_are_closed_in_both_files(both):
    found = align_rows(*map(rows, both))
    ends = [np.cumsum([len("".join(sentence)) for sentence in side]).tolist() for side in both]
    assert len(found.first) == len(set(ends[0]) & set(ends[1]))
    assert (found.sentences[:, 1:] > 0).all()
    assert (np.diff(found.segment) >= 0).all()


@given(st.lists(st.integers(0, 3), max_size=7), st.lists(st.integers(0, 3), max_size=7))
def test_no_common_subsequence_is_longer(a, b):
    found = common_subsequence(a, b)
    assert [a[i] for i, _ in found] == [b[j] for _, j in found]
    assert found == sorted(found)
    assert all(x[0] < y[0] and x[1] < y[1] for x, y in pairwise(found))
    everything = {tuple(b[j] for j in picked) for n in range(len(b) + 1) for picked in combinations(range(len(b)), n)}
    longest = max(n for n in range(len(a) + 1) if everything & set(combinations(a, n)))
    assert len(found) == longest


@st.composite
def contracted(draw):
    """One text cut in two ways into tokens, some of them multi-word tokens of any words."""
    text = "".join(draw(st.lists(st.sampled_from("ab"), min_size=2, max_size=9)))
    words = st.lists(st.sampled_from(["a", "b", "A", "ab", "ba"]), min_size=1, max_size=3)

    def once():
        tokens = cut(text, sorted(draw(st.sets(st.integers(1, len(text) - 1)))))
        return [[(token, draw(words)) if draw(st.booleans()) else token for token in tokens]]

    return once(), once()


def words_with_spans(sentences):
    """(start, end, form, is in a multi-word token) of every word."""
    start, found = 0, []
    for token in sentences[0]:
        surface, words = (token, [token]) if isinstance(token, str) else token
        found += [(start, start + len(surface), word.lower(), not isinstance(token, str)) for word in words]
        start += len(surface)
    return found


def longest(a, b):
    if not a or not b:
        return 0
    return 1 + longest(a[1:], b[1:]) if a[0] == b[0] else max(longest(a[1:], b), longest(a, b[1:]))


def merged(spans):
    """The spans, those that overlap made one until none do."""
    for a, b in combinations(spans, 2):
        if a[0] < b[1] and b[0] < a[1]:
            return merged((spans - {a, b}) | {(min(a[0], b[0]), max(a[1], b[1]))})
    return spans


@given(contracted())
def test_regions_by_their_definition(both):
    sides = [words_with_spans(side) for side in both]
    expected = len(set.intersection(*({(a, b) for a, b, _, multiword in side if not multiword} for side in sides)))
    for start, end in merged({(a, b) for side in sides for a, b, _, multiword in side if multiword}):
        expected += longest(*([form for a, b, form, _ in side if start <= a and b <= end] for side in sides))
    pairs, _, words, _ = aligned(*both)
    assert words == (expected, len(sides[0]), len(sides[1]))
    assert all(x[0] < y[0] and x[1] < y[1] for x, y in pairwise(pairs))


@pytest.mark.parametrize(
    ("gold", "pred", "pairs"),
    [
        # the same contraction, split into other words: those with the same form
        ([["vai", ("du", ["de", "le"]), "x"]], [["vai", ("du", ["de", "la"]), "x"]], [(0, 0), (1, 1), (3, 3)]),
        # case does not matter inside, nor does it make a word of its own of the other
        ([[("Du", ["De", "le"])]], [[("Du", ["de", "le"])]], [(0, 0), (1, 1)]),
        # not split at all: its form is none of the two words
        ([[("du", ["de", "le"]), "b"]], [["du", "b"]], [(2, 1)]),
        # not split, and its form is one of them
        ([[("de", ["de", "le"]), "b"]], [["de", "b"]], [(0, 0), (2, 1)]),
        # split into tokens instead of words: the forms are the same
        ([[("abcd", ["ab", "cd"])]], [["ab", "cd"]], [(0, 0), (1, 1)]),
        # two contractions that overlap make one region, in which order counts
        ([[("abc", ["a", "x"]), ("de", ["d", "e"])]], [["a", ("bcd", ["x", "d"]), "e"]], [(0, 0), (1, 1), (2, 2), (3, 3)]),
        # a word that sticks out of the region takes no part
        ([["ab", ("cd", ["b", "q"])]], [["a", ("bc", ["b", "q"]), "d"]], [(1, 1), (2, 2)]),
        # regions that touch stay apart
        ([[("ab", ["x", "y"]), ("cd", ["z", "w"])]], [[("ab", ["z", "y"]), ("cd", ["x", "w"])]], [(1, 1), (3, 3)]),
        # the first of two equally long subsequences skips words of the first file
        ([[("ab", ["p", "q"])]], [[("ab", ["q", "p"])]], [(1, 0)]),
    ],
)  # fmt: skip
def test_multiword_tokens(gold, pred, pairs):
    assert aligned(gold, pred)[0] == pairs


def test_a_multiword_token_is_one_token():
    gold = [["a", ("du", ["de", "le"]), "b"]]
    _, tokens, words, _ = aligned(gold, [["a", ("du", ["de", "la"]), "b"]])
    assert tokens == (3, 3, 3)
    assert words == (3, 4, 4)
    _, tokens, words, _ = aligned(gold, gold)
    assert tokens == (3, 3, 3)
    assert words == (4, 4, 4)


def test_whitespace_inside_tokens_is_dropped():
    pairs, tokens, _, _ = aligned([["1 000", "\u00a0b"]], [["1", "000", "b"]])
    assert pairs == [(1, 2)]
    assert tokens == (1, 2, 3)


def test_different_text_says_where():
    with pytest.raises(Failure) as caught:
        aligned([["ab", "cd"], ["ef"]], [["abc", "d"], ["x"]])
    assert str(caught.value).startswith("the texts differ: gold, line 4 has 'ef' after 'abcd', but pred, line 4 has 'x' after 'abcd'")
    with pytest.raises(Failure, match="gold ends after line 2 with 'abcd', but pred, line 2 has 'ef' after 'abcd'"):
        aligned([["ab", "cd"]], [["abcd", "ef"]])


def test_a_token_of_whitespace_only_cannot_be_placed():
    with pytest.raises(Failure, match="pred, line 2: a token of whitespace only"):
        aligned([["ab"]], [["ab", "\u00a0"]])


def test_files_without_multiword_tokens_leave_them_open():
    """Words that were given are scored as they are, though a TSV file cannot say that two of them are one token."""
    gold = rows([["a", ("du", ["de", "le"])]])
    found = align_rows(gold, ["a\tX", "de\tX", "le\tX"])
    assert found.same
    assert found.tokens.tolist() == [[2, 2, 2]]
