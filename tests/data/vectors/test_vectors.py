"""Words and rows, the model folder, eight bits, n-grams."""

import json
import random
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import folder
from seqcli.data.vectors import Vectors, open_vectors, quantised
from seqcli.data.vectors.mapped import open_tensors
from seqcli.data.vectors.saving import save
from seqcli.data.vectors.subwords import Subwords, buckets, fnv, ngrams
from seqcli.data.vectors.vocabulary import UNKNOWN, Vocabulary, edit_distances
from seqcli.errors import Failure
from tests.data.vectors.toys import WORDS, many, random_vectors, same, with_subwords

LETTERS = st.text("abé東\U0001f600 .\t", max_size=5)


@given(st.lists(LETTERS, unique=True, max_size=60), st.lists(LETTERS | st.just("a\nb"), max_size=40))
def test_rows_of_words(words, asked):
    """By search and by dictionary, one at a time and together."""
    index = {word: row for row, word in enumerate(words)}
    wanted = [index.get(word, UNKNOWN) for word in asked]
    vocabulary = Vocabulary.of(words)
    assert (len(vocabulary), list(vocabulary)) == (len(words), words)
    assert [vocabulary[row] for row in range(len(words))] == words
    assert vocabulary.rows(asked[:10]).tolist() == wanted[:10]
    assert vocabulary.rows(asked * 4).tolist() == wanted * 4
    assert vocabulary.rows([word.upper() for word in asked], lowercase=True).tolist() == wanted
    for count in (0, 1, len(words) // 2, len(words), 99):
        assert list(vocabulary.first(count)) == words[:count]


def test_a_word_met_again_in_capitals(monkeypatch):
    from seqcli.data.vectors.vocabulary import Folded

    monkeypatch.setattr(Folded, "MANY", 3)
    vocabulary = Vocabulary.of(["the", "a"])
    asked = ["The", "THE", "x", "A", "a", "tHe", "X"] * 20
    assert vocabulary.rows(asked, lowercase=True).tolist() == [0, 0, -1, 1, 1, 0, -1] * 20
    assert vocabulary.rows(asked).tolist() == [-1, -1, -1, -1, 1, -1, -1] * 20


def test_a_list_of_words_that_is_cut_off():
    with pytest.raises(Failure, match="cut off"):
        Vocabulary(np.frombuffer(b"the\nca", np.uint8))


def distance(a: bytes, b: bytes) -> int:
    """Insertions, deletions, replacements and swaps of neighbours, by the book."""
    table = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            same = a[i - 1] == b[j - 1]
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (not same))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(a), len(b)]


@given(st.binary(max_size=6).map(lambda b: bytes(97 + x % 3 for x in b)), st.lists(st.text("abc", max_size=6), min_size=1, max_size=8))
def test_edit_distances(word, others):
    size = max(map(len, others))
    letters = np.array([list(other.ljust(size).encode()) for other in others], np.uint8).reshape(len(others), size).T
    found = edit_distances(np.frombuffer(word, np.uint8), letters, np.array([len(other) for other in others]))
    assert found.tolist() == [distance(word, other.encode()) for other in others]


def test_spellings_that_are_near():
    rng = random.Random(1)
    words = sorted({"".join(rng.choices("abcd", k=rng.randint(1, 7))) for _ in range(500)}, key=lambda word: rng.random())
    vocabulary = Vocabulary.of(words)
    for _ in range(100):
        word = "".join(rng.choices("abcde", k=rng.randint(0, 8)))
        most = 1 if len(word) <= 4 else 2
        edits = {other: distance(word.encode(), other.encode()) for other in words}
        near = [other for other in words if edits[other] <= most]
        near.sort(key=lambda other: (edits[other], other[:1] != word[:1] if word else False, words.index(other)))
        assert vocabulary.nearest(word) == near[:3]
    assert Vocabulary.of([]).nearest("a") == []


@pytest.mark.parametrize("counts", [True, False])
def test_a_folder_and_back(tmp_path, counts):
    vectors = random_vectors(counts=counts)
    save(vectors, tmp_path / "model", "vectors.txt")
    found = open_vectors(tmp_path / "model")
    same(found, vectors)
    assert found.lowercase == vectors.lowercase
    assert counts == (found.counts is not None)
    if counts:
        np.testing.assert_array_equal(found.counts, vectors.counts)
    assert found.stored.base is not None  # a view into the file
    assert folder.read(tmp_path / "model").tensors.keys() == vectors.tensors().keys()
    card = (tmp_path / "model" / "README.md").read_text()
    assert all(f"\n## {part}\n" in card for part in ("Data", "Licence", "Recipe", "Measured", "Limits"))


def test_vectors_of_words():
    vectors = random_vectors(["The", "the", "cat"])
    found, known = vectors.look_up(["cat", "dog", "The", "CAT"])
    assert known.tolist() == [True, False, True, False]
    assert found.tolist() == [vectors.matrix[2].tolist(), [0] * 7, vectors.matrix[0].tolist(), [0] * 7]
    lower = random_vectors(["the", "cat"])
    assert lower.look_up(["THE", "Cat", "dog"])[1].tolist() == [True, True, False]
    assert vectors.look_up([])[0].shape == (0, 7)


def test_the_first_words_alone():
    vectors = quantised(random_vectors())
    few = vectors.limited(3)
    assert list(few.words) == WORDS[:3]
    assert few.matrix.tobytes() == vectors.matrix[:3].tobytes()
    assert few.counts is not None
    assert vectors.limited(0) is vectors.limited(99) is vectors


def test_frequencies():
    vectors = random_vectors()
    assert vectors.counts is not None
    np.testing.assert_allclose(vectors.frequencies, vectors.counts / vectors.counts.sum(), rtol=1e-6)
    by_rank = random_vectors(counts=False).frequencies
    assert by_rank.sum() == pytest.approx(1)
    assert (np.diff(by_rank) < 0).all()


def test_what_eight_bits_lose(tmp_path):
    """A number is off by half a step at most; the direction hardly changes."""
    vectors = many(2_000, width=100)
    small = quantised(vectors)
    assert small.scales is not None
    assert (small.stored.dtype.name, small.scales.dtype.name) == ("int8", "float32")
    error = np.abs(small.matrix - vectors.matrix)
    assert (error <= small.scales[:, None] * 0.5001).all()
    assert (error <= np.abs(vectors.matrix).max(axis=1, keepdims=True) / 253).all()
    cosine = (small.matrix * vectors.matrix).sum(axis=1) / (small.lengths * vectors.lengths)
    assert cosine.min() > 0.9998
    save(small, tmp_path / "small", "x")
    found = open_vectors(tmp_path / "small")
    same(found, small)
    assert (tmp_path / "small" / "model.safetensors").stat().st_size < vectors.matrix.nbytes * 0.3
    taken, known = found.look_up(["w7", "none", "w1999"])
    assert taken.tolist() == [small.matrix[7].tolist(), [0] * 100, small.matrix[1999].tolist()]
    assert known.tolist() == [True, False, True]
    same(quantised(small), small)


def test_zeros_in_eight_bits():
    small = quantised(Vectors.of(["a", "b"], np.array([[0, 0], [1, -2]])))
    assert small.matrix[0].tolist() == [0, 0]
    assert small.matrix[1, 1] == -2


def test_ngrams_stand_in(tmp_path):
    vectors = with_subwords()
    assert vectors.subwords is not None
    save(vectors, tmp_path / "model", "x")
    found = open_vectors(tmp_path / "model")
    assert found.subwords is not None
    assert (found.subwords.min_n, found.subwords.max_n) == (3, 5)
    for each in (vectors, found):
        taken, known = each.look_up(["Runners", "the", "ÉTÉ"])
        assert known.all()
        rows = buckets("runners", 3, 5, 50)
        np.testing.assert_allclose(taken[0], vectors.subwords.ngrams[rows].mean(axis=0), rtol=1e-5)
        assert taken[1:].tolist() == vectors.matrix[[0, 3]].tolist()
    assert Subwords(vectors.subwords.ngrams, 9, 9).of("a") is None
    assert ngrams("", 1, 3) == ["<>"]


@given(st.text(max_size=8), st.integers(1, 3), st.integers(3, 6))
def test_ngrams_as_gensims(word, low, high):
    inner = pytest.importorskip("gensim.models.fasttext_inner")
    whole = pytest.importorskip("gensim.models.fasttext")
    assert fnv(word.encode()) == inner.ft_hash_bytes(word.encode())
    assert ngrams(word, low, high) == [each.decode() for each in inner.compute_ngrams_bytes(word, low, high)]
    assert buckets(word, low, high, 1000) == list(whole.ft_ngram_hashes(word, low, high, 1000))


def write_tensors(path, header, data=b""):
    packed = json.dumps(header).encode() if isinstance(header, dict) else header
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + data)
    return path


BAD = [
    b"",
    b"\x00" * 5,
    b"not json",
    {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 7]}},
    {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}},
    {"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
    {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]}},
    {"a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}},
    {"a": {"dtype": "F32", "shape": [2]}},
    {"a": []},
    {"a": {"dtype": "F32", "shape": "xx", "data_offsets": [0, 8]}},
]


@pytest.mark.parametrize("header", BAD, ids=range(len(BAD)))
def test_files_that_hold_no_tensors(tmp_path, header):
    with pytest.raises(Failure, match="is truncated or not safetensors"):
        open_tensors(write_tensors(tmp_path / "model.safetensors", header, b"\0" * 8))
    (tmp_path / "empty").touch()
    with pytest.raises(Failure, match="is truncated"):
        open_tensors(tmp_path / "empty")
    with pytest.raises(Failure, match="is missing"):
        open_tensors(tmp_path / "none")


@pytest.mark.parametrize("place", range(1, 8))
def test_tensors_at_odd_places(tmp_path, place):
    """Numbers that are not aligned are numbers all the same."""
    vectors = random_vectors()
    tensors = vectors.tensors()
    header, data = {}, b"\0" * place
    for name, kind in (("words", "U8"), ("vectors", "F32"), ("counts", "I64")):
        part = tensors[name].tobytes()
        header[name] = {"dtype": kind, "shape": list(tensors[name].shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    (tmp_path / "config.json").write_text('{"model": "x", "task": "vectors", "parameters": {}}')
    write_tensors(tmp_path / "model.safetensors", header, data)
    found = open_vectors(tmp_path)
    same(found, vectors)
    assert found.look_up(["queen"])[0].tolist() == vectors.matrix[[3]].tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vectors": None}, "lacks the tensor 'vectors'"),
        ({"words": None}, "lacks the tensor 'words'"),
        ({"vectors": np.zeros((2, 3), np.float32)}, "the tensor 'vectors' has shape"),
        ({"counts": np.zeros(2, np.int64)}, "the tensor 'counts' has shape"),
        ({"vectors": np.zeros((13, 3), np.int8)}, "quantised vectors need scales"),
        ({"scales": np.zeros(13, np.float32)}, "quantised vectors need scales"),
        ({"ngrams": np.zeros((4, 3), np.float32)}, "the tensor 'ngrams' has shape"),
        ({"words": np.frombuffer(b"a\nb", np.uint8)}, "the list of words is cut off"),
    ],
    ids=range(8),
)
def test_parts_that_do_not_fit(tmp_path, change, said):
    tensors = {name: tensor for name, tensor in (random_vectors().tensors() | change).items() if tensor is not None}
    folder.write(tmp_path / "model", {"model": "x", "task": "vectors", "parameters": {}}, tensors, {})
    with pytest.raises(Failure) as caught:
        open_vectors(tmp_path / "model")
    assert said in str(caught.value)
    assert str(tmp_path / "model") in str(caught.value)


def test_other_models_hold_no_vectors():
    with pytest.raises(Failure, match="holds 'crf', not word vectors"):
        open_vectors("en-pos")
    with pytest.raises(Failure, match="no model 'nothing'"):
        open_vectors("nothing")


def test_settings_stand_in_several_places(tmp_path):
    places: list[dict[str, Any]] = [
        {"parameters": {"lowercase": True}},
        {"parameters": {}, "lowercase": True},
        {"parameters": {}, "recipe": {"lowercase": True}},
    ]
    for number, config in enumerate(places):
        path = tmp_path / str(number)
        folder.write(path, {"model": "x", "task": "vectors", **config}, random_vectors(["The", "the"]).tensors(), {})
        assert open_vectors(path).rows(["THE"]).tolist() == [1]
