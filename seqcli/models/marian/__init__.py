"""Marian (Junczys-Dowmunt et al. 2018): translators of others, such as OPUS-MT's, in folders of Hugging Face's layout.

The network is our Transformer: normalised after each branch, sines before cosines. `load` reads such a folder as it is, or as
`import_folder` has written it in our layout.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.data import folder
from seqcli.errors import Failure
from seqcli.models.neural.build import recipe_of
from seqcli.models.neural.settings import EncoderDecoder

if TYPE_CHECKING:
    from seqcli.models.neural.marian import Marian

CARD = """# {name}

A translator: Marian, a Transformer of {kind}, {vocabulary} tokens, from the Hugging Face folder `{folder}`.

## Licence

That of `{folder}`.

## Use

`seq translate`, `seq beam` and `seq score -m` take this folder.
"""


@dataclass(frozen=True)
class Recipe(EncoderDecoder):
    """Hyper-parameters of a Marian model."""


def load(found: folder.Folder) -> Marian:
    """The translator in a folder, Hugging Face's or ours.

    Raises:
        Failure: a file is missing or broken, the tensors do not fit the configuration, or the model is one that does not run here.
    """
    from seqcli.models.neural.marian import Marian

    found = ours(found) if "others" in found.parameters else found
    return Marian.load(found, recipe_of(found))


def ours(found: folder.Folder) -> folder.Folder:
    """A Hugging Face folder as one of ours would be read.

    Raises:
        Failure: see `load`.
    """
    from seqcli.models.marian.checkpoint import Config, Writing, renamed

    config = Config.of(found)
    parameters = {
        "head": "translation",
        "codec": {"size": config.target_size, "end": config.eos_token_id},
        "source": {"size": config.vocab_size, "end": None},
        "writing": Writing.of(found, config).config(),
    }
    said = {name: value for name, value in found.config.items() if name != "parameters"}
    said |= {"recipe": config.recipe(), "parameters": parameters}
    return replace(found, config=said, tensors=renamed(found.tensors, config))


def import_folder(path: Path, output: Path, force: bool = False) -> None:
    """Write a Hugging Face folder as a model folder of ours.

    Raises:
        Failure: see `load`; it is of ours already, or the folder may not be written.
    """
    folder.check_free(output, force)
    found = folder.read(path)
    if "others" not in found.parameters:
        raise Failure(f"{path} is a model folder of ours already", hint="nothing to import")
    model = load(found)
    config = {"model": found.config["model"], "task": found.config["task"], "version": 1}
    config |= {"licence": f"that of {path.name}", "scores": {}, "trained_on": {"folder": path.name}}
    config |= {"recipe": asdict(model.recipe), "parameters": model.config()}
    folder.write(output, config, model.tensors(), {folder.CARD: card(found, output.name), **model.files()}, force)


def card(found: folder.Folder, name: str = "") -> str:
    """What a Hugging Face folder holds, in words; its weights need not be read."""
    said = found.parameters["others"]
    kind = f"{said.get('encoder_layers', '?')} + {said.get('decoder_layers', '?')} layers of {said.get('d_model', '?')}"
    return CARD.format(name=name or found.path.name, kind=kind, vocabulary=said.get("vocab_size", "?"), folder=found.path.name)
