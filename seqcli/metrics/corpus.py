r"""Tagged files as flat arrays of numbers: two files of a million words are compared without touching a string.

All files of one comparison share a vocabulary of forms and one of tags, so "the same words" is "equal arrays", "known"
is one look-up in a table, and what stays in memory is a few integers a word.

>>> forms, tags = Vocabulary(), Vocabulary()
>>> corpus = collect([Part(["the\tDET", "cat\tNOUN", "", "the\tDET"], "pets.tsv", 1)], "upos", forms, tags)
>>> corpus.forms.tolist(), corpus.tags.tolist(), corpus.lengths.tolist(), corpus.lines.tolist()
([0, 1, 0], [0, 1, 0], [2, 1], [1, 2, 4])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqcli.data import conllu, tsv
from seqcli.data.blocks import blocks
from seqcli.data.examples import BoolArray, IntArray
from seqcli.errors import Failure


class Part(NamedTuple):
    """Whole sentences of one file, as lines."""

    lines: list[str]
    name: str  # of the file
    first_line: int  # number of the first line in that file, from 1


class Vocabulary(dict[str, int]):
    """Strings numbered in the order in which they are first looked up.

    >>> words = Vocabulary()
    >>> words["a"], words["b"], words["a"]
    (0, 1, 0)
    """

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number

    def ids(self, strings: Sequence[str]) -> IntArray:
        """The numbers of N strings, (N,)."""
        return np.fromiter(map(self.__getitem__, strings), np.int64, len(strings))


@dataclass(frozen=True, slots=True)
class Corpus:
    """B sentences of N syntactic words, M of whose surface tokens are multi-word (*du* = *de* + *le*)."""

    name: str
    forms: IntArray  # (N,)
    tags: IntArray  # (N,)
    lengths: IntArray  # (B,) words in each sentence, never 0
    lines: IntArray  # (N,) line of each word in its file
    multiword: IntArray  # (M, 3) first word, word after the last, surface form

    @property
    def heads(self) -> BoolArray:
        """Which words begin a surface token, (N,)."""
        steps = np.zeros(len(self.forms) + 1, dtype=np.int64)  # +1 behind the first word of a token, -1 behind its last
        np.add.at(steps, self.multiword[:, 0] + 1, 1)
        np.add.at(steps, self.multiword[:, 1], -1)
        return np.equal(np.cumsum(steps[:-1]), 0)

    @property
    def sentence(self) -> IntArray:
        """The sentence of each word, (N,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def same_words(self, other: Corpus) -> bool:
        """Whether both have the same words in the same sentences; files without multi-word tokens leave those open."""
        return (
            np.array_equal(self.forms, other.forms)
            and np.array_equal(self.lengths, other.lengths)
            and (not len(self.multiword) or not len(other.multiword) or np.array_equal(self.multiword, other.multiword))
        )


def read(path: Path, errors: str = "strict") -> Iterator[Part]:
    """A file (`-` is standard input), some whole sentences at a time."""
    for block in blocks([path], end=b"\n\n"):
        yield Part(block.lines(errors), block.name, block.first_line)


def collect(parts: Iterable[Part], column: str, forms: Vocabulary, tags: Vocabulary) -> Corpus:
    """One file, CoNLL-U or `token<TAB>tag` as its first row says; `column` is where the tag stands in CoNLL-U.

    A broken row (the message names file and line) and a file without words raise Failure.
    """
    name = "<input>"
    kind: bool | None = None
    corpora: list[Corpus] = []
    for lines, name, first_line in parts:
        if kind is None:
            kind = is_conllu(lines)
        if kind is False:
            corpora.append(from_tsv(name, list(tsv.read(lines, name, first_line)), forms, tags))
        else:
            corpora.append(from_conllu(name, list(conllu.read(lines, name, first_line)), column, forms, tags))
    if not any(len(corpus.forms) for corpus in corpora):
        raise Failure(f"{name}: no tagged words", hint="expected CoNLL-U, or token, tab, tag")
    return join(corpora)


def from_conllu(name: str, sentences: Sequence[conllu.Sentence], column: str, forms: Vocabulary, tags: Vocabulary) -> Corpus:
    """The syntactic words; comments and empty nodes are left out, multi-word tokens become `multiword`."""
    at = conllu.COLUMN[column]
    rows = [sentence.lines[row].split("\t", at + 1) for sentence in sentences for row in sentence.words]
    lengths = [len(sentence.words) for sentence in sentences]
    multiword = [
        (start + first, start + last + 1, forms[sentence.lines[row].split("\t", 2)[1]])
        for start, sentence in zip(accumulate(lengths, initial=0), sentences, strict=False)
        for row, first, last in sentence.ranges
    ]
    return Corpus(
        name,
        forms.ids([row[1] for row in rows]),
        tags.ids([row[at] for row in rows]),
        np.array([length for length in lengths if length], dtype=np.int64),
        np.array([sentence.first_line + row for sentence in sentences for row in sentence.words], dtype=np.int64),
        np.array(multiword, dtype=np.int64).reshape(-1, 3),
    )


def from_tsv(name: str, sentences: Sequence[tsv.Sentence], forms: Vocabulary, tags: Vocabulary) -> Corpus:
    """Every token is a word."""
    return Corpus(
        name,
        forms.ids([word for sentence in sentences for word in sentence.words]),
        tags.ids([tag for sentence in sentences for tag in sentence.tags]),
        np.array([len(sentence.words) for sentence in sentences], dtype=np.int64),
        np.array([sentence.first_line + i for sentence in sentences for i in range(len(sentence.words))], np.int64),
        np.zeros((0, 3), dtype=np.int64),
    )


def join(corpora: Sequence[Corpus]) -> Corpus:
    """The parts of one file, end to end."""
    offsets = accumulate((len(corpus.forms) for corpus in corpora), initial=0)
    shifts = (np.array([offset, offset, 0]) for offset in offsets)
    shifted = [corpus.multiword + shift for corpus, shift in zip(corpora, shifts, strict=False)]
    return Corpus(
        corpora[-1].name,
        np.concatenate([corpus.forms for corpus in corpora]),
        np.concatenate([corpus.tags for corpus in corpora]),
        np.concatenate([corpus.lengths for corpus in corpora]),
        np.concatenate([corpus.lines for corpus in corpora]),
        np.concatenate(shifted),
    )


def is_conllu(lines: Sequence[str]) -> bool | None:
    r"""Whether these are rows of CoNLL-U (perhaps broken ones); None where blank lines and comments leave it open.

    A line that starts with `#` may be a comment or a token such as `#` itself: the others decide, if there are any.

    >>> is_conllu(["# text = 1\t2", "1\tHi" + 8 * "\t_"]), is_conllu(["#\tSYM"]), is_conllu(["# newdoc", ""])
    (True, False, None)
    """
    plain = next((line for line in lines if line and not line.startswith("#")), None)
    if plain is not None:
        return plain.count("\t") > 3
    return False if any("\t" in line for line in lines) else None
