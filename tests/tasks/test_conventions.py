"""Files of different conventions: tags renamed, what says nothing left open, mistakes named."""

from __future__ import annotations

import pytest

from seqcli.errors import UsageFailure
from seqcli.tasks.conventions import held_out, read
from seqcli.training.recipe import Run

LABELS = {"person": "PER", "company": "ORG", "misc": "O"}


@pytest.fixture
def files(tmp_path):
    one, two = tmp_path / "one.tsv", tmp_path / "two.tsv"
    one.write_text("@\tO\nAnn\tB-person\nLee\tI-person\n\nx\tB-misc\ny\tI-misc\n")
    two.write_text("@\tB-PER\nBo\tB-PER\n\nat\tO\nIBM\tB-company\n")
    return [str(one), str(two)]


def test_tags_are_renamed_and_some_words_of_one_file_left_open(files):
    batch = read(files, "upos", LABELS, {files[0]: ["@"]})
    assert batch.tokens == ["@", "Ann", "Lee", "x", "y", "@", "Bo", "at", "IBM"]
    assert batch.tags == ["", "B-PER", "I-PER", "O", "O", "B-PER", "B-PER", "O", "B-ORG"]
    assert batch.lengths.tolist() == [3, 2, 2, 2]
    assert len(batch.records) == len(batch.sentences) == 4


def test_held_out_tags_are_renamed_and_need_not_have_every_name(files):
    assert held_out(files[1], "upos", LABELS).tags == ["B-PER", "B-PER", "O", "B-ORG"]


def test_without_conventions_files_are_read_as_ever(files):
    assert read(files, "upos", {}, {}).tags[:2] == ["O", "B-person"]


def test_a_name_that_no_tag_has_and_a_file_that_is_not_read_are_refused(files):
    with pytest.raises(UsageFailure, match=r"no tag of the training data is called 'persn'.*person"):
        read(files, "upos", {"persn": "PER"}, {})
    with pytest.raises(UsageFailure, match=r"three\.tsv is not among the training files"):
        read(files, "upos", {}, {"three.tsv": ["@"]})


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("[labels]\nperson = 1", "labels: expected names"),
        ("labels = 3", "expected a table"),
        ('[unlabelled]\n"a.tsv" = "@"', "unlabelled: a.tsv: expected a list of words"),
        ('[lables]\nperson = "PER"', "unknown key 'lables'"),
    ],
)
def test_what_is_no_table_of_names_is_refused(tmp_path, table, what):
    path = tmp_path / "recipe.toml"
    path.write_text(f'model = "crf"\n{table}\n')
    with pytest.raises(UsageFailure, match=what):
        Run.read(path)


def test_a_recipe_for_a_model_that_cannot_is_refused(invoke, files, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(f'model = "hmm"\ntrain = ["{files[0]}"]\n[unlabelled]\n"{files[0]}" = ["@"]\n')
    invoke("train", path, "-o", tmp_path / "model").fails(2, "[unlabelled]", "not for hmm")
    assert not (tmp_path / "model").exists()


def test_a_recipe_with_conventions_makes_a_tagger_of_spans(invoke, files, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(
        f'model = "crf"\ntrain = {files}\ndev = "{files[1]}"\n'
        f'[labels]\nperson = "PER"\ncompany = "ORG"\nmisc = "O"\n[unlabelled]\n"{files[0]}" = ["@"]\n'
        "[settings]\nepochs = 20\nbatch = 2\nrate = 0.1\nnear = 1\npair = 1\n"
    )
    done = invoke("train", path, "-o", tmp_path / "model")
    assert done.code == 0, done.err
    assert "span-f1 100.00" in done.err
    tagged = invoke("tag", "-m", tmp_path / "model", "--json", "--proba", "--pretokenized", stdin=b"Ann Lee at IBM\n")
    assert '"entities": [{"label": "PER", "text": "Ann Lee", "start": 0, "end": 7, "words": [0, 2], "probability": 0.' in tagged.text
