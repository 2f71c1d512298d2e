import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.blocks import Block
from seqcli.text.subword import shown
from seqcli.text.subword.engine import Engine, parts
from seqcli.text.subword.shown import Job, Texts, results
from tests.text.subword.test_library import SEPARABLE, N, bpe, of, split
from tests.text.subword.toys import KINDS, LINES, Awkward, library

WORDS = st.sampled_from(
    [*" \t\0\r", "  ", "the", "cat", "sat", "mats.", "2024", "é", "猫", "😀", "▁", "don't", "\u3000", "\xa0", "\u2028"]
)
ODD = st.lists(st.one_of(WORDS, st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=9)), max_size=9)
TEXTS = st.lists(ODD.map("".join), max_size=9)
OTHERS = {**SEPARABLE, "blanks of letters": lambda: of(bpe(), split(r"\s+|\S+"), N.Replace("b", " "))}
AWKWARD = st.lists(st.text("ab  xqz", max_size=12), max_size=12)


def expected(tokenizer, lines, ids=True):
    """The law: what `encode` gives, line by line."""
    if ids:
        return "".join(" ".join(map(str, found)) + "\n" for found in tokenizer.encode(lines)).encode()
    texts = Texts(tokenizer, ids=False)
    return b"".join(b" ".join(texts[number][1:] for number in found) + b"\n" for found in tokenizer.encode(lines))


def joined(lines):
    return "".join(line + "\n" for line in lines).encode()


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_is_encode_line_by_line(kind, ids):
    tokenizer = library(kind)
    engine = Engine(tokenizer, Texts(tokenizer, ids).__getitem__, bits=10, units=1 << 12)

    @settings(max_examples=150)
    @given(TEXTS)
    def law(lines):
        assert engine(joined(lines)) == expected(tokenizer, lines, ids)

    law()
    assert engine(joined(LINES * 2)) == expected(tokenizer, LINES * 2, ids)


@pytest.mark.parametrize(("bits", "units", "batch"), [(4, 1 << 10, 1 << 10), (6, 1 << 10, 50), (12, 30, 200), (12, 1, 64), (7, 200, 1)])
def test_an_engine_that_forgets_is_none_the_worse(bits, units, batch):
    tokenizers = (Awkward(), library("byte-bpe"))
    engines = [Engine(tokenizer, Texts(tokenizer, ids=True).__getitem__, bits, units, batch) for tokenizer in tokenizers]

    @settings(max_examples=50)
    @given(AWKWARD, st.randoms())
    def law(lines, rng):
        lines = [*lines, *(" ".join(rng.choices(["ab", "a", "b", "aab", "z"], k=20)) for _ in range(4))]
        for tokenizer, engine in zip(tokenizers, engines, strict=True):
            assert engine(joined(lines)) == expected(tokenizer, lines)

    law()


@given(AWKWARD)
def test_chunks_that_depend_on_their_neighbours(lines):
    tokenizer = Awkward()
    engine = Engine(tokenizer, Texts(tokenizer, ids=True).__getitem__, bits=10, units=1 << 10)
    for _ in range(2):
        assert engine(joined(lines)) == expected(tokenizer, lines)
    tokenizer.separable = False
    assert Engine(tokenizer, Texts(tokenizer, ids=True).__getitem__, 4, 4)(joined(lines)) == expected(tokenizer, lines)


@pytest.mark.parametrize("name", ["llama", "special, llama", "blanks of letters"])
def test_chunks_that_change_what_follows(name):
    tokenizer = OTHERS[name]()
    assert tokenizer.separable
    engine = Engine(tokenizer, Texts(tokenizer, ids=True).__getitem__, bits=10, units=1 << 10)
    lines = ["a▁ x", "a▁ b a", "ab x", " ab  x", "▁ ▁", "a b", "a <s> a", "<s> a", "x a<m> ", "a<s>"]
    assert engine(joined(lines)) == expected(tokenizer, lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "line",
    ["a" * 300_000, "ab " * 100_000, " " * 100_000, "", "é" * 33 + " the " + "猫" * 22, "\0 \0\0 a\0 a"],
    ids=lambda line: line[:4],
)
def test_long_and_odd_lines(kind, line):
    if kind != "byte-bpe" and len(line) == 300_000:
        line = line[:2000]  # the package itself takes a square of the length, or says that it is unknown
    tokenizer = library(kind)
    engine = Engine(tokenizer, Texts(tokenizer, ids=True).__getitem__, bits=10, units=1 << 14)
    lines = ["the cat", line, "the cat ", line, ""]
    assert engine(joined(lines)) == expected(tokenizer, lines)


@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"") + b"\n")).map(b"".join), st.integers(1, 40))
def test_parts_are_whole_lines(data, size):
    found = list(parts(data, size))
    assert b"".join(found) == data
    assert all(part.endswith(b"\n") for part in found)
    assert all(len(part) < size + 31 for part in found)


def test_a_job_gives_the_same_with_and_without_the_engine_and_in_many_processes(monkeypatch):
    lines = [line.replace("猫", "猫" * (i % 5)) + " " * (i % 3) + str(i) for i, line in enumerate(LINES * 50)]
    tokenizer = library("bpe")
    cut = [joined(lines[i : i + 100]) for i in range(0, len(lines), 100)]
    blocks = [Block(data, "notes.txt", 1 + 100 * i) for i, data in enumerate(cut)]
    wanted = expected(tokenizer, lines, ids=False)
    for small, alone, jobs in ((1 << 30, 1 << 30, 1), (0, 1 << 30, 1), (0, 0, 2), (5000, 9000, 2)):
        monkeypatch.setattr(shown, "SMALL", small)
        monkeypatch.setattr(shown, "ALONE", alone)
        assert b"".join(results(Job(tokenizer), iter([*blocks, Block(b"", "notes.txt", 1)]), jobs)) == wanted
