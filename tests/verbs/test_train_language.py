"""Language models from the command line: they learn to copy and to reverse, go on after a kill, and say what is wrong."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import pytest

from tests.conftest import ENVIRONMENT, SAMPLES, SEQ

SETTINGS = {
    "rnn": ("size=192", "embedding=32", "rate=0.002", "epochs=40", "schedule=linear"),
    "gru": ("size=128", "embedding=32", "rate=0.005", "epochs=16", "schedule=linear"),
    "lstm": ("size=128", "embedding=32", "rate=0.008", "epochs=14", "schedule=linear"),
    "gpt": ("size=64", "layers=2", "rate=0.003", "epochs=32", "warmup=30"),
}
TASKS = {"copy": lambda word: word, "reverse": lambda word: word[::-1]}
TINY = ("--set", "units=char", "--set", "size=16", "--set", "embedding=8", "--set", "batch=4", "-q")


@pytest.fixture(scope="module")
def words():
    draw, found = random.Random(1), set[str]()
    while len(found) < 3050:
        found.add("".join(draw.choice("abcdefgh") for _ in range(draw.randint(1, 5))))
    return draw.sample(sorted(found), len(found))


def lines(words, task):
    return "".join(f"{word}>{TASKS[task](word)}\n" for word in words)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS])
def test_copy_and_reverse(name, task, words, invoke, tmp_path):
    held_out, seen = words[:50], words[50:]
    (tmp_path / "train.txt").write_text(lines(seen, task))
    settings = [part for setting in (*SETTINGS[name], "units=char", "dropout=0") for part in ("--set", setting)]
    found = invoke("train", name, "--train", tmp_path / "train.txt", "-o", tmp_path / "m", "-q", *settings)
    assert found.code == 0, found
    prompts = "".join(f"{word}>\n" for word in held_out).encode()
    answers = invoke("beam", "-m", tmp_path / "m", "--greedy", stdin=prompts).lines
    assert answers == [TASKS[task](word) for word in held_out]


@pytest.mark.parametrize("name", ["gru", "gpt"])
def test_a_text_is_learned_by_heart(name, invoke, tmp_path):
    (tmp_path / "t").write_text("to be or not to be\nthat is the question\n" * 8)
    sizes = ("size=32", "layers=1", "warmup=10") if name == "gpt" else ("size=64", "embedding=16")
    settings = [
        part for setting in (*sizes, "units=char", "dropout=0", "rate=0.01", "epochs=25", "batch=2") for part in ("--set", setting)
    ]
    assert invoke("train", name, "--train", tmp_path / "t", "-o", tmp_path / "m", "-q", *settings).code == 0
    said = invoke("beam", "-m", tmp_path / "m", "--greedy", stdin=b"to be\nthat\n")
    assert said.text == " or not to be\n is the question\n"
    row = json.loads(invoke("score", "-m", tmp_path / "m", "--json", "-q", stdin=b"to be or not to be\n").text)
    assert row["log_likelihood"] > -3  # one of two lines
    assert sum(token["log_prob"] for token in row["tokens"]) == pytest.approx(row["log_likelihood"], abs=1e-4)


def test_dev_is_what_score_says(invoke, tmp_path):
    """The loss that training reports is the perplexity that `seq score` finds, texts apart and as a stream."""
    text, dev = SAMPLES / "notes.txt", tmp_path / "dev"
    dev.write_text("A line.\nAnother line!\n\nAnd one more.\n")
    for stream in ("false", "true"):
        model = tmp_path / f"m-{stream}"
        settings = ("--set", f"stream={stream}", "--set", "epochs=1", "--set", "batch=1", "--set", "window=512")
        assert invoke("train", "gru", "--train", text, "--dev", dev, "-o", model, *TINY, *settings).code == 0
        expected = json.loads((model / "config.json").read_text())["scores"]["dev perplexity"]
        options = ("--stream",) if stream == "true" else ()
        found = invoke("score", "-m", model, dev, "-b", *options)
        if stream == "true":
            assert float(found.text) == pytest.approx(expected, rel=1e-3)
        else:  # a blank line is a text to the training, and none to the scores of lines
            assert float(found.text) == pytest.approx(expected, rel=0.2)


@pytest.mark.slow
def test_killed_and_resumed(tmp_path):
    """kill -9 in the middle of a training from the command line: the same bytes as one in one go."""
    arguments = [
        "train",
        "lstm",
        "--train",
        SAMPLES / "notes.txt",
        "--dev",
        "20%",
        *TINY,
        "--set",
        "epochs=30",
        "--set",
        "save_every=0",
    ]
    for place in ("once", "twice"):
        (tmp_path / place).mkdir()
    command = [*SEQ, *map(str, arguments), "-o"]
    subprocess.run([*command, str(tmp_path / "once" / "m")], env=ENVIRONMENT, check=True)
    state = tmp_path / "twice" / "m.resume" / "checkpoint.safetensors"
    for _ in range(3):
        process = subprocess.Popen([*command, str(tmp_path / "twice" / "m"), "--resume"], env=ENVIRONMENT, start_new_session=True)
        before = state.stat().st_mtime_ns if state.exists() else 0
        while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns > before):
            time.sleep(0.002)
        time.sleep(0.05)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if (tmp_path / "twice" / "m").exists():
            break
    else:
        subprocess.run([*command, str(tmp_path / "twice" / "m"), "--resume"], env=ENVIRONMENT, check=True)
    once, twice = ((tmp_path / place / "m" / "model.safetensors").read_bytes() for place in ("once", "twice"))
    assert once == twice
    assert not state.parent.exists()


def test_ends_in_good_order(invoke, tmp_path):
    train = ("train", "gpt", "--train", SAMPLES / "notes.txt", "--set", "units=char", "--set", "size=16", "--set", "layers=1")
    found = invoke(*train, "-o", tmp_path / "a", "--max-steps", "3", "--plot", tmp_path / "curves")
    assert found.code == 0
    assert "3 steps in" in found.err
    assert "<svg" in (tmp_path / "curves" / "curves.html").read_text()
    found = invoke(*train, "-o", tmp_path / "b", "--time-limit", "1s", "--set", "epochs=100000")
    assert found.code == 0
    assert "ended by the time limit" in found.err
    assert (tmp_path / "b" / "model.safetensors").exists()


def test_what_cannot_be(invoke, tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "t").write_text("a b c\n")
    train = ("train", "lstm", "-o", tmp_path / "m", "--train")
    invoke(*train, tmp_path / "empty").fails(1, "empty is empty")
    invoke(*train, tmp_path / "none").fails(1, "none", "no such file")
    invoke(*train, tmp_path / "t", "--set", "layer=2").fails(2, "unknown key 'layer'", "layers")
    invoke(*train, tmp_path / "t", "--set", "bidirectional=true").fails(2, "reads from left to right")
    invoke(*train, tmp_path / "t", "--set", "rate=0").fails(2, "rate=0")
    invoke(*train, tmp_path / "t", "--time-limit", "soon").fails(2, "--time-limit soon")
    invoke(*train, tmp_path / "t", "--set", "units=nowhere").fails(1, "units=nowhere")
    invoke("train", "gpt", "-o", tmp_path / "m", "--train", tmp_path / "t", "--set", "heads=3").fails(2, "does not fit heads=3")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["empty", "t"]
    assert invoke(*train, tmp_path / "t", *TINY, "--max-steps", "1").code == 0  # a text of one line is one


def test_a_language_model_is_no_tagger(invoke, tmp_path):
    (tmp_path / "t").write_text("a b c\n")
    assert invoke("train", "ngram", "--train", tmp_path / "t", "-o", tmp_path / "m", "-q").code == 0
    invoke("tag", "-m", tmp_path / "m", stdin=b"x\n").fails(1, "holds a model for language modelling (ngram)", "seq beam")
    invoke("beam", "-m", "en-pos", stdin=b"x\n").fails(1, "tagging", "seq tag")
