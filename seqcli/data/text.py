r"""Plain text: words separated by blanks in, `The/DET cat/NOUN` out, a line a line.

>>> batch = pretokenized(["The cat", "", "sat"])
>>> write(batch, Tagging(("DET", "NOUN", "VERB"), np.array([0, 1, 2])))
'The/DET cat/NOUN\n\nsat/VERB\n'
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

from seqcli.data.examples import Batch, IntArray, Tagging
from seqcli.errors import Failure


def pretokenized(lines: Sequence[str]) -> Batch:
    """One sentence a line, its words separated by white space."""
    words = [line.split() for line in lines]
    sizes = np.fromiter(map(len, words), np.int64, len(words))
    tokens = list(chain.from_iterable(words))
    return Batch(tokens, sizes[sizes > 0], (sizes > 0).astype(np.int64), lines, lambda: find_spans(lines, words))


def find_spans(lines: Sequence[str], words: Sequence[Sequence[str]]) -> IntArray:
    """Start and end of every word in its line, (N, 2)."""
    spans: list[tuple[int, int]] = []
    for line, found in zip(lines, words, strict=True):
        end = 0
        for word in found:
            start = line.index(word, end)
            end = start + len(word)
            spans.append((start, end))
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def write(batch: Batch, tagging: Tagging) -> str:
    """A line a record: `word/TAG`, or `word/TAG/0.987` where posteriors were asked for; a blank record is a blank line."""
    if "\n" in "".join(batch.tokens):  # only JSON can bring one
        raise Failure("a word holds a line end, which text cannot", hint="use -f jsonl")
    if tagging.nbest is not None:
        return write_nbest(batch, tagging)
    ends = record_ends(batch)
    best = tagging.confidence()
    if best is None:
        return join(batch.tokens, tagging, [f"/{label} " for label in tagging.labels], ends)
    words = [f"{word}/{tag}/{p:.4f}" for word, tag, p in zip(batch.tokens, tagging.tags(), best, strict=True)]
    left = iter(words)
    return "".join(" ".join(islice(left, count)) + "\n" for count in np.diff(ends, prepend=0).tolist())


def write_nbest(batch: Batch, tagging: Tagging) -> str:
    """For each sentence its taggings, best first, one a line: log-probability, tab, `word/TAG` …; a blank line after each.

    A blank record is a blank line.
    """
    assert tagging.nbest is not None
    sentences: list[str] = []
    for words, found in zip(batch.split(batch.tokens), tagging.nbest, strict=True):
        lines = []
        for score, path in found:
            tagged = " ".join(f"{w}/{tagging.labels[i]}" for w, i in zip(words, path.tolist(), strict=True))
            lines.append(f"{score:.6f}\t{tagged}\n")
        sentences.append("".join(lines) + "\n")
    left = iter(sentences)
    return "".join("".join(islice(left, count)) or "\n" for count in batch.sentences.tolist())


def record_ends(batch: Batch) -> IntArray:
    """(R,) the number of words up to the end of each record."""
    words = np.concatenate([[0], np.cumsum(batch.lengths)])
    ends: IntArray = words[np.cumsum(batch.sentences)]
    return ends


def join(tokens: Sequence[str], tagging: Tagging, suffixes: Sequence[str], ends: IntArray, end: str = "\n") -> str:
    """Every token with its tag's suffix; the last of each group ends with `end` instead of the suffix's last character.

    Words and suffixes are laid in turn into one list and joined once: nothing is formatted word by word.
    """
    count = len(tokens)
    codes = tagging.ids.copy()
    filled = ends[np.diff(ends, prepend=0) > 0]
    codes[filled - 1] += len(suffixes)
    choice = [*suffixes, *(suffix[:-1] + end for suffix in suffixes)]
    parts = [""] * (2 * count + 1)
    parts[1::2] = tokens
    parts[2::2] = map(choice.__getitem__, codes.tolist())
    blank = ends[np.diff(ends, prepend=0) == 0]
    for position, many in zip(*(x.tolist() for x in np.unique(blank, return_counts=True)), strict=True):
        parts[2 * position] += "\n" * many
    return "".join(parts)
