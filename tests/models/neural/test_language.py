"""Neural language models: whole texts, step by step and as a stream are the same probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcli.data import folder
from seqcli.decode.stepper import rows
from seqcli.errors import Failure
from seqcli.models import gpt, gru, lstm, rnn
from seqcli.models.neural.build import load
from seqcli.models.neural.language import NeuralLanguageModel, windows
from seqcli.models.neural.settings import Recurrent, Transformer
from seqcli.text.codec import Codec

CODEC = Codec.of_pieces(["<unk>", *"abcdef"], "char")
TEXTS = [[1, 2, 3], [], [4], [6, 5, 4, 3, 2, 1, 1], [2, 2]]
RECIPES: dict[str, Recurrent | Transformer] = {
    "rnn": rnn.Recipe(embedding=6, size=5),
    "gru": gru.Recipe(embedding=6, size=6, layers=2, tied=False),
    "lstm": lstm.Recipe(embedding=6, size=7, layers=2),
    "gpt": gpt.Recipe(size=8, heads=2, layers=2, window=16),
    "gpt-learned": gpt.Recipe(size=8, heads=2, layers=2, window=16, positions="learned", activation="swiglu"),
}


@pytest.fixture(params=RECIPES)
def model(request):
    torch.manual_seed(3)
    found = NeuralLanguageModel(CODEC, RECIPES[request.param])
    with torch.no_grad():
        for weight in found.module.parameters():
            weight.normal_(std=0.5)
    return found


def by_steps(model, text):
    """Token by token through the stepper, from an empty prompt."""
    last, state = model.start([[]])
    found = []
    for token in [*text, model.end]:
        logs, state = model.step(last, state)
        assert float(logs.exp().sum()) == pytest.approx(1, abs=1e-5)
        found.append(float(logs[0, token]))
        last = torch.tensor([token])
    return found


def test_whole_texts_are_their_steps(model):
    for text, logs in zip(TEXTS, model.log_probs(TEXTS), strict=True):
        assert logs.tolist() == pytest.approx(by_steps(model, text), abs=1e-5)


def test_prompts_of_different_lengths(model):
    """A batch of prompts goes on as each by itself, also after its rows have been reordered."""
    last, state = model.start(TEXTS)
    order = torch.tensor([3, 0, 1, 4, 2, 3])
    last, state = last[order], rows(state, order)
    for _ in range(3):
        logs, state = model.step(last, state)
        last = logs.argmax(1)
    for row, place in enumerate(order.tolist()):
        one, alone = model.start([TEXTS[place]])
        for _ in range(3):
            single, alone = model.step(one, alone)
            one = single.argmax(1)
        assert torch.allclose(single[0], logs[row], atol=1e-5)


def test_a_text_alone_is_a_text_among_others(model):
    together = model.log_probs(TEXTS)
    for text, logs in zip(TEXTS, together, strict=True):
        assert np.allclose(model.log_probs([text])[0], logs, atol=1e-5)


def test_a_stream_goes_on(model):
    """What follows carries the state over: the same as one text with ends inside, however it is cut."""
    stream = [token for text in TEXTS for token in (*text, model.end)]
    whole = by_steps(model, stream[:-1] if model.context is None else stream[:6])
    first, state = model.follow(TEXTS[:2])
    rest, _ = model.follow(TEXTS[2:], state)
    found = np.concatenate([*first, *rest])
    if model.context is None:
        assert found.tolist() == pytest.approx(whole, abs=1e-5)
    else:  # what is further back than half the context may be forgotten
        assert found[:6].tolist() == pytest.approx(whole[:6], abs=1e-5)
    assert [len(each) for each in (*first, *rest)] == [len(text) + 1 for text in TEXTS]


def test_a_text_longer_than_the_context():
    model = NeuralLanguageModel(CODEC, RECIPES["gpt"])
    text = [1, 2, 3, 4, 5, 6] * 9
    logs = model.log_probs([text])[0]
    ids = [model.end, *text, model.end]
    assert len(logs) == len(text) + 1
    for start, end, new in windows(len(ids), 0, 16):
        one = model.batched([ids[start:end]])[0][-new:]
        assert np.allclose(one, logs[end - 1 - new : end - 1], atol=1e-5)
    with pytest.raises(Failure, match="has 54 tokens: the model looks at 16"):
        model.start([text])


@pytest.mark.parametrize("length", [1, 2, 5, 16, 17, 18, 40, 65])
@pytest.mark.parametrize("done", [0, 1, 7])
def test_windows_cover_each_token_once(length, done):
    if done >= length:
        return
    covered: list[int] = []
    for start, end, new in windows(length, done, 16):
        assert 0 <= start < end <= length
        assert end - 1 - start <= 16
        assert end - new > start or new == end - start - 1 or not new
        covered += range(end - new, end)
    assert covered == list(range(done + 1, length))


def test_a_model_folder_is_read_back(model, tmp_path):
    name = "gpt" if model.context else model.recipe.cell
    config = {"model": name, "task": "language modelling", "parameters": model.config(), "recipe": vars(model.recipe)}
    folder.write(tmp_path / "m", config, model.tensors(), model.files())
    again = load(folder.read(tmp_path / "m"))
    assert isinstance(again, NeuralLanguageModel)
    for one, other in zip(model.log_probs(TEXTS), again.log_probs(TEXTS), strict=True):
        assert np.array_equal(one, other)
    tensors = dict(model.tensors())
    tensors["head.scores.bias"] = np.full_like(tensors["head.scores.bias"], np.nan)
    folder.write(tmp_path / "broken", config, tensors, model.files())
    with pytest.raises(Failure, match=r"'head.scores.bias' has values that are not numbers"):
        load(folder.read(tmp_path / "broken"))
