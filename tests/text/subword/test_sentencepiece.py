"""SentencePiece models written here, byte by byte: reading, errors, the lattice by brute force, decoding, cutting at blanks."""

from __future__ import annotations

import re
import struct
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.text.subword.sentencepiece import SentencePiece, decoded, load
from seqcli.text.subword.sentencepiece_lattice import best_paths, close, lattice
from seqcli.text.subword.sentencepiece_model import Model, Normalization, Type, parse
from seqcli.text.subword.sentencepiece_trie import Texts, Trie

PLAIN = {"▁": -2.0, "▁a": -2.5, "a": -3.0, "b": -3.5, "ab": -3.2, "▁ab": -4.0, "c": -5.0, "▁▁": -4.2, "bc": -4.0}


def number(value: int) -> bytes:
    """A varint."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(place: int, value: bytes | int | float | str) -> bytes:
    """A field of a protobuf message."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    if isinstance(value, float):
        return number(place << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(data)) + data


def written(pieces, trainer: dict[int, int | str] | None = None, normalizer: dict[int, int | bytes | str] | None = None) -> bytes:
    """A model file of (piece, score, type), with fields of the trainer's and the normalizer's specification."""
    body = [
        field(1, field(1, piece) + field(2, float(score)) + (field(3, kind) if kind != 1 else b"")) for piece, score, kind in pieces
    ]
    specs = [field(n, b"".join(field(*each) for each in (spec or {}).items())) for n, spec in ((2, trainer), (3, normalizer))]
    return b"".join(body + specs)


def small(method: int = 1, scores=None, extra=(), trainer=None, normalizer=None) -> SentencePiece:
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), *((piece, score, 1) for piece, score in (scores or PLAIN).items()), *extra]
    return SentencePiece(parse(written(pieces, {3: method, **(trainer or {})}, normalizer), "small"))


BYTES = [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]


def test_what_a_file_says():
    data = written(
        [("<unk>", 0.0, 2), ("ä" * 100, -1.25, 1), ("x", 0.0, 4), *BYTES],
        {3: 2, 35: 1, 24: 1, 44: "?", 4: 8000, 30: "x"}, {1: "name", 3: 0, 4: 0, 5: 1},
    )  # fmt: skip
    found = parse(data + field(99, b"later") + number(77 << 3 | 1) + bytes(8), "file")
    assert (found.method, found.pieces[:3], found.types[:3]) == ("bpe", ["<unk>", "ä" * 100, "x"], [2, 1, 4])
    assert (found.scores[1], found.byte_fallback, found.blank_is_suffix, found.unknown_surface) == (-1.25, True, True, "?")
    assert found.normalization == Normalization(b"", add_dummy_prefix=False, remove_extra_whitespaces=False)
    assert found.denormalization == Normalization()


GOOD = written([("<unk>", 0.0, 2), ("a", -1.0, 1), ("b", -2.0, 1)], {3: 1})


@pytest.mark.parametrize("size", range(1, len(GOOD)))
def test_a_file_cut_short(size):
    """Refused, unless it is cut between two fields: what is left is a message too."""
    ends = [0]
    for place in (1, 2, 3):
        ends.append(ends[-1] + 2 + GOOD[ends[-1] + 1])
        if place == 3 or size < ends[-1]:
            break
    if size in ends:
        assert parse(GOOD[:size], "short").pieces == ["<unk>", "a", "b"][: ends.index(size)]
    elif size < ends[-1]:
        with pytest.raises(Failure, match=r"^short.model [^\n]*$"):
            parse(GOOD[:size], "short.model")


@pytest.mark.parametrize(("pieces", "trainer", "said"), [
    ([("a", 0.0, 1)], {}, "no piece stands for the unknown"),
    ([("<unk>", 0.0, 2), ("a", 0.0, 1), ("a", 0.0, 1)], {}, "'a' (id 2) is there twice"),
    ([("<unk>", 0.0, 2), ("", 0.0, 1)], {}, "'' (id 1) is empty"),
    ([("<unk>", 0.0, 2), ("a", float("nan"), 1)], {}, "no number"),
    ([("<unk>", 0.0, 2), ("a", 0.0, 9)], {}, "unknown type"),
    ([("<unk>", 0.0, 2), ("<0x41>", 0.0, 6)], {}, "there is no byte fallback"),
    ([("<unk>", 0.0, 2), ("<0x41>", 0.0, 6)], {35: 1}, "256 pieces"),
    ([("<unk>", 0.0, 2), ("<u>", 0.0, 2)], {}, "more than one unknown"),
    ([("<unk>", 0.0, 2), ("a\0", 0.0, 1)], {}, "NUL"),
    ([], {}, "no pieces"),
    ([("<unk>", 0.0, 2)], {3: 7}, "not a SentencePiece model"),
])  # fmt: skip
def test_models_that_contradict_themselves(pieces, trainer, said):
    with pytest.raises(Failure, match=re.escape(said)) as raised:
        parse(written(pieces, trainer), "bad.model")
    assert str(raised.value).startswith("bad.model")


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_no_bytes_are_a_crash(data):
    with pytest.raises(Failure, match="junk"):
        parse(data, "junk")


def test_broken_rules(tmp_path):
    path = tmp_path / "broken.model"
    path.write_bytes(written([("<unk>", 0.0, 2), ("a", 0.0, 1)], None, {2: b"\x01\x02"}))
    with pytest.raises(Failure, match=r"broken.model: the rules of normalization are broken"):
        load(path)


# The lattice


def ways(text: str, pieces: dict[str, float]):
    """Every way to cut a text into pieces, with its score."""
    for flags in product([False, True], repeat=max(0, len(text) - 1)):
        cuts = [0, *(i + 1 for i, flag in enumerate(flags) if flag), len(text)]
        parts = [text[a:b] for a, b in pairwise(cuts)] if text else []
        if all(part in pieces for part in parts):
            yield sum(pieces[part] for part in parts), parts


DRAWN = st.dictionaries(st.text("abc", min_size=2, max_size=4), st.floats(-9, 0, width=32), max_size=8)


@settings(max_examples=60)
@given(DRAWN, st.lists(st.text("abcd", max_size=8), min_size=1, max_size=6))
def test_the_best_of_all_ways(longer, texts):
    pieces = {"a": -2.0, "b": -3.0, "c": -4.5, **longer}
    names = [*pieces, "?"]
    scores = np.array([*pieces.values(), -20.0])
    found = lattice(Trie(list(pieces), range(len(pieces))), len(pieces), Texts.of(texts))
    paths = best_paths(found, scores)
    near = close(found, paths, scores)
    ends = np.cumsum(paths.counts)
    for i, text in enumerate(texts):
        ids = paths.ids[ends[i] - paths.counts[i] : ends[i]].tolist()
        cut = ["d" if names[each] == "?" else names[each] for each in ids]
        assert "".join(cut) == text
        every = sorted(ways(text, pieces | {"d": -20.0}), reverse=True) if text else [(0.0, [])]
        assert sum(scores[each] for each in ids) == pytest.approx(every[0][0], abs=1e-6)
        if len(every) > 1 and not near[i]:
            assert every[0][0] - every[1][0] > 1e-3


@settings(max_examples=60)
@given(DRAWN, st.text("abc", min_size=1, max_size=8), st.integers(-99_000, 99_000))
def test_what_is_not_close_is_the_same_after_any_sum(longer, text, before):
    pieces = {"a": -2.0, "b": -3.0, "c": -4.5, **longer}
    scores = np.array([*pieces.values(), -20.0])
    found = lattice(Trie(list(pieces), range(len(pieces))), len(pieces), Texts.of([text]))
    paths = best_paths(found, scores)
    if not close(found, paths, scores)[0]:
        shifted = best_paths(found, scores.astype(np.float32), np.float32(before + 0.37))
        assert shifted.ids.tolist() == paths.ids.tolist()


@settings(max_examples=60)
@given(st.sets(st.text("ab\U0001f600", min_size=1, max_size=5), min_size=1), st.lists(st.text("ab\U0001f600c", max_size=9), min_size=1))
def test_matches_are_the_substrings_that_are_pieces(pieces, texts):
    names = sorted(pieces)
    found = Trie(names, range(len(names))).matches(Texts.of(texts))
    joined = "".join(texts)
    starts = np.cumsum([0, *map(len, texts)]).tolist()
    wanted = {
        (start + i, j - i, names.index(text[i:j]))
        for start, text in zip(starts, texts, strict=False)
        for i in range(len(text))
        for j in range(i + 1, len(text) + 1)
        if text[i:j] in pieces
    }
    assert set(zip(found.at.tolist(), found.length.tolist(), found.id.tolist(), strict=True)) == wanted
    assert all(joined[a : a + n] == names[i] for a, n, i in zip(found.at, found.length, found.id, strict=True))


# Ids, pieces, text


def test_the_unknown_is_fused_or_becomes_bytes():
    ours = small()
    assert ours.encode(["ab xyz ya", ""]) == [[7, 2, 0, 2, 0, 4], []]
    assert ours.unknown == 0
    with_bytes = small(extra=BYTES, trainer={35: 1})
    at = with_bytes.vocabulary.index("<0x00>")
    assert with_bytes.encode(["aä"]) == [[3, at + 0xC3, at + 0xA4]]
    assert with_bytes.unknown is None
    assert with_bytes.decode([at + 0xC3, at + 0xA4, 1, at + 0xFF, 3]) == "ä\ufffd a"
    assert [tuple(piece) for piece in with_bytes.pieces("aä")] == [
        (3, "▁a", 0, 1), (at + 0xC3, "<0xC3>", 1, 1), (at + 0xA4, "<0xA4>", 1, 2),
    ]  # fmt: skip


def test_a_chunk_that_would_fuse_depends_on_others():
    ours = small(scores={"▁a": -1.0, "b": -2.0})
    assert ours.encode_inside([" ab", " xa", " a"]) == [[2, 3], None, [2]]


def test_ids_out_of_range():
    with pytest.raises(Failure, match="no piece has the id 99"):
        small().decode([2, 99])
    with pytest.raises(Failure, match="no piece has the id -1"):
        small().decode([-1])


def test_pieces_that_must_not_be_used_are_taken_apart():
    """An unused piece takes part in merging, then its halves stand for it."""
    scores = {"a": -9.0, "b": -9.0, "c": -9.0, "ab": -1.0, "abc": -2.0, "▁": -8.0}
    ours = small(2, scores, extra=[("abcc", -3.0, 5), ("bb", -0.5, 5)])
    assert [[ours.vocabulary[i] for i in ids] for ids in ours.encode(["abcc", "abbc"])] == [
        ["▁", "abc", "c"],
        ["▁", "a", "b", "b", "c"],
    ]
    assert not ours.separable


TEXT = st.text(st.sampled_from("aabbc  d▁\t\u0301"), max_size=14)


@pytest.mark.parametrize("method", [1, 2, 3, 4])
@pytest.mark.parametrize("normalizer", [{}, {4: 0}, {3: 0}, {3: 0, 4: 0}])
@pytest.mark.parametrize("fallback", [False, True])
def test_chunks_are_the_line(method, normalizer, fallback):
    ours = small(method, extra=BYTES if fallback else (), trainer={35: 1} if fallback else {}, normalizer=normalizer)
    assert ours.separable

    @settings(max_examples=60)
    @given(TEXT)
    def check(text):
        chunks = re.findall(" *[^ ]+", text)
        if len(chunks) > 1 and not text.endswith(" "):
            parts = [*ours.encode_begin(chunks[:1]), *ours.encode_inside(chunks[1:])]
            assert None in parts or [i for part in parts if part for i in part] == ours.encode([text])[0]

    check()


@pytest.mark.parametrize("scores", [{**PLAIN, "a▁": -1.0}, {**PLAIN, "b": -2000.0}])
def test_what_cannot_be_cut_is_not(scores):
    assert not small(scores=scores).separable


@settings(max_examples=60)
@given(TEXT)
def test_bytes_lose_nothing(text):
    ours = small(extra=BYTES, trainer={35: 1}, normalizer={4: 0})
    ids = ours.encode([text])[0]
    assert ours.decode(ids) == text.replace("▁", " ")
    ends = [0, *(piece.end for piece in ours.pieces(text))]
    assert [piece.start for piece in ours.pieces(text)] == ends[:-1]
    assert ends[-1] == len(text)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([b"a", "ä".encode(), "😀".encode(), b"\xff", b"\xf0\x9f", b"\xc3", b"\x98", b"\xed\xa0\x80"])))
def test_bytes_that_are_no_text(parts):
    """Valid characters as they are, U+FFFD for each byte that is in none."""
    data = b"".join(parts)
    found, at = "", 0
    while at < len(data):
        for size in (1, 2, 3, 4):
            try:
                found += data[at : at + size].decode()
            except UnicodeDecodeError:
                continue
            at += size
            break
        else:
            found += "\ufffd"
            at += 1
    assert decoded(data) == found


def test_the_model_is_plain_data():
    model = Model("bpe", ["<unk>"], [0.0], [Type.UNKNOWN], Normalization(), Normalization())
    assert SentencePiece(model).encode(["a b"]) == [[0]]
