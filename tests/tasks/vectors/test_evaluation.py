"""Published questions: beside a plain loop, beside gensim, and what is wrong with a file of them."""

import itertools
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from seqcli.data.vectors import Vectors
from seqcli.errors import Failure
from seqcli.tasks.vectors import evaluation, telling
from seqcli.tasks.vectors.evaluation import Analogies, Similarity, evaluate
from tests.conftest import ROOT
from tests.data.vectors.toys import random_vectors, with_subwords

DATA = Path(os.environ.get("SEQ_DATA", ROOT.parent / "shared" / "data")) / "wordsim"


def grid(noise=0.0, seed=1) -> Vectors:
    """Words of which each is the sum of a stem and an ending, so that analogies hold but for noise."""
    rng = np.random.default_rng(seed)
    stems, endings = rng.normal(size=(12, 8)), rng.normal(size=(4, 8)) * 0.8
    words = [f"stem{chr(97 + i)}{ending}" for ending in ("", "s", "ed", "ing") for i in range(12)]
    matrix = np.array([stems[i] + endings[j] for j in range(4) for i in range(12)])
    return Vectors.of(words, matrix + noise * rng.normal(size=matrix.shape))


def questions(path: Path) -> Path:
    """Every stem with every other, one section an ending; some words are unknown."""
    parts = []
    for name, ending in (("plural", "s"), ("gram-past", "ed"), ("gram-present", "ing")):
        parts.append(f": {name}")
        for i, j in itertools.permutations(range(13), 2):
            parts.append(f"Stem{chr(97 + i)} stem{chr(97 + i)}{ending} stem{chr(97 + j)} stem{chr(97 + j)}{ending}")
    path.write_text("\n".join(parts) + "\n")
    return path


def by_hand(vectors: Vectors, a, b, c, method):
    """The answer to one question."""
    units = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    index = {word: i for i, word in reversed(list(enumerate(map(str.lower, vectors.words))))}
    i, j, k = (units @ units[index[word]] for word in (a, b, c))
    scores = j - i + k if method == "cosadd" else (1 + j) * (1 + k) / (1 + i + 2e-6)
    for row in np.argsort(-scores):
        word = vectors.words[int(row)].lower()
        if word not in (a, b, c):
            return word
    raise AssertionError


@pytest.mark.parametrize("method", ["cosadd", "cosmul"])
@pytest.mark.parametrize("at_once", [1 << 24, 1])
def test_analogies_beside_a_loop(tmp_path, monkeypatch, method, at_once):
    monkeypatch.setattr(evaluation, "AT_ONCE", at_once)
    vectors = grid(0.8)
    found = evaluate(vectors, questions(tmp_path / "questions.txt"), method=method)
    assert isinstance(found, Analogies)
    assert [(each.name, each.asked, each.total) for each in found.sections] == [
        (name, 132, 156) for name in ("plural", "gram-past", "gram-present")
    ]
    for section, ending in zip(found.sections, ("s", "ed", "ing"), strict=True):
        pairs = itertools.permutations(range(12), 2)
        words = [
            (f"stem{chr(97 + i)}", f"stem{chr(97 + i)}{ending}", f"stem{chr(97 + j)}", f"stem{chr(97 + j)}{ending}") for i, j in pairs
        ]
        assert section.right == sum(by_hand(vectors, a, b, c, method) == d for a, b, c, d in words)
    assert 0 < found.score < 100
    assert found.coverage == pytest.approx(100 * 132 / 156)
    assert [(each.name, each.asked) for each in found.subtotals()] == [("semantic", 132), ("syntactic", 264), ("all", 396)]
    assert evaluate(grid(), tmp_path / "questions.txt").score > max(90, found.score)


def test_words_that_differ_in_case_alone(tmp_path):
    """The more frequent one stands for both, and neither is an answer where one is asked."""
    vectors = grid(0.8)
    double = Vectors.of([*vectors.words, *(word.title() for word in vectors.words)], np.concatenate([vectors.matrix] * 2))
    path = questions(tmp_path / "questions.txt")
    assert evaluate(double, path) == evaluate(vectors, path)
    assert not double.lowercase


def test_the_first_words_only(tmp_path):
    vectors = grid(0.8)
    found = evaluate(vectors, questions(tmp_path / "questions.txt"), limit=24)
    assert isinstance(found, Analogies)
    assert [each.asked for each in found.sections] == [132, 0, 0]
    assert found.sections[1].accuracy == 0
    assert found == evaluate(vectors.limited(24), tmp_path / "questions.txt")


def pairs_of(path: Path, vectors: Vectors, seed=1) -> Path:
    rng = np.random.default_rng(seed)
    words = [*vectors.words, "unknown"]
    rows = [f"{words[i].title()}\t{words[j]}\t{rng.integers(0, 8)}" for i, j in rng.integers(0, len(words), (90, 2)) if i != j][:80]
    path.write_text("word1\tword2\tscore\n" + "\n".join(rows) + "\n")
    return path


def test_similarity_beside_scipy(tmp_path):
    stats = pytest.importorskip("scipy.stats")
    vectors = random_vectors([f"w{i}" for i in range(15)])
    path = pairs_of(tmp_path / "pairs.tsv", vectors)
    found = evaluate(vectors, path)
    assert isinstance(found, Similarity)
    rows = [line.lower().split("\t") for line in path.read_text().split("\n")[1:-1]]
    known = [row for row in rows if "unknown" not in row]
    index = {word: i for i, word in enumerate(vectors.words)}
    units = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    cosines = [float(units[index[a]] @ units[index[b]]) for a, b, _ in known]
    judged = [float(score) for _, _, score in known]
    assert (found.asked, found.total, found.unknown) == (len(known), 80, 80 - len(known))
    assert found.spearman == pytest.approx(stats.spearmanr(np.round(cosines, 6), judged).statistic, abs=1e-6)
    assert found.pearson == pytest.approx(stats.pearsonr(cosines, judged).statistic, abs=1e-6)
    assert found.score == found.spearman


def test_other_layouts(tmp_path):
    vectors = random_vectors(["a", "b", "c", "d"])
    wanted = None
    for text in (
        "a\tb\t3\nc\td\t1\na\tc\t2\n",
        "# x\nWord 1,Word 2,Human (mean)\na,b,3\nc,d,1\n\na,c,2\n",
        "a b 3 more\nc d 1 x\na c 2 y",
    ):
        (tmp_path / "pairs").write_text(text)
        found = evaluate(vectors, tmp_path / "pairs")
        assert wanted is None or found == wanted
        wanted = found


def test_unseen_words_by_their_ngrams(tmp_path):
    (tmp_path / "pairs").write_text("Runners running 3\nrunner the 2\nrun the 1\n")
    found = evaluate(with_subwords(), tmp_path / "pairs")
    assert isinstance(found, Similarity)
    assert (found.asked, found.total, found.unknown, found.coverage) == (3, 3, 2, 100)
    assert "2 pairs with a word that is not in the vocabulary" in "\n".join(telling.evaluations([found], False))


def test_nothing_known(tmp_path):
    (tmp_path / "pairs").write_text("x y 3\n")
    found = evaluate(random_vectors(), tmp_path / "pairs")
    assert math.isnan(found.score)
    assert found.coverage == 0
    assert json.loads(next(telling.evaluations([found], True)))["spearman"] is None
    (tmp_path / "questions").write_text(": none\nx y z w\n: empty\n")
    none = evaluate(random_vectors(), tmp_path / "questions")
    assert (none.score, none.coverage) == (0, 0)
    assert list(telling.evaluations([found, none], False))[2] == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "asks nothing"),
        (": a\nx y z\n", "line 2: 3 words, expected 4"),
        (": a\n: b\n", "has sections, but no analogies"),
        ("a b 1\na b\n", "line 2: expected two words and a score"),
        ("a b 1\na b x\n", "line 2: expected two words and a score"),
        ("a b nan\n", "expected lines of two words and a score"),
        ("some text\n", "expected lines of two words and a score"),
    ],
)
def test_bad_files(tmp_path, text, said):
    (tmp_path / "bad").write_text(text)
    with pytest.raises(Failure, match=said):
        evaluate(random_vectors(), tmp_path / "bad")


@pytest.mark.parametrize("limit", [0, 30])
def test_gensim_counts_the_same(tmp_path, limit):
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    vectors = grid(0.8)
    words = [word.title() if i % 5 == 0 else word for i, word in enumerate(vectors.words)]
    words[3] = "STEMA"  # the same word in other letters
    vectors = Vectors.of(words, vectors.matrix)
    theirs = keyed(8)
    theirs.add_vectors(words, np.array(vectors.matrix))
    path = questions(tmp_path / "questions.txt")
    found = evaluate(vectors, path, limit)
    score, sections = theirs.evaluate_word_analogies(str(path), restrict_vocab=limit or 300_000)
    assert isinstance(found, Analogies)
    counted = [(len(each["correct"]), len(each["correct"]) + len(each["incorrect"])) for each in sections[:-1]]
    assert [(each.right, each.asked) for each in found.sections] == counted
    assert found.score == pytest.approx(100 * score)
    path = pairs_of(tmp_path / "pairs.tsv", vectors)
    pearson, spearman, unknown = theirs.evaluate_word_pairs(str(path), restrict_vocab=limit or 300_000)
    same = evaluate(vectors, path, limit)
    assert isinstance(same, Similarity)
    assert same.pearson == pytest.approx(pearson.statistic, abs=1e-6)
    assert same.spearman == pytest.approx(spearman.statistic, abs=1e-4)
    assert 100 - same.coverage == pytest.approx(unknown)


@pytest.mark.corpus
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no data under {DATA}")
def test_published_sets_are_read():
    found = {path.name: evaluate(random_vectors(["king", "queen", "car", "tiger"]), path) for path in sorted(DATA.iterdir())}
    analogies = found["questions-words.txt"]
    assert isinstance(analogies, Analogies)
    assert (len(analogies.sections), analogies.together().total) == (14, 19_544)
    sizes = {"wordsim353.tsv": 353, "simlex999.tsv": 999, "men3k.tsv": 3000, "rareword.tsv": 2034, "rg65.tsv": 65, "mc30.tsv": 30}
    for name, size in sizes.items():
        each = found[name]
        assert isinstance(each, Similarity)
        assert each.total == size
