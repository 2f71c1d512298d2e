"""Where a training keeps the corpus as numbers and, every so often, itself, so that it can be cut off at any moment and go on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.folder import write_file
from seqcli.errors import Failure
from seqcli.models.vectors.corpus import Corpus, read
from seqcli.models.vectors.settings import Text
from seqcli.models.vectors.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

CORPUS, NUMBERS, CHECKPOINT = "corpus.safetensors", "corpus.ids", "checkpoint.safetensors"
EVERY = 60.0  # seconds from one saving to the next


@dataclass
class Store:
    """A folder for one training."""

    path: Path
    settings: Mapping[str, Any]  # a training with others does not go on from here
    lasting: bool = True  # whether it outlives the training
    saved: float = field(default_factory=time.monotonic)

    def corpus(self, files: Sequence[str], text: Text, resume: bool) -> Corpus:
        """The corpus as it was read before if this goes on, else from its files.

        Raises:
            Failure: as `corpus.read`; or what is kept belongs to a training with other settings.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        numbers = self.path / NUMBERS
        if resume and (self.path / CORPUS).is_file():
            arrays, about = self.read(CORPUS)
            vocabulary = Vocabulary.unpacked(arrays["words"], arrays["counts"])
            return Corpus(numbers, vocabulary, int(about["words"]))
        for old in (CORPUS, CHECKPOINT):
            (self.path / old).unlink(missing_ok=True)
        found = read(files, numbers, text)
        self.write(CORPUS, {"words": found.vocabulary.packed(), "counts": found.vocabulary.counts}, {"words": found.words})
        return found

    def restore(self, tables: Sequence[Tensor]) -> int:
        """Put the tables back as they were saved; the round to go on with, 0 where nothing was."""
        import torch

        if not (self.path / CHECKPOINT).is_file():
            return 0
        arrays, about = self.read(CHECKPOINT)
        for number, table in enumerate(tables):
            table.copy_(torch.from_numpy(arrays[str(number)]))
        return int(about["round"])

    def save(self, tables: Sequence[Tensor], turn: int) -> None:
        """Save, if it is time."""
        if not self.lasting or time.monotonic() - self.saved < EVERY:
            return
        self.write(CHECKPOINT, {str(number): table.cpu().numpy() for number, table in enumerate(tables)}, {"round": turn})
        self.saved = time.monotonic()

    def write(self, name: str, arrays: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """A file that is there whole or not at all."""
        from safetensors.numpy import save

        metadata = {"settings": json.dumps(self.settings, sort_keys=True), "about": json.dumps(about)}
        beside = self.path / f".{name}"
        try:
            write_file(beside, save({key: np.ascontiguousarray(array) for key, array in arrays.items()}, metadata))
            os.replace(beside, self.path / name)
        except OSError as error:
            raise Failure(f"cannot save the training in {self.path}: {error.strerror or error}", hint="is the disk full?") from None

    def read(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What `write` wrote."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path / name, framework="np") as file:
                metadata = file.metadata() or {}
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
            settings, about = json.loads(metadata["settings"]), json.loads(metadata["about"])
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise Failure(f"{self.path / name} is broken: {error}", hint="train without --resume") from None
        for key, value in json.loads(json.dumps(self.settings)).items():
            if settings.get(key) != value:
                raise Failure(
                    f"the training in {self.path} has {key}={settings.get(key)}, not {value}", hint="the same settings, or no --resume"
                )
        return arrays, about
