"""Which models there are, and how one is loaded. Modules are imported when they are named, not before."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from seqcli.data import folder
from seqcli.errors import Failure, UsageFailure, nearest

if TYPE_CHECKING:
    from seqcli.models.language_model import LanguageModel
    from seqcli.models.tagger import Tagger

TAGGERS = ("rules", "hmm", "crf")
TOKENIZERS = ("bpe", "byte-bpe", "unigram", "wordpiece", "char", "word")
NEURAL = ("average", "rnn", "gru", "lstm", "bilstm-crf", "bert", "gpt")  # their heads say what they are
RECOGNISER = "languages"  # what tells languages apart: the model, its task and its shipped name
TRANSLATORS = ("seq2seq", "transformer")
VECTORS = ("skipgram", "cbow", "fasttext", "glove", "onehot")
RESUMABLE = (*VECTORS, *NEURAL, *TRANSLATORS)  # keep their state while they train
MODELS = (*TAGGERS, "ngram", *NEURAL, *TRANSLATORS, "clusters", RECOGNISER, *TOKENIZERS, *VECTORS)
OTHERS = ("marian",)  # of other programs: they are read, not trained
TAGGING, CLASSIFICATION, LANGUAGE = "tagging", "classification", "language modelling"  # tasks, as config.json has them
TRANSLATION = "translation"
ENCODING = folder.OTHERS["bert"]  # of encoders that are to be taught
WRITING = (LANGUAGE, TRANSLATION)
VERBS = {  # what else a model is for
    TAGGING: "seq tag",
    CLASSIFICATION: "seq tag",
    LANGUAGE: "seq beam, seq score -m",
    "vectors": "seq embed",
    "tokenization": "seq tokenize",
    RECOGNISER: "seq tag -m auto",
    TRANSLATION: "seq translate",
    ENCODING: "seq train bert --set pretrained=FOLDER",
}


def module(name: str) -> ModuleType:
    """The module of a model.

    Raises:
        UsageFailure: there is no such model; names the nearest.
    """
    return imported(named(name))


def imported(kind: str) -> ModuleType:
    """The module of a model that there is."""
    return importlib.import_module(f"seqcli.models.{kind.replace('-', '_')}")


def named(name: str) -> str:
    """The name of a model, which may be written with an underscore for the hyphen.

    >>> named("byte_bpe")
    'byte-bpe'
    """
    found = name.replace("_", "-")
    if found not in MODELS:
        raise UsageFailure(f"no model is called {name!r}", hint=nearest(name, MODELS))
    return found


def load(found: folder.Folder, task: str) -> Any:
    """The model in a folder.

    Raises:
        Failure: it is for another task, or its tensors do not fit its configuration.
    """
    kind, other = found.config["model"], found.config["task"]
    if other != task or kind not in (*MODELS, *OTHERS):
        verb = VERBS.get(other)
        raise Failure(f"{found.path} holds a model for {other} ({kind}), not for {task}", hint=f"{verb} uses it" if verb else "")
    try:
        return imported(kind).load(found)
    except Failure as failure:
        if str(found.path) in failure.message:  # it says where already
            raise
        raise Failure(f"model folder {found.path}: {failure}") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Failure(f"model folder {found.path} does not fit together: {error!r}", hint="train it again") from error


def load_tagger(found: folder.Folder) -> Tagger:
    """The tagger in a model folder; see `load`."""
    return cast("Tagger", load(found, TAGGING))


def load_language(found: folder.Folder) -> LanguageModel:
    """The language model in a model folder; see `load`."""
    return cast("LanguageModel", load(found, LANGUAGE))


def load_generator(found: folder.Folder) -> Any:
    """The model in a folder that writes texts: a language model or a translator; see `load` and `seqcli.decode.generate.Generator`."""
    return load(found, found.config["task"] if found.config["task"] in WRITING else LANGUAGE)


def open_labeller(model: str) -> tuple[folder.Folder, Any]:
    """Find, read and load the tagger or classifier that `-m MODEL` means."""
    found = folder.read(Path(folder.find(model)))
    return found, load(found, CLASSIFICATION if found.config["task"] == CLASSIFICATION else TAGGING)


def open_tagger(model: str) -> tuple[folder.Folder, Tagger]:
    """Find, read and load what `-m MODEL` means."""
    found = folder.read(Path(folder.find(model)))
    return found, load_tagger(found)
