import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.blocks import Block
from seqcli.text.subword import stats
from seqcli.text.subword.library import Library
from seqcli.text.subword.stats import Comparison, Stats, Tally, report
from tests.text.subword.toys import KINDS, LINES, library, trained

WORDS = st.sampled_from(["the", "cat", "mats.", " ", "  ", "\t", "猫", "2024", "don't", "x"])


def brute(tokenizer, lines):
    """The sums by the places of pieces, line by line."""
    found = Stats(len(tokenizer.vocabulary), len(lines))
    for line in lines:
        pieces = tokenizer.pieces(line)
        found.characters += len(line)
        found.bytes += len(line.encode())
        found.pieces += len(pieces)
        found.unknown += sum(piece.id == tokenizer.unknown for piece in pieces)
        for word in re.finditer(r"\S+", line):
            found.words += 1
            start, end = word.span()
            spans = [(piece.id, piece.start, piece.end) for piece in pieces]
            over = [i for i, first, last in spans if (first < end and last > start) or start < first == last <= end]
            found.whole += len(over) == 1 and over[0] != tokenizer.unknown
        for piece in pieces:
            found.used[piece.id] = 1
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_add_up_to_lines(kind, monkeypatch):
    monkeypatch.setattr(stats, "KEEP", 5)
    tokenizer = library(kind)
    tally = Tally(tokenizer)

    @given(st.lists(st.lists(WORDS, max_size=9).map("".join)))
    def law(lines):
        assert tally(lines) == brute(tokenizer, lines)

    law()
    tokenizer.separable = False
    assert tally(LINES) == brute(tokenizer, LINES)


def test_lines_with_a_chunk_that_depends_on_its_neighbours():
    class Shy(Library):
        def encode_inside(self, chunks):
            return [None if "cat" in chunk else ids for chunk, ids in zip(chunks, super().encode_inside(chunks), strict=True)]

    lines = ["the cat sat", "a mat", "cat sat", "the cat", ""]
    assert Tally(Shy(trained("bpe"), "bpe"))(lines) == brute(library("bpe"), lines)


def test_parts_add_up():
    tokenizer = library("unigram")
    work = Comparison([tokenizer])
    cut = [Block("".join(line + "\n" for line in LINES[i : i + 5]).encode(), "x", 1) for i in range(0, len(LINES), 5)]
    assert work.total(iter(cut)) == [brute(tokenizer, LINES)]
    assert work.total(iter(())) == [Stats(len(tokenizer.vocabulary))]


def test_figures():
    found = Stats(4, lines=2, words=4, characters=24, bytes=32, pieces=8, unknown=2, whole=1, used=bytearray([1, 0, 0, 1]))
    assert found.figures() == {
        "pieces_per_word": 2, "pieces_per_line": 4, "characters_per_piece": 3, "bytes_per_piece": 4, "unknown": 0.25,
        "whole_words": 0.25, "vocabulary_used": 0.5,
    }  # fmt: skip
    assert Counter(Stats(4).figures().values()) == {None: 6, 0: 1}


def test_reports():
    tokenizers = [library("bpe"), library("byte-bpe")]
    data = [Block(b"the cat sat\n", "x", 1)]
    text = report(["mine", "other"], Comparison(tokenizers), iter(data), 1, as_json=False).decode()
    assert [line.split("  ")[0] for line in text.split("\n")][:4] == ["", "method", "vocabulary", "lines"]
    assert text.split("\n")[0].split() == ["mine", "other"]
    assert ["unknown", "0.00", "%", "0.00", "%"] in [line.split() for line in text.split("\n")]
    records = [json.loads(line) for line in report(["mine", "other"], Comparison(tokenizers), iter(data), 1, as_json=True).splitlines()]
    assert [(each["model"], each["kind"], each["words"]) for each in records] == [("mine", "bpe", 3), ("other", "byte-bpe", 3)]
    assert records[0]["pieces_per_word"] == records[0]["pieces"] / 3
