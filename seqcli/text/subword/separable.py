"""Whether a tokenizer of the `tokenizers` package never looks across the place before a stretch of blanks.

A place is meant where the character before is no white space. Each part is asked whether it works the same on each side by itself
(is local), and whether the pre-tokenizer always cuts there. The answer is yes only where that follows from the parts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LOCAL_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer", "Nmt", "Prepend"}
CUTTING = {"Whitespace", "WhitespaceSplit", "BertPreTokenizer"}
BLANKS = " ▁"
# Of an escape: may it match a blank, may it match what is no white space.
ESCAPES = {"s": (True, False), "S": (False, True), "d": (False, True), "w": (False, True), "D": (True, True), "W": (True, True),
           "r": (False, False), "n": (False, False), "t": (False, False)}  # fmt: skip
SOLID = re.compile("[lmns][a-z]?|p[a-z]?|c[cfosn]|letter|han|hiragana|katakana|hangul|latin|greek|cyrillic|arabic|hebrew|thai")
Step = Mapping[str, Any]


def is_separable(tokenizer: Tokenizer) -> bool:
    """See `Subword.separable`."""
    normalizers = steps(tokenizer.normalizer, "normalizers")
    if not all(is_local_normalizer(step) for step in normalizers) or getattr(tokenizer.model, "dropout", None):
        return False
    if tokenizer.normalizer is not None and not tokenizer.normalizer.normalize_str("x").strip(BLANKS):
        return False  # the word that stands before a chunk would vanish
    if not all(is_local_token(tokenizer, token) for token in tokenizer.get_added_tokens_decoder().values()):
        return False
    replaced = any(step["type"] == "Replace" and step["pattern"].get("String") == " " for step in normalizers)
    blank = "▁" if replaced else " "
    for step in steps(tokenizer.pre_tokenizer, "pretokenizers"):
        found = cuts(step, blank)
        if found or found is None:
            return bool(found)  # what comes after a cut sees each part by itself
        if step["type"] == "ByteLevel":
            return False  # from here on blanks look different
    return never_merged(tokenizer, blank)


def is_local_token(tokenizer: Tokenizer, token: Any) -> bool:
    """Whether an added token keeps to one side of a cut; blanks before it may belong to it, those after it not."""
    content = token.content
    if token.normalized and tokenizer.normalizer is not None:
        content = tokenizer.normalizer.normalize_str(content).lstrip(BLANKS)
    return not (" " in token.content or any(blank in content for blank in BLANKS) or token.rstrip)


def steps(part: Any, key: str) -> list[Step]:
    """The steps of a normalizer or pre-tokenizer, sequences laid flat."""
    if part is None:
        return []

    def flat(step: Step) -> list[Step]:
        return [each for inner in step[key] for each in flat(inner)] if step["type"] == "Sequence" else [step]

    try:
        return flat(json.loads(part.__getstate__()))
    except Exception:  # one written in Python has no state
        return [{"type": "Custom"}]


def is_local_normalizer(step: Step) -> bool:
    """Whether it changes a text the same way on both sides of such a place; what it does to the beginning of a line is its own."""
    if step["type"] == "Replace":
        pattern = step["pattern"].get("String", "")
        return len(pattern) == 1 and (pattern != " " or step["content"] in ("▁", " "))
    return step["type"] in LOCAL_NORMALIZERS


def cuts(step: Step, blank: str = " ") -> bool | None:
    """Of a pre-tokenizer: True if it cuts at every such place, False if it need not but is local, None if that is not known.

    `blank` is what normalization makes of one.
    """
    kind = step["type"]
    if kind == "Metaspace":
        return True if step.get("split", True) and step["replacement"] == "▁" else None
    if kind == "Digits" or (kind == "Punctuation" and step.get("behavior", "Isolated") in ("Isolated", "Removed")):
        return False
    if kind == "Split" and "String" in step["pattern"]:
        if step["pattern"]["String"] == blank:
            return True if step["behavior"] in ("Isolated", "Removed", "MergedWithNext") and not step.get("invert") else None
        return False if step["pattern"]["String"] == " " else None  # there are none left
    if blank != " ":
        return None
    if kind in CUTTING:
        return True
    if kind == "ByteLevel":
        return bool(step.get("use_regex", True))
    if kind == "CharDelimiterSplit":
        return bool(step["delimiter"] == " ")
    return cuts_at_pattern(step) if kind == "Split" else None


def cuts_at_pattern(step: Step) -> bool | None:
    """The same of a Split on a regular expression."""
    invert, behavior = step.get("invert", False), step["behavior"]
    if behavior not in ("Isolated", "Removed", *["MergedWithNext"] * (not invert)):
        return None
    try:
        whole = Pattern(step["pattern"]["Regex"])
    except NotLocalError:
        return None
    return whole.finds_blanks or (behavior == "Removed" and invert)


def never_merged(tokenizer: Tokenizer, blank: str) -> bool:
    """Whether a BPE without cuts keeps to the words all the same, as no piece has a blank after what is not one."""
    model = tokenizer.model
    if type(model).__name__ != "BPE" or model.ignore_merges:
        return False
    pieces = tokenizer.get_vocab(with_added_tokens=False)
    return blank in pieces and not any(re.search(f"[^{BLANKS}][{BLANKS}]", piece) for piece in pieces)


class NotLocalError(Exception):
    """A pattern of which it is not known."""


class Pattern:
    r"""What matters here of a regular expression, in the part of Oniguruma's syntax that tokenizers use.

    No match may run over a blank that follows what is not white space. So each part of a pattern is one of: what may match a blank,
    what may match a character that is not white space, both or neither; a blank may not come after the latter within a match.

    >>> Pattern(r" ?\p{L}+| ?[^\s\p{L}]+|\s+(?!\S)|\s+").finds_blanks
    True
    >>> Pattern(r"\d+").finds_blanks
    False
    >>> Pattern(r"\w+ \w+")
    Traceback (most recent call last):
    seqcli.text.subword.separable.NotLocalError: a blank within a match
    """

    def __init__(self, regex: str) -> None:
        self.regex, self.at = regex, 0
        self.finds_blanks = False  # whether one alternative matches any blank, wherever it stands
        self.alternatives(False, 0, outermost=True)
        if self.at < len(regex):
            raise NotLocalError("an unmatched bracket")

    def peek(self, ahead: str) -> bool:
        """Whether this comes next; if so it is passed."""
        found = self.regex.startswith(ahead, self.at)
        self.at += len(ahead) * found
        return found

    def alternatives(self, inked: bool, taken: int, outermost: bool = False) -> tuple[bool, int]:
        """Alternatives up to a closing bracket.

        `inked`: what comes before in the match may end in what is no white space; `taken`: how many characters it has at least. The
        same is returned of the match after these.
        """
        ends = []
        while True:
            parts: list[tuple[bool, bool]] = []
            ends.append(self.sequence(inked, taken, parts))
            if outermost and parts == [(True, True)]:
                self.finds_blanks = True
            if not self.peek("|"):
                return any(end[0] for end in ends), min(end[1] for end in ends)

    def sequence(self, inked: bool, taken: int, parts: list[tuple[bool, bool]]) -> tuple[bool, int]:
        """One alternative; of each of its parts, `parts` is told whether it matches any blank, and whether it must match."""
        while self.at < len(self.regex) and self.regex[self.at] not in "|)":
            if self.peek("(?:") or self.peek("(?i:"):
                inked, taken = self.group(inked, taken)
                parts.append((False, False))
            elif self.regex.startswith(("(?=", "(?!", "(?<=", "(?<!"), self.at):
                self.look(inked, taken)
                parts.append((False, False))
            else:
                blank, ink, surely = self.atom()
                least, most = self.quantifier()
                if blank and (inked or (ink and most > 1)):
                    raise NotLocalError("a blank within a match")
                inked = ink or (inked and not least)
                taken += least
                parts.append((surely, least == 1))
        return inked, taken

    def group(self, inked: bool, taken: int) -> tuple[bool, int]:
        """A group with its quantifier; gone through twice where it may repeat."""
        start = self.at
        after, longer = self.alternatives(inked, taken)
        if not self.peek(")"):
            raise NotLocalError("an unmatched bracket")
        least, most = self.quantifier()
        end = self.at
        if most > 1:
            self.at = start
            after |= self.alternatives(after or inked, taken)[0]
        self.at = end
        return after or (inked and not least), longer if least else taken

    def look(self, inked: bool, taken: int) -> None:
        """A look at what is no blank, for the end of the text is none either; or from a blank at the next and what follows it."""
        behind = self.regex[self.at + 2] == "<"
        start = self.at = self.at + 3 + behind
        depth, end = 1, start
        while depth and end < len(self.regex):
            skip = re.compile(r"\\.|\[(?:\\.|[^\]])*\]").match(self.regex, end)
            if skip:
                end = skip.end()
                continue
            depth += {"(": 1, ")": -1}.get(self.regex[end], 0)
            end += 1
        if depth:
            raise NotLocalError("an unmatched bracket")
        if not behind and not inked and taken and re.fullmatch(r" \[\^ \]\)", self.regex[start:end]):
            self.at = end
            return
        if behind and not taken:
            raise NotLocalError("a look at what comes before the match")
        inner = self.regex[start : end - 1]
        parts = self.flat(inner)
        if any(blank for blank, _ in parts) or (behind and len(parts) != 1):
            raise NotLocalError("a look at a blank")
        self.at = end

    @staticmethod
    def flat(inner: str) -> list[tuple[bool, bool]]:
        """The atoms of a pattern without lookarounds, in any arrangement."""
        reader = Pattern.__new__(Pattern)
        reader.regex, reader.at = inner, 0
        found = []
        while reader.at < len(inner):
            if reader.peek("(?:") or reader.peek(")") or reader.peek("|"):
                continue
            blank, ink, _ = reader.atom()
            reader.quantifier()
            found.append((blank, ink))
        return found

    def atom(self) -> tuple[bool, bool, bool]:
        """What matches one character: may it be a blank, may it be other than white space, and does it match any blank."""
        character = self.regex[self.at]
        if character == "[":
            return self.bracket()
        if character == "\\":
            blank, ink = self.escape()
            return blank, ink, blank and not ink
        if character in "^$*+?{}()":
            raise NotLocalError(f"{character} at this place")
        self.at += 1
        if character == ".":
            return True, True, True
        return character == " ", not character.isspace(), character == " "

    def escape(self) -> tuple[bool, bool]:
        """A backslash and what belongs to it."""
        letter = self.regex[self.at + 1 : self.at + 2]
        if letter in ("p", "P"):
            found = re.compile(r"\\[pP]\{(\^?)(\w+)\}").match(self.regex, self.at)
            if found is None:
                raise NotLocalError("a property of another form")
            self.at = found.end()
            name = found[2].lower()
            solid = letter == "p" and not found[1] and SOLID.fullmatch(name)
            return not solid, True
        if letter in ESCAPES:
            self.at += 2
            return ESCAPES[letter]
        if not letter or letter.isalnum():
            raise NotLocalError("an escape of another kind")
        self.at += 2
        return letter == " ", not letter.isspace()

    def bracket(self) -> tuple[bool, bool, bool]:
        """A class of characters."""
        self.at += 1
        negated = self.peek("^")
        blank = ink = surely = whites = False
        first = True
        while first or not self.peek("]"):
            first = False
            if self.at >= len(self.regex) or self.regex[self.at] == "[" or self.regex.startswith("&&", self.at):
                raise NotLocalError("a class of another form")
            if self.regex[self.at] == "\\":
                whites |= self.regex[self.at + 1] == "S"
                found = self.escape()
                blank, ink, surely = blank | found[0], ink | found[1], surely | (found == (True, False))
                continue
            low = high = self.regex[self.at]
            self.at += 1
            if self.regex.startswith("-", self.at) and self.regex[self.at + 1 : self.at + 2] not in ("]", "\\", "", "["):
                high = self.regex[self.at + 1]
                self.at += 2
            covers = low <= " " <= high
            blank, surely, ink = blank | covers, surely | covers, ink or high > " "
        if negated:
            return not surely, not whites, not blank
        return blank, ink, surely

    def quantifier(self) -> tuple[int, float]:
        """How often at least (0 or 1) and at most."""
        found = re.compile(r"(?:([*+?])|\{(\d*)(,?)(\d*)\})[+?]?").match(self.regex, self.at)
        if found is None:
            return 1, 1
        self.at = found.end()
        if found[1]:
            return int(found[1] == "+"), 1 if found[1] == "?" else float("inf")
        most = float(found[4] or "inf") if found[3] else float(found[2] or 0)
        return int(int(found[2] or 0) > 0), most
