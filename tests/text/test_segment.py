"""The laws every segmentation keeps, tables of English and other cases, and figures on the Web Treebank."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.text.segment import RuleSegmenter, Segmentation

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

# Anything that may come: plain characters, and those that break careless code, more often than chance would bring them.
ODD = "\0\x1c\x85\xa0\u2028\u3000\u200d\ufe0f\ud800\udfff\u0301İßŉ👩🏽😀🇩🇪שלاكहि।中か。タ한…’“”«»½²"
PIECES = [
    "n't",
    "'s",
    "U.S.",
    "e.g.",
    "http://",
    "www.",
    "a@b.c",
    "Mr.",
    "...",
    "?!",
    "I",
    "The",
    "its",
    "a",
    "1)",
    "--",
]
CHARACTERS = st.characters(exclude_characters="\n\r")
RANDOM_LINES = st.text(CHARACTERS | st.sampled_from(ODD + " .,'?!:-/"), max_size=40)
LINES = st.lists(RANDOM_LINES | st.lists(st.sampled_from([*PIECES, " ", "Ann", "x"]), max_size=12).map("".join), max_size=6)


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a line, their words with spaces between them."""
    found = RuleSegmenter(language).segment([text])
    stops = np.cumsum(found.lengths)
    return [" ".join(found.tokens[stop - length : stop]) for length, stop in zip(found.lengths, stops, strict=True)]


def words(text: str, language: str = "en") -> str:
    return " ".join(RuleSegmenter(language).segment([text]).tokens)


def check_laws(lines: Sequence[str], found: Segmentation) -> None:
    spans = found.spans()
    assert found.lengths.dtype == found.sentences.dtype == spans.dtype == np.int64
    assert found.joined.dtype == np.bool_
    assert spans.shape == (len(found.tokens), 2)
    assert found.joined.shape == (len(found.tokens),)
    assert found.lengths.sum() == len(found.tokens)
    assert found.sentences.sum() == len(found.lengths)
    assert len(found.sentences) == len(lines)
    assert (found.lengths > 0).all()
    token = sentence = 0
    for line, count in zip(lines, found.sentences, strict=True):
        stop = token + int(found.lengths[sentence : sentence + count].sum())
        sentence += int(count)
        at = 0
        for place in range(token, stop):
            start, end = spans[place]
            assert line[start:end] == found.tokens[place]
            assert start < end
            assert not line[at:start].strip()  # only white space between two words
            assert not any(map(str.isspace, found.tokens[place]))
            assert not found.joined[place] or (place > token and start == at)
            at = end
        assert not line[at:].strip()
        assert (count == 0) == (not line.strip())
        token = stop


@pytest.mark.parametrize("language", ["en", "und"])
@given(lines=LINES)
@settings(max_examples=200, deadline=None)
def test_laws(language: str, lines: list[str]) -> None:
    segmenter = RuleSegmenter(language)
    together = segmenter.segment(lines)
    check_laws(lines, together)
    alone = [RuleSegmenter(language).segment([line]) for line in lines]
    assert together.tokens == [token for part in alone for token in part.tokens]
    assert together.lengths.tolist() == [length for part in alone for length in part.lengths]
    assert together.sentences.tolist() == [count for part in alone for count in part.sentences]
    assert together.joined.tolist() == [flag for part in alone for flag in part.joined]
    again = segmenter.segment(lines)
    assert again.tokens == together.tokens
    assert again.lengths.tolist() == together.lengths.tolist()


def test_nothing() -> None:
    for lines in ([], [""], [" \t", ""]):
        found = RuleSegmenter().segment(lines)
        check_laws(lines, found)
        assert found.tokens == []
        assert found.sentences.tolist() == [0] * len(lines)


def test_blocks_and_a_table_that_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"Line {number} isn't like line {number + 1}. Or is it?" for number in range(200)]
    whole = RuleSegmenter().segment(lines)
    monkeypatch.setattr("seqcli.text.segment._BLOCK", 100)
    monkeypatch.setattr("seqcli.text.segment._TABLE", 50)
    parts = RuleSegmenter().segment(lines)
    assert parts.tokens == whole.tokens
    assert parts.lengths.tolist() == whole.lengths.tolist()
    assert parts.sentences.tolist() == [2] * 200
    check_laws(lines, parts)


@pytest.mark.parametrize("language", ["en", "und"])
@pytest.mark.parametrize(
    "line",
    ["a" * 10**6, "." * 10**6, "http://" * 10**5, "'" * 10**6, "a-" * 10**5, "a.b@" * 10**5, "1,2" * 10**5,
     "www." * 10**5, "n't" * 10**5, "_a" * 10**5, ":(" * 10**5, "(" * 10**6, "é\u0301" * 10**5, "Mr." * 10**5,
     "'s" * 10**5, "😀\u200d" * 10**5, "中。" * 10**5, "a. " * 10**5],
    ids=lambda line: ascii(line[:8]),
)  # fmt: skip
def test_long_lines_come_to_an_end(language: str, line: str) -> None:
    """A rule that looks back over all of the line for each character would be at it for hours."""
    found = RuleSegmenter(language).segment([line])
    assert "".join(found.tokens) == line.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't, can't and won't.", "I do n't , ca n't and wo n't ."),
        ("Ann’s mother isn’t here", "Ann ’s mother is n’t here"),
        ("I shouldn't've", "I should n't 've"),
        ("We cannot. I'm gonna, he dont, im off", "We can not . I 'm gon na , he do nt , i m off"),
        ("The students' books", "The students ' books"),
        ("'Cause it's the '90s and rock'n'roll", "'Cause it 's the '90s and rock'n'roll"),
        ("O'Brien at five o'clock", "O'Brien at five o'clock"),
        ("its not its own", "it s not its own"),
        ("a well-known, non-stop e-mail", "a well - known , non-stop e-mail"),
        ("state-of-the-art", "state - of - the - art"),
        ("and/or on 9/11 or 1/2", "and / or on 9/11 or 1 / 2"),
        ("$3.50, 1,000 and 10% off", "$ 3.50 , 1,000 and 10 % off"),
        ("at 10:30 or 5pm, 35mm, 3-4 km", "at 10:30 or 5 pm , 35 mm , 3 - 4 km"),
        ("the 1990s, the 20th", "the 1990s , the 20th"),
        ("Call 555-123-4567 by 03/15/2001.", "Call 555-123-4567 by 03/15/2001 ."),
        ("Mr. Lee of the U.S. won", "Mr. Lee of the U.S. won"),
        ("see e.g. Fig. 3 at 3 p.m. today", "see e.g. Fig. 3 at 3 p.m. today"),
        ("J. K. Rowling", "J. K. Rowling"),
        ("cats, dogs, etc.", "cats , dogs , etc ."),
        ("(see http://example.org/a_(b)?c=d.)", "( see http://example.org/a_(b)?c=d . )"),
        ("<ann.lee@example.org>, www.example.org!", "< ann.lee@example.org > , www.example.org !"),
        ("#tag @user :-) <3 C++", "#tag @user :-) <3 C ++"),
        ("wait... what?! -- no—yes", "wait ... what ?! -- no — yes"),
        ("“Quoted,” she said.", "“ Quoted , ” she said ."),
        ("AT&T's U.S.'s", "AT&T 's U.S. 's"),
        ("naïve café, Zürich’s", "naïve café , Zürich ’s"),
        ("👩‍👩‍👧 ok👍🏽", "👩‍👩‍👧 ok 👍🏽"),
        ("Ελλάδα, Москва! 東京", "Ελλάδα , Москва ! 東 京"),
    ],
)
def test_english_words(text: str, expected: str) -> None:
    assert words(text) == expected


def test_joined_words_are_those_of_one_token() -> None:
    found = RuleSegmenter().segment(["Ann's dogs' tails can't (it's) AT&T's."])
    joined = [token for token, joined in zip(found.tokens, found.joined, strict=True) if joined]
    assert joined == ["'s", "'", "n't", "'s", "'s"]


@pytest.mark.parametrize(
    "expected",
    [
        ["He left .", "She stayed !", "Why ?"],
        ["Dr. Lee met Mr. Poe in St. Louis .", "They ate ."],
        ["She lives in the U.S. with J. Smith .", "He does not ."],
        ["It ended at 5 p.m .", "We left ."],
        ["See No. 5 and Fig. 2 .", "Yes or no .", "Fine ."],
        ["It rose 3.5 % .", "Prices of 1.50 fell ."],
        ["Wait ... what ?", "I see ..."],
    ],
)
def test_english_sentences(expected: list[str]) -> None:
    text = " ".join(expected)
    for glued, spaced in ((".", " ."), ("!", " !"), ("?", " ?"), ("...", " ..."), ("%", " %")):
        text = text.replace(spaced, glued)
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Who is it?" he asked. "Me."', ['" Who is it ? " he asked .', '" Me . "']),
        ("He said (softly.) Then left.", ["He said ( softly . )", "Then left ."]),
        ("It works?Yes.It does", ["It works ?", "Yes .", "It does"]),
        ("Poor service We waited an hour.", ["Poor service", "We waited an hour ."]),
        ("See you soon. Thanks, Bob Smith", ["See you soon .", "Thanks ,", "Bob Smith"]),
        ("Hi Ann, The file is here.", ["Hi Ann ,", "The file is here ."]),
        ("Ann Lee 03/15/2001 04:11 PM Please read this.", ["Ann Lee", "03/15/2001 04:11 PM", "Please read this ."]),
        ("1. Open it. 2. Read it.", ["1 . Open it .", "2 . Read it ."]),
        ("In The Hague, the U.S. Army", ["In The Hague , the U.S. Army"]),
    ],
)
def test_english_sentences_of_mail_and_lists(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "你好。再见！「好？」是", ["你 好 。", "再 见 ！", "「 好 ？ 」", "是"]),
        ("ja", "カメラを買う。", ["カメラ を 買 う 。"]),
        ("hi", "मैं हूँ। तुम कौन हो?", ["मैं हूँ ।", "तुम कौन हो ?"]),
        ("ar", "هل أنت هنا؟ نعم.", ["هل أنت هنا ؟", "نعم ."]),
        ("fr", "L'an 2003, «Où?» dit-il. Oui!", ["L'an 2003 , « Où ? » dit - il .", "Oui !"]),
        ("de", "Am 3. Mai kam J. Wolf. Er ging...", ["Am 3 . Mai kam J . Wolf .", "Er ging ..."]),
        ("ru", "Привет, мир! Как дела?", ["Привет , мир !", "Как дела ?"]),
        ("ko", "안녕하세요. 저는 3.5점입니다.", ["안녕하세요 .", "저는 3.5점입니다 ."]),
        ("th", "สวัสดี ครับ", ["สวัสดี ครับ"]),
        ("und", "👨‍👩‍👧 1,000 x_1 don't", ["👨‍👩‍👧 1,000 x_1 don't"]),
    ],
)
def test_other_languages(language: str, text: str, expected: list[str]) -> None:
    assert sentences(text, language) == expected


def test_a_line_end_ends_a_sentence() -> None:
    found = RuleSegmenter().segment(["no stop here", "and none here", "", "The end"])
    assert found.sentences.tolist() == [1, 1, 0, 1]
    assert found.lengths.tolist() == [3, 3, 2]


def _documents(path: Path, limit: int) -> Iterator[tuple[str, set[tuple[int, int]], set[tuple[int, int]]]]:
    """Raw text of a document, and the (start, end) of its sentences and of its tokens, without white space counted.

    A multi-word token counts as one.
    """
    blocks = gzip.decompress(path.read_bytes()).decode().strip().split("\n\n")[:limit]
    document, text, ends, tokens, at, glue = "", "", [0], set[tuple[int, int]](), 0, True
    for block in blocks:
        fields = dict(re.findall(r"^# (sent_id|text) = (.*)$", block, re.M))
        name = re.sub(r"-?\d+$", "", fields["sent_id"])
        if name != document and document:
            yield text, set(pairwise(ends)), tokens
            text, ends, tokens, at, glue = "", [0], set(), 0, True
        document = name
        text += ("" if glue else " ") + fields["text"]
        inside = 0
        for row in (line.split("\t") for line in block.split("\n") if line[0] != "#"):
            first, _, last = row[0].partition("-")
            glue = row[9] != "_" and "SpaceAfter=No" in row[9]
            if "." in first or (not last and int(first) <= inside):
                continue
            inside = int(last or 0)
            tokens.add((at, at := at + len(row[1])))
        ends.append(at)
    yield text, set(pairwise(ends)), tokens


def test_accuracy_on_the_web_treebank() -> None:
    path = DATA / "ud" / "en_ewt" / "dev.conllu.gz"
    if not path.exists():
        pytest.skip("the Web Treebank is not there: set SEQ_DATA to the folder that holds ud/en_ewt")
    segmenter = RuleSegmenter()
    right = np.zeros(2)
    total = np.zeros(2)
    for text, gold_sentences, gold_tokens in _documents(path, 3000):
        found = segmenter.segment([text])
        sizes = [len(token) for token in found.tokens]
        stops = np.cumsum(sizes)
        starts = (stops - sizes)[~found.joined]
        tokens = set(zip(starts.tolist(), [*starts[1:].tolist(), int(stops[-1])], strict=True))
        ends = [0, *stops[np.cumsum(found.lengths) - 1].tolist()]
        guessed = set(pairwise(ends))
        right += [len(tokens & gold_tokens), len(guessed & gold_sentences)]
        total += [len(tokens) + len(gold_tokens), len(guessed) + len(gold_sentences)]
    tokens_f1, sentences_f1 = 200 * right / total
    assert tokens_f1 > 99.3
    assert sentences_f1 > 81
