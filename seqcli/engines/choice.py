"""Which engine writes.

CTranslate2 where it finds the same as torch, which it does several times faster on a CPU; torch for everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seqcli.data import folder
from seqcli.data.folder import CONFIG, WEIGHTS, Folder
from seqcli.data.vectors.mapped import open_tensors
from seqcli.engines import ctranslate2
from seqcli.engines.language import LanguageEngine
from seqcli.errors import Failure, UsageFailure
from seqcli.models import registry

ENGINES = ("auto", "torch", ctranslate2.NAME)
RUNS = {registry.TRANSLATION: "transformer", registry.LANGUAGE: "gpt"}  # which models CTranslate2 runs, by task


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
    configs = [folder.read_config(path) for path in paths]
    if is_torchs(paths, configs, engine, int8, refusal(configs, given)):
        from seqcli.tasks import translation

        folders = [folder.read(path) for path in paths]
        return folders[0], translation.load(folders)
    found = opened(paths[0], configs[0])
    if found.config["task"] != registry.TRANSLATION:
        return found, registry.load(found, registry.TRANSLATION)  # says what it is
    return found, with_ctranslate2(found, int8, workers)


def open_generator(path: Path, engine: str, int8: bool, given: Mapping[str, Any], workers: int) -> Any:
    """The model in a folder that writes texts, a translator as well; arguments and failures as of `open_translator`.

    A translator is torch's here: of an empty source CTranslate2 makes an empty text, and asks no model.
    """
    config = folder.read_config(path)
    why = "CTranslate2 translates by seq translate alone" if config["task"] == registry.TRANSLATION else refusal([config], given)
    if config["task"] not in RUNS or is_torchs([path], [config], engine, int8, why):
        return registry.load_generator(folder.read(path))  # or says what it is
    return with_ctranslate2(opened(path, config), int8, workers)


def is_torchs(paths: Sequence[Path], configs: Sequence[Mapping[str, Any]], engine: str, int8: bool, why: str) -> bool:
    """Whether torch has to do what is asked; `why` CTranslate2 cannot, "" if it can.

    Raises:
        UsageFailure: it has to, and another engine was asked for.
        Failure: it has to, and a folder is not for torch.
    """
    if engine == "torch" and int8:
        raise UsageFailure("--int8 is CTranslate2's", hint="leave --engine torch out; seq models export --to int8 rounds a model")
    for path, config in zip(paths, configs, strict=True):
        if config.get("engine") == ctranslate2.NAME and (why or engine == "torch"):
            raise Failure(f"{path} was exported for CTranslate2: {why or 'torch cannot run it'}", hint="take the model it was made of")
    if why and (int8 or engine == ctranslate2.NAME):
        raise UsageFailure(f"{'--int8' if int8 else f'--engine {engine}'}: {why}", hint="leave it out: torch can")
    return bool(why) or engine == "torch"


def refusal(configs: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> str:
    """Why CTranslate2 cannot do what is asked; "" if it can."""
    if len(configs) > 1:
        return "CTranslate2 runs one model"
    (config,) = configs
    if config["model"] != RUNS.get(config["task"], config["model"]):
        return f"CTranslate2 runs Transformers, not {config['model']}"
    if option := ctranslate2.undone(given):
        return f"CTranslate2 has no {option}, or not as torch has it"
    if config["task"] == registry.LANGUAGE and not (given.get("--greedy") or given.get("--beam") == 1 or given.get("--stop")):
        return "CTranslate2 has beam search with --stop full only"
    return "" if find_spec(ctranslate2.NAME) else "the package ctranslate2 is not installed"


def opened(path: Path, config: dict[str, Any]) -> Folder:
    """A model folder, ours or an exported one, whose tensors are read where they are used."""
    return Folder(path, config, {} if config.get("engine") == ctranslate2.NAME else open_tensors(path / WEIGHTS))


def with_ctranslate2(found: Folder, int8: bool, workers: int) -> Any:
    """What runs the model in a folder."""
    try:
        if found.config["task"] == registry.LANGUAGE:
            return LanguageEngine.load(found, workers, int8)
        make = ctranslate2.Engine.open if found.config.get("engine") == ctranslate2.NAME else ctranslate2.Engine.load
        return make(found, workers, int8)
    except Failure as failure:
        if str(found.path) in failure.message:
            raise
        raise Failure(f"model folder {found.path}: {failure}") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Failure(f"model folder {found.path} does not fit together: {error!r}", hint=f"is {CONFIG} whole?") from error
