"""What every tagger is: sentences in, tags out, parameters as named tensors.

A tagger module (`rules`, `hmm`, `crf`) has three names that the rest of the program asks for: `Recipe`, its hyper-parameters;
`train(train, dev, recipe, report)`; and `load(folder)`, the reverse of `config()`, `tensors()` and `files()`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray, Batch, FloatArray, IntArray, Tagging
from seqcli.data.spans import spell
from seqcli.errors import Failure
from seqcli.models import spans
from seqcli.nn.chain import Chain, expectations, log_partition
from seqcli.nn.paths import n_best, viterbi

Tensors = Mapping[str, AnyArray]
DECODE = ("viterbi", "posterior")


class Tagger(ABC):
    """A trained tagger over K labels."""

    labels: tuple[str, ...]  # (K,)

    @property
    def fields(self) -> tuple[str, ...]:
        """What else it tells of a word: see `annotate`."""
        return ()

    @abstractmethod
    def tag(self, tokens: Sequence[str], lengths: IntArray, decode: str = "viterbi", proba: bool = False, nbest: int = 0) -> Tagging:
        """Tag N words in B sentences of `lengths` (B,) words each.

        `decode` is the best path as a whole (`viterbi`) or the likeliest tag at each place (`posterior`); `proba` adds the
        posteriors (N, K), `nbest` the n best paths of each sentence with their log-probabilities.

        Raises:
            Failure: the model has no probabilities, and some were asked for.
        """

    def annotate(
        self,
        tokens: Sequence[str],  # noqa: ARG002
        lengths: IntArray,  # noqa: ARG002
        ids: IntArray,  # noqa: ARG002
        fields: Sequence[str],  # noqa: ARG002
    ) -> dict[str, Tagging]:
        """Some of `fields` for N words whose tags are `ids`: columns of CoNLL-U that the model tells once the tags are known.

        Nothing, of a tagger that has no fields.
        """
        return {}

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `load` needs beside the tensors, as JSON values."""

    @abstractmethod
    def tensors(self) -> dict[str, AnyArray]:
        """The parameters by name; `pack` turns lists of strings into one."""

    def labels_of(self, batch: Batch) -> bool:
        """Whether the model's labels are those of the batch's gold tags: not so where it learned without them."""
        return bool(set(self.labels) & set(batch.tags))

    def log_likelihood(self, tokens: Sequence[str], lengths: IntArray) -> FloatArray:  # noqa: ARG002  (what it would need)
        """Log P(words) of each sentence, (B,).

        Raises:
            Failure: the model says how probable tags are given words, not how probable words are.
        """
        raise Failure("this model gives no probability to a text", hint="an hmm does: seq train hmm")

    def files(self) -> dict[str, str]:
        """Further files of the model folder, for people to read: name to text."""
        return {}


class ChainTagger(Tagger):
    """A tagger whose scores form a chain: HMM and CRF."""

    @abstractmethod
    def chain(self, tokens: Sequence[str], lengths: IntArray) -> Chain:
        """The sentences' log-potentials."""

    def tag(self, tokens: Sequence[str], lengths: IntArray, decode: str = "viterbi", proba: bool = False, nbest: int = 0) -> Tagging:
        """See `Tagger.tag`; tags of spans are never such that they spell none."""
        chain = soft = self.chain(tokens, lengths)
        of_spans = spell(self.labels)
        if of_spans:
            chain, soft = spans.lawful(chain, self.labels), spans.lawful(chain, self.labels, spans.FADED)
        posterior = expectations(soft).emission if proba or decode == "posterior" else None
        if posterior is None or decode == "viterbi":
            ids = viterbi(chain).tags
        else:
            ids = spans.likeliest(posterior, self.labels, lengths) if of_spans else posterior.argmax(axis=1)
        tagging = Tagging(self.labels, ids, proba=posterior if proba else None)
        if posterior is not None and proba and of_spans and chain.transition.ndim == 2:
            tagging.certainty = spans.certainty(soft, posterior, self.labels, ids)
        if nbest:
            norm = log_partition(chain).tolist()
            paths = n_best(chain, nbest)
            tagging.nbest = [[(s - z, path) for s, path in found] for found, z in zip(paths, norm, strict=True)]
        return tagging


def label_ids(tags: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """The labels of gold tags in sorted order, and each tag as an index into them.

    Raises:
        Failure: no words, or one tag only: there would be nothing to learn.
    """
    labels = tuple(sorted(set(tags)))
    if not tags:
        raise Failure("the training data has no sentence")
    if len(labels) < 2:
        raise Failure(f"the training data has one tag only, {labels[0]!r}", hint="is it the right column?")
    index = {label: i for i, label in enumerate(labels)}
    return labels, np.array([index[tag] for tag in tags], dtype=np.int64)
