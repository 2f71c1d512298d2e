"""Files of ranks: merges from ranks, errors, encodings by name and size."""

import base64

import pytest

from seqcli.errors import Failure
from seqcli.text.subword import tiktoken
from seqcli.text.subword.open import open_tokenizer

RANKS = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256, b" ab": 257, b"abab": 258}


def file(path, ranks):
    path.write_bytes(b"".join(base64.b64encode(each) + b" %d\n" % rank for each, rank in ranks.items()))
    return path


def test_ids_and_text(tmp_path):
    ours = open_tokenizer(str(file(tmp_path / "my_cl100k_base.tiktoken", RANKS)))
    assert ours.encode(["abab ab ä", ""]) == [[258, 257, 32, 0xC3, 0xA4], []]
    assert ours.decode([258, 257, 32, 0xC3, 0xA4]) == "abab ab ä"
    assert ours.decode([100257]) == "<|endoftext|>"
    assert ours.encode(["<|endoftext|>"]) == [list(b"<|endoftext|>")]  # in text it is text
    assert (ours.kind, ours.unknown, ours.separable) == ("byte-bpe", None, True)


def test_every_split_in_the_order_of_ranks():
    found = tiktoken.merges({b"a": 0, b"b": 1, b"aba": 9, b"ab": 3, b"ba": 2})
    assert found == [("b", "a"), ("a", "b"), ("a", "ba"), ("ab", "a")]


def test_characters_for_bytes():
    from tokenizers.pre_tokenizers import ByteLevel

    assert sorted(map(chr, tiktoken.characters().values())) == sorted(ByteLevel.alphabet())


@pytest.mark.parametrize(("name", "size", "pattern"), [
    ("x.tiktoken", 50256, tiktoken.GPT2), ("x.tiktoken", 50280, tiktoken.GPT2), ("x.tiktoken", 100256, tiktoken.CL100K),
    ("x.tiktoken", 199998, tiktoken.O200K), ("o200k_base.tiktoken", 7, tiktoken.O200K), ("GPT2", 7, tiktoken.GPT2),
    ("tokenizer.model", 128000, tiktoken.LLAMA3), ("qwen.tiktoken", 1, tiktoken.QWEN),
])  # fmt: skip
def test_which_encoding(tmp_path, name, size, pattern):
    assert tiktoken.known(tmp_path / name, size)[0] == pattern


@pytest.mark.parametrize(("text", "said"), [
    (b"IQ== 0\nnot base64 1\n", "line 2: expected bytes in base64"),
    (b"IQ== 0\nIg== x\n", "line 2: expected bytes in base64"),
    (b"IQ== 0\nIg== 0\n", "some rank is there twice"),
    (b"IQ== 0\n", "the byte 0x00 has none"),
])  # fmt: skip
def test_broken_files(tmp_path, text, said):
    path = tmp_path / "gpt2.tiktoken"
    path.write_bytes(text)
    with pytest.raises(Failure, match=said):
        open_tokenizer(str(path))


def test_an_encoding_that_is_not_known(tmp_path):
    with pytest.raises(Failure, match=r"mine.tiktoken has 259 ranks.*name the file after one of gpt2"):
        open_tokenizer(str(file(tmp_path / "mine.tiktoken", RANKS)))
