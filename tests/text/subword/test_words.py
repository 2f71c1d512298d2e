import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.text.subword.library import Library
from seqcli.text.subword.words import Words, inside, patterns
from tests.text.subword.toys import KINDS, Awkward, library, trained

CHUNKS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9).map(" ".__add__))
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize("kind", [*KINDS, "gpt4", "added", "plain"])
def test_the_quick_way_leads_to_the_same_ids(kind):
    tokenizer = library(kind) if kind in KINDS else altered(kind)
    quick = inside(tokenizer)
    assert isinstance(quick, Words)

    @settings(max_examples=200)
    @given(CHUNKS)
    def law(chunks):
        chunks = [*chunks, " it's", " THE", "  the", " é", " a\tb", " <unk>", " (12345)", " don't,", " _x_", " Cat<S>"]
        assert quick(chunks) == tokenizer.encode_inside(chunks)

    law()


def altered(kind):
    """A tokenizer with other parts."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

    inner = Tokenizer.from_str(trained("byte-bpe").to_str())
    if kind == "gpt4":
        inner.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        ])  # fmt: skip
    elif kind == "added":
        inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        inner.add_tokens(["<s>", "at"])
    else:
        inner.normalizer = normalizers.BertNormalizer(lowercase=True)
        inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(add_prefix_space=False)])
    found = Library(inner, "byte-bpe")
    assert found.separable
    return found


def test_where_there_is_none():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    awkward = Awkward()
    assert inside(awkward) == awkward.encode_inside
    inner = Tokenizer(models.BPE())
    for pre_tokenizer in (pre_tokenizers.Metaspace(), pre_tokenizers.Whitespace(), pre_tokenizers.Digits()):
        inner.pre_tokenizer = pre_tokenizer
        assert patterns(inner) is None
    inner.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert patterns(inner) is not None
    inner.normalizer = normalizers.Replace("a", "b")
    assert patterns(inner) is None


@pytest.mark.parametrize("pattern", [r"\p{Han}+", r"\P{L}", r"[\P{L}]", r"[a&&b]", r"[a[b]]", r"\h"])
def test_patterns_without_a_counterpart(pattern):
    with pytest.raises(re.error):
        Words.ascii(pattern)
