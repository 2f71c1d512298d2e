"""Pooling beside a plain loop; a line's vector does not depend on the lines around it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.blocks import Block
from seqcli.data.vectors import Vectors
from seqcli.data.vectors.saving import save
from seqcli.tasks.vectors import encoding, lines
from seqcli.tasks.vectors.encoding import POOLS, SMOOTH, Pooled, common_of_lines, common_of_words, open_encoder, weights
from seqcli.text.segment import RuleSegmenter
from tests.data.vectors.toys import many, random_vectors, with_subwords

VECTORS = random_vectors(["the", "cat", "sat", ".", "n't", "do", "naïve"])
LINES = st.lists(st.lists(st.sampled_from(["the", "Cat", "sat", "dog", "naïve", "."]), max_size=6).map(" ".join), max_size=12)


def plainly(vectors: Vectors, pool: str, words: list[str]):
    """One line, word by word."""
    found = []
    for word in words:
        vector, known = vectors.look_up([word])
        if known[0]:
            row = vectors.rows([word])[0]
            weight = SMOOTH / (SMOOTH + vectors.frequencies[row]) if row >= 0 else 1.0
            found.append(vector[0].astype(float) * (weight if pool == "sif" else 1))
    if not found:
        return np.zeros(vectors.dimensions)
    if pool == "first":
        return found[0]
    return np.max(found, axis=0) if pool == "max" else np.mean(found, axis=0)


@pytest.mark.parametrize("pool", POOLS)
@given(texts=LINES)
@settings(max_examples=30)
def test_pools_beside_a_loop(pool, texts):
    for vectors in (VECTORS, with_subwords()):
        found = Pooled(vectors, pool).encode(texts)
        assert (found.shape, found.dtype.name) == ((len(texts), vectors.dimensions), "float32")
        for row, text in zip(found, texts, strict=True):
            np.testing.assert_allclose(row, plainly(vectors, pool, text.split()), atol=1e-6)


@pytest.mark.parametrize("pool", POOLS)
def test_a_line_does_not_depend_on_others(pool, monkeypatch):
    vectors = many(50)
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 55, rng.integers(0, 30))) for _ in range(300)]
    encoder = Pooled(vectors, pool, common=common_of_words(vectors) if pool == "sif" else None)
    whole = encoder.encode(texts)
    assert encoder.encode(texts[7:200]).tobytes() == whole[7:200].tobytes()
    monkeypatch.setattr(encoding, "AT_ONCE", 13)
    assert encoder.encode(texts).tobytes() == whole.tobytes()
    assert np.concatenate([encoder.encode([text]) for text in texts]).tobytes() == whole.tobytes()


def test_text_is_cut_into_words():
    encoder = Pooled(VECTORS, segmenter=RuleSegmenter("en"))
    texts = ["The cat sat.", "", "I don't.", "cat"]
    words = [["The", "cat", "sat", "."], [], ["I", "do", "n't", "."], ["cat"]]
    np.testing.assert_array_equal(encoder.encode(texts), Pooled(VECTORS).encode(words))
    np.testing.assert_array_equal(
        encoder.encode([texts[0], words[2], texts[1], words[3]]), encoder.encode([texts[i] for i in (0, 2, 1, 3)])
    )
    assert encoder.encode([]).shape == (0, 7)
    assert encoder.encode(["zzz", " "]).tolist() == [[0] * 7] * 2


def test_weights():
    vectors = random_vectors()
    assert vectors.counts is not None
    np.testing.assert_allclose(weights(vectors), SMOOTH / (SMOOTH + vectors.counts / vectors.counts.sum()), rtol=1e-5)


def test_what_lines_have_in_common():
    """Of many lines drawn by the words' frequencies, the first principal component is what the words alone tell."""
    vectors = many(40, width=5)
    vectors = replace(vectors, stored=vectors.stored + np.float32(0.4))
    rng = np.random.default_rng(1)
    drawn = rng.choice(40, size=(20_000, encoding.WORDS_IN_A_LINE), p=vectors.frequencies / vectors.frequencies.sum())
    texts = [" ".join(f"w{i}" for i in row) for row in drawn]
    encoder = Pooled(vectors, "sif")
    found = encoder.encode(texts).astype(float)
    wanted = np.linalg.svd(found, full_matrices=False)[2][0]
    of_lines = common_of_lines(encoder, [Block("\n".join(part).encode(), "x", 1) for part in (texts[:9_000], texts[9_000:])], "strict")
    assert abs(of_lines @ wanted) == pytest.approx(1, abs=1e-4)
    assert abs(common_of_words(vectors) @ wanted) > 0.999
    free = replace(encoder, common=of_lines).encode(texts)
    np.testing.assert_allclose(free @ of_lines, 0, atol=1e-5)
    np.testing.assert_allclose(free, found - np.outer(found @ wanted, wanted), atol=1e-4)


def test_models_open_as_encoders(tmp_path):
    save(VECTORS, tmp_path / "model", "x")
    for pool in POOLS:
        encoder = open_encoder(str(tmp_path / "model"), pool)
        assert encoder.dimensions == 7
        assert encoder.encode(["The cat sat.", ""])[1].tolist() == [0] * 7
    plain = open_encoder(str(tmp_path / "model"), cut=False)
    np.testing.assert_array_equal(plain.encode(["cat sat."]), VECTORS.matrix[[1]])


def search(texts, top, size=1000, source="text"):
    """Blocks of some lines each, searched through."""
    blocks = [Block("".join(f"{text}\n" for text in texts[at : at + size]).encode(), "x", at + 1) for at in range(0, len(texts), size)]
    job = lines.Lines(Pooled(many(60)), source)
    return lines.search(job, job.encoder.encode(["w1 w2"])[0], blocks, top)


def test_searching_beside_brute_force(monkeypatch):
    rng = np.random.default_rng(2)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 65, rng.integers(0, 4))) for _ in range(700)]
    encoder = Pooled(many(60))
    found, query = encoder.encode(texts).astype(float), encoder.encode(["w1 w2"])[0].astype(float)
    size = np.linalg.norm(found, axis=1)
    scores = np.round(found @ query / np.where(size > 0, size, 1) / np.linalg.norm(query), 5)
    wanted = sorted((i for i in range(700) if size[i] > 0), key=lambda i: (-scores[i], i))[:9]
    for at_once, block in ((4096, 1000), (50, 1000), (7, 7)):
        monkeypatch.setattr(lines, "AT_ONCE", at_once)
        hits = search(texts, 9, block)
        assert [hit.record["text"] for hit in hits] == [texts[i] for i in wanted]
        assert [hit.line - 1 for hit in hits] == wanted
        np.testing.assert_allclose([hit.score for hit in hits], scores[wanted], atol=2e-5)
    assert search(["zzz", ""], 5) == []
    assert [hit.line for hit in search(["w3", "w1 w2", "zzz", "w2 w1"], 2, 1)] == [2, 4]


def test_memory_of_a_search_does_not_grow():
    import tracemalloc

    job = lines.Lines(Pooled(many(60)))
    query = job.encoder.encode(["w1 w2"])[0]
    block = Block("".join(f"w{i % 60} w{i % 7} and more\n" for i in range(500)).encode(), "x", 1)
    peaks = []
    for count in (5, 5, 100):
        tracemalloc.start()
        assert len(lines.search(job, query, (block for _ in range(count)), 10)) == 10
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]
