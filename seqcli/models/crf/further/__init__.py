"""XPOS, FEATS and lemmas of words whose UPOS is known: what fills columns 3, 5 and 6 of CoNLL-U.

XPOS is told given UPOS, FEATS given both, each by a `layer`, so that a word has only what its part of speech was seen with; the lemma
by the edit script of the form and its tags. Nothing of this is unpacked before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seqcli.data import conllu
from seqcli.data.examples import AnyArray, Batch, IntArray, Tagging
from seqcli.data.fields import beside
from seqcli.errors import Failure, nearest
from seqcli.models.crf.corpus import Text
from seqcli.models.crf.features import Features
from seqcli.models.crf.folding import unfolded
from seqcli.models.crf.further import lemmas
from seqcli.models.crf.further.layers import Layer, Values
from seqcli.models.crf.further.lemmas import Lemmas

XPOS, FEATS, LEMMA = LEARNED = ("xpos", "feats", "lemma")
HELD_OUT = 10  # one word of so many says which tags lemmas go by
ENOUGH = 50_000  # words on which that is tried
MANY = 1 << 20  # more tags than there are
Columns = Mapping[str, Sequence[str]]


class Words(NamedTuple):
    """N words in B sentences, as types."""

    types: Sequence[str]  # (V,) all that were met so far
    ids: IntArray  # (N,)
    lengths: IntArray  # (B,)
    describe: Callable[[Sequence[str]], list[Features]]


class Further:
    """The fields beside UPOS that a tagger has learned."""

    def __init__(self, labels: Sequence[str], fields: Sequence[str], by: str, tensors: Mapping[str, AnyArray]) -> None:
        self.labels, self.fields, self.by = tuple(labels), tuple(fields), by  # by: the field that lemmas go by
        self.tensors = {name: tensor for name, tensor in tensors.items() if name.split(".")[0] in LEARNED}
        self.forget()

    def config(self) -> dict[str, Any]:
        """What is needed beside the tensors."""
        return {"fields": list(self.fields), "lemmas_by": self.by}

    def forget(self) -> None:
        """Empty the tables by type."""
        self.forms: list[str] = []  # (V,) of the types
        self.tags: dict[str, int] = {}  # that lemmas go by, numbered as they come
        self.found: dict[int, str] = {}  # lemmas by type * MANY + tag
        for layer in self.layers():
            layer.forget()

    def layers(self) -> Iterable[Layer]:
        """Those that are unpacked."""
        return (self.__dict__[name] for name in (XPOS, FEATS) if name in self.__dict__)

    @cached_property
    def xpos(self) -> Layer:
        """Given UPOS."""
        return Layer.load(self.tensors, XPOS, range(len(self.labels)))

    @cached_property
    def feats(self) -> Layer:
        """Given UPOS and, where it is known, XPOS."""
        pairs = self.xpos.values.pairs if XPOS in self.fields else None
        return Layer.load(self.tensors, FEATS, range(len(self.labels)) if pairs is None else pairs[:, 0].tolist())

    @cached_property
    def lemmas(self) -> Lemmas:
        """Given UPOS and the field `by`."""
        return lemmas.load(self.tensors)

    @cached_property
    def pair(self) -> IntArray:
        """The number of each pair of UPOS and XPOS, (labels, XPOS)."""
        pairs = self.xpos.values.pairs
        return numbered(pairs, len(self.labels), len(self.xpos.values.labels))

    def __call__(self, words: Words, upos: IntArray, wanted: Sequence[str]) -> dict[str, Tagging]:
        """The wanted fields of N words with tags `upos` (N,)."""
        needs = {*wanted, self.by} if LEMMA in wanted else {*wanted}
        found, given = {"upos": Tagging(self.labels, upos)}, upos
        if XPOS in self.fields and needs & {XPOS, FEATS}:
            found[XPOS] = tell(self.xpos, words, given)
            given = self.pair[upos, found[XPOS].ids]
        if FEATS in needs:
            found[FEATS] = tell(self.feats, words, given)
        if LEMMA in needs:
            tags = found["upos"] if self.by == "upos" else beside([found["upos"], found[self.by]], " ")
            found[LEMMA] = self.lemma(words, tags)
        return {name: found[name] for name in wanted}

    def lemma(self, words: Words, tags: Tagging) -> Tagging:
        """The lemmas of words with tags; each pair of a type and a tag is looked at once."""
        self.forms += unfolded(words.types[len(self.forms) :])
        number = np.array([self.tags.setdefault(tag, len(self.tags)) for tag in tags.labels], dtype=np.int64)
        met, which = np.unique(words.ids * MANY + number[tags.ids], return_inverse=True)
        new = [key for key in met.tolist() if key not in self.found]
        names = list(self.tags)
        asked = [(self.forms[key // MANY], names[key % MANY]) for key in new]
        self.found.update(zip(new, self.lemmas.of(asked), strict=True))
        return Tagging(tuple(self.found[key] for key in met.tolist()), which.astype(np.int64))


def read(train: Batch, fields: str) -> dict[str, list[str]]:
    """The columns that are to be learned, UPOS beside them; none where no fields are named, and not those that a treebank leaves empty.

    Raises:
        Failure: a field that there is not, training data that have only one tag a word, or that are not for UPOS.
    """
    names = [name for name in fields.replace(",", " ").split() if name != "upos"]
    for name in names:
        if name not in LEARNED:
            raise Failure(f"fields = {fields!r}: {name!r} is none that can be learned", hint=nearest(name, LEARNED))
    if not names:
        return {}
    if not conllu.annotated(train) or conllu.column(train, "upos") != train.tags:
        raise Failure(f"fields = {fields!r}: they are told given UPOS", hint="train on CoNLL-U alone, with --column upos")
    columns = {name: conllu.column(train, name) for name in ("upos", *LEARNED) if name in ("upos", *names)}
    found = {name: column for name, column in columns.items() if len(set(column)) > 1}
    return found if len(found) > 1 else {}


def numbered(pairs: IntArray, rows: int, columns: int) -> IntArray:
    """A table of which each of some cells has its place in the list of cells, the others -1."""
    table = np.full((rows, columns), -1)
    table[tuple(pairs.T)] = np.arange(len(pairs))
    return table


def tell(layer: Layer, words: Words, given: IntArray) -> Tagging:
    """A field's values; types that the layer has not met are learned."""
    if layer.known < len(words.types):
        layer.learn(words.describe(words.types[layer.known :]))
    return Tagging(layer.values.labels, layer(words.ids, given, words.lengths))


def learn(
    text: Text, described: Sequence[Features], labels: Sequence[str], upos: IntArray, columns: Columns, seed: int,
    report: Callable[[str], None],
) -> Further:  # fmt: skip
    """From the gold columns (N,) of the words of a training text that are no copies, `upos` (N,) as numbers of `labels`."""
    from seqcli.models.crf.further import learner

    tensors: dict[str, AnyArray] = {}
    kinds, given = list(range(len(labels))), upos
    how = learner.Schedule(seed=seed)
    for name in (XPOS, FEATS):
        if name in columns:
            gold, values = numbers_of(columns[name], given, kinds)
            layer = learner.learn(text, described, given, gold, values, how)
            tensors |= layer.tensors(name)
            report(f"{name}: {len(values.labels)} values")
            if name == XPOS:
                kinds = values.pairs[:, 0].tolist()
                given = numbered(values.pairs, len(labels), len(values.labels))[upos, gold]
    by = "upos"
    if LEMMA in columns:
        forms = [text.names[i] for i in text.types[: text.words].tolist()]
        by = best_tags(unfolded(forms), columns)
        learned = lemmas.learn(unfolded(forms), columns[LEMMA], with_upos(columns, by))
        tensors |= learned.tensors()
        report(f"lemma: {len(learned.scripts)} scripts, by {by}")
    return Further(labels, [name for name in LEARNED if name in columns], by, tensors)


def numbers_of(column: Sequence[str], given: IntArray, kinds: Sequence[int]) -> tuple[IntArray, Values]:
    """A column as numbers of its sorted values, and which of them go with which tags."""
    labels = sorted(set(column))
    index = {label: i for i, label in enumerate(labels)}
    gold = np.array([index[value] for value in column], dtype=np.int64)
    return gold, Values(kinds, np.unique(np.stack([given, gold], axis=1), axis=0), labels)


def with_upos(columns: Columns, by: str) -> list[str]:
    """The tags that lemmas go by: UPOS, and another field."""
    upos = columns["upos"]
    return list(upos) if by == "upos" else [f"{tag} {other}" for tag, other in zip(upos, columns[by], strict=True)]


def best_tags(forms: Sequence[str], columns: Columns) -> str:
    """The field with which lemmas that were held out are told best."""
    right: dict[str, int] = {}
    for by in ("upos", XPOS, FEATS):
        if by in columns:
            rows = list(zip(forms[:ENOUGH], columns[LEMMA], with_upos(columns, by), strict=False))
            seen = [row for i, row in enumerate(rows) if i % HELD_OUT]
            held = rows[::HELD_OUT]
            found = lemmas.learn(*zip(*seen, strict=True)).of([(form, tag) for form, _, tag in held])
            right[by] = sum(lemma == gold for lemma, (_, gold, _) in zip(found, held, strict=True))
    return max(right, key=lambda by: right[by])
