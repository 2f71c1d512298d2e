"""A model is a folder: `config.json`, `model.safetensors`, `README.md`, and what else its kind needs. Never pickle.

It appears whole or not at all: written beside its place, flushed to the disk, renamed.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli.errors import Failure, nearest

if TYPE_CHECKING:
    from seqcli.data.examples import AnyArray

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
PICKLED = "pytorch_model.bin"  # weights in older folders of others: read as numbers alone
OTHERS = {"marian": "translation", "bert": "encoding"}  # kinds of Hugging Face folders that are read here → what they are for
MANY = 6  # tensors that an error names
PRETRAINED = Path(__file__).parent.parent / "pretrained"


@dataclass(frozen=True)
class Folder:
    """A model folder as read."""

    path: Path
    config: dict[str, Any]
    tensors: dict[str, AnyArray]

    @property
    def parameters(self) -> dict[str, Any]:
        """What the model's own `load` needs."""
        found: dict[str, Any] = self.config["parameters"]
        return found

    def text(self, name: str) -> str:
        """A text file of the folder."""
        try:
            return self.data(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Failure(f"model folder {self.path}: {name} is not UTF-8 at byte {error.start + 1}") from None

    def data(self, name: str) -> bytes:
        """A file of the folder."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise Failure(f"model folder {self.path}: cannot read {name}: {error.strerror}") from None


def shipped() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(entry.parent.name for entry in PRETRAINED.glob(f"*/{CONFIG}"))


def find(model: str) -> Path:
    """The folder that `-m MODEL` means: a path, or a shipped name.

    Raises:
        Failure: neither; names the nearest shipped model.
    """
    path = Path(model)
    if path.is_dir():
        return path
    if (PRETRAINED / model / CONFIG).is_file():
        return PRETRAINED / model
    if path.exists():
        raise Failure(f"{model} is a file, not a model folder", hint="train one: seq train --list")
    raise Failure(f"no model {model!r}: neither a folder nor a shipped model", hint=nearest(model, shipped()))


def read_config(path: Path) -> dict[str, Any]:
    """The configuration alone; that of a Hugging Face folder stands among its parameters, under `others`.

    Raises:
        Failure: missing, not JSON, without the keys that every model has, or of a model of others that is not read here.
    """
    try:
        config = json.loads((path / CONFIG).read_bytes())
    except FileNotFoundError:
        raise Failure(f"{path} is not a model folder: {CONFIG} is missing") from None
    except (ValueError, RecursionError, OSError) as error:
        raise Failure(f"model folder {path}: {CONFIG} is broken: {error}") from None
    if isinstance(config, dict) and "model" not in config and isinstance(config.get("model_type"), str):
        return adopted(path, config)
    if not isinstance(config, dict) or not {"model", "task", "parameters"} <= config.keys():
        raise Failure(f"model folder {path}: {CONFIG} lacks model, task or parameters", hint="was it written by seq train?")
    return config


def adopted(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a Hugging Face folder as one of ours.

    Raises:
        Failure: a model that is not read here.
    """
    kind = config["model_type"]
    if kind not in OTHERS:
        raise Failure(f"{path} is a Hugging Face folder of a {kind} model", hint=f"of these are read: {', '.join(OTHERS)}")
    return {"model": kind, "task": OTHERS[kind], "licence": "not stated", "parameters": {"others": config}}


def read(path: Path) -> Folder:
    """A model folder with its tensors.

    Raises:
        Failure: a file is missing, truncated or not what it should be; says which.
    """
    from safetensors import SafetensorError, safe_open

    config = read_config(path)
    weights = path / WEIGHTS
    if not weights.is_file() and "others" in config["parameters"] and (path / PICKLED).is_file():
        return Folder(path, config, unpickled(path))
    if not weights.is_file():
        raise Failure(f"model folder {path}: {WEIGHTS} is missing")
    try:
        with safe_open(weights, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise Failure(f"model folder {path}: {WEIGHTS} is truncated or not safetensors: {error}") from None
    except (AttributeError, TypeError) as error:  # bfloat16, 8-bit floats
        raise Failure(f"model folder {path}: {WEIGHTS} holds numbers of a kind that is not known here: {error}") from None
    return Folder(path, config, tensors)


def unpickled(path: Path) -> dict[str, AnyArray]:
    """The tensors that torch has pickled: no code in the file is run.

    Raises:
        Failure: it is cut short, or holds more than tensors.
    """
    import torch

    try:
        found = torch.load(path / PICKLED, map_location="cpu", weights_only=True)
        return {name: tensor.detach().float().numpy() for name, tensor in found.items()}
    except Exception as error:  # of many kinds: from zip, pickle and torch
        why = (str(error).splitlines() or [repr(error)])[0]
        raise Failure(f"model folder {path}: {PICKLED} is truncated or holds more than weights: {why}") from None


def take(tensors: Mapping[str, AnyArray], name: str, *shape: int | None) -> AnyArray:
    """A tensor of a given shape; None stands for any size.

    Raises:
        Failure: it is not there, or of another shape.
    """
    if name not in tensors:
        some = ", ".join(sorted(tensors)[:MANY]) + " …" * (len(tensors) > MANY)
        raise Failure(f"{WEIGHTS} lacks the tensor {name!r}", hint=f"it has: {some or 'none'}")
    found = tensors[name].shape
    if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise Failure(f"{WEIGHTS}: the tensor {name!r} has shape {list(found)}, expected [{wanted}]")
    return tensors[name]


def check_free(path: Path, force: bool) -> None:
    """Before the work: whether a model may be written there.

    Raises:
        Failure: the place is taken and `force` is not given, or what stands there is no model; or there is no such parent.
    """
    if not path.resolve().parent.is_dir():
        raise Failure(f"cannot write {path}: {path.parent} is not a folder")
    if not path.exists() and not path.is_symlink():
        return
    if not force:
        raise Failure(f"{path} exists", hint="choose another name, or pass --force to replace a model")
    if not (path / CONFIG).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise Failure(f"{path} exists and is not a model folder: --force will not replace it")


def write(
    path: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, AnyArray],
    files: Mapping[str, str | bytes],
    force: bool = False,
) -> None:
    """Write a model folder, whole or not at all; `files` are further ones by name.

    Raises:
        Failure: as `check_free`, or the disk cannot take it.
    """
    check_free(path, force)
    target = path.resolve()
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            write_file(beside / WEIGHTS, packed(tensors))
            write_file(beside / CONFIG, (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
            for name, content in files.items():
                write_file(beside / name, content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
            mask = os.umask(0)
            os.umask(mask)
            beside.chmod(0o777 & ~mask)
            put(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}") from None


def packed(tensors: Mapping[str, AnyArray]) -> bytes:
    """The content of the file of tensors; without any, numpy is not needed."""
    if not tensors:
        from safetensors import serialize

        return serialize({})
    import numpy as np
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})


def put(new: Path, target: Path) -> None:
    """Rename a folder to its place; what stood there goes, but not before."""
    if not target.exists():
        new.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    try:
        target.rename(old / target.name)
        try:
            new.rename(target)
        except BaseException:
            (old / target.name).rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write_file(path: Path, data: bytes) -> None:
    """Write and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
