"""`seq beam --engine`, `--int8`: nobody sees which engine it was."""

from __future__ import annotations

import json

import pytest

from seqcli.data import folder
from tests.engines.models import language, translator, written
from tests.test_startup import HEAVY, modules_after

TEXT = "".join(f"{' '.join(f'w{(7 * i + 3 * j) % 58}' for j in range(i % 24))}\n" for i in range(36)) + "unknown w3\n\n"


@pytest.fixture(scope="module", params=["learned", "rotary"])
def model(request, tmp_path_factory):
    """A GPT with random weights."""
    return written(language(positions=request.param), tmp_path_factory.mktemp("models") / "random")


@pytest.fixture
def beam(invoke):
    def call(path, *options, stdin=TEXT):
        done = invoke("beam", "-m", path, *options, stdin=stdin.encode())
        assert (done.code, done.err) == (0, "")
        return done.lines

    return call


def records(lines):
    return [{name: value for name, value in json.loads(line).items() if name not in {"score", "log_prob"}} for line in lines]


def same_records(ours, theirs):
    assert records(ours) == records(theirs)
    for name in ("score", "log_prob"):
        numbers = [[json.loads(line)[name] for line in lines] for lines in (ours, theirs)]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [["--greedy"], ["--greedy", "--max-length", 5], ["--beam", 1], ["--stop", "full"], ["--stop", "full", "--nbest", 7]],
    ids=str,
)
def test_nobody_sees_which_engine_it_was(model, beam, options):
    torch = beam(model, "--json", "--engine", "torch", *options)
    assert len(torch) >= 38
    for more in (["--engine", "ctranslate2", "-j", 3], []):
        same_records(beam(model, "--json", *more, *options), torch)
    if "--nbest" not in options:
        assert beam(model, *options) == [json.loads(line)["text"] for line in torch]


def test_paragraphs(tmp_path, beam):
    from seqcli.text.codec import Codec

    codec = Codec.of_pieces(["<unk>", *"abcdefgh"], "char", record="paragraph")
    path = written(language(codec=codec, end=0.0), tmp_path / "tunes")
    found = beam(path, "--greedy", stdin="ab\n\nc\n")
    assert found == beam(path, "--greedy", "--engine", "torch", stdin="ab\n\nc\n")
    assert found[-1] == ""


def test_translators_are_torchs(tmp_path, beam, invoke):
    path = written(translator(end=1.0), tmp_path / "translator")
    assert beam(path, "--greedy", stdin="w1\n\n") == beam(path, "--greedy", "--engine", "torch", stdin="w1\n\n")
    assert invoke("models", "export", path, "--to", "ctranslate2", "-o", tmp_path / "served").code == 0
    invoke("beam", "-m", path, "--int8", stdin=b"w1\n").fails(2, "--int8: CTranslate2 translates by seq translate")
    invoke("beam", "-m", tmp_path / "served", stdin=b"w1\n").fails(1, "served was exported for CTranslate2", "by seq translate")


def test_what_ctranslate2_has_not_is_torchs(model, beam):
    few = TEXT[:30]
    assert beam(model, stdin=few) == beam(model, "--engine", "torch", stdin=few)
    assert beam(model, "--prefix", "w5 w6", "--greedy", stdin="w1\n")[0].startswith("w5 w6")
    for options in (["--sample", "--seed", 3], ["--greedy", "--min-length", 3]):
        assert beam(model, *options, stdin=few) == beam(model, *options, "--engine", "torch", stdin=few)


def test_prompts_that_are_too_long(model, invoke, beam):
    long = "w1\n" + "w1 w2 w3 " * 9 + "\n"
    for engine in ("torch", "ctranslate2"):
        options = ("-m", model, "--greedy", "--engine", engine)
        invoke("beam", *options, stdin=long.encode()).fails(1, "line 2: the prompt has 27 tokens", "holds 24", "--truncate")
        done = invoke("beam", *options, "--truncate", "--max-length", 5, stdin=long.encode())
        assert done.code == 0
        assert "context was kept: line 2\n" in done.err
    short = [json.loads(line) for line in beam(model, "--json", "--greedy", stdin="w1 " * 23 + "\n")]
    assert len(short[0]["tokens"]) + short[0]["ended"] == 1


def test_rounded(model, beam):
    eight, whole = beam(model, "--greedy", "--int8"), beam(model, "--greedy")
    assert sum(one == other for one, other in zip(eight, whole, strict=True)) > 19


def test_no_torch_where_ctranslate2_runs(tmp_path):
    path = written(language(), tmp_path / "m")
    loaded = modules_after("beam", "-m", path, "--greedy")
    assert not loaded & (HEAVY - {"tokenizers"})
    assert "ctranslate2" in loaded


def test_bad_commands(invoke, model, tmp_path):
    def fails(code, *said, options=(), path=model):
        invoke("beam", "-m", path, *options, stdin=b"w1\n").fails(code, *said)

    fails(2, "--engine tourch: no such choice", options=["--engine", "tourch"])
    fails(2, "--int8 is CTranslate2's", options=["--int8", "--engine", "torch", "--greedy"])
    fails(2, "--int8: CTranslate2 has no --mbr", options=["--int8", "--mbr", 4])
    fails(2, "--engine ctranslate2: CTranslate2 has no --trace", options=["--engine", "ctranslate2", "--trace"])
    fails(2, "--int8: CTranslate2 has beam search with --stop full only", options=["--int8"])
    fails(2, "--greedy and --sample: one at a time", options=["--greedy", "--sample"])
    fails(2, "--beam 0: it must be at least 1", options=["--beam", 0, "--stop", "full"])
    fails(1, "a model for tagging (crf), not for language modelling", "seq tag", path="en-pos", options=["--greedy"])
    fails(1, "a model for tagging (crf), not for language modelling", path="en-pos", options=["--engine", "ctranslate2"])
    recurrent = tmp_path / "lstm"
    folder.write(recurrent, {**folder.read_config(model), "model": "lstm"}, {}, {})
    fails(2, "--int8: CTranslate2 runs Transformers, not lstm", path=recurrent, options=["--int8", "--greedy"])
    broken = written(language(size=16), tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    config["recipe"]["size"] = 32
    (broken / "config.json").write_text(json.dumps(config))
    fails(1, "broken", "has shape", path=broken, options=["--greedy"])
    (broken / "tokenizer.json").write_text("{}")
    fails(1, "broken", "tokenizer.json is broken", path=broken, options=["--greedy"])
    (broken / "model.safetensors").unlink()
    fails(1, "broken", "model.safetensors is missing", path=broken, options=["--greedy"])
