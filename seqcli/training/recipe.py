"""Recipes: a run as data. A TOML file names the model, its data and its hyper-parameters; `--set key=value` goes on top.

    model = "crf"
    train = ["$SEQ_DATA/ud/en_ewt/train.conllu.gz"]
    dev = "$SEQ_DATA/ud/en_ewt/dev.conllu.gz"

    [settings]
    epochs = 12

Every model module has a `Recipe`, a frozen dataclass of its hyper-parameters with their defaults and types. An unknown key, or a
value of the wrong type, is refused with the nearest known one.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from seqcli.errors import UsageFailure, nearest

RECIPES = Path(__file__).parent.parent / "recipes"
POSITIVE = (
    "batch",
    "epochs",
    "gold",
    "classes",
    "levels",
    "coarser",
    "vocab_size",
    "max_piece_length",
)  # cannot be 0; none is negative
FILES, FILE = ("train", "silver", "src", "tgt"), ("dev", "test", "dev_src", "dev_tgt", "test_src", "test_tgt")  # keys of paths
LIMIT = 1 << 63  # what a seed can be
NAMES = {str: "a string", list: "a list", dict: "a table"}
R = TypeVar("R")


@dataclass(frozen=True)
class Run:
    """What a recipe file says of a run."""

    model: str
    train: tuple[str, ...] = ()
    silver: tuple[str, ...] = ()  # crf: texts that a better tagger has tagged, for the tags alone
    dev: str = ""
    test: str = ""  # measured once, when all is done
    src: tuple[str, ...] = ()  # of translators: files of sources …
    tgt: tuple[str, ...] = ()  # … and of their translations, line by line
    dev_src: str = ""
    dev_tgt: str = ""
    test_src: str = ""
    test_tgt: str = ""
    column: str = "upos"
    language: str = "en"
    segmenter: str = ""  # learned: the model learns from its treebank how raw text is cut; unspaced: of a script without blanks
    licence: str = ""
    data: str = ""  # where the data come from, for the model's card
    limits: str = ""  # what the model is not good at, for the card
    labels: Mapping[str, str] = field(default_factory=dict)  # tags, or types of spans, of the data: their names here
    unlabelled: Mapping[str, Sequence[str]] = field(default_factory=dict)  # training files: words whose tags there say nothing
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Run:
        """Raises UsageFailure: not TOML, an unknown key, no model named."""
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageFailure(f"{path}: not a TOML recipe: {error}") from None
        known = [each.name for each in fields(cls)]
        for key in found:
            if key not in known:
                raise UsageFailure(f"{path}: unknown key {key!r}", hint=nearest(key, known))
        if not isinstance(found.get("model"), str):
            raise UsageFailure(f"{path}: no model is named", hint='model = "crf"')
        kinds = {**dict.fromkeys(FILES, list), "settings": dict, "labels": dict, "unlabelled": dict}
        for key, value in found.items():
            if not isinstance(value, kinds.get(key, str)):
                raise UsageFailure(f"{path}: {key} = {value!r}: expected {NAMES[kinds.get(key, str)]}")
        for key in FILES:
            if not all(isinstance(name, str) for name in found.get(key, ())):
                raise UsageFailure(f"{path}: {key}: expected a list of file names")
            found[key] = tuple(expand(name) for name in found.get(key, ()))
        check_tables(found.get("labels", {}), found.get("unlabelled", {}), path)
        found["unlabelled"] = {expand(name): words for name, words in found.get("unlabelled", {}).items()}
        for name in FILE:
            found[name] = expand(found.get(name, ""))
        return cls(**found)

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the training data."""
        return (*self.train, *self.silver, *self.src, *self.tgt)

    def sides(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """The sources and the targets of each part of the data.

        Raises:
            UsageFailure: one without the other.
        """
        found = {"train": (self.src, self.tgt)}
        for name, one, other in (("dev", self.dev_src, self.dev_tgt), ("test", self.test_src, self.test_tgt)):
            if bool(one) != bool(other):
                raise UsageFailure(f"--{name}-{'src' if one else 'tgt'} without --{name}-{'tgt' if one else 'src'}")
            if one:
                found[name] = ((one,), (other,))
        return found


def check_tables(labels: Mapping[str, Any], unlabelled: Mapping[str, Any], path: Path) -> None:
    """Raise UsageFailure for labels that are no names, or for unlabelled words that are no list."""
    if not all(isinstance(name, str) and name for name in labels.values()):
        raise UsageFailure(f'{path}: labels: expected names, as in person = "PER"')
    for name, words in unlabelled.items():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UsageFailure(f"{path}: unlabelled: {name}: expected a list of words")


def expand(name: str) -> str:
    """`$SEQ_DATA` in a recipe's paths, which stands for `../shared/data` where it is not set."""
    return os.path.expandvars(name.replace("$SEQ_DATA", os.environ.get("SEQ_DATA", "../shared/data")))


def find(name: str) -> Path | None:
    """The recipe file that a name means: a path, or a recipe of the package, with or without `.toml`; None if it means a model.

    Raises:
        UsageFailure: a `.toml` that is not there; names the nearest.
    """
    if name.endswith(".toml") and Path(name).is_file():
        return Path(name)
    shipped = RECIPES / f"{name.removesuffix('.toml')}.toml"
    if shipped.is_file():
        return shipped
    if name.endswith(".toml"):
        raise UsageFailure(f"no recipe {name}: neither a file nor a recipe of the package", hint=nearest(name, shipped_recipes()))
    return None


def shipped_recipes() -> list[str]:
    """The recipes of the package."""
    return sorted(path.name for path in RECIPES.glob("*.toml"))


def apply(recipe: R, settings: Mapping[str, Any], where: str) -> R:
    """A recipe with some of its values replaced.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Recipe:
    ...     epochs: int = 3
    >>> apply(Recipe(), {"epochs": "5"}, "--set")
    Recipe(epochs=5)

    Raises:
        UsageFailure: an unknown key, or a value that is not of the field's type or out of its range.
    """
    known = {each.name: type(getattr(recipe, each.name)) for each in fields(cast(Any, recipe))}
    values: dict[str, Any] = {}
    for key, value in settings.items():
        name = key.removeprefix("model.")
        if name not in known:
            raise UsageFailure(f"{where}: unknown key {key!r}", hint=nearest(name, known))
        if known[name] is tuple:
            values[name] = strings(value, f"{where} {key}")
            continue
        values[name] = convert(expand(value) if isinstance(value, str) else value, known[name], f"{where} {key}")
    return cast(R, replace(cast(Any, recipe), **values))


def convert(value: Any, kind: type, where: str) -> Any:
    """A value of TOML or of the command line as the field's type."""
    switches = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        if kind is bool:
            return switches[str(value).lower()]
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        found = kind(value)
    except (ValueError, KeyError, TypeError):
        raise UsageFailure(f"{where}={value}: expected {kind.__name__}") from None
    least = int(where.rpartition(" ")[2] in POSITIVE)
    if kind in (int, float) and not least <= found < LIMIT:  # NaN is not either
        raise UsageFailure(f"{where}={value}: expected a number from {least}" + f" to {LIMIT - 1}" * (found >= LIMIT))
    return found


def strings(value: Any, where: str) -> tuple[str, ...]:
    """A list of strings: TOML's or JSON's, or what commas separate.

    >>> strings("nfkc,lowercase", "--set normalization"), strings('["a,b"]', "--set symbols"), strings("", "--set symbols")
    (('nfkc', 'lowercase'), ('a,b',), ())
    """
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value) if value.startswith("[") else None
        except ValueError:  # special tokens may begin with a bracket: [CLS],[SEP]
            found = None
        found = [part.strip() for part in value.split(",") if part.strip()] if found is None else found
    if not isinstance(found, list | tuple) or not all(isinstance(part, str) for part in found):
        raise UsageFailure(f"{where}={value}: expected strings with commas between")
    return tuple(found)


def pairs(settings: Sequence[str]) -> dict[str, str]:
    """`key=value` words as a mapping.

    Raises:
        UsageFailure: a word without `=`.
    """
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UsageFailure(f"--set {setting}: expected key=value")
        found[key.strip()] = value.strip()
    return found
