"""`seq translate --engine`, `--int8`, and the folders that `seq models export --to` writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from seqcli.data import folder
from seqcli.decode.generate import Writer
from tests.conftest import seq
from tests.engines.models import as_folder, translator, written
from tests.test_startup import HEAVY, modules_after

TEXT = (
    "".join(f"{' '.join(f'w{(7 * i + 3 * j) % 58}' for j in range(1 + i % 9))}\n" for i in range(90)) + "\n \nw1 unknown w3\nw7\nw7\n"
)
DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).parents[3] / "shared" / "data")) / "multi30k"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A Transformer with random weights."""
    return written(translator(end=1.0), tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def small(model):
    """The same in a quarter of the space."""
    done = seq("models", "export", model, "--to", "int8", "-o", model.parent / "small")
    assert (done.code, done.text, done.err) == (0, "", "")
    return model.parent / "small"


@pytest.fixture(scope="module")
def served(model):
    """The same for CTranslate2."""
    done = seq("models", "export", model, "--to", "ctranslate2", "-o", model.parent / "served")
    assert (done.code, done.text, done.err) == (0, "", "")
    return model.parent / "served"


@pytest.fixture
def translated(invoke):
    def call(path, *options, stdin=TEXT):
        done = invoke("translate", "-m", path, *options, stdin=stdin.encode())
        assert (done.code, done.err) == (0, "")
        return done.lines

    return call


def records(lines):
    return [{name: value for name, value in json.loads(line).items() if name not in {"score", "log_prob"}} for line in lines]


@pytest.mark.parametrize(
    "options", [[], ["--greedy"], ["--nbest", 4], ["--beam", 2, "--max-length", 7], ["--length-penalty", 0]], ids=str
)
def test_nobody_sees_which_engine_it_was(model, served, translated, options):
    torch = translated(model, "--json", "--engine", "torch", *options)
    assert len(torch) > 94
    for path, more in ((model, ["--engine", "ctranslate2"]), (model, ["-j", 3]), (served, [])):
        found = translated(path, "--json", *more, *options)
        assert records(found) == records(torch)
        for name in ("score", "log_prob"):
            numbers = [[json.loads(line).get(name, 0.0) for line in lines] for lines in (found, torch)]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-3)
    assert translated(model, *options)[:4] == [
        ("" if "--nbest" not in options else f"{row['rank']}\t{row['score']:.6f}\t") + row["text"] for row in map(json.loads, found[:4])
    ]


def test_what_ctranslate2_has_not_is_torchs(model, translated):
    assert translated(model, "--prefix", "w5 w6", stdin="w1\n")[0].startswith("w5 w6")
    assert "w9" in translated(model, "--constrain", "w9", stdin="w1\n")[0].split()
    assert translated(model, "--stop", "exact", stdin="w1\n")
    assert translated(model, "-m", model, stdin=TEXT) == translated(model, "--engine", "torch", stdin=TEXT)
    (row,) = translated(model, "--json", "--alignment", stdin="w1 w2\n")
    assert len(json.loads(row)["alignment"][0]) == 3


def test_rounded(model, small, translated):
    sizes = [(path / "model.safetensors").stat().st_size for path in (model, small)]
    assert sizes[1] < 0.4 * sizes[0]
    assert folder.read_config(small)["rounded"] == "int8"
    assert "## Rounded" in (small / "README.md").read_text()
    found = translated(small)
    assert found == translated(small, "--engine", "torch")
    whole = translated(small, "--int8")
    assert whole == translated(model, "--int8")
    for other in (found, translated(model)):
        assert sum(one == another for one, another in zip(whole, other, strict=True)) > len(whole) // 2


def test_quantized_for_ctranslate2(model, small, served, translated, invoke, tmp_path):
    for path, more, name in (
        (model, ["--quantization", "int8"], "eight"),
        (small, [], "same"),
        (small, ["--quantization", "float32"], "whole"),
    ):
        assert invoke("models", "export", path, "--to", "ctranslate2", "-o", tmp_path / name, *more).code == 0
    assert translated(tmp_path / "eight") == translated(tmp_path / "same") == translated(model, "--int8")
    sizes = {name: (tmp_path / name / "model.bin").stat().st_size for name in ("eight", "whole")}
    assert sizes["eight"] < 0.7 * sizes["whole"] == 0.7 * (served / "model.bin").stat().st_size
    assert "\n## Exported\n" in (served / "README.md").read_text()


def test_others_can_run_what_was_exported(served, translated):
    from ctranslate2 import Translator

    (found,) = Translator(str(served)).translate_batch([["w1", "w2", "</s>"]], beam_size=5, max_decoding_length=29)
    assert translated(served, stdin="w1 w2\n") == [" ".join(found.hypotheses[0])]


def test_no_torch_where_ctranslate2_runs(tmp_path):
    path = written(translator(units="char"), tmp_path / "m")
    loaded = modules_after("translate", "-m", path)
    assert not loaded & (HEAVY - {"tokenizers"})
    assert "ctranslate2" in loaded


def test_a_line_of_which_nothing_is_left(model, translated, monkeypatch):
    from seqcli.text.codec import Codec

    encode = Codec.encode
    monkeypatch.setattr(Codec, "encode", lambda self, texts: encode(self, [text.replace("w0", "") for text in texts]))
    for engine in ("torch", "ctranslate2"):
        assert translated(model, "--engine", engine, stdin="w0\n") == [""]


def test_bad_commands(invoke, model, small, served, tmp_path):
    def fails(code, *said, options=(), path=model):
        invoke("translate", "-m", path, *options, stdin=b"w1\n").fails(code, *said)

    fails(2, "--engine tourch: no such choice", options=["--engine", "tourch"])
    fails(2, "--int8 is CTranslate2's", options=["--int8", "--engine", "torch"])
    fails(2, "--int8: CTranslate2 has no --mbr", options=["--int8", "--mbr", 4])
    fails(2, "--engine ctranslate2: CTranslate2 has no --constraint", options=["--engine", "ctranslate2", "--constrain", "w1"])
    fails(2, "--engine ctranslate2: CTranslate2 runs one model", options=["--engine", "ctranslate2", "-m", model])
    fails(1, "was exported for CTranslate2", "--no-repeat", "take the model it was made of", options=["--no-repeat", 2], path=served)
    fails(1, "was exported for CTranslate2", options=["--engine", "torch"], path=served)
    fails(1, "a model for tagging (crf), not for translation", "seq tag", path="en-pos")
    broken = written(translator(size=16), tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    config["recipe"]["size"] = 32
    (broken / "config.json").write_text(json.dumps(config))
    fails(1, "broken", "has shape", path=broken)
    (broken / "tokenizer.json").write_text("{}")
    fails(1, "broken", "tokenizer.json is broken", path=broken)
    (tmp_path / "gone").mkdir()
    for path in served.iterdir():
        (tmp_path / "gone" / path.name).write_bytes(path.read_bytes()[:200] if path.name == "model.bin" else path.read_bytes())
    fails(1, "gone: CTranslate2 cannot open it", path=tmp_path / "gone")


def test_bad_exports(invoke, model, small, served, tmp_path):
    def fails(code, *said, path=model, options=()):
        invoke("models", "export", path, "-o", tmp_path / "out", *options).fails(code, *said)
        assert not (tmp_path / "out").exists()

    fails(2, "--to onnx: no such choice", "known: ctranslate2, int8", options=["--to", "onnx"])
    fails(2, "--quantization int4: no such choice", "float32, int8", options=["--to", "ctranslate2", "--quantization", "int4"])
    fails(2, "it is of --to ctranslate2", options=["--to", "int8", "--quantization", "int8"])
    fails(2, "--quantization is of --to", options=["--quantization", "int8"])
    fails(2, "-f and --to: one at a time", options=["--to", "int8", "-f", "glove"])
    fails(1, "en-pos holds a model for tagging (crf)", path="en-pos", options=["--to", "int8"])
    fails(1, "is rounded to 8 bits already", path=small, options=["--to", "int8"])
    fails(1, "was exported for CTranslate2 already", path=served, options=["--to", "ctranslate2"])
    invoke("models", "export", model, "--to", "int8").fails(2, "it needs a name")
    invoke("models", "export", model, "--to", "int8", "-o", served).fails(1, "exists", "--force")
    recurrent = tmp_path / "seq2seq"
    folder.write(recurrent, {**folder.read_config(model), "model": "seq2seq"}, {}, {})
    fails(1, "holds a model of the kind seq2seq: CTranslate2 runs Transformers", path=recurrent, options=["--to", "ctranslate2"])


@pytest.mark.corpus
@pytest.mark.slow
def test_a_thousand_lines(tmp_path):
    """Sentences of Multi30k: the same translations as torch; ties excepted, and counted."""
    if not DATA.is_dir():
        pytest.skip(f"no {DATA}: set SEQ_DATA to the folder of data sets")
    from seqcli.data.blocks import blocks
    from seqcli.decode.generate import Plan
    from seqcli.decode.settings import Settings
    from seqcli.engines.ctranslate2 import Engine
    from seqcli.models.language_model import learn_codec
    from seqcli.text.codec import Settings as Units

    english = DATA / "test_2016_flickr.en.gz"
    codec = learn_codec([str(english)], Units(units="word", min_count=2), lambda _: None)
    model = translator(sharpness=3.0, end=4.0, target=codec, size=64, longest=64, tied=False)
    lines = [line for block in blocks([english]) for line in block.lines()]
    assert len(lines) == 1000
    rows = sorted(model.prepare(lines), key=len, reverse=True)
    chosen, limits = Plan("beam", Settings(stop="full")), [len(row) + 8 for row in rows]
    torch = [
        found
        for start in range(0, 1000, 50)
        for found in Writer(model, chosen).search(rows[start : start + 50], limits[start : start + 50])
    ]
    engine = Engine.load(as_folder(model), workers=2).search(rows, limits, chosen)
    different = [(one, other) for (one,), (other,) in zip(torch, engine, strict=True) if one.tokens != other.tokens]
    assert all(one.score == pytest.approx(other.score, abs=2e-5) for one, other in different)
    assert len(different) <= 10
    assert len({tuple(one.tokens) for (one,) in torch}) > 100
