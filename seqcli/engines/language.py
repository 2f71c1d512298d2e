"""GPT by CTranslate2: it goes on with prompts as `seqcli.models.neural.language` does, several times faster on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqcli.data import folder
from seqcli.engines.conversion import converted_language
from seqcli.engines.searcher import KINDS, Batch, Searcher, opened
from seqcli.models.neural.rounding import rounded
from seqcli.text.codec import Codec

if TYPE_CHECKING:
    from ctranslate2 import AsyncGenerationResult, Generator

    from seqcli.models.neural.settings import Transformer


class LanguageEngine(Searcher):
    """A language model that searches by itself: what `seq beam` asks of a generator, but no steps."""

    def __init__(self, codec: Codec, recipe: Transformer, model: Generator) -> None:
        super().__init__(codec, model, model.num_generators)
        self.context = recipe.window

    @classmethod
    def load(cls, found: folder.Folder, workers: int = 1, int8: bool = False) -> LanguageEngine:
        """From a model folder of ours, converted in memory; with `int8` it multiplies whole numbers.

        Raises:
            Failure: the tensors do not fit the configuration, or CTranslate2 cannot run such a model.
        """
        from seqcli.models.neural.build import recipe_of

        codec, recipe = Codec.load(found), recipe_of(found)
        tensors = rounded(found.tensors) if int8 else found.tensors
        files = converted_language(tensors, recipe, codec)
        return cls(codec, recipe, opened(found, workers, KINDS[int8], files, "Generator"))

    @property
    def record(self) -> str:
        """What a text is: a line or a paragraph."""
        return self.codec.record

    def prepare(self, lines: Sequence[str]) -> list[list[int]]:
        """Prompts as ids."""
        return self.codec.encode(lines)

    def batches(self, sources: Sequence[Sequence[int]], limits: Sequence[int], size: int) -> list[Batch]:
        """See `Searcher`."""
        return alike(sources, limits, size)

    def asked(self, sources: Sequence[Sequence[int]], beam: int, alpha: float, limit: int) -> list[AsyncGenerationResult]:
        """See `Searcher`. The end stands before every text; scores are those of what follows the prompt."""
        pieces = self.pieces
        found: list[AsyncGenerationResult] = self.model.generate_batch(
            [[pieces[token] for token in (self.end, *prompt)] for prompt in sources], asynchronous=True,
            beam_size=beam, num_hypotheses=beam, length_penalty=alpha, max_length=limit,
            min_length=0, include_prompt_in_result=False, return_end_token=True, return_scores=True,
        )  # fmt: skip
        return found

    def written(self, result: Any) -> list[list[int]]:
        """See `Searcher`."""
        found: list[list[int]] = result.sequences_ids
        return found


def alike(prompts: Sequence[Sequence[int]], limits: Sequence[int], size: int) -> list[Batch]:
    """Batches of at most so many prompts, all of one length: what is longer than its neighbours CTranslate2 takes for written.

    >>> alike([[1], [2, 2], [3], [], [4]], [8, 8, 8, 8, 8], 2)
    [([0, 2], 8), ([4], 8), ([1], 8), ([3], 8)]
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (prompt, limit) in enumerate(zip(prompts, limits, strict=True)):
        groups.setdefault((len(prompt), limit), []).append(i)
    return [(group[i : i + size], limit) for (_, limit), group in groups.items() for i in range(0, len(group), size)]
