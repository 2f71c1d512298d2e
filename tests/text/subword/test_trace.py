"""Traces: the best path and the last merge are what encoding gives; posteriors and n-best by brute force."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import UsageFailure
from seqcli.text.subword.inside import inside
from seqcli.text.subword.library import Library
from seqcli.text.subword.trace import LatticeTrace, MatchTrace, MergeTrace, arcs, best_ways, merges, segmentations, trace
from tests.text.subword.test_sample import MERGING, SUMMING, TABLE, TEXT, makes
from tests.text.subword.test_sentencepiece import ways

DRAWN = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(-9, -0.5), max_size=9)


def test_merge_by_merge():
    found = merges("abbab", "abbab", lambda left, right: TABLE.get((left, right)))
    assert [step.symbols for step in found.merges] == [["ab", "b", "a", "b"], ["ab", "b", "ab"], ["abb", "ab"]]
    first = found.merges[0]
    assert [(pair.left, pair.right, pair.rank, pair.count) for pair in first.pairs] == [("a", "b", 0.0, 2), ("b", "b", 2.0, 1)]
    assert (first.at, found.pieces) == (0, ["abb", "ab"])


@pytest.mark.parametrize("name", MERGING + SUMMING)
def test_the_end_is_what_encoding_gives(name):
    tokenizer = makes()[name]
    parts = inside(tokenizer)

    @settings(max_examples=40)
    @given(TEXT)
    def check(text):
        words = [word for word in parts.words(text) if word.text is not None]
        found = trace(tokenizer, text, 2)
        assert [step.word for step in found] == [word.text for word in words]
        for step, word in zip(found, words, strict=True):
            assert isinstance(step, MergeTrace if name in MERGING else LatticeTrace)
            assert parts.spell(step.pieces) == word.ids

    check()


@settings(max_examples=80)
@given(DRAWN, st.text("abc", min_size=1, max_size=7))
def test_the_lattice_by_brute_force(drawn, text):
    scores = {"a": -2.0, "b": -3.0, "c": -4.5} | drawn
    found = segmentations(text, arcs(text, scores, -9.0, 3), 4)
    every = sorted(ways(text, scores), key=lambda way: -way[0])
    total = sum(math.exp(score) for score, _ in every)
    assert [path.score for path in found.paths] == pytest.approx([score for score, _ in every[:4]])
    assert [path.probability for path in found.paths] == pytest.approx([math.exp(score) / total for score, _ in every[:4]])
    for path in found.paths:
        assert "".join(path.pieces) == text
    for arc in found.arcs:
        through = 0.0
        for score, pieces in every:
            ends = [sum(map(len, pieces[: i + 1])) for i in range(len(pieces))]
            through += math.exp(score) * ((arc.end - len(arc.piece), arc.piece) in zip([0, *ends], pieces, strict=False))
        assert arc.posterior == pytest.approx(through / total)
    assert len({tuple(path.pieces) for path in found.paths}) == len(found.paths)


def test_unknown_characters_are_in_the_lattice():
    found = segmentations("xa", arcs("xa", {"a": -1.0}, -20.0, 1), 3)
    assert [(path.pieces, path.score, path.probability) for path in found.paths] == [(["x", "a"], -21.0, 1.0)]
    assert best_ways([], 0, 3) == [(0.0, [])]


def wordpiece():
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"[UNK]": 0, "a": 1, "##b": 2, "##bc": 3, "ab": 4, "##d": 5}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]", max_input_chars_per_word=6))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return Library(tokenizer)


@settings(max_examples=60)
@given(st.lists(st.text("abcd", min_size=1, max_size=7), min_size=1, max_size=4).map(" ".join))
def test_longest_matches_are_encoding(text):
    tokenizer = wordpiece()
    found = trace(tokenizer, text)
    assert all(isinstance(step, MatchTrace) for step in found)
    assert [tokenizer.vocabulary.index(piece) for step in found for piece in step.pieces] == tokenizer.encode([text])[0]


def test_longest_match_step_by_step():
    [found] = trace(wordpiece(), "abcd")
    assert isinstance(found, MatchTrace)
    assert [(match.begin, match.tried, match.found) for match in found.matches] == [
        (0, ["abcd", "abc", "ab"], True), (2, ["##cd", "##c"], False),
    ]  # fmt: skip
    assert found.pieces == ["[UNK]"]


def test_a_method_without_steps():
    from tokenizers import Tokenizer, models

    with pytest.raises(UsageFailure, match="no steps to show"):
        trace(Library(Tokenizer(models.WordLevel({"the": 0, "?": 1}, unk_token="?"))), "the")
