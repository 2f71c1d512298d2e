"""The learned segmenter: what a treebank says of its text, learned by heart; laws of the cut; contractions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import conllu, folder
from seqcli.data.examples import Batch, Tagging
from seqcli.models import segmenter
from seqcli.models.segmenter import MARGIN, PIECE, LearnedSegmenter, Token, chunks_of, tokens_of, windows

ROWS = {"au": ("à", "le"), "du": ("de", "le")}
TEXTS = ("Il va au port.", "L'ami du roi dort !", "Elle dort.", "Que dit l'ami ?", "Il dort au port du roi.")


def sentence(text: str) -> conllu.Sentence:
    """A French sentence as a treebank has it: elisions and marks cut off, contractions written out."""
    rows: list[str] = []
    number = 0
    for chunk in text.split():
        pieces = chunk.replace("'", "' ").replace(".", " .").split()
        for place, piece in enumerate(pieces):
            words = ROWS.get(piece, (piece,))
            misc = "_" if place == len(pieces) - 1 else "SpaceAfter=No"
            if len(words) > 1:
                rows.append(f"{number + 1}-{number + len(words)}\t{piece}" + "\t_" * 7 + f"\t{misc}")
            for word in words:
                number += 1
                rows.append(f"{number}\t{word}" + "\t_" * 7 + f"\t{misc if len(words) == 1 else '_'}")
    return conllu.parse([f"# text = {text}", *rows])


@pytest.fixture(scope="module")
def french() -> LearnedSegmenter:
    return segmenter.train([sentence(text) for text in TEXTS * 8], "fr", True, lambda _: None)


@pytest.fixture(scope="module")
def unspaced() -> LearnedSegmenter:
    words = [["甲乙", "丙", "。"], ["丁", "甲乙", "戊己", "。"], ["丙", "丁", "。"]]
    rows = ["\n".join(f"{i}\t{word}" + "\t_" * 8 for i, word in enumerate(sentence, 1)) for sentence in words * 30]
    return segmenter.train([conllu.parse(lines.split("\n")) for lines in rows], "zh", False, lambda _: None)


def test_words_and_sentences_are_those_of_the_treebank(french: LearnedSegmenter):
    found = french.segment(["Il va au port. L'ami du roi dort !", "", "Elle dort."])
    assert found.tokens[:11] == ["Il", "va", "à", "le", "port", ".", "L'", "ami", "de", "le", "roi"]
    assert found.lengths.tolist() == [6, 7, 3]
    assert found.sentences.tolist() == [2, 0, 1]
    assert [found.tokens[i] for i in np.flatnonzero(found.joined)] == ["le", "le"]


def test_a_full_table_changes_nothing(french: LearnedSegmenter, monkeypatch):
    """What is emptied between two blocks is read again as it was learned, not by the rules."""
    lines = [f"{text} {text}" for text in TEXTS]
    wanted = french.segment(lines)
    monkeypatch.setattr("seqcli.text.segment._TABLE", 5)
    monkeypatch.setattr("seqcli.text.segment._BLOCK", 30)
    for _ in range(2):
        found = french.segment(lines)
        assert found.tokens == wanted.tokens
        np.testing.assert_array_equal(found.lengths, wanted.lengths)


def test_the_words_of_a_contraction_share_its_span(french: LearnedSegmenter):
    line = "Il dort au port du roi."
    found = french.segment([line])
    spelled = [line[a:b] for a, b in found.spans().tolist()]
    assert spelled == ["Il", "dort", "au", "au", "port", "du", "du", "roi", "."]


def test_conllu_has_a_range_for_a_contraction(french: LearnedSegmenter):
    line = "L'ami du roi dort !"
    found = french.segment([line])
    batch = Batch(found.tokens, found.lengths, found.sentences, [line], found.spans, found.joined)
    tokens = [(token.form, token.words, token.blank) for token in tokens_of(sentence(line), True)]
    assert ("du", ("de", "le"), True) in tokens
    text = conllu.from_text(batch, {"upos": Tagging(("X",), np.zeros(len(found.tokens), np.int64))})
    [again] = conllu.read(text.split("\n"))
    assert "3-4\tdu\t" in text
    assert [(token.form, token.words, token.blank) for token in tokens_of(again, True)] == tokens


def test_text_without_blanks(unspaced: LearnedSegmenter):
    found = unspaced.segment(["丁甲乙戊己。甲乙丙。", "丙丁。 丁甲乙"])
    assert found.tokens == ["丁", "甲乙", "戊己", "。", "甲乙", "丙", "。", "丙", "丁", "。", "丁", "甲乙"]
    assert found.lengths.tolist()[:2] == [4, 3]
    wide, narrow = unspaced.segment(["丙丁。"]), unspaced.segment(["丙丁."])
    assert [len(word) for word in wide.tokens] == [len(word) for word in narrow.tokens]


@given(st.lists(st.text(alphabet="au duL'.!İ\u3000\t甲。\ud800😀", max_size=40), max_size=4))
def test_nothing_of_a_line_is_lost(french: LearnedSegmenter, lines: list[str]):
    found = french.segment(lines)
    spans = found.spans().tolist()
    assert len(spans) == len(found.tokens) == found.lengths.sum()
    assert (found.lengths > 0).all()
    assert len(found.sentences) == len(lines)
    word = 0
    sizes = iter(found.lengths.tolist())
    for line, count in zip(lines, found.sentences.tolist(), strict=True):
        inside = spans[word : word + sum(next(sizes) for _ in range(count))]
        word += len(inside)
        assert "".join(line[a:b] for a, b in dict.fromkeys(map(tuple, inside))) == "".join(line.split())


@given(st.lists(st.integers(1, 3 * PIECE), min_size=1, max_size=6))
def test_windows_have_every_place_once_and_its_neighbours(lengths: list[int]):
    places, sizes, kept = windows(np.array(lengths))
    assert places[kept].tolist() == list(range(sum(lengths)))
    assert sizes.max() <= PIECE + 2 * MARGIN
    assert len(places) == sizes.sum()


def test_a_long_text_is_cut_as_its_parts_are(unspaced: LearnedSegmenter):
    part = "丁甲乙戊己。甲乙丙。"
    one, many = unspaced.segment([part]), unspaced.segment([part * 200])
    assert many.tokens == one.tokens * 200


def test_chunks_say_where_sentences_begin_without_a_blank():
    first, second = [Token("Ja", ("Ja",), False), Token(".", (".",), False)], [Token("Du", ("Du",), True)]
    [chunk] = chunks_of([first, second])
    assert (chunk.text, "".join(chunk.tags), chunk.end) == ("Ja.Du", "BIBSI", "E")


def test_it_survives_its_folder(french: LearnedSegmenter, tmp_path: Path):
    config = {"model": "crf", "task": "tagging", "parameters": {}, "segmenter": french.config()}
    folder.write(tmp_path / "x", config, french.tensors(), {})
    again = segmenter.load(folder.read(tmp_path / "x"))
    assert again.segment(list(TEXTS)).tokens == french.segment(list(TEXTS)).tokens
