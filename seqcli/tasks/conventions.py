r"""One set of tags from files whose conventions differ: tags are renamed, and what a file does not say is left open.

>>> rename(["B-person", "I-person", "O", "B-group"], {"person": "PER", "group": "O"})
['B-PER', 'I-PER', 'O', 'O']
>>> leave_open(["@", "Ann", "sang"], ["O", "B-PER", "O"], ["@"])
['', 'B-PER', 'O']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqcli.data.examples import Batch
from seqcli.errors import UsageFailure, nearest
from seqcli.models.crf.partial import ANY
from seqcli.tasks.tagging import read_tagged

PREFIXES = ("B-", "I-", "E-", "S-")


def read(files: Sequence[str], column: str, labels: Mapping[str, str], unlabelled: Mapping[str, Sequence[str]]) -> Batch:
    """Training sentences: tags renamed by `labels`; those of some words left open in the files that `unlabelled` names.

    Raises:
        Failure: as `read_tagged`.
        UsageFailure: a name that no tag has, or a file that is not among `files`.
    """
    if not labels and not unlabelled:
        return read_tagged(files, column)
    for name in unlabelled:
        if name not in files:
            raise UsageFailure(f"unlabelled: {name} is not among the training files", hint=nearest(name, files))
    parts = [read_tagged([name], column) for name in files]
    check(labels, {tag for part in parts for tag in part.tags})
    for name, part in zip(files, parts, strict=True):
        part.tags = leave_open(part.tokens, rename(part.tags, labels), unlabelled.get(name, ()))
    return Batch.concatenated(parts)


def held_out(name: str, column: str, labels: Mapping[str, str]) -> Batch:
    """Sentences to measure on, tags renamed by `labels`."""
    batch = read_tagged([name], column)
    batch.tags = rename(batch.tags, labels)
    return batch


def check(labels: Mapping[str, str], tags: set[str]) -> None:
    """Raise UsageFailure for a name that is neither a tag nor the type of a span."""
    known = {*tags, *(tag[2:] for tag in tags if tag.startswith(PREFIXES))}
    for name in labels:
        if name not in known:
            raise UsageFailure(f"labels: no tag of the training data is called {name!r}", hint=nearest(name, sorted(known)))


def rename(tags: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Tags under other names; those of spans keep B- and I-, unless the new name is O."""
    names = {tag: renamed(tag, labels) for tag in set(tags)}
    return [names[tag] for tag in tags]


def renamed(tag: str, labels: Mapping[str, str]) -> str:
    """One tag."""
    if tag in labels or not tag.startswith(PREFIXES):
        return labels.get(tag, tag)
    new = labels.get(tag[2:], tag[2:])
    return new if new == "O" else tag[:2] + new


def leave_open(tokens: Sequence[str], tags: Sequence[str], words: Sequence[str]) -> list[str]:
    """Tags, but for those of some words, which say nothing."""
    some = frozenset(words)
    return [ANY if token in some else tag for token, tag in zip(tokens, tags, strict=True)]
