"""An n-gram model in tables: probabilities of whole texts by look-ups in sorted keys, and of all next words at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data.examples import AnyArray, DoubleArray, FloatArray, IntArray
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.models.language_model import Ids, LanguageModel
from seqcli.models.ngram.smoothing import Table
from seqcli.text.codec import Codec

if TYPE_CHECKING:
    from torch import Tensor

LN10 = float(np.log(10))
NOTHING = -1  # a word before the beginning of a text; the row of an n-gram that has none


class Ngram(LanguageModel):
    """P(w | the words before it, at most order - 1). A text begins after the end token, which as a context means that."""

    def __init__(self, codec: Codec, tables: Sequence[Table], unseen: float = 0.0) -> None:
        """`unseen` is the log10 weight of a context that has no row: 0 in all back-off models but stupid back-off."""
        self.codec, self.tables, self.unseen = codec, tables, unseen

    @property
    def order(self) -> int:
        """The longest n-grams."""
        return len(self.tables)

    def find(self, order: int, contexts: AnyArray, words: AnyArray) -> IntArray:
        """The rows of n-grams given as rows of contexts in the order below and last words, (N,); NOTHING for one that has none."""
        keys = self.tables[order - 1].keys
        wanted = contexts.astype(np.int64) * self.size + words
        if not len(keys):
            return np.full(len(wanted), NOTHING)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[at] == wanted) & (contexts >= 0) & (words >= 0), at, NOTHING)

    def weight(self, order: int, rows: IntArray) -> DoubleArray:
        """The log10 weights of contexts of `order` words, given as rows, (N,)."""
        table = self.tables[order - 1]
        if not len(table):
            return np.full(len(rows), self.unseen)
        return np.where(rows >= 0, table.backoffs[rows].astype(np.float64), self.unseen)

    def log_probs(self, texts: Sequence[Ids]) -> list[FloatArray]:
        """See `LanguageModel.log_probs`."""
        if not texts:
            return []
        scores = self.score(np.concatenate([[self.end], self.codec.flat(texts)]))
        return np.split(scores, np.cumsum([len(text) + 1 for text in texts])[:-1])

    def score(self, stream: AnyArray) -> DoubleArray:
        """The same for texts end to end: the end token, then each text and the end, (N + 1,) -> (N,)."""
        depth = places_since(stream, self.end)[1:]  # words of its own text before each token, the end before it among them
        rows: IntArray = stream.astype(np.int64)  # of the n-grams that begin at each place
        best = self.tables[0].log_probs[stream[1:]].astype(np.float64)
        for order in range(2, self.order + 1):
            places = len(stream) - order + 1
            if places <= 0:
                break
            longer = self.find(order, rows[:places], stream[order - 1 :])
            weight = np.where(depth[order - 2 :] >= order - 1, self.weight(order - 1, rows[:places]), 0.0)
            table = self.tables[order - 1]
            found = table.log_probs[longer] if len(table) else 0.0
            best[order - 2 :] = np.where(longer >= 0, found, best[order - 2 :] + weight)
            rows = longer
        best *= LN10
        return best

    def distributions(self, histories: AnyArray) -> FloatArray:
        """The natural log-probabilities of all words after histories (N, order - 1), NOTHING on the left of short ones; (N, V)."""
        base = self.tables[0].log_probs.astype(np.float64)
        found = np.broadcast_to(base, (len(histories), self.size)).copy()
        for length in range(1, self.order):
            words = histories[:, self.order - 1 - length :]
            rows: IntArray = words[:, 0].astype(np.int64)
            for place in range(1, length):
                rows = self.find(place + 1, rows, words[:, place])
            there = words[:, 0] >= 0
            found += np.where(there, self.weight(length, rows), 0.0)[:, None]
            self.put(found, length + 1, rows)
        found *= LN10
        return found.astype(np.float32)

    def put(self, found: DoubleArray, order: int, contexts: IntArray) -> None:
        """Write the log10 probabilities of the n-grams under contexts (N,) into (N, V)."""
        table = self.tables[order - 1]
        firsts = np.searchsorted(table.keys, contexts * self.size)
        counts = np.where(contexts >= 0, np.searchsorted(table.keys, (contexts + 1) * self.size) - firsts, 0)
        hypotheses = np.repeat(np.arange(len(contexts)), counts)
        rows = np.arange(len(hypotheses)) + np.repeat(firsts - np.cumsum(counts) + counts, counts)
        found[hypotheses, table.keys[rows] % self.size] = table.log_probs[rows]

    def start(self, batch: Sequence[Ids]) -> tuple[Tensor, Tensor]:
        """See `LanguageModel.start`; the state is the words before the last, (N, order - 1)."""
        import torch

        pad = [NOTHING] * self.order
        histories = torch.tensor([[*pad, self.end, *prompt][-self.order :] for prompt in batch]).reshape(len(batch), self.order)
        return histories[:, -1], histories[:, :-1]

    def step(self, last: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See `LanguageModel.step`. After the end a new text begins."""
        import torch

        state = torch.cat([state, last[:, None]], 1)[:, 1:]
        state[:, :-1].masked_fill_((last == self.end)[:, None], NOTHING)
        return torch.from_numpy(self.distributions(state.cpu().numpy())).to(last.device), state

    def config(self) -> dict[str, Any]:
        """See `LanguageModel.config`."""
        return {
            "order": self.order,
            "ngrams": [len(table) for table in self.tables],
            "unseen": self.unseen,
            "codec": self.codec.config(),
        }

    def tensors(self) -> dict[str, AnyArray]:
        """For each order the n-grams, (R, 2) int32 of the context's row in the order below and the last word, and two (R,) float32."""
        found: dict[str, AnyArray] = {}
        for order, table in enumerate(self.tables, start=1):
            found[f"{order}.ngrams"] = np.stack(np.divmod(table.keys, self.size), axis=1).astype(np.int32)
            found[f"{order}.log10_probs"] = table.log_probs
            found[f"{order}.log10_backoffs"] = table.backoffs
        return found

    @classmethod
    def load(cls, folder: Folder) -> Ngram:
        """The reverse of `config`, `tensors` and `files`.

        Raises:
            Failure: tensors that do not fit each other.
        """
        codec = Codec.load(folder)
        tables = [table(folder.tensors, order, codec.size) for order in range(1, int(folder.parameters["order"]) + 1)]
        for order, (below, above) in enumerate(pairwise(tables), start=2):
            if len(above) and above.keys[-1] // codec.size >= len(below):
                raise Failure(f"the {order}-grams have contexts that are not there")
        if not tables or len(tables[0]) != codec.size:
            raise Failure(f"{len(tables[0]) if tables else 0} unigrams, but {codec.size} tokens", hint="was tokenizer.json replaced?")
        return cls(codec, tables, float(folder.parameters["unseen"]))


def table(tensors: Mapping[str, AnyArray], order: int, size: int) -> Table:
    """One order from its tensors.

    Raises:
        Failure: one is missing or of another shape, or the n-grams are not sorted.
    """
    ngrams = take(tensors, f"{order}.ngrams", None, 2)
    keys = ngrams[:, 0].astype(np.int64) * size + ngrams[:, 1]
    if len(keys) and (ngrams.min() < 0 or ngrams[:, 1].max() >= size or (np.diff(keys) <= 0).any()):
        raise Failure(f"the {order}-grams are not sorted, or have words that are not there")
    rows = len(keys)
    return Table(keys, take(tensors, f"{order}.log10_probs", rows), take(tensors, f"{order}.log10_backoffs", rows))


def places_since(stream: AnyArray, end: int) -> IntArray:
    """How many places each token is away from the last end before it, (N,); 0 for the first.

    >>> places_since(np.array([9, 1, 2, 9, 9, 3]), 9).tolist()
    [0, 1, 2, 3, 1, 1]
    """
    at = np.arange(len(stream))
    last: IntArray = np.maximum.accumulate(np.where(stream == end, at, 0))
    return np.asarray(at - np.append(0, last[:-1]))
