"""GPT by CTranslate2 against torch: the same searches, whatever the prompts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli.decode.generate import Plan, Writer
from seqcli.decode.settings import Settings
from seqcli.engines.conversion import LanguageConversion, converted_language
from seqcli.engines.language import LanguageEngine, alike
from seqcli.errors import Failure
from seqcli.models.neural.rounding import rounded
from seqcli.models.neural.settings import Transformer
from seqcli.models.neural.weights import load_weights
from seqcli.text.codec import Codec
from tests.engines.models import WINDOW, as_folder, language, prompts, same, words

SHAPES: dict[str, dict[str, Any]] = {
    "rotary": {},
    "learned": {"positions": "learned"},
    "relu": {"activation": "relu"},
    "gelu-tanh": {"activation": "gelu-tanh", "positions": "learned"},
    "silu": {"activation": "silu"},
    "swiglu": {"activation": "swiglu", "inner": 48},
    "one head": {"heads": 1, "layers": 1},
}


def plan(method: str = "beam", **options: Any) -> Plan:
    return Plan(method, Settings(stop="full", **options), nbest=options.get("nbest", 1))


@pytest.mark.parametrize("name", SHAPES)
def test_as_torch(name):
    """Prompts of all lengths together; texts that end, and texts that the context cuts."""
    model, rows = language(**SHAPES[name]), prompts()
    engine: Any = LanguageEngine.load(as_folder(model), workers=2)
    for chosen in (plan("greedy"), plan(nbest=5)):
        writer = Writer(model, chosen)
        limits = writer.room(list(rows))
        assert limits == Writer(engine, chosen).room(list(rows))
        found = engine.search(rows, limits, chosen)
        same(writer.search(rows, limits), found)
        assert {each[0].ended for each in found} == {True, False}
        assert max(len(row) + len(each[0].tokens) for row, each in zip(rows, found, strict=True)) == WINDOW


@pytest.mark.parametrize(
    "options",
    [{"beam": 1}, {"beam": 2}, {"beam": 8, "nbest": 3}, {"alpha": 0.0, "nbest": 5}, {"alpha": 0.4}, {"alpha": 2.0}, {"max_length": 1}],
    ids=str,
)
@pytest.mark.parametrize("end", [-30.0, 3.0, 8.0], ids=["endless", "mixed", "short"])
@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_settings(options, end, positions):
    model, rows = language(seed=1, end=end, positions=positions), [*prompts(30, seed=1), [], [], [5]]
    engine = LanguageEngine.load(as_folder(model))
    methods = ("beam", "greedy") if "beam" not in options and "nbest" not in options else ("beam",)
    for chosen in (plan(method, **{"max_length": 8, **options}) for method in methods):
        writer = Writer(model, chosen)
        limits = writer.room(list(rows))
        same(writer.search(rows, limits), engine.search(rows, limits, chosen))
        assert engine.search([], [], chosen) == []


def test_a_long_text():
    """Longer than the table of rotations that CTranslate2 begins with."""
    model, chosen = language(window=2200, size=8, heads=1, layers=1, end=-30.0), plan("greedy", max_length=20)
    rows = [[(7 * i + j) % 58 for i in range(2180)] for j in range(2)]
    engine = LanguageEngine.load(as_folder(model))
    same(Writer(model, chosen).search(rows, [20, 20]), engine.search(rows, [20, 20], chosen))


def test_records():
    """What a writer makes of it."""
    model, chosen = language(), plan("greedy")
    engine: Any = LanguageEngine.load(as_folder(model))
    lines = ["", "w1 w2", "w5", "unknown w7", ""]
    ours, theirs = (Writer(each, chosen)(lines) for each in (model, engine))
    assert [[each.text for each in found] for found in ours] == [[each.text for each in found] for found in theirs]
    assert (engine.context, engine.record, engine.size, engine.end) == (WINDOW, "line", 60, model.end)
    assert engine.spell([2, engine.end]) == ["w1", "</s>"]
    assert engine.prepare(lines) == model.prepare(lines)


def test_prompts_side_by_side_are_of_one_length():
    rows = prompts(500)
    batches = alike(rows, [WINDOW - len(row) for row in rows], 8)
    assert sorted(i for batch, _ in batches for i in batch) == list(range(500))
    for batch, limit in batches:
        assert len(batch) <= 8
        assert {WINDOW - len(rows[i]) for i in batch} == {limit}


def test_rounded():
    """With weights that are rounded already, in floating numbers: as torch. In whole numbers: near it."""
    model, rows, chosen = language(), prompts(), plan("greedy")
    limits = Writer(model, chosen).room(list(rows))
    found = as_folder(model)
    eight = LanguageEngine.load(found, int8=True)
    assert eight.model.compute_type.startswith("int8")
    load_weights(model.module, rounded(found.tensors))
    exact = Writer(model, chosen).search(rows, limits)
    same(exact, LanguageEngine.load(as_folder(model)).search(rows, limits, chosen))
    agreed = [one.tokens == other.tokens for (one,), (other,) in zip(exact, eight.search(rows, limits, chosen), strict=True)]
    assert sum(agreed) > len(rows) // 2


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_the_variables_are_those_of_the_specification(positions):
    from ctranslate2.specs import TransformerDecoderModelSpec
    from ctranslate2.specs.common_spec import Activation

    model = language(activation="swiglu", positions=positions)
    made = LanguageConversion(model.tensors(), *parts(model))
    made.run()
    rotary = {"rotary_dim": 8, "rotary_interleave": False} if positions == "rotary" else {}
    spec = TransformerDecoderModelSpec.from_config(2, 4, ffn_glu=True, activation=Activation.SWISH, **rotary)
    spec.decoder.scale_embeddings = False
    assert (spec.name, spec.revision) == ("TransformerDecoderSpec", 8)
    known = {name: value for name, value in spec.variables().items() if value is not None}
    assert known.keys() <= made.variables.keys() | made.aliases.keys()
    for name, value in known.items():
        if name in made.variables and not isinstance(value, str):
            assert made.variables[name] == np.asarray(value), name


def parts(model: Any) -> tuple[Transformer, Codec]:
    """What a conversion needs beside the tensors."""
    return model.recipe, model.codec


def test_what_cannot_be():
    model = language()
    found = as_folder(model)
    with pytest.raises(Failure, match="lacks the tensor"):
        converted_language({}, *parts(model))
    with pytest.raises(Failure, match="has shape"):
        converted_language(found.tensors, model.recipe, words(30))  # type: ignore[arg-type]
    broken = found.tensors["stack.norm.weight"].copy()
    broken[3] = np.nan
    with pytest.raises(Failure, match="not numbers"):
        converted_language({**found.tensors, "stack.norm.weight": broken}, *parts(model))
