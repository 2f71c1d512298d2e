"""Silver tags beside gold ones: words that gold never has are learned, fields and lemmas are gold's alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seqcli.data.examples import Batch
from seqcli.models import crf
from seqcli.models.crf import Recipe
from tests.conftest import QUICK, SAMPLES

GOLD = SAMPLES / "tags.train.conllu"
SILVER = [(["the", "blorp", "sat", "."], ["DET", "NOUN", "VERB", "PUNCT"]), (["blorp", "!"], ["NOUN", "PUNCT"])] * 8
RECIPE = Recipe(epochs=4, batch=4, rate=0.1, prune=0.01)


def silver() -> Batch:
    """Sentences with a word that occurs nowhere else."""
    words, tags = zip(*SILVER, strict=True)
    return Batch.of(words, tags)


def tag_of(tagger: crf.CRFTagger, word: str) -> str:
    found = tagger.tag([word, "!"], silver().lengths[1:2])
    return found.tags()[0]


def test_a_word_of_the_silver_text_alone_is_learned(data):
    odd = Batch.of([["blorp", "!"]] * 8, [["X", "PUNCT"]] * 8)
    one, other = (crf.train(data, None, RECIPE, lambda _: None, part) for part in (silver(), odd))
    assert (tag_of(one, "blorp"), tag_of(other, "blorp")) == ("NOUN", "X")


def test_gold_may_count_more_than_silver(data):
    """Silver says X of a word twice as often as gold says NOUN; gold that counts five times has its way."""
    gold = Batch.concatenated([data, Batch.of([["blorp", "!"]] * 8, [["NOUN", "PUNCT"]] * 8)])
    odd = Batch.of([["blorp", "!"]] * 16, [["X", "PUNCT"]] * 16)
    one, other = (crf.train(gold, None, replace(RECIPE, gold=gold_counts), lambda _: None, odd) for gold_counts in (1, 5))
    assert (tag_of(one, "blorp"), tag_of(other, "blorp")) == ("X", "NOUN")


@pytest.fixture
def recipe(tmp_path):
    """A recipe with a file of silver tags, as `seq tag -f tsv` writes them, beside gold ones with lemmas."""
    rows = ["\n".join(f"{word}\t{tag}" for word, tag in zip(*pair, strict=True)) for pair in SILVER]
    (tmp_path / "silver.tsv").write_text("\n\n".join(rows) + "\n")
    gold = [row.split("\t") if "\t" in row else [row] for row in GOLD.read_text().split("\n")]
    full = ["\t".join([*row[:2], row[1].lower(), row[3], row[3], "_", *row[6:]]) if len(row) > 1 else row[0] for row in gold]
    (tmp_path / "gold.conllu").write_text("\n".join(full))
    path = tmp_path / "recipe.toml"
    files = f'train = ["{tmp_path / "gold.conllu"}"]\nsilver = ["{tmp_path / "silver.tsv"}"]\n'
    path.write_text(f'model = "crf"\n{files}[settings]\nfields = "xpos,lemma"\n')
    return path


def test_a_recipe_names_its_silver(invoke, recipe, tmp_path):
    found = invoke("train", recipe, "--dev", GOLD, "-o", tmp_path / "model", *QUICK)
    assert found.code == 0, found
    assert "16 sentences, 48 words with tags of another tagger" in found.err
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["trained_on"]["silver words"] == 48
    assert "48 silver words" in (tmp_path / "model" / "README.md").read_text()
    assert config["trained_on"]["files"] == ["gold.conllu", "silver.tsv"]
    assert config["parameters"]["further"]["fields"] == ["xpos", "lemma"]
    rows = invoke("tag", "-m", tmp_path / "model", "-f", "conllu", stdin=b"The blorp sat .\n").lines
    assert [row.split("\t")[2:5] for row in rows if row.startswith("2\t")] == [["blorp", "NOUN", "NOUN"]]


def test_silver_is_for_the_crf(invoke, recipe, tmp_path):
    recipe.write_text(recipe.read_text().replace('"crf"', '"hmm"').partition("[settings]")[0])
    invoke("train", recipe, "-o", tmp_path / "model").fails(2, "silver of a recipe is not for hmm", "it is for crf")
    alone = ("train", "crf", "--train", GOLD, "-o", tmp_path / "model", "-q", "--set", "gold=2")
    invoke(*alone).fails(2, "gold=2: there is no silver", 'silver = ["FILE"] in a recipe')
