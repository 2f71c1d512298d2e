"""What the trainer is given of a text: each token once, with what stands before it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from seqcli.models import gpt, lstm
from seqcli.models.neural.language import NeuralLanguageModel
from seqcli.tasks.learning.language import Language
from seqcli.text.codec import Codec

CODEC = Codec.of_pieces(["<unk>", *"abcdef"], "char")
END = CODEC.end
IDS = CODEC.flat([[1, 2, 3], [], [4, 5], [6, 6, 6, 6, 6, 6, 6], [1]] * 5)


def task(**settings):
    kind = gpt.Recipe if settings.pop("kind", "lstm") == "gpt" else lstm.Recipe
    sizes = {"size": 8, "heads": 2, "layers": 1} if kind is gpt.Recipe else {"size": 6, "embedding": 5}
    recipe = kind(**{"batch": 3, "window": 4, "dropout": 0.0, **sizes, **settings})
    torch.manual_seed(1)
    return Language(NeuralLanguageModel(CODEC, recipe), IDS, IDS)


def tokens(batches):
    """(before, after) of all places that count."""
    found: list[tuple[int, int]] = []
    for batch in batches:
        inside = batch.after >= 0
        found += zip(batch.before[inside].tolist(), batch.after[inside].tolist(), strict=True)
    return sorted(found)


def test_texts_are_all_there():
    whole = [END, *IDS.tolist()]
    expected = sorted(itertools.pairwise(whole))
    made = task()
    for epoch in (0, 1):
        assert tokens(made.batches(epoch)) == expected
    assert [batch.after.tolist() for batch in made.batches(0)] != [batch.after.tolist() for batch in made.batches(1)]
    assert [batch.after.tolist() for batch in made.batches(1)] == [batch.after.tolist() for batch in made.batches(1)]


def test_rows_of_a_stream_go_on():
    made = task(stream=True)
    batches = list(made.batches(0))
    assert [batch.first for batch in batches] == [True] + [False] * (len(batches) - 1)
    before, after = (np.concatenate([getattr(batch, side) for batch in batches], axis=1) for side in ("before", "after"))
    assert np.array_equal(before[:, 1:], after[:, :-1])
    assert after.size >= len(IDS) - 3
    assert np.array_equal(after[0], IDS[: after.shape[1]])


def test_windows_begin_elsewhere_each_epoch():
    made = task(stream=True, kind="gpt")
    for batch in made.batches(0):
        assert np.array_equal(batch.before[:, 1:], batch.after[:, :-1])
    assert tokens(made.batches(0)) != tokens(made.batches(1))


@pytest.mark.parametrize("settings", [{}, {"stream": True}, {"stream": True, "kind": "gpt"}, {"kind": "gpt"}])
@torch.no_grad()
def test_parts_add_up(settings):
    made = task(**settings)
    batch = next(iter(made.batches(0)))
    whole = made.loss(batch, None)
    parts = [made.loss(part, None) for part in made.split(batch, 2)]
    assert sum(part.units for part in parts) == whole.units
    assert float(sum(part.total for part in parts)) == pytest.approx(float(whole.total), rel=1e-5)


@torch.no_grad()
def test_the_loss_is_the_models_log_probability():
    made = task()
    texts = [[1, 2, 3], [], [4, 5], [6] * 3, [1]]
    made.ids = CODEC.flat(texts)
    logs = np.concatenate(made.language.log_probs(texts))
    losses = [made.loss(batch, None) for batch in made.batches(0)]
    assert float(sum(loss.total for loss in losses)) == pytest.approx(-logs.sum(), rel=1e-5)
    assert sum(loss.units for loss in losses) == len(logs)
    made.dev = made.ids
    assert made.evaluate()["loss"] == pytest.approx(-logs.mean(), rel=1e-5)


@torch.no_grad()
def test_a_carried_state_is_the_whole_text():
    """Truncated back-propagation: the losses of the windows are those of each row in one piece."""
    made = task(stream=True)
    carry, total = None, 0.0
    batches = list(made.batches(0))
    for batch in batches:
        found = made.loss(batch, carry)
        carry, total = found.carry, total + float(found.total)
    whole = type(batches[0])(*(np.concatenate([getattr(batch, side) for batch in batches], axis=1) for side in ("before", "after")))
    assert total == pytest.approx(float(made.loss(whole, None).total), rel=1e-5)
