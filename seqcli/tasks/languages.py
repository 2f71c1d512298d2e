"""Tagging text of several languages, each line by the model of its own: `seq tag -m auto`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from seqcli.data import conllu, folder, jsonl
from seqcli.data.blocks import Block, blocks
from seqcli.errors import UsageFailure
from seqcli.models import registry
from seqcli.models.languages import Languages
from seqcli.tasks.tagging import Job, is_conllu

AUTO = "auto"  # the model's name that stands for all of them
TAGGER = "-pos"  # follows the language in their names
UNSPACED = ("zh", "ja")  # no blanks stand between their words
NAMES = {"de": "German", "es": "Spanish", "en": "English", "fr": "French", "pt": "Portuguese", "nl": "Dutch", "ru": "Russian",
         "it": "Italian", "ko": "Korean", "zh": "Chinese"}  # fmt: skip


@dataclass
class Auto:
    """Tags a stream whose lines are of any language that there is a model for."""

    languages: Languages
    models: Mapping[str, str]  # language → model
    open_job: Callable[[str], Job]  # of a model
    source: str = "text"
    target: str = "text"
    errors: str = "strict"
    note: Callable[[str], None] = print
    jobs: dict[str, Job] = field(default_factory=dict)  # of the languages met so far
    noted: set[str] = field(default_factory=set)

    def __call__(self, block: Block) -> bytes:
        """One block of the input, tagged, as bytes of the output, in its order."""
        lines = block.lines(self.errors)
        starts, texts = self.read(lines, block)
        found = self.languages.of(texts)
        able = self.able(found, texts, starts, block)
        out: list[bytes] = []
        for (language, model), run in groupby(range(len(texts)), lambda i: (found[i], able[i])):
            places = list(run)
            begin, end = starts[places[0]], starts[places[-1] + 1]
            data = "".join(f"{line}\n" for line in lines[begin:end]).encode("utf-8", "surrogatepass")
            tagged = self.job(model)(Block(data, block.name, block.first_line + begin))
            out.append(named(tagged, language) if self.target == "jsonl" else tagged)
        return b"".join(out)

    def read(self, lines: Sequence[str], block: Block) -> tuple[list[int], list[str]]:
        """The text of each of R records, and the line where it begins, (R + 1,)."""
        if self.source == "conllu":
            sentences = list(conllu.read(lines, block.name, block.first_line))
            return [*(s.first_line - block.first_line for s in sentences), len(lines)], [text_of(s, " ") for s in sentences]
        texts = list(lines)
        if self.source == "jsonl":
            objects = jsonl.parse(lines, block.name, block.first_line)
            texts = [" ".join(value["tokens"]) if "tokens" in value else value["text"] for value in objects]
        return list(range(len(lines) + 1)), texts

    def able(self, found: Sequence[str], texts: Sequence[str], starts: Sequence[int], block: Block) -> list[str]:
        """For each record the language whose model tags it: its own, or where there is no such model the likeliest other one."""
        missing = [i for i, language in enumerate(found) if language not in self.models]
        able = list(found)
        for i, other in zip(missing, self.languages.of([texts[i] for i in missing], self.models), strict=True):
            able[i] = other
            if found[i] not in self.noted:
                self.noted.add(found[i])
                where, language = block.first_line + starts[i], NAMES.get(found[i], found[i])
                self.note(
                    f"{block.name}, line {where}: {language}, for which no tagger is shipped; "
                    f"such lines are tagged as {NAMES.get(other, other)} (train one: seq train crf --language {found[i]})"
                )
        return able

    def job(self, language: str) -> Job:
        """What tags a language, loaded when it is first met."""
        if language not in self.jobs:
            self.jobs[language] = self.open_job(self.models[language])
        return self.jobs[language]

    @property
    def separator(self) -> bytes:
        """See `Job`."""
        return b"\n\n" if self.source == "conllu" else b"\n"


def open_auto(open_job: Callable[[str], Job], source: str, target: str, errors: str, note: Callable[[str], None]) -> Auto:
    """What tags by the shipped taggers.

    Raises:
        Failure: what tells languages apart is not shipped.
    """
    recogniser = folder.read(Path(folder.find(registry.RECOGNISER)))
    models = {name.removesuffix(TAGGER): name for name in folder.shipped() if name.endswith(TAGGER)}
    return Auto(registry.load(recogniser, registry.RECOGNISER), models, open_job, source, target, errors, note)


def named(objects: bytes, language: str) -> bytes:
    r"""JSON Lines with the language in every object.

    >>> named(b'{"tags": ["X"]}\n', "fr")
    b'{"tags": ["X"], "language": "fr"}\n'
    >>> named(b'{"language": "?", "tags": ["X"]}\n', "fr")
    b'{"language": "fr", "tags": ["X"]}\n'
    """
    if b'"language": ' in objects:  # some may have one already
        values = [{**json.loads(line), "language": language} for line in objects.split(b"\n")[:-1]]
        return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode("utf-8", "backslashreplace")
    return objects.replace(b"}\n", f', "language": "{language}"}}\n'.encode())


def text_of(sentence: conllu.Sentence, between: str) -> str:
    """A sentence's `# text`, else its words."""
    return sentence.comment("text") or between.join(sentence.column("form"))


def by_language(files: Iterable[str]) -> dict[str, Callable[[], Iterator[Sequence[str]]]]:
    """Readers of the texts of each language, from `LANGUAGE=FILE` names of plain text or CoNLL-U files.

    Raises:
        UsageFailure: a name without a language.
    """
    parts: dict[str, list[Path]] = {}
    for name in files:
        language, equals, path = name.partition("=")
        if not equals or not language.isalpha():
            raise UsageFailure(f"--train {name}: of which language?", hint=f"--train en={name}")
        parts.setdefault(language, []).append(Path(path))
    return {language: partial(read_lines, paths, "" if language in UNSPACED else " ") for language, paths in parts.items()}


def read_lines(paths: Sequence[Path], between: str) -> Iterator[Sequence[str]]:
    """The lines of some files, a run at a time; of CoNLL-U the texts of its sentences."""
    for path in paths:
        treebank = ".conllu" in path.suffixes
        for block in blocks([path], b"\n\n" if treebank else b"\n"):
            lines = block.lines()
            if lines and treebank and is_conllu(lines):
                yield [text_of(sentence, between) for sentence in conllu.read(lines, str(path), block.first_line)]
            else:
                yield lines
