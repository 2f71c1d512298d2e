"""CTranslate2: Transformers on a CPU, in floating numbers or rounded to 8 bits.

It searches by itself, several batches side by side, each on one thread, and finds what `seqcli.decode` finds where that stops as soon
as as many hypotheses have ended as the beam is wide (`full`). Whatever else is asked of a search is torch's: `undone` says what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqcli.data import folder
from seqcli.data.examples import FloatArray
from seqcli.decode.settings import Hypothesis
from seqcli.engines.conversion import converted, names
from seqcli.errors import Failure
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.rounding import is_rounded, rounded

if TYPE_CHECKING:
    from ctranslate2 import AsyncTranslationResult, Translator

    from seqcli.decode.generate import Plan
    from seqcli.decode.settings import Settings
    from seqcli.models.neural.settings import EncoderDecoder

NAME = "ctranslate2"
DONE = ("--beam", "--greedy", "--nbest", "--max-length", "--length-penalty")
ONLY = {"--normalize": "length", "--stop": "full"}  # options of which it has one choice
LINES, AHEAD = 32, 2  # sources of a batch at most; batches a worker that are running or waiting
PAUSE = 0.001  # seconds
NOTHING = 1e-30  # alpha where lengths do not matter: at 0 CTranslate2 ends its search by another rule
KINDS = ("float32", "int8")  # of numbers that it multiplies


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


class Engine:
    """A translator that searches by itself: what `seqcli.tasks.translation` asks of a generator, but no steps."""

    context: int | None = None
    defaults: ClassVar[dict[str, Any]] = {"stop": "full"}

    def __init__(self, codecs: Codecs, recipe: EncoderDecoder, model: Translator) -> None:
        self.codecs, self.recipe, self.model = codecs, recipe, model

    @classmethod
    def load(cls, found: folder.Folder, workers: int = 1, int8: bool = False) -> Engine:
        """From a model folder of ours, converted in memory; with `int8` its matrices are rounded, if they are not yet.

        Raises:
            Failure: the tensors do not fit the configuration, or CTranslate2 cannot run such a model.
        """
        from seqcli.models.neural.build import recipe_of

        codecs, recipe = Codecs.load(found), recipe_of(found)
        tensors = rounded(found.tensors) if int8 else found.tensors
        files = converted(tensors, recipe, codecs)
        return cls(codecs, recipe, opened(found, workers, KINDS[is_rounded(tensors)], files))

    @classmethod
    def open(cls, found: folder.Folder, workers: int = 1, int8: bool = False) -> Engine:
        """From a folder that `export` wrote.

        Raises:
            Failure: a file is missing or broken.
        """
        from seqcli.models.neural.build import recipe_of

        return cls(Codecs.load(found), recipe_of(found), opened(found, workers, "int8" if int8 else "default"))

    @property
    def longest(self) -> int:
        """Tokens of a source or a target as the model has learned them, the end not counted."""
        return self.recipe.longest

    @property
    def size(self) -> int:
        """V, of the target."""
        return self.codecs.target.size

    @property
    def end(self) -> int:
        """The token that ends a target, and stands before it."""
        return self.codecs.target.end

    # Text in, text out ---------------------------------------------------------------------------------------------------

    def prepare(self, lines: Sequence[str]) -> list[list[int]]:
        """Lines as sources: ids, and the end."""
        codec = self.codecs.source
        return [[*ids, codec.end] for ids in codec.encode(lines)]

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """Texts as the ids that the model would write, without the end."""
        return self.codecs.target.encode(texts)

    def text(self, ids: Sequence[int]) -> str:
        """What was written, as text."""
        return self.codecs.target.decode(ids)

    def spell(self, ids: Sequence[int]) -> list[str]:
        """What was written, token by token."""
        return self.codecs.target.spell(ids)

    # Search --------------------------------------------------------------------------------------------------------------

    def search(self, sources: Sequence[Sequence[int]], limits: Sequence[int], plan: Plan) -> list[list[Hypothesis]]:
        """The n best hypotheses of each source, best first; those of like length are best side by side.

        A batch has one limit, the largest of its sources. A search that ran into the limit of its own source is repeated with that.
        """
        size = max(1, min(LINES, -(-len(sources) // self.model.num_translators)))
        batches = [range(start, min(start + size, len(sources))) for start in range(0, len(sources), size)]
        found = self.searched(sources, [(batch, max(limits[i] for i in batch)) for batch in batches], plan)
        late: dict[int, list[int]] = {}
        for batch in batches:
            for i in batch:
                if limits[i] < max(limits[j] for j in batch) and reach(found[i]) >= limits[i]:
                    late.setdefault(limits[i], []).append(i)
        found |= self.searched(sources, [(batch, limit) for limit, batch in late.items()], plan)
        return [found[i][: plan.nbest] for i in range(len(sources))]

    def searched(
        self, sources: Sequence[Sequence[int]], batches: Sequence[tuple[Sequence[int], int]], plan: Plan
    ) -> dict[int, list[Hypothesis]]:
        """All that is kept of batches of sources, each with its limit, by the sources' numbers.

        A few batches wait, so that no worker has to; not all, so that an interrupt does not wait for them.
        """
        found: dict[int, list[Hypothesis]] = {}
        waiting: deque[tuple[int, AsyncTranslationResult]] = deque()
        for batch, limit in batches:
            waiting += zip(batch, self.asked([sources[i] for i in batch], limit, plan), strict=True)
            while len(waiting) > AHEAD * LINES * self.model.num_translators:
                self.take(found, *waiting.popleft(), plan.settings)
        while waiting:
            self.take(found, *waiting.popleft(), plan.settings)
        return found

    def asked(self, sources: Sequence[Sequence[int]], limit: int, plan: Plan) -> list[AsyncTranslationResult]:
        """What will be found for a batch."""
        spelled, settings = self.source_names, plan.settings
        beam = 1 if plan.method == "greedy" else settings.beam
        found: list[AsyncTranslationResult] = self.model.translate_batch(
            [[spelled[token] for token in source] for source in sources], asynchronous=True,
            beam_size=beam, num_hypotheses=beam, length_penalty=settings.alpha or NOTHING, max_decoding_length=limit,
            min_decoding_length=0, max_input_length=0, return_end_token=True, return_scores=True,
        )  # fmt: skip
        return found

    def take(self, found: dict[int, list[Hypothesis]], number: int, each: AsyncTranslationResult, settings: Settings) -> None:
        """Wait for what is found for a source, and put it among the rest."""
        while not each.done():
            sleep(PAUSE)  # where an interrupt is noticed: in `result` it would not be
        result = each.result()
        found[number] = [self.hypothesis(*one, settings) for one in zip(result.hypotheses, result.scores, strict=True)]

    def hypothesis(self, tokens: Sequence[str], score: float, settings: Settings) -> Hypothesis:
        """What CTranslate2 found, as ours; the end is among its tokens."""
        ids = [self.target_ids[token] for token in tokens]
        ended = ids[-1:] == [self.end]
        return Hypothesis(ids[: len(ids) - ended], score * settings.norm(len(ids)), score, ended)

    def log_probs(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[FloatArray]:
        """As `Translator.log_probs`: log P of each token of the targets, and then of the end, (n + 1,) a target."""
        before, after = self.source_names, list(self.target_ids)
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
        return {name: token for token, name in enumerate(names(self.codecs.target))}


def reach(found: Sequence[Hypothesis]) -> int:
    """Tokens of the longest of some hypotheses, its end with it: how far the search went."""
    return max(len(each.tokens) + each.ended for each in found)


def opened(found: folder.Folder, workers: int, kind: str, files: Mapping[str, bytes] | None = None) -> Translator:
    """A model of CTranslate2 in a folder, or in memory, that so many threads run side by side.

    Raises:
        Failure: it is not there, or broken.
    """
    import ctranslate2

    try:
        return ctranslate2.Translator(
            str(found.path), compute_type=kind, inter_threads=workers, intra_threads=1, max_queued_batches=-1, files=files
        )
    except (RuntimeError, ValueError) as error:
        raise Failure(f"model folder {found.path}: CTranslate2 cannot open it: {str(error).splitlines()[0]}") from None
