"""subword-nmt's codes: merges for words between blanks, whose pieces are marked with `@@` where the word goes on.

The codes say which pieces there are, not their ids. Here `<unk>` is 0, then come the characters of the codes, each as it stands within
a word and at its end, then what the merges give, in their order. A file of the same name with `.vocab` (as `subword-nmt get-vocab`
writes it: a piece and its count a line) has precedence: the piece on its first line is 0, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from seqcli.errors import Failure
from seqcli.text.subword.layouts import read_text
from seqcli.text.subword.tokenizer import Piece

GOES_ON, END, UNKNOWN = "@@", "</w>", "<unk>"
KEEP = 1 << 18  # words that are remembered
WORD = re.compile("[^ ]+")
ENDS = "\r\n "  # what does not count at the ends of a line
Pair = tuple[str, str]


class SubwordNmt:
    """One file of codes."""

    kind = "bpe"
    separable = True

    def __init__(self, codes: Sequence[Pair], version: tuple[int, int] = (0, 2), vocabulary: Sequence[str] = ()) -> None:
        self.ranks: dict[Pair, int] = {}
        for rank, pair in enumerate(codes):
            self.ranks.setdefault(pair, rank)
        self.version = version
        pieces = list(vocabulary) or [UNKNOWN, *implied(codes, version)]
        self.vocabulary: Sequence[str] = pieces if UNKNOWN in pieces else [*pieces, UNKNOWN]
        self.ids = {piece: i for i, piece in reversed(list(enumerate(self.vocabulary)))}
        self.unknown: int | None = self.ids[UNKNOWN]
        self.known: dict[str, list[int]] = {}

    def split(self, word: str) -> list[str]:
        """The pieces of a word, without marks.

        >>> SubwordNmt([("a", "b"), ("ab", "c</w>")]).split("xababc")
        ['x', 'ab', 'abc']
        """
        if len(word) == 1:
            return [word]
        symbols = [*word[:-1], word[-1] + END] if self.version == (0, 2) else [*word, END]
        ranks = self.ranks
        while len(symbols) > 1:
            pairs = [(ranks[pair], pair) for pair in pairwise(symbols) if pair in ranks]
            if not pairs:
                break
            symbols = joined(symbols, min(pairs)[1])
        if symbols[-1] == END:
            symbols.pop()
        elif symbols[-1].endswith(END):
            symbols[-1] = symbols[-1].removesuffix(END)
        return symbols

    def marked(self, word: str) -> list[str]:
        """The pieces of a word with marks, as `subword-nmt apply-bpe` writes them."""
        *within, last = self.split(word)
        return [*(piece + GOES_ON for piece in within), last]

    def word(self, word: str) -> list[int]:
        """The ids of a word."""
        found = self.known.get(word)
        if found is None:
            if len(self.known) > KEEP:
                self.known.clear()
            assert self.unknown is not None
            found = self.known[word] = [self.ids.get(piece, self.unknown) for piece in self.marked(word)]
        return found

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each line."""
        return [[i for word in text.strip(ENDS).split(" ") if word for i in self.word(word)] for text in texts]

    def encode_inside(self, chunks: Sequence[str]) -> list[list[int] | None]:
        """The ids of words with the blanks before them; None for one that may lose its end on the line's."""
        words = [chunk.strip(" ") for chunk in chunks]
        return [None if word.endswith(("\r", "\n")) else self.word(word) if word else [] for word in words]

    def encode_begin(self, chunks: Sequence[str]) -> list[list[int] | None]:
        """The ids of words that begin a line with others after them."""
        return [None if chunk.endswith(("\r", "\n")) else ids for chunk, ids in zip(chunks, self.encode(chunks), strict=True)]

    def pieces(self, text: str) -> list[Piece]:
        """One line with offsets."""
        found: list[Piece] = []
        begin = len(text) - len(text.lstrip(ENDS))
        for match in WORD.finditer(text, begin, max(begin, len(text.rstrip(ENDS)))):
            at = match.start()
            for i, part in zip(self.word(match.group()), self.split(match.group()), strict=True):
                found.append(Piece(i, self.vocabulary[i], at, at + len(part)))
                at += len(part)
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """Words with one blank between them."""
        for i in ids:
            if not 0 <= i < len(self.vocabulary):
                raise Failure(f"no piece has the id {i}", hint=f"ids go from 0 to {len(self.vocabulary) - 1}")
        return (" ".join([self.vocabulary[i] for i in ids]) + " ").replace(GOES_ON + " ", "").removesuffix(" ")

    def scores(self) -> list[float]:
        """Minus the rank of the merge that gives a piece; 0 for characters."""
        ranks = {form: -float(rank) for pair, rank in self.ranks.items() for form in forms("".join(pair), self.version)}
        return [ranks.get(piece, 0.0) for piece in self.vocabulary]


def joined(symbols: list[str], pair: Pair) -> list[str]:
    """Every such pair as one symbol, from the left.

    >>> joined(["a", "a", "a", "b"], ("a", "a"))
    ['aa', 'a', 'b']
    """
    found: list[str] = []
    at = 0
    while at < len(symbols):
        if at + 1 < len(symbols) and (symbols[at], symbols[at + 1]) == pair:
            found.append(symbols[at] + symbols[at + 1])
            at += 2
        else:
            found.append(symbols[at])
            at += 1
    return found


def implied(codes: Sequence[Pair], version: tuple[int, int]) -> list[str]:
    """The pieces that the codes can give, characters first."""
    characters = dict.fromkeys(symbol.removesuffix(END) for pair in codes for symbol in pair if len(symbol.removesuffix(END)) == 1)
    found = dict.fromkeys(form for character in characters for form in (character + GOES_ON, character))
    return list(found | dict.fromkeys(form for pair in codes for form in forms("".join(pair), version)))


def forms(symbol: str, version: tuple[int, int]) -> tuple[str, ...]:
    """How a symbol of several characters shows.

    >>> forms("ab</w>", (0, 2)), forms("ab", (0, 2))
    (('ab',), ('ab@@',))
    """
    if symbol.endswith(END):
        return (symbol.removesuffix(END),)
    return (symbol + GOES_ON, symbol) if version == (0, 1) else (symbol + GOES_ON,)


def load(path: Path) -> SubwordNmt:
    """The tokenizer of a file of codes.

    Raises:
        Failure: a line that is not two symbols, or a version that is not known.
    """
    first, *lines = read_text(path).rstrip("\n").split("\n")
    version, begin = (0, 1), 1
    if first.startswith("#version:"):
        said = first.split(":")[1].strip()
        found = {"0.1": (0, 1), "0.2": (0, 2)}.get(said)
        if found is None:
            raise Failure(f"{path}: codes of version {said} are not known here", hint="known: 0.1, 0.2")
        version, begin = found, 2
    else:
        lines = [first, *lines]
    codes: list[Pair] = []
    for number, line in enumerate(lines, begin):
        pair = line.strip("\r\n ").split(" ")
        if len(pair) != 2 or not all(pair):
            raise Failure(f"{path}, line {number}: expected two symbols with a blank between them")
        codes.append((pair[0], pair[1]))
    return SubwordNmt(codes, version, beside(path))


def beside(path: Path) -> list[str]:
    """The pieces in a vocabulary beside the codes; none if there is no such file."""
    for name in (path.with_name(path.name + ".vocab"), path.with_suffix(".vocab")):
        if name.is_file() and name != path:
            return [line.rsplit(" ", 1)[0].removesuffix("\r") for line in read_text(name).split("\n") if line]
    return []
