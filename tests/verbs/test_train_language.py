"""Language models from the command line: each learns to copy and to reverse without a fault, and generation finds what was learned."""

from __future__ import annotations

import random
from itertools import product

import pytest

SETTINGS = {
    "rnn": ("size=96", "embedding=32", "rate=0.003", "epochs=30"),
    "gru": ("size=96", "embedding=32", "rate=0.006", "epochs=12"),
    "lstm": ("size=96", "embedding=32", "rate=0.008", "epochs=14"),
    "gpt": ("size=64", "layers=2", "rate=0.003", "epochs=10", "warmup=20"),
}
TASKS = {"copy": lambda word: word, "reverse": lambda word: word[::-1]}


@pytest.fixture(scope="module")
def words():
    every = ["".join(letters) for length in range(1, 5) for letters in product("abcd", repeat=length)]
    random.Random(1).shuffle(every)
    return every  # 340


def lines(words, task):
    return "".join(f"{word}>{TASKS[task](word)}\n" for word in words)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in ("gru", "gpt") else pytest.mark.slow) for name in SETTINGS])
def test_copy_and_reverse(name, task, words, invoke, tmp_path):
    held_out, seen = words[:40], words[40:]
    (tmp_path / "train.txt").write_text(lines(seen * 4, task))
    (tmp_path / "dev.txt").write_text(lines(held_out, task))
    settings = [part for setting in (*SETTINGS[name], "units=char", "dropout=0") for part in ("--set", setting)]
    found = invoke("train", name, "--train", tmp_path / "train.txt", "-o", tmp_path / "m", "-q", *settings)
    assert found.code == 0, found
    prompts = "".join(f"{word}>\n" for word in held_out).encode()
    answers = invoke("beam", "-m", tmp_path / "m", "--greedy", stdin=prompts).lines
    assert answers == [TASKS[task](word) for word in held_out]
