"""`seq train transformer`, `seq train seq2seq` and `seq translate` from end to end."""

from __future__ import annotations

import json
import random

import pytest

from tests.conftest import ROOT, seq
from tests.report.conftest import read

LINES = {"copy": lambda text: text, "reverse": lambda text: text[::-1]}
SMALL = ["--set=units=char", "--set=tokens=512", "--set=dropout=0", "--set=smoothing=0", "--set=longest=16"]
SMALL += ["--set=schedule=cosine", "--set=warmup=40"]
SEQ2SEQ = ["seq2seq", *SMALL, "--set=size=64", "--set=embedding=32", "--set=rate=5e-3"]
TRANSFORMER = ["transformer", *SMALL, "--set=size=64", "--set=layers=2", "--set=rate=3e-3"]
EVERY = {
    "none": [*SEQ2SEQ, "--set=attention=none", "--set=size=160", "--set=epochs=40"],
    "bahdanau": [*SEQ2SEQ, "--set=attention=bahdanau", "--set=epochs=16"],
    "dot": [*SEQ2SEQ, "--set=attention=dot", "--set=cell=gru", "--set=epochs=16"],
    "general": [*SEQ2SEQ, "--set=attention=general", "--set=epochs=16"],
    "concat": [*SEQ2SEQ, "--set=attention=concat", "--set=epochs=16"],
    "pre-attention": [*SEQ2SEQ, "--set=attention=dot", "--set=pre_attention=true", "--set=epochs=30"],
    "transformer": [*TRANSFORMER, "--set=epochs=25"],
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Strings of letters, and what becomes of them; those of dev and test are not in train."""
    folder = tmp_path_factory.mktemp("pairs")
    generator = random.Random(1)
    texts = list(dict.fromkeys("".join(generator.choices("abcdef", k=1 + i % 5)) for i in range(4000)))
    generator.shuffle(texts)
    parts = {"dev": texts[:100], "test": texts[100:200], "train": texts[200:]}
    for name, lines in parts.items():
        for side, change in {"src": LINES["copy"], **LINES}.items():
            (folder / f"{name}.{side}").write_text("".join(change(line) + "\n" for line in lines))
    return folder


def training(corpus, task="reverse"):
    sides = {"--src": "train.src", "--tgt": f"train.{task}", "--dev-src": "dev.src", "--dev-tgt": f"dev.{task}"}
    return [word for option, name in sides.items() for word in (option, corpus / name)]


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """A model that reverses, well enough to be asked."""
    path = tmp_path_factory.mktemp("models") / "reverse"
    done = seq("train", *EVERY["dot"], *training(corpus), "-o", path)
    assert done.code == 0, done.err
    assert "weights" in done.err
    return path


def test_what_was_learned(invoke, corpus, trained):
    done = invoke("translate", corpus / "test.src", "-m", trained)
    assert done.code == 0, done.err
    assert done.lines == (corpus / "test.reverse").read_text().split("\n")[:-1]


@pytest.mark.slow
@pytest.mark.parametrize("task", LINES)
@pytest.mark.parametrize("kind", EVERY)
def test_copy_and_reverse(invoke, corpus, tmp_path, kind, task):
    done = invoke("train", *EVERY[kind], *training(corpus, task), "-o", tmp_path / "m", "-q")
    assert done.code == 0, done.err
    done = invoke("translate", corpus / "test.src", "-m", tmp_path / "m")
    assert done.lines == (corpus / f"test.{task}").read_text().split("\n")[:-1]


def test_the_folder(trained, corpus):
    config = json.loads((trained / "config.json").read_text())
    train = (corpus / "train.src").read_text()
    assert (config["model"], config["task"]) == ("seq2seq", "translation")
    assert config["trained_on"]["pairs"] == train.count("\n")
    assert config["trained_on"]["source tokens"] == len(train)
    assert config["scores"]["dev loss"] < 0.1
    assert {path.name for path in trained.iterdir()} >= {"tokenizer.json", "model.safetensors", "README.md", "journal.jsonl"}


def test_options_of_search(invoke, trained):
    def translated(*options, stdin=b"abcd\n"):
        done = invoke("translate", "-m", trained, *options, stdin=stdin)
        assert done.code == 0, done.err
        return done.lines

    assert translated(stdin=b"abc\n\n \nabc\nfed\n") == ["cba", "", "", "cba", "def"]
    assert translated("--greedy") == translated("--mbr", 8) == translated("--sample", "--temperature", 0.1) == ["dcba"]
    assert translated("-m", trained, "--beam", 3) == translated("--coverage", 0.1) == ["dcba"]
    assert [row.split("\t")[0] for row in translated("--nbest", 3)] == ["1", "2", "3"]
    assert translated("--prefix", "ee")[0].startswith("ee")
    assert "ff" in translated("--constrain", "ff")[0]
    (row,) = map(json.loads, translated("--json", "--alignment"))
    assert row.items() >= {"source": "abcd", "text": "dcba", "tokens": ["d", "c", "b", "a"], "source_tokens": [*"abcd", "</s>"]}.items()
    assert [max(range(5), key=weights.__getitem__) for weights in row["alignment"]][:3] == [3, 2, 1]
    assert [sum(weights) for weights in row["alignment"]] == pytest.approx([1] * 5, abs=1e-3)


def test_attention(invoke, trained, tmp_path):
    page, picture = tmp_path / "where.html", tmp_path / "where.svg"
    text = b"abcd\n\nfe\n" + b"abcdefgh " * 3 + b"\n"
    done = invoke("translate", "-m", trained, "--attention", page, stdin=text)
    assert done.lines == invoke("translate", "-m", trained, stdin=text).lines
    root = read(page.read_text())
    assert [node.text for node in root.all("select", id="sentence")[0].all("option")] == ["1: abcd", "3: fe"]  # the last was cut up
    rows = root.all("table", class_="greatest")[0].all("tbody")[0].all("tr")
    assert [row.all("bdi")[0].text for row in rows] == [*"dcba", "</s>"]
    assert [row.all("bdi")[1].text for row in rows][:3] == [*"dcb"]
    assert invoke("translate", "-m", trained, "-m", trained, "--attention", picture, stdin=text).code == 0
    assert picture.read_text().startswith("<svg")
    invoke("translate", "-m", trained, "--attention", tmp_path / "a.pdf", stdin=text).fails(2, "a picture is .html, .svg or .png")
    invoke("translate", "-m", trained, "--attention", picture, stdin=b"\n").fails(1, "no line was translated whole")


def test_longer_than_what_was_learned(invoke, trained):
    done = invoke("translate", "-m", trained, stdin=b"abc\n" + b"abcdefgh " * 3 + b"\n")
    assert len(done.lines) == 2
    assert done.lines[0] == "cba"
    assert "cut up (line 2)" in done.err


def test_bad_models(invoke, trained, tmp_path):
    invoke("translate", "-m", "en-pos", stdin=b"a\n").fails(1, "a model for tagging (crf), not for translation", "seq tag uses it")
    invoke("tag", "-m", trained, stdin=b"a\n").fails(1, "a model for translation (seq2seq), not for tagging", "seq translate uses it")
    invoke("translate", "-m", trained, "--alignment", stdin=b"a\n").fails(2, "--json")
    invoke("translate", "-m", trained, "--constrain", "ax", stdin=b"a\n").fails(2, "--constrain ax: the model cannot write it")
    invoke("translate", "-m", trained, "--beam", 0, stdin=b"a\n").fails(2, "--beam 0")
    invoke("translate", "-m", trained, "--sample", "--beam", 3, stdin=b"a\n").fails(2, "--beam means nothing to --sample")
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in trained.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    config = json.loads((broken / "config.json").read_text())
    config["recipe"]["size"] = 32
    (broken / "config.json").write_text(json.dumps(config))
    invoke("translate", "-m", broken, stdin=b"a\n").fails(1, "broken", "has shape")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["transformer"], "--src FILE --tgt FILE"),
        (["transformer", "--src", "{en}"], "--src FILE --tgt FILE"),
        (["transformer", "--train", "{en}"], "learns from pairs"),
        (["crf", "--src", "{en}", "--tgt", "{de}"], "does not translate"),
        (["transformer", "--src", "{en}", "--tgt", "{de}", "--dev", "{en}"], "--dev-src FILE --dev-tgt FILE"),
        (["transformer", "--src", "{en}", "--tgt", "{de}", "--dev-src", "{en}"], "--dev-src without --dev-tgt"),
        (["transformer", "--src", "{en}", "--tgt", "{de}", "--dev", "9%", "--dev-src", "{en}", "--dev-tgt", "{de}"], "one of them"),
        (["transformer", "--src", "{en}", "--src", "{en}", "--tgt", "{de}"], "2 files of sources and 1 of targets"),
        (["seq2seq", "--src", "{en}", "--tgt", "{de}", "--set", "attention=lung"], "attention=lung: no such attention"),
        (["transformer", "--src", "{en}", "--tgt", "{de}", "--set", "head=tags"], "head=tags: a translator translates"),
        (["seq2seq", "--src", "{en}", "--tgt", "{de}", "--set", "head=class"], "head=class: a translator translates"),
    ],
    ids=["nothing", "one-side", "train", "crf", "dev", "dev-one-side", "dev-twice", "files", "attention", "head", "class"],
)
def test_bad_commands(invoke, tmp_path, options, said):
    files = {name: tmp_path / name for name in ("en", "de")}
    for path in files.values():
        path.write_text("one\ntwo\n")
    invoke("train", *(option.format(**files) for option in options), "-o", tmp_path / "m").fails(2, said)
    assert not (tmp_path / "m").exists()


def test_bad_data(invoke, tmp_path):
    en, de = tmp_path / "en", tmp_path / "de"
    sides = ["--src", en, "--tgt", de, "-o", tmp_path / "m", "--set=units=char", "--set=size=8", "--set=heads=2", "--set=layers=1"]
    en.write_text("one\ntwo\nthree\n")
    de.write_text("eins\nzwei\n")
    invoke("train", "transformer", *sides).fails(1, f"{en} has 3 lines, {de} 2")
    de.write_text("\n\n\n")
    invoke("train", "transformer", *sides).fails(1, "no pair of lines")
    de.write_text("eins\nzwei\ndrei\n")
    invoke("train", "transformer", *sides, "--set=longest=2", "-q").fails(1, "every pair has a side of more than longest=2 tokens")
    de.write_text("eins\n\ndrei\n")
    done = invoke("train", "transformer", *sides, "--set=epochs=1", "--set=longest=4")
    assert done.code == 0
    assert f"1 pairs left out, a side of which is blank ({de}, line 2)" in done.err
    assert "1 pairs left out, a side of which has more than longest=4 tokens" in done.err
    assert not list(tmp_path.glob("*.resume"))


def test_a_recipe(invoke, tmp_path):
    """Separate vocabularies, a share of the pairs for dev, BLEU as what decides, and a curve to look at."""
    for name in ("en", "de"):
        (tmp_path / name).write_text("the cat sat\nthe dog ran\n" * 30)
    (tmp_path / "r.toml").write_text(
        f'model = "transformer"\nsrc = ["{tmp_path}/en"]\ntgt = ["{tmp_path}/de"]\ndev = "10%"\n[settings]\nunits = "word"\n'
        "shared = false\nsize = 8\nheads = 2\nlayers = 2\ndecoder_layers = 1\nepochs = 2\nbleu = true\n"
    )
    done = invoke("train", tmp_path / "r.toml", "-o", tmp_path / "m", "--plot", tmp_path / "plot")
    assert done.code == 0, done.err
    assert "54 pairs" in done.err
    assert "dev BLEU" in done.err
    assert (tmp_path / "m" / "tokenizer.source.json").exists()
    assert len(invoke("translate", "-m", tmp_path / "m", stdin=b"the cat\nnothing known\n").lines) == 2
    (tmp_path / "bad.toml").write_text('model = "transformer"\nsrc = "en"\n')
    invoke("train", tmp_path / "bad.toml", "-o", tmp_path / "n").fails(2, "src = 'en': expected a list")


def test_help(invoke):
    assert "--constrain" in invoke("translate", "--help").text
    assert "transformer" in invoke("train", "--list").text


@pytest.mark.slow
def test_a_minute_of_training(tmp_path, monkeypatch):
    """The recipe for newcomers: nearly all of 50 sentences that it has not seen."""
    monkeypatch.chdir(ROOT)
    done = seq("train", "tiny.toml", "-o", tmp_path / "tiny")
    assert done.code == 0, done.err
    done = seq("translate", ROOT / "sample_data/translation/tiny.test.en", "-m", tmp_path / "tiny")
    wanted = (ROOT / "sample_data/translation/tiny.test.de").read_text().splitlines()
    assert sum(one == other for one, other in zip(done.text.splitlines(), wanted, strict=True)) >= 40
