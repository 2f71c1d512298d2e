r"""Files of words for measures of bias: pairs, lists and tests, as JSON or one a line.

>>> parse_sets('[["she", "he"], ["her", "his", "its"]]', "pairs.json")
[('she', 'he'), ('her', 'his', 'its')]
>>> parse_sets("she\the\nher his its\n", "pairs.tsv")
[('she', 'he'), ('her', 'his', 'its')]
>>> parse_words('["nurse", ["banker", 0.0, 0.8]]', "professions.json")
['nurse', 'banker']
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from seqcli.data.blocks import Block, blocks, name_of
from seqcli.errors import Failure
from seqcli.tasks.bias.lists import WeatTest, WordSet

T = TypeVar("T")


def read_sets(path: Path) -> list[tuple[str, ...]]:
    """Pairs or larger sets: JSON lists in a list, or words with tabs or blanks between them, a set a line.

    Raises:
        Failure: not such a file; names file and place.
    """
    return parse_sets(text_of(path), name_of(path))


def read_words(path: Path) -> list[str]:
    """Words: a JSON list of words, or of lists that begin with one; or a word a line, up to the first tab.

    Raises:
        Failure: not such a file; names file and place.
    """
    return parse_words(text_of(path), name_of(path))


def read_tests(path: Path) -> list[WeatTest]:
    """Association tests: a JSON object `{NAME: {"targets": {A: [word …], B: […]}, "attributes": {C: […], D: […]}}}`.

    Raises:
        Failure: not such a file; names file and place.
    """
    name = name_of(path)
    value = from_json(text_of(path), name)
    if not isinstance(value, dict) or not value:
        raise Failure(f'{name}: expected an object of tests, {{"NAME": {{"targets": …, "attributes": …}}}}')
    return [parse_test(test, parts, name) for test, parts in value.items()]


def text_of(path: Path) -> str:
    """A whole file, unpacked."""
    return Block(b"".join(block.data for block in blocks([path])), name_of(path), 1).text()


def from_json(text: str, name: str) -> Any:
    """What JSON says; an error names the line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Failure(f"{name}, line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise Failure(f"{name}: not JSON: nested too deeply") from None


def is_json(text: str) -> bool:
    """Whether a text can only be meant as JSON."""
    return text.lstrip()[:1] in {"[", "{"}


def entries(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """The members of a JSON list, numbered from 1."""
    value = from_json(text, name)
    if not isinstance(value, list):
        raise Failure(f"{name}: expected a list, found an object")
    return enumerate(value, 1)


def parse_sets(text: str, name: str) -> list[tuple[str, ...]]:
    """The sets of a file's text."""
    if is_json(text):
        found = [(f"{name}, entry {number}", entry) for number, entry in entries(text, name)]
    else:
        lines = [(number, line) for number, line in enumerate(Block(text.encode(), name, 1).lines(), 1) if line.strip()]
        found = [(f"{name}, line {number}", line.split("\t") if "\t" in line else line.split()) for number, line in lines]
    for place, words in found:
        if not is_words(words) or len(words) < 2:
            raise Failure(f"{place}: expected two words or more")
    return some([tuple(word.strip() for word in words) for _, words in found], name)


def parse_words(text: str, name: str) -> list[str]:
    """The words of a file's text."""
    if not is_json(text):
        lines = (line.split("\t")[0].strip() for line in Block(text.encode(), name, 1).lines())
        return some([line for line in lines if line], name)
    words = []
    for number, entry in entries(text, name):
        word = entry[0] if isinstance(entry, list) and entry else entry
        if not isinstance(word, str) or not word.strip():
            raise Failure(f"{name}, entry {number}: expected a word, or a list that begins with one")
        words.append(word.strip())
    return some(words, name)


def parse_test(test: str, parts: Any, name: str) -> WeatTest:
    """One test of a file."""
    sets = []
    for part in ("targets", "attributes"):
        pair = parts.get(part) if isinstance(parts, dict) else None
        if not isinstance(pair, dict) or len(pair) != 2 or not all(map(is_words, pair.values())):
            raise Failure(f"{name}, test {test!r}: `{part}` must be an object of two named lists of words")
        sets += [WordSet(each, tuple(words)) for each, words in pair.items()]
    return WeatTest(test, *sets)


def is_words(value: Any) -> bool:
    """Whether it is a list of words."""
    return isinstance(value, list) and all(isinstance(word, str) and word.strip() for word in value)


def some(found: list[T], name: str) -> list[T]:
    """What was found, if anything was."""
    if not found:
        raise Failure(f"{name}: holds no words")
    return found
