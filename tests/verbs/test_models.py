"""`seq models`: what is shipped, and a model's card."""

import json
import re
import shutil

from seqcli.data import folder
from tests.conftest import ENVIRONMENT, seq


def test_shipped_models_are_listed(invoke):
    found = invoke("models")
    assert (found.code, found.err) == (0, "")
    assert [line.split()[0] for line in found.lines] == folder.shipped()
    assert "dev accuracy" in found.text
    assert invoke("models", "list") == found


def test_as_objects(invoke):
    found = invoke("models", "list", "--json")
    values = [json.loads(line) for line in found.lines]
    assert [value["name"] for value in values] == folder.shipped()
    for value in values:
        assert value["task"] in {"languages", "tagging", "tokenization", "translation", "vectors"}
        assert value["bytes"] == sum(file.stat().st_size for file in (folder.PRETRAINED / value["name"]).iterdir())
        assert value["licence"]
        assert all(0 < score <= 100 for score in value["scores"].values())
    assert invoke("models", "--json").out == found.out


def test_a_card(invoke, small):
    for name in ("en-pos", small):
        found = invoke("models", "show", name)
        assert (found.code, found.err) == (0, "")
        assert found.text.startswith("# ")
        assert all(f"\n## {part}\n" in found.text for part in ("Data", "Licence", "Recipe", "Measured", "Limits"))


def test_a_card_is_utf8_wherever_it_is_shown(tmp_path, small):
    model = shutil.copytree(small, tmp_path / "model")
    (model / "README.md").write_text("# Né à Zürich\n", encoding="utf-8")
    done = seq("models", "show", model, env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.text, done.err) == (0, "# Né à Zürich\n", "")


def test_shipped_models_say_where_they_come_from():
    for name in folder.shipped():
        files = [path.read_bytes() for path in sorted((folder.PRETRAINED / name).iterdir()) if path.suffix in {".json", ".md"}]
        assert not any(re.search(rb"(?<![\w:/.])/\w+/\w|/tmp", data) for data in files)  # no path of the machine that trained it
        assert folder.read_config(folder.PRETRAINED / name)["licence"] not in {"", "not stated", "that of its training data"}


def test_what_is_not_there(invoke, tmp_path):
    invoke("models", "show", "en-pso").fails(1, "no model 'en-pso'", "did you mean 'en-pos'?")
    invoke("models", "show", tmp_path).fails(1, "is not a model folder")
    (tmp_path / "config.json").write_text('{"model": "crf", "task": "tagging", "parameters": {}}')
    invoke("models", "show", tmp_path).fails(1, "cannot read README.md")
    invoke("models", "show").fails(2)
    invoke("models", "show", "en-pos", "more").fails(2)
