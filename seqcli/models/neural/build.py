"""From a model folder to the model in it, whatever its head."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from seqcli.data.folder import Folder

if TYPE_CHECKING:
    from seqcli.models.neural.language import NeuralLanguageModel
    from seqcli.models.neural.tagger import Classifier, NeuralTagger


def load(found: Folder) -> NeuralTagger | Classifier | NeuralLanguageModel:
    """The tagger, classifier or language model in a folder.

    Raises:
        Failure: the tensors do not fit the configuration, or are not numbers.
    """
    recipe = recipe_of(found)
    if found.parameters["head"] == "language":
        from seqcli.models.neural.language import NeuralLanguageModel

        return NeuralLanguageModel.load(found, recipe)
    from seqcli.models.neural.tagger import Classifier, NeuralTagger

    return Classifier.load(found, recipe) if found.parameters["head"] == "class" else NeuralTagger.load(found, recipe)


def recipe_of(found: Folder) -> Any:
    """The hyper-parameters that a model was trained with; those that are not said are as they are by default."""
    kind = importlib.import_module(f"seqcli.models.{found.config['model'].replace('-', '_')}").Recipe
    known = {each.name for each in fields(kind)}
    said = {name: tuple(value) if isinstance(value, list) else value for name, value in found.config["recipe"].items() if name in known}
    return kind(**{**said, "head": found.parameters["head"]})
