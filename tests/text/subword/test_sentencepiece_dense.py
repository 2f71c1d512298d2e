"""Many chunks at once: the table of scores against the lattice, characters that stay as they are, sums in turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.text.subword.engine import Engine
from seqcli.text.subword.sentencepiece_dense import MOST, Dense
from seqcli.text.subword.sentencepiece_lattice import best_paths, close, lattice
from seqcli.text.subword.sentencepiece_trie import Texts, Trie
from tests.text.subword.test_sentencepiece import BYTES, PLAIN, small

LONGER = st.dictionaries(st.text("abc", min_size=2, max_size=9), st.floats(-9, 0, width=32), max_size=12)


def dense(longer: dict[str, float], unknown: float = -20.0) -> Dense:
    pieces = {"a": -2.0, "b": -3.0, "\U0001f600": -4.5, **longer}
    return Dense(Trie(list(pieces), range(len(pieces))), np.array([*pieces.values(), unknown], dtype=np.float32), len(pieces))


@settings(max_examples=150)
@given(LONGER, st.lists(st.text("abc\U0001f600", max_size=12), min_size=1, max_size=9), st.sampled_from([-20.0, -499.0]))
def test_the_table_is_the_lattice(longer, texts, unknown):
    ours = dense(longer, unknown)
    scores = np.array([*[-2.0, -3.0, -4.5], *longer.values(), unknown])
    found = lattice(ours.trie, len(scores) - 1, Texts.of(texts))
    paths = best_paths(found, scores)
    wanted = np.split(paths.ids, np.cumsum(paths.counts)[:-1])
    marked = close(found, paths, scores)
    cut = ours(texts)
    for ids, other, near, must in zip(cut.rows(), wanted, cut.close, marked, strict=True):
        assert near or not must
        assert near or ids == other.tolist()


@settings(max_examples=60)
@given(LONGER, st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=6), st.integers(-99_000, 99_000))
def test_what_is_not_close_is_the_same_after_any_sum(longer, texts, before):
    ours = dense(longer)
    scores = np.array([*[-2.0, -3.0, -4.5], *longer.values(), -20.0], dtype=np.float32)
    cut = ours(texts)
    found = lattice(ours.trie, len(scores) - 1, Texts.of(texts))
    paths = best_paths(found, scores, np.full(len(texts), before + 0.37, dtype=np.float32))
    for ids, other, near in zip(cut.rows(), np.split(paths.ids, np.cumsum(paths.counts)[:-1]), cut.close, strict=True):
        assert near or ids == other.tolist()


def test_ways_that_are_as_good_are_close():
    ours = dense({"ab": -5.0, "ba": -5.5})
    assert ours(["ab", "ba", "aba", "a", "x", ""]).close.tolist() == [True, False, True, False, False, False]


@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1, 3 * MOST])
def test_long_chunks(size):
    """Beyond the table's lengths the lattice takes over, in the order of the texts."""
    ours = small(extra=[("ab" * 40, -1.0, 1), ("c" * MOST, -1.0, 1)])
    unigram = ours.unigram
    assert unigram is not None
    texts = ["▁ab", "ab" * size, "c" * size, "", "b" * size, "▁ab" * 2]
    rows, marks = unigram.inside(texts)
    wanted = [ids for text in texts for ids in unigram.long([text]).rows()]
    assert [mark or ids == other for ids, mark, other in zip(rows, marks, wanted, strict=True)] == [True] * len(texts)
    assert marks == [False, True, size == MOST + 1, False, False, False]  # ways that are as good


@settings(max_examples=150)
@given(st.lists(st.text(st.sampled_from("ab  ä\u0301▁\t\0\u3000"), max_size=8), min_size=1, max_size=20))
def test_many_lines_and_chunks_as_one_by_one(texts):
    for spec in ({}, {3: 0}, {4: 0}, {5: 0}):
        normalizer = small(normalizer=spec).normalizer
        assert normalizer.lines(texts) == [normalizer.normalized(text) for text in texts]
        chunks = [" " + text for text in texts]
        assert normalizer.insides(chunks) == [normalizer.inside(chunk) for chunk in chunks]


@pytest.mark.parametrize("name", ["plain", "casefold", "identity", "symbols"])
def test_many_lines_by_rules(name):
    """The rules of SentencePiece, on lines with combining marks and letters that change, as its own."""
    from tests.oracles.test_sentencepiece_models import pair

    ours, theirs = pair("bpe", name)
    normalizer = ours.normalizer

    @settings(max_examples=60)
    @given(
        st.lists(
            st.text(st.sampled_from("aeA Ä  ﬁ\u0301\u0308ｶﾞ가ᄀ\u1161\u11a8漢½\u200b\u00a0\t\u00ad▁"), max_size=8),
            min_size=8,
            max_size=30,
        )
    )
    def check(texts):
        assert normalizer.lines(texts) == [normalizer.normalized(text) for text in texts] == [theirs.normalize(text) for text in texts]
        chunks = [" " + text for text in texts]
        assert normalizer.insides(chunks) == [normalizer.inside(chunk) for chunk in chunks]

    check()


def test_what_stays_as_it_is():
    from tests.oracles.test_sentencepiece_models import pair

    chunks = [" Katze", " é", " e\u0301", " ﬁ", " a b", "  a", "a", " ", " a▁", " \u0301a", " a\0b"]
    assert pair("bpe", "plain")[0].normalizer.plain(chunks) == [True, True, *[False] * 7, True, True]
    assert pair("bpe", "symbols")[0].normalizer.plain(chunks) == [False] * 11


def test_doubts_one_after_another():
    """Several in a line: each is decided by the sum that those before it leave."""
    ours = small(scores={**PLAIN, "▁a": -5.0, "▁ab": -5.2000001}, extra=BYTES, trainer={35: 1})
    lines = ["c ab " * n + "ab b ab" + " b" * (n % 3) for n in range(40)] + ["c", "", "ab"]
    assert None in ours.encode_inside([" ab"])
    unigram = ours.unigram
    assert unigram is not None
    texts = ours.normalizer.lines(lines)
    wanted = [ours.final(ids, text) for text, ids in zip(texts, unigram.whole(texts), strict=True)]
    assert ours.encode(lines) == wanted
    assert [ours.encode([line])[0] for line in lines] == wanted
    written = [" ".join(map(str, ids)) + "\n" for ids in wanted]
    for batch in (1, 40, 1 << 18):
        engine = Engine(ours, lambda number: b" %d" % number, batch=batch)
        assert engine("".join(line + "\n" for line in lines).encode()).decode() == "".join(written)
