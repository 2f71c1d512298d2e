"""Whole trainings on small texts: the same bytes again, after a cut too, and vectors that know something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcli.data import folder
from seqcli.data.vectors import open_vectors
from seqcli.data.vectors.subwords import Subwords, buckets
from seqcli.errors import Failure, UsageFailure
from seqcli.models import cbow, fasttext, glove, onehot, skipgram
from seqcli.models.vectors import loop
from seqcli.models.vectors.inputs import Pieces
from tests.conftest import ENVIRONMENT
from tests.models.vectors import toys

SMALL: dict[str, Any] = {"dimensions": 8, "epochs": 2, "min_count": 1, "sample": 1e-2, "block": 128, "tile": 8, "shared": 4}
RECIPES: dict[str, Any] = {
    "skipgram": skipgram.Recipe(**SMALL),
    "hierarchical": skipgram.Recipe(**SMALL, loss="hierarchical"),
    "softmax": skipgram.Recipe(**SMALL, loss="softmax"),
    "cbow": cbow.Recipe(**SMALL),
    "fasttext": fasttext.Recipe(**SMALL, buckets=50),
    "glove": glove.Recipe(dimensions=8, epochs=6, min_count=1),
    "adagrad": glove.Recipe(dimensions=8, epochs=6, min_count=1, batch=256, solver="adagrad"),
}
MODELS: dict[str, Any] = {
    "hierarchical": skipgram,
    "softmax": skipgram,
    "skipgram": skipgram,
    "cbow": cbow,
    "fasttext": fasttext,
    "glove": glove,
    "adagrad": glove,
}


def quiet(line):
    pass


class Cut(Exception):
    pass


@pytest.fixture
def text(tmp_path):
    return [str(toys.text(tmp_path / "text", lines=250))]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(loop, "CHUNK", 1 << 10)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", RECIPES)
def test_the_same_again_and_after_a_cut(name, threads, text, tmp_path, monkeypatch):
    recipe, model = replace(RECIPES[name], threads=threads), MODELS[name]
    whole = model.train(text, recipe, quiet)
    again = model.train(text, recipe, quiet)
    assert whole.tensors().keys() == again.tensors().keys()
    for key, array in whole.tensors().items():
        assert np.array_equal(array, again.tensors()[key]), key
    assert np.isfinite(whole.vectors).all()

    monkeypatch.setattr("seqcli.models.vectors.store.EVERY", 0.0)
    turns = []

    def cut(progress):
        turns.append(progress.done)
        if len(turns) == 3:
            raise Cut

    with pytest.raises(Cut):
        model.train(text, recipe, quiet, keep=tmp_path / "keep", progress=cut)
    assert 0 < turns[-1] < 1
    rest: list[Any] = []
    resumed = model.train(["gone"], recipe, quiet, tmp_path / "keep", True, rest.append)
    assert rest[0].done == turns[-1]
    for key, array in whole.tensors().items():
        assert np.array_equal(array, resumed.tensors()[key]), key


def test_resuming_with_other_settings_is_refused(text, tmp_path):
    skipgram.train(text, RECIPES["skipgram"], quiet, keep=tmp_path / "keep")
    with pytest.raises(Failure, match=r"dimensions=8, not 9"):
        skipgram.train(text, replace(RECIPES["skipgram"], dimensions=9), quiet, tmp_path / "keep", resume=True)
    (tmp_path / "keep" / "corpus.safetensors").write_bytes(b"broken")
    with pytest.raises(Failure, match="is broken"):
        skipgram.train(text, RECIPES["skipgram"], quiet, tmp_path / "keep", resume=True)


def test_another_seed_is_another_model(text):
    one, two = (skipgram.train(text, replace(RECIPES["skipgram"], seed=seed), quiet).vectors for seed in (1, 2))
    assert not np.allclose(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skipgram", "hierarchical", "softmax", "cbow", "fasttext", "glove", "adagrad"])
def test_neighbours_in_the_text_are_neighbours_in_space(name, tmp_path):
    """Words 0 … 59 stand on a ring, and lines walk along it."""
    path = toys.text(tmp_path / "text", lines=3000)
    settings: dict[str, Any] = {"epochs": 8, "dimensions": 16}
    settings |= {"sample": 0.0, "rate": 0.05} if MODELS[name] is not glove else {"epochs": 20}
    settings |= {"max_n": 3, "min_n": 3, "buckets": 100} if name == "fasttext" else {}
    found = MODELS[name].train([str(path)], replace(RECIPES[name], **settings), quiet)
    place = np.array([int(word[1:]) for word in found.vocabulary.words])
    unit = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    likeness = unit @ unit.T
    apart = np.abs(place[:, None] - place)
    apart = np.minimum(apart, 60 - apart)
    near, far = likeness[(apart > 0) & (apart <= 2)].mean(), likeness[apart > 15].mean()
    assert near > far + 0.3, (near, far)


def test_a_training_that_diverges_says_so(text):
    with pytest.raises(Failure, match="the training diverged: loss"):
        skipgram.train(text, replace(RECIPES["softmax"], rate=50.0, epochs=3), quiet)


def test_progress_tells_speed_and_loss(text):
    said: list[Any] = []
    skipgram.train(text, RECIPES["skipgram"], quiet, progress=said.append)
    assert said[-1].done == 1
    assert said[-1].words == len(Path(text[0]).read_text().split()) * 2
    assert said[-1].loss < said[0].loss
    assert [each.done for each in said] == sorted(each.done for each in said)
    assert "words/s" in str(said[-1])


def test_a_model_folder_is_read_back(text, tmp_path):
    found = fasttext.train(text, replace(RECIPES["fasttext"], lowercase=True), quiet)
    config = {"model": "fasttext", "task": "vectors", "parameters": found.config()}
    folder.write(tmp_path / "model", config, found.tensors(), {})
    vectors = open_vectors(tmp_path / "model")
    assert list(vectors.words) == list(found.vocabulary.words)
    assert np.array_equal(vectors.take(np.arange(len(vectors))), found.vectors)
    got, known = vectors.look_up(["w1", "w1w2"])
    assert known.all()
    assert found.ngrams is not None
    wanted = Subwords(found.ngrams, 3, 6).of("w1w2")
    assert wanted is not None
    assert np.allclose(got[1], wanted)


def test_a_word_of_fasttext_is_the_mean_of_its_pieces(text, monkeypatch):
    seen = []
    init = Pieces.__init__

    def watch(self, *parts):
        seen.append(self)
        init(self, *parts)

    monkeypatch.setattr(Pieces, "__init__", watch)
    found = fasttext.train(text, RECIPES["fasttext"], quiet)
    size = len(found.vocabulary)
    assert found.ngrams is not None
    for number, word in enumerate(found.vocabulary.words):
        pieces = found.ngrams[buckets(word, 3, 6, 50)]
        own = seen[0].table[number : number + 1].numpy()
        assert np.allclose(found.vectors[number], np.concatenate([own, pieces]).mean(axis=0), atol=1e-6)
    assert len(seen[0].table) == size + 50


def test_onehot(text):
    found = onehot.train(text, onehot.Recipe(min_count=1, max_vocabulary=10), quiet)
    assert np.array_equal(found.vectors, np.eye(10))
    assert found.config() == {"dimensions": 10, "lowercase": False}


@pytest.mark.parametrize(
    ("model", "changes", "said"),
    [
        (skipgram, {"loss": "hierarchic"}, "did you mean 'hierarchical'"),
        (skipgram, {"threads": 0}, "threads=0"),
        (fasttext, {"min_n": 4, "max_n": 3}, "n-grams of 4 to 3"),
        (glove, {"x_max": 0.0}, "x_max=0"),
        (glove, {"decay": -0.5}, "decay=-0.5"),
        (glove, {"solver": "adagard"}, "did you mean 'adagrad'"),
    ],
)
def test_settings_that_make_no_sense(model, changes, said, text):
    with pytest.raises(UsageFailure, match=said):
        model.train(text, replace(model.Recipe(min_count=1), **changes), quiet)


def test_one_word(tmp_path):
    (tmp_path / "text").write_text("a a a a\n" * 3)
    for name, recipe in RECIPES.items():
        found = MODELS[name].train([str(tmp_path / "text")], recipe, quiet)
        assert found.vectors.shape == (1, 8), name
        assert np.isfinite(found.vectors).all(), name


KILLED = """
import sys
from pathlib import Path
from typing import Any
from seqcli.models import skipgram
from seqcli.models.vectors import loop, store
loop.CHUNK, store.EVERY = 1 << 10, 0.0
recipe = skipgram.Recipe(dimensions=8, epochs=20, min_count=1, block=128, tile=8, shared=4)
found = skipgram.train([sys.argv[1]], recipe, print, Path(sys.argv[2]), resume=True)
sys.stdout.write(found.vectors.tobytes().hex())
"""


def test_killed_at_any_moment(text, tmp_path):
    command = [sys.executable, "-c", KILLED, text[0]]
    whole = subprocess.run([*command, str(tmp_path / "whole")], env=ENVIRONMENT, capture_output=True, check=True).stdout
    state = tmp_path / "keep" / "checkpoint.safetensors"
    for _ in range(2):
        process = subprocess.Popen(
            [*command, str(tmp_path / "keep")], env=ENVIRONMENT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        before = state.stat().st_mtime if state.exists() else 0
        while process.poll() is None and not (state.exists() and state.stat().st_mtime > before):
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run([*command, str(tmp_path / "keep")], env=ENVIRONMENT, capture_output=True, check=True).stdout
    assert done.split(b"\n")[-1] == whole.split(b"\n")[-1]


def test_threads_of_torch_are_put_back(text):
    before = torch.get_num_threads()
    skipgram.train(text, RECIPES["skipgram"], quiet)
    assert torch.get_num_threads() == before
