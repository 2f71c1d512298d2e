"""Models that search by themselves: those of CTranslate2, several batches side by side, each on one thread.

They find what `seqcli.decode` finds where that stops as soon as as many hypotheses have ended as the beam is wide (`full`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property
from time import sleep
from typing import TYPE_CHECKING, Any, Literal

from seqcli.decode.settings import Hypothesis
from seqcli.engines.conversion import names
from seqcli.errors import Failure

if TYPE_CHECKING:
    from seqcli.data.folder import Folder
    from seqcli.decode.generate import Plan
    from seqcli.decode.settings import Settings
    from seqcli.text.codec import Codec

Batch = tuple[Sequence[int], int]  # the numbers of sources that are searched together, and their limit
LINES, AHEAD = 32, 2  # sources of a batch at most; batches a worker that are running or waiting
PAUSE = 0.001  # seconds
NOTHING = 1e-30  # alpha where lengths do not matter: at 0 CTranslate2 ends its search by another rule
KINDS = ("float32", "int8")  # of numbers that it multiplies


class Searcher(ABC):
    """What writes texts by a search of its own: a `seqcli.decode.generate.Generator` without steps.

    Args:
        codec: of what is written.
        model: of CTranslate2.
        workers: batches that it searches side by side.
    """

    context: int | None = None

    def __init__(self, codec: Codec, model: Any, workers: int) -> None:
        self.codec, self.model, self.workers = codec, model, workers

    @property
    def size(self) -> int:
        """V, of what is written."""
        return self.codec.size

    @property
    def end(self) -> int:
        """The token that ends a text, and stands before it."""
        return self.codec.end

    @abstractmethod
    def prepare(self, lines: Sequence[str]) -> list[list[int]]:
        """Lines as `search` takes them."""

    def text(self, ids: Sequence[int]) -> str:
        """What was written, as text."""
        return self.codec.decode(ids)

    def spell(self, ids: Sequence[int]) -> list[str]:
        """What was written, token by token."""
        return self.codec.spell(ids)

    @cached_property
    def pieces(self) -> list[str]:
        """How CTranslate2 calls the tokens that are written, (V,)."""
        return names(self.codec)

    # Search --------------------------------------------------------------------------------------------------------------

    @abstractmethod
    def batches(self, sources: Sequence[Sequence[int]], limits: Sequence[int], size: int) -> list[Batch]:
        """Sources in batches of at most so many."""

    @abstractmethod
    def asked(self, sources: Sequence[Sequence[int]], beam: int, alpha: float, limit: int) -> list[Any]:
        """What will be found for a batch: results that CTranslate2 gives in time, all of the beam in each."""

    @abstractmethod
    def written(self, result: Any) -> list[list[int]]:
        """The tokens of each hypothesis of a result, an end among them."""

    def search(self, sources: Sequence[Sequence[int]], limits: Sequence[int], plan: Plan) -> list[list[Hypothesis]]:
        """The n best hypotheses of each source, best first; those of like length are best side by side.

        A search that ran into the limit of its own source, and went on by that of its batch, is repeated.
        """
        size = max(1, min(LINES, -(-len(sources) // self.workers)))
        batches = self.batches(sources, limits, size)
        found = self.searched(sources, batches, plan)
        late: dict[int, list[int]] = {}
        for batch, limit in batches:
            for i in batch:
                if limits[i] < limit and reach(found[i]) >= limits[i]:
                    late.setdefault(limits[i], []).append(i)
        found |= self.searched(sources, [(batch, limit) for limit, batch in late.items()], plan)
        return [found[i][: plan.nbest] for i in range(len(sources))]

    def searched(self, sources: Sequence[Sequence[int]], batches: Sequence[Batch], plan: Plan) -> dict[int, list[Hypothesis]]:
        """All that is kept of batches of sources, by the sources' numbers.

        A few batches wait, so that no worker has to; not all, so that an interrupt does not wait for them.
        """
        settings, found = plan.settings, dict[int, list[Hypothesis]]()
        beam, alpha = 1 if plan.method == "greedy" else settings.beam, settings.alpha or NOTHING
        waiting: deque[tuple[int, Any]] = deque()
        for batch, limit in batches:
            waiting += zip(batch, self.asked([sources[i] for i in batch], beam, alpha, limit), strict=True)
            while len(waiting) > AHEAD * LINES * self.workers:
                self.take(found, *waiting.popleft(), settings)
        while waiting:
            self.take(found, *waiting.popleft(), settings)
        return found

    def take(self, found: dict[int, list[Hypothesis]], number: int, each: Any, settings: Settings) -> None:
        """Wait for what is found for a source, and put it among the rest."""
        while not each.done():
            sleep(PAUSE)  # where an interrupt is noticed: in `result` it would not be
        result = each.result()
        found[number] = [self.hypothesis(*one, settings) for one in zip(self.written(result), result.scores, strict=True)]

    def hypothesis(self, ids: list[int], score: float, settings: Settings) -> Hypothesis:
        """What CTranslate2 found, as ours; the end is among its tokens."""
        ended = ids[-1:] == [self.end]
        return Hypothesis(ids[: len(ids) - ended], score * settings.norm(len(ids)), score, ended)


def reach(found: Sequence[Hypothesis]) -> int:
    """Tokens of the longest of some hypotheses, its end with it: how far the search went."""
    return max(len(each.tokens) + each.ended for each in found)


def opened(
    found: Folder,
    workers: int,
    kind: str,
    files: Mapping[str, bytes] | None = None,
    program: Literal["Translator", "Generator"] = "Translator",
) -> Any:
    """A model of CTranslate2 in a folder, or in memory, that so many threads run side by side.

    Raises:
        Failure: it is not there, or broken.
    """
    import ctranslate2

    try:
        return getattr(ctranslate2, program)(
            str(found.path), compute_type=kind, inter_threads=workers, intra_threads=1, max_queued_batches=-1, files=files
        )
    except (RuntimeError, ValueError) as error:
        raise Failure(f"model folder {found.path}: CTranslate2 cannot open it: {str(error).splitlines()[0]}") from None
