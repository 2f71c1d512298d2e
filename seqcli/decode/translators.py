"""Several translators as one: see `ensemble`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from seqcli.decode.ensemble import Ensemble
from seqcli.decode.stepper import State
from seqcli.errors import UsageFailure

if TYPE_CHECKING:
    from seqcli.models.neural.translation import Translator


class Translators(Ensemble):
    """Translators whose targets have the same tokens; each reads the source in its own way.

    Raises:
        UsageFailure: their vocabularies differ.
    """

    context: int | None = None

    def __init__(self, models: Sequence[Translator]) -> None:
        super().__init__(models)
        self.first = models[0]
        self.defaults = self.first.defaults
        self.translators = list(models)
        self.longest = min(model.longest for model in models)
        for number, model in enumerate(models[1:], 2):
            if model.size != self.size or model.spell(range(self.size)) != self.first.spell(range(self.size)):
                raise UsageFailure(f"model {number} does not write the same tokens as the first", hint="train both with one tokenizer")

    def prepare(self, lines: Sequence[str]) -> list[Any]:
        """What `start` takes: what each model makes of a line."""
        return list(zip(*(model.prepare(lines) for model in self.translators), strict=True))

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """Texts as the ids that the models would write."""
        return self.first.targets(texts)

    def text(self, ids: Sequence[int]) -> str:
        """What was written, as text."""
        return self.first.text(ids)

    def spell(self, ids: Sequence[int]) -> list[str]:
        """What was written, token by token."""
        return self.first.spell(ids)

    def attention(self, state: State) -> tuple[Tensor, Tensor]:
        """Where the first model looked: the others may cut the source in another way."""
        return self.first.attention(state[0])
