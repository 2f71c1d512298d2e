"""Neighbours, analogies and the rest beside brute force, and beside gensim."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.vectors import Vectors, quantised
from seqcli.errors import Failure, UsageFailure
from seqcli.tasks.vectors.neighbours import at_length_one, best, nearest
from seqcli.tasks.vectors.questions import METHODS, analogy, near, odd_one_out, similarity
from tests.data.vectors.toys import many, random_vectors, with_subwords


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@given(st.integers(0, 700), st.integers(0, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_highest_scores(count, top, levels, seed):
    """With few levels many are alike: those that come first win."""
    scores = np.random.default_rng(seed).integers(0, levels, count).astype(np.float32)
    assert best(scores, top).tolist() == np.argsort(-scores, kind="stable")[:top].tolist()
    scores[: count // 3] = -np.inf
    assert best(scores, top).tolist() == np.argsort(-scores, kind="stable")[:top].tolist()


@pytest.mark.parametrize("queries", [1, 2, 70])
def test_neighbours(queries):
    vectors = many(5_000)
    asked = np.random.default_rng(1).normal(size=(queries, 20)).astype(np.float32) * 7
    asked[0] = vectors.matrix[3]
    without = [[3, 3, i] for i in range(queries)]
    scores = at_length_one(asked) @ at_length_one(vectors.matrix).T
    for rows, left_out in ((nearest(vectors, asked, 5), []), (nearest(vectors, asked, 5, without), without)):
        for i, found in enumerate(rows):
            wanted = scores[i].astype(np.float64)
            wanted[left_out[i] if left_out else []] = -np.inf
            assert [row for row, _ in found] == np.argsort(-wanted, kind="stable")[:5].tolist()
            np.testing.assert_allclose([score for _, score in found], np.sort(wanted)[::-1][:5], atol=1e-6)


def test_more_neighbours_than_words():
    vectors = random_vectors(["a", "b", "c"])
    assert len(nearest(vectors, vectors.matrix[:1], 9)[0]) == 3
    assert [word for word, _ in near(vectors, "a", 9)] == sorted(["b", "c"], key=lambda word: -similarity(vectors, "a", word))
    assert len(analogy(vectors, ["a", "a", "b"], 9)) == len(analogy(vectors, ["a", "a", "b"], 9, "cosmul")) == 1
    assert analogy(vectors, ["a", "b", "c"], 9) == analogy(vectors, ["a", "b", "c"], 9, "cosmul") == []


def test_a_vector_of_zeros_is_near_to_none():
    vectors = Vectors.of(["a", "zero", "b"], np.array([[1, 0], [0, 0], [0.5, 0.5]]))
    assert near(vectors, "a") == [("b", pytest.approx(0.7071, abs=1e-4)), ("zero", 0.0)]
    assert similarity(vectors, "a", "zero") == 0


@pytest.mark.parametrize("kind", ["whole", "eight bits", "lower case"])
def test_answers_by_brute_force(kind):
    vectors = many(300)
    vectors = quantised(vectors) if kind == "eight bits" else vectors
    matrix = vectors.matrix.astype(np.float64)
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    words = list(vectors.words)
    asked = [word.upper() if kind == "lower case" else word for word in ("w5", "w9", "w70")]
    a, b, c = units[[5, 9, 70]]
    assert similarity(vectors, *asked[:2]) == pytest.approx(a @ b, abs=1e-6)
    rest = [i for i in range(300) if i not in (5, 9, 70)]
    add = {i: units[i] @ (b - a + c) / np.linalg.norm(b - a + c) for i in rest}
    mul = {i: (1 + units[i] @ b) * (1 + units[i] @ c) / 4 / ((1 + units[i] @ a) / 2 + 1e-6) for i in rest}
    for method, wanted in (("cosadd", add), ("cosmul", mul)):
        order = sorted(rest, key=lambda i: -wanted[i])[:7]
        found = analogy(vectors, asked, 7, method)
        assert [word for word, _ in found] == [words[i] for i in order]
        np.testing.assert_allclose([score for _, score in found], [wanted[i] for i in order], rtol=1e-4)
    order = sorted((i for i in range(300) if i != 5), key=lambda i: -(units[i] @ a))[:7]
    assert [word for word, _ in near(vectors, asked[0], 7)] == [words[i] for i in order]
    mean = units[[5, 9, 70]].mean(axis=0)
    odd = sorted(zip(asked, units[[5, 9, 70]], strict=True), key=lambda pair: cosine(pair[1], mean))
    assert [word for word, _ in odd_one_out(vectors, asked)] == [word for word, _ in odd]


def test_gensim_says_the_same():
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    vectors = many(400)
    theirs = keyed(20)
    theirs.add_vectors(list(vectors.words), np.array(vectors.matrix))

    def agree(ours, found):
        assert [word for word, _ in ours] == [word for word, _ in found]
        np.testing.assert_allclose([score for _, score in ours], [score for _, score in found], atol=1e-5)

    for a, b, c in (("w1", "w2", "w3"), ("w50", "w7", "w399"), ("w0", "w100", "w200")):
        agree(near(vectors, a), theirs.most_similar(a))
        agree(analogy(vectors, [a, b, c]), theirs.most_similar(positive=[b, c], negative=[a]))
        agree(analogy(vectors, [a, b, c], method="cosmul"), theirs.most_similar_cosmul(positive=[b, c], negative=[a]))
        assert similarity(vectors, a, b) == pytest.approx(theirs.similarity(a, b), abs=1e-6)
        assert odd_one_out(vectors, [a, b, c, "w17"])[0][0] == theirs.doesnt_match([a, b, c, "w17"])


def test_ngrams_answer_for_unseen_words():
    vectors = with_subwords()
    assert similarity(vectors, "Running", "running") == pytest.approx(1, abs=1e-6)
    assert len(near(vectors, "runners")) == 4
    assert len(analogy(vectors, ["runners", "the", "running"])) == 2


def test_what_cannot_be_asked():
    vectors = many(300)
    with pytest.raises(Failure, match=r"no vector for 'w2999' \(did you mean 'w299' or 'w29' or 'w99'\?\)"):
        near(vectors, "w2999")
    with pytest.raises(Failure, match=r"no vector for 'completely-else' \(it is none of the 300 words\)"):
        similarity(vectors, "w1", "completely-else")
    with pytest.raises(Failure, match=r"no vector for 'w1 w2' \(one word, please\)"):
        near(vectors, "w1 w2")
    with pytest.raises(UsageFailure, match="an analogy has three words, not 2"):
        analogy(vectors, ["w1", "w2"])
    with pytest.raises(UsageFailure, match="three words or more, not 2"):
        odd_one_out(vectors, ["w1", "w2"])
    assert METHODS == ("cosadd", "cosmul")
