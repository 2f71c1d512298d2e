r"""The quick way to the ids of chunks of printable ASCII: by the words that the pre-tokenizer cuts them into.

The `tokenizers` package takes some microseconds to prepare a chunk, whatever is in it. Within ASCII its pre-tokenizers are patterns
that Python has, too, and what is left is one call of the model for each distinct word.

>>> Words.ascii(r" ?[\p{L}\p{M}]+| ?\p{N}+").findall(" ab12")
[' ab', '12']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from seqcli.text.subword.library import Library
from seqcli.text.subword.separable import steps
from seqcli.text.subword.tokenizer import Subword

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Inside = Callable[[Sequence[str]], Sequence[Sequence[int] | None]]
KEEP = 1 << 16  # words whose ids are remembered
SAME = {"NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Prepend"}  # normalizers that leave such a chunk as it is inside a line
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BERT = r"\t|[!-/:-@\[-`{-~]|[^ \t!-/:-@\[-`{-~]+"
PROPERTY = re.compile(r"\\p\{(\w+)\}")
PARTS = re.compile(r"(?:\[\^?(?:\\[pP]\{\w+\}|\\.|[^\]\\])+\]|\\[pP]\{\w+\}|\\.|.)", re.DOTALL)  # sets, properties, escapes
# As far as ASCII goes, and a control character that no text here has for all else of the kind.
CLASSES = {"L": "A-Za-z\x81", "N": "0-9\x82", "M": "\x80", "Cc": "\x00-\x1f\x7f"}


class Words:
    """Stands in for `encode_inside` of a tokenizer."""

    def __init__(self, tokenizer: Library, pattern: str, lower: bool, blank: str, dropped: int) -> None:
        inner = tokenizer.tokenizer
        self.others = tokenizer.encode_inside
        self.words = self.ascii(pattern).findall
        self.lower, self.blank, self.dropped = lower, blank, dropped
        contents = [token.content for token in inner.get_added_tokens_decoder().values()]
        self.added = re.compile("|".join(map(re.escape, contents)), re.IGNORECASE).search if contents else None
        self.model = inner.model
        self.known: dict[str, list[int]] = {}

    @staticmethod
    def ascii(pattern: str, group: bool = False) -> re.Pattern[str]:
        """A pattern of the package as Python's, for ASCII, all of it a group or not; what has no counterpart is an error of `re`."""
        found = []
        for part in PARTS.findall(pattern):
            if part[0] == "[" and ("&&" in part or "[" in part[1:].replace("\\[", "")):
                raise re.error("a set of another form")
            inner = PROPERTY.sub(lambda name: CLASSES.get(name[1], r"\p"), part)
            found.append(f"[{inner}]" if PROPERTY.fullmatch(part) else inner)
        return re.compile(f"({''.join(found)})" if group else "".join(found), re.ASCII)

    def __call__(self, chunks: Sequence[str]) -> list[Sequence[int] | None]:
        """See `Subword.encode_inside`."""
        if len(self.known) > KEEP:
            self.known.clear()
        plain = [chunk.isascii() and chunk.isprintable() and chunk[1:2] > " " for chunk in chunks]
        if self.added:
            plain = [good and not self.added(chunk) for good, chunk in zip(plain, chunks, strict=True)]
        rows = iter(self.rows([chunk for chunk, good in zip(chunks, plain, strict=True) if good]))
        others = iter(self.others([chunk for chunk, good in zip(chunks, plain, strict=True) if not good]))
        return [next(rows if good else others) for good in plain]

    def rows(self, chunks: Sequence[str]) -> Sequence[Sequence[int] | None]:
        """The ids of chunks, each a blank and printable ASCII. All are cut at once, with tabulators between them."""
        text = "".join([chunk + "\t" for chunk in chunks])
        words = self.words(text.lower() if self.lower else text)
        if sum(map(len, words)) + self.dropped * len(chunks) != len(text) or words.count("\t") != len(chunks):
            return self.others(chunks)
        known, learned = self.known, self.learned
        rows: list[list[int]] = []
        row: list[int] = []
        for word in words:
            if word == "\t":
                rows.append(row)
                row = []
            else:
                row += known[word] if word in known else learned(word)
        return rows

    def learned(self, word: str) -> list[int]:
        """The ids of a word that was not met before."""
        found = self.known[word] = [token.id for token in self.model.tokenize(word.replace(" ", self.blank))]
        return found


def inside(tokenizer: Subword) -> Inside:
    """The quickest `encode_inside` that there is."""
    if not isinstance(tokenizer, Library) or not tokenizer.separable:
        return tokenizer.encode_inside
    plan = patterns(tokenizer.tokenizer)
    if plan is None:
        return tokenizer.encode_inside
    try:
        return Words(tokenizer, *plan)
    except re.error:
        return tokenizer.encode_inside


def patterns(tokenizer: Tokenizer) -> tuple[str, bool, str, int] | None:
    """How a chunk is cut: the pattern, whether in lower case, what a blank becomes, how many characters are dropped."""
    lower = False
    for step in steps(tokenizer.normalizer, "normalizers"):
        if step["type"] not in SAME | {"Lowercase", "BertNormalizer"}:
            return None
        lower |= step["type"] == "Lowercase" or step.get("lowercase", False)
    pattern, blank, dropped = "", " ", 0
    for step in steps(tokenizer.pre_tokenizer, "pretokenizers"):
        kind: Any = step["type"]
        if kind == "ByteLevel" and blank == " " and (bool(pattern) != bool(step["use_regex"])):
            if pattern and step["add_prefix_space"]:
                return None
            pattern, blank = pattern or GPT2, "Ġ"
        elif kind == "BertPreTokenizer" and not pattern:
            pattern, dropped = BERT, 1
        elif kind == "Split" and not pattern and (step["behavior"], step["invert"]) in (("Isolated", False), ("Removed", True)):
            pattern = step["pattern"].get("Regex", "")
        else:
            return None
    return (pattern, lower, blank, dropped) if pattern else None
