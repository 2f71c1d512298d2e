"""`seq train` from end to end: data in, a model folder out, or one line that says why not."""

import gzip
import json
import lzma
import shutil
import signal
import subprocess

import pytest

from tests.conftest import ENVIRONMENT, QUICK, SAMPLES, SEQ

TRAIN = SAMPLES / "tags.train.conllu"
DEV = SAMPLES / "tags.dev.conllu"
FILES = ["README.md", "config.json", "model.safetensors"]


def contents(folder):
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir())}


def test_the_same_seed_is_the_same_model(invoke, small, tmp_path):
    for place in (tmp_path / "here" / "small", tmp_path / "there" / "small"):
        place.parent.mkdir()
        assert invoke("train", "crf", "--train", TRAIN, "-o", place, *QUICK).code == 0
        assert contents(place) == contents(small)  # which another process has trained
    other = tmp_path / "small"
    assert invoke("train", "crf", "--train", TRAIN, "-o", other, *QUICK, "--set", "seed=2").code == 0
    assert contents(other)["model.safetensors"] != contents(small)["model.safetensors"]


def test_what_was_learned_is_said_and_kept(invoke, tmp_path):
    model = tmp_path / "model"
    found = invoke("train", "crf", "--train", TRAIN, "--dev", DEV, "-o", model, *QUICK)
    assert (found.code, found.out) == (0, b"")
    assert "epoch 3/3" in found.err
    assert f"wrote {model}" in found.err
    assert sorted(contents(model)) == FILES
    config = json.loads((model / "config.json").read_text())
    assert config["scores"]["dev accuracy"] > 50
    assert config["recipe"]["epochs"] == 3
    assert config["trained_on"]["files"] == [TRAIN.name]
    card = (model / "README.md").read_text()
    assert all(f"\n## {part}\n" in card for part in ("Data", "Licence", "Recipe", "Measured", "Limits"))
    assert f"dev accuracy: {config['scores']['dev accuracy']:.2f}" in card
    assert str(tmp_path) not in card + json.dumps(config)  # where it was trained is nobody's business
    assert invoke("models", "show", model).text == card
    tagged = invoke("tag", "-m", model, DEV)
    pairs = [
        (a, b)
        for a, b in zip(tagged.lines, DEV.read_text().split("\n"), strict=False)
        if a[:1].isdigit() and "-" not in a.split("\t")[0]
    ]
    assert 100 * sum(a == b for a, b in pairs) / len(pairs) == pytest.approx(config["scores"]["dev accuracy"], abs=0.01)


def test_quiet(invoke, tmp_path):
    assert invoke("train", "crf", "--train", TRAIN, "-o", tmp_path / "model", "-q", *QUICK).err == ""


def test_files_of_every_kind_and_several(invoke, tmp_path):
    sentences = [sentence for sentence in TRAIN.read_text().split("\n\n") if sentence]
    rows = ["\n".join(line for line in sentence.split("\n") if line.split("\t")[0].isdecimal()) for sentence in sentences]
    table = "\n\n".join("\n".join("\t".join(row.split("\t")[1:4:2]) for row in sentence.split("\n")) for sentence in rows)
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(table.encode()))
    (tmp_path / "b.xz").write_bytes(lzma.compress("\n\n".join(rows).replace("\n", "\r\n").encode()))
    weights = {}
    for name, files in {"one": [TRAIN, TRAIN], "two": [tmp_path / "a.tsv.gz", tmp_path / "b.xz"]}.items():
        options = [part for file in files for part in ("--train", file)]
        assert invoke("train", "crf", *options, "-o", tmp_path / name, *QUICK).code == 0
        weights[name] = contents(tmp_path / name)["model.safetensors"]
    assert weights["one"] == weights["two"]


def test_models_and_recipes_are_listed(invoke):
    found = invoke("train", "--list")
    assert found.code == 0
    names = [line.split()[0] for line in found.lines]
    assert {"rules", "hmm", "crf", "clusters", "en-pos.toml"} <= set(names)
    assert all(len(line.split()) > 3 for line in found.lines)


def test_a_recipe_file(invoke, tmp_path, small):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'# Mine.\nmodel = "crf"\ntrain = [{str(TRAIN)!r}]\n[settings]\nepochs = 3\nbatch = 4\nrate = 0.1\n')
    assert invoke("train", recipe, "-o", tmp_path / "small").code == 0
    assert contents(tmp_path / "small") == contents(small)
    for text, said in (
        ("model = ", "not a TOML recipe"),
        ("modle = 'crf'", "unknown key 'modle' (did you mean 'model'?)"),
        ("train = []", "no model is named"),
        ("model = 'crff'", "no model is called 'crff'"),
        ("model = 'crf'\n[settings]\nepoch = 1", "unknown key 'epoch'"),
        ("model = 'crf'\n[settings]\nepochs = 'many'", "epochs=many: expected int"),
        ("model = 'crf'\ntrain = 3", "train"),
        ("model = 'crf'\ndev = 3", "dev"),
        ("model = 'crf'\nsettings = 3", "settings"),
        ("model = 'crf'\nlanguage = 3", "language"),
    ):
        recipe.write_text(text)
        invoke("train", recipe, "--train", TRAIN, "-o", tmp_path / "new").fails(2, said)
    invoke("train", tmp_path / "none.toml", "--train", TRAIN, "-o", tmp_path / "new").fails(2, "none.toml")


def test_nothing_named():
    done = subprocess.run([*SEQ, "train"], capture_output=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Usage: seq train")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["crff", "--train", TRAIN], "no model is called 'crff' (did you mean 'crf'?)"),
        (["crf"], "nothing to train on"),
        (["crf", "--train", TRAIN, "--set", "epoch=3"], "--set: unknown key 'epoch' (did you mean 'epochs'?)"),
        (["crf", "--train", TRAIN, "--set", "epochs=three"], "--set epochs=three: expected int"),
        (["crf", "--train", TRAIN, "--set", "rate=nan"], "--set rate=nan: expected a number from 0"),
        (["crf", "--train", TRAIN, "--set", "rate=inf"], "--set rate=inf"),
        (["crf", "--train", TRAIN, "--set", "epochs=-1"], "--set epochs=-1"),
        (["crf", "--train", TRAIN, "--set", "epochs=0"], "--set epochs=0"),
        (["crf", "--train", TRAIN, "--set", "batch=0"], "--set batch=0"),
        (["crf", "--train", TRAIN, "--set", "seed=99999999999999999999"], "--set seed="),
        (["crf", "--train", TRAIN, "--set", "epochs"], "--set epochs: expected key=value"),
        (["crf", "--train", TRAIN, "--set", "=3"], "--set =3: expected key=value"),
        (["crf", "--train", TRAIN, "--column", "pos"], "--column pos: no such CoNLL-U column"),
        (["crf", "--train", TRAIN, "--sett", "a=b"], "No such option"),
    ],
)
def test_wrong_options(invoke, tmp_path, options, said):
    invoke("train", *options, "-o", tmp_path / "model").fails(2, said)
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_the_model(invoke, tmp_path, small):
    command = ["train", "crf", "--train", TRAIN, *QUICK]
    invoke(*command).fails(2, "no place for the model (-o FOLDER)")
    invoke(*command, "-o", tmp_path / "no" / "where").fails(1, f"{tmp_path / 'no'} is not a folder")
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years of work")
    for place in (tmp_path / "papers", tmp_path / "papers" / "thesis.txt"):
        invoke(*command, "-o", place).fails(1, f"{place} exists")
        invoke(*command, "-o", place, "--force").fails(1, f"{place} exists and is not a model folder: --force will not replace it")
    assert (tmp_path / "papers" / "thesis.txt").read_text() == "years of work"
    model = tmp_path / "small"
    shutil.copytree(small, model)
    (model / "config.json").write_text((model / "config.json").read_text().replace('"epochs": 3', '"epochs": 4'))
    before = contents(model)
    invoke(*command, "-o", model).fails(1, f"{model} exists")
    assert contents(model) == before
    assert invoke(*command, "-o", model, "--force").code == 0
    assert contents(model) == contents(small)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["papers", "small"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "has no sentence"),
        (b"\n\n", "has no sentence"),
        (b"# only = a comment\n\n", "has no sentence"),
        (b"The\tDET\ncat\tDET\n\n", "one tag only, 'DET'"),
        (b"The\tDET\ncat\n\n", "line 2: no tab"),
        (b"# c\n1\tThe" + b"\t_" * 7 + b"\n\n", "line 2: expected 10 tab-separated columns, found 9"),
        (b"# c\n1\tThe" + b"\t_" * 8 + b"\n3\tcat" + b"\t_" * 8 + b"\n\n", "line 3: expected word 2, found 3"),
        (b"The\tDET\ncat\tNO\xffUN\n\n", "line 2, byte 7: not valid UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        ("The\tDET\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"The\tDET\ncat\tNOUN\n" * 9, mtime=0)[:-10], "broken gzip data"),
    ],
)
def test_broken_data(invoke, tmp_path, data, said):
    file = tmp_path / "data"
    file.write_bytes(data)
    found = invoke("train", "crf", "--train", file, "-o", tmp_path / "model", *QUICK, "-q").fails(1, said)
    assert str(file) in found.err or "one tag only" in found.err
    if "one tag only" not in said:
        found = invoke("train", "crf", "--train", TRAIN, "--dev", file, "-o", tmp_path / "model", *QUICK, "-q").fails(
            1, str(file), said
        )
    assert list(tmp_path.iterdir()) == [file]


def test_missing_data(invoke, tmp_path):
    (tmp_path / "train.conllu").touch()
    command = ["train", "crf", "-o", tmp_path / "model", "-q"]
    invoke(*command, "--train", tmp_path / "trian.conllu").fails(1, "no such file", "did you mean 'train.conllu'?")
    invoke(*command, "--train", tmp_path).fails(1, "is a folder")
    invoke(*command, "--train", TRAIN, "--dev", tmp_path / "dev").fails(1, "no such file")
    invoke(*command, "--train", TRAIN, "--test", tmp_path / "test").fails(1, "no such file")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing(tmp_path, number, code):
    command = [*SEQ, "train", "crf", "--train", str(TRAIN), "-o", str(tmp_path / "model"), "--set", "epochs=1000000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True) as running:
        assert running.stderr
        while "epoch 2/" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(number)
        rest = running.stderr.read()
        assert running.wait(30) == code
        assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []
