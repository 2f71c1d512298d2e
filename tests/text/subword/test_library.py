"""Tokenizers of the `tokenizers` package: what may be cut apart, offsets, decoding, scores; by brute force on random text."""

import json
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from seqcli.errors import Failure
from seqcli.text.subword import separable
from seqcli.text.subword.library import Library

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LETTERS = list("abxyeé1 .<>s▁Ġ\t\u00a0\u3000\u0301ﬁ中İß'\u200b\x01\r")
LINES = st.lists(
    st.one_of(st.sampled_from([*LETTERS, " ", " ", "  ", "ab", "<s>", "<m>"]), st.characters(codec="utf-8")), max_size=24
).map(lambda parts: "".join(parts).replace("\n", ""))
VOCABULARY = ["?", "a", "b", "x", "y", "e", "é", "s", "<", ">", "1", ".", " ", "▁", "Ġ", "\t", "\u3000", "中", "'"]
JOINED = ["ab", " a", "▁a", "Ġa", " ab", "▁ab", "  ", "▁▁", "aa", "xy", "a.", "\t ", "##a", "##b", "##ab", "<>", "s.", "é1", "ba", "Ġ."]


LLAMA = {piece: i for i, piece in enumerate(["?", "▁", "a", "b", "x", "▁▁", "▁a", "ab", "▁x"])}
LLAMA_MERGES = [("▁", "▁"), ("▁", "a"), ("a", "b"), ("▁", "x")]


def bpe(**options):
    tokens = [*VOCABULARY, *(piece for piece in JOINED if not piece.startswith("#")), "xa", "\tĠ"]
    pieces = {piece: number for number, piece in enumerate(dict.fromkeys(tokens))}
    merges = [(piece[:i], piece[i:]) for piece in pieces for i in range(1, len(piece)) if piece[:i] in pieces and piece[i:] in pieces]
    return models.BPE(pieces, merges, unk_token="?", **options)


def llama():
    return models.BPE(LLAMA, LLAMA_MERGES, unk_token="?")


def unigram():
    return models.Unigram([("?", 0.0), *((piece, -1.0 - i / 7) for i, piece in enumerate([*VOCABULARY[1:], *JOINED]))], 0, False)


def wordpiece():
    return models.WordPiece({piece: i for i, piece in enumerate([*VOCABULARY, *JOINED, "▁", "i"])}, unk_token="?")


def words():
    return models.WordLevel({piece: i for i, piece in enumerate([*VOCABULARY, *JOINED])}, unk_token="?")


SPECIAL = [AddedToken("<s>", special=True, normalized=False), AddedToken("<m>", normalized=False, lstrip=True)]


def of(model, pre_tokenizer=None, normalizer=None, added=()):
    tokenizer = Tokenizer(model)
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_tokens(list(added))
    return Library(tokenizer)


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


P, N = pre_tokenizers, normalizers
PRE = {
    "bert": P.BertPreTokenizer,
    "whitespace": P.Whitespace,
    "whitespace split": P.WhitespaceSplit,
    "metaspace": P.Metaspace,
    "metaspace first": lambda: P.Metaspace(prepend_scheme="first"),
    "metaspace never": lambda: P.Metaspace(prepend_scheme="never"),
    "byte level": lambda: P.ByteLevel(add_prefix_space=False),
    "byte level, prefix": P.ByteLevel,
    "gpt-2 pattern": lambda: split(GPT2),
    "gpt-4": lambda: P.Sequence([split(GPT4), P.ByteLevel(add_prefix_space=False, use_regex=False)]),
    "gpt-4 removed": lambda: split(GPT4, "removed", True),
    "before blanks": lambda: split(r" +(?= [^ ])| ?[^ ]+| +"),
    "blanks": lambda: P.Split(" ", "merged_with_next"),
    "runs of blanks": lambda: split(r"\s+", "removed"),
    "words with a mark": lambda: split(r"\w+(?:['.]\w+)*|[^\w\s]", "removed", True),
    "every character": lambda: split(r"[\s\S]"),
    "delimiter": lambda: P.CharDelimiterSplit(" "),
    "digits first": lambda: P.Sequence([P.Digits(individual_digits=True), P.Punctuation(), split(GPT2)]),
}
NORMAL = {
    "none": lambda: None,
    "nfc": N.NFC,
    "nfkc": N.NFKC,
    "lower": lambda: N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]),
    "bert": N.BertNormalizer,
    "prepend": lambda: N.Sequence([N.NFKC(), N.Prepend(" ")]),
    "replace": lambda: N.Sequence([N.Nmt(), N.Replace("b", " ")]),
}
MODELS = {"bpe": bpe, "unigram": unigram, "wordpiece": wordpiece, "words": words}


def made(model, pre=None, normal=None):
    return of(model(), None if pre is None else pre(), None if normal is None else normal())


SEPARABLE: dict[str, Callable[[], Library]] = {
    **{f"{name}, {model}": partial(made, MODELS[model], pre) for name, pre in PRE.items() for model in ("bpe", "unigram")},
    **{f"{name}, bert, {model}": partial(made, MODELS[model], P.BertPreTokenizer, n) for name, n in NORMAL.items() for model in MODELS},
    **{f"{name}, gpt-2": partial(made, bpe, PRE["gpt-2 pattern"], n) for name, n in NORMAL.items()},
    **{f"{name}, metaspace": partial(made, unigram, P.Metaspace, n) for name, n in NORMAL.items()},
    "added": lambda: of(unigram(), P.Metaspace(), added=["<s>", AddedToken("<m>", lstrip=True), AddedToken("xy", single_word=True)]),
    "added, first": lambda: of(bpe(), P.Metaspace(prepend_scheme="first"), N.Lowercase(), ["<s>", AddedToken("<M>", normalized=True)]),
    "added, prepend": lambda: of(bpe(), split(r" ?[^ ]+| +"), N.Prepend(" "), ["<s>", AddedToken("<m>", normalized=True)]),
    "special, prepend": lambda: of(bpe(), split(r" ?[^ ]+| +"), N.Prepend(" "), SPECIAL),
    "special, metaspace": lambda: of(unigram(), P.Metaspace(), None, SPECIAL),
    "special, prepend, metaspace": lambda: of(unigram(), P.Metaspace(), N.Sequence([N.NFC(), N.Prepend("▁")]), SPECIAL),
    "special, byte level": lambda: of(bpe(), P.ByteLevel(), N.Prepend("x"), SPECIAL),
    "special, llama": lambda: of(llama(), None, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), SPECIAL),
    "llama": lambda: of(llama(), None, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])),
}


def parts(line):
    """A line before every stretch of blanks."""
    return re.findall(r"^ *[^ ]*| +[^ ]*", line)


def joined(library, line):
    """The ids by the chunks, as the engine puts them together; None where a chunk says that it depends on others."""
    first, *rest = parts(line)
    if library.is_open(first):
        return None
    found = [library.encode([first])[0], *library.encode_inside(rest)]
    return None if None in found else [number for ids in found for number in ids]


@pytest.mark.parametrize("name", SEPARABLE)
@settings(max_examples=60)
@given(line=LINES)
def test_what_is_separable_may_be_cut(name, line):
    library = SEPARABLE[name]()
    assert library.separable
    found = joined(library, line)
    if found is not None:
        assert found == library.encode([line])[0], parts(line)


def test_a_text_begins_anew_after_a_special_token():
    library = SEPARABLE["special, llama"]()
    assert library.encode_inside([" a", " <s>", " x<m>x", " <"]) == [[6], None, None, [1, 0]]
    assert library.encode_begin(["a", "<s>", "a▁", "x<m>x"]) == [[6], None, None, None]
    assert SEPARABLE["special, metaspace"]().encode_inside([" <s>"]) != [None]


def test_plain_words_are_never_open():
    library = SEPARABLE["gpt-2 pattern, bpe"]()
    assert None not in library.encode_inside([" a", "  ab.", " é", " x\ty", "   "])
    assert library.encode_inside([" a\t", " a\u00a0"]) == [None, None]


NOT = {
    "nothing cuts": lambda: of(bpe()),
    "unigram over the line": lambda: of(unigram(), None, N.Replace(" ", "▁")),
    "a pattern over blanks": lambda: of(bpe(), split(r"\w+ \w+|\s+")),
    "what is between": lambda: of(bpe(), split(r"\d+")),
    "all but line ends": lambda: of(bpe(), split(r"[^\n]+")),
    "a look behind": lambda: of(bpe(), split(r"(?<=x) |\s+")),
    "a look at a blank": lambda: of(bpe(), split(r"\w(?= x)| +")),
    "the end": lambda: of(bpe(), split(r"a$| +")),
    "blanks go back": lambda: of(bpe(), P.Split(" ", "merged_with_previous")),
    "run together": lambda: of(bpe(), split(r"\w| ", "contiguous")),
    "scripts": lambda: of(bpe(), P.UnicodeScripts()),
    "metaspace, not split": lambda: of(bpe(), P.Metaspace(split=False)),
    "bytes, no pattern": lambda: of(bpe(), P.ByteLevel(use_regex=False)),
    "after bytes": lambda: of(bpe(), P.Sequence([P.ByteLevel(use_regex=False), split(r"\s+|xĠy")])),
    "blanks are gone": lambda: of(bpe(), P.Whitespace(), N.Replace(" ", "▁")),
    "strip": lambda: of(bpe(), P.Metaspace(), N.Strip()),
    "replace a pattern": lambda: of(bpe(), P.Metaspace(), N.Replace(Regex(" +"), " ")),
    "no word to stand before": lambda: of(bpe(), P.Metaspace(), N.Replace("x", "")),
    "an added token with a blank": lambda: of(bpe(), P.Metaspace(), added=["a b"]),
    "an added token that takes blanks": lambda: of(bpe(), P.Metaspace(), added=[AddedToken("<m>", rstrip=True)]),
    "dropout": lambda: of(bpe(dropout=0.5), P.Metaspace()),
}


@pytest.mark.parametrize("name", NOT)
def test_what_is_not_known_to_be_separable_is_not_cut(name):
    assert not NOT[name]().separable


@pytest.mark.parametrize("pattern", ["(a", "a)", "[a", "\\", "(?<x>a)", "\\b", "[a&&b]", "*", "(?!", "\\p{L", "[[:alpha:]]", "(?i)a"])
def test_patterns_of_other_forms_are_refused(pattern):
    with pytest.raises(separable.NotLocalError):
        separable.Pattern(pattern)


@settings(max_examples=200)
@given(line=st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12))
def test_offsets_tile_what_is_kept(line):
    for name in ("byte level, prefix, bpe", "byte level, bpe"):
        tokenizer = SEPARABLE[name]().tokenizer
        pieces = Library(tokenizer).pieces(line)
        assert all(left.end <= right.start for left, right in pairwise(pieces))
    alphabet = {byte: i for i, byte in enumerate(sorted(P.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = P.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    library = Library(tokenizer)
    pieces = library.pieces(line)
    assert "".join(line[piece.start : piece.end] for piece in pieces) == line
    assert library.decode([piece.id for piece in pieces]).removeprefix(" " * (line[:1] != " ")) == line
    assert library.kind == "byte-bpe"
    assert library.unknown is None


def test_pieces_of_words_leave_blanks_out():
    library = of(wordpiece(), P.BertPreTokenizer(), N.BertNormalizer())
    assert [(piece.piece, piece.start, piece.end) for piece in library.pieces("  ab  A.")] == [("ab", 2, 4), ("a", 6, 7), (".", 7, 8)]
    assert library.kind == "wordpiece"
    assert library.unknown == 0
    assert library.scores() is None


def test_ids_out_of_range():
    library = of(words(), P.Whitespace(), added=["<s>"])
    size = len(library.vocabulary)
    assert library.vocabulary[-1] == "<s>"
    assert library.decode([1, 2, size - 1]) == "a b <s>"
    for wrong in (size, -1, 1 << 40):
        with pytest.raises(Failure, match=f"id {wrong} is not in the vocabulary .ids go from 0 to {size - 1}."):
            library.decode([1, wrong])


def test_scores():
    library = of(bpe())
    merges = json.loads(library.tokenizer.to_str())["model"]["merges"]
    scores = library.scores()
    assert scores[library.vocabulary.index("".join(merges[4]))] > 0
    assert scores[library.vocabulary.index("a")] == 0
    assert min(score for score in scores if score) == 1
    assert of(unigram()).scores()[2] == pytest.approx(-1 - 1 / 7)


def test_padding_truncation_and_templates_are_left_aside(tmp_path):
    from tokenizers.processors import TemplateProcessing

    tokenizer = of(words(), P.Whitespace()).tokenizer
    tokenizer.enable_padding(length=9, pad_id=0)
    tokenizer.enable_truncation(2)
    tokenizer.post_processor = TemplateProcessing("a $0 b", special_tokens=[("a", 1), ("b", 2)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    library = Library.read(tmp_path / "tokenizer.json")
    assert library.encode(["x y x", "y"]) == [[3, 4, 3], [4]]
    assert [piece.id for piece in library.pieces("x y x")] == [3, 4, 3]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"{", b"\xff", b'{"model": {"type": "BPE"}}', b'{"version": "1.0", "model": {}}']
)
def test_what_is_no_tokenizer(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(Failure, match=r"tokenizer\.json: not a tokenizer\.json: "):
        Library.read(path)
    with pytest.raises(Failure, match="cannot read"):
        Library.read(tmp_path / "other.json")
