"""Translators written for where they are used: in a quarter of the space, or for CTranslate2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqcli import __version__
from seqcli.data import folder
from seqcli.data.examples import AnyArray
from seqcli.engines import ctranslate2
from seqcli.engines.conversion import converted
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.models import registry
from seqcli.models.neural.rounding import is_rounded, rounded, whole

INT8, FLOAT32 = "int8", "float32"
TARGETS = (INT8, ctranslate2.NAME)
QUANTIZATIONS = (FLOAT32, INT8)  # of what CTranslate2 is given; by default as the model is
LEFT = (folder.CONFIG, folder.WEIGHTS, folder.CARD, folder.PICKLED, "journal.jsonl")  # files that are not taken over as they are
ROUNDED = """
## Rounded

The matrices are whole numbers from -127 to 127 with a scale a row. Scores above are those of the model before. What rounding costs on
data of your own: translate them with both models, and compare with `seq score REF BEFORE AFTER --paired bs`.
"""
EXPORTED = """
## Exported

For CTranslate2 ({kind}): `seq translate -m {name}` runs this folder, and so does `ctranslate2.Translator("{name}")`. It reads tokens as
tokenizer.json cuts them, then `{end}`.
"""


def export(name: str, to: str, output: Path, quantization: str = "", force: bool = False) -> None:
    """Write the translator that `-m NAME` means.

    Raises:
        UsageFailure: it is exported to nothing of that name, or the numbers are of no kind that is known.
        Failure: it is no translator, cannot be exported, or the folder cannot be written.
    """
    if to not in TARGETS:
        raise UsageFailure(f"--to {to}: no such choice", hint=nearest(to, TARGETS))
    if quantization and (to != ctranslate2.NAME or quantization not in QUANTIZATIONS):
        known = f"known: {', '.join(QUANTIZATIONS)}" if to == ctranslate2.NAME else "it is of --to ctranslate2"
        raise UsageFailure(f"--quantization {quantization}: no such choice", hint=known)
    path = folder.find(name)
    folder.check_free(output, force)
    check_exportable(path, folder.read_config(path), to)
    found = folder.read(path)
    (write_rounded if to == INT8 else write_ctranslate2)(found, output, quantization, force)


def check_exportable(path: Path, config: Mapping[str, Any], to: str) -> None:
    """Raises Failure: a folder that is no translator, or none that can be exported so."""
    kind = config["model"]
    if config["task"] != registry.TRANSLATION:
        raise Failure(f"{path} holds a model for {config['task']} ({kind}): translators are exported so")
    if "others" in config["parameters"]:
        raise Failure(f"{path} is a Hugging Face folder", hint="import it first: seq models import")
    if config.get("engine") == ctranslate2.NAME:
        raise Failure(f"{path} was exported for CTranslate2 already", hint="take the model it was made of")
    if to == ctranslate2.NAME and kind != "transformer":
        raise Failure(f"{path} holds a model of the kind {kind}: CTranslate2 runs Transformers", hint="seq train transformer makes one")


def write_rounded(found: folder.Folder, output: Path, quantization: str = "", force: bool = False) -> None:  # noqa: ARG001
    """As a folder of ours that takes a quarter of the space; every verb reads it."""
    if is_rounded(found.tensors):
        raise Failure(f"{found.path} is rounded to 8 bits already")
    folder.write(output, {**found.config, "rounded": INT8}, rounded(found.tensors), files(found, ROUNDED), force)


def write_ctranslate2(found: folder.Folder, output: Path, quantization: str = "", force: bool = False) -> None:
    """As a folder that CTranslate2 opens, with what `seq translate` needs beside."""
    import json

    from seqcli.models.neural.build import recipe_of
    from seqcli.models.neural.codecs import Codecs

    recipe, codecs = recipe_of(found), Codecs.load(found)
    tensors = quantised(found.tensors, quantization)
    made = converted(tensors, recipe, codecs)
    theirs = json.loads(made.pop(folder.CONFIG))
    config = {**found.config, "seqcli": __version__, "engine": ctranslate2.NAME, **theirs}
    kind = INT8 if is_rounded(tensors) else FLOAT32
    card = EXPORTED.format(kind=kind, name=output.name, end=theirs["eos_token"])
    folder.write(output, config, {}, {**files(found, card), **made}, force)


def quantised(tensors: Mapping[str, AnyArray], quantization: str) -> Mapping[str, AnyArray]:
    """The tensors as numbers of a kind; "" leaves them."""
    if not quantization:
        return tensors
    return rounded(tensors) if quantization == INT8 else whole(tensors)


def files(found: folder.Folder, card: str) -> dict[str, str | bytes]:
    """What stands beside the weights, and the card with a paragraph more."""
    names = sorted(path.name for path in found.path.iterdir() if path.is_file() and path.name not in LEFT)
    told = found.text(folder.CARD) if (found.path / folder.CARD).is_file() else f"# {found.path.name}\n"
    return {**{name: found.data(name) for name in names}, folder.CARD: told.rstrip("\n") + "\n" + card}
