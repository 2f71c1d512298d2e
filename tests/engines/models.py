"""Translators and language models with random weights, which write something: not always the same, and to an end."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcli.data import folder
from seqcli.decode.settings import Hypothesis
from seqcli.models import gpt, transformer
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.language import NeuralLanguageModel
from seqcli.models.neural.translation import Translator
from seqcli.text.codec import Codec

CLOSE = 2e-5  # nats a token
TOKENS = 60
WINDOW = 24
SHAPE: dict[str, Any] = {"size": 32, "heads": 4, "layers": 2, "units": "word", "longest": 32}
SHAPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "post-norm": {"prenorm": False},
    "gelu": {"activation": "gelu"},
    "gelu-tanh": {"activation": "gelu-tanh"},
    "silu": {"activation": "silu"},
    "swiglu": {"activation": "swiglu"},
    "learned": {"positions": "learned"},
    "halves": {"positions": "sinusoidal-halves", "scaled": False},
    "rotary": {"positions": "rotary"},
    "not tied": {"tied": False},
    "separate": {"shared": False},
    "one decoder layer": {"decoder_layers": 1, "inner": 48},
}


def words(count: int, letter: str = "w") -> Codec:
    """A vocabulary of so many tokens, the end among them."""
    return Codec.of_pieces(["<unk>", *(f"{letter}{number}" for number in range(count - 2))], "word")


def translator(seed: int = 0, sharpness: float = 2.0, end: float = 0.5, target: Codec | None = None, **options: Any) -> Translator:
    """With matrices so many times as large as they begin, and an end so much likelier."""
    torch.manual_seed(seed)
    target = target or words(TOKENS)
    source = target if options.get("shared", True) else words(TOKENS + 7, "s")
    made = Translator(Codecs(source, target), transformer.Recipe(**{**SHAPE, **options}))
    with torch.no_grad():
        for weight in made.module.parameters():
            if weight.dim() == 2:
                weight.mul_(sharpness)
            else:
                weight.add_(0.2 * torch.randn_like(weight))
        made.network.head.scores.bias[made.end] += end
    made.module.eval()
    return made


def sources(model: Translator, count: int = 60, seed: int = 0) -> list[list[int]]:
    """Of 1 to 19 tokens and the end, the longest first."""
    rng = np.random.default_rng(seed)
    size = model.codecs.source.size - 1
    rows = [[*rng.integers(1, size, rng.integers(1, 20)).tolist(), model.codecs.source.end] for _ in range(count)]
    return sorted(rows, key=len, reverse=True)


def language(seed: int = 0, end: float = 3.0, codec: Codec | None = None, **options: Any) -> NeuralLanguageModel:
    """A GPT that looks at `WINDOW` tokens, with large weights, and an end so much likelier."""
    torch.manual_seed(seed)
    shape = {"size": 32, "heads": 4, "layers": 2, "window": WINDOW}
    made = NeuralLanguageModel(codec or words(TOKENS), gpt.Recipe(**{**shape, **options}))
    with torch.no_grad():
        for weight in made.module.parameters():
            if weight.dim() == 2:
                weight.mul_(20.0)
            else:
                weight.add_(0.2 * torch.randn_like(weight))
        made.network.head.scores.bias[made.end] += end
    made.module.eval()
    return made


def prompts(count: int = 60, seed: int = 0) -> list[list[int]]:
    """Of 0 to 23 tokens, which is all that the context holds."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, TOKENS - 1, 23 if i == 7 else rng.integers(0, WINDOW)).tolist() for i in range(count)]


def as_folder(model: Translator | NeuralLanguageModel) -> folder.Folder:
    """As it would be read, but in memory."""
    kind, task = ("transformer", "translation") if isinstance(model, Translator) else ("gpt", "language modelling")
    config = {"model": kind, "task": task, "version": 1, "recipe": asdict(model.recipe), "scores": {}}
    return InMemory(Path("random"), {**config, "parameters": model.config()}, dict(model.tensors()), model.files())


def written(model: Translator | NeuralLanguageModel, path: Path) -> Path:
    """As a model folder."""
    found = as_folder(model)
    folder.write(path, found.config, found.tensors, {**model.files(), folder.CARD: "# Random\n"})
    return path


def same(ours: list[list[Hypothesis]], theirs: list[list[Hypothesis]]) -> None:
    """But for ties: hypotheses whose scores are the same but for rounding may stand in either order, or one for another."""
    ties = 0
    for one, other in zip(ours, theirs, strict=True):
        assert len(one) == len(other)
        assert [each.score for each in one] == pytest.approx([each.score for each in other], abs=CLOSE)
        if [(each.tokens, each.ended) for each in one] != [(each.tokens, each.ended) for each in other]:
            ties += 1
        else:
            assert [each.log_prob for each in one] == pytest.approx([each.log_prob for each in other], abs=30 * CLOSE)
    assert ties <= len(ours) // 20


class InMemory(folder.Folder):
    """A folder whose files are no files."""

    def __init__(self, path: Path, config: dict[str, Any], tensors: Any, files: dict[str, str]) -> None:
        super().__init__(path, config, tensors)
        object.__setattr__(self, "files", files)

    def text(self, name: str) -> str:
        files: dict[str, str] = self.__dict__["files"]
        return files[name]
