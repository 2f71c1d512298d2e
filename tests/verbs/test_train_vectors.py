"""`seq train skipgram` and its kin from end to end."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from seqcli.data.vectors import open_vectors
from seqcli.training import launch
from tests.conftest import ENVIRONMENT

ANIMALS, VERBS, PLACES = ("cat", "dog", "cow"), ("sat", "ran"), ("barn", "hut")
TEXT = [f"the {animal} {verb} in the {place} ." for animal in ANIMALS for verb in VERBS for place in PLACES]
SMALL = ["--set", "min_count=1", "--set", "dimensions=8", "--set", "epochs=2", "-q"]
# A training whose every round is saved, and small rounds.
PATIENT = """
import sys
from seqcli.models.vectors import loop, store
from seqcli.__main__ import main
loop.CHUNK, store.EVERY = 1 << 9, 0.0
sys.argv = ["seq", *sys.argv[1:]]
main()
"""


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(TEXT * 40) + "\n")
    return path


def test_eight_bits(invoke, text, tmp_path):
    for name, settings in (("whole", []), ("rounded", ["--set", "int8=true"])):
        assert invoke("train", "skipgram", "--train", text, "-o", tmp_path / name, *SMALL, *settings).code == 0
    whole, rounded = (open_vectors(tmp_path / name) for name in ("whole", "rounded"))
    assert rounded.stored.dtype == np.int8
    assert (tmp_path / "rounded" / "model.safetensors").stat().st_size < (tmp_path / "whole" / "model.safetensors").stat().st_size
    assert np.abs(whole.matrix - rounded.matrix).max() <= np.abs(whole.matrix).max() / 253
    assert json.loads((tmp_path / "rounded" / "config.json").read_text())["recipe"]["int8"] is True
    assert not list(tmp_path.glob("*.resume"))


def patient(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", PATIENT, *map(str, arguments)], env=ENVIRONMENT, stderr=subprocess.PIPE, start_new_session=True
    )


def test_cut_off_and_resumed(text, tmp_path):
    """Ctrl-C in the middle: the folder of the state stays, and --resume goes on to the same bytes as a training in one go."""
    for place in ("once", "twice"):
        (tmp_path / place).mkdir()
    command = ["train", "cbow", "--train", text, *SMALL[:-1], "--set", "epochs=60", "-o", tmp_path / "twice" / "m"]
    state = tmp_path / "twice" / "m.resume" / launch.CHECKPOINT
    process = patient(*command)
    while process.poll() is None and not state.exists():
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said.decode().split("\n")[-2]) == (130, "cut off: the same command with --resume goes on")
    for more, complaint in (
        ([], "holds a training that was cut off (--resume goes on with it, --force begins anew)"),
        (["--resume", "--set", "dimensions=9"], "has dimensions=8, not 9"),
    ):
        process = patient(*command, *more)
        assert complaint in process.communicate()[1].decode()
        assert (process.returncode, state.exists()) == (1, True)
    for last in ([*command, "--resume"], [*command[:-1], tmp_path / "once" / "m", "--resume"]):
        process = patient(*last)
        process.communicate()
        assert process.returncode == 0
    assert not state.parent.exists()
    once, twice = ((tmp_path / place / "m" / "model.safetensors").read_bytes() for place in ("once", "twice"))
    assert once == twice


def test_what_does_not_resume(invoke, text, tmp_path):
    invoke("train", "bpe", "--train", text, "-o", tmp_path / "m", "--resume").fails(2, "bpe trains in one go")


def test_a_training_that_fails_leaves_nothing(invoke, text, tmp_path):
    invoke("train", "skipgram", "--train", text, "-o", tmp_path / "m", "--set", "min_count=10000").fails(1, "10000")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["text.txt"]
