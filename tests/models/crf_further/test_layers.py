"""Layers of further tags: the tables say what the weights say, only what was seen with a tag is told, sentences stand alone."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.models.crf.features import describe
from seqcli.models.crf.further import layers
from seqcli.models.crf.further.layers import FAR, REACH, Layer, Sparse, Values, beside_feature, own_features, sorted_rows
from seqcli.models.names import Names

WORDS = ["the", "cats", "ran", "Zoe", "running", "was", "7"]
KINDS = [0, 0, 1, 2]
PAIRS = np.array([[0, 0], [0, 1], [1, 1], [2, 2], [2, 3], [3, 0]])
LABELS = ["_", "Number=Plur", "Number=Plur|Person=3", "Person=3|Tense=Past"]


def make() -> Layer:
    """A layer that knows no type yet."""
    random = np.random.default_rng(0)
    values = Values(KINDS, PAIRS, LABELS)
    own = sorted({name for word in WORDS for name in own_features(describe(word))})
    wide = len(REACH) * values.atoms
    return Layer(
        values,
        sorted_rows(own, random.normal(size=(len(own), values.atoms)), 0.3),
        sorted_rows(["l=the", "l=was"], random.normal(size=(2, wide)), 0),
        Sparse.of(random.normal(size=(len(KINDS) + 1, wide)), 0),
    )


@pytest.fixture
def layer() -> Layer:
    return make()


def by_definition(layer: Layer, words: list[str], tags: list[int]) -> list[int]:
    """One word, one value, one atom at a time."""
    values, A = layer.values, layer.values.atoms
    own = dict(zip(layer.own_names, layer.own.dense, strict=True))
    beside = dict(zip(layer.beside_names, layer.beside.dense.reshape(-1, len(REACH), A), strict=True))
    context = layer.context.dense.reshape(-1, len(REACH), A)
    found = []
    for i, (word, tag) in enumerate(zip(words, tags, strict=True)):
        atoms = sum(own.get(name, np.zeros(A)) for name in own_features(describe(word)))
        for row, offset in enumerate(REACH):
            inside = 0 <= i + offset < len(words)
            atoms = atoms + context[tags[i + offset] + 1 if inside else 0, row]
            if inside and (name := beside_feature(describe(words[i + offset]))) in beside:
                atoms = atoms + beside[name][row]
        kind = KINDS[tag]
        scores = {
            label: values.made[kind][list(values.members[kind]).index(label)] @ atoms[values.blocks[kind]]
            for given, label in PAIRS.tolist()
            if given == tag
        }
        found.append(max(scores, key=lambda label: scores[label]))
    return found


SENTENCES = st.lists(
    st.lists(st.tuples(st.integers(0, len(WORDS) - 1), st.integers(0, 3)), min_size=1, max_size=6), min_size=1, max_size=4
)


@given(SENTENCES)
def test_the_tables_say_what_the_weights_say(sentences):
    layer = make()
    layer.learn([describe(word) for word in WORDS[:3]])
    layer.learn([describe(word) for word in WORDS[3:]])
    words = [[word for word, _ in sentence] for sentence in sentences]
    tags = [[tag for _, tag in sentence] for sentence in sentences]
    ids, upos = (np.array(list(chain.from_iterable(values))) for values in (words, tags))
    found = layer(ids, upos, np.array(list(map(len, sentences))))
    wanted = [by_definition(layer, [WORDS[i] for i in w], t) for w, t in zip(words, tags, strict=True)]
    assert found.tolist() == list(chain.from_iterable(wanted))
    assert {*zip(upos.tolist(), found.tolist(), strict=True)} <= {*map(tuple, PAIRS.tolist())}


def test_it_is_loaded_as_it_was_saved(layer):
    again = Layer.load(layer.tensors("x"), "x", KINDS)
    for name, tensor in layer.tensors("x").items():
        np.testing.assert_array_equal(again.tensors("x")[name], tensor)
    described = [describe(word) for word in WORDS]
    layer.learn(described)
    again.learn(described)
    types, tags = np.arange(len(WORDS)), np.array([0, 1, 2, 0, 2, 2, 3])
    np.testing.assert_array_equal(again(types, tags, np.array([4, 3])), layer(types, tags, np.array([4, 3])))


def test_atoms_of_other_parts_of_speech_are_others():
    values = Values(KINDS, PAIRS, LABELS)
    assert values.atoms == 2 + 3 + 1
    assert [members.tolist() for members in values.members] == [[0, 1], [2, 3], [0]]
    np.testing.assert_array_equal(values.bars(0)[:2], [[0, 0], [FAR, 0]])


@given(st.integers(0, 5), st.integers(1, 300), st.integers(0, 3))
def test_a_sparse_matrix_is_the_matrix_but_for_rounding(rows, columns, seed):
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    sparse = Sparse.of(matrix, 0.5)
    kept = np.where(np.abs(matrix) >= 0.5, matrix, 0)
    np.testing.assert_allclose(sparse.dense, kept, atol=sparse.scale / 2 + 1e-6)
    again = Sparse.load({f"m.{key[2:]}": tensor for key, tensor in sparse.tensors("m").items()}, "m", rows, columns)
    np.testing.assert_array_equal(again.dense, sparse.dense)


@pytest.mark.parametrize("name", ["pairs", "own.sizes", "own.columns", "beside.names", "context.levels"])
def test_broken_tensors_are_refused(layer, name):
    tensors = layer.tensors("x")
    with pytest.raises(Failure):
        Layer.load({key: tensor for key, tensor in tensors.items() if key != f"x.{name}"}, "x", KINDS)
    with pytest.raises(Failure):
        Layer.load(tensors | {f"x.{name}": tensors[f"x.{name}"][:-1]}, "x", KINDS)


def test_names_of_no_weight_are_not_kept():
    names, sparse = sorted_rows(["b", "c", "a"], np.array([[1.0, 0], [0.1, 0], [0, -2]]), 0.5)
    assert isinstance(names, Names)
    assert list(names) == ["a", "b"]
    np.testing.assert_allclose(sparse.dense, [[0, -2], [1, 0]], atol=0.01)
    assert layers.GAP == 3
