"""What the tokenizers that we train have in common: settings, the text as counted chunks, characters, the file that is written.

Text repeats itself, so it is read once and kept as its distinct chunks (a stretch of blanks and what follows) with their counts;
normalization and pre-tokenization look at each of them once, and the trainers of `tokenizers` are fed the words that come out. The
coverage of characters is taken there, too, before a trainer sees them. What holds for every model:

- Special tokens (`<s>`) are ids that no text gives: what looks like one in a text is tokenized as any other text.
- Symbols are never split, and never part of a piece.
- No piece has U+2581 in it, which stands for a blank where pieces are shown, nor a control character other than the tab.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from seqcli.data.blocks import blocks
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.text.subword.tokenizer import Subword

BLANK = "▁"  # how a blank inside of a piece is shown
UNKNOWN = "<unk>"
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
NORMALIZATIONS = ("none", "nfc", "nfkc", "lowercase")
PRE_TOKENIZATIONS = ("words", "punctuation", "none")
SAMPLE = 1000  # lines of the training text on which a tokenizer is measured where there is no other text
TOGETHER = 1 << 9  # copies of a word that the trainer is handed at once
END = "\0"  # of a word on its way to the trainer; a control character is in none
Report = Callable[[str], None]
Cut = Callable[[str], Iterable[str]]
Json = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What can be set for every method."""

    vocab_size: int = 8000
    normalization: tuple[str, ...] = ("none",)  # any of nfc, nfkc, lowercase, in this order
    special_tokens: tuple[str, ...] = ("<pad>", "<s>", "</s>")
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """A training text: its distinct chunks and how often each occurs."""

    chunks: dict[str, int]
    lines: int
    sample: list[str]  # its first lines


@dataclass(frozen=True)
class Material:
    """A text made ready for a trainer."""

    text: Text
    steps: list[Any]  # normalizers of `tokenizers`
    chunks: dict[str, int]  # normalized
    characters: list[str]  # that the vocabulary has, without the blank
    left_out: str  # those that it has not

    @property
    def summary(self) -> str:
        """For the one who waits."""
        size = f"{self.text.lines:,} lines, {len(self.text.chunks):,} distinct chunks"
        return f"{size}, {len(self.characters)} characters, {len(self.left_out)} left out"


@dataclass(frozen=True)
class Learned:
    """A trained tokenizer."""

    tokenizer: str  # the text of tokenizer.json
    text: Text


def gather(files: Sequence[str], settings: Settings, cut: Cut, *more: Any) -> Material:
    """Read the text, normalize it (`more` are further normalizers), and choose the characters.

    Raises:
        UsageFailure: settings that cannot be.
        Failure: no text, or not text.
    """
    check(settings)
    text = read(files, cut)
    steps = [*normalizers_of(settings), *more]
    chunks = normalized(text, steps)
    kept, left_out = characters(chunks, getattr(settings, "coverage", 1.0))
    return Material(text, steps, chunks, kept, left_out)


def read(files: Sequence[str], cut: Cut, whole: bool = False) -> Text:
    """Count the chunks of all files, as `cut` cuts lines; the sample is SAMPLE lines, or all of them.

    Raises:
        Failure: a file cannot be read or is not UTF-8, or there is no text in any.
    """
    counts: Counter[str] = Counter()
    lines, sample = 0, list[str]()
    for block in blocks([Path(name) for name in files]):
        text = block.text()
        if "\r" in text:
            text = re.sub(r"\r(?=\n|\Z)", "", text)
        if whole or len(sample) < SAMPLE:
            sample += text.removesuffix("\n").split("\n", -1 if whole else SAMPLE)[: None if whole else SAMPLE - len(sample)]
        lines += text.count("\n") + (text != "" and not text.endswith("\n"))
        counts.update(cut(text))
    counts.pop("", 0)
    if not any(chunk.strip() for chunk in counts):
        raise Failure(f"nothing to learn from: no text in {', '.join(files)}")
    return Text(dict(counts), lines, sample)


def before_blanks(text: str) -> list[str]:
    r"""Lines cut before every stretch of blanks that follows what is no white space; empty strings among them mean nothing.

    >>> before_blanks("a  b c\n d\n")
    ['a', '  b', ' c', '', ' d', '']
    """
    cut = text.replace(" ", "\n ")
    while " \n " in cut:  # of a line end and a blank there would be "\n\n " now
        cut = cut.replace(" \n ", "  ")
    return cut.replace("\t\n ", "\t ").split("\n")


def begun(text: str) -> list[str]:
    r"""The same with a blank before every line that is not empty, so that its first word is one like the others.

    >>> begun("a\n\n b\n")
    ['', ' a', '', '  b']
    """
    flat = text.strip("\n").replace("\n", " ")
    if flat.isprintable() and "  " not in flat and flat == flat.strip(" ") != "":  # single blanks alone: nothing to be careful about
        return (" " + flat).replace(" ", "\n ")[1:].split("\n")
    text = (re.sub(r"\n\n+", "\n", text) if "\n\n" in text else text).strip("\n")
    return before_blanks(" " + text.replace("\n", "\n ")) if text else []


def whole_lines(text: str) -> list[str]:
    """Lines with a blank before each, not cut."""
    return [" " + line for line in text.split("\n") if line]


def check(settings: Settings) -> None:
    """Raises UsageFailure: a value that is not one of those known."""
    choices = {"normalization": NORMALIZATIONS, "pre_tokenization": PRE_TOKENIZATIONS}
    for key, known in choices.items():
        found = getattr(settings, key, ())
        for value in (found,) if isinstance(found, str) else found:
            if value not in known:
                raise UsageFailure(f"{key}={value}: no such choice", hint=nearest(value, known))
    if not 0 < getattr(settings, "coverage", 1) <= 1:
        raise UsageFailure(f"coverage={getattr(settings, 'coverage', 1)}: expected a share above 0, at most 1")
    check_names(settings)


def check_names(settings: Settings) -> None:
    """Raises UsageFailure: special tokens or symbols that cannot be told from text or from each other."""
    seen = set[str](BYTES)
    for name in (*settings.special_tokens, *settings.symbols):
        if name in seen:
            raise UsageFailure(f"special token or symbol {name!r}: there is one already")
        if not name or BLANK in name or re.search(r"[\s\x00-\x1f\x7f-\x9f]", name):
            raise UsageFailure(f"special token or symbol {name!r}: expected characters other than white space and {BLANK}")
        seen.add(name)
    for name in settings.special_tokens:
        if not any(map(str.isalnum, name)) or name.isalnum():
            raise UsageFailure(f"special token {name!r}: a text may spell it", hint="write it as <name>")
        if any(name in symbol for symbol in settings.symbols):
            raise UsageFailure(f"special token {name!r} is part of a symbol", hint="give it another name")


def normalizers_of(settings: Settings) -> list[Any]:
    """The normalizers of `tokenizers` that the setting names."""
    from tokenizers import normalizers

    named = {"nfc": normalizers.NFC, "nfkc": normalizers.NFKC, "lowercase": normalizers.Lowercase}
    return [named[name]() for name in NORMALIZATIONS if name in settings.normalization and name in named]


def normalized(text: Text, steps: Sequence[Any]) -> dict[str, int]:
    """The chunks and counts of a text after normalization."""
    if not steps:
        return text.chunks
    counts: Counter[str] = Counter()
    for chunk, count in text.chunks.items():
        counts[through(chunk, steps)] += count
    return dict(counts)


def through(text: str, steps: Iterable[Any]) -> str:
    """A text after normalization."""
    for step in steps:
        text = step.normalize_str(text)
    return text


def characters(chunks: Mapping[str, int], coverage: float = 1.0) -> tuple[list[str], str]:
    """The characters that make up the share `coverage` of a text, the most frequent first; and those that are left out.

    Blanks are not counted. U+2581 and control characters other than the tab are always left out.

    >>> characters({" abba": 9, " c": 1}, 0.9)
    (['a', 'b'], 'c')
    """
    together: dict[int, list[str]] = {}
    for chunk, count in chunks.items():
        together.setdefault(count, []).append(chunk)
    counts: Counter[str] = Counter()
    for count, same in together.items():
        for character, times in Counter("".join(same)).items():
            counts[character] += count * times
    found = sorted(counts.keys() - {" "}, key=lambda character: (-counts[character], character))
    allowed = [character for character in found if is_plain(character)]
    reached = list(accumulate(counts[character] for character in allowed))
    kept = [character for character, before in zip(allowed, [0, *reached], strict=False) if before < coverage * reached[-1]]
    return kept, "".join(sorted(set(found) - set(kept)))


def is_plain(character: str) -> bool:
    """Whether a piece may hold it."""
    return character != BLANK and (character == "\t" or unicodedata.category(character) != "Cc")


def words(
    material: Material, pre_tokenizer: Any, symbols: Sequence[str], letters: Callable[[str], bool] | None = str.isalpha, marks: str = ""
) -> Iterator[tuple[str, int]]:
    """What the trainer learns from, with counts: pre-tokens, cut at symbols and where a character is left out.

    A word may come several times. `letters` says of which words it is known that they are one pre-token, unchanged (None: of none);
    one of `marks` after such a word is a pre-token by itself.
    """
    outside = re.compile("[" + re.escape(material.left_out) + "]") if material.left_out else None
    apart = re.compile(literal(symbols)) if symbols else None
    for chunk, count in material.chunks.items():
        if apart is None and letters is not None and letters(chunk.removeprefix(" ")):
            found = [chunk]
        elif apart is None and letters is not None and chunk[-1:] in marks and letters(chunk[:-1].removeprefix(" ")):
            found = [chunk[:-1], chunk[-1]]
        else:
            parts = [chunk] if apart is None else filter(None, apart.split(chunk))
            found = [word for part in parts for word, _ in pre_tokenizer.pre_tokenize_str(part)]
        for word in found:
            if outside is None or outside.search(word) is None:
                yield word, count
            else:
                yield from ((rest, count) for rest in outside.split(word) if rest)


def ascii_letters(word: str) -> bool:
    """Whether a word is one of the letters that every method leaves as they are."""
    return word.isascii() and word.isalpha()


def fit(tokenizer: Any, trainer: Any, found: Iterable[tuple[str, int]]) -> Json:
    """Train a model of `tokenizers` on words and counts; the model as JSON."""
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import CharDelimiterSplit

    learner = Tokenizer(tokenizer)
    learner.pre_tokenizer = CharDelimiterSplit(END)
    try:
        learner.train_from_iterator(copies(found), trainer)
    except BaseException as error:  # a panic of the Rust code is not an Exception, and its errors are nothing else
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise Failure(f"the trainer gave up: {str(error).splitlines()[0]}", hint="more text, or a smaller vocab_size") from None
    model: Json = json.loads(learner.to_str())["model"]
    return model


def copies(found: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Words as often as they occur, about TOGETHER at a time, for trainers take no counts."""
    waiting: list[str] = []
    number = 0
    for word, count in found:
        waiting.append((word + END) * min(count, TOGETHER))
        number += count
        if number >= TOGETHER:
            yield "".join(waiting)
            waiting, number = [], 0
        for _ in range(count // TOGETHER - (count >= TOGETHER)):
            yield (word + END) * TOGETHER
        if count > TOGETHER and count % TOGETHER:
            yield (word + END) * (count % TOGETHER)
    yield "".join(waiting)


def check_size(settings: Settings, parts: Mapping[str, int]) -> None:
    """Raises Failure: the vocabulary cannot hold what has to be in it."""
    least = sum(parts.values())
    if settings.vocab_size < least:
        made_of = ", ".join(f"{count} {name}" for name, count in parts.items() if count)
        lower = ", or lower the coverage" if hasattr(settings, "coverage") else ""
        raise Failure(
            f"vocab_size={settings.vocab_size} is smaller than the alphabet: at least {least} are needed ({made_of})",
            hint=f"--set vocab_size={least}{lower}",
        )


def assemble(model: Json, *, steps: Sequence[Any], pre_tokenizer: Any, decoder: Any, added: Sequence[str] = ()) -> str:
    """The text of tokenizer.json, the same for the same tokenizer; `added` are tokens that are looked for before all else."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.normalizers import Sequence as Chain

    shell = Tokenizer(BPE())
    if steps:
        shell.normalizer = steps[0] if len(steps) == 1 else Chain(list(steps))
    shell.pre_tokenizer = pre_tokenizer
    if decoder is not None:
        shell.decoder = decoder
    found: Json = json.loads(shell.to_str())
    ids = model["vocab"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    found["added_tokens"] = sorted(({"id": ids[token], "content": token, **flags} for token in added), key=lambda token: token["id"])
    found["model"] = model
    return json.dumps(found, ensure_ascii=False) + "\n"


def check_special(tokenizer: Subword, settings: Settings) -> None:
    """Raises UsageFailure: a text can give the id of a special token."""
    for name, ids in zip(settings.special_tokens, tokenizer.encode(settings.special_tokens), strict=True):
        if name not in (UNKNOWN, "[UNK]") and tokenizer.vocabulary.index(name) in ids:
            raise UsageFailure(f"special token {name!r}: a text may spell it", hint="write it as <name>")


def measure(tokenizer: Subword, lines: Sequence[str]) -> dict[str, float]:
    """Pieces a word (between blanks), characters a piece, and how many pieces in a hundred are unknown."""
    ids = tokenizer.encode(lines)
    pieces = sum(map(len, ids)) or 1
    found = {
        "fertility": pieces / max(1, sum(len(line.split()) for line in lines)),
        "characters a piece": sum(map(len, lines)) / pieces,
    }
    if tokenizer.unknown is not None:
        found["unknown %"] = 100 * sum(row.count(tokenizer.unknown) for row in ids) / pieces
    return found


def word_level(tokens: Sequence[str], settings: Settings) -> Json:
    """The model of whole words or characters, the most frequent first, as JSON."""
    unknown = [UNKNOWN] if UNKNOWN not in settings.special_tokens else []
    first = [*settings.special_tokens, *unknown, *settings.symbols]
    fixed = {"special tokens": len(first) - len(settings.symbols), "symbols": len(settings.symbols)}
    check_size(settings, {**fixed, "piece to learn": 1})
    pieces = list(dict.fromkeys([*first, *tokens]))[: settings.vocab_size]
    return {"type": "WordLevel", "vocab": {piece: number for number, piece in enumerate(pieces)}, "unk_token": UNKNOWN}


def literal(tokens: Iterable[str]) -> str:
    """A pattern for any of some strings, the longest that fits."""
    return "|".join(re.escape(token) for token in sorted(tokens, key=lambda token: (-len(token), token)))
