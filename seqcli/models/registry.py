"""Which models there are, and how one is loaded. Modules are imported when they are named, not before."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from seqcli.data import folder
from seqcli.errors import Failure, UsageFailure, nearest

if TYPE_CHECKING:
    from seqcli.models.tagger import Tagger

TAGGERS = ("rules", "hmm", "crf")
TOKENIZERS = ("bpe", "byte-bpe", "unigram", "wordpiece", "char", "word")
VECTORS = ("skipgram", "cbow", "fasttext", "glove", "onehot")
RESUMABLE = VECTORS  # keep their state while they train
MODELS = (*TAGGERS, "clusters", *TOKENIZERS, *VECTORS)


def module(name: str) -> ModuleType:
    """The module of a model.

    Raises:
        UsageFailure: there is no such model; names the nearest.
    """
    return importlib.import_module(f"seqcli.models.{named(name).replace('-', '_')}")


def named(name: str) -> str:
    """The name of a model, which may be written with an underscore for the hyphen.

    >>> named("byte_bpe")
    'byte-bpe'
    """
    found = name.replace("_", "-")
    if found not in MODELS:
        raise UsageFailure(f"no model is called {name!r}", hint=nearest(name, MODELS))
    return found


def load_tagger(found: folder.Folder) -> Tagger:
    """The tagger in a model folder.

    Raises:
        Failure: it holds another kind of model, or tensors that do not fit its configuration.
    """
    kind = found.config["model"]
    if kind not in TAGGERS:
        raise Failure(f"{found.path} holds {kind!r}, not a tagger", hint=f"taggers: {', '.join(TAGGERS)}")
    try:
        return cast("Tagger", module(kind).load(found))
    except Failure as failure:
        if str(found.path) in failure.message:  # it says where already
            raise
        raise Failure(f"model folder {found.path}: {failure}") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Failure(f"model folder {found.path} does not fit together: {error!r}", hint="train it again") from error


def open_tagger(model: str) -> tuple[folder.Folder, Tagger]:
    """Find, read and load what `-m MODEL` means."""
    found = folder.read(Path(folder.find(model)))
    return found, load_tagger(found)
