r"""A rule-based tagger as text, for people to read and edit.

>>> rules = from_text('''[setup]
... tags DET NOUN VERB
... start NOUN
... open NOUN VERB
... [unknown words]
... NOUN -> VERB if suffix -ize  (7)
... [context]
... VERB -> NOUN if previous tag DET  (12)
... [lexicon]
... the\tDET
... run\tVERB NOUN
... [end]''')
>>> rules.lexicon["run"], rules.context[0].score
(Entry(tags=(2, 1), sure=True), 12)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from seqcli.errors import Failure, nearest
from seqcli.models.rules.context import VIEWS, WHERE, Condition

UNSURE, EDGE = "?", "<border>"  # may have other tags; beyond the sentence
SECTIONS = ("[setup]", "[unknown words]", "[context]", "[lexicon]", "[end]")
SETUP = ("tags", "start", "open", "endings")
HEADER = """# A rule-based tagger (Brill 1995).
# A word gets its first tag in [lexicon], else that of its lower-cased form, else `start` as changed by the rules of
# [unknown words]; then each rule of [context] in turn changes tags everywhere. It gives a word only tags that are on
# its line in [lexicon], and the `open` tags too if it is unknown or its line ends in ?. Scores are gains in training.
"""
FIELD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
RULE = re.compile(rf"({FIELD.pattern}) -> ({FIELD.pattern}) if (.*)  \((\d+)\)")
CONDITION = re.compile(rf"({'|'.join(WHERE)}) (tag|{'|'.join(VIEWS)}) ({FIELD.pattern})(?: and |$)")


class Entry(NamedTuple):
    """What the lexicon knows of a word: its tags, the most frequent first, and whether there may be others."""

    tags: tuple[int, ...]
    sure: bool


@dataclass(frozen=True)
class GuessRule:
    """A rule for unknown words: `source` becomes `target` if the word has the clue (see `Clues`)."""

    source: str
    target: str
    clue: str
    score: int

    def __str__(self) -> str:
        return f"{quoted(self.source)} -> {quoted(self.target)} if {self.clue}  ({self.score})"


@dataclass(frozen=True)
class ContextRule:
    """`source` becomes `target` where all conditions have their values; the value None is the sentence border."""

    source: str
    target: str
    conditions: tuple[tuple[Condition, str | None], ...]
    score: int

    def __str__(self) -> str:
        parts = []
        for (where, feature), value in self.conditions:
            text = EDGE if value is None else quoted(value, always=feature in ("word", "ending"))
            parts.append(f"{where} {feature} {text}")
        return f"{quoted(self.source)} -> {quoted(self.target)} if {' and '.join(parts)}  ({self.score})"


@dataclass
class Rules:
    """All that a rule-based tagger is."""

    labels: tuple[str, ...]  # (K,)
    start: int  # the tag of an unknown word before any rule
    open: tuple[int, ...]  # tags that a word not yet known may turn out to have
    endings: tuple[str, ...]  # tried on unknown words, see `Clues`
    lexicon: dict[str, Entry] = field(default_factory=dict)
    unknown: list[GuessRule] = field(default_factory=list)
    context: list[ContextRule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = {label: i for i, label in enumerate(self.labels)}


def to_text(rules: Rules) -> str:
    """The rules as `from_text` reads them."""
    names = [quoted(label) for label in rules.labels]
    setup = (names, [names[rules.start]], [names[tag] for tag in rules.open], map(quoted, rules.endings))
    words = (
        f"{quoted(word)}\t{' '.join([names[tag] for tag in entry.tags])}{'' if entry.sure else f' {UNSURE}'}"
        for word, entry in rules.lexicon.items()
    )
    lines = [
        HEADER,
        "[setup]", *(" ".join([key, *values]) for key, values in zip(SETUP, setup, strict=True)),
        "\n[unknown words]", *map(str, rules.unknown),
        "\n[context]", *map(str, rules.context),
        "\n[lexicon]", *words,
        "\n[end]",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def from_text(text: str, name: str = "rules.txt") -> Rules:
    """The rules that `to_text` wrote.

    Raises:
        Failure: a line is wrong, or the end is missing; with `name` and the line's number.
    """
    setup: dict[str, list[str]] = {}
    rules: Rules | None = None
    entries: dict[str, Entry] = {}
    section, number = "", 0
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        try:
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("["):
                section = following(section, line.rstrip())
                rules = rules or (None if section == "[setup]" else of_setup(setup))
            elif rules is None:
                read_setting(setup, section, line)
            elif section == "[lexicon]":
                read_word(rules, entries, line.removesuffix("\r"))
            elif section == SECTIONS[-1]:
                raise ValueError(f"nothing may follow {section}")
            else:
                read_rule(rules, section, line.rstrip())
        except ValueError as error:
            raise Failure(f"{name}, line {number}: {error}") from None
    if rules is None or section != SECTIONS[-1]:
        raise Failure(f"{name}, line {number}: nothing follows, not even {SECTIONS[-1]}", hint="is the file cut off?")
    return rules


def following(section: str, line: str) -> str:
    """The section that `line` begins after `section`."""
    wanted = dict(zip(("", *SECTIONS), SECTIONS, strict=False)).get(section, "nothing more")
    if line != wanted:
        raise ValueError(f"expected {wanted}, not {line}")
    return line


def read_setting(setup: dict[str, list[str]], section: str, line: str) -> None:
    """Take in a line of [setup]."""
    if not section:
        raise ValueError(f"expected {SECTIONS[0]}")
    key, *values = fields(line)
    if key not in SETUP:
        raise ValueError(f"unknown setting {key!r}, {nearest(key, SETUP)}")
    setup[key] = values


def of_setup(setup: Mapping[str, Sequence[str]]) -> Rules:
    """No rules yet."""
    for key in SETUP:
        if not setup.get(key) and key != "endings":
            raise ValueError(f"[setup] above says nothing about {key!r}")
    ids = {label: i for i, label in enumerate(setup["tags"])}
    if len(ids) < len(setup["tags"]):
        raise ValueError("[setup] above names a tag twice")
    opened = tuple(known(tag, ids) for tag in setup["open"])
    return Rules(tuple(ids), known(setup["start"][0], ids), opened, tuple(setup.get("endings", ())))


def read_word(rules: Rules, entries: dict[str, Entry], line: str) -> None:
    """Take in a line of [lexicon]; `entries` are those met before, by their text."""
    word, _, text = line.partition("\t")
    entry = entries.get(text)
    if entry is None:
        tags = text.removesuffix(f" {UNSURE}")
        entry = Entry(tuple(known(tag, rules.ids) for tag in fields(tags)), sure=tags == text)
        if not entry.tags:
            raise ValueError("expected a word, a tab and its tags")
        entries[text] = entry
    plain = unquoted(word)
    if plain in rules.lexicon:
        raise ValueError(f"the word {word} is there twice")
    rules.lexicon[plain] = entry


def read_rule(rules: Rules, section: str, line: str) -> None:
    """Take in a line of [unknown words] or [context]."""
    match = RULE.fullmatch(line)
    if not match:
        raise ValueError("expected TAG -> TAG if CONDITION  (SCORE)")
    source, target = map(unquoted, match.group(1, 2))
    known(source, rules.ids), known(target, rules.ids)
    body, score = match[3], int(match[4])
    if section == "[context]":
        rules.context.append(ContextRule(source, target, tuple(conditions(body, rules.ids)), score))
    else:
        rules.unknown.append(GuessRule(source, target, body, score))


def conditions(text: str, ids: Mapping[str, int]) -> Iterator[tuple[Condition, str | None]]:
    """The conditions of a rule of context, with their values."""
    at = 0
    while at < len(text) or not at:
        match = CONDITION.match(text, at)
        if not match:
            raise ValueError(f"no condition: {text[at:]!r}")
        where, feature, value = match.groups()
        if feature == "tag" and value != EDGE:
            known(unquoted(value), ids)
        yield Condition(where, feature), None if value == EDGE else unquoted(value)
        at = match.end()


def escaped(text: str) -> str:
    """On one line, without quotes."""
    return text if text.isprintable() else json.dumps(text)[1:-1]


def quoted(text: str, always: bool = False) -> str:
    """Bare where that is unmistakable, else as a JSON string on one line."""
    bare = text.isprintable() and text and not text.startswith(('"', "#", "[")) and not any(map(str.isspace, text))
    if bare and text not in (UNSURE, EDGE) and not always:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def unquoted(text: str) -> str:
    """What `quoted` quoted."""
    try:
        return str(json.loads(text)) if text.startswith('"') else text
    except json.JSONDecodeError:
        raise ValueError(f"no closing quote, or something after it: {text}") from None


def fields(text: str) -> list[str]:
    """The words of a line, which quotes may hold together."""
    return [unquoted(found) for found in FIELD.findall(text)]


def known(tag: str, ids: Mapping[str, int]) -> int:
    """The tag's number."""
    if tag not in ids:
        raise ValueError(f"unknown tag {tag!r}, {nearest(tag, ids)}")
    return ids[tag]
