"""Files of word vectors: what is written is read back, gensim reads the same, and what is wrong is named with its line."""

import gzip
import io
import json
import lzma

import numpy as np
import pytest

from seqcli.data.vectors import Vectors
from seqcli.data.vectors.reading import guess, read_vectors
from seqcli.data.vectors.writing import FORMATS, Labelled, batches, check_words, write
from seqcli.errors import Failure, UsageFailure
from tests.data.vectors.toys import WORDS, many, random_vectors, same

NAMES = {"jsonl": "v.jsonl", "tsv": "v.tsv", "npy": "v.npy", "word2vec": "v.txt", "word2vec-bin": "v.dat", "glove": "v.vec"}


def save(vectors, path, kind, total=True):
    """A file of some format."""
    parts = write(kind, batches(vectors), vectors.dimensions, len(vectors) if total else None)
    path.write_bytes(b"".join(parts))
    if kind == "npy":
        path.with_suffix(".words").write_bytes(vectors.words.packed.tobytes())
    return path


@pytest.mark.parametrize("width", [1, 7, 100])
@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip(tmp_path, kind, width):
    """float32 comes back to the bit, and the format is known by itself."""
    vectors = random_vectors(width=width)
    path = save(vectors, tmp_path / NAMES[kind], kind)
    same(read_vectors(path), vectors)
    same(read_vectors(path, kind), vectors)
    assert save(vectors, tmp_path / "again", kind, total=False).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "npy"])
def test_packed(tmp_path, kind):
    vectors = random_vectors()
    data = save(vectors, tmp_path / NAMES[kind], kind).read_bytes()
    for ending, pack in ((".gz", gzip.compress), (".xz", lzma.compress)):
        path = tmp_path / (NAMES[kind] + ending)
        path.write_bytes(pack(data))
        same(read_vectors(path), vectors)


def test_more_than_a_block(tmp_path):
    vectors = many(5_000)
    for kind in FORMATS:
        same(read_vectors(save(vectors, tmp_path / NAMES[kind], kind)), vectors)


def test_odd_numbers_survive(tmp_path):
    numbers = np.array([[0.0, -0.0, 1e-45, 3.4028235e38], [1e-4, 9.999e-5, 9999.9995, 10000.0]], np.float32)
    vectors = Vectors.of(["a", "b"], numbers)
    for kind in FORMATS:
        same(read_vectors(save(vectors, tmp_path / NAMES[kind], kind)), vectors)


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "npy"])
def test_words_with_blanks(tmp_path, kind):
    vectors = random_vectors(["New York", "a", "New  York"])
    same(read_vectors(save(vectors, tmp_path / NAMES[kind], kind)), vectors)
    with pytest.raises(Failure, match="'New York' holds a blank"):
        check_words("glove", vectors.words)


def test_layouts_of_others(tmp_path):
    """Blanks at line ends, carriage returns, blank lines, no last line end, words with blanks, tabs."""
    wanted = Vectors.of(["the", ". . .", "at name"], np.array([[1, -0.5], [0.25, 2], [3, 4]], np.float32))
    path = tmp_path / "vectors"
    for text in (
        "the 1 -0.5\n. . . 0.25 2\nat name 3 4",
        "3 2\nthe 1 -0.5 \n. . . 0.25 2 \nat name 3 4 \n",
        "3 2\r\nthe  1 -.5\r\n. . . 2.5e-1 2\r\nat name 3 4.\r\n\r\n",
        "the\t1\t-0.5\n. . .\t0.25\t2\nat name\t3\t4\n\n",
        "3 2\nthe\t1\t-0.5\n. . .\t0.25\t2\nat name\t3\t4\n",
        "\ufeff3 2\nthe 1 -0.5\n. . . 0.25 2\nat name 3 4",
    ):
        path.write_text(text, newline="")
        same(read_vectors(path), wanted)


def test_lower_case_is_noticed():
    assert random_vectors(["the", "naïve"]).lowercase
    assert not random_vectors(["the", "Paris"]).lowercase


BAD = [
    ("glove", b"a 1 2\nb 1\n", "line 2: 1 numbers, expected 2"),
    ("glove", b"a 1 2\nb\n", "line 2: 0 numbers, expected 2"),
    ("glove", b"a 1 2\nb 1 2 3\n", "line 2: 3 numbers, expected 2"),
    ("glove", b"a 1 2\n\nb 1 x\n", "line 3: 'x' is no finite number (the 2. of 2)"),
    ("glove", b"a 1 2\nb nan 2\n", "line 2: 'nan' is no finite number (the 1. of 2)"),
    ("glove", b"a 1 2\nb -inf 2\n", "line 2: '-inf' is no finite number"),
    ("glove", b"a 1 2\nb 1e39 2\n", "line 2: '1e39' is no finite number"),
    ("glove", b"a 1 2\nb 1 2\na 3 4\n", "line 3: the word 'a' stands in line 1 already"),
    ("glove", b"a 1 2\n\xffb 1 2\n", "line 2: the word is not valid UTF-8 (convert the file, or pass --errors replace)"),
    ("glove", b"a\nb\n", "line 1: a word without numbers"),
    ("glove", b"", "is empty"),
    ("tsv", b"a\t1\t2\nb c\t1\n", "line 2: 1 numbers, expected 2"),
    ("word2vec", b"2 2\na 1 2\n", "line 1: the header says 2 words, but there are 1 (the file is cut off)"),
    ("word2vec", b"1 2\na 1 2\nb 1 2\n", "line 1: the header says 1 words, but there are 2 (correct the header)"),
    ("word2vec", b"2 3\na 1 2\nb 1 2\n", "line 2: 2 numbers, expected 3"),
    ("word2vec", b"2 0\na\nb\n", "line 1: not a header of word2vec: '2 0'"),
    ("word2vec", b"a 1 2\nb 1 2\n", "line 1: not a header of word2vec: 'a 1 2'"),
    ("word2vec", b"0 2\n", "holds no vectors"),
    ("word2vec-bin", b"2 1\na " + b"\0" * 4, "the header says 2 words, but there are 1 (the file is cut off)"),
    ("word2vec-bin", b"1 1\na " + b"\0" * 3, "the header says 1 words, but there are 0"),
    ("word2vec-bin", b"1 1\na " + b"\0\0\xc0\x7f", "word 1 ('a'): a number that is not finite"),
    ("word2vec-bin", b"1 1\na " + b"\0" * 9, "data after the last of 1 words"),
    ("word2vec-bin", b"2 1\n" + (b"a " + b"\0" * 4) * 2, "word 2: the word 'a' stands in word 1 already"),
    ("word2vec-bin", b"2 1\n" + b"a" * 100_000, "word 1: no blank ends it"),
    ("word2vec-bin", b"\xba\x16O/" * 4, "is a model in fastText's own format"),
    ("word2vec-bin", b"\x01\x02", "line 1: not a header of word2vec"),
    ("jsonl", b'{"word": "a", "vector": [1, 2]}\n{"word": "b", "vector": [1]}\n', "line 2: a word with 1 numbers, expected 2"),
    ("jsonl", b'{"word": "a", "vector": [1, 2]}\n{"word": "b"}\n', "line 2: lacks 'vector'"),
    ("jsonl", b'{"word": "a", "vector": [1, "x"]}\n', "line 1: no object with `word` and `vector`"),
    ("jsonl", b'{"word": "a", "vector": [1, NaN]}\n', "line 1: a number that is not finite"),
    ("jsonl", b'{"word": "a", "vector": [1, 1e39]}\n', "line 1: a number that is not finite"),
    ("jsonl", b'{"word": "a", "vector": []}\n', "line 1: a word with 0 numbers, expected 1"),
    ("jsonl", b'{"word": 1, "vector": [1]}\n', "line 1: a word with 1 numbers"),
    ("jsonl", b'{"word": "a", "vector": [1]}\n{"word": "a", "vector": [1]}\n', "line 2: the word 'a' stands in line 1 already"),
    ("jsonl", b"[1]\n", "line 1: no object"),
    ("jsonl", b"{\n", "line 1: no object"),
    ("jsonl", b"\n", "holds no vectors"),
]


@pytest.mark.parametrize(("kind", "data", "said"), BAD, ids=[f"{kind}-{i}" for i, (kind, _, _) in enumerate(BAD)])
def test_bad_files(tmp_path, kind, data, said):
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(Failure) as caught:
        read_vectors(path, kind)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_bad_line_far_down(tmp_path):
    vectors = many(5_000)
    lines = save(vectors, tmp_path / "v.txt", "glove").read_bytes().split(b"\n")
    lines[4_321] = lines[4_321].rpartition(b" ")[0]
    (tmp_path / "bad").write_bytes(b"\n".join(lines))
    with pytest.raises(Failure, match="line 4322: 19 numbers, expected 20"):
        read_vectors(tmp_path / "bad")


def test_bad_arrays(tmp_path):
    path, words = tmp_path / "v.npy", tmp_path / "v.words"
    np.save(path, np.eye(2))
    with pytest.raises(Failure, match=r"its words are missing .*v\.words"):
        read_vectors(path)
    words.write_text("a\nb\nc\n")
    with pytest.raises(Failure, match=r"has 2 rows, but .* 3 words"):
        read_vectors(path)
    words.write_text("a\r\nb")
    assert list(read_vectors(path).words) == ["a", "b"]
    for array, said in (
        (np.array([[1], [np.nan]]), "row 2: a number that is not finite"),
        (np.eye(2) > 0, "expected numbers"),
        (np.ones(2), "shape"),
    ):
        np.save(path, array)
        with pytest.raises(Failure, match=said):
            read_vectors(path)
    for data in (b"", b"nothing", b"\x93NUMPY\x01\x00"):
        path.write_bytes(data)
        with pytest.raises(Failure, match="is not an array"):
            read_vectors(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(Failure, match="is not an array"):
        read_vectors(path)


def test_invalid_utf8_can_be_replaced(tmp_path):
    path = tmp_path / "v"
    path.write_bytes(b"a 1\n\xff 2\n")
    assert list(read_vectors(path, errors="replace").words) == ["a", "\ufffd"]


def test_unknown_files_and_formats(tmp_path):
    with pytest.raises(Failure, match="no such file"):
        read_vectors(tmp_path / "none")
    path = save(random_vectors(), tmp_path / "v.txt", "word2vec")
    with pytest.raises(UsageFailure, match="did you mean 'glove'"):
        read_vectors(path, "glvoe")
    assert [guess(save(random_vectors(), tmp_path / NAMES[kind], kind)) for kind in NAMES] == list(NAMES)


def test_labels_that_do_not_fit():
    part = Labelled(["a b\tc", "", "x\ny"], np.ones((3, 1), np.float32), [{"text": "a b\tc"}, {}, {"id": 1, "vector": "old"}])
    assert b"".join(write("glove", [part], 1)) == b"a_b_c 1.0\n_ 1.0\nx_y 1.0\n"
    assert b"".join(write("tsv", [part], 1)) == b"a b c\t1.0\n\t1.0\nx y\t1.0\n"
    objects = [json.loads(line) for line in b"".join(write("jsonl", [part], 1)).splitlines()]
    assert objects == [{"text": "a b\tc", "vector": [1.0]}, {"vector": [1.0]}, {"id": 1, "vector": [1.0]}]
    assert np.load(io.BytesIO(b"".join(write("npy", [part, part], 1)))).shape == (6, 1)
    assert np.load(io.BytesIO(b"".join(write("npy", [], 4)))).shape == (0, 4)
    assert b"".join(write("word2vec", [], 4)) == b"0 4\n"


@pytest.fixture(scope="module")
def keyed():
    return pytest.importorskip("gensim.models").KeyedVectors


def test_gensim_reads_ours(keyed, tmp_path):
    vectors = random_vectors(WORDS[:-1])  # it breaks lines at U+2028
    for kind, options in (("word2vec", {}), ("word2vec-bin", {"binary": True}), ("glove", {"no_header": True})):
        found = keyed.load_word2vec_format(save(vectors, tmp_path / kind, kind), **options)
        assert found.index_to_key == list(vectors.words)
        assert found.vectors.tobytes() == vectors.matrix.tobytes()


def test_we_read_gensims(keyed, tmp_path):
    vectors = random_vectors(WORDS[:-1], width=30)
    theirs = keyed(30)
    theirs.add_vectors(list(vectors.words), np.array(vectors.matrix))
    for kind, options in (("word2vec", {}), ("word2vec-bin", {"binary": True}), ("glove", {"write_header": False})):
        theirs.save_word2vec_format(str(tmp_path / kind), **options)
        same(read_vectors(tmp_path / kind), vectors)
    assert save(vectors, tmp_path / "ours", "word2vec").read_bytes() == (tmp_path / "word2vec").read_bytes()
