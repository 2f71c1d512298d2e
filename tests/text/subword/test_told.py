"""Traces as text and JSON: each word's end is what encoding gives, columns are straight, and nothing of the steps is left out."""

import json
import math
from dataclasses import asdict
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import UsageFailure
from seqcli.text.subword.library import BYTES, Library
from seqcli.text.subword.told import IN_BYTES, Account, accounts, as_json, as_text, columns, remainder, seen, spans, ways, width
from seqcli.text.subword.trace import Arc, LatticeTrace, Match, MatchTrace, MergeTrace, Path, merges, segmentations, trace
from seqcli.text.subword.trace import arcs as every_arc
from tests.text.subword.test_sample import MERGING, SUMMING, TABLE, TEXT, makes
from tests.text.subword.test_sentencepiece import ways as all_ways
from tests.text.subword.test_trace import wordpiece
from tests.text.subword.toys import KINDS, library

STEPS = merges("abbab", "abbab", lambda left, right: TABLE.get((left, right)))


def told(account):
    """The lines on one word."""
    return list(as_text([account]))[2:]


@pytest.mark.parametrize("name", MERGING + SUMMING)
def test_all_words_are_told_with_their_ids(name):
    tokenizer = makes()[name]

    @settings(max_examples=40)
    @given(TEXT.filter(str.strip))
    def check(text):
        found = accounts(tokenizer, text, 2)
        ids = [i for each in found for i in each.ids]
        fused = [i for i, before in zip(ids, [None, *ids], strict=False) if i != tokenizer.unknown or i != before]
        encoded = tokenizer.encode([text])[0]
        assert fused == [i for i, before in zip(encoded, [None, *encoded], strict=False) if i != tokenizer.unknown or i != before]
        assert [each.trace for each in found if each.trace] == trace(tokenizer, text, 2)
        for each in found:
            assert each.pieces == [tokenizer.vocabulary[i] for i in each.ids]
            assert each.trace or each.note
            assert not each.trace or each.note in ("", IN_BYTES)
            assert (each.note == IN_BYTES) == (each.trace is not None and any(piece in BYTES for piece in each.pieces))

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_the_places_of_words_are_the_text(kind):
    found = accounts(library(kind), "The naïve cats sat")
    assert "".join(each.text for each in found).replace(" ", "") == "Thenaïvecatssat"
    assert sum(len(each.ids) for each in found) == len(library(kind).encode(["The naïve cats sat"])[0])


def test_merges():
    assert told(Account("abbab", "abbab", "bpe", ["abb", "ab"], [7, 12], STEPS)) == [
        "abbab",
        "pieces     merged  rank  times  could be merged too, with ranks",
        "a b b a b  a b        0      2  b b 2",
        "ab b a b   a b        0      1  ab b 1",
        "ab b ab    ab b       1      1",
        "abb ab",
        "pieces  abb  ab",
        "ids     7    12",
    ]


def test_few_of_many_candidates_are_told():
    ranks = {pair: i for i, pair in enumerate([("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f")])}
    lines = told(Account("w", "", "bpe", [], [], merges("w", "abababcdef", lambda *pair: ranks.get(pair))))
    assert lines[2].endswith("  a b        0      3  b a 1 (twice), b c 2, c d 3, and 2 more")


def test_a_lattice():
    steps = segmentations("ab", every_arc("ab", {"a": math.log(0.5), "b": math.log(0.2), "ab": math.log(0.3)}, -9, 2), 5)
    assert told(Account("ab", "ab", "unigram", ["ab"], [3], steps)) == [
        "ab",
        "best of 2 ways    log p       p",
        "ab              -1.2040  0.7500",
        "a b             -2.3026  0.2500",
        "from  to  piece    log p  posterior",
        "   0   1  a      -0.6931     0.2500",
        "   0   2  ab     -1.2040     0.7500  best",
        "   1   2  b      -1.6094     0.2500",
        "pieces  ab",
        "ids     3",
    ]


@settings(max_examples=60)
@given(st.dictionaries(st.text("ab", min_size=1, max_size=3), st.floats(-9, -0.5), max_size=9), st.text("ab", min_size=1, max_size=7))
def test_probabilities_add_up(drawn, text):
    scores = {"a": -2.0, "b": -3.0} | drawn
    every = list(all_ways(text, scores))
    for count in (1, 3, len(every)):
        steps = segmentations(text, every_arc(text, scores, -9.0, 3), count)
        assert ways(steps) == len(every)
        assert sum(path.probability for path in steps.paths) + remainder(steps) == pytest.approx(1)
        for place in range(len(text)):  # each place is in some piece
            assert sum(arc.posterior for arc in steps.arcs if arc.begin <= place < arc.end) == pytest.approx(1)
        spelled = told(Account(text, "", "unigram", [], [], steps))
        assert any("more)" in line for line in spelled) == (count < len(every))


def test_longest_matches():
    first, second, third = accounts(wordpiece(), "abcd abbc aaaaaaaaaa")
    assert told(first) == [
        "abcd", "from  found  not in the vocabulary", "   0  ab     abcd, abc", "   2  –      ##cd, ##c", "pieces  [UNK]", "ids     0",
    ]  # fmt: skip
    assert told(second)[2:] == ["   0  ab     abbc, abb", "   2  ##bc", "pieces  ab  ##bc", "ids     4   3"]
    assert told(third)[2] == "   0  –      longer than the words that are looked at"
    many = MatchTrace("abcdefghi", [Match(0, ["abcdefghi"[:end] for end in range(9, 0, -1)], found=True)], "?")
    assert told(Account("w", "", "wordpiece", [], [], many))[2].endswith(
        "abcdefghi, abcdefgh, abcdefg, abcdef, abcde, abcd, and 2 more"
    )


def test_words_that_are_not_cut():
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"the": 0, "?": 1}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    assert list(as_text(accounts(Library(words), "the cat"))) == [
        "word: each word is a piece; one that the vocabulary lacks is unknown", "", "the▁cat", "pieces  the  ?", "ids     0    1",
    ]  # fmt: skip
    assert list(as_text(accounts(Library(words, "strange"), "the")))[:4] == [
        "strange: pieces of a vocabulary", "", "the", "(this tokenizer has no steps to show)",
    ]  # fmt: skip


def test_what_the_vocabulary_lacks():
    found = accounts(library("unigram"), "cats Ж")[-1]
    assert (found.trace, found.pieces[-1], found.text.strip()) == (None, "<unk>", "Ж")
    assert "characters that the vocabulary lacks" in told(found)[1]
    assert json.loads(next(as_json([found])))["note"] == found.note


def test_words_that_are_looked_up_first():
    from tokenizers import Tokenizer, models

    ranks = [("a", "b"), ("b", "c")]
    ids = {piece: i for i, piece in enumerate(["a", "b", "c", "ab", "bc", "abc"])}
    plain = accounts(Library(Tokenizer(models.BPE(ids, ranks))), "abc")[0]
    first = accounts(Library(Tokenizer(models.BPE(ids, ranks, ignore_merges=True))), "abc")[0]
    assert (plain.pieces, plain.note, isinstance(plain.trace, MergeTrace)) == (["ab", "c"], "", True)
    assert (first.pieces, first.trace) == (["abc"], None)
    assert "looks that up first" in first.note


@pytest.mark.parametrize("text", ["", " "])
def test_no_word(text):
    with pytest.raises(UsageFailure, match="no word to trace"):
        accounts(wordpiece(), text)


@pytest.mark.parametrize("name", [*MERGING, *SUMMING])
def test_json_has_all_there_is(name):
    found = accounts(makes()[name], "abab theä mats")
    records = [json.loads(line) for line in as_json(found)]
    assert [record["word"] for record in records] == [each.word for each in found]
    for record, each in zip(records, found, strict=True):
        assert {key: record[key] for key in ("text", "kind", "pieces", "ids")} == {
            "text": each.text, "kind": each.kind, "pieces": each.pieces, "ids": each.ids,
        }  # fmt: skip
        if each.trace:
            assert asdict(each.trace) == {key: record[key] for key in asdict(each.trace)}


def test_json_has_no_numbers_that_are_none():
    steps = LatticeTrace("a", [Arc(0, 1, "a", -math.inf, math.nan)], [Path(["a"], -math.inf, 1.0)])
    record = json.loads(next(as_json([Account("a", "a", "unigram", ["a"], [0], steps)])), parse_constant=pytest.fail)
    assert record["arcs"][0] == {"begin": 0, "end": 1, "piece": "a", "score": None, "posterior": None}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=5))
def test_columns_are_straight(rows):
    shown = [[seen(cell) for cell in row] for row in rows]
    lines = list(columns([[*row, "|"] for row in shown], (0,)))
    assert len({width(line) for line in lines}) == 1
    assert all(line.isprintable() and line.startswith(row[0]) for line, row in zip(lines, shown, strict=True))


def test_what_cannot_be_seen():
    assert seen("a b\tc\u00a0\u202e\ud800") == r"a▁b\tc\xa0\u202e\ud800"
    assert seen("猫é👍") == "猫é👍"


@given(st.lists(st.text(min_size=1, max_size=4), max_size=5))
def test_spans_follow_each_other(pieces):
    assert [end for _, end in spans(pieces)] == list(accumulate(map(len, pieces)))
    assert ["".join(pieces)[begin:end] for begin, end in spans(pieces)] == pieces
