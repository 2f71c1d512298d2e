"""A training on the disk: one file that is there whole or not at all, so that a training can be cut off at any moment and go on.

`checkpoint.safetensors` holds the tensors (weights, the optimiser's memory, averages, carried state, random numbers' state) and, in
its header, what is not a tensor, as JSON. It is written beside its place, flushed to the disk and renamed: a power cut or a full disk
leaves the last good one.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seqcli.errors import Failure

NAME = "checkpoint.safetensors"
VERSION = 1


@dataclass
class Checkpoint:
    """All that a training needs to go on."""

    tensors: dict[str, Tensor]  # kind/name
    state: dict[str, Any]  # JSON's values
    made_by: dict[str, dict[str, Any]]  # the settings and what the model is: a training with others does not go on from here

    def part(self, kind: str) -> dict[str, Tensor]:
        """The tensors of one kind, without it in their names."""
        return {name.removeprefix(f"{kind}/"): tensor for name, tensor in self.tensors.items() if name.startswith(f"{kind}/")}


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a folder in the place of the one before.

    Raises:
        OSError: the disk cannot take it; the one before stays.
    """
    metadata = {"version": VERSION, "state": checkpoint.state, "made_by": checkpoint.made_by}
    beside = folder / f".{NAME}"
    try:
        save_file({name: alone(tensor) for name, tensor in checkpoint.tensors.items()}, beside, {"training": json.dumps(metadata)})
        flush(beside)
        os.replace(beside, folder / NAME)
        flush(folder)
    except (OSError, SafetensorError) as error:
        beside.unlink(missing_ok=True)
        raise OSError(getattr(error, "errno", None), getattr(error, "strerror", None) or str(error)) from None


def alone(tensor: Tensor) -> Tensor:
    """A tensor on the CPU that shares its memory with no other, as the file's format wants it."""
    found = tensor.detach().cpu().contiguous()
    return found.clone() if found.untyped_storage().nbytes() != found.nbytes else found


def flush(path: Path) -> None:
    """Wait until the disk has a file, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(folder: Path) -> Checkpoint | None:
    """The checkpoint of a folder; None where there is none yet.

    Raises:
        Failure: it is broken, or of another version of this program.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["training"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise Failure(f"{path} is broken: {error}", hint="train without --resume") from None
    if metadata["version"] != VERSION:
        raise Failure(f"{path} was written by another version of seq", hint="train without --resume")
    return Checkpoint(tensors, metadata["state"], metadata["made_by"])


def clear(folder: Path) -> None:
    """Make a folder, or make room in it, for a new training.

    Raises:
        Failure: the disk does not let it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAME).unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"cannot keep the training in {folder}: {error.strerror or error}") from None


def random_state() -> dict[str, Tensor]:
    """Where the random numbers of torch, numpy and Python stand."""
    words = random.getstate()
    _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002  (a task may draw from it)
    found = {
        "torch": torch.get_rng_state(),
        "numpy": torch.tensor([*np.asarray(keys).tolist(), int(position), int(has_gauss)], dtype=torch.int64),
        "numpy.gauss": torch.tensor(gauss, dtype=torch.float64),
        "python": torch.tensor(words[1], dtype=torch.int64),
        "python.gauss": torch.tensor(float("nan") if words[2] is None else words[2], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state()
    return found


def set_random_state(found: Mapping[str, Tensor]) -> None:
    """Go on with the random numbers from where `random_state` stood."""
    torch.set_rng_state(found["torch"])
    *keys, position, has_gauss = found["numpy"].tolist()
    state = ("MT19937", np.array(keys, dtype=np.uint32), position, has_gauss, found["numpy.gauss"].item())
    np.random.set_state(state)  # noqa: NPY002
    gauss = found["python.gauss"].item()
    random.setstate((3, tuple(found["python"].tolist()), None if gauss != gauss else gauss))  # noqa: PLR0124  (NaN)
    if "cuda" in found:
        torch.cuda.set_rng_state(found["cuda"])


def seed_all(seed: int) -> None:
    """Begin the random numbers of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % (1 << 32))  # noqa: NPY002
    random.seed(seed)
