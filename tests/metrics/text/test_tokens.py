"""Tokenizations on arrays give what the definitions in Python give: the same number of tokens, equal ones where theirs are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_intl import TokenizerV14International
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

from seqcli.metrics.text import tokens
from tests.metrics.text.corpora import segments

thirteen_a, intl, zh = Tokenizer13a(), TokenizerV14International(), TokenizerZh()
DEFINITIONS = {
    "13a": (tokens.thirteen_a, lambda line: thirteen_a(line.rstrip()).split()),
    "words": (tokens.words, str.split),
    "characters": (tokens.characters, lambda line: list("".join(line.split()))),
    "chrF++": (tokens.punctuation_apart, CHRF()._remove_punctuation),
    "intl": (tokens.by_chunk(lambda chunk: intl(chunk).split()), lambda line: intl(line.rstrip()).split()),
    "zh": (tokens.by_chunk(lambda chunk: zh(chunk).split(), strips=True, keep=3), lambda line: zh(line.rstrip()).split()),
    "lines": (tokens.by_line(str.split), str.split),
    "with blanks": (lambda data: tokens.code_points(data, blanks=True), list),
}
marks = st.text(st.sampled_from("a5.,-  '/&;$é\u00a0\u3000日"), max_size=14)


def same(ragged, wanted):
    assert ragged.lengths.tolist() == [len(line) for line in wanted]
    numbers: dict[str, int] = {}
    for token, number in zip((token for line in wanted for token in line), ragged.ids.tolist(), strict=True):
        assert numbers.setdefault(token, number) == number
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize("name", DEFINITIONS)
@given(lines=st.lists(st.one_of(segments, marks), min_size=1, max_size=8))
def test_tokens_are_those_of_the_definition(name, lines):
    ours, theirs = DEFINITIONS[name]
    same(ours("".join(f"{line}\n" for line in lines).encode()), [theirs(line) for line in lines])


@pytest.mark.parametrize(
    "line", ["5...5", "..5", "5..5", "x.,.5", "a5.,", "1.5,7.x", "5--5", "-5-", "&lt;&amp;lt;", "<skip<skipped>ped>", "&", "."]
)
def test_periods_and_digits(line):
    ours, theirs = DEFINITIONS["13a"]
    same(ours(f"{line}\n {line} \n".encode()), [theirs(line), theirs(f" {line} ")])


def test_long_tokens_differ_by_their_last_byte():
    for length in (7, 8, 9, 16, 17, 100):
        ids = tokens.words(f"{'x' * length} {'x' * (length - 1)}y {'x' * (length + 1)} {'x' * length}\n".encode()).ids.tolist()
        assert ids[0] == ids[3]
        assert len(set(ids)) == 3


def test_no_lines():
    for ours, _ in DEFINITIONS.values():
        assert len(ours(b"").lengths) == 0
