"""CTranslate2: Transformers on a CPU, in floating numbers or rounded to 8 bits.

`Engine` translates, `seqcli.engines.language` goes on with texts. What is asked of a search that they cannot is torch's: `undone` says
what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqcli.data import folder
from seqcli.data.examples import FloatArray
from seqcli.engines.conversion import converted, names
from seqcli.engines.searcher import KINDS, LINES, Batch, Searcher, opened
from seqcli.models.neural.codecs import Codecs, Sides
from seqcli.models.neural.rounding import rounded

if TYPE_CHECKING:
    from ctranslate2 import AsyncTranslationResult, Translator

    from seqcli.models.neural.settings import EncoderDecoder

NAME = "ctranslate2"
DONE = ("--beam", "--greedy", "--nbest", "--max-length", "--length-penalty")
ONLY = {"--normalize": "length", "--stop": "full"}  # options of which it has one choice


def undone(given: Mapping[str, Any]) -> str:
    """The first of the options of a search that this engine has not, or not in the same way; "" if it has all of them.

    What differs: CTranslate2 applies rules before the softmax, so that what is left becomes likelier; the tokens of a prefix are no
    part of its scores; it draws other random numbers; and of torch's rules of when to stop it knows `full` alone.

    >>> undone({"--beam": 4, "--greedy": False, "--constraint": []}), undone({"--normalize": "gnmt"}), undone({"--mbr": 8})
    ('', '--normalize gnmt', '--mbr')
    """
    for option, value in given.items():
        if value is None or value is False or value == []:
            continue
        if option in ONLY and value != ONLY[option]:
            return f"{option} {value}"
        if option not in DONE and option not in ONLY:
            return option
    return ""


class Engine(Sides, Searcher):
    """A translator that searches by itself: what `seqcli.tasks.translation` asks of a generator, but no steps."""

    defaults: ClassVar[dict[str, Any]] = {"stop": "full"}

    def __init__(self, codecs: Codecs, recipe: EncoderDecoder, model: Translator) -> None:
        super().__init__(codecs.target, model, model.num_translators)
        self.codecs, self.recipe = codecs, recipe

    @classmethod
    def load(cls, found: folder.Folder, workers: int = 1, int8: bool = False) -> Engine:
        """From a model folder of ours, converted in memory.

        With `int8` it multiplies whole numbers, to which matrices are rounded that are not yet. Else it multiplies floating numbers,
        whatever is stored: what whole ones give depends a little on what else is asked at once.

        Raises:
            Failure: the tensors do not fit the configuration, or CTranslate2 cannot run such a model.
        """
        from seqcli.models.neural.build import recipe_of

        codecs, recipe = Codecs.load(found), recipe_of(found)
        tensors = rounded(found.tensors) if int8 else found.tensors
        files = converted(tensors, recipe, codecs)
        return cls(codecs, recipe, opened(found, workers, KINDS[int8], files))

    @classmethod
    def open(cls, found: folder.Folder, workers: int = 1, int8: bool = False) -> Engine:
        """From a folder that `export` wrote.

        Raises:
            Failure: a file is missing or broken.
        """
        from seqcli.models.neural.build import recipe_of

        return cls(Codecs.load(found), recipe_of(found), opened(found, workers, "int8" if int8 else "default"))

    def batches(self, sources: Sequence[Sequence[int]], limits: Sequence[int], size: int) -> list[Batch]:
        """See `Searcher`: a batch has one limit, the largest of its sources."""
        parts = (range(start, min(start + size, len(sources))) for start in range(0, len(sources), size))
        return [(part, max(limits[i] for i in part)) for part in parts]

    def asked(self, sources: Sequence[Sequence[int]], beam: int, alpha: float, limit: int) -> list[AsyncTranslationResult]:
        """See `Searcher`."""
        spelled = self.source_names
        found: list[AsyncTranslationResult] = self.model.translate_batch(
            [[spelled[token] for token in source] for source in sources], asynchronous=True,
            beam_size=beam, num_hypotheses=beam, length_penalty=alpha, max_decoding_length=limit,
            min_decoding_length=0, max_input_length=0, return_end_token=True, return_scores=True,
        )  # fmt: skip
        return found

    def written(self, result: Any) -> list[list[int]]:
        """See `Searcher`."""
        return [[self.target_ids[token] for token in tokens] for tokens in result.hypotheses]

    def log_probs(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[FloatArray]:
        """As `Translator.log_probs`: log P of each token of the targets, and then of the end, (n + 1,) a target."""
        before, after = self.source_names, self.pieces
        rows = [[before[token] for token in source] for source in sources]
        wanted = [[after[token] for token in target] for target in targets]
        found = self.model.score_batch(rows, wanted, max_batch_size=LINES, max_input_length=0)
        return [np.array(each.log_probs, np.float32) for each in found]

    @cached_property
    def source_names(self) -> list[str]:
        """How CTranslate2 calls the tokens of sources."""
        return names(self.codecs.source)

    @cached_property
    def target_ids(self) -> dict[str, int]:
        """Tokens of targets by the names that CTranslate2 gives them."""
        return {name: token for token, name in enumerate(self.pieces)}
