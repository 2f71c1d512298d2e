from __future__ import annotations

import io
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.blocks import Block
from seqcli.errors import Failure
from seqcli.models.vectors import corpus, phrases
from seqcli.models.vectors.settings import Text
from seqcli.models.vectors.vocabulary import Alias, choose
from tests.models.vectors import toys

LINE = st.text(alphabet="ab é\u3000\t\u2028xyz", max_size=30)


def words_of(found):
    return ["\n" if number == corpus.END else found.vocabulary.words[number] for number in found.ids().tolist()]


@given(st.lists(LINE, max_size=8))
def test_types_are_those_of_split(lines):
    types = corpus.Types()
    for part in (lines[:3], lines[3:]):
        data = "".join(line + "\n" for line in part).encode()
        if data:
            told = [types.words[n].decode() if n >= 0 else "\n" for n in types.number(data).tolist()]
            assert told == [token for line in part for token in [*line.split(), "\n"]]
    counts = Counter(token for line in lines for token in line.split())
    assert {word.decode(): int(types.counts[i]) for i, word in enumerate(types.words)} == counts


@pytest.mark.parametrize("settings", [Text(), Text(min_count=1, lowercase=True), Text(min_count=30, max_vocabulary=7)], ids=str)
def test_read_is_a_plain_count(tmp_path, settings):
    path = toys.text(tmp_path / "text")
    path.write_text(path.read_text().replace("w1 ", "W1 "))
    found = corpus.read([str(path)], tmp_path / "ids", settings)
    text = path.read_text().lower() if settings.lowercase else path.read_text()
    counts = Counter(text.split())
    wanted = sorted((w for w, n in counts.items() if n >= settings.min_count), key=lambda w: (-counts[w], w))
    wanted = wanted[: settings.max_vocabulary or None]
    assert list(found.vocabulary.words) == wanted
    assert found.vocabulary.counts.tolist() == [counts[word] for word in wanted]
    assert found.words == counts.total()
    assert words_of(found) == [w for line in text.split("\n")[:-1] for w in [*(w for w in line.split() if w in wanted), "\n"]]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("ids")] == ["ids"]


def test_standard_input_and_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"a b a"))))
    found = corpus.read([], tmp_path / "ids", Text(min_count=1))
    assert words_of(found) == ["a", "b", "a", "\n"]
    (tmp_path / "one").write_text("a b")
    found = corpus.read([str(tmp_path / "one"), str(tmp_path / "one")], tmp_path / "ids", Text(min_count=1))
    assert words_of(found) == ["a", "b", "\n", "a", "b", "\n"]


def test_a_tokenizer_cuts(tmp_path):
    assert corpus.preparation(False, "en")(Block(b"Don't go. Stay!\n", "x", 1)) == b"Do n't go .\nStay !\n"


@pytest.mark.parametrize(
    ("text", "said"), [(b"", "the text is empty"), (b"a b\n", "no word occurs 5 times"), (b"a\xff\n", "line 1, byte 2")]
)
def test_what_cannot_be_learned_from(tmp_path, text, said):
    (tmp_path / "text").write_bytes(text)
    with pytest.raises(Failure, match=said):
        corpus.read([str(tmp_path / "text")], tmp_path / "ids", Text())
    assert not (tmp_path / "ids.raw").exists()


def test_rare_types_are_forgotten():
    types = corpus.Types(most=4)
    types.number(b"a a a b c d e f\n")
    assert types.places.tolist() == [0]
    assert types.number(b"b a b\n").tolist() == [6, 0, 6, -1]
    assert types.counts[[0, 1, 6]].tolist() == [4, 0, 2]


@given(st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=6), st.integers(1, 2), st.sampled_from([0.2, 1.0]))
def test_phrases_are_those_of_a_loop(tmp_path_factory, lines, least, threshold):
    path = tmp_path_factory.mktemp("phrases") / "ids"
    toys.numbers(lines).tofile(path)
    words = [b"a", b"b", b"c", b"d", b"e"]
    counts = np.bincount(np.array([n for line in lines for n in line], dtype=np.int64), minlength=5)
    pairs = Counter(pair for line in lines for pair in pairwise(line))
    types = np.count_nonzero(counts)
    joins = {(a, b) for (a, b), n in pairs.items() if n >= least and (n - least) * types / (counts[a] * counts[b]) > threshold}
    wanted = []
    for line in lines:
        at = 0
        while at < len(line):
            two = tuple(line[at : at + 2]) in joins
            wanted.append(b"_".join(words[n] for n in line[at : at + 1 + two]))
            at += 1 + two
        wanted.append(b"\n")
    new = phrases.join(path, words, counts, least, threshold)
    found = [words[n] if n >= 0 else b"\n" for n in np.fromfile(path, np.int32).tolist()]
    assert found == wanted
    assert {w: n for w, n in zip(words, new.tolist(), strict=True) if n} == Counter(w for w in wanted if w != b"\n")


def test_sub_sampling_and_noise():
    vocabulary = toys.vocabulary([900, 90, 10])
    share = np.array([0.9, 0.09, 0.01])
    assert np.allclose(vocabulary.kept(0.05), np.minimum(1, np.sqrt(0.05 / share) + 0.05 / share))
    assert vocabulary.kept(0).tolist() == [1, 1, 1]
    assert np.allclose(vocabulary.noise(0.75), np.array([900, 90, 10]) ** 0.75 / (np.array([900, 90, 10]) ** 0.75).sum())


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40))
def test_alias_keeps_the_distribution(weights):
    share = np.array(weights) / sum(weights)
    alias = Alias.of(share)
    found = alias.share / len(share)
    np.add.at(found, alias.other, (1 - alias.share) / len(share))
    assert np.allclose(found, share)


def test_choose_breaks_ties_by_name():
    vocabulary, numbers = choose([b"b", b"a", b"c"], np.array([2, 2, 3]), 1, 2)
    assert list(vocabulary.words) == ["c", "a"]
    assert numbers.tolist() == [-2, 1, 0]
