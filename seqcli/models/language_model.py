"""What every language model is: texts as ids in, a log-probability for each token and for the end of each text out.

A language-model module (`ngram`, …) has three names that the rest of the program asks for: `Recipe`, its hyper-parameters, those of
`seqcli.text.codec.Settings` among them; `train`; and `load(folder)`, the reverse of `config()`, `tensors()` and `files()`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from seqcli.data.examples import AnyArray, FloatArray
from seqcli.errors import Failure, UsageFailure
from seqcli.text.codec import LEARNED, Codec, Settings
from seqcli.text.subword.open import open_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

Report = Callable[[str], None]
Ids = Sequence[int]
SUBWORDS = 8000  # pieces of bpe and unigram, unless the settings say how many


class LanguageModel(ABC):
    """P(text) over the V tokens of a codec. It is a `Stepper`: search needs nothing else."""

    codec: Codec

    @property
    def size(self) -> int:
        """V."""
        return self.codec.size

    @property
    def end(self) -> int:
        """The token that ends a text and stands before it."""
        return self.codec.end

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its continuation; None: as many as you like."""
        return None

    @property
    def record(self) -> str:
        """What a text is: a line or a paragraph."""
        return self.codec.record

    def prepare(self, lines: Sequence[str]) -> list[list[int]]:
        """Prompts as `start` takes them."""
        return self.codec.encode(lines)

    def text(self, ids: Ids) -> str:
        """What tokens say."""
        return self.codec.decode(ids)

    def spell(self, ids: Ids) -> list[str]:
        """Tokens as the vocabulary spells them."""
        return self.codec.spell(ids)

    @abstractmethod
    def log_probs(self, texts: Sequence[Ids]) -> list[FloatArray]:
        """The natural logarithm of the probability of each token given those before it, then of the end: (n + 1,) a text."""

    def follow(self, texts: Sequence[Ids], state: Any = None) -> tuple[list[FloatArray], Any]:
        """The same where each text goes on after the one before it; the state is for the texts that come next.

        A model that begins every text anew has no such state.
        """
        return self.log_probs(texts), state

    @abstractmethod
    def start(self, batch: Sequence[Ids]) -> tuple[Tensor, Any]:
        """The last token of each of N prompts, (N,), and the state after those before it; `end` is the last token of an empty one."""

    @abstractmethod
    def step(self, last: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The log-probabilities (N, V) of what comes after the last tokens (N,), and the state after these."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `load` needs beside the tensors, as JSON values; under `codec` that of the codec."""

    @abstractmethod
    def tensors(self) -> Mapping[str, AnyArray]:
        """The parameters by name."""

    def files(self) -> dict[str, str]:
        """Further files of the model folder: name to text."""
        return self.codec.files()


def learn_codec(files: Sequence[str], settings: Settings, report: Report) -> Codec:
    """The units that the settings name, learned from the text or opened.

    Raises:
        UsageFailure: settings that cannot be.
        Failure: nothing to learn from, a file that cannot be read, or no such tokenizer.
    """
    settings.check_units()
    if "-" in files:
        raise UsageFailure("standard input cannot be read twice, for units and for the model", hint="name a file")
    if settings.units in ("char", "word"):
        codec = Codec.count(files, settings)
    elif settings.units in LEARNED:
        codec = Codec.of_tokenizer(learn_tokenizer(files, settings, report), settings.record)
    else:
        try:
            codec = Codec.of_tokenizer(open_tokenizer(settings.units), settings.record)
        except Failure as failure:
            raise Failure(f"units={settings.units}: {failure}", hint=f"or one of {', '.join(LEARNED)}") from None
    report(f"{len(codec.pieces):,} {settings.units if settings.units in LEARNED else 'tokenizer'} pieces")
    return codec


def learn_tokenizer(files: Sequence[str], settings: Settings, report: Report) -> Any:
    """A tokenizer of subwords, without special tokens; bytes stand in for characters that it lacks."""
    from seqcli.text.subword.library import Library

    trainer = importlib.import_module(f"seqcli.models.{settings.units}")
    known = {each.name for each in fields(trainer.Recipe)}
    chosen: dict[str, Any] = {
        "vocab_size": settings.vocab_size or SUBWORDS,
        "normalization": ("lowercase",) if settings.lowercase else (),
        "special_tokens": (),
        "min_frequency": max(2, settings.min_count),
    }
    recipe = trainer.Recipe(**{name: value for name, value in chosen.items() if name in known})
    return Library.of(trainer.train(files, recipe, report).tokenizer, settings.units)
