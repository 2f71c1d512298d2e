"""Which engine translates.

CTranslate2 where it finds the same as torch, which it does several times faster on a CPU; torch for everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seqcli.data.folder import CONFIG, WEIGHTS, Folder, read, read_config
from seqcli.data.vectors.mapped import open_tensors
from seqcli.engines import ctranslate2
from seqcli.errors import Failure, UsageFailure
from seqcli.models import registry

ENGINES = ("auto", "torch", ctranslate2.NAME)


def open_translator(paths: Sequence[Path], engine: str, int8: bool, given: Mapping[str, Any], workers: int) -> tuple[Folder, Any]:
    """The first of some model folders, and the translator that is in all of them together.

    Args:
        engine: of ENGINES.
        int8: round what is not rounded.
        given: options of the search, and `--alignment`.
        workers: batches that CTranslate2 translates side by side.

    Raises:
        UsageFailure: an engine that cannot do what is asked.
        Failure: a folder that holds no translator, or does not fit together.
    """
    configs = [read_config(path) for path in paths]
    if engine == "torch" and int8:
        raise UsageFailure("--int8 is CTranslate2's", hint="leave --engine torch out; seq models export --to int8 rounds a model")
    why = refusal(configs, given)
    for path, config in zip(paths, configs, strict=True):
        if config.get("engine") == ctranslate2.NAME and (why or engine == "torch"):
            raise Failure(f"{path} was exported for CTranslate2: {why or 'torch cannot run it'}", hint="take the model it was made of")
    if why and (int8 or engine == ctranslate2.NAME):
        raise UsageFailure(f"{'--int8' if int8 else f'--engine {engine}'}: {why}", hint="leave it out: torch can")
    if why or engine == "torch":
        from seqcli.tasks import translation

        folders = [read(path) for path in paths]
        return folders[0], translation.load(folders)
    return with_ctranslate2(paths[0], configs[0], int8, workers)


def refusal(configs: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> str:
    """Why CTranslate2 cannot do what is asked; "" if it can."""
    if len(configs) > 1:
        return "CTranslate2 runs one model"
    (config,) = configs
    if config["task"] == registry.TRANSLATION and config["model"] != "transformer":
        return f"CTranslate2 runs Transformers, not {config['model']}"
    if option := ctranslate2.undone(given):
        return f"CTranslate2 has no {option}, or not as torch has it"
    return "" if find_spec(ctranslate2.NAME) else "the package ctranslate2 is not installed"


def with_ctranslate2(path: Path, config: dict[str, Any], int8: bool, workers: int) -> tuple[Folder, Any]:
    """A model folder, ours or an exported one, and what runs it."""
    exported = config.get("engine") == ctranslate2.NAME
    found = Folder(path, config, {} if exported else open_tensors(path / WEIGHTS))
    if config["task"] != registry.TRANSLATION:
        return found, registry.load(found, registry.TRANSLATION)  # says what it is
    try:
        make = ctranslate2.Engine.open if exported else ctranslate2.Engine.load
        return found, make(found, workers, int8)
    except Failure as failure:
        if str(path) in failure.message:
            raise
        raise Failure(f"model folder {path}: {failure}") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Failure(f"model folder {path} does not fit together: {error!r}", hint=f"is {CONFIG} whole?") from error
