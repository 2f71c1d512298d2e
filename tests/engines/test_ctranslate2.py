"""CTranslate2 against torch: the same log-probabilities, the same searches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcli.decode.generate import Plan, Writer
from seqcli.decode.settings import Settings
from seqcli.engines.conversion import Conversion, converted, names
from seqcli.engines.ctranslate2 import Engine, undone
from seqcli.engines.searcher import opened
from seqcli.errors import Failure
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.rounding import rounded, whole
from seqcli.models.neural.settings import EncoderDecoder
from seqcli.models.neural.translation import Translator
from seqcli.models.neural.weights import load_weights
from seqcli.text.codec import Codec
from tests.engines.models import SHAPES, as_folder, same, sources, translator


def parts(model: Translator) -> tuple[EncoderDecoder, Codecs]:
    """What a conversion needs beside the tensors."""
    assert isinstance(model.recipe, EncoderDecoder)
    return model.recipe, Codecs.load(as_folder(model))


def plan(method: str = "beam", **options: Any) -> Plan:
    return Plan(method, Settings(stop="full", **options), nbest=options.get("nbest", 1))


@pytest.mark.parametrize("name", SHAPES)
def test_as_torch(name):
    model = translator(**SHAPES[name])
    engine = Engine.load(as_folder(model))
    rows = sources(model)
    targets = [[token % model.end for token in row[: 1 + i % 9]] for i, row in enumerate(rows)]
    for ours, theirs in zip(model.log_probs(rows, targets), engine.log_probs(rows, targets), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-4)
    limits = [24] * len(rows)
    for chosen in (plan(nbest=5), plan("greedy")):
        same(Writer(model, chosen).search(rows, limits), engine.search(rows, limits, chosen))


@pytest.mark.parametrize(
    "options",
    [{"beam": 1}, {"beam": 2}, {"beam": 8, "nbest": 3}, {"alpha": 0.0, "nbest": 5}, {"alpha": 0.4}, {"alpha": 2.0}, {"max_length": 1}],
    ids=str,
)
@pytest.mark.parametrize("end", [-30.0, 0.5, 4.0], ids=["endless", "mixed", "short"])
def test_settings(options, end):
    """Each source has a limit of its own; some searches run into it, and some do not."""
    model = translator(seed=1, end=end, tied=False)
    engine = Engine.load(as_folder(model), workers=2)
    rows, chosen = sources(model, 80), plan(**options)
    limits = [min(chosen.settings.max_length, 4 + len(row)) for row in rows]
    found = engine.search(rows, limits, chosen)
    same(Writer(model, chosen).search(rows, limits), found)
    assert max(len(each.tokens) for each in found[-1]) <= limits[-1]
    assert engine.search([], [], chosen) == []


def test_a_beam_wider_than_half_of_the_vocabulary():
    model = translator(end=2.0)
    engine = Engine.load(as_folder(model))
    rows, chosen = sources(model, 8), plan(beam=40, nbest=40)
    same(Writer(model, chosen).search(rows, [9] * 8), engine.search(rows, [9] * 8, chosen))


def test_the_variables_are_those_of_the_specification():
    from ctranslate2.specs import TransformerSpec
    from ctranslate2.specs.common_spec import Activation

    model = translator(decoder_layers=1, activation="swiglu")
    made = Conversion(model.tensors(), *parts(model))
    made.run()
    spec = TransformerSpec.from_config((2, 1), 4, ffn_glu=True, activation=Activation.SWISH)
    wanted = {name for name, value in spec.variables().items()}
    assert wanted <= made.variables.keys() | made.aliases.keys()
    assert set(made.aliases.values()) <= made.variables.keys()
    for name, value in spec.variables().items():
        if value is not None and name in made.variables and not isinstance(value, str):
            assert made.variables[name] == np.asarray(value), name


def test_rounded():
    """With weights that are rounded already, in floating numbers: as torch. In whole numbers: near it."""
    model = translator()
    found = as_folder(model)
    tensors = rounded(found.tensors)
    load_weights(model.module, tensors)
    for name, weight in whole(tensors).items():
        assert np.abs(found.tensors[name] - weight).max() <= np.abs(found.tensors[name]).max() / 254 + 1e-7
    rows, limits = sources(model), [24] * 60
    exact = Engine.load(as_folder(model))
    same(Writer(model, plan()).search(rows, limits), exact.search(rows, limits, plan()))
    found.tensors.update(tensors)
    stored = Engine.load(found)
    assert stored.model.compute_type == "float32"
    same(Writer(model, plan()).search(rows, limits), stored.search(rows, limits, plan()))
    engine = Engine.load(found, int8=True)
    assert engine.model.compute_type.startswith("int8")
    again = Engine.load(as_folder(translator()), int8=True)
    assert [[each.tokens for each in row] for row in again.search(rows, limits, plan())] == [
        [each.tokens for each in row] for row in engine.search(rows, limits, plan())
    ]
    targets = [row[:5] for row in rows]
    for ours, theirs in zip(model.log_probs(rows, targets), engine.log_probs(rows, targets), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=0.5)


def test_scores_are_what_the_search_gave():
    model = translator()
    for int8 in (False, True):
        engine = Engine.load(as_folder(model), int8=int8)
        rows = sources(model)
        found = [hypothesis for (hypothesis,) in engine.search(rows, [24] * 60, plan())]
        logs = engine.log_probs(rows, [each.tokens for each in found])
        for hypothesis, each in zip(found, logs, strict=True):
            assert each[: len(hypothesis.tokens) + hypothesis.ended].sum() == pytest.approx(
                hypothesis.log_prob, abs=0.1 if int8 else 1e-3
            )


def test_text_goes_through_our_codec():
    engine = Engine.load(as_folder(translator(shared=False)))
    (source,) = engine.prepare(["s1 s3 other"])
    assert source == [2, 4, 0, engine.codecs.source.end]
    assert engine.text([2, 4]) == "w1 w3"
    assert engine.targets(["w1 w3"]) == [[2, 4]]
    assert engine.spell([2, engine.end]) == ["w1", "</s>"]
    assert (engine.size, engine.longest) == (60, 32)


def test_names_are_distinct():
    codec = Codec.of_pieces(["<unk>", "a", "</s>", "</s>#4", "b"], "word")
    assert names(codec) == ["<unk>", "a", "</s>", "</s>#4", "b", "</s>#5"]


def test_what_cannot_be():
    model = translator()
    found = as_folder(model)
    with pytest.raises(Failure, match="lacks the tensor"):
        converted({}, *parts(model))
    with pytest.raises(Failure, match="has shape"):
        converted({**found.tensors, "target.weight": np.zeros((3, 3), np.float32)}, *parts(model))
    broken = found.tensors["encoder.norm.weight"].copy()
    broken[3] = np.nan
    with pytest.raises(Failure, match="not numbers"):
        converted({**found.tensors, "encoder.norm.weight": broken}, *parts(model))
    with pytest.raises(Failure, match="random: CTranslate2 cannot open it"):
        opened(found, 1, "float32", {"model.bin": b"no"})


def test_options():
    nothing: dict[str, Any] = {"--beam": None, "--greedy": False, "--constraint": [], "--stop": None}
    assert undone(nothing | {"--beam": 3, "--nbest": 2, "--normalize": "length", "--length-penalty": 0.6}) == ""
    assert undone(nothing | {"--stop": "full"}) == ""
    assert undone(nothing | {"--stop": "exact"}) == "--stop exact"
    assert undone(nothing | {"--normalize": "gnmt"}) == "--normalize gnmt"
    for option in (
        "--mbr",
        "--sample",
        "--prefix",
        "--constraint",
        "--no-repeat",
        "--min-length",
        "--coverage",
        "--diverse",
        "--until",
    ):
        assert undone(nothing | {option: 1}) == option


def test_every_activation_is_known():
    from seqcli.engines.conversion import ACTIVATIONS
    from seqcli.nn import transformer

    assert set(ACTIVATIONS) == set(transformer.ACTIVATIONS)


def test_waves():
    from seqcli.engines.conversion import waves
    from seqcli.nn.positions import Sinusoidal

    for size in (4, 5):
        for halves in (False, True):
            torch.testing.assert_close(torch.from_numpy(waves(50, size, halves)), Sinusoidal(size, halves)(50))
