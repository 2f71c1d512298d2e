r"""Tagged words one a line, `token<TAB>tag`, with a blank line after each sentence.

The plainest format of tagged text: what `seq tag -f tsv` writes, and how most named-entity data sets come. Nothing is
escaped, so neither a token nor a tag can hold a tab or a line end; spaces inside a token are kept. Columns after the
second (a probability, a second layer of tags) are not read.

>>> [sentence] = read(["New York\tPROPN", "sleeps\tVERB", ""])
>>> sentence.words, sentence.tags
(('New York', 'sleeps'), ('PROPN', 'VERB'))
>>> write(batch([sentence]), Tagging(("NOUN", "PROPN"), np.array([1, 0])))
'New York\tPROPN\nsleeps\tNOUN\n\n'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from seqcli.data.examples import Batch, Tagging
from seqcli.data.text import join, record_ends
from seqcli.errors import Failure


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; its words stand on consecutive lines."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    first_line: int = 1  # line number of the first word in its file


def read(lines: Iterable[str], name: str = "<input>", first_line: int = 1) -> Iterator[Sentence]:
    """Sentences, lazily; any number of blank lines between two is one end.

    A line that is not token, tab and tag raises Failure, which names file and line.
    """
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(lines, first_line):
        if line:
            word, _, tag = line.partition("\t")
            if "\t" in tag:
                tag = tag.partition("\t")[0]
            if not word or not tag:
                raise Failure(f"{name}, line {number}: {fault(line)}", hint="expected token, tab, tag")
            words.append(word)
            tags.append(tag)
        elif words:
            yield Sentence(tuple(words), tuple(tags), number - len(words))
            words, tags = [], []
    if words:
        yield Sentence(tuple(words), tuple(tags), number + 1 - len(words))


def fault(line: str) -> str:
    r"""What is wrong with a row.

    >>> fault("cat"), fault("\tNOUN"), fault("cat\t")
    ('no tab', 'the token is empty', 'the tag is empty')
    """
    if "\t" not in line:
        return "no tab"
    return "the token is empty" if line.startswith("\t") else "the tag is empty"


def batch(sentences: Sequence[Sentence]) -> Batch:
    """Sentences as one batch with their gold tags, one record a sentence."""
    return Batch.of([sentence.words for sentence in sentences], [sentence.tags for sentence in sentences])


def write(batch: Batch, tagging: Tagging) -> str:
    """A tagged batch as text: a blank line ends each sentence, and a record without words is a blank line.

    Posteriors, where asked for, make a third column. A token that is empty or holds a tab or a line end raises Failure.
    """
    refuse_separators(batch.tokens)
    best = tagging.confidence()
    if best is None:
        blank = record_ends(batch)[batch.sentences == 0]
        ends = np.sort(np.concatenate([np.cumsum(batch.lengths), blank]))
        return join(batch.tokens, tagging, [f"\t{label}\n" for label in tagging.labels], ends, end="\n\n")
    rows = [f"{word}\t{tag}\t{p:.4f}\n" for word, tag, p in zip(batch.tokens, tagging.tags(), best, strict=True)]
    sentences = ("".join(part) + "\n" for part in batch.split(rows))
    return "".join("".join(islice(sentences, count)) or "\n" for count in batch.sentences.tolist())


def refuse_separators(tokens: Sequence[str]) -> None:
    """Raise Failure for a token that would not be read back."""
    text = "".join(tokens)
    if "\t" in text or "\n" in text or not all(tokens):
        token = next(token for token in tokens if not token or "\t" in token or "\n" in token)
        raise Failure(f"the token {token!r} cannot stand in a TSV file", hint="choose another format")
