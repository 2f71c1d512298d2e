"""Text in one case: capitals and small letters come out alike, and what has both is told as ever."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.examples import Batch
from seqcli.models import crf
from seqcli.models.crf import CRFTagger, Recipe
from seqcli.models.crf.corpus import types_of
from seqcli.models.crf.folding import LOWER, UPPER, fold, letters, one_case, unfolded


@pytest.fixture(scope="module")
def tagger(data: Batch) -> CRFTagger:
    return crf.train(data, None, Recipe(epochs=6, batch=4, rate=0.1, prune=0.01, folded=1.0), lambda _: None)


def accuracy(tagger: CRFTagger, data: Batch, tokens: list[str]) -> float:
    return float(np.mean([a == b for a, b in zip(tagger.tag(tokens, data.lengths).tags(), data.tags, strict=True)]))


def test_case_is_not_needed(tagger, data):
    lower, upper = [word.lower() for word in data.tokens], [word.upper() for word in data.tokens]
    np.testing.assert_array_equal(tagger.tag(lower, data.lengths).ids, tagger.tag(upper, data.lengths).ids)
    assert accuracy(tagger, data, data.tokens) > 0.98
    assert accuracy(tagger, data, lower) > 0.98


def test_a_sentence_is_folded_by_itself(tagger):
    sentences = [["THE", "CAT", "SAT"], ["The", "cat", "sat"], ["the", "cat", "sat"], ["1", "!"]]
    together = tagger.tag([word for words in sentences for word in words], np.array([3, 3, 3, 2])).ids.tolist()
    alone = [tagger.tag(words, np.array([len(words)])).ids.tolist() for words in sentences]
    assert together == list(chain.from_iterable(alone))
    ids = tagger.type_ids(["THE", "cat", "the", "cat", "THE", "CAT"], np.array([2, 2, 2])).tolist()
    assert ids[2:4] == ids[4:6]
    assert len({*ids[:2], *ids[2:4]}) == 4


def test_without_folding_nothing_is_folded(data):
    plain = types_of(data, folded=False)
    assert plain.words == len(plain.types)
    assert not any(name.startswith("\n") for name in plain.names[1:])


def test_copies_are_of_cased_sentences(data):
    text = types_of(data, folded=True)
    cased = ~one_case(np.array([letters(word) for word in data.tokens]), data.lengths)
    np.testing.assert_array_equal(text.lengths[text.sentences :], data.lengths[cased])
    copies = unfolded([text.names[i] for i in text.types[text.words :].tolist()])
    assert copies == [data.tokens[i].lower() for i in text.origin[text.words :].tolist()]


@given(st.lists(st.lists(st.text(min_size=1), min_size=1), max_size=5))
def test_one_case_by_definition(sentences):
    words = [word for sentence in sentences for word in sentence]
    found = one_case(np.array([letters(word) for word in words], dtype=np.int64), np.array(list(map(len, sentences)), dtype=np.int64))
    for sentence, one in zip(sentences, found.tolist(), strict=True):
        text = "".join(sentence)
        small, capital = (any(word != change(word) for word in sentence) for change in (str.upper, str.lower))
        assert one == (small != capital), text


def test_letters_and_names():
    assert [letters(word) for word in ("a", "A", "Aa", "-", "東")] == [LOWER, UPPER, LOWER | UPPER, 0, 0]
    assert unfolded([fold("Paris"), "Paris", "\n"]) == ["paris", "Paris", "\n"]
