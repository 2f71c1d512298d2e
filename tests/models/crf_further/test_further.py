"""XPOS, FEATS and lemmas beside UPOS: learned from a treebank, told for a text, kept in the model folder."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from seqcli.data import conllu
from seqcli.data.examples import Batch
from seqcli.data.folder import Folder
from seqcli.errors import Failure
from seqcli.models import crf
from seqcli.models.crf import CRFTagger, Recipe, further
from seqcli.tasks.tagging import evaluate

VERBS = {
    "walks": ("VBZ", "Number=Sing"),
    "walk": ("VBP", "Number=Plur"),
    "talks": ("VBZ", "Number=Sing"),
    "talk": ("VBP", "Number=Plur"),
}
NOUNS = {"Ann": ("NNP", "Number=Sing"), "dog": ("NN", "Number=Sing"), "dogs": ("NNS", "Number=Plur"), "cats": ("NNS", "Number=Plur")}


def treebank(rows: list[tuple[str, str]]) -> Batch:
    """A batch of subjects and verbs."""
    lines: list[str] = []
    for noun, verb in rows:
        words = [(noun, noun.removesuffix("s"), "PROPN" if noun == "Ann" else "NOUN", *NOUNS[noun])]
        words += [(verb, verb.removesuffix("s"), "VERB", *VERBS[verb]), (".", ".", "PUNCT", ".", "_")]
        lines += ["\t".join([str(i), *word, "_", "_", "_", "_"]) for i, word in enumerate(words, 1)] + [""]
    sentences = list(conllu.read(lines))
    return conllu.batch(sentences, "upos")


@pytest.fixture(scope="module")
def train() -> Batch:
    return treebank([(noun, verb) for noun in NOUNS for verb in VERBS for _ in range(6) if (NOUNS[noun][1] == VERBS[verb][1])])


@pytest.fixture(scope="module")
def tagger(train: Batch) -> CRFTagger:
    recipe = Recipe(epochs=4, batch=4, rate=0.1, prune=0.01, fields="xpos,feats,lemma", folded=1.0)
    return crf.train(train, None, recipe, lambda _: None)


def test_what_was_shown_is_learned_and_loaded_as_it_was(train, tagger):
    scores = evaluate(tagger, train, set(train.tokens))
    assert {name: scores[name] for name in further.LEARNED} == dict.fromkeys(further.LEARNED, 100.0)
    again = crf.load(Folder(Path("saved"), {"parameters": tagger.config()}, tagger.tensors()))
    assert again.fields == tagger.fields == further.LEARNED
    ids = tagger.tag(train.tokens, train.lengths).ids
    for name, found in tagger.annotate(train.tokens, train.lengths, ids, further.LEARNED).items():
        assert again.annotate(train.tokens, train.lengths, ids, [name])[name].tags() == found.tags()


def test_nothing_is_unpacked_before_it_is_asked_for(train, tagger):
    again = crf.load(Folder(Path("saved"), {"parameters": tagger.config()}, tagger.tensors()))
    ids = again.tag(train.tokens, train.lengths).ids
    assert not {"xpos", "feats", "lemmas"} & set(vars(again.further))
    again.annotate(train.tokens, train.lengths, ids, ["xpos"])
    assert {"xpos", "feats", "lemmas"} & set(vars(again.further)) == {"xpos"}


def test_values_go_with_upos_as_seen(train, tagger):
    tokens, lengths = ["Blorp", "dogs", "walked", "zzz", ".", "x"], np.array([4, 2])
    seen = {name: set(zip(train.tags, conllu.column(train, name), strict=True)) for name in ("xpos", "feats")}
    for upos in range(len(tagger.labels)):
        ids = np.full(len(tokens), upos)
        for name, found in tagger.annotate(tokens, lengths, ids, ["xpos", "feats"]).items():
            assert {(tagger.labels[upos], tag) for tag in found.tags()} <= seen[name]


def test_pieces_and_a_full_table_change_nothing(train, tagger, monkeypatch):
    def told(tokens, lengths):
        ids = tagger.tag(tokens, lengths).ids
        found = tagger.annotate(tokens, lengths, ids, further.LEARNED)
        return list(zip(*(found[name].tags() for name in further.LEARNED), strict=True))

    whole = told(train.tokens, train.lengths)
    monkeypatch.setattr(crf, "CACHED_TYPES", 3)
    parts = [told(words, np.array([len(words)])) for words in train.split(train.tokens)]
    assert list(chain.from_iterable(parts)) == whole


def test_text_in_capitals_is_told_as_in_small_letters(train, tagger):
    def told(tokens):
        ids = tagger.tag(tokens, train.lengths).ids
        return {name: found.tags() for name, found in tagger.annotate(tokens, train.lengths, ids, further.LEARNED).items()}

    assert told([word.upper() for word in train.tokens]) == told([word.lower() for word in train.tokens])


def test_an_empty_column_is_not_learned(train):
    lines = [[[*line.split("\t")[:5], "_", *line.split("\t")[6:]] for line in sentence.lines] for sentence in train.records]
    bare = conllu.batch([conllu.parse(["\t".join(row) for row in rows]) for rows in lines], "upos")
    assert "feats" not in further.read(bare, "xpos,feats,lemma")
    assert further.read(bare, "") == {}
    assert further.read(bare, "feats") == {}


def test_what_cannot_be_learned_is_refused(train):
    with pytest.raises(Failure, match="'lemmas' is none that can be learned"):
        further.read(train, "xpos,lemmas")
    with pytest.raises(Failure, match="train on CoNLL-U alone"):
        further.read(Batch.of([["a", "b"]], [["X", "Y"]]), "xpos")
    with pytest.raises(Failure, match="given UPOS"):
        further.read(conllu.batch(list(train.records), "xpos"), "feats")
