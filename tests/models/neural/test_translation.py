"""Translators: whole targets, step by step, in a batch or alone, reordered or not, are the same probabilities."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch

from seqcli.data import folder
from seqcli.decode.beam import BeamSearch
from seqcli.decode.settings import Settings
from seqcli.decode.stepper import rows
from seqcli.errors import Failure, UsageFailure
from seqcli.models import seq2seq, transformer
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.settings import EncoderDecoder, RecurrentTranslation
from seqcli.models.neural.sources import Sources
from seqcli.models.neural.translation import Translator
from seqcli.text.codec import Codec

CODEC = Codec.of_pieces(["<unk>", *"abcdef"], "char")
OTHER = Codec.of_pieces(["<unk>", *"uvwxyz"], "char")
TEXTS = ["abc", "", "fedcba", "a", "dd"]
TARGETS = [[1, 2, 3], [4], [], [6, 5, 4, 3, 2, 1, 1], [2, 2]]
SMALL: dict[str, Any] = {"size": 8, "heads": 2, "layers": 2, "longest": 16}
RECIPES: dict[str, EncoderDecoder | RecurrentTranslation] = {
    "transformer": transformer.Recipe(**SMALL),
    "transformer-shallow": transformer.Recipe(**SMALL, decoder_layers=1, positions="rotary", activation="swiglu"),
    "transformer-postnorm": transformer.Recipe(**SMALL, positions="learned", prenorm=False, tied=False),
    "none": seq2seq.Recipe(attention="none", cell="gru", embedding=6, size=8, layers=2, bidirectional=False),
    "bahdanau": seq2seq.Recipe(attention="bahdanau", embedding=6, size=8, decoder_layers=2),
    "dot": seq2seq.Recipe(attention="dot", cell="rnn", embedding=6, size=8, tied=False),
    "general": seq2seq.Recipe(attention="general", cell="gru", embedding=8, size=8, layers=2),
    "concat": seq2seq.Recipe(attention="concat", embedding=6, size=8),
    "pre-attention": seq2seq.Recipe(attention="dot", pre_attention=True, embedding=6, size=8, layers=2),
}
ATTEND = [name for name in RECIPES if name != "none"]


def made(name: str, separate: bool = False, **settings) -> Translator:
    torch.manual_seed(3)
    recipe = replace(RECIPES[name], shared=not separate, **settings)
    found = Translator(Codecs(CODEC, OTHER if separate else CODEC), recipe)
    with torch.no_grad():
        for weight in found.module.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3)
    return found


@pytest.fixture(params=RECIPES)
def model(request):
    return made(request.param)


def by_steps(model, source, target):
    """Token by token through the stepper."""
    last, state = model.start([source])
    found = []
    for token in [*target, model.end]:
        logs, state = model.step(last, state)
        assert float(logs.exp().sum()) == pytest.approx(1, abs=1e-5)
        found.append(float(logs[0, token]))
        last = torch.tensor([token])
    return found


def test_whole_targets_are_their_steps(model):
    sources = model.prepare(TEXTS)
    for source, target, logs in zip(sources, TARGETS, model.log_probs(sources, TARGETS), strict=True):
        assert logs.tolist() == pytest.approx(by_steps(model, source, target), abs=1e-5)
        assert logs.tolist() == pytest.approx(model.log_probs([source], [target])[0].tolist(), abs=1e-5)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [0, 0, 2, 2, 4, 4], [3, 0, 1, 4, 2, 3], [1], [2, 2, 3]], ids=str)
def test_rows_may_be_repeated_and_reordered(model, order):
    """After that a batch goes on as each by itself: sources looked at together, or not."""
    sources = model.prepare(TEXTS)
    last, state = model.start(sources)
    _, state = model.step(last, state)
    state, last = rows(state, torch.tensor(order)), torch.tensor([1 + n % 3 for n in range(len(order))])
    for _ in range(2):
        logs, state = model.step(last, state)
    for n, place in enumerate(order):
        expected = by_steps(model, sources[place], [int(last[n])] * 2)
        _, alone = model.start([sources[place]])
        _, alone = model.step(torch.tensor([model.end]), alone)
        for _ in range(2):
            wanted, alone = model.step(last[n : n + 1], alone)
        assert logs[n].tolist() == pytest.approx(wanted[0].tolist(), abs=1e-5)
        assert float(logs[n, model.end]) == pytest.approx(expected[2], abs=1e-5)


@pytest.mark.parametrize("name", ATTEND)
def test_where_it_looked(name):
    model = made(name)
    sources = model.prepare(TEXTS)
    explained = model.alignments(sources, TARGETS)
    last, state = model.start(sources)
    _, state = model.step(last, state)
    weights, real = model.attention(state)
    assert real.sum(1).tolist() == [len(source) for source in sources]
    assert weights.sum(1).tolist() == pytest.approx([1.0] * len(sources), abs=1e-5)
    assert not bool(weights[~real].any())
    for n, (source, target, found) in enumerate(zip(sources, TARGETS, explained, strict=True)):
        assert found.shape[2:] == (len(target) + 1, len(source))
        assert np.allclose(found.sum(-1), 1, atol=1e-5)
        assert weights[n, : len(source)].tolist() == pytest.approx(found[-1, :, 0].mean(0).tolist(), abs=1e-5)
    (lone,) = model.alignments(sources[:1], TARGETS[:1])
    assert np.allclose(lone, explained[0], atol=1e-5)
    _, state = model.step(torch.zeros_like(last), rows(state, torch.tensor([4, 0, 1, 1, 3])))
    assert model.attention(state)[1].sum(1).tolist() == [len(sources[i]) for i in (4, 0, 1, 1, 3)]


@pytest.mark.parametrize("name", ["transformer", "bahdanau"])
def test_beam_as_wide_as_the_space(name):
    """Beam search over the model is search over what `log_probs` gives."""
    model = made(name)
    sources = model.prepare(["ab", "cdef"])
    longest, V = 3, model.size
    texts = [[], *([i] for i in range(V - 1)), *([i, j] for i in range(V - 1) for j in range(V - 1))]
    found = BeamSearch(model, Settings(beam=V**2, nbest=3, alpha=0.0, max_length=longest, stop="exact")).run(sources)
    for source, hypotheses in zip(sources, found, strict=True):
        scores = sorted((float(logs.sum()) for logs in model.log_probs([source] * len(texts), texts)), reverse=True)
        assert [each.log_prob for each in hypotheses if each.ended] == pytest.approx(
            [score for score in scores if score >= hypotheses[-1].log_prob - 1e-5][: sum(each.ended for each in hypotheses)], abs=1e-4
        )


@pytest.mark.parametrize("name", RECIPES)
def test_every_weight_learns(name):
    """A gradient reaches all weights; what is padding has no part in it."""
    model = made(name, dropout=0.0)
    network = model.network
    sources = model.prepare(TEXTS)
    source, lengths = model.padded(sources, 0)
    before, _ = model.padded([[model.end, *target] for target in TARGETS], model.end)

    def gradients(source, before):
        model.module.zero_grad()
        states = network.states(source, lengths, before)
        there = torch.cat([states[i, : len(target) + 1] for i, target in enumerate(TARGETS)])
        network.head(there).square().sum().backward()
        return {name: None if weight.grad is None else weight.grad.clone() for name, weight in model.module.named_parameters()}

    first = gradients(source, before)
    assert not [weight for weight, grad in first.items() if grad is None or not bool(grad.any())]
    wider = torch.nn.functional.pad(source, (0, 3), value=2), torch.nn.functional.pad(before, (0, 2), value=1)
    for weight, grad in gradients(*wider).items():
        assert torch.allclose(first[weight], grad, rtol=1e-4, atol=1e-3), weight


@pytest.mark.parametrize("separate", [False, True], ids=["shared", "separate"])
def test_what_is_tied(model, separate):
    found = made(next(name for name, recipe in RECIPES.items() if recipe == model.recipe), separate)
    network: Any = found.module
    tied = found.recipe.tied
    assert (network.target.weight is network.head.scores.weight) == tied
    assert (network.source is network.target) == (tied and not separate)
    assert found.text([1, 2]) == ("uv" if separate else "ab")


@pytest.mark.parametrize("separate", [False, True], ids=["shared", "separate"])
def test_saved_and_loaded(model, separate, tmp_path):
    name = next(name for name, recipe in RECIPES.items() if recipe == model.recipe)
    found = made(name, separate)
    kind = "transformer" if name.startswith("transformer") else "seq2seq"
    config = {"model": kind, "task": "translation", "recipe": asdict(found.recipe), "parameters": found.config()}
    folder.write(tmp_path / "m", config, found.tensors(), {folder.CARD: "", **found.files()}, force=False)
    again = (transformer if kind == "transformer" else seq2seq).load(folder.read(tmp_path / "m"))
    sources = found.prepare(TEXTS)
    assert again.prepare(TEXTS) == sources
    for mine, theirs in zip(found.log_probs(sources, TARGETS), again.log_probs(sources, TARGETS), strict=True):
        assert np.array_equal(mine, theirs)


def test_scheduled_sampling_reads_what_it_wrote():
    """With all words sampled, the words before that are given do not matter, but for the first."""
    for name in ("none", "bahdanau", "dot"):
        model = made(name, dropout=0.0)
        source, lengths = model.padded(model.prepare(TEXTS), 0)
        end = torch.full((5, 1), model.end)
        states = [
            model.network.states(source, lengths, torch.cat([end, torch.full((5, 3), word)], 1), sampled)
            for word, sampled in ((1, 1.0), (2, 1.0), (1, 0.0), (2, 0.0))
        ]
        assert torch.allclose(states[0], states[1], atol=1e-6)
        assert not torch.allclose(states[2], states[3], atol=1e-3)
        likeliest = torch.cat([end, model.network.head(states[0]).argmax(-1)[:, :-1]], 1)
        assert torch.allclose(model.network.states(source, lengths, likeliest), states[0], atol=1e-5)


def test_a_whole_without_attention_is_its_steps():
    model = made("none")
    source, lengths = model.padded(model.prepare(TEXTS), 0)
    before, _ = model.padded([[model.end, *target] for target in TARGETS], 0)
    model.module.eval()
    assert torch.allclose(
        model.network.states(source, lengths, before), model.network.states(source, lengths, before, 1e-12), atol=1e-5
    )


def test_sources_that_all_have_as_many_rows():
    real = torch.tensor([[True, False], [True, True]])
    sources = Sources([torch.tensor([[1], [2]])], real)
    assert sources.seen_by(torch.tensor([0, 0, 1, 1]))[0] is sources
    alone, which, K = sources.seen_by(torch.tensor([1, 1, 1]))
    assert (alone.mask, which.tolist(), K) == (None, [0, 0, 0], 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"heads": 3}, "does not fit heads=3"), ({"positions": "rotery"}, "did you mean 'rotary'"), ({"smoothing": 1.0}, "below 1"),
        ({"record": "paragraph"}, "line by line"), ({"activation": "rellu"}, "did you mean 'relu'"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)  # fmt: skip
def test_settings_of_a_transformer_that_cannot_be(settings, said):
    def call():
        recipe = transformer.Recipe(**{**SMALL, **settings})
        recipe.check()
        Translator(Codecs(CODEC, CODEC), recipe)

    with pytest.raises(UsageFailure, match=said):
        call()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"attention": "badanau"}, "did you mean 'bahdanau'"), ({"cell": "lstn"}, "did you mean 'lstm'"), ({"size": 7}, "is odd"),
        ({"pre_attention": True, "attention": "none"}, "nothing to look at"), ({"scheduled_sampling": 1.5}, "1 at most"),
        ({"sampling_epochs": 0}, "1 epoch at least"), ({"pre_attention": True, "scheduled_sampling": 0.5}, "reads the whole target"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)  # fmt: skip
def test_settings_of_a_recurrent_one_that_cannot_be(settings, said):
    with pytest.raises(UsageFailure, match=said):
        seq2seq.Recipe(**settings).check()


def test_a_model_that_looks_nowhere():
    model = made("none")
    sources = model.prepare(TEXTS)
    with pytest.raises(UsageFailure, match="does not look at its source"):
        BeamSearch(model, Settings(coverage=0.1)).run(sources)
    with pytest.raises(UsageFailure, match="does not look at its source"):
        model.alignments(sources, TARGETS)


def test_longer_than_the_positions():
    model = made("transformer-postnorm")
    with pytest.raises(Failure, match="the model has positions for 17"):
        model.start(model.prepare(["a" * 17]))
