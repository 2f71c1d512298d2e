"""The CRF: what is looked up equals what the features say, in one go or in pieces, before and after it was saved."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.examples import Batch
from seqcli.data.folder import Folder
from seqcli.errors import Failure
from seqcli.models import crf
from seqcli.models.crf import CRFTagger, Recipe
from seqcli.models.crf import weights as crf_weights
from seqcli.models.crf.corpus import OFFSETS, PAIRS
from seqcli.models.crf.features import BOUNDARY, CLASS, SHAPE, WORD, describe
from seqcli.models.names import Names, pack, unpack


@pytest.fixture(scope="module")
def tagger(data: Batch) -> CRFTagger:
    return crf.train(data, None, Recipe(epochs=4, batch=4, rate=0.1, prune=0.01), lambda _: None)


def emission_by_definition(tagger: CRFTagger, sentence: list[str]) -> np.ndarray:
    """One feature at a time."""
    tags = len(tagger.labels)
    padded = [BOUNDARY, BOUNDARY, *sentence, BOUNDARY, BOUNDARY]
    features = [describe(word, tagger.clusters.of([word])[0]) for word in padded]
    center = dict(zip(tagger.center.names, tagger.center.rows[:], strict=True))
    near = dict(zip(tagger.near.names, tagger.near.rows[:].reshape(-1, len(OFFSETS), tags), strict=True))
    score = np.zeros((len(sentence), tags))
    for i in range(len(sentence)):
        for name in features[i + 2].center:
            score[i] += center.get(name, 0)
        for column, offset in enumerate(OFFSETS):
            for name in features[i + 2 + offset].near:
                score[i] += near[name][column] if name in near else 0
        for pairs, (view, gap) in zip(tagger.pairs, PAIRS, strict=True):
            values = list(pairs.values)
            rows = {(values[a], values[b]): row for (a, b), row in zip(pairs.ends.tolist(), pairs.rows[:], strict=True)}
            for part, begin in enumerate((-1, 0)[: 2 if gap == 1 else 1]):
                pair = tuple(features[i + 2 + at].values[view] for at in (begin, begin + gap))
                if pair in rows:
                    score[i] += rows[pair][part * tags : (part + 1) * tags]
    return score


@pytest.mark.parametrize("short", [0, 1000])
@pytest.mark.parametrize("dense", [0, 1 << 20])
def test_the_tables_say_what_the_features_say(tagger, data, short, dense, monkeypatch):
    monkeypatch.setattr(crf_weights, "SHORT", short)
    monkeypatch.setattr(crf_weights, "DENSE", dense)
    for pairs in tagger.pairs:
        pairs.__dict__.pop("table", None)
    sentences = [*list(data.split(data.tokens))[:6], ["Zyx", "—", "unseen", "the"], ["Hm"]]
    tokens, lengths = list(chain.from_iterable(sentences)), np.array([len(s) for s in sentences])
    tagger.forget()
    found = tagger.chain(tokens, lengths).emission
    wanted = np.concatenate([emission_by_definition(tagger, sentence) for sentence in sentences])
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_it_learns_what_it_was_shown_and_forgets_nothing_when_saved(tagger, data):
    tagging = tagger.tag(data.tokens, data.lengths)
    assert np.mean([a == b for a, b in zip(tagging.tags(), data.tags, strict=True)]) > 0.98
    again = crf.load(Folder(Path("saved"), {"parameters": tagger.config()}, tagger.tensors()))
    np.testing.assert_array_equal(again.tag(data.tokens, data.lengths).ids, tagging.ids)


def test_sentences_do_not_see_each_other_and_a_full_table_is_emptied(tagger, data, monkeypatch):
    whole = tagger.tag(data.tokens, data.lengths).ids
    monkeypatch.setattr(crf, "CACHED_TYPES", 5)
    parts = [tagger.tag(words, np.array([len(words)])).ids for words in data.split(data.tokens)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_same_seed_gives_the_same_model(data, tagger):
    again = crf.train(data, None, Recipe(epochs=4, batch=4, rate=0.1, prune=0.01), lambda _: None)
    for name, tensor in tagger.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], tensor)


def test_what_is_no_cluster_model_is_refused(data, tmp_path):
    with pytest.raises(Failure, match="not a model folder"):
        crf.train(data, None, Recipe(clusters=str(tmp_path)), lambda _: None)


def test_values_of_a_word():
    values = describe("Cats", ["c0=1", "c1=2"]).values
    assert (values[WORD], values[SHAPE], values[CLASS]) == ("cats", "Xx", "c1=2")
    assert describe("Cats").values[CLASS] == "-ats"


@given(st.lists(st.text(), unique=True), st.lists(st.text()))
def test_names_are_found_packed_and_unpacked_alike(strings, asked):
    names = Names.of(strings)
    listed = list(names)
    assert sorted(listed) == sorted(strings)
    assert unpack(pack(strings)) == strings
    wanted = [listed.index(name) if name in strings else len(strings) for name in [*strings, *asked]]
    assert names.numbers([*strings, *asked]).tolist() == wanted
    names.asked = Names.MANY
    assert names.numbers([*strings, *asked]).tolist() == wanted
