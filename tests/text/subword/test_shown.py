import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.blocks import Block
from seqcli.errors import Failure
from seqcli.text.subword.shown import ALONE, Back, Details, Job, Shown, Texts, clean, listing, results
from tests.text.subword.toys import KINDS, library

LOSSLESS = ("bpe", "byte-bpe")
TEXT = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20)
LINES = st.lists(st.one_of(TEXT, st.from_regex("[0-9 ]{0,9}", fullmatch=True), st.from_regex("[\r▁ a<id:7>]{0,9}", fullmatch=True)))


def block(lines, name="notes.txt"):
    return Block("".join(line + "\n" for line in lines).encode(), name, 7)


@given(st.lists(st.text("a ▁\n\r<id:0123>", max_size=6), unique=True, min_size=1))
def test_no_two_pieces_look_alike(vocabulary):
    shown = Shown(vocabulary)
    looks = [shown(number) for number in range(len(vocabulary))]
    assert len(set(looks)) == len(looks)
    assert [shown.number(look) for look in looks] == list(range(len(looks)))
    assert not any(set(look) & set(" \r\n") or not look for look in looks)
    for odd in ("", "<id:>", "<id:-1>", "<id:+1>", "<id:1_0>", "<id:²>", f"<id:{len(looks)}>", f"<id:{'9' * 5000}>"):
        assert shown.number(odd) is None


def test_pieces_as_people_see_them():
    assert list(map(Shown([" the", "a b", "▁", "", "<id:0>", "\n", "Ġx"]), range(7))) == [
        "▁the", "a▁b", "<id:2>", "<id:3>", "<id:4>", "<id:5>", "Ġx",
    ]  # fmt: skip
    assert list(map(Shown(["▁the", "▁", "<unk>"]), range(3))) == ["▁the", "▁", "<unk>"]
    assert Shown(["a", "b", "a"]).number("a") == 0


@pytest.mark.parametrize("kind", LOSSLESS)
def test_back_undoes_it(kind):
    tokenizer = library(kind)
    pieces, numbers = Job(tokenizer), Job(tokenizer, ids=True)
    back, back_from_ids = Back(tokenizer), Back(tokenizer, ids=True)

    @given(LINES)
    def law(lines):
        data = block(lines)
        for job, undo in ((pieces, back), (numbers, back_from_ids)):
            out = job(data)
            assert out.count(b"\n") == len(lines)
            assert undo(Block(out, "x", 7)) == clean(data)

    law()


def test_numbers_are_ids_unless_they_are_what_is_shown_for_a_text():
    tokenizer = library("byte-bpe")
    seven, year = tokenizer.encode(["7", "2024"])
    shown = Job(tokenizer)(block(["7", "2024"])).decode().split("\n")
    assert shown[0] == "7"
    assert Back(tokenizer)(block([shown[0], str(seven[0]), shown[1]])) == b"7\n7\n2024\n"
    assert Back(tokenizer, ids=True)(block([" ".join(map(str, year)), " 7 "])).decode() == f"2024\n{tokenizer.decode([7])}\n"
    wordy = library("bpe")  # every text begins with a blank, so no line of ids is what is shown for one
    [ids] = wordy.encode(["the cat"])
    assert Back(wordy)(block([" ".join(map(str, ids))])) == b"the cat\n"


@pytest.mark.parametrize(
    ("line", "ids", "said"),
    [
        ("1 420000", True, "notes.txt, line 8: id 420000 is out of range: the vocabulary has"),
        ("1 420000", False, "line 8: id 420000 is out of range"),
        ("9" * 5000, True, "is out of range"),
        ("1 -2", True, "line 8: '-2' is not an id (ids are numbers; for pieces leave --ids out)"),
        ("1 ²", True, "'²' is not an id"),
        ("1 1_0", True, "'1_0' is not an id"),
        ("1 x", True, "line 8: 'x' is not an id"),
        ("▁the ▁zebra", False, "line 8: the vocabulary has no piece '▁zebra' (was it made with another -m?)"),
        ("▁the <id:420000>", False, "no piece '<id:420000>'"),
    ],
)
def test_what_cannot_be_read_back(line, ids, said):
    with pytest.raises(Failure) as failure:
        Back(library("bpe"), ids)(block(["", line]))
    assert said in str(failure.value)


@pytest.mark.parametrize(
    ("data", "first", "wanted"),
    [
        (b"", 1, b""),
        (b"a", 1, b"a\n"),
        (b"a\r\n\r\n\r\r\nb\r", 1, b"a\n\n\r\nb\n"),
        ("\ufeffa\n\ufeffb\n".encode(), 1, "a\n\ufeffb\n".encode()),
        ("\ufeffa\n".encode(), 2, "\ufeffa\n".encode()),
        ("\u2028\x85\x0b\n".encode(), 1, "\u2028\x85\x0b\n".encode()),
        ("\ufeff\xff\r\n".encode() + b"\xff\r\n", 1, "\xff\n\ufffd\n".encode()),
    ],
)
def test_clean_text_is_what_lines_says(data, first, wanted):
    found = Block(data, "notes.txt", first)
    assert clean(found, "replace") == wanted
    assert wanted.decode() == "".join(line + "\n" for line in found.lines("replace"))


def test_clean_text_says_where_it_is_not():
    with pytest.raises(Failure, match=r"notes.txt, line 8, byte 2: not valid UTF-8"):
        clean(Block(b"a\nb\xffc\n", "notes.txt", 7))


@pytest.mark.parametrize("kind", KINDS)
def test_objects_say_what_a_text_consists_of(kind):
    tokenizer = library(kind)
    lines = ["the cat  sat", "", "猫 don't"]
    for found, line in zip(map(json.loads, Details(tokenizer)(block(lines)).split(b"\n")[:-1]), lines, strict=True):
        assert found["text"] == line
        assert [found["ids"]] == tokenizer.encode([line])
        assert found["pieces"] == [tokenizer.vocabulary[number] for number in found["ids"]]
        assert all(0 <= start <= end <= len(line) for start, end in found["offsets"])


def test_objects_keep_their_fields():
    lines = ['{"id": 7, "text": "the\\ncat", "more": {"é": [1, null]}}', "", '"the cat"', '{"text": "a\\ud800b"}']
    found = [json.loads(line) for line in Details(library("bpe"), "jsonl")(block(lines)).split(b"\n")[:-1]]
    assert (found[0]["id"], found[0]["more"], found[0]["text"]) == (7, {"é": [1, None]}, "the cat")
    assert found[0]["ids"] == found[2]["ids"]
    assert found[1]["ids"] == []
    assert found[3]["text"] == "a\ufffdb"
    assert Job(library("bpe"), source="jsonl")(block(lines)).decode().split("\n")[:3] == [
        *Job(library("bpe"))(block(["the cat", "", "the cat"])).decode().split("\n")[:3]
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "not JSON"), ("[1]", "expected an object with `text`"), ('{"text": 3}', "`text`"), ('{"a": "b"}', "`text`")],
)
def test_broken_objects(line, said):
    with pytest.raises(Failure, match=f"notes.txt, line 8: .*{said}"):
        Job(library("bpe"), source="jsonl")(block(['"fine"', line]))


def test_a_vocabulary_is_listed():
    tokenizer = library("bpe")
    rows = [line.split("\t") for line in b"".join(listing(tokenizer)).decode().split("\n")[:-1]]
    assert [int(row[0]) for row in rows] == list(range(len(tokenizer.vocabulary)))
    assert all(len(row) == 3 for row in rows)
    assert [float(row[2]) for row in rows] == tokenizer.scores()
    found = [json.loads(line) for line in listing(tokenizer, as_json=True)]
    assert [each["piece"] for each in found] == tokenizer.vocabulary


def test_results_come_while_the_input_pauses():
    seen = []

    def source():
        for i in range(4):
            yield Block(b"x" * (ALONE // 2), str(i), 1)
            yield Block(b"", str(i), 1)
            seen.append(i)

    for i, name in enumerate(results(lambda block: block.name, source(), 2)):
        assert name == str(i)
        assert len(seen) <= i


def test_texts_are_made_when_asked_for():
    texts = Texts(library("bpe"), ids=True)
    assert texts[7] == b" 7"
    assert list(texts) == [7]
